"""The character detection metric: by hand, against another assignment, and against published scores."""

from __future__ import annotations

import importlib.util
import re
import sys
from functools import lru_cache
from itertools import permutations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.predictions.rows import Prediction
from finetune.metrics import cdm
from finetune.metrics.evaluation import evaluate, evaluate_all
from finetune.metrics.glyphs import marks

ROOT = Path(__file__).resolve().parents[3]
_spec = importlib.util.spec_from_file_location("cdm_differences", ROOT / "benchmarks" / "cdm_differences.py")
assert _spec is not None
assert _spec.loader is not None
differences = importlib.util.module_from_spec(_spec)
sys.modules[_spec.name] = differences  # dataclasses look up their own module there
_spec.loader.exec_module(differences)
HINT = "run `python benchmarks/cdm_differences.py` and commit what it writes"


@pytest.mark.parametrize(
    ("truth", "prediction"),
    [
        (r"\frac12", r"\frac { 1 } { 2 }"),
        ("x_1^2", "x^2_1"),
        (r"a \, b", "a b"),  # a space is not a character
        (r"\cdots", r"\cdot \cdot \cdot"),
        (r"\left( \frac{a}{b} \right)", r"\big( \frac{a}{b} \big)"),
        ("a ~ b", "a b"),
        (r"\begin{cases} a, & b \\ c, & d \end{cases}", r"\begin{cases} a, \quad b \\ c, \quad d \end{cases}"),
        (r"\begin{aligned} a &= b \\ c &= d \end{aligned}", r"\begin{aligned} a = b \\ c = d \end{aligned}"),
        (r"\text{if } x", r"\mathrm{if} x"),
        (r"P(a | b)", r"P(a \mid b)"),
        (r"\|x\|", r"\parallel x \parallel"),
        (r"A \setminus B", r"A \backslash B"),
        (r"\mathit{if hA}", "ifhA"),
        (r"\iint f \; f''", r"\int\int f f^{\prime\prime}"),
        (r"\begin{matrix} a \\ b \\ c \end{matrix} + d", r"\begin{matrix} a \\ b \\ c \end{matrix} \; + \; d"),
    ],
)
def test_the_same_marks_in_the_same_places_score_1(truth, prediction) -> None:
    assert cdm.score(truth, prediction) == 1


@pytest.mark.parametrize(
    ("truth", "prediction", "score"),
    [
        ("d s", "d_s", 2 / 4),
        (r"\sqrt{ab}", r"\sqrt{a}b", 6 / 8),  # the bar of the root covers b or doesn't
        (r"\overline{ab}c", r"\overline{abc}", 6 / 8),
        ("a b", "b a", 2 / 4),
        ("a + b + c", "a + b", 6 / 8),
        (r"\frac{a + b}{c}", r"\frac{a}{c}", 6 / 8),  # the bar is shorter but still right
        ("x^2", "x_2", 2 / 4),
        ("x^{-7}", "x_{-7}", 2 / 6),  # neighbours that moved together
        (r"\sum_{i,j} a", r"\sum^{i,j} a", 4 / 10),
        ("a + b_{m-2} c^{m}", "a + b^{m-2} c^{m}", 10 / 16),
        ("x", "X", 0),
        ("x", r"\mathbf{x}", 0),
        (r"a \ldots b", r"a \cdots b", 4 / 10),
        (r"\textstyle \sum_i^n", r"\textstyle \sum\limits_i^n", 2 / 6),
        ("x", r"\frac{", 0),
        ("x", "", 0),
        ("中 x", "中 y", 2 / 4),
        (r"\sqrt{\frac{\gamma}{1 + a}}", r"\sqrt{\frac{8}{1 + a}}", 12 / 14),  # the 8 makes the root taller, not wrong
        (r"x^{\sqrt{a}}", r"x_{\sqrt{a}}", 2 / 8),
        (r"x^{\frac12}", r"x_{\frac12}", 2 / 8),
        (r"\overline{ab}", r"\underline{ab}", 4 / 6),
        (r"\frac{a}{b}", r"\frac{b}{a}", 0),
        (r"\log_u g", r"\log_u f", 8 / 10),  # nothing is drawn between a function and its argument
        (r"\mathcal{L}", r"\mathrm{L}", 0),
        (r"\boldsymbol{\mathcal{L}}", r"\mathbf{L}", 0),
        (r"\emptyset", r"\varnothing", 0),
        (r"\hbar", r"\hslash", 0),
        (r"\textcircled{1}", "1", 2 / 3),
        (r"\cancelto{0}{x}", "x^0", 4 / 5),
        ("f''", "f'", 4 / 5),
        # lines and rows that became one: the upper ones stay in place, the lower ones don't
        (r"a = b \\ c = d", "a = b c = d", 6 / 12),
        (r"\begin{cases} a \\ b \end{cases}", r"\begin{cases} a b \end{cases}", 2 / 6),
        (r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", r"\begin{pmatrix} a & b & c & d \end{pmatrix}", 4 / 12),
        (
            r"\begin{matrix} C & \hat{0} \\ \hat{0} & C \end{matrix}",
            r"\begin{matrix} C & \hat{0} & \hat{0} & C \end{matrix}",
            6 / 12,
        ),
        # a lost column
        (r"\begin{matrix} a & b \\ c & d \end{matrix}", r"\begin{matrix} a & b \\ c d \end{matrix}", 6 / 8),
        (r"\begin{matrix} a & b \end{matrix}", "a b", 2 / 4),
        # scripts of scripts are closer to each other
        (r"e^{\frac{1}{x^2}}", r"e^{\frac{1}{x2}}", 8 / 10),
    ],
)
def test_scores_by_hand(truth, prediction, score) -> None:
    assert cdm.score(truth, prediction) == pytest.approx(score)


@pytest.mark.parametrize("broken_off", range(1, 9))
def test_all_is_right_of_a_prediction_that_breaks_off(broken_off) -> None:
    terms = [r"x_{1}^{2}", "+", r"\frac{1}{2}", "+", r"x_{1}^{2}", "-", r"\frac{1}{2}", "=", "x_{1}^{2}"]
    read = terms[:-broken_off]
    number = {term: len(cdm.marks(term)) for term in terms}
    there = sum(number[term] for term in read)
    assert cdm.score(" ".join(terms), " ".join(read)) == pytest.approx(
        2 * there / (there + sum(number[term] for term in terms))
    )


@given(
    st.integers(1, 5).flatmap(
        lambda n: st.lists(st.lists(st.integers(0, 9), min_size=5, max_size=5), min_size=n, max_size=n)
    )
)
def test_the_assignment_is_the_best_one(costs) -> None:
    chosen = cdm._assignment([[float(cost) for cost in row] for row in costs])
    assert len(set(chosen)) == len(costs)
    best = min(sum(row[column] for row, column in zip(costs, order, strict=False)) for order in permutations(range(5)))
    assert sum(row[column] for row, column in zip(costs, chosen, strict=True)) == best


def test_a_model_that_got_stuck_costs_bounded_time() -> None:
    assert cdm.score("x + 1", "x + 1" + " + 1" * 900) < 0.01
    assert cdm.score("x + 1", "x" * 20_000) == 0


def test_deep_nesting_is_no_error() -> None:
    assert len(marks(r"\overline{" * 30 + "x" + "}" * 30)) == 31
    assert cdm.score(r"\overline{" * 400 + "x" + "}" * 400, "x") == 0


def test_a_truth_that_several_models_got_wrong_is_drawn_once(monkeypatch) -> None:
    drawn = []

    @lru_cache(maxsize=4)
    def few(label):
        drawn.append(label)
        return marks(label)

    monkeypatch.setattr(cdm, "marks", few)
    files = [[Prediction(str(n), f"a_{n}", f"{letter}_{n}") for n in range(20)] for letter in "bcd"]
    found = evaluate_all(files, characters=True, rules=False)
    assert [one.numbers.column("cdm").tolist() for one in found] == [
        [cdm.compare(marks(row.gt), marks(row.pred)) for row in rows] for rows in files
    ]
    assert len(drawn) == len(set(drawn)) == 80


def test_only_pairs_that_look_different_are_drawn(monkeypatch) -> None:
    drawn = []
    monkeypatch.setattr(cdm, "score_all", lambda pairs, *_: drawn.extend(pairs) or [0.5] * len(pairs))
    path_rows = [("1", "x^2", "x ^ { 2 }"), ("2", "a", "b")]
    rows = [Prediction(*row) for row in path_rows]
    metrics = evaluate(rows, characters=True).numbers.figures()
    assert drawn == [("a", "b")]
    assert (metrics["cdm"], metrics["exprate_cdm"]) == (75, 50)
    assert np.isnan(evaluate(rows).numbers.figures()["cdm"])


@pytest.mark.shared_data
def test_beside_the_published_scores(shared_data: Path) -> None:
    """The page lists every item whose verdict differs, and each item has two different pictures."""
    items, metrics = differences.items(shared_data)
    differ = differences.verdicts_differ(items)
    assert {item.row.sample_id for item in differ} == set(differences.SEEN)
    assert all(item.ours < 1 and not differences.look_alike(item) for item in differ)
    assert differences.PAGE.read_text(encoding="utf-8") == differences.page(items, metrics), HINT
    assert metrics["cdm"] == pytest.approx(98.265, abs=0.001)
    assert metrics["exprate_cdm"] == pytest.approx(93.712, abs=0.001)
    assert np.mean([abs(item.ours - item.theirs) for item in items]) < 0.007


def test_the_page_of_differences_has_its_pictures() -> None:
    pictures = {path.stem: path for path in differences.PICTURES.iterdir()}
    assert pictures.keys() == differences.SEEN.keys() | differences.SEEN_FAR.keys(), HINT
    shown = re.findall(r"!\[[^]]*\]\(cdm/([^)]*)\.png\)", differences.PAGE.read_text(encoding="utf-8"))
    assert sorted(shown) == sorted(pictures), HINT
    assert sum(path.stat().st_size for path in pictures.values()) < 100_000
