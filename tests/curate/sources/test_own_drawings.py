"""Pictures that `curate render` drew beside a data set are never taken for its images, unless the user names them."""

from __future__ import annotations

import io
import shutil
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image
from source_makers import image, images, labels, read, write

from curate.images import own_drawings
from curate.images.own_drawings import drawings_in
from curate.pairs.orphans import with_orphans
from curate.render import render_named, render_png, render_to_folder
from curate.sources.image_paths import SEVERAL_HOLD
from curate.sources.model import NOT_FOUND
from curate.sources.read import DRAWINGS, NOT_NAMED

_LABELS = [rf"x ^ {{ {n} }} + y" for n in range(6)]


def _note(folder: str) -> str:
    return DRAWINGS.format(folder=folder)


def _captions(folder: Path) -> Path:
    """CROHME's captions, whose names have no ending, and bitmaps in `img`."""
    (folder / "img").mkdir(parents=True)
    for n, label in enumerate(_LABELS):
        Image.open(io.BytesIO(render_png(label))).save(folder / "img" / f"em_{n}.bmp")
    return write(folder / "caption.txt", "".join(f"em_{n}\t{label}\n" for n, label in enumerate(_LABELS)))


def test_a_drawing_with_the_mark_is_the_same_picture(tmp_path: Path) -> None:
    (drawn,) = render_to_folder(_LABELS[:1], tmp_path).written
    plain = Image.open(io.BytesIO(render_png(_LABELS[0])))
    with Image.open(drawn) as opened:
        opened.verify()  # the checksum of every chunk
    with Image.open(drawn) as opened:
        assert opened.text == {"Software": "texsieve: curate render"}
        assert np.array_equal(np.asarray(opened), np.asarray(plain))
    plain.save(tmp_path / "plain.png")
    assert drawings_in(tmp_path, ["0001.png", "plain.png", "gone.png"]) == {"0001.png"}


def test_drawings_beside_lines_are_no_numbered_images(tmp_path: Path) -> None:
    text = write(tmp_path / "labels.txt", "".join(f"{label}\n" for label in _LABELS))
    render_to_folder(text, tmp_path / "pics")
    source = read(text)
    assert (source.format, images(source)) == ("text", [None] * 6)
    assert source.notes == {_note("pics"): 6}
    named = read(text, images=tmp_path / "pics")
    assert (images(named), labels(named)) == ([f"{n:04d}.png" for n in range(1, 7)], _LABELS)
    assert not any("curate render" in note for note in named.notes)


def test_drawings_among_numbered_images(tmp_path: Path) -> None:
    """The numbers of drawings begin with 1, whatever the images' own do."""
    text = write(tmp_path / "images.txt", "".join(f"{label}\n" for label in _LABELS))
    (tmp_path / "images").mkdir()
    for n, label in enumerate(_LABELS):
        (tmp_path / "images" / f"{n}.png").write_bytes(render_png(label))
    render_to_folder(_LABELS, tmp_path / "images")
    source = read(text)
    assert images(source) == [f"images/{n}.png" for n in range(6)]
    assert source.notes[_note("images")] == 6


@pytest.mark.parametrize("place", ["pics", "img", "."])
def test_drawings_never_rival_images_that_are_named_without_ending(place: str, tmp_path: Path) -> None:
    text = _captions(tmp_path)
    drawn = render_named([(f"em_{n}", label) for n, label in enumerate(_LABELS)], tmp_path / place)
    assert [path.name for path in drawn.written] == [f"em_{n}.png" for n in range(6)]
    source = read(text)
    assert images(source) == [f"img/em_{n}.bmp" for n in range(6)]
    assert source.notes[_note(place)] == 6


def test_drawings_that_the_labels_name_are_images(tmp_path: Path) -> None:
    render_to_folder(_LABELS, tmp_path / "pics")
    rows = "".join(f"pics/{n:04d}.png,{label}\n" for n, label in enumerate(_LABELS, 1))
    source = read(write(tmp_path / "rows.csv", "image,label\n" + rows))
    assert images(source) == [f"pics/{n:04d}.png" for n in range(1, 7)]
    assert source.notes == {}


def test_drawings_are_no_orphans(tmp_path: Path) -> None:
    render_to_folder(_LABELS, tmp_path)
    for name in ("a.png", "b.png"):
        Image.new("L", (9, 9)).save(tmp_path / name)
    samples = pl.DataFrame({"source": ["s"], "image": ["a.png"]})
    assert with_orphans(samples, [("s", tmp_path)])["orphan_example"].to_list() == ["b.png"]


def test_the_folder_that_the_user_names_decides_how_lines_are_read(tmp_path: Path) -> None:
    """Without it, lines beside no picture are plain text."""
    text = write(tmp_path / "mine" / "labels.txt", "".join(f"{label}\n" for label in _LABELS))
    for n, label in enumerate(_LABELS):
        write(tmp_path / "photos" / f"{n}.png", render_png(label))
    assert read(text).format == "text"
    for source in (text, text.parent):
        assert images(read(source, images=tmp_path / "photos")) == [f"{n}.png" for n in range(6)]
    other = image(tmp_path / "other" / "a.png").parent
    assert read(text, images=other).notes == {NOT_NAMED.format(images=other): 6}


def test_ids_that_several_folders_hold_are_not_taken_for_no_images(tmp_path: Path) -> None:
    text = _captions(tmp_path)
    shutil.copytree(tmp_path / "img", tmp_path / "other")
    source = read(text)
    assert source.notes == {SEVERAL_HOLD: 6}
    assert source.frame[NOT_FOUND].to_list() == [f"em_{n}" for n in range(6)]


def test_each_folder_is_asked_once_for_drawings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search for images, their numbers and the note all need to know."""
    asked: list[Path] = []
    is_marked = own_drawings._is_marked
    monkeypatch.setattr(own_drawings, "_is_marked", lambda path: asked.append(path) or is_marked(path))
    text = write(tmp_path / "images.txt", "".join(f"{label}\n" for label in _LABELS))
    for n, label in enumerate(_LABELS):
        write(tmp_path / "images" / f"{n}.png", render_png(label))
    assert images(read(text)) == [f"images/{n}.png" for n in range(6)]
    assert sorted(asked) == [tmp_path / "images" / f"{n}.png" for n in range(6)]
