"""CAN: canonical form and visual key."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

import polars as pl

from rules.findings import Finding
from rules.latex.synonyms import SYNONYMS, prefer
from rules.options import Option
from rules.registry import Options, rule
from rules.toolkit.label import Label


@rule("CAN100", "no-visual-key", "info", pl.col("visual_key").is_null(), weight=0.0, covers=["CAN-form"])
def no_visual_key(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label has no visual key, and so no canonical form.

    Why: It can't be compared with other labels by what it draws: duplicates and leakage of it are not found, and a fix
    can't be proven safe. Nor can it be compared token by token.
    Fires: ``\frac{a}{b``
    Quiet: ``\frac{a}{b}``
    Fix: None.
    """
    if label.reading.fatal:
        yield Finding("no visual key: the label can't be read as LaTeX")
    else:
        yield Finding("no visual key: math-core, which draws for it, can't convert the label")


@rule(
    "CAN102", "not-judged", "info", pl.lit(False), weight=0.0, tags=["not-judged", "unscored"]
)  # the engine asks it about what failed, and nothing else
def not_judged(label: Label, options: Options) -> Iterator[Finding]:
    r"""A rule, the visual key or the canonical form failed on the label: a fault in texsieve, not of the label.

    Why: What the rule would have said is not known, so the label has no score: a clean one would be a guess. It is
    judged by all other rules, and the fault is counted in the summary. Of a rule over samples that failed one finding
    speaks for the set, whose scores are those of the rules that ran.
    Quiet: ``x``
    Fix: None: please report the fault.
    """
    for part in label.failed:
        yield Finding(f"not judged by {part}, a fault in texsieve: the label has no score")


@rule("CAN103", "ends-its-process", "warning", pl.lit(False), weight=0.0, tags=["lost", "unscored"])
def ends_its_process(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label ended the process that read it, or kept it busy for longer than half a minute, twice.

    Why: No rule has judged the label, so nothing is known of it, and whatever reads it next may end in the same way. It
    has no canonical form and no visual key. Only the engine says so, and only where labels are judged in processes of
    their own, as the commands do.
    Quiet: ``x``
    Fix: None. Take the label out of the set, and report it: it is a fault of texsieve or of a library that it uses.
    """
    yield from ()


def _known_synonyms(value: str) -> None:
    """Raises ValueError where one of the spellings in an option is no synonym."""
    for spelling in value.split():
        if spelling not in SYNONYMS:
            close = difflib.get_close_matches(spelling, SYNONYMS, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"must be synonyms such as \\le \\to with spaces between them, and {spelling!r} is none{hint}"
            )


@rule(
    "CAN110",
    "not-canonical",
    "info",
    pl.col("canonical").is_not_null(),
    fix="safe",
    profiles=["canonical"],
    options={"prefer": Option("", valid=_known_synonyms, says=r"synonyms such as \le \to, or nothing")},
    covers={"CAN-form": "in the profile canonical"},
)
def not_canonical(label: Label, options: Options) -> Iterator[Finding]:
    r"""The label is not in the canonical form: the one spelling that all labels with its visual key share.

    `prefer` lists synonyms to use in place of the canonical ones, as in `\le \to`.

    Why: A model that sees one picture spelled in several ways spends its capacity on the spelling, and string metrics
    count a right answer as wrong.
    Fires: ``x^2`` -> ``x^2`` => ``x ^ { 2 }``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: the canonical form has the label's key.
    See: docs/canonical-form.md.
    """
    if label.canonical is None:
        return
    spelled = prefer(label.canonical, options["prefer"].split())
    if spelled != label.text:
        yield Finding(f"the canonical form is {spelled}", 0, len(label.text), spelled)
