"""Whole data sets in archives: read as the folder they contain, named after the archive, images left inside."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from archive_makers import png, tarred, zipped
from source_makers import ids, images, labels, read, write

from curate.base.errors import UserError
from curate.fix.files import check_format
from curate.images.opening import open_image, probe, stamps
from curate.sources import Source
from curate.sources.packed import opened

CAPTION = {"train/caption.txt": "a_1\tx ^ { 2 }\nb_2\ty\n", "2014/caption.txt": "a_1\tz\n\n"}
HMER = {
    **CAPTION,
    "train/img/a_1.bmp": png(10),
    "train/img/b_2.bmp": png(11),
    "2014/img/a_1.bmp": png(12),
}
INK = """<ink xmlns="http://www.w3.org/2003/InkML"><annotation type="truth">$x$</annotation>
<trace>0 0, 10 10, 20 0</trace></ink>"""


def widths(source: Source) -> list[int | None]:
    frame = probe(source.root, [ref or "" for ref in images(source)], measures=True)
    assert frame["error"].null_count() == frame.height, frame["error"].to_list()
    return frame["width"].to_list()


def test_a_data_set_in_a_zip_file(tmp_path: Path) -> None:
    path = zipped(tmp_path / "data.zip", {f"data/{name}": data for name, data in HMER.items()})
    source = read(path)
    assert (source.format, source.name, source.path, source.root) == ("crohme", "data", path, tmp_path)
    assert ids(source) == ["data/test_2014/a_1", "data/train/a_1", "data/train/b_2"]
    assert images(source) == [
        "data.zip#data/2014/img/a_1.bmp",
        "data.zip#data/train/img/a_1.bmp",
        "data.zip#data/train/img/b_2.bmp",
    ]
    assert widths(source) == [12, 10, 11]
    assert (
        source.places["file"].to_list() == ["data.zip/data/2014/caption.txt"] + ["data.zip/data/train/caption.txt"] * 2
    )
    assert [row.file for row in source.unreadable.rows] == ["data.zip/data/2014/caption.txt"]
    assert stamps(source.root, ["data.zip#data/2014/img/a_1.bmp"])["size"].to_list() == [path.stat().st_size]
    assert ids(read(f"x={path}#2014")) == ["x/test_2014/a_1"]


@pytest.mark.parametrize(("name", "mode"), [("d.tar", "w"), ("d.tar.xz", "w:xz"), ("d.tgz", "w:gz")])
def test_a_data_set_in_a_tar_file(name: str, mode: str, tmp_path: Path, cache: Path) -> None:
    source = read(tarred(tmp_path / name, {f"./{name}": data for name, data in HMER.items()}, mode))
    assert widths(source) == [12, 10, 11]
    assert images(source)[0] == f"{name}#2014/img/a_1.bmp"
    before = {entry.name for entry in (cache / "unpacked").iterdir()}
    assert widths(read(tmp_path / name)) == [12, 10, 11]
    assert {entry.name for entry in (cache / "unpacked").iterdir()} == before


def test_a_folder_of_nothing_but_the_archive(tmp_path: Path) -> None:
    folder = tmp_path / "hmer"
    write(folder / "README.md", "# HMER\nRead this.\n")
    write(folder / "LICENSE", "Free.\n")
    zipped(folder / "data.zip", HMER)
    source = read(folder)
    assert ids(source) == ["hmer/test_2014/a_1", "hmer/train/a_1", "hmer/train/b_2"]
    assert widths(source) == [12, 10, 11]
    assert source.places["file"][0] == "data.zip/2014/caption.txt"
    assert source.packed
    with pytest.raises(UserError, match="unpack it"):
        check_format(source)


def test_an_archive_a_split(tmp_path: Path) -> None:
    for at, split in enumerate(("train", "test")):
        zipped(tmp_path / "m" / f"{split}.zip", {"labels.txt": "0.png\tx\n1.png\ty\n", "0.png": png(10 + at)})
    source = read(f"hme100k:{tmp_path / 'm'}")
    assert sorted(ids(source)) == ["m/test/0.png", "m/test/1.png", "m/train/0.png", "m/train/1.png"]
    refs = dict(source.frame.select("sample_id", "image").iter_rows())
    assert (refs["m/train/0.png"], refs["m/test/0.png"]) == ("train.zip#0.png", "test.zip#0.png")
    assert set(source.frame["split"]) == {"train", "test"}


def test_labels_and_pictures_in_archives_of_their_own(tmp_path: Path) -> None:
    zipped(tmp_path / "m" / "labels.zip", {"train_labels.txt": "0.png\tx\n1.png\ty\n"})
    zipped(tmp_path / "m" / "train_images.zip", {"0.png": png(10), "1.png": png(11)})
    assert widths(read(tmp_path / "m")) == [10, 11]


def test_pictures_named_by_numbers(tmp_path: Path) -> None:
    members = {"cpe.txt": "x\ny\n", "cpe/0000000.png": png(10), "cpe/0000001.png": png(11)}
    source = read(zipped(tmp_path / "UniMER-Test.zip", {f"UniMER-Test/{name}": data for name, data in members.items()}))
    assert (source.format, widths(source)) == ("unimer", [10, 11])


def test_a_pickle_in_an_archive(tmp_path: Path) -> None:
    arrays = {"a_1": np.zeros((3, 10), np.uint8), "b_2": np.zeros((3, 11), np.uint8)}
    path = zipped(tmp_path / "data_crohme.zip", {**CAPTION, "train/images.pkl": pickle.dumps(arrays)})
    source = read(f"{path}#train")
    assert images(source) == ["data_crohme.zip#train/images.pkl#a_1", "data_crohme.zip#train/images.pkl#b_2"]
    assert widths(source) == [10, 11]


def test_tables_in_an_archive(tmp_path: Path, cache: Path) -> None:
    table = io.BytesIO()
    rows = {"formula": ["x", "y"], "image": [{"bytes": png(10), "path": "a"}, {"bytes": png(11), "path": "b"}]}
    pl.DataFrame(rows).write_parquet(table)
    source = read(zipped(tmp_path / "im2latex.zip", {"data/train.parquet": table.getvalue()}))
    assert images(source) == ["im2latex.zip#data/train.parquet#image:0", "im2latex.zip#data/train.parquet#image:1"]
    assert widths(source) == [10, 11]
    for entry in (cache / "unpacked").iterdir():
        entry.rename(cache / entry.name)  # the cache is gone and is made again
    assert open_image(source.root, str(images(source)[1])).size == (11, 4)


def test_strokes_in_an_archive(tmp_path: Path) -> None:
    source = read(tarred(tmp_path / "crohme.tgz", {"crohme/a.inkml": INK, "crohme/b.inkml": INK}, "w:gz"))
    assert labels(source) == ["$x$", "$x$"]
    assert str(images(source)[0]).startswith("crohme.tgz#crohme/a.inkml")
    frame = probe(source.root, [str(ref) for ref in images(source)])
    assert frame["format"].to_list() == ["INKML", "INKML"]


def test_images_in_an_archive_that_is_named(tmp_path: Path) -> None:
    write(tmp_path / "labels.txt", "0.png\tx\n1.png\ty\n")
    zipped(tmp_path / "elsewhere" / "p.zip", {"deep/0.png": png(10), "deep/1.png": png(11)})
    source = read(tmp_path / "labels.txt", images=tmp_path / "elsewhere" / "p.zip")
    assert images(source) == ["p.zip#deep/0.png", "p.zip#deep/1.png"]
    assert widths(source) == [10, 11]


@pytest.mark.parametrize(
    ("members", "said"),
    [
        ({}, "nothing in it can be read"),
        ({"a.mp4": b"x", "b.bin": b"y"}, "nothing in it can be read (2 files that are neither"),
        ({"a/b.png": png(3)}, "it holds 1 image and no labels"),
        ({"x.csv": "a,b\n1,2\n"}, "{at}/d.zip/x.csv"),
        ({"other.zip": b"PK"}, "1 archives inside the archive"),
    ],
)
def test_what_can_not_be_read_is_said_without_the_cache(
    members: dict[str, bytes | str], said: str, tmp_path: Path, cache: Path
) -> None:
    path = zipped(tmp_path / "d.zip", members)
    with pytest.raises(UserError) as caught:
        read(path)
    assert said.format(at=tmp_path) in str(caught.value)
    assert str(path) in str(caught.value)
    assert str(cache) not in str(caught.value)


def test_pictures_can_be_looked_at_while_their_archive_is_read(tmp_path: Path) -> None:
    """A format that needs to look at images finds them in the folder that it reads."""
    packed = opened(zipped(tmp_path / "d.zip", {"d/labels.txt": "x\n", "d/img/0.png": png(10), "d/img/1.png": ""}))
    assert packed is not None
    frame = probe(packed.folder, ["img/0.png", "img/1.png", "labels.txt"], measures=True)
    assert frame["width"].to_list() == [10, None, None]
    assert frame["error"].to_list()[1:] == ["an empty file", "not a known image format"]


@pytest.mark.parametrize(("name", "said"), [("d.7z", r"\.7z archives are not read"), ("images.pkl", "no labels")])
def test_files_that_are_no_sources(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=said):
        read(write(tmp_path / name, b"\x80\x04}."))


@pytest.mark.parametrize("name", ["{:06d}.tar", "shard-{:05d}.tar", "set_{}.tar"])
def test_archives_that_only_number_their_parts_are_no_splits(name: str, tmp_path: Path) -> None:
    """As webdataset writes them: a picture and a text of the same name."""
    for shard in range(3):
        rows = range(4 * shard, 4 * shard + 4)
        members = {f"{n:06d}.png": png(9 + n) for n in rows} | {f"{n:06d}.txt": f"x_{n}" for n in rows}
        tarred(tmp_path / "set" / name.format(shard), members)
    source = read(tmp_path / "set")
    assert ids(source) == [f"set/{n:06d}" for n in range(12)]
    assert source.frame["split"].to_list() == [None] * 12
    assert images(source) == [f"{name.format(n // 4)}#{n:06d}.png" for n in range(12)]
    (tmp_path / "set" / name.format(1)).unlink()  # numbers with a gap may be something else
    assert source.frame.height == 12
    assert read(tmp_path / "set").frame["split"].null_count() == 0


def test_numbered_archives_with_the_same_names_stay_apart(tmp_path: Path) -> None:
    for shard in range(2):
        members = {f"{n}.png": png(9 + n) for n in range(4)} | {f"{n}.txt": f"x_{n + shard}" for n in range(4)}
        tarred(tmp_path / "set" / f"{shard}.tar", members)
    assert sorted(read(tmp_path / "set").frame["split"].unique()) == ["0", "1"]
