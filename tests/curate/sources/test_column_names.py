"""The column names that people use: which column is read, what it may hold, and what is said about the others."""

from __future__ import annotations

import base64
import io
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image
from source_makers import image, images, labels, read, write

from curate.base.column_names import DOUBTFUL_IMAGES, IMAGE_COLUMNS, IMAGE_IDS, LABEL_COLUMNS, find_column
from curate.base.errors import UserError
from curate.images.opening import open_image
from curate.sources.columns import BASE64_IMAGES, SEVERAL_IMAGES
from curate.sources.model import NOT_FOUND

PNG = io.BytesIO()
Image.new("L", (40, 40), 255).save(PNG, "PNG")


def jsonl(folder: Path, *rows: dict[str, Any]) -> Path:
    image(folder / "img" / "a.png")
    return write(folder / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows))


@pytest.mark.parametrize("name", IMAGE_COLUMNS)
@pytest.mark.parametrize("form", ["jsonl", "csv", "tsv", "parquet"])
def test_every_image_name_in_every_kind_of_table(name: str, form: str, tmp_path: Path) -> None:
    image(tmp_path / "img" / "a.png")
    frame = pl.DataFrame({name.upper(): ["/home/alice/img/a.png", "img/a.png"], "formula": ["x", "y"]})
    path = tmp_path / f"x.{form}"
    if form == "jsonl":
        frame.write_ndjson(path)
    elif form == "parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="," if form == "csv" else "\t")
    assert images(read(path)) == ["img/a.png"] * 2


@pytest.mark.parametrize("name", LABEL_COLUMNS)
def test_every_label_name(name: str, tmp_path: Path) -> None:
    assert labels(read(jsonl(tmp_path, {"image": "a.png", name: "x ^ 2"}))) == ["x ^ 2"]
    assert labels(read(write(tmp_path / "y.csv", f"n,{name}\n1,x ^ 2\n"))) == ["x ^ 2"]


def test_the_names_are_tried_without_a_second_time() -> None:
    for names in (LABEL_COLUMNS, IMAGE_COLUMNS):
        assert len({name.lower() for name in names}) == len(names)
    assert {*DOUBTFUL_IMAGES, *IMAGE_IDS} < set(IMAGE_COLUMNS)
    assert find_column(["NORMALIZEDLABEL"], LABEL_COLUMNS) == "NORMALIZEDLABEL"


@pytest.mark.parametrize(
    ("value", "where"),
    [
        ("a.png", "img/a.png"),
        (["a.png"], "img/a.png"),
        ({"path": "a.png"}, "img/a.png"),
        ({"bytes": None, "path": "/x/img/a.png"}, "img/a.png"),
        ([{"path": "img/a.png"}], "img/a.png"),
        ([[{"file_name": "a.png"}]], "img/a.png"),
        ([], None),
        ({"bytes": base64.b64encode(PNG.getvalue()).decode()}, None),
        ("data:image/png;base64," + base64.b64encode(PNG.getvalue()).decode(), None),
        (base64.b64encode(PNG.getvalue() + b"x" * 300).decode(), None),
    ],
)
def test_what_the_image_of_a_row_may_be(value: Any, where: str | None, tmp_path: Path) -> None:
    source = read(jsonl(tmp_path, {"images": "a.png", "label": "x"}, {"images": value, "label": "y"}))
    assert labels(source) == ["x", "y"]
    assert images(source) == ["img/a.png", where]
    text = where is None and value != []
    assert source.notes.get(BASE64_IMAGES, 0) == text


@pytest.mark.parametrize("value", [["a.png", "b.png"], [["a.png"], ["b.png"]]])
def test_several_images_of_one_label_are_a_counted_row(value: Any, tmp_path: Path) -> None:
    source = read(jsonl(tmp_path, {"images": ["a.png"], "label": "x"}, {"images": value, "label": "y"}))
    assert labels(source) == ["x"]
    assert dict(source.unreadable.by_reason) == {SEVERAL_IMAGES: 1}


@pytest.mark.parametrize("name", IMAGE_IDS)
def test_ids_are_images_where_files_are_called_so(name: str, tmp_path: Path) -> None:
    for number in (7, 8):
        image(tmp_path / "img" / f"{number}.png")
    rows = [{name: 7, "label": "x"}, {name: 8, "label": "y"}]
    assert images(read(jsonl(tmp_path, *rows))) == ["img/7.png", "img/8.png"]
    source = read(jsonl(tmp_path, {name: 17, "label": "x"}))
    assert images(source) == [None]
    assert NOT_FOUND not in source.frame.columns
    assert source.frame["sample_id"].to_list() == ["x/17"]


@pytest.mark.parametrize("name", DOUBTFUL_IMAGES)
def test_a_doubtful_name_whose_values_are_no_images_is_no_image(name: str, tmp_path: Path) -> None:
    source = read(jsonl(tmp_path, {name: "chapter 1", "label": "x"}))
    assert images(source) == [None]
    assert source.notes == {}


def test_the_first_of_several_label_names_is_taken_and_the_others_are_named(tmp_path: Path) -> None:
    row = {"image": "a.png", "caption": "A formula.", "text": "the root of x", "latex": "\\sqrt x", "answer": None}
    source = read(jsonl(tmp_path, row))
    assert labels(source) == ["\\sqrt x"]
    (note,) = [note for note in source.notes if "labels" in note]
    assert note == (
        "labels are taken from the column 'latex'; 'caption', 'text' could be labels too; "
        "to use it instead: --columns label:caption"
    )
    assert read(jsonl(tmp_path, row), columns={"label": "text"}).notes == {}


def test_a_column_that_looks_like_images_is_named_with_what_to_write(tmp_path: Path) -> None:
    path = jsonl(tmp_path, {"scan": "a.png", "label": "x", "page": 3})
    source = read(path)
    assert images(source) == [None]
    assert source.notes == {"column 'scan' looks like images but is not used; to use it: --columns image:scan": 1}
    assert images(read(path, columns={"image": "scan"})) == ["img/a.png"]


# --- parquet ---------------------------------------------------------------------------------------------------------

STORED = {"bytes": PNG.getvalue(), "path": "a.png"}


@pytest.mark.parametrize(
    ("value", "opens"),
    [
        (STORED, True),
        (PNG.getvalue(), True),
        ([STORED], True),
        ({"bytes": None, "path": "a.png"}, False),
        ({"path": "/x/img/a.png"}, False),
        (["img/a.png"], False),
        ([{"path": "a.png"}], False),
    ],
)
def test_what_the_image_of_a_table_may_be(value: Any, opens: bool, tmp_path: Path) -> None:
    image(tmp_path / "img" / "a.png")
    pq.write_table(pa.table({"images": [value, value], "latex": ["x", "y"]}), tmp_path / "x.parquet")
    source = read(tmp_path / "x.parquet")
    assert images(source) == (["x.parquet#images:0", "x.parquet#images:1"] if opens else ["img/a.png"] * 2)
    for ref in images(source):
        assert open_image(source.root, ref or "").width in (6, 40)


def test_images_of_saved_sets_that_were_never_put_in(tmp_path: Path) -> None:
    image(tmp_path / "img" / "a.png")
    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    for kept in (kind, pa.list_(kind)):
        value = {"bytes": None, "path": "/home/alice/img/a.png"}
        values = [[value]] * 2 if kept != kind else [value] * 2
        table = pa.table({"image": pa.array(values, kept), "latex": ["x", "y"]})
        pq.write_table(table, tmp_path / "x.parquet")
        assert images(read(tmp_path / "x.parquet")) == ["img/a.png"] * 2
        with pa.OSFile(str(tmp_path / "x.arrow"), "wb") as sink, pa.ipc.new_stream(sink, table.schema) as writer:
            writer.write_table(table)
        assert images(read(f"hf:{tmp_path / 'x.arrow'}")) == ["img/a.png"] * 2


def test_several_images_in_a_row_of_a_table_are_counted(tmp_path: Path) -> None:
    for rows in ([["a.png"], ["a.png", "b.png"]], [[STORED], [STORED, STORED]]):
        image(tmp_path / "img" / "a.png")
        pq.write_table(pa.table({"images": rows, "latex": ["x", "y"]}), tmp_path / "x.parquet")
        source = read(tmp_path / "x.parquet")
        assert labels(source) == ["x"]
        assert dict(source.unreadable.by_reason) == {SEVERAL_IMAGES: 1}


def test_images_of_a_table_under_another_name_are_named(tmp_path: Path) -> None:
    for value in (STORED, PNG.getvalue(), "scan/a.png"):
        pq.write_table(pa.table({"scan": [value], "latex": ["x"]}), tmp_path / "x.parquet")
        note = "column 'scan' looks like images but is not used; to use it: --columns image:scan"
        assert read(tmp_path / "x.parquet").notes == {note: 1}
    pq.write_table(pa.table({"scan": [3.5], "latex": ["x"]}), tmp_path / "x.parquet")
    with pytest.raises(UserError, match="neither paths nor images"):
        read(tmp_path / "x.parquet", columns={"image": "scan"})
