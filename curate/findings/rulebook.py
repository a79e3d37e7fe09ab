"""`curate rules`: lists the rules as a table, and explains one. The rules themselves are in `rules.families`."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Sequence
from typing import Any

from curate import HOME
from curate.base.tables import Column, display_width, fit, markdown_table, text_table
from curate.base.visible import visible
from rules.options import Option, toml_value
from rules.registry import Rule, all_rules, families
from rules.vocabulary import MENDERS

_COLUMNS = (
    Column("code"),
    Column("name"),
    Column("severity"),
    Column("fix", drop=2),
    Column("what", drop=1),
)

_ADDRESS = re.compile(r"https?://[^\s>`]+")
#: A sentence that is cut to fewer cells says nothing.
_LEAST_ROOM = 24
_FIX = [column.title for column in _COLUMNS].index("fix")


def fix_words(rule: Rule) -> str:
    """How sure the rule's fix is and what it is for, such as `safe repair`; empty without one."""
    return f"{rule.fix} {rule.fix_kind}" if rule.fix else ""


def page_of(rule: Rule) -> str | None:
    """The address of the rule's page; for a rule of another package, the first address in its docstring."""
    if not rule.package:
        return f"{HOME}/blob/main/docs/rules/{rule.code}.md"
    named = _ADDRESS.search(rule.doc.see)
    return named[0].rstrip(".,;)") if named else None


def _row(rule: Rule) -> list[str]:
    return [rule.code, rule.name, rule.severity, fix_words(rule), rule.doc.paragraphs[0]]


def _facts(rule: Rule) -> dict[str, Any]:
    return {
        "code": rule.code,
        "name": rule.name,
        "family": families()[rule.family],
        "package": rule.package or None,
        "severity": rule.severity,
        "severity_in": dict(rule.severity_in),
        "fix": rule.fix,
        "fix_kind": rule.fix_kind,
        "scope": rule.scope,
        "profiles": sorted(rule.profiles) or "all",
        "weight": rule.weight,
        "tags": sorted(rule.tags),
        "mended_by": rule.mended_by and MENDERS[rule.mended_by],
        "columns": list(rule.columns),
        "covers": list(rule.covers),
        "options": rule.options,
        "options_may_be": {name: option.may_be for name, option in rule.declared.items()},
        "what": rule.doc.what,
        "why": rule.doc.why,
        "fix_safety": rule.doc.fix,
        "fires": [
            {"label": example.label, "spans": list(example.spans), "use_instead": example.fixed}
            for example in rule.doc.fires
        ],
        "quiet": [example.label for example in rule.doc.quiet],
        "see": rule.doc.see,
    }


def listed(family: str | None) -> list[Rule] | None:
    """All rules, or those of a family by its letters; None if there is no such family."""
    if family is None:
        return list(all_rules().values())
    return [rule for rule in all_rules().values() if rule.family == family.upper()] or None


def list_text(rules: Sequence[Rule], width: int) -> str:
    """The rules as a table; their descriptions are cut to the width rather than left out."""
    rows = [_row(rule) for rule in rules]
    for left_out in (None, _FIX):  # on a narrow terminal the fix column makes room
        kept = [at for at in range(len(_COLUMNS)) if at != left_out]
        cut = [[row[at] for at in kept] for row in rows]
        titles = [_COLUMNS[at].title for at in kept]
        columns = list(zip(titles, *cut, strict=True))
        room = width - sum(max(map(display_width, column)) + 2 for column in columns[:-1])
        if room >= _LEAST_ROOM:
            cut = [[*row[:-1], fit(visible(row[-1]), room)] for row in cut]
            return text_table([_COLUMNS[at] for at in kept], cut, width=width)
    return text_table(_COLUMNS, rows, width=width)


def list_markdown(rules: Sequence[Rule]) -> str:
    return markdown_table(_COLUMNS, [_row(rule) for rule in rules])


def list_json(rules: Sequence[Rule]) -> str:
    return json.dumps([_facts(rule) for rule in rules], ensure_ascii=False, indent=1)


def explain_json(rule: Rule) -> str:
    return json.dumps(_facts(rule), ensure_ascii=False, indent=1)


def explain_text(rule: Rule) -> str:
    """One rule with all its sections, for a terminal."""
    lines = [f"{rule.code} {rule.name}  ({rule.severity}; {families()[rule.family]})", "", visible(rule.doc.what), ""]
    lines += ["Why it hurts training", f"  {visible(rule.doc.why)}", ""]
    if rule.doc.fires:
        lines.append("Fires on")
        for example in rule.doc.fires:
            at = f"   at {'  '.join(visible(span) for span in example.spans)}" if example.spans else ""
            lines.append(f"  {visible(example.label)}{at}")
            if example.fixed is not None:
                lines.append(f"    Use instead: {visible(example.fixed)}")
        lines.append("")
    if rule.doc.quiet:
        lines += ["Is quiet on", *(f"  {visible(example.label)}" for example in rule.doc.quiet), ""]
    lines += ["Fix", f"  {fix_words(rule) or 'none'}. {visible(rule.doc.fix)}", ""]
    lines += [f"{title}: {text}" for title, text in _declared(rule)]
    if rule.options:
        lines.append("Options")
        lines += [
            f"  {name} = {toml_value(option.default)}  ({option.may_be})" for name, option in rule.declared.items()
        ]
    if rule.doc.see:
        lines.append(f"See: {visible(rule.doc.see)}")
    return "\n".join(lines)


def explain_markdown(rule: Rule) -> str:
    """One rule as a Markdown page, as in `docs/rules/`."""
    parts = [
        f"# {rule.code} {rule.name}",
        f"*{rule.severity} · {families()[rule.family]} · fix: {fix_words(rule) or 'none'}*",
    ]
    parts += [*rule.doc.paragraphs, "## Why it hurts training", rule.doc.why]
    if rule.doc.fires:
        rows = "\n".join(
            f"- {_code(example.label)}"
            + (f" at {', '.join(_code(span) for span in example.spans)}" if example.spans else "")
            + (f"\n  - Use instead: {_code(example.fixed)}" if example.fixed is not None else "")
            for example in rule.doc.fires
        )
        parts += ["## Fires on", rows]
    if rule.doc.quiet:
        parts += ["## Is quiet on", "\n".join(f"- {_code(example.label)}" for example in rule.doc.quiet)]
    parts += ["## Fix safety", rule.doc.fix]
    parts += [f"{title}: {text}." for title, text in _declared(rule)]
    if rule.options:
        parts += ["## Options", "\n".join(_option_line(name, option) for name, option in rule.declared.items())]
    if rule.doc.see:
        parts += ["## References", rule.doc.see]
    return "\n\n".join(parts) + "\n"


def _option_line(name: str, option: Option) -> str:
    return f"- `{name} = {toml_value(option.default)}`: {option.may_be}"


def _declared(rule: Rule) -> Iterator[tuple[str, str]]:
    """What users should know from the declaration, besides the docstring: titles and texts."""
    if rule.package:
        yield "Brought by", rule.package
    if rule.mended_by is not None:
        yield "Mended by", f"`{MENDERS[rule.mended_by]}`"
    if rule.weight is not None:
        yield "Weight in the score", f"{rule.weight:g} if the severity is info"
    if rule.columns:
        yield "Reads the columns", ", ".join(rule.columns)
    yield "Profiles", _profiles(rule)


def _profiles(rule: Rule) -> str:
    """The profiles that the rule belongs to, and those in which its severity differs."""
    elsewhere = "".join(f"; {severity} in {profile}" for profile, severity in rule.severity_in.items())
    return f"{', '.join(sorted(rule.profiles)) or 'all'}{elsewhere}"


def _code(text: str) -> str:
    """Inline code that may contain backticks, with control characters made visible."""
    shown = visible(text)
    fence = "``" if "`" in shown or shown.startswith(" ") or shown.endswith(" ") else "`"
    pad = " " if fence == "``" else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
