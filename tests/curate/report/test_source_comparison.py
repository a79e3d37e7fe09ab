"""Runs and sources side by side: best first, in every format, and on narrow terminals."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from report_fakes import fake_run, finding, run_of, sample

from curate.base.errors import UserError
from curate.base.tables import display_width
from curate.report.comparison import FORMATS, compare, to_json, to_markdown, to_text
from curate.report.overview import remarks_text, rules_text, sources_text


@pytest.fixture(scope="module")
def run():
    return fake_run(scale=200)


def test_the_best_source_stands_first(run):
    rows = compare([run])
    assert [row["verdict"] for row in rows] == sorted(
        (row["verdict"] for row in rows), key=["ready", "fix first", "doubtful", "unfit"].index
    )
    assert rows[0]["name"] == "hme100k"
    assert "run" not in rows[0]


def test_runs_of_one_name_are_told_apart_by_their_path(run):
    other = replace(run, path=Path("old/fake"))
    rows = compare([run, other])
    assert {row["run"] for row in rows} == {"fake", "old/fake"}
    assert len(rows) == 12
    assert "old/fake" in to_text(rows)


def test_before_and_after_a_fix_stand_beside_each_other():
    before = run_of([sample("m/1", "m", r"1 \n 2")], [finding("m/1", "m", "ESC001", 2, 4)])
    after = replace(run_of([sample("m/1", "m", r"1 \\ 2")], []), path=Path("after"))
    assert [(row["run"], row["verdict"]) for row in compare([before, after])] == [
        ("after", "fix first"),  # labels only
        ("fake", "unfit"),
    ]


@pytest.mark.parametrize("width", [120, 100, 80, 60, 48, 47, 30, 20])
def test_text_fits_the_terminal_and_keeps_verdicts(run, width):
    text = to_text(compare([run]), width=width)
    assert max(display_width(line) for line in text.splitlines()) <= width
    assert text.count("unfit") == 2
    assert "layout tokens" in text.replace("\n    ", " ")


def test_wide_characters_keep_the_columns_aligned(run):
    lines = sources_text(run.summary["sources"], width=120, reasons=0).splitlines()
    ends = {display_width(line) for line in lines[1:]}
    assert len(ends) == 1


def test_a_name_with_control_characters_can_t_drive_the_terminal():
    hostile = run_of([sample("x", "\x1b[2J\x07\u202eevil", "a")], [])
    for form in FORMATS.values():
        text = form(compare([hostile]))
        assert "\x1b" not in text
        assert "\x07" not in text
    assert "⟨ESC⟩[2J⟨BEL⟩" in to_text(compare([hostile]))


def test_markdown_escapes_what_would_be_markup():
    hostile = run_of([sample("x", "a|b<img src=x>`*", "a")], [])
    text = to_markdown(compare([hostile]))
    assert r"a\|b&lt;img src=x&gt;\`\*" in text
    assert "<img" not in text


def test_json_holds_everything(run):
    rows = compare([run])
    assert json.loads(to_json(rows)) == rows


def test_no_run_and_an_old_summary_are_refused(run):
    with pytest.raises(UserError, match="nothing to compare"):
        compare([])
    old = replace(run, summary={"sources": [{"name": "a"}]})
    with pytest.raises(UserError, match="audit the sources again"):
        compare([old])


def test_the_issue_table_says_what_it_leaves_out(run):
    worse = [rule for rule in run.summary["rules"] if rule["severity"] != "info"]
    text = rules_text(run.summary, most=2)
    assert f"… and {len(worse) - 2} more rules" in text
    assert "\nhme100k: 5 remarks (WSP003 trailing-space-command 5)" in text
    assert rules_text({**run.summary, "rules": []}).startswith("No error or warning was found.\n\n")


@pytest.mark.parametrize(
    ("width", "line"),
    [
        (120, "a: 9 remarks (CAN001 one-name 3, CAN002 two-names 2, CAN003 three-names 2 and 2 more)"),
        (60, "a: 9 remarks (CAN001 one-name 3 and 4 more)"),
        (30, "a: 9 remarks (CAN001 one-name…"),
    ],
)
def test_the_line_on_remarks_names_as_many_rules_as_it_has_room_for(width, line):
    names = {"one-name": 3, "two-names": 2, "three-names": 2, "four-names": 1, "five-names": 1}
    rules = [
        {"rule": f"CAN00{n}", "name": name, "severity": "info", "samples": number, "findings": number}
        for n, (name, number) in enumerate(names.items(), 1)
    ]
    assert remarks_text([{"name": "a", "rules": rules}], width=width) == line
