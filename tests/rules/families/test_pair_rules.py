"""The PAR rules on frames made by hand: what they say of columns, not how the columns are computed."""

from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.families import pairs
from rules.registry import all_rules
from rules.sets.shifted_rows import LAGS, NOBODY, Shift, partners, shifts


def judged(code: str, frame: pl.DataFrame, **options: object) -> list[tuple[str | None, str]]:
    rule = all_rules()[code]
    found = rule.judge(frame, {**rule.options, **options})
    assert found.columns == ["sample_id", "source", "message"]
    return list(found.select("sample_id", "message").iter_rows())


def samples(count: int, **columns: object) -> pl.DataFrame:
    given = {name: values if isinstance(values, list) else [values] * count for name, values in columns.items()}
    ids = [f"s/{number}" for number in range(count)]
    frame = pl.DataFrame({"sample_id": ids, "source": ["s"] * count, **given})
    return frame if "split" in frame.columns else frame.with_columns(split=pl.lit(None, pl.String))


def lags(count: int, *right: tuple[int, int, int]) -> np.ndarray:
    """Fits of `count` rows: each picture fits its row's label or, between start and end, the label `lag` rows later."""
    rng = np.random.default_rng(5)
    fits = rng.normal(0.0, 0.2, (count, len(LAGS))).astype(np.float32)
    at = np.zeros(count, np.intp)
    for start, end, lag in right:
        at[start:end] = lag
    fits[np.arange(count), at - LAGS[0]] += 0.4
    return fits


@pytest.mark.parametrize("rule", [rule for rule in all_rules().values() if rule.module == pairs.__name__])
def test_rules_are_quiet_where_nothing_was_worked_out(rule) -> None:
    frame = samples(3, label="x", image="a.png", pair_score=None)
    assert rule.judge(frame, rule.options).is_empty()
    assert rule.judge(frame.clear(), rule.options).is_empty()


# Shifts ---------------------------------------------------------------------------------------------------------------

_OPTIONS = {"fewest": 20, "sigmas": 6.0, "gain": 0.05}


def test_the_true_order_and_noise_have_no_shift() -> None:
    assert shifts(lags(500), **_OPTIONS) == []
    noise = np.random.default_rng(1).normal(0, 0.3, (3000, len(LAGS))).astype(np.float32)
    assert shifts(noise, **_OPTIONS) == []


@pytest.mark.parametrize("lag", [lag for lag in LAGS if lag])
def test_a_shift_is_found_with_its_offset(lag: int) -> None:
    assert shifts(lags(300, (0, 300, lag)), **_OPTIONS) == [Shift(0, 300, lag)]


def test_a_second_slip_makes_the_offset_grow() -> None:
    first, second = shifts(lags(600, (200, 400, 1), (400, 600, 2)), **_OPTIONS)
    assert (first.lag, second.lag) == (1, 2)
    assert abs(first.start - 200) <= 4
    assert abs(first.end - 400) <= 4
    assert (second.start, second.end) == (first.end, 600)


def test_a_shift_takes_in_rows_that_say_nothing() -> None:
    fits = lags(300, (100, 300, 1))
    fits[:100] = 0.3  # labels that all look alike
    assert shifts(fits[:100], **_OPTIONS) == []
    assert shifts(fits, **_OPTIONS) == [Shift(0, 300, 1)]


def test_a_shift_is_a_finding_of_the_file_and_of_its_rows_which_are_not_doubtful_one_by_one() -> None:
    fits = lags(100, (0, 100, -2)).tolist()
    scores = [0.001] * 100
    frame = samples(100, pair_lags=fits, pair_score=scores, pair_off=0.0)
    [(where, message), *rows] = judged("PAR001", frame)
    assert where is None
    assert message == (
        "pairs are shifted by -2: from s/0 to s/99 (rows 1 to 100 of 100) "
        "each picture belongs to the label 2 rows further up"
    )
    edge = "at the edge of shifted pairs: the label of this picture isn't known"
    assert rows[:2] == [("s/0", edge), ("s/1", edge)]
    assert rows[2:] == [
        (f"s/{row}", f"the picture belongs to the label of s/{row - 2}, 2 rows further up") for row in range(2, 100)
    ]
    assert judged("PAR007", frame) == []
    right = frame.with_columns(pair_lags=pl.Series(lags(100).tolist()))
    assert judged("PAR001", right) == []
    assert len(judged("PAR007", right)) == 100


def test_splits_are_files_of_their_own() -> None:
    fits = [*lags(60).tolist(), *lags(60, (0, 60, 1)).tolist()]
    frame = samples(120, pair_lags=fits, split=["train"] * 60 + ["test"] * 60)
    [(_, message), *rows] = judged("PAR001", frame)
    assert message.startswith("test: pairs are shifted by +1: from s/60 to s/119 (rows 1 to 60 of 60)")
    assert [where for where, _ in rows] == [f"s/{row}" for row in range(60, 120)]


def test_rows_whose_picture_could_not_be_compared_are_shifted_with_the_others() -> None:
    fits: list[object] = lags(100, (40, 100, 1)).tolist()
    fits[60:70] = [None] * 10
    told = dict(judged("PAR001", samples(100, pair_lags=fits))[1:])
    assert told["s/65"] == "the picture belongs to the label of s/66, 1 row further down"
    assert "isn't known" in told["s/40"]
    assert "s/30" not in told


@given(st.integers(30, 200), st.integers(-5, 5).filter(bool), st.data())
def test_no_label_goes_to_two_pictures_and_a_right_partner_is_given_back(height: int, lag: int, data) -> None:
    start = data.draw(st.integers(0, height - 20))
    end = data.draw(st.integers(start + 20, height))
    found = partners(height, [Shift(start, end, lag)])
    whose = found[found != NOBODY]
    assert len(set(whose.tolist())) == whose.size
    inner = np.arange(start + 10, end - 10)
    inner = inner[(inner + lag >= 0) & (inner + lag < height)]
    assert (found[inner] == inner + lag).all()
    outer = np.r_[0 : max(0, start - 10), min(height, end + 10) : height]
    assert (found[outer] == outer).all()


# Single pairs ---------------------------------------------------------------------------------------------------------


def test_doubtful_pairs_are_those_that_could_be_compared() -> None:
    frame = samples(3, pair_score=[0.01, 0.0, 0.5], pair_off=[1.0, None, 1.0])
    assert judged("PAR007", frame) == [
        ("s/0", "the picture may belong to another label: look at both (pair score 0.01)")
    ]
    assert len(judged("PAR007", frame, below=0.9, budget=False)) == 2


def _pair_scores(right: int, wrong: int, seed: int = 0) -> list[float]:
    """Calibrated scores of pairs: with density 2s for right pairs and 2(1 - s) for wrong ones.

    They are sharpened, so that both lie near the ends, as in real sets.
    """
    rng = np.random.default_rng(seed)
    odds = np.r_[rng.normal(8, 4, right), rng.normal(-8, 4, wrong)]  # normals this far apart have log odds this wide
    return (1 / (1 + np.exp(-odds))).round(4).tolist()


@pytest.mark.parametrize("seed", range(5))
def test_a_set_of_right_pairs_has_no_doubtful_one_and_a_mixed_one_as_many_as_are_wrong(seed: int) -> None:
    clean = samples(4_000, pair_score=_pair_scores(4_000, 0, seed), pair_off=0.0)
    assert clean.filter(pl.col("pair_score") < 0.03).height > 2  # there are odd ones
    assert judged("PAR007", clean) == []
    assert len(judged("PAR007", clean, budget=False)) > 2
    mixed = samples(4_000, pair_score=_pair_scores(3_900, 100, seed), pair_off=0.0)
    found = {int(where.removeprefix("s/")) for where, _ in judged("PAR007", mixed)}
    assert 60 <= len(found) <= 130
    assert len([row for row in found if row >= 3_900]) >= 0.8 * len(found)


def test_alarms_that_chance_makes_are_none() -> None:
    turned = [4.0 + row / 100 if row < 8 else -5.0 for row in range(2_000)]  # 4 in 1,000, the most certain last
    assert judged("PAR012", samples(2_000, pair_turned=turned)) == []
    many = [4.0 + row / 100 if row < 40 else -5.0 for row in range(2_000)]
    assert [where for where, _ in judged("PAR012", samples(2_000, pair_turned=many))] == [
        f"s/{row}" for row in range(8, 40)
    ]


def test_lines() -> None:
    lines = [1, 1, 2, 2]
    frame = samples(4, label="x", pair_rows=lines, pair_lines=lines, ink_rows=[2, 3, 1, 1], pair_wide=[1.0, 1, 3, 1])
    assert judged("PAR005", frame) == [("s/1", "the picture seems to have 3 lines, and the label 1")]
    apart = samples(3, label=[r"\sum _ { i } x", r"\frac { a } { \frac { b } { c } }", "x"], pair_lines=1, ink_rows=3)
    assert [where for where, _ in judged("PAR005", apart)] == ["s/2"]
    assert judged("PAR006", frame) == [("s/2", "the label has 2 lines, and the picture seems to have 1")]


def test_width() -> None:
    frame = samples(4, pair_wide=[4.0, 0.25, 1.2, 4.0], pair_off=[9.0, -9.0, 9.0, 2.0])
    assert [where for where, _ in judged("PAR008", frame)] == ["s/0", "s/1"]
    # A thin stroke is as good a 1 as any other, but odd for a label as wide as it is high, as in s/1 now.
    box = {"ink_left": 10, "ink_top": 10, "ink_right": [50, 35, 20, 20], "ink_bottom": 110, "pair_lines": [1, 1, 1, 3]}
    thin = samples(4, pair_wide=[4.0, 0.25, 0.2, 0.2], pair_off=[9.0, -9.0, -9.0, -9.0], **box)
    assert [where for where, _ in judged("PAR008", thin)] == ["s/0", "s/1", "s/3"]


def test_orphans_are_one_finding_a_source() -> None:
    frame = samples(3, orphan_images=5, orphan_example="a.png, b.png, c.png, …")
    assert judged("PAR009", frame) == [(None, "no row names 5 image files, such as a.png, b.png, c.png, …")]
    assert judged("PAR009", samples(3, orphan_images=0, orphan_example="")) == []


def predicted(agree: int, count: int, score: float | None) -> pl.DataFrame:
    return samples(1, pred_differ=agree, pred_count=count, pred_agree=agree, pred_score=score, pred_where="`s` for `S`")


@pytest.mark.parametrize(
    ("agree", "count", "score", "code", "message"),
    [
        (2, 2, None, "PAR010", "2 of 2 predictions read `s` for `S`"),
        (2, 3, None, "PAR010", "2 of 3 predictions read `s` for `S`"),
        (1, 1, -0.01, "PAR010", "the prediction reads `s` for `S` (mean token probability 0.99)"),
        (1, 1, None, "PAR011", "the prediction reads `s` for `S`"),
        (1, 1, -1.0, "PAR011", "the prediction reads `s` for `S` (mean token probability 0.368)"),
        (1, 2, -0.01, "PAR011", "1 of 2 predictions reads `s` for `S` (mean token probability 0.99)"),
    ],
)
def test_predictions(agree: int, count: int, score: float | None, code: str, message: str) -> None:
    frame = predicted(agree, count, score).with_columns(pl.col("pred_score").cast(pl.Float64))
    other = "PAR011" if code == "PAR010" else "PAR010"
    assert judged(code, frame) == [("s/0", message)]
    assert judged(other, frame) == []


# Damage ---------------------------------------------------------------------------------------------------------------


def test_a_turned_picture() -> None:
    frame = samples(4, pair_turned=[-8.0, 3.4, 3.6, None])
    assert judged("PAR012", frame) == [("s/2", "the picture seems to be upside down")]
    assert [sample for sample, _ in judged("PAR012", frame, evidence=3.0)] == ["s/1", "s/2"]


def test_a_part_of_the_picture() -> None:
    frame = samples(4, pair_lacks=[-0.4, 0.25, 0.5, None], pair_lacks_gain=[6.0, 5.5, 4.0, None])
    assert judged("PAR013", frame) == [
        ("s/0", "the picture seems to lack the left 40 % of the formula"),
        ("s/1", "the picture seems to lack the right 25 % of the formula"),
    ]
    assert [sample for sample, _ in judged("PAR013", frame, evidence=5.8)] == ["s/0"]
