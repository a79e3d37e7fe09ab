"""Groups, scripts and their bases, patterns over tokens."""

from __future__ import annotations

import re

import pytest

from rules.latex import lexer, reader
from rules.toolkit.braces import base_of, closers, places, top_level
from rules.toolkit.label import Label


def _label(text):
    toks = lexer.tokens(text)
    return Label(text, toks, reader.read(text, toks))


def test_a_pattern_holds_however_the_label_is_spaced():
    pattern = re.compile(r"(?<!\S)x \^ \{ 2 \}(?!\S)")
    for text in ("a + x ^ { 2 }", "a+x^{2}", "a + x^{ 2}"):
        (place,) = places(_label(text), pattern)
        assert (place.start, place.end) == (2, 7)


def test_closers_leave_out_what_has_no_partner():
    assert closers(lexer.tokens("{ a } } {")) == {0: 2}


def test_top_level_enters_neither_braces_nor_parentheses():
    tokens = lexer.tokens("a ( b ) { c } = d")
    assert [tokens[i] for i in top_level(tokens, 0, len(tokens))] == ["a", "=", "d"]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("\\text{if }x", "{if}"),
        ("\\begin{array}{cc} a", "{array}{cc}"),
        ("\\mbox{a} \\label{b}", "{a}{b}"),
        ("\\mathrm{d} x", ""),
        ("\\text", ""),
        ("\\operatorname*{max}", ""),
    ],
)
def test_prose_is_what_stands_in_text_and_names(text, words):
    label = _label(text)
    found = "".join(label.tokens[i] for i in sorted(label.prose))
    assert found.replace("\\operatorname", "") == words or text.startswith("\\operatorname")


@pytest.mark.parametrize(
    ("text", "base"),
    [
        ("x ^ 2", "x"),
        ("x _ { 1 } ^ 2", "x"),
        ("( a ) ^ 2", ")"),
        ("f ' ^ 2", "f"),
        ("{ a } ^ 2", "}"),
        ("^ 2", None),
        ("{ ^ 2 }", None),
    ],
)
def test_base_of_a_script(text, base):
    tokens = lexer.tokens(text)
    index = len(tokens) - 1 - tokens[::-1].index("^")
    found = base_of(tokens, index)
    assert (None if found is None else tokens[found]) == base


def test_script_places_are_the_braced_ones():
    assert _label("x ^ { 2 } _ 3").scripts == [(1, 2, 4)]
