"""The whole audit on small data sets written by the tests: the run folder's contract, reuse, and bad input."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import curate.report.page
import rules
from curate.audit import AuditOptions, audit
from curate.audit.images import _other_ending
from curate.base.errors import UserError
from curate.report.overview import sources_markdown
from curate.runs.folder import FINDINGS, SAMPLES, load_run
from curate.sources import parse_source

M2E_ROW = r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6"


def write_jsonl(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    return path


def run_audit(out: Path, *sources: object, **options):
    given = {"ruleset": rules.select(), **options}
    return audit([parse_source(str(source)) for source in sources], out, AuditOptions(**given))


@pytest.fixture
def small(tmp_path):
    rows = [
        {"id": "a", "label": r"\frac{a}{b}", "color": "red"},
        {"id": "b", "label": r"\frac{a}{b", "color": "blue"},
        {"id": "c", "label": r"\frac{a}{b}", "color": None},
        {"id": "d", "label": r"\le"},
        {"id": "e", "label": r"\leq"},
        {"id": "f", "label": ""},
    ]
    return write_jsonl(tmp_path / "small.jsonl", rows)


def test_the_tables_are_what_the_contract_says(tmp_path, small):
    run = run_audit(tmp_path / "run", small)
    samples, findings = run.samples.collect(), run.findings.collect()
    assert samples.columns == [*SAMPLES, "color"]
    assert dict(samples.select(list(SAMPLES)).schema) == SAMPLES
    assert dict(findings.schema) == FINDINGS
    assert samples["sample_id"].to_list() == [f"small/{name}" for name in "abcdef"]
    assert samples["color"].to_list() == ["red", "blue", None, None, None, None]
    assert sorted(path.name for path in run.path.iterdir()) == [
        "findings.parquet",
        "places.parquet",
        "report.html",
        "samples.parquet",
        "summary.json",
    ]


def test_a_label_s_findings_reach_all_its_samples_in_order(tmp_path, small):
    findings = run_audit(tmp_path / "run", small).findings
    braces = findings.filter(pl.col("rule") == "SYN001").collect()
    assert braces["sample_id"].to_list() == ["small/b"]
    order = findings.select("sample_id").collect()["sample_id"].drop_nulls().to_list()  # null: about the whole source
    assert order == sorted(order)
    braceless = findings.filter(pl.col("rule") == "NRM003").collect()
    assert braceless["sample_id"].to_list() == ["small/f"]


def test_key_canonical_and_score_are_there_or_a_finding_says_why(tmp_path, small):
    run = run_audit(tmp_path / "run", small)
    samples = run.samples.collect()
    found = run.findings.select("sample_id", "rule").collect()
    for column in ("visual_key", "canonical"):
        without = samples.filter(pl.col(column).is_null())["sample_id"]
        assert set(without) == set(found.filter(pl.col("rule") == "CAN100")["sample_id"])
        assert without.len()
    keys = dict(samples.select("sample_id", "visual_key").iter_rows())
    assert keys["small/d"] == keys["small/e"] is not None
    assert samples["score"].is_between(0, 1).all()
    assert samples["score"].null_count() == 0


def test_the_real_m2e_row_gets_exactly_three_layout_findings(tmp_path):
    source = write_jsonl(tmp_path / "train.jsonl", [{"name": "0.jpg", "tex": M2E_ROW}])
    assert r"\\t 1 5" in source.read_text(encoding="utf-8")
    run = run_audit(tmp_path / "run", f"m2e:{source}", probe_images=False)
    layout = run.findings.filter(pl.col("name").str.contains("layout")).collect()
    spans = [(M2E_ROW[start:end], rule) for start, end, rule in layout.select("start", "end", "rule").iter_rows()]
    assert spans == [(r"\t", "ESC002"), (r"\n", "ESC001"), (r"\n", "ESC001")]
    times = M2E_ROW.index(r"\times")
    others = run.findings.filter(pl.col("start").is_between(times, times + 5)).collect()
    assert others.height == 0


def test_json_escapes_are_decoded_once(tmp_path):
    source = tmp_path / "rows.jsonl"
    rows = ['{"id": "token", "label": "a \\\\t b"}', '{"id": "tab", "label": "a \\times b"}']
    source.write_text("\n".join(rows) + "\n", encoding="utf-8")
    findings = run_audit(tmp_path / "run", source).findings.filter(pl.col("severity") == "error").collect()
    pairs = set(findings.select("sample_id", "rule").iter_rows())
    assert ("rows/token", "ESC002") in pairs
    assert ("rows/tab", "ESC005") in pairs
    assert ("rows/tab", "ESC002") not in pairs


def test_two_runs_are_equal_to_the_byte(tmp_path, small):
    first = run_audit(tmp_path / "one" / "run", small)
    second = run_audit(tmp_path / "two" / "run", small, workers=2)
    for name in ("samples.parquet", "findings.parquet"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()
    summaries = [json.loads((run.path / "summary.json").read_text(encoding="utf-8")) for run in (first, second)]
    for summary in summaries:
        del summary["run"]
    assert summaries[0] == summaries[1]


def test_peak_memory_is_that_of_the_audit_and_not_of_what_started_it():
    code = "from curate.audit import peak_memory; print(peak_memory())"
    script = (
        f"import subprocess, sys; held = b'x' * 10**9; subprocess.run([sys.executable, '-c', {code!r}], check=True)"
    )
    done = subprocess.run([sys.executable, "-c", script], check=True, capture_output=True, text=True)
    assert 10**7 < int(done.stdout) < 5 * 10**8


def test_a_run_that_is_there_is_refused_and_stays(tmp_path, small):
    run = run_audit(tmp_path / "run", small)
    before = (run.path / "samples.parquet").read_bytes()
    with pytest.raises(UserError, match="--update"):
        run_audit(tmp_path / "run", small)
    assert (run.path / "samples.parquet").read_bytes() == before


def test_update_keeps_decisions_and_gives_what_a_fresh_run_gives(tmp_path, small):
    run = run_audit(tmp_path / "run", small)
    (run.path / "decisions.jsonl").write_text('{"sample_id": "small/a"}\n', encoding="utf-8")
    rows = [json.loads(line) for line in small.read_text(encoding="utf-8").splitlines()]
    rows[3]["label"] = r"x ^ {2"
    rows.append({"id": "g", "label": r"a & b"})
    write_jsonl(small, rows)
    updated = run_audit(tmp_path / "run", small, update=True)
    fresh = run_audit(tmp_path / "fresh", small)
    assert (updated.path / "decisions.jsonl").read_text(encoding="utf-8") == '{"sample_id": "small/a"}\n'
    for name in ("samples.parquet", "findings.parquet"):
        assert (updated.path / name).read_bytes() == (fresh.path / name).read_bytes()
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_update_judges_only_what_changed(tmp_path, small, monkeypatch):
    from rules import engine

    run_audit(tmp_path / "run", small)
    judged: list[str] = []
    original = engine.judge

    def watch(labels, *args, **kwargs):
        judged.extend(labels)
        return original(labels, *args, **kwargs)

    monkeypatch.setattr(engine, "judge", watch)
    rows = [json.loads(line) for line in small.read_text(encoding="utf-8").splitlines()]
    write_jsonl(small, [*rows, {"id": "g", "label": "new"}])
    run_audit(tmp_path / "run", small, update=True)
    assert judged == ["new"]
    judged.clear()
    run_audit(tmp_path / "run", small, update=True, ruleset=rules.select(["SYN"]))
    assert "new" in judged  # other rules: nothing is reused
    judged.clear()
    run_audit(tmp_path / "run", small, update=True, ruleset=rules.select(["SYN"], fixes={"SYN001": "unsafe"}))
    assert "new" in judged  # the fix levels are part of the findings
    assert len(judged) > 1


def test_a_failure_leaves_no_run_and_no_litter(tmp_path, small, monkeypatch):
    def fail(*args, **kwargs):
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("curate.report.page.write_report", fail)
    with pytest.raises(RuntimeError):
        run_audit(tmp_path / "run", small)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["small.jsonl"]


def test_limit_reads_the_first_rows_of_every_source(tmp_path, small):
    run = run_audit(tmp_path / "run", small, limit=2)
    assert run.samples.collect()["sample_id"].to_list() == ["small/a", "small/b"]


def test_sources_of_one_name_are_refused_with_the_way_out(tmp_path, small):
    with pytest.raises(UserError, match="NAME="):
        run_audit(tmp_path / "run", small, small)
    both = run_audit(tmp_path / "run", small, f"other={small}")
    assert both.summary["totals"]["samples"] == 12


def test_images_give_sizes_and_findings(tmp_path):
    folder = tmp_path / "set"
    folder.mkdir()
    picture = Image.new("RGB", (40, 30), "white")
    picture.paste("black", (8, 12, 30, 14))
    picture.save(folder / "a.png")
    (folder / "b.png").write_bytes(b"no image at all")
    rows = [{"id": name, "image": f"{name}.png", "label": name} for name in "abc"]
    source = write_jsonl(folder / "rows.jsonl", rows)
    run = run_audit(tmp_path / "run", source)
    sizes = run.samples.select("width", "height").collect().rows()
    assert sizes == [(40, 30), (None, None), (None, None)]
    found = run.findings.filter(pl.col("severity") == "error").select("sample_id", "rule").collect().rows()
    assert found == [("rows/b", "IMG005"), ("rows/c", "PAR002")]
    scores = dict(run.samples.select("sample_id", "score").collect().iter_rows())
    assert scores["rows/a"] == 1
    assert scores["rows/b"] < 0.5
    assert run.root("rows") == folder.resolve()
    without = run_audit(tmp_path / "none", source, probe_images=False)
    assert without.findings.filter(pl.col("rule").is_in(["IMG005", "PAR002"])).collect().height == 0


def test_a_set_none_of_whose_images_is_found_says_what_was_tried(tmp_path):
    rows = [{"id": str(n), "image": f"/home/alice/{n}.png", "label": str(n)} for n in range(9)]
    (tmp_path / "set").mkdir()
    source = write_jsonl(tmp_path / "set" / "rows.jsonl", rows)
    with pytest.raises(UserError) as error:
        run_audit(tmp_path / "run", source)
    assert str(error.value) == (
        f"{source}: none of its 9 images was found (the first: /home/alice/0.png); looked in {source.parent} and its "
        "subfolders; say where they are with --images DIR, or audit the labels alone with --no-images"
    )
    assert not (tmp_path / "run").exists()
    (tmp_path / "set" / "pictures").mkdir()
    Image.new("L", (60, 60), 255).save(tmp_path / "set" / "pictures" / "0.JPEG")
    with pytest.raises(UserError, match=r"pictures/0\.JPEG is there, with another ending: correct"):
        run_audit(tmp_path / "run", source)
    assert _other_ending(source.parent, r"C:\home\0.JPEG") is None  # in another folder, but not with another ending
    run = run_audit(tmp_path / "run", source, probe_images=False)
    assert run.summary["sources"][0]["verdict"] == "fix first"
    assert run.samples.collect()["image_not_found"].to_list() == [row["image"] for row in rows]


def test_missing_images_are_reported_before_those_of_other_sources_are_opened(tmp_path, monkeypatch):
    (tmp_path / "whole").mkdir()
    Image.new("L", (60, 60), 255).save(tmp_path / "whole" / "0.png")
    whole = write_jsonl(tmp_path / "whole" / "rows.jsonl", [{"image": "0.png", "label": "x"}])
    (tmp_path / "lost").mkdir()
    lost = write_jsonl(tmp_path / "lost" / "lost.jsonl", [{"image": "1.png", "label": "x"}])
    opened = []
    monkeypatch.setattr("curate.audit.images.measured", lambda *args, **_: opened.append(args) or [])
    with pytest.raises(UserError, match="none of its 1 image was found"):
        run_audit(tmp_path / "run", whole, lost)
    assert opened == []


def test_an_error_inside_what_a_safe_fix_rewrites_counts_as_repairable(tmp_path):
    rows = [{"label": label} for label in ("a + b", "x &lt; y", "c & d")]
    (entry,) = run_audit(tmp_path / "run", write_jsonl(tmp_path / "rows.jsonl", rows)).summary["sources"]
    assert (entry["samples_with_error"], entry["errors_with_safe_fix"], entry["errors_without_fix"]) == (2, 1, 1)


def test_none_found_of_several_is_not_sent_to_another_data_set(tmp_path):
    for name in ("set/a", "set/b", "other"):
        (tmp_path / name).mkdir(parents=True)
        Image.new("L", (60, 60), 255).save(tmp_path / name / "0.png")
    source = write_jsonl(tmp_path / "set" / "rows.jsonl", [{"image": "0.png", "label": "x"}])
    with pytest.raises(UserError, match="several folders hold images with these names") as error:
        run_audit(tmp_path / "run", source)
    assert "other" not in str(error.value)


def test_none_found_names_archives_that_are_not_read(tmp_path):
    (tmp_path / "images.7z").write_bytes(b"7z")
    (tmp_path / "images.zip").write_bytes(b"no zip")
    source = write_jsonl(tmp_path / "rows.jsonl", [{"image": f"{n}.png", "label": f"x_{n}"} for n in range(3)])
    with pytest.raises(UserError) as error:
        run_audit(tmp_path / "run", source)
    assert "images.zip: not a readable zip file" in str(error.value)
    assert "images.7z is not read: unpack it; say where they are" in str(error.value)


def test_none_found_names_the_folder_that_would_do(tmp_path):
    away = tmp_path / "away" / "0.png"
    away.parent.mkdir()
    Image.new("L", (60, 60), 255).save(away)
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "linked").symlink_to(away.parent, target_is_directory=True)
    for name in (str(away), "../away/0.png", "linked/0.png", "0.png"):
        source = write_jsonl(tmp_path / "set" / "rows.jsonl", [{"image": name, "label": "x"}])
        with pytest.raises(UserError, match=f"{name} is in {away.parent}, which is not in that folder: say where"):
            run_audit(tmp_path / "run", source)
        found = run_audit(tmp_path / f"run-{len(name)}", source, images={None: away.parent})
        assert found.samples.collect()["image"].to_list() == ["0.png"]
    for split in ("train", "test"):
        (tmp_path / "set" / split).mkdir()
        shutil.copy(away, tmp_path / "set" / split / "1.png")
    source = write_jsonl(tmp_path / "set" / "rows.jsonl", [{"image": "1.png", "label": "x"}])
    with pytest.raises(UserError, match="several folders hold images with these names"):
        run_audit(tmp_path / "run", source)
    other = write_jsonl(tmp_path / "other.jsonl", [{"label": "x"}])
    with pytest.raises(UserError, match=r"--images rows=DIR, or"):
        run_audit(tmp_path / "run", other, source)


def test_some_images_missing_are_findings_with_the_path_of_the_label_file(tmp_path):
    (tmp_path / "img").mkdir()
    Image.new("L", (60, 60), 255).save(tmp_path / "img" / "a.png")
    (tmp_path / "img" / "out.png").symlink_to("/etc/passwd")
    names = ["C:\\data\\img\\a.png", "C:\\data\\img\\b.png", "../../etc/passwd", "img/out.png", "x" * 300 + ".png"]
    source = write_jsonl(tmp_path / "rows.jsonl", [{"image": name, "label": "x"} for name in names])
    run = run_audit(tmp_path / "run", source)
    found = run.findings.filter(pl.col("rule").is_in(["PAR002", "IMG005"])).select("rule", "message").collect().rows()
    assert found == [
        ("PAR002", f"there is no image {names[1]}"),
        ("PAR002", f"there is no image {names[2]}"),
        ("IMG005", "img/out.png can't be opened: the path leaves the image folder"),
        ("PAR002", f"there is no image {names[4]}"),
    ]
    assert run.summary["sources"][0]["unreadable"] == 0


def test_images_without_a_row_are_counted_in_a_note_with_names(tmp_path):
    (tmp_path / "img").mkdir()
    for name in "abc":
        Image.new("L", (40, 30), 255).save(tmp_path / "img" / f"{name}.png")
    rows = [{"image": "img/a.png", "label": "x"}]
    labels = write_jsonl(tmp_path / "labels.jsonl", rows)
    (entry,) = run_audit(tmp_path / "run", labels).summary["sources"]
    note = "image files that no row names (img/b.png, img/c.png): find their labels, or move them away"
    assert entry["notes"] == {note: 2}
    write_jsonl(labels, [*rows, {"image": "img/b.png", "label": "y"}, {"image": "img/c.png", "label": "z"}])
    (entry,) = run_audit(tmp_path / "run", labels, update=True).summary["sources"]
    assert entry["notes"] == {}


def test_unreadable_rows_are_counted_and_kept_with_their_place(tmp_path):
    source = tmp_path / "rows.jsonl"
    source.write_bytes(
        b'{"id": "a", "label": "x"}\n'
        b'{"id": "b", "label": "y"\n'  # truncated
        b'{"id": "c", "label": "\xff"}\n'  # not UTF-8
        b'{"id": "d", "label": "x\\u0000y"}\n'  # NUL
        b'{"id": "a", "label": "z"}\n'  # the same id again
        b'{"id": "e", "image": "../../etc/passwd", "label": "w"}\n'
    )
    run = run_audit(tmp_path / "run", source, probe_images=False)
    entry = run.summary["sources"][0]
    assert entry["rows"] == entry["samples"] + entry["unreadable"] == 6
    assert run.samples.collect()["sample_id"].n_unique() == entry["samples"]
    lines = {row["line"]: row["reason"] for row in run.summary["unreadable"]}
    assert set(lines) == {2, 3, 4}


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (None, "no such"),
        (b"", "empty"),
        (b"\n\n\n", "no known format"),
        (b"\x00\x01\x02\x03" * 100, ""),
    ],
)
def test_a_source_that_gives_nothing_is_one_clear_error(tmp_path, content, says):
    source = tmp_path / "labels.txt"
    if content is not None:
        source.write_bytes(content)
    with pytest.raises(UserError) as caught:
        run_audit(tmp_path / "run", source)
    assert says in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "labels.txt" in str(caught.value)
    assert not (tmp_path / "run").exists()


def test_hostile_labels_pass_through_everything(tmp_path):
    labels = [
        "{" * 5000,
        r"\frac" * 3000,
        "x" * 200_000,
        "a\u202eb\ufeff\u200b",
        "<script>alert(1)</script>",
        r"\begin{array}{" + "c" * 500 + "}" + "&" * 400 + r"\end{array}",
        "\\" * 999,
        "$" * 77,
        "^" * 500 + "_" * 500,
        "\U0001f600 " * 50,
        "%" * 100,
        "'" * 400,
        r"\left(" * 300,
    ]
    source = write_jsonl(tmp_path / "rows.jsonl", [{"id": str(n), "label": text} for n, text in enumerate(labels)])
    run = run_audit(tmp_path / "run", source)
    samples = run.samples.collect()
    assert samples.height == len(labels)
    assert samples["label"].to_list() == labels
    findings = run.findings.filter(pl.col("start").is_not_null()).collect()
    length = dict(zip(samples["sample_id"], map(len, labels), strict=True))
    spans = findings.select("sample_id", "start", "end").iter_rows()
    assert all(0 <= start <= end <= length[sample] for sample, start, end in spans)
    report = (run.path / "report.html").read_text(encoding="utf-8")
    assert "<script>alert" not in report
    assert len(report) < 10_000_000


def test_columns_for_a_format_without_names_are_refused(tmp_path):
    source = tmp_path / "labels.txt"
    source.write_text("x\ny\n", encoding="utf-8")
    with pytest.raises(UserError, match="no named columns"):
        run_audit(tmp_path / "run", f"a=text:{source}", columns={"a": {"label": "tex"}})
    run = run_audit(tmp_path / "run", f"a=text:{source}", columns={None: {"label": "tex"}})
    assert run.summary["totals"]["samples"] == 2


@pytest.mark.parametrize("text", ["[]", '{"sources": 3}', '{"sources": [1]}', "{"])
def test_a_summary_that_is_none_is_refused(tmp_path, small, text):
    run = run_audit(tmp_path / "run", small)
    (run.path / "summary.json").write_text(text, encoding="utf-8")
    with pytest.raises(UserError, match="audit the source again"):
        load_run(run.path)


def test_load_run_says_what_is_missing(tmp_path):
    with pytest.raises(UserError, match="no such run"):
        load_run(tmp_path / "none")
    (tmp_path / "half").mkdir()
    with pytest.raises(UserError, match=r"samples\.parquet"):
        load_run(tmp_path / "half")


# Images ---------------------------------------------------------------------------------------------------------------


@pytest.fixture
def pictures(tmp_path):
    for at in range(3):
        ink = Image.new("L", (200, 60 + at), 255)
        ink.paste(0, (20, 20, 180 - at, 24))
        ink.save(tmp_path / f"{at}.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "0.png").read_bytes()[:-40])
    rows = [
        {"id": str(at), "label": "a", "image": name, "polarity": f"mine {at}"}
        for at, name in enumerate(["0.png", "1.png", "2.png", "0.png", "cut.png"])
    ]
    return write_jsonl(tmp_path / "set.jsonl", rows)


def test_images_are_measured_and_a_source_s_own_columns_stay(tmp_path, pictures):
    run = run_audit(tmp_path / "run", pictures)
    samples = run.samples.collect()
    assert samples.columns == [*SAMPLES, "polarity"]
    assert samples["polarity"].to_list() == [f"mine {at}" for at in range(5)]
    assert samples["image_sha256"].str.len_chars().to_list() == [64, 64, 64, 64, None]
    assert samples["image_sha256"].n_unique() == 4
    assert samples["image_phash"].str.len_chars().to_list() == [64, 64, 64, 64, None]
    assert samples["height"].to_list() == [60, 61, 62, 60, 60]
    broken = run.findings.filter(pl.col("rule") == "IMG005").collect()
    assert broken["sample_id"].to_list() == ["set/4"]


def test_headers_are_enough_where_no_rule_asks_for_pixels(tmp_path, pictures, monkeypatch):
    def never(image, **how):
        raise AssertionError("decoded")

    monkeypatch.setattr("curate.images.opening.measured", never)
    samples = run_audit(tmp_path / "run", pictures, ruleset=rules.select(["IMG001", "PAR002", "SYN"])).samples.collect()
    assert samples.columns == [*SAMPLES, "polarity"]
    assert samples["height"].to_list() == [60, 61, 62, 60, 60]
    assert samples["image_sha256"].null_count() == 5


def test_strokes_are_measured_for_pairs_or_for_the_cache_only(tmp_path, pictures, monkeypatch):
    asked = []
    measure = __import__("curate.images.opening", fromlist=["measured"]).measured
    monkeypatch.setattr(
        "curate.images.opening.measured",
        lambda image, *, strokes: asked.append(strokes) or measure(image, strokes=strokes),
    )
    run_audit(tmp_path / "alone", pictures, ruleset=rules.select(["IMG"]))
    assert set(asked) == {False}
    asked.clear()
    run_audit(tmp_path / "kept", pictures, ruleset=rules.select(["IMG"]), cache=tmp_path / "cache")
    assert set(asked) == {True}
    asked.clear()
    run_audit(tmp_path / "pairs", pictures, ruleset=rules.select(["PAR"]))
    assert set(asked) == {True}


def test_no_images_opens_none(tmp_path, pictures, monkeypatch):
    monkeypatch.setattr("curate.images.opening._source", lambda place: pytest.fail("opened"))
    run = run_audit(tmp_path / "run", pictures, probe_images=False)
    assert run.samples.collect()["width"].null_count() == 5
    assert run.findings.filter(pl.col("rule").str.starts_with("IMG")).collect().is_empty()


def test_no_images_says_nothing_of_images_even_if_some_names_are_found_by_chance(tmp_path, monkeypatch):
    rows = "".join(f"{n}.png,x ^ 2 ^ {n}\n" for n in range(9))
    (tmp_path / "rows.csv").write_text("image,label\n" + rows)
    Image.new("L", (60, 60), 255).save(tmp_path / "8.png")
    monkeypatch.setattr("curate.images.opening._source", lambda place: pytest.fail("opened"))
    run = run_audit(tmp_path / "run", tmp_path / "rows.csv", probe_images=False)
    (entry,) = run.summary["sources"]
    assert (entry["with_image"], entry["missing_image"], entry["images"]) == (9, 0, None)
    said = "None of its 9 images was opened"
    assert [point["what"] for point in entry["advice"] if "image" in point["what"]] == [said]
    head, _, row = (line.split("|") for line in sources_markdown([entry]).splitlines()[:3])
    assert row[[cell.strip() for cell in head].index("no image")].strip() == "–"
    report = (tmp_path / "run" / "report.html").read_text()
    assert "<figcaption>label, drawn</figcaption>" in report
    assert "<figcaption>image</figcaption>" not in report
    assert "can be opened" not in report


def test_a_second_audit_opens_no_image_and_says_the_same(tmp_path, pictures, monkeypatch):
    import os

    for path in tmp_path.glob("*.png"):
        os.utime(path, (1_000_000_000, 1_000_000_000))
    asked = {"ruleset": rules.select(["IMG"]), "cache": tmp_path / "cache"}
    first = run_audit(tmp_path / "one", pictures, **asked)
    opened = []
    open_it = __import__("curate.images.opening", fromlist=["_source"])._source
    monkeypatch.setattr("curate.images.opening._source", lambda place: opened.append(place.name) or open_it(place))
    second = run_audit(tmp_path / "two", pictures, **asked)
    for name in ("samples.parquet", "findings.parquet"):
        assert (first.path / name).read_bytes() == (second.path / name).read_bytes()
    assert {name for name in opened if name != "cut.png"} <= {"0.png"}  # the report crops samples with findings


def test_progress_counts_images(tmp_path, pictures):
    seen = []
    options = AuditOptions(ruleset=rules.select())
    audit([parse_source(str(pictures))], tmp_path / "run", options, lambda *step: seen.append(step))
    images = [step for step in seen if step[0] == "images"]
    assert images[0] == ("images", 0, 4)
    assert images[-1] == ("images", 4, 4)


def test_of_two_audits_to_one_folder_the_second_to_finish_leaves_the_first_alone(tmp_path, small, monkeypatch):
    out = tmp_path / "run"
    write_report = curate.report.page.write_report

    def overtaken(*args, **kwargs):
        monkeypatch.setattr("curate.report.page.write_report", write_report)
        run_audit(out, small)
        before.update({path.name: path.read_bytes() for path in out.iterdir()})
        write_report(*args, **kwargs)

    before: dict[str, bytes] = {}
    monkeypatch.setattr("curate.report.page.write_report", overtaken)
    with pytest.raises(UserError, match="run: already exists and was left alone"):
        run_audit(out, small)
    assert before["summary.json"]
    assert {path.name: path.read_bytes() for path in out.iterdir()} == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["run", "small.jsonl"]
