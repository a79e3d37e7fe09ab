"""A table as one JSON value, in every form that pandas writes; pandas writes the files and reads the fixed ones."""

from __future__ import annotations

import json
from io import StringIO
from pathlib import Path
from typing import Any, Literal

import pandas as pd
import pytest
from source_makers import image, images, labels, read, write

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group

Orient = Literal["columns", "index", "split", "table", "records"]
_ORIENTS: tuple[Orient, ...] = ("columns", "index", "split", "table", "records")
#: With a slash, quotes, a letter outside ASCII and digits only, which pandas writes and reads in its own way.
_TEXTS = ["x  +  y", r"\frac { a } { b }", 'a / "b"', "é ^ 2", "2"]
_FIXED = {"x  +  y": "x + y", 'a / "b"': 'a / " b "', "é ^ 2": "é ^ { 2 }"}


def _frame(columns: tuple[str, ...] = ("image", "latex", "id")) -> pd.DataFrame:
    rows = {"image": [f"images/{n}.png" for n in range(5)], "latex": _TEXTS, "id": [f"s{n}" for n in range(5)]}
    return pd.DataFrame({name: rows[name] for name in columns})


def _back(path: Path, orient: Orient) -> pd.DataFrame:
    kind: Any = None if orient == "table" else False
    return pd.read_json(StringIO(path.read_text(encoding="utf-8")), orient=orient, dtype=kind)


@pytest.mark.parametrize("orient", _ORIENTS)
@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("columns", [("image", "latex", "id"), ("latex", "id", "image")])
def test_every_form_is_read_and_written_back(
    orient: Orient, indent: int | None, columns: tuple[str, ...], tmp_path: Path
) -> None:
    for n in range(5):
        image(tmp_path / "images" / f"{n}.png")
    path = tmp_path / "labels.json"
    frame = _frame(columns)
    frame.to_json(path, orient=orient, indent=indent)
    source = read(tmp_path)
    assert (source.format, source.rows, source.unreadable.total) == ("jsonl", 5, 0)
    assert labels(source) == _TEXTS
    assert images(source) == list(frame["image"])
    assert source.frame["sample_id"].str.split("/").list.last().to_list() == list(frame["id"])
    assert labels(read(tmp_path, limit=2)) == _TEXTS[:2]
    assert read(tmp_path, limit=2).rows == 2
    before = path.read_text()
    arguments = ["fix", str(path), "--style", "canonical", "--out", str(tmp_path / "fixed.json")]
    assert run("curate", main_group, arguments) == 0
    expected = frame.assign(latex=[_FIXED.get(text, text) for text in _TEXTS])
    written = _back(tmp_path / "fixed.json", orient)
    pd.testing.assert_frame_equal(written.reset_index(drop=True)[list(columns)], expected, check_dtype=False)
    assert path.read_text() == before


@pytest.mark.parametrize("orient", ["columns", "index", "split"])
def test_the_index_pairs_rows_with_numbered_images(orient: Orient, tmp_path: Path) -> None:
    frame = _frame(("latex",)).sample(frac=1, random_state=3)
    frame.to_json(tmp_path / "labels.json", orient=orient)
    for n in range(5):
        image(tmp_path / "images" / f"{n:04d}.png")
    source = read(tmp_path)
    pairs = dict(zip(labels(source), images(source), strict=True))
    assert pairs == {text: f"images/{n:04d}.png" for n, text in enumerate(_TEXTS)}


def test_lists_by_column_and_records_by_image(tmp_path: Path) -> None:
    for n in range(5):
        image(tmp_path / "images" / f"{n}.png")
    write(tmp_path / "labels.json", json.dumps(_frame().to_dict("list")))
    assert list(zip(images(read(tmp_path)), labels(read(tmp_path)), strict=True)) == [
        (f"images/{n}.png", text) for n, text in enumerate(_TEXTS)
    ]
    write(tmp_path / "labels.json", json.dumps({f"{n}.png": {"latex": text} for n, text in enumerate(_TEXTS)}))
    assert list(zip(images(read(tmp_path)), labels(read(tmp_path)), strict=True)) == [
        (f"images/{n}.png", text) for n, text in enumerate(_TEXTS)
    ]


def test_a_series_is_paired_by_its_index(tmp_path: Path) -> None:
    series = pd.Series(_TEXTS).sample(frac=1, random_state=4)
    series.to_json(tmp_path / "labels.json")
    assert labels(read(tmp_path / "labels.json")) == list(series)
    write(tmp_path / "others.json", json.dumps({str(n): "abcde"[n] for n in range(5)}))  # a vocabulary, perhaps
    with pytest.raises(UserError, match="no label column"):
        read(tmp_path)
    (tmp_path / "others.json").unlink()
    for n in range(5):
        image(tmp_path / "images" / f"{n:05d}.png")
    source = read(tmp_path)
    pairs = dict(zip(labels(source), images(source), strict=True))
    assert pairs == {text: f"images/{n:05d}.png" for n, text in enumerate(_TEXTS)}
    arguments = ["fix", str(tmp_path / "labels.json"), "--style", "canonical", "--out", str(tmp_path / "fixed.json")]
    assert run("curate", main_group, arguments) == 0
    fixed = pd.read_json(tmp_path / "fixed.json", typ="series", dtype=False)
    assert dict(fixed) == {n: _FIXED.get(text, text) for n, text in enumerate(_TEXTS)}


def test_missing_labels_are_counted(tmp_path: Path) -> None:
    frame = _frame().astype(object)
    frame.loc[2, "latex"] = None
    for orient in _ORIENTS:
        frame.to_json(tmp_path / "labels.json", orient=orient)
        source = read(tmp_path / "labels.json")
        assert labels(source) == [text for at, text in enumerate(_TEXTS) if at != 2]
        assert dict(source.unreadable.by_reason) == {"the label is missing": 1}


def test_rows_without_names_say_what_to_write(tmp_path: Path) -> None:
    _frame().to_json(tmp_path / "labels.json", orient="values")
    with pytest.raises(UserError, match=r'orient="records", lines=True\)$') as error:
        read(tmp_path)
    assert "\n" not in str(error.value)
    _frame().to_json(tmp_path / "labels.json", orient="records", lines=True)  # as it says
    assert labels(read(tmp_path)) == _TEXTS


def test_one_line_may_be_longer_than_a_record(tmp_path: Path) -> None:
    texts = [f"{n} + " + "x + " * 250 + "y" for n in range(10_000)]
    pd.DataFrame({"latex": texts}).to_json(tmp_path / "labels.json")
    assert (tmp_path / "labels.json").stat().st_size > 9 << 20
    assert labels(read(tmp_path)) == texts
    write(tmp_path / "labels.json", json.dumps({f"{n}.png": text for n, text in enumerate(texts)}))
    assert labels(read(tmp_path / "labels.json")) == texts
