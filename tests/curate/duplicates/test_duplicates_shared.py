"""Counts of duplicates and leaks in the real label files, by string and by visual key, and in CROHME's images."""

from __future__ import annotations

import shutil
import tarfile
from pathlib import Path

import polars as pl
import pytest

import rules
from curate.audit import AuditOptions, audit
from curate.base.errors import UserError
from curate.runs.folder import Run
from curate.sources import parse_source

pytestmark = pytest.mark.shared_data


def run_audit(out: Path, *sources: str, **options) -> Run:
    given = {"ruleset": rules.select(["DUP", "DST", "LEN003", "PAR002"]), **options}
    return audit([parse_source(source) for source in sources], out, AuditOptions(**given))


@pytest.fixture(scope="module")
def crohme(shared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Run:
    folder = tmp_path_factory.mktemp("crohme")
    with tarfile.open(shared_data / "crohme" / "train" / "img.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "2014").mkdir()  # without its images
    shutil.copy(shared_data / "crohme" / "2014" / "caption.txt", folder / "2014")
    sources = (f"crohme_train={shared_data}/crohme/train", f"crohme_2014={folder}/2014#test")
    return run_audit(folder / "run", *sources, images={"crohme_train": folder / "img"})


def of_set(run: Run, code: str) -> list[str]:
    found = run.findings.filter(pl.col("rule") == code).select("sample_id", "message").collect()
    assert found["sample_id"].null_count() == found.height
    return found["message"].to_list()


def test_crohme_s_training_labels_repeat(crohme):
    train = crohme.summary["sources"][0]
    assert train["samples"] == 8834
    # Measured: string and key agree, because these labels use one spelling; 4,002 of 8,834 is 45.3 %.
    assert train["duplicates"]["by_string"] == train["duplicates"]["by_key"] == 4002
    assert any(
        message.startswith("45.3 % of 8,834 labels repeat an earlier one") for message in of_set(crohme, "DUP001")
    )


def test_thirty_rows_of_crohme_2014_have_a_label_that_stands_in_train(crohme):
    samples = crohme.samples.select("source", "label", "visual_key").collect()
    test, train = (samples.filter(pl.col("source") == name) for name in ("crohme_2014", "crohme_train"))
    by_string = test.join(train, on="label", how="semi").height
    by_key = test.join(train, on="visual_key", how="semi").height
    assert (by_string, by_key) == (30, 30)
    (leak,) = crohme.summary["sources"][1]["leaks"]
    assert (leak["samples"], leak["labels"], leak["long_labels"]) == (986, 30, 7)
    assert (leak["other_labels"], leak["other_long_labels"]) == (58, 33)
    (message,) = of_set(crohme, "DUP004")
    assert message.startswith("30 of 986 labels of crohme_2014/test (3 %) are also in crohme_train, 7 of them")
    assert crohme.findings.filter(pl.col("rule") == "DUP006").collect().height == 7


def test_crohme_s_84_exact_duplicate_images_are_found(crohme):
    """cleanvision 0.3.7 finds 42 pairs in the same 8,834 images."""
    samples = (
        crohme.samples.filter(pl.col("image_sha256").is_not_null()).select("image_sha256", "label_group").collect()
    )
    assert samples.height == 8834
    twice = samples.filter(pl.col("image_sha256").is_duplicated())
    assert twice.height == 84
    assert twice["image_sha256"].n_unique() == 42
    assert twice.unique().height == 42  # and the labels of each pair differ
    assert crohme.findings.filter(pl.col("rule") == "DUP003").collect().height == 42
    assert crohme.findings.filter(pl.col("rule") == "DUP002").collect().is_empty()


def test_hardly_any_other_image_is_nearly_another(crohme):
    assert crohme.findings.filter(pl.col("rule") == "DUP008").collect().height <= 10
    near = crohme.summary["near_duplicates"]
    assert near["images"] == 8792
    assert near["skipped_buckets"] == 0
    assert near["comparisons"] < near["possible"] / 10
    assert near["compared"] == 5
    assert (near["unopened"], near["crowded"]) == (0, 0)


def test_hme100k_repeats_itself_and_has_no_images(shared_data, tmp_path):
    source = f"hme100k={shared_data}/hme100k/train_labels.txt"
    with pytest.raises(UserError, match=r"none of its 59,452 images was found .*--no-images"):
        run_audit(tmp_path / "run", source)
    run = run_audit(tmp_path / "run", source, probe_images=False)
    (source,) = run.summary["sources"]
    assert source["samples"] == 59_452
    # 15,667 by string (26.35 %) and 15,669 by visual key: the spelling of two labels differs, the rendering doesn't.
    assert source["duplicates"]["by_string"] == 15_667
    assert abs(source["duplicates"]["by_label"] - 15_669) <= 3
    (repeated,) = of_set(run, "DUP001")
    assert repeated.startswith("26.4 % of 59,452 labels repeat an earlier one")


def test_labels_alone_are_one_finding(shared_data, tmp_path):
    (tmp_path / "train").mkdir()  # without its images
    shutil.copy(shared_data / "crohme" / "train" / "caption.txt", tmp_path / "train")
    run = run_audit(tmp_path / "run", f"crohme={tmp_path}/train")
    assert of_set(run, "DST001") == ["none of its 8,834 samples names an image"]
    assert run.findings.filter(pl.col("rule").is_in(["PAR002", "IMG005"])).collect().is_empty()
