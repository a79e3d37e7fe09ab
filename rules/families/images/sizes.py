"""IMG: images that can't be opened, or whose size or file format doesn't suit the model.

Rules about the ink are in `ink`.
"""

from __future__ import annotations

import polars as pl

from rules.options import count, measure
from rules.registry import Options, samples_rule
from rules.sets.model_resize import FACTOR, MAX_ASPECT, MAX_PIXELS, MIN_PIXELS, rounded_area, smart_resize
from rules.toolkit.whole_sets import WHOLE, has_columns, none, rows, rows_or_set

_WHERE = ("sample_id", "source")
#: The error for a file that doesn't exist; any other error means that it exists and can't be used.
NO_FILE = "no such file"


#: Modes that every reader converts to RGB correctly.
_USUAL_MODES = ("1", "L", "P", "RGB", "LA", "PA", "RGBA")
#: The columns that are text; all others are numbers.
_TEXTS = ("mode", "polarity")
_TURNS = {
    2: "mirrored",
    3: "turned by 180 degrees",
    4: "mirrored upside down",
    5: "mirrored and turned by 90 degrees to the left",
    6: "turned by 90 degrees to the right",
    7: "mirrored and turned by 90 degrees to the right",
    8: "turned by 90 degrees to the left",
}
_SHORTER, _LONGER = pl.min_horizontal("width", "height"), pl.max_horizontal("width", "height")
_SIZE = pl.format("{} x {} pixels", "width", "height")


def opened(samples: pl.LazyFrame, *columns: str) -> pl.LazyFrame:
    """The samples whose image could be opened; none if images were not opened or these `columns` not measured."""
    if not has_columns(samples, "width", "height", *columns):
        return samples.clear().with_columns(
            pl.lit(None, pl.String if name in _TEXTS else pl.Int32).alias(name)
            for name in ("width", "height", *columns)
            if not has_columns(samples, name)
        )
    fine = pl.col("image_error").is_null() if has_columns(samples, "image_error") else pl.lit(True)
    return samples.filter(fine & pl.col("width").is_not_null())


@samples_rule(
    "IMG001",
    "small-side",
    "error",
    options={"min_side": count(FACTOR, at_least=1)},
    mended_by="export-resize",
    columns=["width", "height"],
    covers=["IMG1", "IMG9"],
)
def small_side(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image with a side under 28 pixels.

    Why: The processors of Qwen2-VL and Qwen2.5-VL reject it, which ends a training run. Newer versions distort it
    instead: 2,000 by 13 pixels become 700 by 28.
    Fix: None here: `curate export` writes a copy that is large enough.
    See: transformers issue 37264; Qwen3-VL issue 1380.
    """
    message = pl.format("{}: a side is under {}", _SIZE, pl.lit(options["min_side"]))
    return rows(opened(samples), pl.lit(options["min_side"]) > _SHORTER, message)


@samples_rule(
    "IMG002",
    "extreme-aspect",
    "error",
    options={"max_aspect": count(MAX_ASPECT, at_least=1)},
    mended_by="export-resize",
    columns=["width", "height"],
    covers=["IMG2"],
)
def extreme_aspect(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image whose longer side is more than 200 times the shorter.

    Why: The processors of Qwen2-VL and Qwen2.5-VL reject it, which ends a training run.
    Fix: None here: `curate export` pads it with white.
    See: smart_resize in transformers; Qwen3-VL issue 1111.
    """
    message = pl.format("{}: one side is more than {} times the other", _SIZE, pl.lit(options["max_aspect"]))
    return rows(opened(samples), pl.lit(options["max_aspect"]) * _SHORTER < _LONGER, message)


def _resized(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    """The samples that the processor accepts, with the size `wide` and `high` to which it scales their images."""
    wide, high = smart_resize(
        pl.col("width"),
        pl.col("height"),
        factor=options["factor"],
        min_pixels=options.get("min_pixels", MIN_PIXELS),
        max_pixels=options["max_pixels"],
    )
    return (
        opened(samples)
        .filter((options["factor"] <= _SHORTER) & (_LONGER <= MAX_ASPECT * _SHORTER))
        .with_columns(wide.alias("wide"), high.alias("high"))
    )


@samples_rule(
    "IMG003",
    "pixel-budget",
    "warning",
    options={"max_pixels": count(MAX_PIXELS, at_least=MIN_PIXELS), "factor": count(FACTOR, at_least=1), **WHOLE},
    columns=["width", "height"],
    covers=["IMG3"],
)
def pixel_budget(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image with more pixels than the budget of Qwen2.5-VL's processor, which silently shrinks it.

    Why: A shrunk page loses its thin strokes.
    Fix: None here: crop pages to their ink (`curate export --crop ink`), or raise the budget of the processor.
    See: smart_resize in transformers.
    """
    seen = _resized(samples, options)
    message = pl.format("{} are shrunk to {} x {}", _SIZE, "wide", "high")
    about = f"are shrunk into the budget of {options['max_pixels']:,} pixels"
    hit = rounded_area(pl.col("width"), pl.col("height"), factor=options["factor"]) > options["max_pixels"]
    return rows_or_set(seen, hit, message, about, whole=options["whole"])


@samples_rule(
    "IMG004",
    "rounding-distortion",
    "info",
    options={
        "distortion": measure(0.15),
        "min_pixels": count(MIN_PIXELS, at_least=1),
        "max_pixels": count(MAX_PIXELS, at_least=MIN_PIXELS),
        "factor": count(FACTOR, at_least=1),
        **WHOLE,
    },
    mended_by="train-pixels",
    columns=["width", "height"],
    covers=["IMG4"],
)
def rounding_distortion(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image that Qwen2.5-VL's processor stretches by more than 15 % in one direction when it rounds the sides to
    multiples of 28 pixels.

    Why: A line 42 pixels high becomes 56 pixels high but no wider, which looks unlike the formulas that the model was
    trained on.
    Fix: None here: train with a larger `data.min_pixels`. The processor enlarges small images to it before it rounds
    their sides. With 100,352 (128 tokens per image), 4 % of CROHME's training images are stretched, with the default
    17 %. An image then takes 143 tokens instead of 46.
    See: smart_resize in transformers.
    """
    seen = _resized(samples, options)
    across, down = pl.col("wide") / pl.col("width"), pl.col("high") / pl.col("height")
    stretch = pl.max_horizontal(across / down, down / across) - 1
    message = pl.format(
        "{} become {} x {}: stretched by {} %", _SIZE, "wide", "high", (100 * stretch).round(0).cast(pl.Int64)
    )
    about = f"are stretched by more than {100 * options['distortion']:g} %"
    return rows_or_set(seen, stretch > options["distortion"], message, about, whole=options["whole"])


@samples_rule(
    "IMG005",
    "undecodable-image",
    "error",
    needs=("pixels",),
    tags=["unusable-image"],
    columns=["image", "image_error"],
    covers=["NRM11", "IMG5"],
)
def undecodable_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image file that can't be opened because it is truncated, in an unknown format or a decompression bomb, or
    InkML that can't be drawn because it has no strokes, is cut off or contains invalid numbers.

    Why: Training stops at it.
    Fix: None: drop the sample, or fetch the file again. The message names HEIC, AVIF and the like: convert those.
    """
    if not has_columns(samples, "image_error"):
        return none()
    broken = samples.filter(pl.col("image_error").is_not_null() & (pl.col("image_error") != NO_FILE))
    if has_columns(samples, "image_not_found"):  # a path that no file can have counts as missing
        broken = broken.filter(pl.col("image_not_found").is_null())
    return broken.select(
        *_WHERE, pl.format("{} can't be opened: {}", pl.col("image"), pl.col("image_error")).alias("message")
    )


@samples_rule(
    "IMG006",
    "exif-rotated",
    "warning",
    options=WHOLE,
    mended_by="export",
    columns=["width", "height", "orientation"],
    covers=["IMG6"],
)
def exif_rotated(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image whose EXIF tag says that it must be rotated or mirrored for display.

    Why: Viewers follow the tag, but most training code doesn't, so the model sees a formula on its side.
    Fix: None here: `curate export` writes images upright.
    See: EXIF tag 274 (Orientation), as phones write it.
    """
    seen = opened(samples, "orientation")
    message = pl.format(
        "the EXIF tag says that the image must be {}",
        pl.col("orientation").replace_strict(_TURNS, default="turned", return_dtype=pl.String),
    )
    hit = pl.col("orientation") > 1
    return rows_or_set(seen, hit, message, "have an EXIF tag to rotate or mirror them", whole=options["whole"])


@samples_rule(
    "IMG014",
    "animated-image",
    "warning",
    options=WHOLE,
    columns=["width", "height", "frames"],
    covers=["IMG5"],
)
def animated_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image file with several frames or pages.

    Why: Some readers take the first frame, some take each frame as a sample, and some stop.
    Fix: None here: `curate export` writes the first frame.
    """
    seen = opened(samples, "frames")
    message = pl.format("the file has {} frames", "frames")
    return rows_or_set(seen, pl.col("frames") > 1, message, "have several frames", whole=options["whole"])


@samples_rule(
    "IMG015",
    "unusual-mode",
    "warning",
    options=WHOLE,
    mended_by="export",
    columns=["width", "height", "mode"],
    covers=["IMG5"],
)
def unusual_mode(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image in a colour mode that readers often get wrong: CMYK, 16 bits, floating point.

    Why: A plain conversion to RGB turns a 16-bit page completely white, and inverts many CMYK files.
    Fix: None here: `curate export` writes RGB.
    See: TexTeller's convert2rgb.
    """
    seen = opened(samples, "mode")
    message = pl.format("the colour mode is {}", "mode")
    hit = ~pl.col("mode").cast(pl.String).is_in(_USUAL_MODES)
    return rows_or_set(seen, hit, message, "have an unusual colour mode", whole=options["whole"])
