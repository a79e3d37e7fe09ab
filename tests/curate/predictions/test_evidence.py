"""What a contradiction says against a label: the direction of each clue, and what ranks first on damaged labels."""

from __future__ import annotations

import random
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from curate.predictions.compare import Difference, Look, distance
from curate.predictions.contradicted import RANK, with_predictions
from curate.predictions.evidence import Clues, evidence
from curate.predictions.oddness import Oddness
from curate.predictions.rows import Prediction
from rules import Ruleset, engine

PLAIN = Clues(
    regrouped=False, difference=Difference(1, 1), gain=0.0, length=10, agree=1, others=0, score=None, given=False,
    pair_score=None, has_error=False,
)  # fmt: skip


@pytest.mark.parametrize(
    "worse",
    [
        {"regrouped": True, "difference": Difference(0, 0)},
        {"gain": 0.5},
        {"length": 20},
        {"agree": 2},
        {"has_error": True},
        {"pair_score": 0.01},
        {"given": True, "score": -0.001},
    ],
)
def test_what_speaks_against_a_label(worse: dict) -> None:
    assert evidence(replace(PLAIN, **worse)) > evidence(PLAIN)


@pytest.mark.parametrize(
    "better",
    [
        {"difference": Difference(3, 3)},
        {"difference": Difference(1, 5)},
        {"gain": -0.5},
        {"others": 1},
        {"pair_score": 0.99},
        {"given": True},
        {"given": True, "score": -3.0},
    ],
)
def test_what_speaks_for_it(better: dict) -> None:
    assert evidence(replace(PLAIN, **better)) < evidence(PLAIN)


def look(label: str) -> Look:
    return Look.of(*engine.judge([label], Ruleset(())).labels.select("label", "canonical", "visual_key").row(0))


@pytest.mark.parametrize(
    ("label", "reading"),
    [
        (r"\sin { x }", r"\sin x"),
        (r"a { + } b", "a + b"),
        (r"x \, y", "x y"),
        (r"f ~ ( x ) \quad , \; x > 0", "f(x), x>0"),
        (r"\frac { { + } 1 } { 2 }", r"\frac{+1}{2}"),
    ],
)
def test_white_space_alone_is_no_difference(label: str, reading: str) -> None:
    assert not look(label).differs_from(look(reading))


@pytest.mark.parametrize(
    ("label", "reading", "kind", "difference"),
    [
        (r"x ^ { 2 + y }", r"x ^ { 2 } + y", "structure", Difference(0, 0)),
        (r"\frac { a b } { c }", r"\frac { a } { b } c", "structure", Difference(0, 0)),
        (r"x 2", r"x ^ { 2 }", "structure", Difference(1, 1)),
        (r"x ^ { 2 }", r"x ^ { z }", "symbols", Difference(1, 1)),
        (r"a + b + c", r"a + c", "symbols", Difference(1, 2)),
        (r"\sqrt { x }", r"", "symbols", Difference(1, 2)),
    ],
)
def test_kinds_of_difference(label: str, reading: str, kind: str, difference: Difference) -> None:
    ours, theirs = look(label), look(reading)
    assert ours.differs_from(theirs)
    assert theirs.differs_from(ours)
    assert ours.kind(theirs) == theirs.kind(ours) == kind
    assert distance(ours, theirs) == difference


TOKENS = st.lists(st.sampled_from(["x", "y", "^", "{", "}", r"\frac"]), max_size=8)


@given(st.lists(TOKENS, max_size=6), TOKENS, TOKENS)
def test_a_label_is_judged_by_the_others_of_its_set(others: list, label: list, reading: list) -> None:
    """Its own tokens don't count: the result is the same if the label is not in the set."""
    without = Oddness(other for other in others if other != label)
    within = Oddness([*(other for other in others if other != label), label])
    assert within.gain(label, reading) == pytest.approx(without.gain(label, reading))
    assert within.gain(label, label) == 0


def test_what_many_labels_have_is_less_odd() -> None:
    labels = [["x", "^", "{", digit, "}", "+", "1"] for digit in "23456789"] * 5
    odd = ["x", "^", "{", "2", "+", "1", "}"]
    model = Oddness([*labels, odd])
    assert model.gain(odd, labels[0]) > 0.3
    assert model.gain(labels[0], odd) < -0.3


def test_damaged_labels_rank_before_what_the_model_misread() -> None:
    """Of 400 labels, 30 have a script that swallows what follows, 30 a swapped symbol; the model misreads 40 others."""
    rng = random.Random(5)
    true = [
        f"{rng.choice('abcxyz')} ^ {{ {rng.randint(2, 9)} }} + {rng.choice('fgh')} ( {rng.choice('tuv')} ) = 0"
        for _ in range(400)
    ]
    labels, readings = list(true), list(true)
    places = rng.sample(range(400), 100)
    for place in places[:30]:
        base, rest = true[place].split(" } + ")
        labels[place] = f"{base} + {rest} }}"
    for place in places[30:60]:
        labels[place] = true[place].replace("=", "-")
    for place in places[60:]:
        readings[place] = true[place].replace("=", r"\partial").replace("(", "C").replace("0", "o")
    read = engine.judge(labels, Ruleset(())).labels
    samples = read.select("label", "canonical", "visual_key").with_columns(
        pl.Series("sample_id", [f"{place:03d}" for place in range(400)]),
        pl.lit(None, pl.String).alias("image"),
        pl.lit(None, pl.Float64).alias("pair_score"),
    )
    names = [f"{place:03d}" for place in range(400)]
    rows = [Prediction(*row) for row in zip(names, true, readings, strict=True)]
    found, _ = with_predictions(samples, [(Path("p.jsonl"), rows)])
    order = [int(name) for name in found.drop_nulls(RANK).sort(RANK)["sample_id"]]
    assert set(order[:60]) == set(places[:60])
    assert found.filter(pl.col("pred_kind") == "structure")["sample_id"].cast(int).sort().to_list() == sorted(
        places[:30]
    )
