"""How samples enter the App, without FiftyOne: rows, the dataset's folder, views, images."""

from __future__ import annotations

import io
import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, ImageChops
from run_makers import put_table

from curate.browse.dataset import fields
from curate.browse.dataset.rows import fingerprint, rows
from curate.browse.dataset.texts import texts
from curate.browse.dataset.views import GROUPS, saved_views
from curate.browse.dataset.writing import write_dataset
from curate.browse.deciding.change import marked
from curate.browse.deciding.proposals import proposed
from curate.browse.pictures.cards import HEIGHT, WIDTH, card, photo_of
from curate.browse.pictures.drawings import drawing, path_of
from curate.browse.process.guard import is_local
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import load_run


@pytest.fixture
def frame(made_run: Path, tmp_path: Path) -> pl.DataFrame:
    return rows(load_run(made_run), WorkingFiles(tmp_path / "work"))


def one(frame: pl.DataFrame, number: int) -> dict:
    return frame.filter(pl.col("sample_id").str.ends_with(f"s{number}")).row(0, named=True)


def test_the_worst_come_first_and_a_limit_keeps_them(frame: pl.DataFrame, made_run: Path, tmp_path: Path) -> None:
    rank = {"error": 0, "warning": 1, "info": 2, "clean": 3}
    ranks = [rank[severity] for severity in frame[fields.SEVERITY]]
    assert ranks == sorted(ranks)
    assert {0, 3} <= set(ranks)
    few = rows(load_run(made_run), WorkingFiles(tmp_path / "work"), 3)
    assert few["sample_id"].to_list() == frame["sample_id"][:3].to_list()


def test_findings_are_listed_worst_first_each_rule_once(frame: pl.DataFrame) -> None:
    broken = one(frame, 2)
    assert broken[fields.SEVERITY] == "error"
    first = broken[fields.FINDINGS][0]
    assert (first["label"], first["severity"]) == ("SYN001 unbalanced-brace", "error")
    assert first["span"] == [5, 6]
    for found, codes in zip(frame[fields.FINDINGS].to_list(), frame[fields.RULES].to_list(), strict=True):
        assert [entry["label"].split()[0] for entry in found or []] == codes


def test_the_same_picture_under_two_labels_is_a_conflict(frame: pl.DataFrame) -> None:
    groups = dict(frame.select("sample_id", fields.DUPLICATES).iter_rows())
    conflicts = {name for name, conflict in frame.select("sample_id", fields.CONFLICT).iter_rows() if conflict}
    names = {one(frame, 1)["sample_id"], one(frame, 7)["sample_id"]}
    assert names <= conflicts
    assert len({groups[name] for name in names}) == 1
    assert None not in {groups[name] for name in names}


def test_images_have_absolute_paths_and_no_image_has_a_place(frame: pl.DataFrame, made_run: Path) -> None:
    assert Path(one(frame, 0)["filepath"]) == made_run.parent / "data" / "images" / "0.png"
    assert "/photos/" in one(frame, 6)["filepath"]
    assert one(frame, 5)["filepath"].endswith("data/images/5.png")


def test_drawings_are_shared_by_labels_that_look_the_same(frame: pl.DataFrame, tmp_path: Path) -> None:
    for sample_id, label, key, drawn in frame.select("sample_id", "label", "visual_key", fields.RENDERED).iter_rows():
        assert Path(drawn) == path_of(label, key, tmp_path / "work" / Path(drawn).parts[-4] / "drawings"), sample_id
    assert path_of("a", "ab12", tmp_path) == path_of("{a}", "ab12", tmp_path)
    assert path_of("a", None, tmp_path) != path_of("b", None, tmp_path)


def test_a_sources_own_columns_do_not_get_in_the_way(made_run: Path, tmp_path: Path) -> None:
    own = (
        load_run(made_run)
        .samples.collect()
        .with_columns(
            *(pl.lit("mine").alias(name) for name in ("severity", "rules", "findings", "decision", "row", "filepath"))
        )
    )
    put_table(made_run, "samples.parquet", own)
    frame = rows(load_run(made_run), WorkingFiles(tmp_path / "work"))
    assert set(frame[fields.SEVERITY]) <= {"error", "warning", "info", "clean"}
    assert frame["filepath"][0].startswith("/")


def test_working_files_of_runs_that_are_gone_are_removed(tmp_path: Path) -> None:
    works = {name: WorkingFiles(tmp_path / "browse" / name) for name in ("here", "gone", "there", "unknown")}
    for name, work in works.items():
        work.root.mkdir(parents=True)
        (work.root / "pictures-0-0").mkdir()
        if name != "unknown":
            work.write_state({"run": str(tmp_path / name)})
    (tmp_path / "there").mkdir()
    works["here"].drawings.mkdir(parents=True)
    works["here"].tidy()
    assert sorted(path.name for path in (tmp_path / "browse").iterdir()) == ["here", "there", "unknown"]
    assert works["here"].drawings.is_dir()
    assert not (works["here"].root / "pictures-0-0").exists()


def test_the_fingerprint_changes_with_findings_and_not_with_decisions(made_run: Path, tmp_path: Path) -> None:
    run, work = load_run(made_run), WorkingFiles(tmp_path / "work")
    before = fingerprint(run, work, 100)
    (made_run / "decisions.jsonl").write_text("{}\n")
    assert fingerprint(run, work, 100) == before != fingerprint(run, work, 99)
    path = made_run / "findings.parquet"
    pl.read_parquet(path).head(1).write_parquet(path)
    assert fingerprint(run, work, 100) != before


def test_every_label_has_a_picture(frame: pl.DataFrame, tmp_path: Path) -> None:
    for label, key in frame.select("label", "visual_key").iter_rows():
        with Image.open(drawing(label, key, tmp_path / "d")) as image:
            image.load()
            assert image.width > 10
    red = Image.open(drawing(r"\frac{a", None, tmp_path / "d")).convert("RGB")
    assert red.getpixel((0, 0)) == (255, 245, 245)
    for odd in ("", "   ", "x" * 5000, "\x00", "\ud800", r"\undefined"):
        assert drawing(odd, None, tmp_path / "d").stat().st_size > 100


def test_a_card_shows_photo_and_drawing(made_run: Path, tmp_path: Path) -> None:
    root = made_run.parent / "data"
    drawn = drawing("x^2", None, tmp_path / "d").read_bytes()
    plain = Image.open(io.BytesIO(card(photo_of(root, "images/0.png"), drawn, "x^2")))
    assert plain.size == (WIDTH, HEIGHT)
    other = Image.open(io.BytesIO(card(photo_of(root, "images/1.png"), drawn, "x^2")))
    box = ImageChops.difference(plain, other).convert("L").point(lambda level: 255 * (level > 40)).getbbox()
    assert box is not None
    assert box[3] < HEIGHT // 2  # the photos at the top differ, the drawings below don't


@pytest.mark.parametrize("ref", [None, "images/5.png", "../run/summary.json", "formulas.jsonl"])
def test_a_photo_that_is_not_there_says_so(made_run: Path, ref: str | None) -> None:
    assert photo_of(made_run.parent / "data", ref).getpixel((0, 0)) == (244, 244, 244)


def test_the_folder_holds_every_sample_with_every_field(frame: pl.DataFrame, made_run: Path, tmp_path: Path) -> None:
    run = load_run(made_run)
    write_dataset(tmp_path / "out", run, WorkingFiles(tmp_path / "work"), frame, "mark")
    metadata = json.loads((tmp_path / "out" / "metadata.json").read_text(encoding="utf-8"))
    samples = json.loads((tmp_path / "out" / "samples.json").read_text(encoding="utf-8"))["samples"]
    names = {field["name"] for field in metadata["sample_fields"]}
    assert [sample["sample_id"] for sample in samples] == frame["sample_id"].to_list()
    assert all(set(sample) - {"_id"} <= names for sample in samples)
    ids = [sample["_id"]["$oid"] for sample in samples]
    ids += [found["_id"]["$oid"] for sample in samples for found in sample["findings"]["classifications"]]
    assert len(set(ids)) == len(ids)
    assert all(len(name) == 24 and set(name) <= set("0123456789abcdef") for name in ids)
    assert metadata["name"] == fields.dataset_name(made_run)
    assert metadata["info"]["run"] == str(made_run.resolve())
    shown = {path for _, paths, _ in GROUPS for path in paths}
    own = {name for name in names if not name.startswith("_")} - {"tags", "metadata"}
    assert own <= shown, own - shown


def test_there_is_a_view_for_each_family_that_found_more_than_remarks(frame: pl.DataFrame) -> None:
    names = [name for name, *_ in saved_views(frame)]
    first = ["errors", "likely wrong pair", "duplicates and conflicts", "low score", "undecided", "remarks only"]
    assert names[:6] == first
    found = frame[fields.FINDINGS].explode().drop_nulls().to_list()
    assert any(one["severity"] == "info" for one in found)
    assert {name.split()[0] for name in names[6:]} == {one["label"][:3] for one in found if one["severity"] != "info"}


def test_labels_that_predictions_contradict_are_there_by_rank(made_run: Path, tmp_path: Path) -> None:
    samples = load_run(made_run).samples.collect()
    ranks = pl.Series("label_error_rank", [2, None, 1], pl.Int32).extend_constant(None, samples.height - 3)
    put_table(made_run, "samples.parquet", samples.with_columns(ranks))
    frame = rows(load_run(made_run), WorkingFiles(tmp_path / "work"))
    named = {row["sample_id"]: row["label_error_rank"] for row in frame.iter_rows(named=True)}
    assert [named[name] for name in samples["sample_id"][:4]] == [2, None, 1, None]
    (stages,) = (stages for name, _, _, stages in saved_views(frame) if name == "likely label error")
    assert [stage["kwargs"][0][1] for stage in stages] == [{"label_error_rank": {"$ne": None}}, "label_error_rank"]


def test_proposals_come_for_samples_with_a_fix_only(frame: pl.DataFrame, made_run: Path) -> None:
    run = load_run(made_run)
    batches = list(proposed(run, frame, 0))
    found = {sample_id: pair for _, batch in batches for sample_id, pair in batch.items()}
    eaten = one(frame, 10)["sample_id"]
    assert found[eaten][0] == r"\times 3"
    assert found[eaten][1] == marked("\times 3", r"\times 3") != ""
    assert one(frame, 1)["sample_id"] not in found
    last = batches[-1][0]
    assert not list(proposed(run, frame, last))  # it continues where it stopped


def test_texts_come_for_every_sample_and_go_on_where_they_stopped(frame: pl.DataFrame) -> None:
    many = pl.concat([frame] * 20).with_columns(
        pl.format("{}-{}", "sample_id", pl.int_range(pl.len())).alias("sample_id")
    )
    batches = list(texts(many, 0))
    assert [done for done, _ in batches] == [200, 240]
    found = {sample_id: text for _, batch in batches for sample_id, text in batch.items()}
    assert list(found) == many["sample_id"].to_list()
    assert found["formulas/s0-" + str(frame["sample_id"].to_list().index("formulas/s0"))] == "a/b + c"
    assert list(texts(many, 200)) == batches[1:]
    assert not list(texts(many, 240))


@pytest.mark.parametrize(
    ("old", "new", "change"),
    [
        ("x^2", "x^3", "x^[-2-]{+3+}"),
        (r"\alpha x", r"\beta x", r"[-\alpha -]{+\beta +}x"),
        ("a", "ab", "a{+b+}"),
        ("ab", "b", "[-a-]b"),
        ("a", "a", ""),
        ("a", None, ""),
        ("x" * 3000 + "a", "y" * 3000 + "a", "[-" + "x" * 3000 + "-]{+" + "y" * 3000 + "+}a"),
    ],
)
def test_changes_are_marked(old: str, new: str | None, change: str) -> None:
    assert marked(old, new) == change


@pytest.mark.parametrize(
    ("host", "origin", "allowed"),
    [
        ("127.0.0.1:5151", None, True),
        ("localhost:9000", "http://localhost:9000", True),
        ("[::1]:5151", None, True),
        ("evil.example:5151", None, False),
        ("127.0.0.1:5151", "http://evil.example", False),
        ("127.0.0.1:5151", "null", False),
        ("127.0.0.1.evil.example", None, False),
        ("[::", None, False),
        ("", None, False),
    ],
)
def test_only_this_machine_is_let_in(host: str, origin: str | None, allowed: bool) -> None:
    headers = [(b"host", host.encode())] + ([(b"origin", origin.encode())] if origin else [])
    assert is_local(headers) is allowed


@pytest.mark.parametrize(
    ("site", "destination", "allowed"),
    [
        ("cross-site", "document", True),  # a link
        ("cross-site", "iframe", False),
        ("cross-site", "image", False),
        ("cross-site", "empty", False),
        ("same-origin", "empty", True),
        ("same-site", "document", True),  # from the page for deciding
        ("none", "document", True),
    ],
)
def test_another_site_may_only_have_a_link_to_the_app(site: str, destination: str, allowed: bool) -> None:
    asked = [(b"sec-fetch-site", site.encode()), (b"sec-fetch-dest", destination.encode())]
    assert is_local([(b"host", b"127.0.0.1:5151"), *asked]) is allowed
