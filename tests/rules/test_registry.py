"""Selects rules by code, name and family, with profiles, options and severities. Errors say what to do."""

from __future__ import annotations

import pickle

import pytest

import rules
from rules.registry import FAMILIES, all_rules
from rules.registry import SelectionError as Error
from rules.rule_docs import parse_doc
from rules.selection import PROFILES, select


def test_every_rule_of_the_profile_is_selected_by_default():
    chosen = set(select().codes)
    assert chosen == {code for code, rule in all_rules().items() if not rule.profiles or "default" in rule.profiles}


@pytest.mark.parametrize("name", ["SYN001", "unbalanced-brace"])
def test_one_rule_by_code_or_name(name):
    assert select([name]).codes == ("SYN001",)


def test_a_family_by_its_letters():
    assert set(select(["ESC"]).codes) == {code for code in all_rules() if code.startswith("ESC")}


def test_ignoring_wins_over_including():
    assert "SYN001" not in select(["SYN"], ["SYN001"]).codes
    assert not [
        code for code in select(ignore=["ESC", "unbalanced-brace"]).codes if code[:3] == "ESC" or code == "SYN001"
    ]


@pytest.mark.parametrize(
    ("name", "hint"), [("SYN999", "SYN"), ("unbalanced-brase", "unbalanced-brace"), ("XYZ", ""), ("", "")]
)
def test_an_unknown_rule_is_an_error_that_suggests(name, hint):
    with pytest.raises(Error) as raised:
        select([name])
    assert hint in str(raised.value)


def test_an_unknown_profile_is_an_error_that_lists_them():
    with pytest.raises(Error, match="handwritten"):
        select(profile="handwriten")


def test_profiles_differ():
    assert "ENV005" in select().codes
    assert "ENV005" not in select(profile="m2e").codes
    assert set(PROFILES) >= {"default", "handwritten", "printed", "m2e"}


def test_an_option_changes_what_a_rule_finds():
    label = [r"\begin{array}{ccc} a & & & \end{array}", r"a & & & & & b"]
    assert not rules.check(label[:1], include=["SYN010"]).height
    wide = select(["SYN010"], options={"empty-cells": {"run": 7}})
    row = r"\begin{array}{ccccccc} & & & & & & a \end{array}"
    assert rules.check([row], include=["SYN010"]).height == 1
    assert not rules.check([row], ruleset=wide).height


@pytest.mark.parametrize(
    ("options", "hint"),
    [
        ({"SYN010": {"runn": 3}}, "run"),
        ({"SYN010": {"run": "three"}}, 'must be a whole number, 5 or more, such as 5, not "three"'),
        ({"SYN010": {"run": True}}, "whole number"),
        ({"SYN010": {"run": 4}}, "option run of SYN010 must be 5 or more, not 4"),
        ({"SYN013": {"every": 1}}, "option every of SYN013 must be true or false, such as false, not 1"),
        ({"WSP002": {"share": -3}}, "option share of WSP002 must be from 0 to 1, not -3"),
        ({"WSP002": {"share": float("nan")}}, "from 0 to 1"),
        ({"PAR008": {"sigmas": float("inf")}}, "0 or more"),
        (
            {"ESC010": {"layout": "tabel"}},
            "option layout of ESC010 must be one of tabular, array, not 'tabel'; did you mean 'tabular'",
        ),
        ({"CAN110": {"prefer": r"\foo"}}, r"must be synonyms separated by spaces.*foo' is not a synonym"),
        ({"CMD013": {"engines": "katex,jax"}}, "option engines of CMD013 must be katex, mathjax, or both"),
        ({"SYN001": {"run": 3}}, "none"),
        ({"SYN998": {"run": 3}}, "SYN"),
    ],
)
def test_options_are_typed_and_known(options, hint):
    with pytest.raises(Error, match=hint):
        select(options=options)


OPTIONS = [(rule, name) for rule in all_rules().values() for name in rule.declared]


@pytest.mark.parametrize(("rule", "name"), OPTIONS, ids=[f"{rule.code}-{name}" for rule, name in OPTIONS])
def test_every_option_says_what_it_may_be(rule, name):
    option = rule.declared[name]
    assert option.check(option.default) == option.default
    if isinstance(option.default, bool):
        wrong = ["yes"]
    elif isinstance(option.default, str):
        assert option.choices or option.valid
        wrong = ["nonsense"]
    else:
        bounds = [(option.at_least, -1), (option.at_most, 1)]
        assert option.at_least is not None
        wrong = [type(option.default)(bound + step) for bound, step in bounds if bound is not None]
    for value in wrong:
        with pytest.raises(Error) as raised:
            select(options={rule.code: {name: value}})
        message = str(raised.value)
        assert message.startswith(f"option {name} of {rule.code} must be ")
        assert repr(value).strip("'") in message
        assert "\n" not in message


def test_a_whole_number_does_for_a_float():
    assert select(options={"WSP002": {"share": 1}}).options["WSP002"] == {"share": 1.0}


def test_a_severity_given_wins_over_the_rules_own():
    soft = select(["SYN001"], severities={"SYN001": "info"})
    assert rules.check(["{"], ruleset=soft)["severity"].to_list() == ["info"]
    with pytest.raises(Error, match="warning"):
        select(severities={"SYN001": "fatal"})


def test_a_ruleset_can_go_to_another_process():
    chosen = select(["SYN"], options={"SYN010": {"run": 6}})
    assert pickle.loads(pickle.dumps(chosen)) == chosen


def test_codes_belong_to_families_and_names_are_unique():
    catalogue = all_rules()
    assert list(catalogue) == sorted(catalogue)
    assert {rule.family for rule in catalogue.values()} <= set(FAMILIES)
    names = [rule.name for rule in catalogue.values()]
    assert len(names) == len(set(names))


def test_a_docstring_is_taken_apart():
    doc = parse_doc(
        "What it is.\n\nMore\nof it.\n\nWhy: It\n  hurts.\nFires: ``a ␉ b`` -> ``␉``\nFires: ``c``\nQuiet: ``d``\n"
        "Fix: None.\nSee: there."
    )
    assert doc.paragraphs == ("What it is.", "More of it.")
    assert (doc.what, doc.why, doc.fix, doc.see) == ("What it is. More of it.", "It hurts.", "None.", "there.")
    assert [(example.label, example.spans) for example in doc.fires] == [("a \t b", ("\t",)), ("c", ())]
    assert [example.label for example in doc.quiet] == ["d"]


def test_an_example_says_what_the_label_is_after_the_fix():
    doc = parse_doc(
        "What.\n\nFires: ``a ␉ b`` -> ``␉`` ``b`` => ``a␊b``\nFires: ``c => d`` => ``c``\nFires: ``e`` -> ``=>``"
    )
    assert [(example.label, example.spans, example.fixed) for example in doc.fires] == [
        ("a \t b", ("\t", "b"), "a\nb"),
        ("c => d", (), "c"),
        ("e", ("=>",), None),
    ]


@pytest.mark.parametrize("line", ["``a`` => ``b`` -> ``a``", "``a`` => ``b`` => ``c``"])
def test_a_fixed_label_stands_once_and_at_the_end(line):
    with pytest.raises(ValueError, match="only one fixed label, at the end: ``a``"):
        parse_doc(f"What.\n\nFires: {line}")


def test_a_rule_can_have_another_severity_in_a_profile():
    (found,) = rules.check(["x + = 3"], include=["SEM013"]).to_dicts()
    assert found["severity"] == "warning"
    (found,) = rules.check(["x + = 3"], include=["SEM013"], profile="m2e").to_dicts()
    assert found["severity"] == "info"
    chosen = select(["SEM013"], profile="m2e", severities={"SEM013": "error"})
    assert rules.check(["x + = 3"], ruleset=chosen)["severity"].to_list() == ["error"]
