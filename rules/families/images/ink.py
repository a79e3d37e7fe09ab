"""IMG: problems with the ink: blank, inverted, blurred, faint or cut images, and whole pages. Not sizes or files.

`curate.images.measures` measures the ink's bounding box only, since the area around it carries no information.
"""

from __future__ import annotations

import polars as pl

from rules.families.images.sizes import opened
from rules.options import Option, count, share
from rules.registry import Options, samples_rule
from rules.toolkit.whole_sets import WHOLE, rows, rows_or_set


@samples_rule(
    "IMG007",
    "inverted-polarity",
    "warning",
    needs=("pixels",),
    options=WHOLE,
    mended_by="export-invert",
    columns=["width", "height", "polarity", "background", "ink_left"],
    covers=["IMG7"],
)
def inverted_polarity(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Light ink on dark paper. If most images of a data set are like this, the set has one finding.

    Why: Models are trained on dark ink on light paper, and padding is white.
    Fix: None here: `curate export --invert` inverts these images.
    See: CROHME's bitmaps, which are white on black.
    """
    seen = opened(samples, "polarity", "background", "ink_left").filter(pl.col("ink_left").is_not_null())
    message = pl.format("light ink on dark paper (level {} of 255)", "background")
    about = "show light ink on dark paper"
    rest = "; the others show dark ink on light paper"
    return rows_or_set(seen, pl.col("polarity") == "light", message, about, whole=options["whole"], rest=rest)


@samples_rule(
    "IMG008",
    "blurred",
    "warning",
    needs=("pixels",),
    options={"sharpness": share(0.3), **WHOLE},
    columns=["width", "height", "sharpness"],
    covers=["IMG8"],
)
def blurred(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Strokes whose edges are several pixels wide and about as wide as the strokes themselves.

    Why: Thin signs such as dots, primes and minus signs are lost or can't be told apart, but the label has them.
    Fix: None: drop the sample, or take the photo again.
    See: HME100K's example blur.jpg has a sharpness of 0.15. CROHME's strokes, blurred by their own width, have 0.3.
    """
    seen = opened(samples, "sharpness")
    message = pl.format("the strokes' edges are blurred: sharpness {}", pl.col("sharpness").round(2))
    hit = pl.col("sharpness") < options["sharpness"]
    return rows_or_set(seen, hit, message, "are blurred", whole=options["whole"])


@samples_rule(
    "IMG009",
    "low-contrast",
    "warning",
    needs=("pixels",),
    options={"contrast": share(0.15), **WHOLE},
    columns=["width", "height", "contrast", "ink_left"],
    covers=["IMG8"],
)
def low_contrast(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Ink that is hardly darker than its paper: they differ by less than 15 % of the range from black to white.

    Why: After scaling and compression, the strokes disappear in the texture of the paper.
    Fix: None: stretch the contrast, or drop the sample.
    See: HME100K's example poor_illumination.jpg, which has 13 %.
    """
    seen = opened(samples, "contrast", "ink_left").filter(pl.col("ink_left").is_not_null())
    message = pl.format(
        "ink and paper differ by {} % of the range from black to white",
        (100 * pl.col("contrast")).round(0).cast(pl.Int64, strict=False),
    )
    hit = pl.col("contrast") < options["contrast"]
    return rows_or_set(seen, hit, message, "have ink that is hardly darker than the paper", whole=options["whole"])


@samples_rule(
    "IMG010",
    "cut-at-border",
    "warning",
    needs=("pixels",),
    options={"sides": Option(1, at_least=1, at_most=4), **WHOLE},
    columns=["width", "height", "ink_border", "uneven"],
    covers={"PAR5": "where it reaches the border", "IMG10": ""},
)
def cut_at_border(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Ink that touches the border of its image. If most images of a data set are like this, the set has one finding.

    Photos, whose paper is unevenly lit, only count towards the finding for the set: neighbouring lines, ruled lines and
    shadows at their borders can't be told from a formula that is cut off.

    Why: A sign that is cut off can't be read, and padding doesn't bring it back.
    Fix: None: crop the image again, with a margin.
    See: LaTeX-OCR issue 170. All seven example photos of HME100K have ink at their borders, mostly from neighbouring
    lines.
    """
    seen = opened(samples, "ink_border", "uneven")
    sides = pl.col("ink_border")
    plural = pl.when(sides == 1).then(pl.lit("side")).otherwise(pl.lit("sides"))
    message = pl.format("ink touches {} {} of the image", sides, plural)
    about = "have ink that touches the border"
    flat = ~pl.col("uneven").cast(pl.Boolean).fill_null(False)
    return rows_or_set(seen, sides >= options["sides"], message, about, whole=options["whole"], alone=flat)


#: An image is a page if the ink's box is less than this part of it and it has at least this many pixels. A crop of a
#: small sign with a margin is not a page.
_PAGE = {"ink_box": share(0.25), "page_pixels": count(100_000)}
_INK_WIDE, _INK_HIGH = pl.col("ink_right") - pl.col("ink_left"), pl.col("ink_bottom") - pl.col("ink_top")
_AREA = pl.col("width").cast(pl.Int64) * pl.col("height")


def is_page(options: Options | None = None) -> pl.Expr:
    """Is an image mostly empty paper around its ink? Null if it has no ink or wasn't measured."""
    limits = options or {name: option.default for name, option in _PAGE.items()}
    part = _INK_WIDE.cast(pl.Int64) * _INK_HIGH / _AREA
    page: pl.Expr = (part < limits["ink_box"]) & (limits["page_pixels"] <= _AREA)
    return page


@samples_rule(
    "IMG011",
    "uncropped-page",
    "warning",
    needs=("pixels",),
    options={**_PAGE, **WHOLE},
    mended_by="export-crop",
    columns=["width", "height", "ink_left", "ink_top", "ink_right", "ink_bottom"],
    covers=["IMG-page"],
)
def uncropped_page(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""A large image that is mostly paper: the bounding box of the ink is less than a quarter of it.

    Why: The pixel budget of the model is spent on white paper, and the formula is shrunk.
    Fix: None here: `curate export --crop ink` crops it. Images under 100,000 pixels are not reported, since a crop of a
    small sign with a margin is not a page.
    See: im2latex's rendered images, which are whole A4 pages.
    """
    seen = opened(samples, "ink_left", "ink_top", "ink_right", "ink_bottom")
    part = (100 * _INK_WIDE.cast(pl.Int64) * _INK_HIGH / _AREA).round(1)
    message = pl.format("the bounding box of the ink, {} x {}, is {} % of the image", _INK_WIDE, _INK_HIGH, part)
    about = "are mostly empty paper around the ink"
    return rows_or_set(seen, is_page(options), message, about, whole=options["whole"])


@samples_rule(
    "IMG012",
    "blank-image",
    "error",
    needs=("pixels",),
    columns=["width", "height", "ink_ratio", "ink_left"],
    covers=["PAR4"],
)
def blank_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""An image without ink.

    Why: It teaches the model to make formulas up.
    Fix: None: drop the sample.
    See: Two of the 1,200 images of im2markup's sample are blank pages.
    """
    seen = opened(samples, "ink_ratio", "ink_left")
    hit = pl.col("ink_left").is_null() & pl.col("ink_ratio").is_not_null()
    return rows(seen, hit, pl.lit("there is no ink in the image"))


@samples_rule(
    "IMG013",
    "dark-without-alpha",
    "warning",
    needs=("pixels",),
    options={"levels": Option(64, at_least=1, at_most=255), **WHOLE},
    mended_by="export",
    columns=["width", "height", "background", "bare_background"],
    covers={"IMG5": "for transparency"},
)
def dark_without_alpha(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""A transparent image whose background turns dark when the alpha channel is dropped.

    Why: Most training code calls `convert("RGB")`, which drops the alpha channel and leaves black ink on black paper.
    Fix: None here: `curate export` puts images on a white background.
    See: LaTeX-OCR's and TexTeller's handling of alpha.
    """
    seen = opened(samples, "bare_background", "background")
    dark = pl.col("background").cast(pl.Int32) - pl.col("bare_background").cast(pl.Int32)
    message = pl.format("without the alpha channel the background has level {} of 255", "bare_background")
    about = "have a dark background when the alpha channel is dropped"
    return rows_or_set(seen, dark >= options["levels"], message, about, whole=options["whole"])
