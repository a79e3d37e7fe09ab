"""Formats with named columns: what each column is read as, and images inside tables."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image
from source_makers import ids, image, images, labels, read, write

from curate.base.errors import UserError
from curate.images.opening import open_image
from curate.sources import recognise
from curate.sources.model import NOT_FOUND


def test_jsonl_columns_in_the_order_of_the_contract(tmp_path: Path) -> None:
    rows = [
        {"id": 7, "file_name": "a.png", "tex": "T", "latex": "L", "writer": "w", "score": 0.5, "box": [1, 2]},
        {"id": 8, "file_name": None, "tex": "T", "latex": "L2", "writer": None, "score": 1},
    ]
    source = read(write(tmp_path / "x.jsonl", "".join(json.dumps(row) + "\n" for row in rows)))
    assert source.format == "jsonl"
    assert labels(source) == ["L", "L2"]
    assert ids(source) == ["x/7", "x/8"]
    assert images(source) == ["a.png", None]
    assert source.frame["tex"].to_list() == ["T", "T"]
    assert source.frame["writer"].to_list() == ["w", None]
    assert source.frame["box"].to_list() == ["[1, 2]", None]
    assert "score" not in source.frame.columns  # this name is reserved for texsieve's own column
    assert source.frame["source_score"].to_list() == [0.5, 1.0]


def test_columns_can_be_named(tmp_path: Path) -> None:
    path = write(tmp_path / "x.jsonl", '{"gt": "a", "label": "b", "photo": "1.png", "key": "k", "part": "dev"}\n')
    mapping = {"label": "gt", "image": "photo", "id": "key", "split": "part"}
    source = read(f"n={path}", columns=mapping)
    assert source.frame.drop("source_label", NOT_FOUND).rows() == [("n/dev/k", "n", "dev", "1.png", "a")]
    with pytest.raises(UserError, match=r"no column 'nope'.*gt, label, photo"):
        read(path, columns={"label": "nope"})


def test_no_label_column_lists_what_there_is(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"no label column .*it has: truth, pred; name one with --columns label:COLUMN"):
        read(write(tmp_path / "pred.json", '[{"truth": "a", "pred": "b"}]'))


def test_a_split_column_gives_the_splits(tmp_path: Path) -> None:
    path = write(tmp_path / "x.csv", "id,label,split\n1,a,train\n2,b,test\n3,c,train\n")
    assert ids(read(path)) == ["x/train/1", "x/test/2", "x/train/3"]
    assert ids(read(f"{path}#train")) == ["x/train/1", "x/train/3"]
    with pytest.raises(UserError, match="no split 'dev'; it has: test, train"):
        read(f"{path}#dev")


def test_a_name_column_is_an_image_only_where_it_looks_like_one(tmp_path: Path) -> None:
    assert images(read(write(tmp_path / "a.jsonl", '{"name": "eq1", "label": "x"}\n'))) == [None]
    assert images(read(write(tmp_path / "b.jsonl", '{"name": "1.png", "label": "x"}\n'))) == ["1.png"]


def test_one_json_object_that_maps_images_to_labels(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.json", json.dumps({"a.png": "x \\t", "b.png": "y"}, indent=1)))
    assert source.format == "jsonl"
    assert source.frame.select("image", "label").rows() == [("a.png", "x \\t"), ("b.png", "y")]


def test_csv_with_quotes_line_breaks_and_bare_carriage_returns(tmp_path: Path) -> None:
    data = b'\xef\xbb\xbfimage,label,n\r\n1.png,"a, ""b""\nc",1\r\n2.png,\\\rho x,2\r\n3.png,"",3\r\n'
    source = read(write(tmp_path / "x.csv", data))
    assert source.format == "csv"
    assert labels(source) == ['a, "b"\nc', "\\\rho x", ""]
    assert source.places["line"].to_list() == [2, 4, 5]
    assert source.frame["n"].to_list() == ["1", "2", "3"]


def test_tsv_literal_quotes_and_written_quotes(tmp_path: Path) -> None:
    source = read(write(tmp_path / "x.tsv", 'image\tlabel\n1.png\t"a"b\n2.png\t"x\ty"\n3.png\t"open\n4.png\tz\n'))
    assert source.format == "tsv"
    assert labels(source) == ['"a"b', "x\ty", '"open', "z"]


def test_imagefolder(tmp_path: Path) -> None:
    for split in ("train", "test"):
        image(tmp_path / split / "a.png")
        write(tmp_path / split / "metadata.jsonl", '{"file_name": "a.png", "text": "x"}\n')
    source = read(f"f={tmp_path}")
    assert source.format == "imagefolder"
    assert source.frame.rows() == [
        ("f/test/a.png", "f", "test", "test/a.png", "x"),
        ("f/train/a.png", "f", "train", "train/a.png", "x"),
    ]
    one = read(f"f={tmp_path / 'train'}")
    assert one.frame.rows() == [("f/a.png", "f", None, "a.png", "x")]
    csv = write(tmp_path / "c" / "metadata.csv", "file_name,text\nb.png,y\n")
    assert images(read(csv.parent)) == ["b.png"]
    assert recognise(csv).name == "imagefolder"


def test_parquet_with_paths_and_with_images_inside(tmp_path: Path) -> None:
    png = image(tmp_path / "a.png").read_bytes()
    frame = pl.DataFrame({"image": ["a.png", None], "label": ["x", "y"], "n": [1, 2]})
    frame.write_parquet(tmp_path / "paths.parquet")
    source = read(tmp_path / "paths.parquet")
    assert source.format == "parquet"
    assert images(source) == ["a.png", None]
    assert source.frame["n"].to_list() == [1, 2]
    inside = pl.DataFrame(
        {"img": [{"bytes": png, "path": "p.png"}, {"bytes": png, "path": "q.png"}], "text": ["x", None]}
    )
    inside.write_parquet(tmp_path / "inside.parquet")
    source = read(tmp_path / "inside.parquet")
    assert images(source) == ["inside.parquet#img:0"]
    assert ids(source) == ["inside/p.png"]
    assert [(row.line, row.reason) for row in source.unreadable.rows] == [(2, "the label is missing")]


def test_hub_layout_of_parquet_shards(tmp_path: Path) -> None:
    for number in (0, 1):
        pl.DataFrame({"id": [f"r{number}"], "latex": ["x"]}).write_parquet(
            tmp_path / f"train-{number:05d}-of-00002.parquet"
        )
    source = read(f"s={tmp_path}")
    assert source.format == "hf"
    assert ids(source) == ["s/train/r0", "s/train/r1"]


def test_save_to_disk_and_the_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "latex": datasets.Value("string")})
    rows = {"image": [Image.new("L", (3 + at, 2)) for at in range(3)], "latex": ["a", "b \\t", "c\t"]}
    data = datasets.Dataset.from_dict(rows, features=features)
    both = datasets.DatasetDict({"train": data, "test": data.select([2, 0])})
    both.save_to_disk(str(tmp_path / "saved"))
    source = read(tmp_path / "saved")
    assert source.format == "hf"
    assert {key: len(value) for key, value in source.frame.group_by("split")} == {("train",): 3, ("test",): 2}
    assert labels(read(f"{tmp_path / 'saved'}#test")) == ["c\t", "a"]
    widths = [open_image(source.root, ref).width for ref in images(read(f"{tmp_path / 'saved'}#test")) if ref]
    assert widths == [5, 3]

    # From the hub's cache: what load_dataset returns is backed by Arrow files.
    asked: list[tuple[str | None, ...]] = []

    def load_dataset(name: str, config: str | None, revision: str | None) -> datasets.DatasetDict:
        asked.append((name, config, revision))
        return datasets.load_from_disk(str(tmp_path / "saved"))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    hub = read("hf:org/formulas:big@refs/convert/parquet#train")
    assert asked == [("org/formulas", "big", "refs/convert/parquet")]
    assert hub.name == "formulas"
    assert labels(hub) == ["a", "b \\t", "c\t"]
    assert [open_image(hub.root, ref).width for ref in images(hub) if ref] == [3, 4, 5]

    read("hf:org/formulas@v1.0")
    read("h=hf:org/formulas")
    assert asked[1:] == [("org/formulas", None, "v1.0"), ("org/formulas", None, None)]

    def fail(name: str, config: str | None, revision: str | None) -> None:
        raise ValueError("Config name is missing.\nPlease pick one among ['big']")

    monkeypatch.setattr(datasets, "load_dataset", fail)
    with pytest.raises(
        UserError,
        match=r"hf:org/formulas: can't be loaded .*Config name is missing. Please pick .*'big'\] .*:CONFIG@REV",
    ):
        read("hf:org/formulas")


@pytest.mark.parametrize("kind", [pl.String, pl.Null])
def test_images_of_which_only_the_bytes_are_stored(kind: pl.DataType, tmp_path: Path) -> None:
    """`datasets` stores no path of pictures that were made in memory; the column may even have no type."""
    schema = {"image": pl.Struct({"bytes": pl.Binary, "path": kind}), "text": pl.String}
    rows = {"image": [{"bytes": b"a", "path": None}, {"bytes": b"b", "path": None}], "text": ["x", "y"]}
    for name in ("a.parquet", "a.arrow"):
        frame = pl.DataFrame(rows, schema=schema)
        frame.write_parquet(tmp_path / name) if name.endswith("parquet") else frame.write_ipc(tmp_path / name)
        source = read(tmp_path / name)
        assert images(source) == [f"{name}#image:0", f"{name}#image:1"]
        assert ids(source) == ["a/1", "a/2"]
