"""Combined expressions let through what each lets through by itself, whatever the set of labels."""

from __future__ import annotations

import pytest

from rules import engine, select
from rules.registry import all_rules
from rules.sieving import _passed_each, _passed_together, sieved
from rules.toolkit.sieves import has, has_text, pattern_of

RULES = [rule for rule in all_rules().values() if rule.scope == "label"]
EXAMPLES = sorted({example.label for rule in RULES for example in (*rule.doc.fires, *rule.doc.quiet)})


def test_expressions_looked_for_together_find_the_same():
    read = [engine._read(text, engine._Failed(), 0) for text in EXAMPLES]
    rows = engine._frame(EXAMPLES, read).with_row_index()
    each = _passed_each(rows, RULES)
    assert len(each) > 0.8 * len(RULES)
    assert _passed_together(rows, RULES) == each


@pytest.mark.parametrize("canonical", [1, 40], ids=["few are canonical", "most are canonical"])
def test_what_is_found_does_not_depend_on_the_other_labels(canonical: int):
    labels = ["x^2", r"\frac { 1 } { 2 } = 3", "a = = b", *(f"x _ {{ {n} }}" for n in range(canonical))]
    alone = [engine.judge([label]).findings.drop("row").rows() for label in labels[:3]]
    findings = engine.judge(labels).findings
    assert [findings.filter(row=row).drop("row").rows() for row in range(3)] == alone


def test_a_rule_is_spared_what_it_has_nothing_to_say_of():
    texts = ["y ^ { 2 } _ { i }", "x ^ { 2 } _ { i }"]
    read = [engine._read(text, engine._Failed(), 0) for text in texts]
    passed = sieved(engine._frame(texts, read), select().rules("label"), [False, True])
    assert {rule.code: rows for rule, rows in passed}["CAN002"] == [1]


def test_only_a_plain_search_has_a_pattern():
    assert pattern_of(has("a+")) == "a+"
    assert pattern_of(has("a+") | has_text("b")) is None
