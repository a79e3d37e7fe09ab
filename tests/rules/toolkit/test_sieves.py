"""A sieve may pass too much but must never miss: whatever a judge finds, its sieve lets through."""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys

import polars as pl
import pytest

from rules import engine, registry
from rules.latex import glance
from rules.latex.reader import Reading
from rules.registry import all_rules
from rules.selection import select
from rules.toolkit.label import Label

EXAMPLES = [example.label for rule in all_rules().values() for example in (*rule.doc.fires, *rule.doc.quiet)]


def _spaced(label: str) -> str:
    return " ".join(engine.lexer.tokens(label))


def _tight(label: str) -> str:
    return label.replace(" { ", "{").replace(" }", "}").replace(" ^", "^").replace(" _", "_")


def _wide(label: str) -> str:
    return label.replace(" ", "  ")


def _findings(labels, ruleset):
    return engine.judge(labels, ruleset).findings.select("row", "rule", "start", "end").rows()


def _assert_nothing_missed(labels, monkeypatch):
    ruleset = select()
    sieved = set(_findings(labels, ruleset))
    opened = {
        code: dataclasses.replace(rule, sieve=pl.lit(True)) if _judges_alone(rule) else rule
        for code, rule in all_rules().items()
    }
    monkeypatch.setattr(registry, "all_rules", lambda: opened)
    everything = set(_findings(labels, ruleset))
    missed = sorted((rule, labels[row]) for row, rule, *_ in everything - sieved)
    assert not missed, missed[:5]


#: Their judges leave the decision to the sieve: whatever it passes is a finding.
_SIEVE_DECIDES = {"CAN100", "CAN102", "CAN103", "NRM002", "NRM003", "LEN004", "SYN028"}


def _judges_alone(rule):
    return rule.scope == "label" and rule.code not in _SIEVE_DECIDES


@pytest.mark.parametrize("spelling", [str, _spaced, _tight, _wide], ids=["as written", "spaced", "tight", "wide"])
def test_no_sieve_misses_an_example(spelling, monkeypatch):
    # Names of environments are words: with spaces, they are other names.
    labels = [label for label in EXAMPLES if spelling is not _spaced or r"\begin" not in label]
    _assert_nothing_missed(sorted({spelling(label) for label in labels}), monkeypatch)


@pytest.mark.parametrize("comment", ["%", "% x }\n", "%\n%\n "])
def test_a_comment_hides_nothing_from_a_sieve(comment, monkeypatch):
    """A comment at the end of an example, or instead of each space: the tokens stay the same."""
    labels = {f"{label}{comment}" for label in EXAMPLES if "%" not in label}
    labels |= {label.replace(" ", comment) for label in EXAMPLES if "%" not in label and comment.strip() != "%"}
    _assert_nothing_missed(sorted(labels), monkeypatch)


@pytest.mark.parametrize(
    ("label", "code"),
    [("A1%", "SYN037"), (r"a\div%", "SEM017"), ("%\n, x", "SEM018"), (r"\hat{%" "\n}", "SYN012")],
)
def test_what_stands_beside_a_comment_is_found(label, code):
    assert code in {rule for _, rule, *_ in _findings([label, "x"], select())}


def test_no_sieve_misses_what_random_seeds_found(monkeypatch):
    _assert_nothing_missed([r"\ {\hspace{}}", r"x {\vec{\left}}", r"{\}r'^", r"\} x", r"\}x"], monkeypatch)


@pytest.mark.shared_data
def test_no_sieve_misses_a_real_label(shared_data, monkeypatch):
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    _assert_nothing_missed([json.loads(line)["label"] for line in lines[::10]], monkeypatch)


def test_commands_are_marked_whether_or_not_rules_were_imported_before():
    code = (
        "from rules.registry import all_rules; from rules.toolkit.sieves import marks; labels = [['x'], [r'\\vert']];"
        "first = marks(labels); all_rules(); print(first == marks(labels), [mark > 0 for mark in first])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "True [False, True]"


#: These skip labels that a glance accepts as canonical.
_SPELLING = [rule for rule in all_rules().values() if rule.skips_canonical]


def _assert_quiet_at_a_glance(labels):
    options = select([rule.code for rule in _SPELLING])
    seen = 0
    for text in labels:
        toks = glance.canonical_tokens(text)
        if toks is None:
            continue
        seen += 1
        label = Label(text, toks, Reading(canonical=toks))
        for rule in _SPELLING:
            assert not list(rule.judge(label, options.option_values(rule))), (rule.code, text)
    return seen


def test_rules_on_spelling_have_nothing_to_say_of_labels_canonical_at_a_glance():
    assert len(_SPELLING) > 50
    assert _assert_quiet_at_a_glance(sorted({*EXAMPLES, *map(_spaced, EXAMPLES)})) > 200


@pytest.mark.shared_data
def test_nor_of_real_ones(shared_data):
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    assert _assert_quiet_at_a_glance(json.loads(line)["label"] for line in lines[::20]) > 500
