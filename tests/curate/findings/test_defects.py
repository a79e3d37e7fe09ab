"""The page of defects comes from a list of rows and from what rules declare; each must cover the other."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from curate.findings.defects import defects_markdown
from rules.registry import all_rules, tagged

LIST = Path(__file__).resolve().parents[3] / "docs" / "templates" / "defects.toml"
ROWS = """
[[section]]
title = "Braces"
[[section.row]]
id = "A"
defect = "a brace"
[[section.row]]
id = "B"
defect = "another brace"
found_by = "Mostly {rules}. Else nothing shows it."
[[section.row]]
id = "C"
defect = "no brace"
found_by = "No rule: nobody sees it."
"""


def _catalogue(*covers: dict[str, str]) -> dict:
    names = ("SYN001", "SYN002", "SYN003")
    return {code: replace(all_rules()[code], covers=rows) for code, rows in zip(names, covers, strict=False)}


def test_rules_stand_in_the_rows_they_cover_those_with_a_note_last():
    page = defects_markdown(ROWS, _catalogue({"A": "at the end"}, {"A": "", "B": ""}, {"A": "at the end"}))
    assert page.startswith("# Defects and the rules that find them\n")
    first, second, third = page.splitlines()[-3:]
    links = {code: f"[{code}](rules/{code}.md)" for code in ("SYN001", "SYN002", "SYN003")}
    assert first == f"| a brace | {links['SYN002']}; {links['SYN001']}, {links['SYN003']} at the end |"
    assert second == f"| another brace | Mostly {links['SYN002']}. Else nothing shows it. |"
    assert third == "| no brace | No rule: nobody sees it. |"


@pytest.mark.parametrize(
    ("text", "covers", "said"),
    [
        (ROWS, {"A": "", "B": "", "D": ""}, "SYN001 covers 'D', and the list of defects has no such row"),
        (ROWS, {"A": ""}, "row 'B' of the list of defects has a place for rules, and no rule covers it"),
        (ROWS, {"A": "", "B": "", "C": ""}, "row 'C' of the list of defects has rules, and no place for them"),
        (ROWS.replace('"B"', '"A"'), {"A": ""}, "the list of defects has two rows 'A'"),
    ],
)
def test_a_row_without_rules_and_a_rule_without_a_row_are_refused(text, covers, said):
    with pytest.raises(ValueError, match=said):
        defects_markdown(text, _catalogue(covers))


def test_every_rule_stands_in_the_list_but_the_one_that_finds_no_defect():
    page = defects_markdown(LIST.read_text(encoding="utf-8"))
    assert {code for code in all_rules() if f"[{code}](rules/{code}.md)" not in page} == set(tagged("unscored"))
