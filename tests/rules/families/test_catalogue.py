"""Every rule is proven by the examples in its docstring: those that fire, with exact places, and those that don't."""

from __future__ import annotations

import pytest

import rules
from rules.registry import FAMILIES, all_rules

LABEL_RULES = [rule for rule in all_rules().values() if rule.scope == "label"]
FIRES = [(rule.code, example) for rule in LABEL_RULES for example in rule.doc.fires]
QUIET = [(rule.code, example) for rule in LABEL_RULES for example in rule.doc.quiet]


@pytest.mark.parametrize(("code", "example"), FIRES, ids=lambda value: getattr(value, "label", value))
def test_an_example_that_fires(code, example):
    found = rules.check([example.label], include=[code])
    assert found.height, f"{code} says nothing of {example.label!r}"
    if example.spans:
        spans = [example.label[start:end] for start, end in found.select("start", "end").iter_rows()]
        assert spans == list(example.spans)


@pytest.mark.parametrize(("code", "example"), QUIET, ids=lambda value: getattr(value, "label", value))
def test_an_example_that_does_not(code, example):
    found = rules.check([example.label], include=[code])
    assert found.height == 0, found.to_dicts()


@pytest.mark.parametrize("rule", all_rules().values(), ids=lambda rule: rule.code)
def test_a_rule_is_documented(rule):
    assert rule.doc.what.endswith((".", "?"))
    assert rule.doc.why
    assert rule.doc.fix
    assert rule.family in FAMILIES
    assert rule.name == rule.name.lower()
    assert set(rule.name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-")
    if rule.scope == "label":
        assert rule.doc.quiet
        assert rule.doc.fires or rule.code in {
            "CAN102",
            "SYN026",
            "SYN028",
        }  # none, or a page of it


def test_an_error_rule_with_a_fixable_example_names_its_level():
    for rule in LABEL_RULES:
        for example in rule.doc.fires:
            for finding in rules.check([example.label], include=[rule.code]).iter_rows(named=True):
                if finding["replacement"] is not None:
                    assert finding["fix"] in ("safe", "unsafe", "display"), (rule.code, finding)
