"""How good pair scores are on real pairs with some swapped labels. Several seeds, and none was used for tuning."""

from __future__ import annotations

import tarfile
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageOps
from test_pairs import auc

import rules
from curate.images.opening import probe
from curate.pairs import with_pairs
from curate.sources import parse_source, read_source
from rules.registry import all_rules

pytestmark = pytest.mark.shared_data

PAIRS = 1000


def measured(source: str, images: Path | None = None) -> pl.DataFrame:
    """The pairs of a source that have a visual key, with the measures of their images."""
    read = read_source(parse_source(source), images=images)
    frame = read.frame.with_columns(rules.visual_key(read.frame["label"]).alias("visual_key"))
    frame = frame.filter(pl.col("visual_key").is_not_null() & pl.col("image").is_not_null())
    frame = frame.sample(min(PAIRS, frame.height), seed=2, shuffle=False)
    facts = probe(read.root, frame["image"].to_list(), measures=True)
    return frame.join(facts.unique("image"), on="image", maintain_order="left")


@pytest.fixture(scope="module")
def crohme_pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("crohme")


@pytest.fixture(scope="module")
def handwriting(shared_data: Path, crohme_pictures: Path) -> pl.DataFrame:
    folder = crohme_pictures
    captions = shared_data / "crohme" / "train" / "caption.txt"
    lines = captions.read_text(encoding="utf-8").splitlines()
    keep = [lines[row] for row in np.sort(np.random.default_rng(9).choice(len(lines), 1100, replace=False))]
    (folder / "caption.txt").write_text("\n".join(keep) + "\n", encoding="utf-8")
    wanted = {f"img/{line.split(chr(9))[0]}.bmp" for line in keep}
    with tarfile.open(captions.parent / "img.tar.xz") as archive:
        archive.extractall(folder, [one for one in archive if one.name in wanted], filter="data")
    frame = measured(f"crohme:{folder}")
    assert frame.height == PAIRS
    return frame


@pytest.fixture(scope="module")
def printed(shared_data: Path) -> pl.DataFrame:
    return measured(f"im2latex:{shared_data / 'im2latex' / 'im2markup_sample'}")


@pytest.fixture(scope="module")
def cache(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("drawings")


def relabelled(frame: pl.DataFrame, order: np.ndarray) -> pl.DataFrame:
    return frame.with_columns(frame[order]["label"], frame[order]["visual_key"])


def swapped(frame: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """Swap a `share` of the labels in pairs that look different; also returns which rows are wrong."""
    rng = np.random.default_rng(seed)
    keys = frame["visual_key"].to_numpy()
    order = np.arange(frame.height)
    chosen = rng.permutation(frame.height)[: round(share * frame.height)]
    for row, other in zip(chosen[::2], chosen[1::2], strict=False):
        if keys[row] != keys[other]:
            order[[row, other]] = order[[other, row]]
    return relabelled(frame, order), order != np.arange(frame.height)


def found(code: str, frame: pl.DataFrame, **options: object) -> pl.DataFrame:
    rule = all_rules()[code]
    return rule.judge(frame, {**rule.options, **options})


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize(("share", "least"), [(0.05, 0.95), (0.3, 0.93)])
def test_handwriting(handwriting: pl.DataFrame, share: float, least: float, seed: int) -> None:
    frame, wrong = swapped(handwriting, share, seed)
    scores = with_pairs(frame)["pair_score"].to_numpy()
    assert auc(scores[~wrong], scores[wrong]) >= least  # the goal is 0.90 with 5 % swapped


@pytest.mark.parametrize("seed", [1, 2])
@pytest.mark.parametrize(("share", "least"), [(0.05, 0.98), (0.3, 0.98)])
def test_print(printed: pl.DataFrame, cache: Path, share: float, least: float, seed: int) -> None:
    frame, wrong = swapped(printed, share, seed)
    scores = with_pairs(frame, cache=cache)["pair_score"].to_numpy()
    assert auc(scores[~wrong], scores[wrong]) >= least  # the goal is 0.95 with 5 % swapped


@pytest.mark.parametrize("name", ["handwriting", "printed"])
def test_right_pairs_raise_few_alarms(name: str, cache: Path, request: pytest.FixtureRequest) -> None:
    frame = request.getfixturevalue(name)
    scored = with_pairs(frame, cache=cache)
    assert found("PAR001", scored).is_empty()
    for code, most in (
        ("PAR007", 0.015),
        ("PAR006", 0.01),
        ("PAR008", 0.02),
        ("PAR005", 0.03),
        ("PAR012", 0.005),
        ("PAR013", 0.008),
    ):
        assert found(code, scored).height <= most * frame.height, code


@pytest.mark.parametrize("lag", [1, -1, 3])
@pytest.mark.parametrize("name", ["handwriting", "printed"])
def test_a_shifted_set_is_one_finding_with_its_offset(
    name: str, lag: int, cache: Path, request: pytest.FixtureRequest
) -> None:
    frame = request.getfixturevalue(name).with_columns(pl.lit(None, pl.String).alias("split"))
    scored = with_pairs(relabelled(frame, np.roll(np.arange(frame.height), lag)), cache=cache)
    message, *_ = found("PAR001", scored)["message"].to_list()
    assert message.startswith(f"pairs are shifted by {lag:+d}: ")
    assert found("PAR007", scored).height <= 0.02 * frame.height


def test_pictures_that_were_damaged_are_named(handwriting: pl.DataFrame, crohme_pictures: Path) -> None:
    """Every 40th image is rotated, every 40th cut in half; few others are reported. A `chance` of 0 reports them all:
    otherwise a few rotated images in a thousand could be due to chance."""
    rows = handwriting.with_row_index("row")
    damaged = {"PAR012": rows.filter(pl.col("row") % 40 == 3), "PAR013": rows.filter(pl.col("row") % 40 == 13)}
    frame = handwriting
    for code, chosen in damaged.items():
        folder = crohme_pictures / code
        folder.mkdir()
        for number, image in chosen.select("row", "image").iter_rows():
            with Image.open(crohme_pictures / image) as whole:
                left, top, right, bottom = whole.getbbox() or (0, 0, *whole.size)
                half = ImageOps.expand(whole.crop(((left + right) // 2, top, right, bottom)), 11)
                (whole.rotate(180) if code == "PAR012" else half).save(folder / f"{number}.bmp")
        facts = probe(folder, [f"{number}.bmp" for number in chosen["row"]], measures=True)
        frame = frame.update(facts.drop("image").with_columns(chosen["sample_id"]), on="sample_id")
    scored = with_pairs(frame)
    for code, least in (("PAR012", 0.08), ("PAR013", 0.4)):
        named = set(found(code, scored, chance=0.0)["sample_id"])
        right = named & set(damaged[code]["sample_id"])
        wrong = named - {name for of in damaged.values() for name in of["sample_id"]}
        assert len(right) >= least * damaged[code].height
        assert len(wrong) <= 0.012 * frame.height
