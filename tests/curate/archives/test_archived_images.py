"""Images in archives next to their labels: matched by name and opened, never guessed."""

from __future__ import annotations

import pickle
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from archive_makers import png, tarred, zipped
from source_makers import images, read, write

from curate.base.errors import UserError
from curate.images.opening import probe
from curate.pairs.orphans import with_orphans
from curate.sources.archived_images import NOT_READ, SEVERAL

CAPTIONS = "a_1\tx ^ { 2 }\nb_2\ty\nc_3\tz\n"
NAMES = ("a_1", "b_2", "c_3")
PICTURES = {f"img/{name}.png": png(10 + at) for at, name in enumerate(NAMES)}


def widths(path: Path | str) -> list[int | None]:
    source = read(path)
    refs = [ref or "" for ref in images(source)]
    return probe(source.root, refs)["width"].to_list()


@pytest.mark.parametrize(
    ("name", "mode"), [("tar", "w"), ("tar.gz", "w:gz"), ("tgz", "w:gz"), ("tar.xz", "w:xz"), ("tar.bz2", "w:bz2")]
)
def test_tar_files_of_every_kind(name: str, mode: str, tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path / "data" / "caption.txt", CAPTIONS)
    archive = tarred(path.parent / f"img.{name}", PICTURES, mode)
    assert widths(path) == [10, 11, 12] == widths(path.parent)
    assert images(read(path)) == [f"img.{name}#img/{item}.png" for item in NAMES]
    (kept,) = (cache / "unpacked").glob("*.zip")
    kept.unlink()
    assert widths(path) == [10, 11, 12], "the cache may be deleted at any time"
    tarred(archive, {"img/a_1.png": png(30)}, mode)
    assert widths(path)[0] == 30
    assert len(list((cache / "unpacked").iterdir())) == 1, "what is out of date goes"


@pytest.mark.skipif(shutil.which("zstd") is None, reason="writes with the command zstd")
def test_zstandard(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", CAPTIONS)
    tarred(tmp_path / "img.tar", PICTURES)
    subprocess.run(["zstd", "-q", "--rm", "img.tar"], cwd=tmp_path, check=True)
    assert widths(path) == [10, 11, 12]


@pytest.mark.skipif(shutil.which("zip") is None, reason="writes with the commands zip and tar")
@pytest.mark.parametrize("command", ["zip -qr img.zip img", "tar -cf img.tar ./img", "tar -czf i.tar.gz -C img ."])
def test_what_commands_write(command: str, tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", CAPTIONS)
    for name, data in PICTURES.items():
        write(tmp_path / name, data)
    subprocess.run(command.split(), cwd=tmp_path, check=True)
    shutil.rmtree(tmp_path / "img")
    assert widths(path) == [10, 11, 12]


def test_zip_files_are_read_where_they_lie(tmp_path: Path, cache: Path) -> None:
    path = write(tmp_path / "train_labels.txt", "".join(f"{name}.png\tx\n" for name in NAMES))
    zipped(tmp_path / "train_images.zip", PICTURES)
    assert images(read(path)) == [f"train_images.zip#img/{name}.png" for name in NAMES]
    assert widths(path) == [10, 11, 12]
    assert not list(cache.iterdir())


def test_files_come_before_archives(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", CAPTIONS)
    write(tmp_path / "img" / "a_1.png", png(50))
    zipped(tmp_path / "img.zip", PICTURES)
    assert widths(path) == [50, 11, 12]


def test_pictures_in_parts(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", CAPTIONS)
    for at, (name, data) in enumerate(PICTURES.items()):
        tarred(tmp_path / f"images_0{at}.tar", {name: data})
    assert widths(path) == [10, 11, 12]


def test_pickles_beside_captions(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", "a_1\tx\nb_2.jpg\ty\n")
    arrays = {"a_1": np.zeros((3, 10), np.uint8), "b_2": np.zeros((3, 11), np.uint8)}
    (tmp_path / "images.pkl").write_bytes(pickle.dumps(arrays))
    assert images(read(f"crohme:{path}")) == ["images.pkl#a_1", "images.pkl#b_2"]
    source = read(f"crohme:{path}")
    assert probe(source.root, [str(ref) for ref in images(source)], measures=True)["width"].to_list() == [10, 11]


def test_pickles_as_hmer_repositories_have_them(tmp_path: Path) -> None:
    """WAP has a pickle of images with a channel per split. CAN has a folder per split with an `images.pkl` in it."""
    for at, split in enumerate(("train", "test")):
        arrays = {"18_em_0": np.zeros((1, 3, 10 + at), np.uint8), "18_em_1": np.zeros((1, 3, 20 + at), np.uint8)}
        write(tmp_path / "wap" / f"{split}_caption.txt", "18_em_0\tx\n18_em_1\ty\n")
        write(tmp_path / "wap" / f"offline-{split}.pkl", pickle.dumps(arrays))
        write(tmp_path / "can" / split / "caption.txt", "18_em_0\tx\n18_em_1\ty\n")
        write(tmp_path / "can" / split / "images.pkl", pickle.dumps({name: of[0] for name, of in arrays.items()}))
    assert widths(f"crohme:{tmp_path}/wap/train_caption.txt") == [10, 20]
    assert widths(f"crohme:{tmp_path}/wap/test_caption.txt") == [11, 21]
    assert widths(tmp_path / "can") == [11, 21, 10, 20]


def test_splits_have_archives_of_their_own(tmp_path: Path) -> None:
    """Every split has a 0.png; each is read from its own archive, or from its own folder of a shared archive."""
    for at, split in enumerate(("train", "test")):
        write(tmp_path / "a" / f"{split}_labels.txt", "0.png\tx\n")
        zipped(tmp_path / "a" / f"{split}_images.zip", {"0.png": png(10 + at)})
        write(tmp_path / "b" / f"{split}.txt", "0.png\tx\n")
    zipped(tmp_path / "b" / "images.zip", {"train/0.png": png(10), "test/0.png": png(11)})
    zipped(tmp_path / "c" / "images.zip", {"train/0.png": png(10), "test/0.png": png(11)})
    write(tmp_path / "c" / "labels.txt", "images/train/0.png\tx\nimages/test/0.png\ty\n")
    for folder in ("a", "b", "c"):
        source = read(tmp_path / folder)
        found = probe(source.root, [str(ref) for ref in images(source)])["width"].to_list()
        by_split = dict(zip(source.frame["split"].to_list(), found, strict=True))
        assert found == [10, 11] if folder == "c" else by_split == {"train": 10, "test": 11}


def test_what_nothing_tells_apart_is_not_taken(tmp_path: Path) -> None:
    path = write(tmp_path / "labels.txt", "0.png\tx\n1.png\ty\n")
    zipped(tmp_path / "one.zip", {"0.png": png(10), "1.png": png(11)})
    zipped(tmp_path / "two.zip", {"0.png": png(20), "1.png": png(11)})
    source = read(path)
    assert images(source)[1] == "one.zip#1.png", "the same picture twice is one picture"
    assert "#" not in str(images(source)[0])
    assert source.notes == {SEVERAL: 1}


def test_another_sets_archive_is_not_looked_into(tmp_path: Path) -> None:
    """`18_em_0` of 2014 is not the image for the caption of 2016."""
    for name in ("2014", "2016"):
        write(tmp_path / name / "caption.txt", "18_em_0\tx\n18_em_1\ty\n")
    tarred(tmp_path / "2014" / "img.tar", {"img/18_em_0.png": png(10), "img/18_em_1.png": png(11)})
    tarred(tmp_path / "2016" / "img.tar", {"img/18_em_0.png": png(20)})
    refs = dict(read(tmp_path).frame.select("sample_id", "image").iter_rows())
    assert refs[f"{tmp_path.name}/test_2016/18_em_0"] == "2016/img.tar#img/18_em_0.png"
    assert refs[f"{tmp_path.name}/test_2016/18_em_1"] is None or "#" not in refs[f"{tmp_path.name}/2016/18_em_1"]


@pytest.mark.shared_data
def test_crohme_as_it_is_published(shared_data: Path) -> None:
    source = read(shared_data / "crohme" / "2014")
    assert source.frame["image"].str.contains("img.tar.xz#img/", literal=True).sum() == 986
    assert probe(source.root, source.frame["image"].to_list()[:50])["error"].null_count() == 50


def test_archives_that_nothing_names_are_noted(tmp_path: Path) -> None:
    write(tmp_path / "cpe.txt", "x\ny\n")
    zipped(tmp_path / "cpe.zip", {"a.png": png(3), "b.png": png(3)})
    zipped(tmp_path / "holidays.zip", {"0.png": png(3)})
    assert [note.partition(";")[0] for note in read(tmp_path / "cpe.txt").notes] == [
        "archive beside the labels whose pictures no label names: cpe.zip"
    ]


@pytest.mark.parametrize("inner", ["", "cpe/", "a/b/"])
def test_pictures_by_number_in_the_archive_of_the_label_files_name(inner: str, tmp_path: Path) -> None:
    for at, name in enumerate(("cpe", "spe")):
        write(tmp_path / f"{name}.txt", "x\ny\nz\n")
        zipped(tmp_path / f"{name}.zip", {f"{inner}{n:07d}.png": png(10 * at + 10 + n) for n in range(3)})
    source = read(tmp_path)
    assert source.format == "unimer"
    assert source.frame["split"].to_list() == ["cpe"] * 3 + ["spe"] * 3
    assert widths(tmp_path) == [10, 11, 12, 20, 21, 22]
    assert widths(tmp_path / "spe.txt") == [20, 21, 22]


def test_pictures_by_number_in_folders_of_one_archive_are_splits(tmp_path: Path) -> None:
    write(tmp_path / "math.txt", "x\ny\nz\n")
    members = {"train/0000000.png": png(10), "val/0000001.png": png(11), "test/0000002.png": png(12)}
    zipped(tmp_path / "formulae.zip", {f"formulae/{name}": data for name, data in members.items()})
    assert read(tmp_path).frame["split"].to_list() == ["train", "val", "test"]
    assert widths(tmp_path) == [10, 11, 12]


@pytest.mark.parametrize("lines", [2, 30])
def test_lines_and_an_archive_whose_numbers_are_more_or_far_fewer_are_no_pairs(lines: int, tmp_path: Path) -> None:
    write(tmp_path / "labels.txt", "x\n" * lines)
    zipped(tmp_path / "images.zip", {f"{n}.png": png(10 + n) for n in range(9)})
    with pytest.raises(UserError, match="no known format"):
        read(tmp_path)


def test_two_label_files_for_one_archive_of_numbers_are_a_choice(tmp_path: Path) -> None:
    zipped(tmp_path / "images.zip", {f"{n}.png": png(10 + n) for n in range(3)})
    for name in ("raw", "norm"):
        write(tmp_path / f"{name}.txt", "x\ny\nz\n")
    with pytest.raises(UserError, match=r"name one: unimer:.*norm\.txt, unimer:.*raw\.txt"):
        read(tmp_path)


def test_an_archive_that_holds_one_split_says_so(tmp_path: Path) -> None:
    members = {"train/caption.txt": CAPTIONS, **{f"train/{name}": data for name, data in PICTURES.items()}}
    zipped(tmp_path / "data.zip", members)
    assert read(tmp_path).frame["split"].unique().to_list() == ["train"]
    assert widths(tmp_path) == [10, 11, 12]


def test_archives_of_splits_in_a_folder_of_their_own(tmp_path: Path) -> None:
    write(tmp_path / "README.md", "# A data set\n")
    for split, width in (("train", 10), ("test", 20)):
        rows = "".join(f'{{"file_name": "{n}.png", "latex": "x_{n}"}}\n' for n in range(2))
        members = {f"{n}.png": png(width + n) for n in range(2)}
        zipped(tmp_path / "data" / f"{split}.zip", {"metadata.jsonl": rows, **members})
    assert set(read(tmp_path).frame["split"]) == {"train", "test"}
    assert sorted(filter(None, widths(tmp_path))) == [10, 11, 20, 21]


def test_pictures_in_an_archive_that_no_row_names(tmp_path: Path) -> None:
    path = write(tmp_path / "caption.txt", CAPTIONS)
    zipped(tmp_path / "img.zip", {**PICTURES, "img/d_4.png": png(13), "other/e_5.png": png(14)})
    source = read(path)
    frame = with_orphans(source.frame, [(source.name, source.root)])
    assert frame.select("orphan_images", "orphan_example").row(0) == (1, "img.zip#img/d_4.png")


def test_an_archive_that_is_a_link_is_not_followed_and_said(tmp_path: Path) -> None:
    path = write(tmp_path / "data" / "caption.txt", CAPTIONS)
    archive = tarred(tmp_path / "img.tar.xz", PICTURES, "w:xz")
    (path.parent / "img.tar.xz").symlink_to(archive)
    for given in (path, path.parent):
        said = [note for note in read(given).notes if "img.tar.xz" in note]
        assert said == [f"{NOT_READ}img.tar.xz is a link, which is not followed: name what it leads to with --images"]
    source = read(path, images=archive)
    assert probe(source.root, [ref or "" for ref in images(source)])["width"].to_list() == [10, 11, 12]
    tarred(path.parent / "whole.tar", PICTURES)  # nothing is missing
    assert not [note for note in read(path).notes if "link" in note]
