"""The closed sets that declarations of rules choose from, and the codes that are no longer free. Knows no rule.

Numbers that no code has (ESC004, NRM005 and the like) are not retired: codes follow a list of defects, and of some of
those no rule over labels can tell.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

#: What other modules have to know of some rules, and of what they know it. Each of the first three has one rule.
TAGS: dict[str, str] = {
    "not-judged": "says what another rule failed on, whichever rules are asked for",
    "lost": "says that a label ended the process that read it, whichever rules are asked for",
    "layout-repair": "writes the layout of the whole label anew, or says why that can't be done",
    "unscored": "says that nobody knows what is wrong with the label, which then has no score and is judged anew",
    "layout": "finds tokens that stand for the lines of a page: counted apart, and left to the repair where it speaks",
    "unusable-image": "says that the picture a row names can't be used",
    "contradiction": "finds labels that contradict each other on one picture",
    "doubt": "says that the label may not be what its picture shows",
    "predictions": "compares the label with what models read",
}

#: What mends a finding besides a fix of its rule: the command, as a person types it.
MENDERS: dict[str, str] = {
    "layout": "curate fix --unsafe-fixes --profile m2e",
    "export": "curate export",
    "export-resize": "curate export --resize upscale",
    "export-crop": "curate export --crop ink",
}


class SampleColumn(NamedTuple):
    """A column of samples that rules read: its type, and what it holds."""

    dtype: Any
    what: str


def _pair(dtype: Any, what: str) -> SampleColumn:
    return SampleColumn(dtype, f"{what} (worked out by `curate audit`)")


#: What rules over samples read beyond sample_id, label and what is made of the label. Null where it isn't known.
SAMPLE_COLUMNS: dict[str, SampleColumn] = {
    "source": SampleColumn(pl.String, "the data set that the sample belongs to"),
    "split": SampleColumn(pl.String, "the sample's split, such as train, validation or test"),
    "source_licence": SampleColumn(pl.String, "the licence that the data set was given"),
    "source_path": SampleColumn(pl.String, "where the data set lies, which may name a public set"),
    "image": SampleColumn(pl.String, "the image file that the sample names"),
    "image_error": SampleColumn(pl.String, "why the image can't be opened; null where it can"),
    "width": SampleColumn(pl.Int32, "width of the image in pixels"),
    "height": SampleColumn(pl.Int32, "height of the image in pixels"),
    "mode": SampleColumn(pl.String, "Pillow's name of the colour mode, such as L or RGB"),
    "frames": SampleColumn(pl.Int32, "frames or pages in the image file"),
    "orientation": SampleColumn(pl.Int32, "EXIF tag 274, from 1 to 8"),
    "image_sha256": SampleColumn(pl.String, "equal for images of equal pixels"),
    "image_phash": SampleColumn(pl.String, "perceptual hash; null for an image without ink"),
    "image_group": SampleColumn(pl.String, "equal for images that are nearly the same"),
    "background": SampleColumn(pl.UInt8, "grey level of the paper, 0 black to 255 white"),
    "bare_background": SampleColumn(pl.UInt8, "the same where transparency is dropped and not laid on white"),
    "polarity": SampleColumn(pl.String, "dark or light: the ink against its paper"),
    "contrast": SampleColumn(pl.Float32, "how far the ink is from the paper, 0 to 1"),
    "sharpness": SampleColumn(pl.Float32, "how sharp the strokes' edges are, 0 to 1"),
    "uneven": SampleColumn(pl.Boolean, "is the paper darker in one place than in another, as in a photo?"),
    "ink_ratio": SampleColumn(pl.Float32, "part of the pixels that is ink, 0 to 1"),
    "ink_left": SampleColumn(pl.Int32, "left edge of the ink's box in pixels; null for an image without ink"),
    "ink_top": SampleColumn(pl.Int32, "top edge of the ink's box"),
    "ink_right": SampleColumn(pl.Int32, "right edge of the ink's box, exclusive"),
    "ink_bottom": SampleColumn(pl.Int32, "bottom edge of the ink's box, exclusive"),
    "ink_border": SampleColumn(pl.UInt8, "sides of the image that ink touches, 0 to 4"),
    "ink_rows": SampleColumn(pl.Int32, "lines of ink, one below the other"),
    "pair_score": _pair(pl.Float64, "how well label and image fit, 0 to 1"),
    "pair_off": _pair(pl.Float32, "how far off the pair is, in robust standard deviations of its set"),
    "pair_wide": _pair(pl.Float32, "how many times as wide as expected the ink is for its height"),
    "pair_lines": _pair(pl.Int32, "lines that the label lays out, one below the other"),
    "pair_rows": _pair(pl.Int32, "lines that the label breaks into"),
    "pair_lags": _pair(pl.List(pl.Float32), "how well the picture fits the labels of the rows around"),
    "orphan_images": SampleColumn(pl.Int32, "image files of the data set that no row names"),
    "orphan_example": SampleColumn(pl.String, "one of them"),
    "pred_count": SampleColumn(pl.Int32, "predictions of the sample"),
    "pred_differ": SampleColumn(pl.Int32, "how many of them are drawn otherwise than the label"),
    "pred_agree": SampleColumn(pl.Int32, "how many of those read the same"),
    "pred_score": SampleColumn(pl.Float64, "mean log-probability of a token of the surest of those"),
    "pred_where": SampleColumn(pl.String, "where that reading differs from the label"),
    "against_labels": SampleColumn(pl.List(pl.String), "the other data sets that hold the label"),
    "against_images": SampleColumn(pl.List(pl.String), "the other data sets that hold the image"),
}


@dataclass(frozen=True)
class Retired:
    """A rule that was given up: its code and name are never taken again. since: the day of the last version with it."""

    code: str
    name: str
    since: str
    why: str
    instead: str


RETIRED: tuple[Retired, ...] = (
    Retired(
        "CAN101",
        "no-canonical-form",
        "2026-11-22",
        "a label lacks its canonical form exactly where it lacks its visual key",
        "CAN100 no-visual-key",
    ),
)
