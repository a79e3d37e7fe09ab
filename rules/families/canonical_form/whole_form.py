"""CAN: rules on the canonical form and the visual key of a whole label."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding, FixLevel
from rules.latex import lexer, reader
from rules.latex.canonical_matrices import arrays_as_matrices
from rules.latex.key_limits import is_within
from rules.latex.synonyms import SYNONYMS, prefer
from rules.options import Option
from rules.registry import Options, rule
from rules.toolkit.label import Label


@rule(
    "CAN100",
    "no-visual-key",
    "info",
    pl.col("visual_key").is_null(),
    weight=0.0,
    covers=["CAN-form"],
    tags=["label-form", "keyless"],
)
def no_visual_key(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label has no visual key, and therefore no canonical form.

    Why: It can't be compared with other labels by what it draws, nor token by token. Its duplicates and leaks are not
    found, and no fix can be proven safe.
    Fires: ``\frac{a}{b``
    Quiet: ``\frac{a}{b}``
    Fix: None.
    """
    yield Finding(f"no visual key: {_no_key(label)}")


def _no_key(label: Label) -> str:
    """Why the label has no visual key, in the order in which `rules.latex.visual_key` finds out."""
    if any(label.problems("too-long", "too-deep")):
        return "the label was not read to the end"
    if any(label.problems("definition")):
        return "the label defines a macro"
    if label.reading.fatal:
        return "the label can't be read as LaTeX"
    if not label.tokens:
        return "there is nothing to draw"
    if not is_within(label.tokens):
        return "it is too long or nested too deep for math-core"
    return "math-core can't convert the label"


@rule(
    "CAN102", "not-judged", "info", pl.lit(False), weight=0.0, tags=["not-judged", "unscored"]
)  # the engine calls it for labels on which something failed, and for no others
def not_judged(label: Label, options: Options) -> Iterator[Finding]:
    r"""A rule, the visual key or the canonical form failed on the label. The fault is in texsieve, not in the label.

    Why: The failed rule might have found something, so the label has no score. All other rules judge it, and the
    summary counts the fault. If a rule over samples fails, one finding reports it for the whole set, and the scores
    come from the rules that ran.
    Quiet: ``x``
    Fix: None: please report the fault.
    """
    for part in label.failed:
        yield Finding(f"not judged by {part}: a fault in texsieve, so the label has no score")


@rule("CAN103", "ends-its-process", "warning", pl.lit(False), weight=0.0, tags=["lost", "unscored"])
def ends_its_process(label: Label, options: Options) -> Iterator[Finding]:
    r"""Twice, the label ended the process that read it or kept it busy for more than half a minute.

    Why: No rule has judged the label, so nothing is known about it. The next program that reads it may crash or hang,
    too. It has no canonical form and no visual key. Only the engine reports this, and only if labels are judged in
    helper processes, as the commands do.
    Quiet: ``x``
    Fix: None: remove the label from the set, and report it. The fault is in texsieve or in a library that it uses.
    """
    yield from ()


def _known_synonyms(value: str) -> None:
    """Raises ValueError if a spelling in the option is not a synonym."""
    for spelling in value.split():
        if spelling not in SYNONYMS:
            close = difflib.get_close_matches(spelling, SYNONYMS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"must be synonyms separated by spaces, such as \\le \\to; {spelling!r} is not a synonym{hint}"
            )


@rule(
    "CAN110",
    "not-canonical",
    "info",
    pl.col("canonical").is_not_null(),
    fix="safe",
    fix_kind="style",
    profiles=["canonical"],
    tags=["canonical-form"],
    options={
        "prefer": Option("", valid=_known_synonyms, says=r"synonyms such as \le \to, or nothing"),
        "arrays": Option("as written", choices=("as written", "matrices")),
    },
    covers={"CAN-form": "in the profile canonical"},
)
def not_canonical(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label is not in the canonical form: the one spelling that all labels with its visual key share.

    `prefer` lists synonyms to use instead of the canonical ones, such as `\le \to`. With `arrays = "matrices"`, an
    `array` of centred columns is written as a `matrix`, or between delimiters as a `pmatrix`, `bmatrix` or the like.

    Why: A model that sees one picture spelled in several ways spends its capacity on the spelling, and string metrics
    count a right answer as wrong.
    Fires: ``x^2`` -> ``x^2`` => ``x ^ { 2 }``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: the canonical form has the same key as the label. Unsafe where an `array` becomes a `matrix`: LaTeX sets
    5 pt of space on both sides of an `array`.
    See: docs/canonical-form.md.
    """
    if label.canonical is None:
        return
    chosen = label.canonical
    if options["arrays"] == "matrices" and "\\begin{array}" in chosen:
        tokens = reader.read(chosen, lexer.tokens(chosen)).canonical
        chosen = chosen if tokens is None else reader.spell(arrays_as_matrices(tokens))
    spelled = prefer(chosen, options["prefer"].split())
    if spelled != label.text:
        fix: FixLevel | None = None if chosen == label.canonical else "unsafe"
        yield Finding(f"the canonical form is {spelled}", 0, len(label.text), spelled, fix=fix)
