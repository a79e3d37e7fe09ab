"""Makes the page of defects and the rules that find them, from a list of defects and the `covers` of rules."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from itertools import groupby

from rules.registry import Rule, all_rules

_INTRODUCTION = """\
# Defects and the rules that find them

What goes wrong in image-to-LaTeX data, and which rule finds it. A row without a rule says why no rule can.
"""
_RULES = "{rules}"


def defects_markdown(text: str, catalogue: Mapping[str, Rule] | None = None) -> str:
    """The page. text: the TOML list of sections and their rows, as docs/templates/defects.toml describes.

    Raises ValueError if a rule covers a row that doesn't exist, two rows have the same id, or a row has neither a rule
    nor a reason why not.
    """
    sections = tomllib.loads(text)["section"]
    ids = [row["id"] for section in sections for row in section["row"]]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    if twice:
        raise ValueError(f"the list of defects has two rows {twice[0]!r}")
    covering: dict[str, list[Rule]] = {name: [] for name in ids}
    for rule in (all_rules() if catalogue is None else catalogue).values():
        for name in rule.covers:
            if name not in covering:
                raise ValueError(f"{rule.code} covers {name!r}, and the list of defects has no such row")
            covering[name].append(rule)
    lines = [_INTRODUCTION.rstrip()]
    for section in sections:
        lines += ["", f"## {section['title']}", "", "| defect | found by |", "| --- | --- |"]
        lines += [f"| {row['defect']} | {_found_by(row, covering[row['id']])} |" for row in section["row"]]
    return "\n".join(lines) + "\n"


def _found_by(row: Mapping[str, str], rules: list[Rule]) -> str:
    words = row.get("found_by", _RULES)
    if (_RULES in words) != bool(rules):
        raise ValueError(
            f"row {row['id']!r} of the list of defects has "
            + ("rules, and no place for them" if rules else "a place for rules, and no rule covers it")
        )
    return words.replace(_RULES, "; ".join(_linked(row["id"], rules)))


def _linked(row: str, rules: list[Rule]) -> Iterator[str]:
    """The rules that cover the row: first those without a note, then those with the same note together."""
    ordered = sorted(rules, key=lambda rule: bool(rule.covers[row]))
    for note, group in groupby(ordered, key=lambda rule: rule.covers[row]):
        links = ", ".join(f"[{rule.code}](rules/{rule.code}.md)" for rule in group)
        yield f"{links} {note}".rstrip()
