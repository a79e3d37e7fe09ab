"""Exports of the real label files: no leak, no sample moved, lossless and small, and memory use doesn't grow."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from PIL import Image
from run_makers import exported, labels_only, make_run, table

import rules
from curate.images.measures import pixels_sha256
from curate.images.opening import open_image
from curate.sources import parse_source, read_source

pytestmark = pytest.mark.shared_data


@pytest.fixture(scope="module")
def crohme_2014(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """CROHME's 986 images of 2014, unpacked."""
    folder = tmp_path_factory.mktemp("crohme")
    with tarfile.open(shared_data / "crohme/2014/img.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    return folder


def rows_of(source: str) -> list[dict[str, object]]:
    frame = read_source(parse_source(source)).frame.select("sample_id", "source", "split", "image", "label")
    return frame.to_dicts()


def real_rows(shared_data: Path, images: Path) -> list[dict[str, object]]:
    """CROHME with pixel hashes if there are images, HME100K and MathWriting without."""
    rows = rows_of(f"crohme-train={shared_data}/crohme/train/caption.txt")
    tested = rows_of(f"crohme-2014={shared_data}/crohme/2014/caption.txt")
    for row in tested:
        row["image"] = f"img/{row['sample_id'].rsplit('/', 1)[1]}.bmp"  # type: ignore[attr-defined]
        row["image_sha256"] = pixels_sha256(open_image(images, str(row["image"])))
    rows += rows_of(f"hme={shared_data}/hme100k/train_labels.txt")
    rows += rows_of(f"mw={shared_data}/mathwriting/mathwriting_valid_captions.json")
    for row in rows:
        row["image"] = None
    return [*tested, *rows]


def with_keys(rows: list[dict[str, object]]) -> list[dict[str, object]]:
    keys = rules.visual_key([str(row["label"]) for row in rows])
    return [{**row, "visual_key": key} for row, key in zip(rows, keys, strict=True)]


def test_no_label_and_no_picture_is_in_two_splits_and_1_000_more_samples_move_none(
    shared_data: Path, crohme_2014: Path, tmp_path: Path
) -> None:
    rows = with_keys(real_rows(shared_data, crohme_2014))
    assert len(rows) == 986 + 8834 + 59452 + 15670
    later = set(Random(0).sample(range(len(rows)), 1000))
    everything = make_run(tmp_path / "all", rows, images=crohme_2014)
    fewer = make_run(tmp_path / "fewer", [row for n, row in enumerate(rows) if n not in later], images=crohme_2014)
    made = exported(everything, tmp_path / "out", keep_splits=("none",))
    exported(fewer, tmp_path / "before", keep_splits=("none",))
    found = table(tmp_path / "out").drop("image")
    facts = pl.DataFrame(
        [{name: row.get(name) for name in ("sample_id", "visual_key", "image_sha256")} for row in rows],
        infer_schema_length=None,
    )
    found = found.join(facts, on="sample_id")
    assert found["image_sha256"].drop_nulls().len() == 986
    for column in ("visual_key", "image_sha256"):
        homes = found.filter(pl.col(column).is_not_null()).group_by(column).agg(pl.col("split").n_unique())
        assert homes["split"].max() == 1
    for row in made.facts["splits"]:
        assert abs(row["share"] - {"train": 0.9, "validation": 0.05, "test": 0.05}[row["split"]]) < 0.01
    now = dict(found.select("sample_id", "split").iter_rows())
    was = dict(table(tmp_path / "before").select("sample_id", "split").iter_rows())
    assert len(was) == len(now) - 1000
    assert {key: now[key] for key in was} == was


def test_crohme_is_stored_without_loss_in_a_tenth_of_its_bytes(crohme_2014: Path, tmp_path: Path) -> None:
    files = sorted((crohme_2014 / "img").iterdir())
    rows = labels_only(len(files))
    for row, file in zip(rows, files, strict=True):
        row["image"], row["width"], row["height"] = f"img/{file.name}", *Image.open(file).size
    run = make_run(tmp_path / "run", rows, images=crohme_2014)
    exported(run, tmp_path / "out", resize="none", splits={"train": 1.0})
    stored = pl.read_parquet(tmp_path / "out/data/*.parquet").sort("sample_id")["image"].struct.field("bytes")
    by_id = sorted(zip((row["sample_id"] for row in rows), files, strict=True))
    for data, (_, file) in zip(stored, by_id, strict=True):
        with Image.open(io.BytesIO(data)) as mine, Image.open(file) as theirs:
            assert np.array_equal(np.asarray(mine.convert("RGB")), np.asarray(theirs.convert("RGB")))
    size = sum(path.stat().st_size for path in (tmp_path / "out").rglob("*") if path.is_file())
    assert size < sum(file.stat().st_size for file in files) / 20
