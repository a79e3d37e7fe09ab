"""The tags, menders and columns that declarations of rules choose from, and the retired codes. Knows no rule.

Gaps in the numbers, such as ESC004 and NRM005, are not retired codes. The codes follow a list of defects, and no rule
over labels can find some of those.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import polars as pl

#: Tag, and what it says about a rule to other modules. The first three, and `canonical-form`, have one rule each.
#: OUR_TAGS are for rules of texsieve alone.
TAGS: dict[str, str] = {
    "not-judged": "reports labels that another rule failed on, even if it isn't selected",
    "lost": "reports labels that ended the process that read them, even if it isn't selected",
    "layout-repair": "rewrites the layout of the whole label, or says why it can't",
    "unscored": "reports labels that could not be judged: they have no score, and the next audit judges them again",
    "layout": "finds tokens for the lines of a page; counted apart, and left to the layout repair if that fires",
    "damage": "finds damage that LaTeX accepts and nothing mends; no fix of another rule may hide it",
    "program-text": "finds text of programs and models: special tokens, marks of tokenisers, links",
    "unusable-image": "reports that the image of a row can't be used",
    "contradiction": "finds labels that contradict each other on one picture",
    "keyless": "reports labels without a visual key",
    "residue": "finds parts of documents that no picture shows: delimiters, labels, comments",
    "repeats": "reports labels that occur more than once in a set",
    "doubt": "reports that the label may not match its picture",
    "predictions": "compares the label with predictions of models",
    "unknown-name": "says that LaTeX doesn't know a command or an environment, or knows it as something else",
    "canonical-form": "writes the whole label in the canonical form; style `canonical` makes its fix",
    "label-form": "requires what formulas in documents needn't have: one line, no number, no display",
}

#: What repairs a finding besides a fix of its own rule: the command as people type it.
MENDERS: dict[str, str] = {
    "layout": "curate fix SOURCE --unsafe-fixes --profile m2e",
    "realign": "curate fix SOURCE --unsafe-fixes",
    "export": "curate export",
    "export-resize": "curate export --resize upscale",
    "export-crop": "curate export --crop ink",
    "export-invert": "curate export --invert",
    "train-pixels": "finetune train CONFIG data.min_pixels=100352",
    "style": "curate fix SOURCE --style canonical",
    "columns": "curate audit --columns label:NAME",
}

#: The menders that prepare pictures: what they mend is wrong for a reader of the files, not in what `curate export`
#: writes.
PREPARED = ("export", "export-resize", "export-crop", "export-invert")

#: Tags and menders that rules of other packages can't have: code relies on which rules have them.
OUR_TAGS = frozenset(
    ("not-judged", "lost", "layout-repair", "canonical-form", "unscored", "unusable-image", "predictions")
)
OUR_MENDERS = frozenset(("realign",))


class SampleColumn(NamedTuple):
    """A column of samples: its type, and what it holds."""

    dtype: Any
    what: str


def _pair(dtype: Any, what: str) -> SampleColumn:
    return SampleColumn(dtype, f"{what} (computed by `curate audit`)")


#: The columns that rules over samples may read besides sample_id, label and those made from the label. Null: unknown.
SAMPLE_COLUMNS: dict[str, SampleColumn] = {
    "source": SampleColumn(pl.String, "the data set that the sample belongs to"),
    "split": SampleColumn(pl.String, "the sample's split, such as train, validation or test"),
    "source_licence": SampleColumn(pl.String, "the licence that the data set was given"),
    "source_path": SampleColumn(pl.String, "the path of the data set, which may name a public set"),
    "image": SampleColumn(pl.String, "the image file that the sample names"),
    "image_error": SampleColumn(pl.String, "why the image can't be opened; null if it can"),
    "width": SampleColumn(pl.Int32, "width of the image in pixels"),
    "height": SampleColumn(pl.Int32, "height of the image in pixels"),
    "mode": SampleColumn(pl.String, "Pillow's name of the colour mode, such as L or RGB"),
    "frames": SampleColumn(pl.Int32, "frames or pages in the image file"),
    "orientation": SampleColumn(pl.Int32, "EXIF tag 274, from 1 to 8"),
    "image_sha256": SampleColumn(pl.String, "equal for images of equal pixels"),
    "image_phash": SampleColumn(pl.String, "perceptual hash; null for an image without ink"),
    "image_group": SampleColumn(pl.String, "equal for images that are copies of each other"),
    "background": SampleColumn(pl.UInt8, "grey level of the paper, 0 black to 255 white"),
    "bare_background": SampleColumn(pl.UInt8, "the same if the alpha channel is dropped instead of being put on white"),
    "polarity": SampleColumn(pl.String, "dark or light: the ink against its paper"),
    "contrast": SampleColumn(pl.Float32, "how far the ink is from the paper, 0 to 1"),
    "sharpness": SampleColumn(pl.Float32, "how sharp the strokes' edges are, 0 to 1"),
    "uneven": SampleColumn(pl.Boolean, "whether the paper is darker in some places than in others, as in a photo"),
    "ink_ratio": SampleColumn(pl.Float32, "share of the pixels that are ink, 0 to 1"),
    "ink_left": SampleColumn(pl.Int32, "left edge of the ink's box in pixels; null for an image without ink"),
    "ink_top": SampleColumn(pl.Int32, "top edge of the ink's box"),
    "ink_right": SampleColumn(pl.Int32, "right edge of the ink's box, exclusive"),
    "ink_bottom": SampleColumn(pl.Int32, "bottom edge of the ink's box, exclusive"),
    "ink_border": SampleColumn(pl.UInt8, "sides of the image that ink touches, 0 to 4"),
    "ink_rows": SampleColumn(pl.Int32, "lines of ink, one below the other"),
    "pair_score": _pair(pl.Float64, "how well label and image fit, 0 to 1"),
    "pair_off": _pair(pl.Float32, "how far off the pair is, in robust standard deviations of its set"),
    "pair_wide": _pair(pl.Float32, "width of the ink for its height, as a multiple of the expected one"),
    "pair_lines": _pair(pl.Int32, "lines that the label lays out, one below the other"),
    "pair_rows": _pair(pl.Int32, "lines that the label breaks into"),
    "pair_lags": _pair(pl.List(pl.Float32), "how well the picture fits the labels of the neighbouring rows"),
    "pair_turned": _pair(
        pl.Float32, "how strongly the positions of the ink suggest a picture upside down, as a log likelihood ratio"
    ),
    "pair_lacks": _pair(pl.Float32, "share of the formula that the picture seems to lack, negative for the left side"),
    "pair_lacks_gain": _pair(pl.Float32, "how much better the pair fits if that part is missing, in logits"),
    "orphan_images": SampleColumn(pl.Int32, "image files of the data set that no row names"),
    "orphan_example": SampleColumn(pl.String, "one of them"),
    "pred_count": SampleColumn(pl.Int32, "predictions of the sample"),
    "pred_differ": SampleColumn(pl.Int32, "how many of them look different from the label"),
    "pred_agree": SampleColumn(pl.Int32, "how many of those agree with each other"),
    "pred_score": SampleColumn(pl.Float64, "mean log-probability per token of the most confident of those"),
    "pred_where": SampleColumn(pl.String, "where that prediction differs from the label"),
    "against_labels": SampleColumn(pl.List(pl.String), "the other data sets that contain the label"),
    "against_images": SampleColumn(pl.List(pl.String), "the other data sets that contain the image"),
}


@dataclass(frozen=True)
class Retired:
    """A retired rule. Its code and name are never used again. since: the day of the last version that had it."""

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
        "a label lacks its canonical form exactly if it lacks its visual key",
        "CAN100 no-visual-key",
    ),
)
