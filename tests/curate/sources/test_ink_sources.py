"""InkML as a source: the file is its sample's image, unless there is an image with the same name."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from inkml_makers import HOSTILE, inkml, write_inkml
from source_makers import image, images, labels, read, write

from curate.audit import AuditOptions, audit
from curate.images.stroke_settings import StrokeSettings
from curate.sources import parse_source
from curate.sources.inkml import DRAWN, read_annotations
from rules import select


def test_the_file_is_the_image(tmp_path: Path) -> None:
    for name in ("train/a.inkml", "train/b.inkml", "test/a.inkml"):
        write_inkml(tmp_path / name)
    source = read(tmp_path)
    assert images(source) == ["test/a.inkml", "train/a.inkml", "train/b.inkml"]
    assert source.notes == {DRAWN: 3}
    assert images(read(tmp_path / "train" / "b.inkml")) == ["b.inkml"]
    thin = StrokeSettings(pen=2)
    assert images(read(tmp_path / "train", strokes=thin)) == ["a.inkml#pen=2", "b.inkml#pen=2"]


def test_pictures_that_are_there_are_taken_and_the_others_drawn(tmp_path: Path) -> None:
    for name in ("a", "b"):
        write_inkml(tmp_path / "inkml" / f"{name}.inkml")
    image(tmp_path / "inkml" / "a.png")
    source = read(tmp_path)
    assert images(source) == ["inkml/a.png", "inkml/b.inkml"]
    assert source.notes == {DRAWN: 1}


def test_files_outside_the_image_folder_are_not_drawn(tmp_path: Path) -> None:
    write_inkml(tmp_path / "ink" / "a.inkml")
    (tmp_path / "photos").mkdir()
    assert images(read(tmp_path / "ink", images=tmp_path / "photos")) == [None]
    image(tmp_path / "photos" / "a.png")
    assert images(read(tmp_path / "ink", images=tmp_path / "photos")) == ["a.png"]


def test_a_label_after_the_traces_is_found(tmp_path: Path) -> None:
    late = "<ink><trace>1 2, 3 4</trace><annotation type='truth'>x ^ 2</annotation></ink>"
    file = write_inkml(tmp_path / "a.inkml", late)
    assert labels(read(f"crohme:{tmp_path}")) == ["x ^ 2"]
    assert read_annotations(file) == {}
    cut = write_inkml(tmp_path / "cut.inkml", inkml(tail="<trace"))
    assert read_annotations(cut, ["truth"]) == {"truth": "x"}


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "latin-1", "utf-16"])
def test_encodings(encoding: str, tmp_path: Path) -> None:
    declared = '<?xml version="1.0" encoding="ISO-8859-1"?>\n'
    write_inkml(tmp_path / "a.inkml", inkml(label="é"), encoding)
    write_inkml(tmp_path / "b.inkml", declared + inkml(label="é"), "latin-1")
    assert labels(read(f"crohme:{tmp_path}")) == ["é", "é"]


def test_folders_in_folders(tmp_path: Path) -> None:
    for name in ("train/INKML/MfrDB/a", "train/INKML/KAIST/b", "test/c"):
        write_inkml(tmp_path / f"{name}.inkml")
    frame = read(tmp_path).frame
    assert read(tmp_path / "train").frame.height == 2  # no file in it or in the folders directly below
    assert frame.select("split", "image").rows() == [
        ("test", "test/c.inkml"),
        ("train", "train/INKML/KAIST/b.inkml"),
        ("train", "train/INKML/MfrDB/a.inkml"),
    ]


def test_labels_of_broken_ink_are_audited_and_the_picture_is_a_finding(tmp_path: Path) -> None:
    folder = tmp_path / "set"
    for kind, (text, _) in HOSTILE.items():
        write_inkml(folder / f"{kind}.inkml", text.replace(">x<", r">\frac{x<"))
    write_inkml(folder / "whole.inkml", inkml(label=r"\frac{x"))
    write(tmp_path / "passwd", "secret")
    run = audit([parse_source(f"crohme:{folder}")], tmp_path / "run", AuditOptions(ruleset=select()))
    found = run.findings.collect()
    drawn = found.filter(pl.col("rule") == "IMG005")
    samples = run.samples.collect()
    assert samples.height == len(samples["image"].drop_nulls())
    # If the XML can't be read up to the label, the row is unreadable; all others have a finding about the image.
    assert samples.height + run.summary["totals"]["unreadable"] == len(HOSTILE) + 1
    assert sorted(drawn["sample_id"]) == sorted(set(samples["sample_id"]) - {"set/whole"})
    assert drawn["message"].str.contains("\n").sum() == 0
    wrong = found.filter(pl.col("rule").str.starts_with("DLM") | pl.col("rule").str.starts_with("SYN"))
    assert wrong["sample_id"].n_unique() == samples.filter(pl.col("label") != "x").height
    assert sorted(path.name for path in tmp_path.iterdir()) == ["passwd", "run", "set"]
