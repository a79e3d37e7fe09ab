"""Twice the label takes twice the time, for everything that reads, judges or mends a label, in a hundred shapes.

A time is the least of several. Whatever seems too slow is measured again, so a busy machine fails no test, and real
quadratic growth fails each time.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from math import log2
from time import process_time
from typing import Any

import pytest
import shapes

from rules import engine, fixing
from rules.latex import lexer, reader
from rules.registry import Rule, all_rules
from rules.selection import select
from rules.toolkit.label import Label

#: The characters of a label, and of those that are two and four times as long.
ONCE, TWICE, FOUR_TIMES = 4_000, 8_000, 16_000
#: The largest power of the length that time may grow with: 1, plus the effect of the machine's caches.
BOUND = 1.3
#: Times in seconds below this are too short to compare, and so short a time does no harm at the maximum length either.
SHORT = 0.03
ATTEMPTS = 8


def exponent(work: Callable[[Any], object], once: Any, twice: Any) -> float:
    """The power of the length that the time of `work` grows with; 0 if the time is negligible."""
    shorter = longer = float("inf")
    found = 0.0
    for _ in range(ATTEMPTS):
        longer = min(longer, seconds(work, twice))
        if longer < SHORT:
            return 0
        shorter = min(shorter, seconds(work, once))
        found = log2(longer / shorter)
        if found <= BOUND:
            break
    return found


def seconds(work: Callable[[Any], object], label: Any) -> float:
    """Seconds of processor time that `work` takes for a label."""
    start = process_time()
    work(label)
    return process_time() - start


def grows_too_fast(work: Callable[[Any], object], labels: Callable[[int], dict[str, Any]]) -> dict[str, float]:
    """The shapes of labels for which the time of `work` grows faster than it may.

    Where a limit ends or a collection of garbage falls between two lengths, there is a step once. So what grows too
    fast from the first length to the second must do so from the second to the third.
    """
    once, twice = labels(ONCE), labels(TWICE)
    found = {}
    for shape in twice:
        power = exponent(work, once[shape], twice[shape])
        if power > BOUND:
            power = min(power, exponent(work, twice[shape], labels(FOUR_TIMES)[shape]))
        if power > BOUND:
            found[shape] = round(power, 2)
    return found


def test_what_grows_with_the_square_is_found():
    found = grows_too_fast(lambda label: [label.count("y") for _ in label[::4]], lambda size: {"x": "x" * size * 8})
    assert found["x"] > 1.6


@pytest.mark.parametrize(
    "work",
    [
        lexer.tokens,
        lexer.spans,
        lambda label: reader.read(label, lexer.tokens(label)),
        engine.visual_key_of,
        lambda label: engine._read(label, engine._Failed(), 0),
    ],
    ids=["tokens", "spans", "reader", "visual key", "canonical form"],
)
def test_reading_grows_with_the_label(work: Callable[[str], object]):
    assert grows_too_fast(work, shapes.labels) == {}


@cache
def as_read(size: int) -> dict[str, Label]:
    """Labels as rules see them."""
    made = {}
    for shape, text in shapes.labels(size).items():
        toks = lexer.tokens(text)
        made[shape] = Label(text, toks, reader.read(text, toks))
    return made


def judging(rule: Rule) -> Callable[[Label], object]:
    """What a rule does with a label that it judges, with every option that makes it look at more."""
    options = {**rule.options, **({"every": True} if "every" in rule.options else {})}
    return lambda label: list(rule.judge(label, options))


@pytest.mark.long
@pytest.mark.parametrize("code", [code for code, rule in all_rules().items() if rule.scope == "label"])
def test_judging_grows_with_the_label(code: str):
    assert grows_too_fast(judging(all_rules()[code]), as_read) == {}


@pytest.mark.long
@pytest.mark.parametrize(("level", "profile"), [("safe", "default"), ("unsafe", "default"), ("unsafe", "m2e")])
def test_fixing_grows_with_the_label(level: fixing.Level, profile: str):
    assert grows_too_fast(lambda label: fixing.fix([label], select(profile=profile), level), shapes.labels) == {}


@pytest.mark.long
def test_proofs_of_fixes_grow_with_the_label():
    assert grows_too_fast(lambda label: engine.judge([label], check_fixes=True), shapes.labels) == {}


def test_a_label_of_a_megabyte_is_refused_and_not_searched():
    judged = engine.judge([r"s i n \frac12 &amp; " * 50_000], check_fixes=True)
    assert judged.findings["rule"].to_list() == ["CAN100", "SYN028"]
