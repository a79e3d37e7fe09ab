"""Duplicates and leaks in a whole audit: images drawn here, two sources, other runs, files of hashes."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageDraw, ImageOps

import rules
from curate.audit import AuditOptions, audit
from curate.base.errors import UserError
from curate.duplicates.hashes import read_hashes, write_hashes
from curate.report.comparison import compare, to_json, to_markdown, to_text
from curate.report.notes import near_text
from curate.report.overview import overlap_text
from curate.sources import parse_source

LONG = "a + b = c + d - e + f"


def draw(path: Path, seed: int) -> Image.Image:
    """An image of a few strokes, different for every seed."""
    image = Image.new("L", (200, 60), 255)
    pen = ImageDraw.Draw(image)
    for stroke in range(6):
        x, y = 10 + 30 * stroke, (seed * (stroke + 3) * 7) % 40
        pen.line((x, 10 + y, x + 20, 50 - (seed * 11 + stroke * 13) % 40), fill=0, width=3)
    image.save(path)
    return image


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two sets: `train` (a copy, a contradiction, a near copy) and `bench` (a leaked label and a leaked image)."""
    folder = tmp_path / "data"
    folder.mkdir()
    first = draw(folder / "a.png", 1)
    (folder / "a2.png").write_bytes((folder / "a.png").read_bytes())
    first.convert("RGB").save(folder / "a3.bmp")  # other bytes, the same pixels
    ImageOps.invert(ImageOps.expand(first, 12, 255)).save(folder / "a4.png")
    for seed, name in enumerate(("b", "c", "d", "e"), start=2):
        draw(folder / f"{name}.png", seed)
    train = [
        ("a", "a.png", r"\frac{1}{2}"),
        ("a2", "a2.png", r"\frac12"),
        ("a3", "a3.bmp", r"\frac13"),
        ("a4", "a4.png", r"\frac 1 2"),
        ("b", "b.png", LONG),
        ("c", "c.png", "x"),
    ]
    bench = [("d", "d.png", LONG.replace(" ", "")), ("c", "c.png", "z"), ("e", "e.png", "y")]
    for name, rows in (("train", train), ("bench", bench)):
        lines = [json.dumps({"id": key, "image": image, "label": label}) for key, image, label in rows]
        (folder / f"{name}.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return folder


def run_audit(out: Path, *sources: str, **options):
    given = {"ruleset": rules.select(["DUP", "DST"]), **options}
    return audit([parse_source(source) for source in sources], out, AuditOptions(**given))


def said(run, code: str) -> dict[str | None, str]:
    found = run.findings.filter(pl.col("rule") == code).select("sample_id", "message").collect()
    return dict(found.iter_rows())


def test_what_is_twice_is_found_in_one_run(tmp_path, data):
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl", f"bench={data}/bench.jsonl#test")
    assert said(run, "DUP003") == {"train/a2": "same image and label as train/a"}
    assert set(said(run, "DUP002")) == {"train/a", "train/a2", "train/a3", "train/c", "bench/test/c"}
    assert said(run, "DUP008") == {"train/a4": "nearly the same image as train/a, and the same label"}
    assert said(run, "DUP005") == {"train/b": "same label as bench/test/d in a test or validation split"}
    assert said(run, "DUP006") == {"bench/test/d": "same label as train/b in a training split"}
    assert said(run, "DUP007") == {"train/c": "same image as bench/test/c in a test or validation split"}
    message = said(run, "DUP004")[None]
    assert message.startswith(
        "1 of 3 labels of bench/test (33.3 %) are also in train, 1 of them with 10 tokens or more"
    )
    assert message.endswith("; 1 of its images are also there")


def test_groups_stand_in_the_samples_and_depend_on_nothing_else(tmp_path, data):
    both = run_audit(tmp_path / "both", f"train={data}/train.jsonl", f"bench={data}/bench.jsonl#test")
    alone = run_audit(tmp_path / "alone", f"bench={data}/bench.jsonl#test")
    columns = ["sample_id", "label_group", "image_group", "visual_key"]
    samples = both.samples.select(columns).collect()
    groups = {row[0]: row[1:3] for row in samples.iter_rows()}
    assert samples["label_group"].to_list() == samples["visual_key"].to_list()
    assert groups["train/a"] == groups["train/a2"] == groups["train/a4"]
    assert groups["train/a"][1] == groups["train/a3"][1]
    assert len({image for _, image in groups.values()}) == 5
    again = {row[0]: row[1:3] for row in alone.samples.select(columns).collect().iter_rows()}
    assert again == {name: groups[name] for name in again}


def test_the_summary_counts_it(tmp_path, data):
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl", f"bench={data}/bench.jsonl#test")
    train, bench = run.summary["sources"]
    assert train["duplicates"] == {
        "by_string": 0,
        "by_key": 2,
        "by_label": 2,
        "by_pixels": 2,
        "by_pair": 1,
        "near": 1,
    }
    assert train["leaks"] == []
    (leak,) = bench["leaks"]
    assert (leak["split"], leak["role"], leak["other_source"], leak["other_split"]) == ("test", "test", "train", None)
    assert (leak["labels"], leak["long_labels"], leak["images"], leak["other_labels"]) == (1, 1, 1, 1)
    near = run.summary["near_duplicates"]
    assert near["images"] == 6
    assert near["possible"] == 15
    assert near["skipped_buckets"] == 0
    assert "1 pair of 6 images compared, 1 of them copies" in near_text(run.summary)


def test_it_is_shown_where_people_look(tmp_path, data):
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl", f"bench={data}/bench.jsonl#test")
    table = overlap_text(run.summary["sources"], width=100)
    assert "bench/test" in table
    assert "33.3 %" in table
    rows = compare([run])
    assert table in to_text(rows, width=100)
    assert "| bench/test | train | 1 | 33.3 % | 1 | 1 | 0 |" in to_markdown(rows)
    assert json.loads(to_json(rows))[0]["duplicates"]
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "Duplicates and leaks" in report
    assert "bench/test" in report


def test_a_run_and_a_file_of_its_hashes_say_the_same(tmp_path, data):
    bench = run_audit(tmp_path / "bench", f"bench={data}/bench.jsonl#test")
    written = write_hashes(bench, tmp_path / "b.parquet", name="bench", version="2", licence="MIT")
    assert written == {"rows": 3, "labels": 3, "images": 3}
    train = f"train={data}/train.jsonl"
    by_run = run_audit(tmp_path / "r", train, against=[bench.path])
    by_file = run_audit(tmp_path / "f", train, against=[tmp_path / "b.parquet"])
    for run in (by_run, by_file):
        assert said(run, "DUP010") == {"train/b": "the label is also in bench"}
        assert said(run, "DUP011") == {"train/c": "the image is also in bench"}
        assert said(run, "DUP009")[None].startswith(
            "1 of 6 labels of train (16.7 %) are also in bench, 1 of them with 10"
        )
        (entry,) = run.summary["sources"][0]["against"]
        assert (entry["name"], entry["labels"], entry["long_labels"], entry["images"]) == ("bench", 1, 1, 1)
    (facts,) = by_file.summary["against"]
    assert facts == {"name": "bench", "kind": "hashes", "version": "2", "licence": "MIT", "labels": 3, "images": 3}
    assert (by_run.path / "samples.parquet").read_bytes() == (by_file.path / "samples.parquet").read_bytes()


def test_images_that_nobody_looked_at_are_unknown_not_none(tmp_path, data):
    bench = run_audit(tmp_path / "bench", f"bench={data}/bench.jsonl#test", probe_images=False)
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl", against=[bench.path])
    assert run.summary["sources"][0]["against"][0]["images"] is None
    assert bench.summary["near_duplicates"] is None
    assert bench.summary["sources"][0]["duplicates"]["by_pixels"] is None


def test_a_file_of_hashes_holds_no_label(tmp_path, data):
    bench = run_audit(tmp_path / "bench", f"bench={data}/bench.jsonl#test")
    out = tmp_path / "b.parquet"
    write_hashes(bench, out, name="bench")
    frame, metadata = read_hashes(out)
    assert dict(frame.schema) == {"kind": pl.String, "hash": pl.UInt64, "long": pl.Boolean}
    assert frame.equals(frame.sort("kind", "hash").unique(["kind", "hash"], maintain_order=True))
    assert metadata["key_version"] == str(rules.KEY_VERSION)
    assert LONG.replace(" ", "").encode() not in out.read_bytes()


def test_only_the_named_splits_go_into_a_file(tmp_path, data):
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl#train", f"bench={data}/bench.jsonl#test")
    assert write_hashes(run, tmp_path / "t.parquet", name="t", splits=["test"])["rows"] == 3
    with pytest.raises(UserError, match="no split 'dev'; it has test, train"):
        write_hashes(run, tmp_path / "u.parquet", name="u", splits=["dev"])
    with pytest.raises(UserError, match="already exists"):
        write_hashes(run, tmp_path / "t.parquet", name="t")


def test_what_can_t_be_held_against_is_refused_before_any_work(tmp_path, data):
    train = f"train={data}/train.jsonl"
    nothing = tmp_path / "nothing.parquet"
    nothing.write_bytes(b"no parquet")
    other = tmp_path / "other.parquet"
    pl.DataFrame({"a": [1]}).write_parquet(other)
    old = tmp_path / "old.parquet"
    write_hashes(run_audit(tmp_path / "bench", f"bench={data}/bench.jsonl"), old, name="bench")
    frame, metadata = read_hashes(old)
    frame.write_parquet(old, metadata={**metadata, "key_version": "0"})
    for path, message in (
        (tmp_path / "nowhere", "no such run folder or file of hashes"),
        (nothing, "neither a run folder nor a file of hashes"),
        (other, "neither a run folder nor a file of hashes"),
        (data, "not a run folder"),
        (old, "visual keys of version 0"),
    ):
        with pytest.raises(UserError, match=message):
            run_audit(tmp_path / "run", train, against=[path])
    assert not (tmp_path / "run").exists()


def test_two_sets_of_one_name_are_told_apart(tmp_path, data):
    bench = run_audit(tmp_path / "bench", f"bench={data}/bench.jsonl")
    run = run_audit(tmp_path / "run", f"train={data}/train.jsonl", against=[bench.path, bench.path])
    assert [item["name"] for item in run.summary["against"]] == ["bench", "bench~2"]
    assert said(run, "DUP011") == {"train/c": "the image is also in bench, bench~2"}


def test_a_licence_is_taken_from_the_project_file(tmp_path, data):
    from curate.project import load_project

    file = tmp_path / "texsieve.toml"
    file.write_text('against = ["old"]\n[licences]\ntrain = "CC BY-SA 4.0"\nbench = "CC-BY-NC-4.0"\n', encoding="utf-8")
    project = load_project(file)
    assert project.against == ("old",)
    sources = (f"train={data}/train.jsonl", f"bench={data}/bench.jsonl#test")
    run = run_audit(tmp_path / "run", *sources, licences=project.licences)
    assert run.summary["sources"][0]["licence"] == {"given": "CC BY-SA 4.0", "public": None}
    assert "is not compatible with train" in said(run, "DST004")[None]
    assert not said(run, "DST002")
    file.write_text("[licences]\ntrain = 3\n", encoding="utf-8")
    with pytest.raises(UserError, match=r"\[licences\] train must be text, not 3"):
        load_project(file)


def test_a_source_s_own_columns_of_these_names_are_kept(tmp_path):
    rows = [{"id": "a", "label": "x", "against_labels": "mine", "source_licence": "MIT", "label_group": "g"}]
    file = tmp_path / "rows.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    samples = run_audit(tmp_path / "run", str(file)).samples.collect()
    assert samples["against_labels"].to_list() == ["mine"]
    assert samples["source_licence"].to_list() == ["MIT"]
    assert samples["source_label_group"].to_list() == ["g"]
    assert samples["label_group"].to_list() == samples["visual_key"].to_list()
