"""CAN: two spellings of one sign in the same data set. Rare tokens are in `length`."""

from __future__ import annotations

import polars as pl

from rules.latex.synonyms import SYNONYMS
from rules.options import share
from rules.registry import Findings, Options, samples_rule
from rules.sets.set_difference import token_counts
from rules.toolkit.whole_sets import of_sets

#: Commands whose signs look alike in handwriting and different in print.
_HOMOGLYPHS = (
    ("phi", "varphi"),
    ("epsilon", "varepsilon"),
    ("theta", "vartheta"),
    ("rho", "varrho"),
    ("sigma", "varsigma"),
    ("kappa", "varkappa"),
    ("pi", "varpi"),
    ("emptyset", "varnothing"),
    ("hbar", "hslash"),
    ("leq", "leqslant"),
    ("geq", "geqslant"),
    ("setminus", "backslash"),
    ("Delta", "triangle"),
    ("perp", "bot"),
    ("bullet", "cdot"),
    ("star", "ast"),
    ("bar", "overline"),
    ("hat", "widehat"),
    ("tilde", "widetilde"),
    ("vec", "overrightarrow"),
)


@samples_rule(
    "CAN005",
    "homoglyph-pair",
    "info",
    profiles=("default", "handwritten", "m2e"),
    options={"share": share(0.02)},
    covers={"CAN5": "for a whole set in handwriting"},
)
def homoglyph_pair(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set uses both of two commands that look the same in handwriting: `\phi` and `\varphi`.

    Why: Print has two signs, handwriting one. Which command the label has is the annotator's habit, and no model can
    learn it. Some normalisers merge such pairs, which is wrong for print.
    Fix: None: choose one of the two for handwriting. A pair is reported if the rarer command makes up more than `share`
    of both.
    See: MathNet token_types2. MathWriting's validation set has 259 `\phi` and 233 `\varphi`.
    """
    found: list[tuple[str, str]] = []
    for (source,), frame in token_counts(samples, "source").group_by("part", maintain_order=True):
        counts = dict(frame.select("token", "labels").iter_rows())
        for pair in _HOMOGLYPHS:
            first, second = (counts.get(f"\\{name}", 0) for name in pair)
            if min(first, second) > options["share"] * (first + second) > 0:
                names = f"\\{pair[0]} ({first} labels) and \\{pair[1]} ({second})"
                found.append((str(source), f"{names} look alike in handwriting"))
    return of_sets(found)


@samples_rule(
    "CAN013",
    "mixed-synonyms",
    "info",
    options={"share": share(0.02)},
    mended_by="style",
    covers={"CAN1": "for a whole set"},
)
def mixed_synonyms(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set spells one sign in two ways: `\le` and `\leq`, `\to` and `\rightarrow`.

    Why: The pictures are the same to the pixel, so a model can only guess, and exact match counts half of the guesses
    as wrong.
    Fix: None for the set. CAN001 has a safe fix for each label.
    See: MathWriting's validation set has 36 `\ne` and 4 `\neq`, 24 `\to` and 250 `\rightarrow`.
    """
    found: list[tuple[str, str]] = []
    for (source,), frame in token_counts(samples, "source").group_by("part", maintain_order=True):
        counts = dict(frame.select("token", "labels").iter_rows())
        for old, new in SYNONYMS.items():
            first, second = counts.get(old, 0), counts.get(new, 0)
            if len(new) > 1 and min(first, second) > options["share"] * (first + second) > 0:
                found.append((str(source), f"{old} ({first} labels) and {new} ({second}) draw the same sign"))
    return of_sets(found)
