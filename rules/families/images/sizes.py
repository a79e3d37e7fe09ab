"""IMG: images that can't be opened, or don't suit the model by their size and file alone.

What the ink in an image says is judged in `ink`.
"""

from __future__ import annotations

import polars as pl

from rules.options import count, measure
from rules.registry import Options, samples_rule
from rules.sets.model_resize import FACTOR, MAX_ASPECT, MAX_PIXELS, MIN_PIXELS, rounded_area, smart_resize
from rules.toolkit.whole_sets import WHOLE, has_columns, none, rows, rows_or_set

_WHERE = ("sample_id", "source")
#: What a probe says of a file that isn't there; every other error means that it is there and can't be used.
NO_FILE = "no such file"


#: Modes that every reader turns into RGB rightly.
_USUAL_MODES = ("1", "L", "P", "RGB", "LA", "PA", "RGBA")
#: Facts that are text; all others are numbers.
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
    """The samples whose image could be opened; none where images or these `columns` were not looked at."""
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

    Why: The processors of Qwen2-VL and Qwen2.5-VL refuse it, which ends a training run, or, in newer versions, stretch
    the image out of shape: 2,000 by 13 pixels become 700 by 28.
    Fix: None here: `curate export` writes images that are large enough, and leaves the originals alone.
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

    Why: The processors of Qwen2-VL and Qwen2.5-VL refuse it, which ends a training run.
    Fix: None here: `curate export` writes such an image with white paper added.
    See: smart_resize in transformers; Qwen3-VL issue 1111.
    """
    message = pl.format("{}: one side is more than {} times the other", _SIZE, pl.lit(options["max_aspect"]))
    return rows(opened(samples), pl.lit(options["max_aspect"]) * _SHORTER < _LONGER, message)


def _resized(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    """The samples that the processor takes, with `wide` and `high` that it scales their images to."""
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
    r"""An image of more pixels than Qwen2.5-VL's processor has a budget for: it is shrunk without a word.

    Why: A shrunk page loses its thin strokes.
    Fix: None here: cut pages to their ink (`curate export --crop ink`), or set the processor's budget.
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
    r"""An image that Qwen2.5-VL's processor stretches by more than 15 % in one direction, to multiples of 28 pixels.

    Why: A line 42 pixels high becomes 56 high and no wider: thin formulas look unlike what the model was trained on.
    Fix: None here: train with a larger `data.min_pixels`, to which the processor scales small images up before it
    rounds their sides. With 100,352 (128 tokens an image) 4 % of CROHME's training pictures are stretched so, with the
    default 17 %; an image costs 143 tokens instead of 46.
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
    r"""An image file that can't be opened: truncated, of an unknown format, or a decompression bomb; or InkML whose
    strokes can't be drawn, because it has none, is cut off or holds what is no number.

    Why: Training stops at it.
    Fix: None: drop the sample, or fetch the file again.
    """
    if not has_columns(samples, "image_error"):
        return none()
    broken = samples.filter(pl.col("image_error").is_not_null() & (pl.col("image_error") != NO_FILE))
    if has_columns(samples, "image_not_found"):  # a path that no file can have, which is missing
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
    r"""An image that is to be turned before it is looked at, says its EXIF tag.

    Why: Viewers turn it, most training code does not: the model sees a formula that lies on its side.
    Fix: None here: `curate export` writes images upright.
    See: EXIF tag 274 (Orientation), as phones write it.
    """
    seen = opened(samples, "orientation")
    message = pl.format(
        "the EXIF tag says that the image is to be {}",
        pl.col("orientation").replace_strict(_TURNS, default="turned", return_dtype=pl.String),
    )
    hit = pl.col("orientation") > 1
    return rows_or_set(seen, hit, message, "are to be turned, say their EXIF tags", whole=options["whole"])


@samples_rule(
    "IMG014",
    "animated-image",
    "warning",
    options=WHOLE,
    columns=["width", "height", "frames"],
    covers=["IMG5"],
)
def animated_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image file of several frames or pages.

    Why: Readers take the first frame, or all of them as one sample each, or stop.
    Fix: None here: `curate export` writes the first frame.
    """
    seen = opened(samples, "frames")
    message = pl.format("the file holds {} frames", "frames")
    return rows_or_set(seen, pl.col("frames") > 1, message, "hold several frames", whole=options["whole"])


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
    r"""An image in a colour mode that readers get wrong: CMYK, 16 bits, floating point.

    Why: A plain conversion to RGB makes a page of 16 bits all white, and inverts many a CMYK file.
    Fix: None here: `curate export` writes RGB.
    See: TexTeller's convert2rgb.
    """
    seen = opened(samples, "mode")
    message = pl.format("the colour mode is {}", "mode")
    hit = ~pl.col("mode").cast(pl.String).is_in(_USUAL_MODES)
    return rows_or_set(seen, hit, message, "have an unusual colour mode", whole=options["whole"])
