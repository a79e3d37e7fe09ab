"""Every rule is proven by the examples in its docstring: exact places, the fixed label, and the quiet examples.

All examples are judged at once. A test covers one rule and names the examples that fail.
"""

from __future__ import annotations

from functools import cache

import pytest

import rules
from rules import engine, fixing
from rules.fixes.edits import Edit, apply, disjoint, in_order
from rules.registry import FAMILIES, FIX_LEVELS, all_rules
from rules.selection import Ruleset

LABEL_RULES = [rule for rule in all_rules().values() if rule.scope == "label"]
FIXING_RULES = [rule for rule in LABEL_RULES if rule.fix is not None]
LABELS = list({example.label for rule in LABEL_RULES for example in (*rule.doc.fires, *rule.doc.quiet)})
NO_EXAMPLE = {"CAN102", "CAN103", "SYN026", "SYN028"}  # no label makes them fire, or only one that would fill a page


def of(rule):
    return rule.code


@cache
def found():
    """What every rule finds in every example: by code and label, the places with their fix levels and replacements."""
    findings = engine.judge(LABELS, Ruleset(tuple(map(of, LABEL_RULES)))).findings
    by_rule: dict[tuple[str, str], list[tuple[str, str | None, str | None]]] = {}
    for code, row, start, end, *fix in findings.select("rule", "row", "start", "end", "fix", "replacement").iter_rows():
        by_rule.setdefault((code, LABELS[row]), []).append((LABELS[row][start:end], *fix))
    return by_rule


@cache
def proposed():
    """What each rule by itself makes of each example with all its fixes, proven or not, at every place: by code and
    label, the level of the least sure fix and the text. If fixes overlap, only the first is made.
    """
    ruleset = fixing._fixable(Ruleset(tuple(map(of, FIXING_RULES))), "rules")
    found = engine.judge(LABELS, ruleset).findings.drop_nulls(["start", "replacement"])
    groups: dict[tuple[str, str], list[Edit]] = {}
    for row, code, *edit, level in found.select("row", "rule", "start", "end", "replacement", "fix").iter_rows():
        groups.setdefault((code, LABELS[row]), []).append(Edit(*edit, code, level))
    return {
        (code, label): (
            max((edit.level for edit in edits), key=FIX_LEVELS.index),
            apply(label, disjoint(in_order(edits, len(label)), len(label))),
        )
        for (code, label), edits in groups.items()
    }


@pytest.mark.parametrize("rule", LABEL_RULES, ids=of)
def test_a_rule_finds_what_its_examples_say_and_nothing_else(rule):
    for example in rule.doc.fires:
        places = found().get((rule.code, example.label))
        assert places, f"{rule.code} says nothing of {example.label!r}"
        if example.spans:
            assert [span for span, *_ in places] == list(example.spans), f"{rule.code} on {example.label!r}"
        for _, level, replacement in places:
            assert replacement is None or level in FIX_LEVELS, f"{rule.code} proposes {replacement!r} and no level"
    for example in rule.doc.quiet:
        assert (rule.code, example.label) not in found(), f"{rule.code} speaks of {example.label!r}"


@pytest.mark.parametrize("rule", FIXING_RULES, ids=of)
def test_a_rule_proposes_the_text_that_its_examples_say(rule):
    examples = [example for example in rule.doc.fires if example.fixed is not None]
    assert examples, f"{rule.code} has a fix and no example that says the label after it: … => ``fixed label``"
    levels = {}
    for example in examples:
        levels[example], text = proposed().get((rule.code, example.label), (None, None))
        assert text == example.fixed, f"{rule.code} on {example.label!r}"
    assert rule.fix in levels.values(), f"{rule.code}: no example with a fixed label shows a fix that is {rule.fix}"
    for level in fixing.LEVELS:
        offered = [example for example in examples if levels[example] == level]
        if offered:
            made = rules.fix([example.label for example in offered], level, style="rules", include=[rule.code])
            for example, text, reasons in zip(offered, made["fixed"], made["reasons"], strict=True):
                assert text == example.fixed, f"{rule.code} at level {level} on {example.label!r}: {reasons.to_list()}"


@pytest.mark.parametrize("rule", all_rules().values(), ids=of)
def test_a_rule_is_documented(rule):
    assert rule.doc.what.endswith((".", "?"))
    assert rule.doc.why
    assert rule.doc.fix
    assert rule.fix is not None or not rule.doc.fix.startswith(("Safe", "Unsafe", "Display")), "it declares no fix"
    assert rule.family in FAMILIES
    assert rule.name == rule.name.lower()
    assert set(rule.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if rule.scope == "label":
        assert rule.doc.quiet
        assert rule.doc.fires or rule.code in NO_EXAMPLE
