"""How many samples have decisions, in the audit, in compare and in the report; stale decisions count separately."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import rules
from curate.audit import AuditOptions, audit
from curate.base import terminal
from curate.cli.main import main_group
from curate.report.comparison import compare, to_json, to_markdown, to_text
from curate.runs.decision_counts import decided, text
from curate.runs.decisions import append_decisions, decide
from curate.runs.folder import Run, load_run
from curate.sources import parse_source

LABELS = {"a": r"\alpha", "b": r"\frac{a}{b", "c": "x ^ 2", "d": "y", "e": "z"}


def audited(folder: Path, labels: dict[str, str], *, update: bool = False) -> Run:
    specs = []
    for name, keys in (("one", "abc"), ("two", "de")):
        source = folder / f"{name}.jsonl"
        rows = [json.dumps({"id": key, "label": labels[key]}) + "\n" for key in keys]
        source.write_text("".join(rows), encoding="utf-8")
        specs.append(parse_source(str(source)))
    audit(specs, folder / "run", AuditOptions(ruleset=rules.select(), update=update))
    return load_run(folder / "run")


@pytest.fixture
def run(tmp_path: Path) -> Run:
    run = audited(tmp_path, LABELS)
    assert run.summary["decisions"] == dict.fromkeys(run.summary["decisions"], 0)
    append_decisions(
        run.path,
        [
            decide("one/a", "accept", LABELS["a"]),
            decide("one/b", "edit", LABELS["b"], r"\frac{a}{b}"),
            decide("one/c", "fix", LABELS["c"], "x^2"),
            decide("two/d", "reject", LABELS["d"]),
            decide("two/e", "reject", LABELS["e"]),
            decide("two/e", "undo", LABELS["e"]),
            decide("two/gone", "reject", "g"),
        ],
    )
    return run


def test_compare_counts_decisions_of_today_by_source(run: Run) -> None:
    rows = {row["name"]: row["decisions"] for row in compare([run])}
    assert rows["one"] == {"accept": 1, "fix": 1, "edit": 1, "reject": 0, "stale": 0}
    assert rows["two"] == {"accept": 0, "fix": 0, "edit": 0, "reject": 1, "stale": 0}
    assert json.loads(to_json(compare([run])))[0]["decisions"]
    lines = to_text(compare([run]), width=160).splitlines()
    assert lines[0].endswith("decided")
    assert lines[-1].startswith("People have decided on 4 samples. Decisions take effect in curate export; findings, ")
    assert "People have decided on 4 samples. Decisions take effect in curate export" in to_markdown(compare([run]))


def test_findings_say_what_people_decided_and_where_it_takes_effect(
    run: Run, capsys: pytest.CaptureFixture[str]
) -> None:
    assert terminal.run("curate", main_group, ["findings", str(run.path), "--limit", "0"]) == 0
    lines = capsys.readouterr().out.splitlines()
    who = decide("x", "accept", "x").who
    assert all(line.endswith(f" (edited by {who})") for line in lines if line.startswith("one/b:"))
    assert all(f"fixed by {who}" in line for line in lines if line.startswith("one/c:"))
    assert not any(" by " in line for line in lines if line.startswith("two/e:"))
    assert lines[-1] == (
        "4 samples decided on (1 accepted, 1 fixed, 1 edited, 1 rejected); not applied: 1 about a sample that is not "
        "there. Decisions take effect in curate export; findings, scores and verdicts are about the labels as read. "
        "No sample with an error is undecided. For verdicts with the decisions applied, audit the folder that curate "
        "export writes."
    )


def test_errors_that_nobody_decided_on_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = audited(tmp_path, {**LABELS, "c": r"\frac{a}{"})
    assert terminal.run("curate", main_group, ["findings", str(run.path)]) == 0
    assert "decided" not in capsys.readouterr().out
    append_decisions(run.path, [decide("one/b", "accept", LABELS["b"])])
    assert terminal.run("curate", main_group, ["findings", str(run.path)]) == 0
    assert "1 sample with an error is undecided" in capsys.readouterr().out


def test_without_decisions_compare_has_no_column_for_them(tmp_path: Path) -> None:
    assert "decided" not in to_text(compare([audited(tmp_path, LABELS)]))


def test_an_update_counts_them_and_those_about_another_label_apart(run: Run, tmp_path: Path) -> None:
    changed = audited(tmp_path, {**LABELS, "b": r"\frac{a}{c"}, update=True)
    assert changed.summary["decisions"] == {
        "accept": 1,
        "fix": 1,
        "edit": 0,
        "reject": 1,
        "stale": 1,
        "unknown_sample": 1,
        "unreadable": 0,
    }
    assert [entry["decisions"]["stale"] for entry in changed.summary["sources"]] == [1, 0]
    said = (
        "3 samples decided on (1 accepted, 1 fixed, 1 rejected); not applied: 1 about a label that has changed since, "
        "1 about a sample that is not there"
    )
    assert text(changed.summary["decisions"]) == said
    assert said in (changed.path / "report.html").read_text(encoding="utf-8")


def test_a_report_without_decisions_says_nothing_of_them(tmp_path: Path) -> None:
    assert "decided on" not in (audited(tmp_path, LABELS).path / "report.html").read_text(encoding="utf-8")


def test_only_decisions_that_count_are_decisions() -> None:
    assert decided({"accept": 1, "stale": 5}) == 1
    assert text({"stale": 2}) == "decisions not applied: 2 about a label that has changed since"
    assert text({}) == ""
