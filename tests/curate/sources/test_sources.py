"""What all formats share: decoding, limits, splits, ambiguity, image folders, and the same result on every read."""

from __future__ import annotations

import gzip
from pathlib import Path

import pytest
from source_makers import image, labels, read, write

from curate.base.errors import UserError
from curate.sources import parse_source, read_source


@pytest.mark.parametrize(
    ("name", "data"),
    [
        ("x.jsonl", b'{"label": "\\\\t|\\t|\\\\neq|\\\\\\\\t"}\n'),
        ("x.json", b'["\\\\t|\\t|\\\\neq|\\\\\\\\t"]'),
        ("y.json", b'[{"label": "\\\\t|\\t|\\\\neq|\\\\\\\\t"}]'),
        ("z.json", b'{\n"a.png": "\\\\t|\\t|\\\\neq|\\\\\\\\t"}'),
        ("m.json", b'{"name": "0.jpg", "tex": "\\\\t|\\t|\\\\neq|\\\\\\\\t"}\n'),
        ("s.jsonl", b'"\\\\t|\\t|\\\\neq|\\\\\\\\t"\n'),
    ],
)
def test_json_is_decoded_exactly_once(name: str, data: bytes, tmp_path: Path) -> None:
    assert labels(read(write(tmp_path / name, data))) == ["\\t|\t|\\neq|\\\\t"]


@pytest.mark.parametrize("name", ["x.txt", "x.csv", "x.tsv", "x.lst"])
def test_text_formats_decode_no_escapes(name: str, tmp_path: Path) -> None:
    header = "label\n" if name[2:] in ("csv", "tsv") else ""
    assert labels(read(write(tmp_path / name, header + "\\t \\n \\u0041 \\\\\n"))) == ["\\t \\n \\u0041 \\\\"]


def test_gzip(tmp_path: Path) -> None:
    path = write(tmp_path / "train_labels.txt.gz", gzip.compress(b"a.jpg \tx\n" * 3))
    source = read(path)
    assert (source.name, source.format, source.rows) == ("train_labels", "hme100k", 3)
    assert labels(read(write(tmp_path / "x.jsonl.gz", gzip.compress(b'{"label": "x"}\n')))) == ["x"]


def test_limit_counts_rows_over_all_splits(tmp_path: Path) -> None:
    write(tmp_path / "train_labels.txt", "a.jpg \tx\n\nc.jpg \ty\n")
    write(tmp_path / "test_labels.txt", "a.jpg \tx\nb.jpg \tx\n")
    source = read(tmp_path, limit=4)
    assert source.rows == 4
    assert (source.frame.height, source.unreadable.total) == (3, 1)
    assert read(tmp_path, limit=1).rows == 1
    for name, data in (
        ("a.json", '["1", "2", "3"]'),
        ("b.json", '{\n"a.png": "1", "b.png": "2", "c.png": "3"}'),
        ("c.csv", "label\na\nb\nc\n"),
        ("d.jsonl", '{"label": "1"}\n' * 3),
    ):
        assert labels(read(write(tmp_path / name, data), limit=2)) in (["1", "2"], ["a", "b"], ["1", "1"])


def test_an_ambiguous_source_lists_the_candidates(tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", "a.jpg\tx \\\\ y \\n z\n")
    with pytest.raises(UserError) as error:
        read(path)
    assert f"m2e:{path}" in str(error.value)
    assert f"mlhme38k:{path}" in str(error.value)
    assert labels(read(f"m2e:{path}")) == labels(read(f"mlhme38k:{path}")) == ["x \\\\ y \\n z"]


def test_an_image_folder_can_be_named(tmp_path: Path) -> None:
    image(tmp_path / "elsewhere" / "deep" / "a.jpg")
    path = write(tmp_path / "labels" / "x.txt", "a.jpg \tx\n")
    source = read_source(parse_source(str(path)), images=tmp_path / "elsewhere")
    assert source.root == (tmp_path / "elsewhere").resolve()
    assert source.frame["image"].to_list() == ["deep/a.jpg"]


def test_reading_twice_gives_the_same_frame(tmp_path: Path) -> None:
    for stem in "dbca":
        image(tmp_path / "set" / f"{stem}.jpg")
        write(tmp_path / "set" / f"{stem}.txt", stem)
    assert read(tmp_path / "set").frame.equals(read(tmp_path / "set").frame)
    assert labels(read(tmp_path / "set")) == list("abcd")
