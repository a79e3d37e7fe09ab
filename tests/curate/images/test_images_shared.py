"""Image rules and hashes on the real images: findings are true, and false alarms are rare."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from curate.audit import AuditOptions, audit
from curate.images.measures import NEAR
from curate.images.opening import probe
from curate.sources import parse_source
from rules import select

pytestmark = pytest.mark.shared_data

#: Rules that may report a whole set, because it is true of the set.
TRUE_OF_SETS = {"IMG003", "IMG007", "IMG011"}


@pytest.fixture(scope="module")
def crohme(shared_data: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("crohme")
    with tarfile.open(shared_data / "crohme" / "train" / "img.tar.xz") as archive:
        archive.extractall(folder, filter="data")
    (folder / "caption.txt").write_bytes((shared_data / "crohme" / "train" / "caption.txt").read_bytes())
    return _run(folder / "run", f"crohme={folder / 'caption.txt'}", folder / "img")


def _run(out: Path, source: str, images: Path | None = None, **options):
    ruleset = select(["IMG", "PAR"])
    where = {} if images is None else {None: images}
    return audit([parse_source(source)], out, AuditOptions(ruleset=ruleset, images=where, **options))


def _warnings(run) -> dict[str, tuple[int, int]]:
    """For each rule with severity warning: samples with a finding, and findings about the whole set."""
    found = run.findings.filter((pl.col("severity") == "warning") & pl.col("rule").str.starts_with("IMG"))
    counted = found.group_by("rule").agg(
        pl.col("sample_id").n_unique() - pl.col("sample_id").is_null().any().cast(pl.Int64),
        pl.col("sample_id").null_count().alias("sets"),
    )
    return {rule: (rows, sets) for rule, rows, sets in counted.collect().iter_rows()}


def test_crohme_is_inverted_and_nothing_else(crohme) -> None:
    found = _warnings(crohme)
    assert found.pop("IMG007") == (0, 1)
    assert all(sets == 0 and rows <= 0.05 * 8834 for rows, sets in found.values()), found
    message = crohme.findings.filter(pl.col("rule") == "IMG007").collect()["message"].to_list()
    assert message == ["8834 of 8834 images show light ink on dark paper"]


def test_crohme_has_84_exact_duplicates(crohme) -> None:
    digests = crohme.samples.collect()["image_sha256"]
    assert int(digests.is_duplicated().sum()) == 84
    assert digests.filter(digests.is_duplicated()).n_unique() == 42


def test_the_hash_tells_handwritten_formulas_apart(crohme) -> None:
    samples = crohme.samples.filter(pl.col("image_phash").is_not_null()).collect()[::4]
    codes = np.array([np.frombuffer(bytes.fromhex(code), np.uint64) for code in samples["image_phash"]])
    labels = samples["label"].rank("dense").to_numpy()
    false = 0
    for at in range(len(codes) - 1):
        distance = np.bitwise_count(codes[at + 1 :] ^ codes[at]).sum(axis=1)
        false += int(((distance <= NEAR) & (labels[at + 1 :] != labels[at])).sum())
    assert false <= 2  # of 2.4 million pairs


def test_im2latex_is_whole_pages_and_two_are_blank(shared_data: Path, tmp_path: Path) -> None:
    sample = shared_data / "im2latex" / "im2markup_sample"
    run = _run(tmp_path / "run", str(sample), limit=80)
    found = _warnings(run)
    assert {code for code, (_, sets) in found.items() if sets} == {"IMG003", "IMG011"}
    assert all(rows <= 0.05 * 80 for rows, _ in found.values()), found
    smallest = sorted((sample / "images").iterdir(), key=lambda path: path.stat().st_size)[:10]
    pages = probe(sample / "images", [path.name for path in smallest], measures=True)
    assert pages["ink_left"].is_null().to_list() == [True, True, *[False] * 8]


def test_photos_have_sensible_measures(shared_data: Path) -> None:
    folder = shared_data / "hme100k" / "examples"
    names = sorted(path.name for path in folder.iterdir())
    found = probe(folder, names, measures=True).with_columns(pl.col("image").str.strip_suffix(".jpg"))
    facts = {row["image"]: row for row in found.iter_rows(named=True)}
    assert set(found["polarity"]) == {"dark"}
    assert found["ink_ratio"].is_between(0.03, 0.25).all()
    assert min(facts, key=lambda name: facts[name]["sharpness"]) == "blur"
    assert facts["blur"]["sharpness"] < 0.3
    assert all(row["sharpness"] > 0.4 for name, row in facts.items() if name != "blur")
    assert min(facts, key=lambda name: facts[name]["contrast"]) == "poor_illumination"
    assert facts["poor_illumination"]["contrast"] < 0.15
    # "<DOE = 2<EOF" reaches from edge to edge, with a margin of a few pixels.
    assert facts["poor_illumination"]["ink_left"] <= 8
    assert facts["poor_illumination"]["ink_right"] >= 170
