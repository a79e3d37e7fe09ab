"""MathJax, which the visual key knows nothing of, draws fixed and canonical labels as it draws the originals."""

from __future__ import annotations

import random
import re
from pathlib import Path

import polars as pl
import pytest
from drawn import alike

import rules
from curate.render import RenderError, render_svg
from curate.sources import parse_source, read_source
from rules import engine

LABELS = 500
#: MathJax takes a fraction for an inner atom, which has more space around it than the ordinary one it is in LaTeX.
_PREAMBLE = r"\let\texfrac\frac\renewcommand{\frac}[2]{{\texfrac{#1}{#2}}}"
_SPACED_NAME = re.compile(r"\\operatorname(\*?) *\{([A-Za-z ]+)\}")
_PRIMES = re.compile(r"('{2,})(?! *\^)")
#: Where the key takes for equal what MathJax draws differently, and why; the canonical form uses it. In the first three
#: LaTeX agrees with MathJax: the table in docs/visual-key.md says so of arrays.
KNOWN = {
    "space at both sides of an array": r"\\begin *\{ *array|\\p?matrix *\{",
    "one cell of a matrix is in text style": r"\\begin *\{ *matrix",
    "a box in a script keeps its size; a bracket in braces stands off an operator": r"\\[mh]box|\{ *(?:[(\[]|\\\{)",
    r"MathJax strikes \not{p} elsewhere than \not p": r"\\not *\{",
}


def _for_mathjax(label: str) -> str:
    """The label without what MathJax alone draws differently: spaced names of functions, runs of primes, fractions."""
    label = _SPACED_NAME.sub(lambda name: f"\\operatorname{name[1]}{{{name[2].replace(' ', '')}}}", label)
    return _PREAMBLE + _PRIMES.sub(lambda run: "^{" + r"\prime" * len(run[1]) + "}", label)


def _draw(label: str) -> str | None:
    try:
        return render_svg(_for_mathjax(label), colour="black")
    except RenderError:
        return None


def test_drawings_are_told_apart():
    pairs = [("x^2", "x^{2}"), (r"\frac12", r"{1 \over 2}"), (r"\le", r"\leq"), ("f''", r"f^{\prime\prime}")]
    for one, other in pairs:
        assert alike(_draw(one), _draw(other)), (one, other)
    for one, other in [("x^2", "x_2"), ("xy", "yx"), ("a + b", r"a + \, b"), (r"\sqrt{ab}", r"\sqrt{a}b"), ("x", "xx")]:
        assert not alike(_draw(one), _draw(other)), (one, other)


@pytest.mark.shared_data
def test_mathjax_confirms_fixed_and_canonical_labels(shared_data: Path):
    names = ("im2latex/im2markup_sample", "im2latex/im2latex_validate.csv", "crohme/train/caption.txt")
    more = ("hme100k/train_labels.txt", "mathwriting/mathwriting_valid_captions.json")
    files = [
        parse_source(
            f"set=crohme:{shared_data / name}" if name.endswith("caption.txt") else f"set={shared_data / name}"
        )
        for name in (*names, *more)
    ]
    labels = sorted({label for file in files for label in read_source(file).frame["label"]})
    some = random.Random(11).sample(labels, 12_000)
    rows = rules.fix(some).with_columns(engine.judge(some).labels["canonical"])
    rows = rows.filter((pl.col("fixed") != pl.col("label")) | (pl.col("canonical") != pl.col("label")).fill_null(False))
    drawn = 0
    wrong: list[tuple[str, str]] = []
    known: dict[str, int] = {}
    for label, fixed, canonical in (
        rows.select("label", "fixed", "canonical").sample(fraction=1, shuffle=True, seed=3).iter_rows()
    ):
        before = _draw(label)
        if before is None:
            continue
        drawn += 1
        for after in {fixed, canonical} - {label, None}:
            drawing = _draw(after)
            if drawing is not None and alike(before, drawing):
                continue
            why = next((name for name, where in KNOWN.items() if re.search(where, label)), None)
            if after == fixed or why is None:
                wrong.append((label, after))
            else:
                known[why] = known.get(why, 0) + 1
        if drawn == LABELS:
            break
    assert drawn == LABELS
    assert wrong == []
    assert sum(known.values()) <= 0.06 * LABELS, known
