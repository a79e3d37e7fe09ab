"""finetune.score: each metric on pairs small enough to compute by hand, and scores published for real pairs."""

from __future__ import annotations

import json
import math
import random
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

import finetune
import rules
from finetune.metrics.strings import MOST_CELLS, distance

STRINGS = ("exprate", "le1", "le2", "le3", "bleu4", "edit_score", "cer")


@pytest.mark.shared_data
def test_the_published_scores_of_real_predictions_to_the_digit(shared_data: Path) -> None:
    folder = shared_data / "predictions"
    rows = json.loads((folder / "unimumer_crohme_2014_pred.json").read_text())
    scores = finetune.score((row["gt"], row["pred"]) for row in rows)
    published = {
        "exprate": "82.6572",
        "le1": "90.3651",
        "le2": "93.7120",
        "le3": "96.4503",
        "bleu4": "89.1164",
        "edit_score": "96.5522",
    }
    assert scores["n"] == 986
    assert {name: f"{scores[name]:.4f}" for name in published} == published
    results = (folder / "unimumer_crohme_2014_results.txt").read_text()
    assert all(f"{figure}%" in results for figure in published.values())


@pytest.mark.shared_data
def test_spelling_without_spaces_costs_raw_scores_and_not_the_others(shared_data: Path) -> None:
    rows = json.loads((shared_data / "predictions" / "texteller_crohme_2014_pred.json").read_text())
    scores = finetune.score((row["gt"], row["pred"]) for row in rows)
    assert scores["exprate"] < 5
    assert 93 < scores["exprate_render_equal"] < 96
    assert 93 < scores["canonical"]["exprate"] < 96
    assert scores["parse_rate"] > 99


def test_what_score_gives() -> None:
    scores = finetune.score([("a", "a")])
    assert list(scores) == ["n", *STRINGS, "exprate_render_equal", "parse_rate", "canonical"]
    assert list(scores["canonical"]) == list(STRINGS)
    for name in (*STRINGS[:4], "edit_score", "exprate_render_equal", "parse_rate"):
        assert scores[name] == 100


def test_wrong_tokens_are_counted() -> None:
    truth = "a b c d e f"
    pairs = [(truth, truth), (truth, "a b c d e"), (truth, "a b c x y f"), (truth, "a b c"), (truth, "")]
    scores = finetune.score(pairs)
    assert [scores[name] for name in ("exprate", "le1", "le2", "le3")] == [20, 40, 60, 80]
    assert scores["edit_score"] == pytest.approx(100 * (1 + 5 / 6 + 4 / 6 + 3 / 6 + 0) / 5)
    # characters, with single spaces between tokens: 0, " f", "d" and "e" changed, " d e f", all 11
    assert scores["cer"] == pytest.approx((0 + 2 + 2 + 6 + 11) / (5 * 11))


def test_white_space_is_no_token() -> None:
    scores = finetune.score([("a  b\t c ", " a b c")])
    assert (scores["exprate"], scores["cer"]) == (100, 0)


def test_canonical_spelling_is_one_spelling() -> None:
    scores = finetune.score([(r"\frac { 1 } { 2 } x ^ { 2 } _ { i }", r"\frac12x_i^2"), (r"a \le b", r"a\leq b")])
    assert scores["exprate"] == 0
    assert scores["exprate_render_equal"] == 100
    assert scores["canonical"]["exprate"] == 100
    assert scores["canonical"]["cer"] == 0


def test_without_a_canonical_form_both_sides_are_cut_into_tex_tokens() -> None:
    truth, prediction = r"\begin{matrix} x^2_1 \\ b \end{matrix}", r"\begin{matrix}x^2_1\\b+{\end{matrix}"
    scores = finetune.score([(truth, prediction)])
    assert scores["canonical"]["le1"] == 0
    assert scores["canonical"]["le2"] == 100


def test_two_labels_without_a_key_are_never_equal_unless_identical() -> None:
    assert finetune.score([("a ^", "b ^")])["exprate_render_equal"] == 0
    assert finetune.score([("a ^", "a^")])["exprate_render_equal"] == 0
    assert finetune.score([("a ^", "a ^")])["exprate_render_equal"] == 100
    assert finetune.score([("a ^", "a")])["exprate_render_equal"] == 0


def test_parse_rate_is_about_predictions() -> None:
    assert finetune.score([("a ^", "a")])["parse_rate"] == 100
    assert finetune.score([("a", "a ^"), ("a", r"\frac { a"), ("a", ""), ("a", "a")])["parse_rate"] == 25


def test_what_has_no_key_may_parse_all_the_same() -> None:
    picture = r"\includegraphics { x }"
    assert rules.visual_key([picture])[0] is None
    scores = finetune.score([(picture, picture), ("a", picture)])
    assert (scores["parse_rate"], scores["exprate_render_equal"]) == (100, 50)


def test_empty_sides() -> None:
    both = finetune.score([("", "")])
    assert (both["exprate"], both["edit_score"], both["cer"], both["exprate_render_equal"]) == (100, 100, None, 100)
    one = finetune.score([("", "a")])
    assert (one["exprate"], one["edit_score"], one["cer"], one["le1"]) == (0, 0, None, 100)


def test_no_pairs_and_no_strings_are_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        finetune.score([])
    with pytest.raises(TypeError, match="pair 1"):
        finetune.score([("a", "b"), ("a", None)])  # type: ignore[list-item]


def test_distance_is_that_of_the_textbook() -> None:
    def textbook(a: str, b: str) -> int:
        row = list(range(len(b) + 1))
        for i, x in enumerate(a, 1):
            above, row[0] = row[0], i
            for j, y in enumerate(b, 1):
                above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (x != y))
        return row[-1]

    rng = random.Random(0)
    for _ in range(300):
        a, b = ("".join(rng.choices("abc", k=rng.randrange(12))) for _ in range(2))
        assert distance(a, b) == distance(list(a), list(b)) == textbook(a, b)


def test_a_model_that_got_stuck_costs_bounded_work() -> None:
    stuck = r"\alpha " * 200_000
    scores = finetune.score([("x ^ { 2 }", stuck), ("a", "a")])
    assert scores["exprate"] == 50
    assert scores["parse_rate"] == 50
    # beyond the limit no table of lengths is computed, and everything counts as wrong
    side = math.isqrt(MOST_CELLS) + 1
    assert distance("a" * side, "a" * (side + 1)) == side + 1
    assert distance("a" * side, "a" * side) == 0


@given(st.lists(st.tuples(*(st.text("ab{}^_\\ $%&~\t\n\0é中", max_size=12),) * 2), min_size=1, max_size=8))
def test_whatever_a_model_writes_gets_figures_in_range(pairs: list[tuple[str, str]]) -> None:
    scores = finetune.score(pairs)
    for figures in (scores, scores["canonical"]):
        assert 0 <= figures["exprate"] <= figures["le1"] <= figures["le2"] <= figures["le3"] <= 100
        assert all(0 <= figures[name] <= 100.000001 for name in ("bleu4", "edit_score") if figures[name] is not None)
        assert figures["cer"] is None or figures["cer"] >= 0
    assert 0 <= scores["parse_rate"] <= 100
    assert 0 <= scores["exprate_render_equal"] <= 100
    assert finetune.score([(truth, truth) for truth, _ in pairs])["exprate_render_equal"] == 100


def test_importing_finetune_is_light() -> None:
    program = (
        "import sys, finetune, finetune.cli.main\n"
        "assert not {'polars', 'rapidfuzz', 'rules.registry', 'torch'} & set(sys.modules)\n"
        "assert callable(finetune.score)"
    )
    subprocess.run([sys.executable, "-c", program], check=True)
    with pytest.raises(AttributeError, match="no attribute 'scores'"):
        finetune.scores  # noqa: B018
