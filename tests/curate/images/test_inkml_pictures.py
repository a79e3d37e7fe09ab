"""InkML files as images: opened, measured and stored; the ref says how to draw them."""

from __future__ import annotations

import io
import os
from pathlib import Path

import polars as pl
import pytest
from inkml_makers import HOSTILE, write_inkml
from PIL import Image

from curate.audit import AuditOptions, audit
from curate.browse.dataset.rows import rows
from curate.browse.process.work import WorkingFiles
from curate.export.write.pictures import PictureSettings, make
from curate.images import measure_cache
from curate.images.errors import ImageError
from curate.images.inkml_pictures import ref_of
from curate.images.measures import pixels_sha256
from curate.images.opening import open_image, probe, read_bytes
from curate.images.stroke_settings import StrokeSettings
from curate.report.pictures import of_image
from curate.sources import parse_source
from rules import select


def test_a_ref_is_the_path_and_what_differs_from_the_defaults() -> None:
    assert ref_of("train/a.inkml", StrokeSettings()) == "train/a.inkml"
    assert ref_of("train/a.inkml", StrokeSettings(pen=2, margin=0)) == "train/a.inkml#pen=2,margin=0"


def test_opened_as_the_ref_says(tmp_path: Path) -> None:
    write_inkml(tmp_path / "train" / "a.inkml")
    plain, thin = open_image(tmp_path, "train/a.inkml"), open_image(tmp_path, "train/a.inkml#pen=1,margin=0")
    assert (plain.mode, plain.getpixel((0, 0))) == ("L", 255)
    assert thin.width < plain.width - 20
    with pytest.raises(ImageError, match="unknown key 'colour'"):
        open_image(tmp_path, "train/a.inkml#colour=red")
    for missing in ("train/b.inkml", "b/a.inkml#pen=1"):
        with pytest.raises(ImageError, match="no such file"):
            open_image(tmp_path, missing)


def test_measured_like_the_picture_that_is_exported(tmp_path: Path) -> None:
    write_inkml(tmp_path / "a.inkml")
    with_pixels = probe(tmp_path, ["a.inkml", "a.inkml#pen=1"], measures=True)
    headers = probe(tmp_path, ["a.inkml", "a.inkml#pen=1"])
    assert with_pixels.select(headers.columns).equals(headers)
    assert headers["format"].to_list() == ["INKML", "INKML"]
    exported = make(tmp_path, "a.inkml", shape=PictureSettings.of("none", "none"))
    assert exported.extension == "png"
    with Image.open(io.BytesIO(exported.data or b"")) as picture:
        assert (picture.format, picture.size) == ("PNG", headers.select("width", "height").row(0))
        assert pixels_sha256(picture) == with_pixels["image_sha256"][0] != with_pixels["image_sha256"][1]
    assert with_pixels["ink_parts"].to_list() == [2, 2]


@pytest.mark.parametrize("kind", HOSTILE)
def test_what_is_wrong_with_a_file_is_its_rows_error(kind: str, tmp_path: Path) -> None:
    text, says = HOSTILE[kind]
    write_inkml(tmp_path / "a.inkml", text)
    row = probe(tmp_path, ["a.inkml"], measures=True).row(0, named=True)
    assert row["error"].startswith(says)
    assert row["width"] is None
    with pytest.raises(ImageError):
        read_bytes(tmp_path, "a.inkml")


def test_links_that_lead_out_are_refused(tmp_path: Path) -> None:
    outside = write_inkml(tmp_path / "outside.inkml")
    root = tmp_path / "set"
    root.mkdir()
    (root / "a.inkml").symlink_to(outside)
    errors = probe(root, ["a.inkml", "../outside.inkml", "a.inkml#pen=1"])["error"].to_list()
    assert errors == ["the path leaves the image folder"] * 3


def test_measures_are_kept_by_settings(tmp_path: Path) -> None:
    write_inkml(tmp_path / "set" / "a.inkml")
    os.utime(tmp_path / "set" / "a.inkml", (1, 1))
    refs = ["a.inkml", "a.inkml#pen=1"]

    def read() -> pl.DataFrame:
        found = measure_cache.measured(tmp_path / "set", refs, measures=True, cache=tmp_path / "cache")
        return pl.concat(found).sort("image")

    assert read()["width"].to_list() == read()["width"].to_list()
    assert read()["image_sha256"].n_unique() == 2


def test_a_run_draws_what_was_audited(tmp_path: Path) -> None:
    """The refs of the run hold the settings: the browser and the report need nothing else."""
    write_inkml(tmp_path / "set" / "a.inkml")
    options = AuditOptions(ruleset=select(), strokes=StrokeSettings(pen=1))
    run = audit([parse_source(f"crohme:{tmp_path / 'set'}")], tmp_path / "run", options)
    assert run.summary["config"]["strokes"]["pen"] == 1
    (sample,) = run.samples.collect().to_dicts()
    assert sample["image"] == "a.inkml#pen=1"
    assert pixels_sha256(open_image(run.root("set"), sample["image"])) == sample["image_sha256"]
    shown = rows(run, WorkingFiles(tmp_path / "work"))["filepath"][0]
    assert shown.endswith(".png")  # a browser can't show InkML, so the painter makes an image
    assert of_image(run.root("set"), sample["image"], open_image).markup
    assert run.summary["sources"][0]["images"]["formats"] == {"INKML": 1}
