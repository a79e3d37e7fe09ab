"""The explanation of a rule: its examples, what to use instead, its options."""

from __future__ import annotations

import json

from curate.findings import rulebook
from rules.registry import all_rules


def test_a_page_says_what_to_use_instead():
    rule = all_rules()["CAN006"]
    text, page = rulebook.explain_text(rule), rulebook.explain_markdown(rule)
    assert "  \\bar { A B }   at \\bar\n    Use instead: \\overline { A B }\n" in text
    assert "- `\\bar { A B }` at `\\bar`\n  - Use instead: `\\overline { A B }`\n" in page
    example = json.loads(rulebook.explain_json(rule))["fires"][0]
    assert example == {"label": "\\bar { A B }", "spans": ["\\bar"], "use_instead": "\\overline { A B }"}


def test_where_no_fixed_label_is_given_none_is_shown():
    rule = all_rules()["SYN004"]
    assert "Use instead" not in rulebook.explain_text(rule) + rulebook.explain_markdown(rule)
    assert {example["use_instead"] for example in json.loads(rulebook.explain_json(rule))["fires"]} == {None}


def test_characters_that_draw_nothing_are_named():
    page = rulebook.explain_markdown(all_rules()["ESC007"])
    assert "- `a⟨TAB⟩b` at `⟨TAB⟩`\n  - Use instead: `a b`" in page
