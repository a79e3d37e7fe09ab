"""`curate check --explain`: labels and their findings as blocks for a report of a wrong rule. Judges nothing."""

from __future__ import annotations

import json
import platform
from collections.abc import Iterator, Mapping
from typing import Any

from curate import HOME, __version__
from curate.base.visible import visible
from curate.findings.checking import CheckedLabels
from curate.findings.rulebook import fix_words
from rules import Ruleset
from rules.latex import lexer
from rules.latex.visual_key import KEY_VERSION
from rules.options import toml_value
from rules.registry import all_rules

#: Where to paste the block.
TEMPLATE = f"{HOME}/issues/new?template=wrong-rule.md"


def as_explained(checked: CheckedLabels, ruleset: Ruleset) -> Iterator[str]:
    """A fenced block for each label with findings, then where to send it."""
    by_label: dict[int, list[Mapping[str, Any]]] = {}
    for finding in checked.findings.iter_rows(named=True):
        by_label.setdefault(finding["at"], []).append(finding)
    judged = checked.judged.filter(checked.judged["at"].is_in(list(by_label)))
    for row in judged.iter_rows(named=True):
        lines = list(_lines(checked, row, by_label[row["at"]], ruleset))
        fence = "```"
        while any(fence in line for line in lines):
            fence += "`"
        yield from (f"{fence}text", *lines, fence, "")
    if by_label:
        yield f"Is a finding wrong? Paste its block into {TEMPLATE}"
    else:
        yield "no findings to explain"


def _lines(
    checked: CheckedLabels, row: Mapping[str, Any], findings: list[Mapping[str, Any]], ruleset: Ruleset
) -> Iterator[str]:
    label = row["label"]
    tokens = " ".join(lexer.tokens(label)) if len(label) <= lexer.MAX_LENGTH else "too many characters to be read"
    machine = f"Python {platform.python_version()}, {platform.platform()}"
    yield f"texsieve   {__version__}, key version {KEY_VERSION}, {machine}"
    yield f"profile    {ruleset.profile}"
    yield f"label      {json.dumps(label)}"  # ASCII, so that no character is lost on its way
    yield f"tokens     {visible(tokens)}"
    yield f"key        {row['visual_key'] or 'none'}"
    yield f"canonical  {'none' if row['canonical'] is None else visible(row['canonical'])}"
    for finding in findings:
        rule = all_rules()[finding["rule"]]
        package = f" from {rule.package}" if rule.package else ""
        yield ""
        yield f"rule       {rule.code} {rule.name}{package} ({finding['severity']})"
        where, _ = checked.where(finding)
        start, end = finding["start"], finding["end"]
        span = "" if start is None else f", characters {start} to {end}: {visible(label[start:end])}"
        yield f"where      {visible(where)}{span}"
        yield f"message    {visible(finding['message'])}"
        if finding["replacement"] is not None:
            offered = f" (the rule offers: {fix_words(rule)})" if rule.fix else ""
            yield f"fix        {finding['fix']}: {json.dumps(finding['replacement'])}{offered}"
        changed = [f"{name} = {toml_value(value)}" for name, value in ruleset.options.get(rule.code, {}).items()]
        changed += [f"severity {ruleset.severities[rule.code]}"] if rule.code in ruleset.severities else []
        if changed:
            yield f"settings   {'; '.join(changed)}"
