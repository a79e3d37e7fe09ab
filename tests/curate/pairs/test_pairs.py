"""Pair scores on formulas that the tests draw. test_pairs_shared has the real sets."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import rules
from curate.demo.grammar import grow
from curate.demo.printed import PRINTED_KINDS
from curate.images.measures import MEASURES, measure
from curate.pairs import PAIR_COLUMNS, drawing_cache, rendered, with_pairs
from curate.pairs.drawing_cache import Kept
from curate.pairs.guessed_layout import Layout, layout_of
from curate.pairs.orphans import with_orphans
from curate.render import render_png
from rules.latex import lexer
from rules.registry import all_rules

COUNT = 120


def layout(label: str) -> Layout:
    return layout_of(lexer.tokens(label))


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """The share of (right, wrong) pairs in which the right one has the higher score; ties count half."""
    differences = right[:, None] - wrong[None, :]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def keyed(frame: pl.DataFrame) -> pl.DataFrame:
    return frame.with_columns(rules.visual_key(frame["label"]).alias("visual_key"))


def judged(code: str, frame: pl.DataFrame) -> list[str | None]:
    rule = all_rules()[code]
    return rule.judge(frame, rule.options)["sample_id"].to_list()


@pytest.fixture(scope="module")
def printed() -> pl.DataFrame:
    """Labels of one to three demo formulas, each with the measures of its drawing at a random scale."""
    rng = Random(11)
    pieces = [formula.label for formula in grow(PRINTED_KINDS, 200, rng)]
    labels = [r" \quad ".join(rng.sample(pieces, rng.randint(1, 3))) for _ in range(COUNT)]
    rows = [measure(Image.open(io.BytesIO(render_png(label, scale=rng.choice((1.5, 1.7)))))) for label in labels]
    frame = pl.DataFrame(rows, schema=MEASURES, orient="row").with_columns(
        pl.Series("sample_id", [f"s/{number}" for number in range(COUNT)]),
        pl.lit("s").alias("source"),
        pl.lit(None, pl.String).alias("split"),
        pl.Series("label", labels),
    )
    return keyed(frame)


@pytest.fixture(scope="module")
def drawn_once(tmp_path_factory) -> Path:
    return tmp_path_factory.mktemp("cache")


def swapped(frame: pl.DataFrame, every: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Rotate the labels among rows `every` apart; also returns which rows are wrong."""
    labels = frame["label"].to_list()
    rows = list(range(0, frame.height, every))
    for row, other in zip(rows, [*rows[1:], rows[0]], strict=True):
        labels[row] = frame["label"][other]
    changed = keyed(frame.with_columns(pl.Series("label", labels)))
    return changed, (changed["visual_key"] != frame["visual_key"]).to_numpy()


def test_swapped_labels_have_the_lowest_scores(printed: pl.DataFrame, drawn_once: Path) -> None:
    frame, wrong = swapped(printed, 15)
    assert wrong.sum() == 8
    scored = with_pairs(frame, cache=drawn_once)
    scores = scored["pair_score"].to_numpy()
    assert auc(scores[~wrong], scores[wrong]) > 0.98
    assert np.median(scores[~wrong]) > 0.9
    doubtful = set(judged("PAR007", scored))
    assert doubtful <= {f"s/{row}" for row in np.flatnonzero(wrong)}
    assert len(doubtful) >= 4
    assert judged("PAR001", scored) == []


def test_the_same_input_gives_the_same_columns(printed: pl.DataFrame, drawn_once: Path) -> None:
    first, second = (with_pairs(printed, cache=drawn_once).select(list(PAIR_COLUMNS)) for _ in range(2))
    assert first.equals(second)
    assert dict(first.schema) == PAIR_COLUMNS


def test_a_shifted_set_is_one_finding(printed: pl.DataFrame, drawn_once: Path) -> None:
    labels = printed["label"].to_list()
    shifted = keyed(printed.with_columns(pl.Series("label", [*labels[-1:], *labels[:-1]])))
    scored = with_pairs(shifted, cache=drawn_once)
    rule = all_rules()["PAR001"]
    message, *rows = rule.judge(scored, rule.options)["message"].to_list()
    assert message.startswith("pairs are shifted by +1: from s/0 to s/118 ")
    assert len(rows) == COUNT
    assert judged("PAR007", scored) == []


def test_a_second_run_draws_nothing(printed: pl.DataFrame, tmp_path: Path, monkeypatch) -> None:
    few = printed.head(70)
    first = with_pairs(few, cache=tmp_path)

    def drawn(labels, **options):
        assert list(labels) == []
        return iter(())

    monkeypatch.setattr(rendered, "render_many", drawn)
    assert with_pairs(few, cache=tmp_path).equals(first)


def test_a_broken_cache_is_no_cache(tmp_path: Path) -> None:
    schema = {"a": pl.Int32}
    kept = Kept(tmp_path, schema, Path(__file__))
    kept.put("x", (1,))
    kept.put("bad", ())
    kept.save()
    again = Kept(tmp_path, schema, Path(__file__))
    assert (again.get("x"), again.get("bad"), again.get("y")) == ((1,), (), None)
    assert Kept(tmp_path, {"b": pl.Int32}, Path(__file__)).get("x") is None
    again.path.write_bytes(b"PAR1 and no more")
    assert Kept(tmp_path, schema, Path(__file__)).get("x") is None
    (tmp_path / "file").write_text("")
    blocked = Kept(tmp_path / "file", schema, Path(__file__))
    blocked.put("x", (1,))
    blocked.save()


def test_drawings_of_the_last_run_are_kept_even_if_there_is_no_room_for_more(tmp_path, monkeypatch):
    schema = {"a": pl.Int32}
    first = Kept(tmp_path, schema, Path(__file__))
    for label in "xyz":
        first.put(label, (1,))
    first.save()
    monkeypatch.setattr(drawing_cache, "MOST", 3)
    second = Kept(tmp_path, schema, Path(__file__))
    assert second.get("x") == (1,)
    second.put("new", ())
    second.save()
    third = Kept(tmp_path, schema, Path(__file__))
    assert [third.get(label) for label in ("x", "new", "y")] == [(1,), (), None]


def test_small_sets_are_judged_by_what_is_known_beforehand(printed: pl.DataFrame) -> None:
    few, wrong = swapped(printed.head(30), 3)
    scores = with_pairs(few)["pair_score"].to_numpy()
    assert auc(scores[~wrong], scores[wrong]) > 0.85
    assert (scores[~wrong] > 0.03).all()
    assert judged("PAR007", with_pairs(few)) == []


def test_blank_labels_and_pictures(printed: pl.DataFrame) -> None:
    blank = measure(Image.new("L", (40, 20), 255))
    rows = pl.DataFrame([blank, blank, (None,) * len(MEASURES)], schema=MEASURES, orient="row")
    frame = pl.concat([printed.head(1).select(list(MEASURES)), rows]).with_columns(
        pl.Series("sample_id", list("abcd")),
        pl.lit("s").alias("source"),
        pl.lit(None, pl.String).alias("split"),
        pl.Series("label", ["% nothing", "", "x", "x"]),
        pl.lit(None, pl.String).alias("visual_key"),
    )
    scored = with_pairs(frame)
    assert scored["pair_score"].to_list() == [0.0, 1.0, 0.0, None]
    assert judged("PAR007", scored) == []


def test_nothing_is_known_without_measures() -> None:
    frame = pl.DataFrame({"sample_id": ["a"], "source": ["s"], "split": [None], "label": ["x"], "visual_key": [None]})
    scored = with_pairs(frame)
    assert scored.columns == [*frame.columns, *PAIR_COLUMNS]
    assert scored.select(list(PAIR_COLUMNS)).null_count().row(0) == (1,) * len(PAIR_COLUMNS)
    empty = with_pairs(frame.clear().with_columns(pl.lit(None, kind).alias(name) for name, kind in MEASURES.items()))
    assert empty.height == 0
    assert "pair_score" in empty.columns


# Layout ---------------------------------------------------------------------------------------------------------------


def test_layouts_have_the_shape_of_their_formula() -> None:
    plain, fraction, script = layout("a b"), layout(r"\frac { a } { b }"), layout("a ^ { b }")
    assert plain.width > fraction.width
    assert fraction.height > 2 * plain.height
    assert plain.height < script.height
    assert script.width < plain.width


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        ("a", 1),
        (r"a \\ b", 2),
        (r"\begin{aligned} a & b \\ c & d \\ e \end{aligned}", 3),
        (r"x = \begin{array}{l} a \\ b \end{array}", 1),
        (r"1 + 1 \n = 2 \t 3", 3),
        ("", 1),
    ],
)
def test_rows(label: str, rows: int) -> None:
    assert layout(label).rows == rows


_PIECES = [
    *"ab{}^_&[]()'12=+",
    *(f"\\{name}" for name in ("frac", "sqrt", "over", "sum", "left", "right", "hat", "stackrel", "matrix", "label")),
    "\\begin{array}",
    "\\end{array}",
    "\\\\",
    "\\begin{cases}",
    "\\end{cases}",
    "字",
]


@given(st.lists(st.sampled_from(_PIECES), max_size=40))
def test_anything_can_be_laid_out(pieces: list[str]) -> None:
    laid = layout(" ".join(pieces))
    assert np.isfinite([laid.width, laid.height]).all()
    assert laid.rows >= 1
    assert all(np.isfinite(part).all() for part in laid.parts)


def test_deep_and_long_labels_end() -> None:
    layout("{" * 5000 + "x" + "}" * 5000)
    layout(r"\frac{" * 500 + "x")
    layout(r"\sqrt" * 2000)
    layout(r"\left(" * 2000)
    layout(r"x^" * 2000)


# Orphans --------------------------------------------------------------------------------------------------------------


def test_orphans_are_images_that_no_row_of_the_run_names(tmp_path: Path) -> None:
    for name in ("a.png", "b.PNG", "c.png", "notes.txt", "away/z.png", "other/y.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"")
    frame = pl.DataFrame(
        {
            "source": ["s", "s", "t", "u"],
            "image": ["a.png", "away/z.png", "c.png", None],
        }
    )
    found = with_orphans(frame, [(name, tmp_path) for name in "stu"])
    assert found.rows() == [
        ("s", "a.png", 1, "b.PNG"),
        ("s", "away/z.png", 1, "b.PNG"),
        ("t", "c.png", 1, "b.PNG"),
        ("u", None, None, None),
    ]
