"""Which candidates are compared, what is kept between runs, and what happens to images that are gone."""

from __future__ import annotations

import io
from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image, ImageOps

from curate.base.errors import UserError
from curate.duplicates import copies as looked
from curate.duplicates import kept_answers
from curate.duplicates.copies import MOST_COMPARED, closest, copies
from curate.duplicates.images import with_image_groups
from curate.images import in_tables
from curate.images.opening import probe
from curate.render.drawing import render_png

#: Two formulas of one pattern, whose hashes are close.
ONE, OTHER = r"\sum_{k=2}^{\infty} x^{k} = S_{2}(x)", r"\sum_{k=7}^{\infty} x^{k} = S_{7}(x)"


def draw(path: Path, label: str, *, invert: bool = False, by: float = 1.0) -> None:
    image = ImageOps.expand(Image.open(io.BytesIO(render_png(label))).convert("L"), 8, 255)
    image = image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.BICUBIC)
    (ImageOps.invert(image) if invert else image).save(path)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    draw(tmp_path / "one.png", ONE)
    draw(tmp_path / "inverted.png", ONE, invert=True)
    draw(tmp_path / "small.png", ONE, by=0.7)
    draw(tmp_path / "other.png", OTHER)
    return tmp_path


def samples(folder: Path) -> pl.DataFrame:
    names = sorted(path.name for path in folder.glob("*.png"))
    return probe(folder, names, measures=True).with_columns(pl.lit("s").alias("source"))


def groups(frame: pl.DataFrame) -> dict[str, str]:
    return dict(frame.select("image", "image_group").iter_rows())


def test_copies_are_one_group_and_formulas_of_one_pattern_are_not(folder):
    found, facts = with_image_groups(samples(folder), {"s": folder})
    group = groups(found)
    assert group["one.png"] == group["inverted.png"] == group["small.png"] != group["other.png"]
    assert (facts.compared, facts.copies, facts.unopened, facts.crowded) == (6, 3, 0, 0)


def test_answers_are_kept_and_images_stay_closed(folder, tmp_path, monkeypatch):
    frame, cache = samples(folder), tmp_path / "cache"
    first = with_image_groups(frame, {"s": folder}, cache=cache)
    monkeypatch.setattr(looked, "open_image", lambda *_: pytest.fail("an image was opened again"))
    again = with_image_groups(frame, {"s": folder}, cache=cache)
    assert again[0].equals(first[0])
    assert again[1] == first[1]


def test_what_a_run_asked_for_is_kept_even_if_there_is_no_room_for_more(folder, tmp_path, monkeypatch):
    cache = tmp_path / "cache"
    frame = samples(folder)
    with_image_groups(frame.filter(pl.col("image") != "small.png"), {"s": folder}, cache=cache)  # 3 pairs
    monkeypatch.setattr(kept_answers, "MOST", 5)
    with_image_groups(frame, {"s": folder}, cache=cache)  # 3 new ones
    assert len(list((cache / "copies").iterdir())) == 1
    assert kept_answers.KeptAnswers(cache)._rows.height == 6
    with_image_groups(frame.head(3), {"s": folder}, cache=cache)  # nothing new
    assert kept_answers.KeptAnswers(cache)._rows.height == 6


def test_kept_answers_that_can_t_be_read_are_made_again(folder, tmp_path):
    frame, cache = samples(folder), tmp_path / "cache"
    first, _ = with_image_groups(frame, {"s": folder}, cache=cache)
    (file,) = (cache / "copies").iterdir()
    file.write_bytes(b"PAR1 nothing")
    again, _ = with_image_groups(frame, {"s": folder}, cache=cache)
    assert again.equals(first)
    assert kept_answers.KeptAnswers(cache)._rows.height == 6


def test_an_image_that_is_gone_is_no_copy_and_is_counted(folder, tmp_path):
    frame = samples(folder)
    (folder / "inverted.png").unlink()
    found, facts = with_image_groups(frame, {"s": folder}, cache=tmp_path / "cache")
    group = groups(found)
    assert group["one.png"] == group["small.png"] != group["inverted.png"]
    assert facts.unopened == 3
    draw(folder / "inverted.png", ONE, invert=True)
    again, _ = with_image_groups(frame, {"s": folder}, cache=tmp_path / "cache")  # what failed was not kept
    assert groups(again)["inverted.png"] == group["one.png"]


def test_several_processes_say_the_same(folder, monkeypatch):
    frame = samples(folder)
    alone, _ = with_image_groups(frame, {"s": folder})
    monkeypatch.setattr(looked, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(looked, "_BATCH", 2)
    seen: list[tuple[int, int]] = []
    several, _ = with_image_groups(
        frame, {"s": folder}, workers=2, progress=lambda done, total: seen.append((done, total))
    )
    assert several.equals(alone)
    assert seen[-1] == (6, 6)


def test_a_folder_that_a_machine_lacks_is_an_error(folder, monkeypatch):
    frame = samples(folder)
    monkeypatch.setattr(looked, "_WORTH_PROCESSES", 1)
    with pytest.raises(UserError, match="no such folder on"):
        with_image_groups(frame, {"s": folder / "elsewhere"})


def test_samples_without_images_have_no_groups():
    empty = {"source": ["s"], "image": ["a"], "image_sha256": [None], "image_phash": [None]}
    found, facts = with_image_groups(pl.DataFrame(empty, schema_overrides=dict.fromkeys(empty, pl.String)), {})
    assert found["image_group"].to_list() == [None]
    assert facts.compared == 0


def test_of_many_candidates_the_closest_are_compared(monkeypatch):
    monkeypatch.setattr(looked, "MOST_PAIRS", 3)
    few = pl.DataFrame({"first": [3, 0, 0], "second": [4, 2, 1], "bits": [1, 20, 3]})
    chosen, crowded = closest(few)
    assert chosen.rows() == [(0, 1, 3), (0, 2, 20), (3, 4, 1)]
    assert crowded.is_empty()
    star = pl.DataFrame({"first": [0] * 9, "second": range(1, 10), "bits": range(9, 0, -1)})
    chosen, crowded = closest(star)
    # Each of the nine chooses the middle, so all are compared and nothing is left out.
    assert chosen.height == 9
    assert crowded.is_empty()
    every = pl.DataFrame(
        [(i, j, abs(i - j)) for i in range(20) for j in range(i + 1, 20)], schema=few.schema, orient="row"
    )
    chosen, crowded = closest(every)
    assert crowded.len() == 20
    degrees = pl.concat([chosen["first"], chosen["second"]]).value_counts()["count"]
    assert chosen.height <= 20 * MOST_COMPARED
    assert degrees.min() >= MOST_COMPARED
    assert chosen["bits"].max() <= MOST_COMPARED


def test_a_row_group_is_read_once_however_its_images_are_paired(folder, tmp_path):
    cells = [{"bytes": path.read_bytes(), "path": None} for path in sorted(folder.glob("*.png"))]
    pq.write_table(pa.table({"image": [*cells[::-1], *cells]}), tmp_path / "t.parquet", row_group_size=2)
    refs = [f"t.parquet#image:{row}" for row in (0, 4, 2, 7, 1, 6, 3, 5)]
    images = pl.DataFrame({"source": "s", "image": refs, "image_sha256": list("abcdefgh")})
    pairs = pl.DataFrame([(i, j) for i in range(8) for j in range(i + 1, 8)], ["first", "second"], orient="row")
    in_tables._row_group.cache_clear()
    found = copies(images, pairs, {"s": tmp_path})
    assert found.sum() == 4 + 6 * 2
    assert in_tables._row_group.cache_info().misses == 4


def test_no_pairs_are_no_trouble():
    nothing = pl.DataFrame(schema={"first": pl.Int64, "second": pl.Int64, "bits": pl.Int64})
    images = pl.DataFrame(schema={"source": pl.String, "image": pl.String, "image_sha256": pl.String})
    assert copies(images, nothing, {}).to_list() == []
    assert closest(nothing)[0].is_empty()
