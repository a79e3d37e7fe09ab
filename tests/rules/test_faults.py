"""Our own faults: an exception is caught for its label, counted and reported once. Labels that used to raise don't."""

from __future__ import annotations

import warnings
from dataclasses import replace

import hostile
import polars as pl
import pytest

import rules
from rules import engine, faults
from rules.findings import Finding
from rules.fixes import proof
from rules.latex import glance, reader, visual_key
from rules.registry import all_rules, not_judged
from rules.selection import Ruleset, select
from rules.workers.spread import spread

LABELS = hostile.labels()
ALL = select(["ALL"])


def test_no_rule_fails_on_a_hostile_label():
    found = rules.check(LABELS, ruleset=ALL)
    assert not_judged().code not in found["rule"].to_list()


def test_no_judge_fails_on_a_hostile_label_that_its_sieve_keeps_from_it(monkeypatch):
    labels = [label for label in LABELS if len(label) < 2_000]  # without its sieve, a judge may take a minute
    for rule in ALL.rules("label"):
        monkeypatch.setitem(all_rules(), rule.code, replace(rule, sieve=pl.col("label") != "", skips_canonical=False))
    assert not_judged().code not in rules.check(labels, ruleset=ALL)["rule"].to_list()


@pytest.mark.parametrize("level", ["safe", "unsafe"])
def test_no_fix_fails_on_a_hostile_label(level):
    labels = [label for label in LABELS if len(label) < 2_000]
    assert "failed" not in rules.fix(labels, level)["reasons"].explode().to_list()


# Something fails ------------------------------------------------------------------------------------------------------


def _raising_on(text):
    def judge(label, options):
        if label.text == text:
            raise OverflowError("int too large to convert to float")
        return iter(())

    return judge


@pytest.fixture
def broken(monkeypatch, faults_go_on):
    """SYN001 raises on the label `{`."""
    rule = all_rules()["SYN001"]
    monkeypatch.setitem(all_rules(), "SYN001", replace(rule, judge=_raising_on("{"), sieve=pl.lit(True)))


def test_a_rule_that_raises_is_caught_for_its_label(broken):
    with faults.collected() as found:
        judged = engine.judge(["x", "{", r"a \ne 1", "{"])
    assert judged.labels["score"].to_list()[0] == 1.0
    assert judged.labels["score"].to_list()[1] is None
    of_label = judged.findings.filter(pl.col("row") == 1)
    assert of_label.filter(pl.col("rule") == not_judged().code)["message"].to_list() == [
        "not judged by rule SYN001 (OverflowError: int too large to convert to float): a fault in texsieve, so the "
        "label has no score"
    ]
    assert of_label.height > 1  # the other rules continue
    (fault,) = found.all()
    assert (fault.part, fault.kind, fault.count, fault.first) == ("rule SYN001", "OverflowError", 2, "{")
    assert str(fault) == (
        "a fault in texsieve: rule SYN001 failed on 2 labels (first: '{'): "
        "OverflowError: int too large to convert to float; please report it"
    )


def test_the_label_says_so_whatever_rules_are_asked_for(broken):
    with faults.collected():
        assert engine.judge(["{"], select(["SYN001"])).findings["rule"].to_list() == [not_judged().code]


def test_a_rule_that_raises_on_the_way_says_nothing_of_its_label(monkeypatch, faults_go_on):
    def judge(label, options):
        yield Finding("a brace", 0, 1, "[", fix="unsafe")
        raise OverflowError

    monkeypatch.setitem(all_rules(), "SYN001", replace(all_rules()["SYN001"], judge=judge, sieve=pl.lit(True)))
    only = select(["SYN001"])
    with faults.collected():
        assert engine.judge(["{"], only).findings["rule"].to_list() == [not_judged().code]
        assert rules.fix(["{x"], "unsafe", ruleset=only)["fixed"].to_list() == ["{x"]


def test_without_a_command_a_fault_is_a_warning(broken):
    with pytest.warns(faults.FaultWarning, match="rule SYN001 failed on 1 label"):
        rules.check(["{"])


def test_strict_mode_raises(broken, monkeypatch):
    with pytest.raises(faults.FaultError, match="rule SYN001"), faults.collected(strict=True):
        engine.judge(["{"])
    monkeypatch.setenv("TEXSIEVE_STRICT", "1")
    with pytest.raises(faults.FaultError, match="Traceback"):
        engine.judge(["{"])


def test_what_stops_the_work_is_no_fault(broken, monkeypatch):
    def stop(label, options):
        raise KeyboardInterrupt

    monkeypatch.setitem(all_rules(), "SYN001", replace(all_rules()["SYN001"], judge=stop))
    with pytest.raises(KeyboardInterrupt):
        engine.judge(["{"])


def test_a_sieve_that_raises_lets_everything_through(monkeypatch, faults_go_on):
    rule = all_rules()["SYN001"]
    before = rules.check(["x", "{"])
    bad = pl.col("label").str.to_integer(strict=True) > 0
    monkeypatch.setitem(all_rules(), "SYN001", replace(rule, sieve=bad))
    with faults.collected() as found:
        assert rules.check(["x", "{"]).equals(before)
    assert [fault.part for fault in found.all()] == ["the sieve of rule SYN001"]


@pytest.mark.parametrize(
    ("place", "name", "part", "has_key"),
    [
        (glance, "canonical_tokens", "the glance", True),
        (reader, "read", "the reader", False),
        (visual_key, "of", "the visual key", False),
        (engine, "_canonical", "the canonical form", False),
    ],
)
def test_a_reader_that_raises_is_caught(monkeypatch, faults_go_on, place, name, part, has_key):
    label = r"\begin{matrix}a\end{matrix}+{b^c}"
    real = getattr(place, name)

    def raising(text, *rest):
        if text == label:
            raise RecursionError("maximum recursion depth exceeded")
        return real(text, *rest)

    monkeypatch.setattr(place, name, raising)
    with faults.collected() as found:
        judged = engine.judge(["x", label])
        keys = rules.visual_key(["x", label])
    assert [fault.part for fault in found.all()] == [part]
    assert judged.labels["score"].is_null().to_list() == [False, not has_key]
    assert keys.is_null().to_list() == [False, not has_key]
    assert (not_judged().code in judged.findings["rule"].to_list()) is not has_key


@pytest.mark.parametrize("codes", [(), ("IMG001",)])
def test_a_label_that_could_not_be_read_says_so_where_no_rule_over_labels_is_asked(monkeypatch, faults_go_on, codes):
    def raising(*_):
        raise RecursionError

    monkeypatch.setattr(reader, "read", raising)
    with faults.collected():
        judged = engine.judge(["x", "{a}^{b}"], Ruleset(codes, severities={not_judged().code: "error"}))
    assert judged.findings.select("row", "rule", "severity").rows() == [(1, not_judged().code, "error")]
    assert judged.labels["score"].to_list() == [1.0, None]


def test_faults_are_passed_on_where_the_work_ends_in_an_error(faults_go_on):
    def work():
        with faults.passed_on():
            _failing([0])
            raise KeyError("the work")

    with faults.collected() as found, pytest.raises(KeyError):
        work()
    assert [fault.part for fault in found.all()] == ["a division"]


def test_a_proof_that_raises_leaves_the_label_as_it_is(monkeypatch, faults_go_on):
    def raising(*_):
        raise RecursionError

    label = "$x$"
    assert rules.fix([label])["fixed"].to_list() != [label]
    monkeypatch.setattr(proof, "_most", raising)
    monkeypatch.setattr(proof, "seen_to_keep_key", raising)
    monkeypatch.setattr(engine, "visual_key_of", raising)
    with faults.collected() as found:
        fixed = rules.fix([label, "x"])
        levels = rules.check([label])["fix"].drop_nulls().to_list()
    assert fixed["fixed"].to_list() == [label, "x"]
    assert fixed["reasons"].to_list()[0] == ["failed"]
    assert set(levels) == {"display"}
    assert [fault.part for fault in found.all()] == ["the proof of fixes"]


def _failing(numbers):
    found = []
    for number in numbers:
        try:
            found.append(1 / number)
        except BaseException as error:
            faults.caught("a division", error, str(number))
            found.append(None)
    return found


def test_faults_come_home_from_processes(faults_go_on):
    with faults.collected() as found:
        batches = spread(_failing, [[1, 0], [2], [0]], 2, lost=lambda lost: [], to="divide")
        assert list(batches) == [[1, None], [0.5], [None]]
    (fault,) = found.all()
    assert (fault.count, fault.first, fault.kind) == (2, "0", "ZeroDivisionError")


def test_nothing_is_told_where_nothing_fails(faults_go_on):
    with warnings.catch_warnings(), faults.collected() as found:
        warnings.simplefilter("error")
        rules.check(["x", r"\frac{1}{2}"])
    assert found.all() == []
