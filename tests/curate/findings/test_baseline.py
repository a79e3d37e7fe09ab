"""Baselines: known findings are no longer reported, and what they say about the data stays."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

import polars as pl
import pytest
from commands import curate
from source_makers import write

from curate.base.errors import UserError
from curate.findings import baseline
from curate.runs.folder import Run, load_run

LINES = "x ^ 2  + 1\n\\frac{a}{b\na + b\n"
BROKEN = r"\frac{a}{b"


def audited(source: Path, out: Path, *flags: object, code: int = 0) -> Run:
    assert curate("audit", source, "--out", out, *flags) == code
    return load_run(out)


@pytest.fixture
def known(tmp_path: Path) -> Path:
    """The baseline of LINES."""
    audited(write(tmp_path / "old.txt", LINES), tmp_path / "first", "--write-baseline", tmp_path / "known.json")
    return tmp_path / "known.json"


def test_the_file_holds_the_labels_hash_and_the_rules(known):
    held = json.loads(known.read_text())
    assert held["texsieve-baseline"] == 1
    key = hashlib.sha256(BROKEN.encode()).hexdigest()[:32]
    assert held["known"][key] == ["CAN100", "SYN001"]
    assert list(held["known"]) == sorted(held["known"])
    assert BROKEN not in known.read_text()


def test_an_audit_reports_what_is_new_and_counts_what_is_known(tmp_path, known):
    source = write(tmp_path / "old.txt", LINES + "y \\foo z\n")
    plain = audited(source, tmp_path / "plain")
    got = audited(source, tmp_path / "run", "--baseline", known)
    new = got.findings.collect()
    assert set(new["sample_id"].drop_nulls()) == {plain.samples.collect()["sample_id"][3]}
    assert "CMD001" in new["rule"].to_list()
    assert got.samples.collect().equals(plain.samples.collect())  # scores too
    assert got.all_findings.collect().height == plain.findings.collect().height
    known_rules = {row["rule"]: row["findings"] for row in got.summary["suppressed"]["rules"]}
    assert known_rules["SYN001"] == 1
    assert got.summary["suppressed"]["findings"] == got.suppressed.collect().height == sum(known_rules.values())
    assert "SYN001" not in [row["rule"] for row in got.summary["rules"]]
    assert "SYN001" not in [row["rule"] for row in got.summary["sources"][0]["rules"]]
    assert got.summary["severities"]["error"] == 1
    assert got.summary["totals"]["findings"] == new.height
    for key in ("verdict", "reasons", "samples_with_error", "mean_score"):
        assert got.summary["sources"][0][key] == plain.summary["sources"][0][key]
    assert "Known, and not shown" in (got.path / "report.html").read_text()


def test_without_a_baseline_nothing_is_suppressed(tmp_path):
    got = audited(write(tmp_path / "l.txt", LINES), tmp_path / "run")
    assert got.summary["suppressed"] == {"findings": 0, "rules": []}
    assert not (got.path / "suppressed.parquet").exists()
    assert got.suppressed.collect().is_empty()


def test_fail_on_looks_at_what_is_new(tmp_path, known):
    old = tmp_path / "old.txt"
    audited(old, tmp_path / "a", "--fail-on", "error", code=1)
    audited(old, tmp_path / "b", "--fail-on", "warning", "--baseline", known)
    new = write(tmp_path / "new.txt", LINES + "y \\foo z\n")
    audited(new, tmp_path / "c", "--fail-on", "error", "--baseline", known, code=1)
    assert curate("check", old, "--fail-on", "warning", "--baseline", known) == 0
    assert curate("check", new, "--fail-on", "warning", "--baseline", known) == 1


def test_an_edited_label_is_new(tmp_path, known):
    edited = write(tmp_path / "old.txt", LINES.replace(BROKEN, BROKEN + " "))
    got = audited(edited, tmp_path / "run", "--baseline", known).findings.collect()
    assert "SYN001" in got["rule"].to_list()


def test_another_rule_in_a_known_label_is_new(tmp_path):
    source = write(tmp_path / "l.txt", LINES)
    file = tmp_path / "known.json"
    assert curate("check", source, "--select", "SYN015", "--write-baseline", file) == 0
    got = audited(source, tmp_path / "run", "--baseline", file).findings.collect()
    assert {"WSP001", "SYN001"} <= set(got["rule"])
    assert "SYN015" not in got["rule"].to_list()


def test_findings_of_samples_and_sources_are_known_by_themselves():
    frame = pl.DataFrame(
        {
            "sample_id": ["a", "b", None, None, "a"],
            "source": ["s", "s", "s", "t", "s"],
            "rule": ["PAR002", "PAR002", "WSP002", "WSP002", "SYN001"],
            "label": ["x", "x", None, None, "x"],
        }
    )
    keys = baseline.subjects(frame).to_list()
    assert len(set(keys)) == 5
    assert keys[4] == baseline.subject_of("x")
    known = pl.DataFrame({"subject": [keys[0], keys[2]], "rule": ["PAR002", "WSP002"]})
    new, old = baseline.split(frame, known)
    assert new.rows() == [frame.row(1), frame.row(3), frame.row(4)]
    assert old.rows() == [frame.row(0), frame.row(2)]


def test_update_judges_with_the_new_baseline_and_loses_nothing(tmp_path, known):
    source = tmp_path / "old.txt"
    audited(source, tmp_path / "run", "--baseline", known)
    again = audited(source, tmp_path / "run", "--update")
    assert again.findings.collect().equals(load_run(tmp_path / "first").findings.collect())
    assert not (again.path / "suppressed.parquet").exists()


def test_a_baseline_written_with_one_holds_old_and_new_but_nothing_that_is_gone(tmp_path, known):
    source = write(tmp_path / "l.txt", "\\frac{a}{b\ny \\foo z\n")
    audited(source, tmp_path / "run", "--baseline", known, "--write-baseline", known)
    held = json.loads(known.read_text())["known"]
    assert baseline.subject_of(BROKEN) in held
    assert baseline.subject_of(r"y \foo z") in held
    assert baseline.subject_of("x ^ 2  + 1") not in held
    assert audited(source, tmp_path / "run", "--baseline", known, "--update").findings.collect().is_empty()


def test_check_writes_and_reads_baselines(tmp_path, capsys):
    file = tmp_path / "known.json"
    assert curate("check", "--latex", BROKEN, "--write-baseline", file) == 1
    assert "SYN001" in capsys.readouterr().out
    assert curate("check", "--latex", BROKEN, "--latex", r"\foo", "--baseline", file) == 1
    out = capsys.readouterr().out
    assert "SYN001" not in out
    assert "CMD001" in out
    assert "2 known findings not shown" in out
    assert curate("check", "--latex", BROKEN, "--baseline", file, "--format", "jsonl") == 0
    row = json.loads(capsys.readouterr().out)
    assert row["findings"] == []
    assert row["score"] < 0.5


def test_the_project_file_names_a_baseline_and_suppresses(tmp_path, known, monkeypatch):
    write(tmp_path / "texsieve.toml", "baseline = 'known.json'\n[suppress]\n'y \\foo z' = ['CMD', 'no-visual-key']\n")
    source = write(tmp_path / "l.txt", LINES + "y \\foo z\n\\foo\n")
    (tmp_path / "else").mkdir()
    monkeypatch.chdir(tmp_path / "else")  # the baseline's path is relative to the project file, not to this folder
    got = audited(source, tmp_path / "run", "--config", tmp_path / "texsieve.toml")
    found = set(
        got.findings.filter(pl.col("sample_id").is_not_null()).select("sample_id", "rule").collect().iter_rows()
    )
    assert found == {("l/5", "CMD001"), ("l/5", "CAN100")}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("{", "not JSON"),
        ("[1]", "not a baseline"),
        ('{"known": {}}', "not a baseline"),
        ('{"texsieve-baseline": 9, "known": {}}', "of version 9"),
        ('{"texsieve-baseline": 1, "known": {"a": "b"}}', "damaged"),
    ],
)
def test_what_is_no_baseline_is_named_and_never_overwritten(tmp_path, capsys, text, says):
    file = write(tmp_path / "b.json", text)
    with pytest.raises(UserError, match=says):
        baseline.read_baseline(file)
    assert curate("check", "--latex", "x", "--write-baseline", file) == 2
    assert file.read_text() == text
    assert curate("check", "--latex", "x", "--baseline", tmp_path / "none.json") == 2
    assert "no such baseline" in capsys.readouterr().err


def test_suppressions_of_the_project_file_are_checked(tmp_path, capsys):
    for text, says in (("x = ['NOPE999']", "no rule is called"), ("x = 'SYN001'", "needs a list of rules")):
        config = write(tmp_path / "t.toml", f"[suppress]\n{text}\n")
        assert curate("check", "--latex", "x", "--config", config) == 2
        assert says in capsys.readouterr().err
