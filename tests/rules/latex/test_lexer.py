"""Tokens are TeX's and their spans are exact."""

from __future__ import annotations

import pytest

from rules.latex import lexer


@pytest.mark.parametrize(
    ("label", "expected"),
    [
        ("", []),
        ("x^2", ["x", "^", "2"]),
        (r"\frac12", [r"\frac", "1", "2"]),
        (r"\alpha1b", [r"\alpha", "1", "b"]),
        (r"a\\b", ["a", r"\\", "b"]),
        (r"a\,\ b", ["a", r"\,", "\\ ", "b"]),
        ("50\\", ["5", "0", "\\"]),
        (" \t\r\n a ", ["a"]),
        ("a\x0bb\u3000解", ["a", "\x0b", "b", "\u3000", "解"]),
        ("a % b\nc", ["a", "c"]),
        (r"5\% + x", ["5", r"\%", "+", "x"]),
        (r"\\% x", [r"\\"]),
        ("x^^2", ["x", "^^2"]),
        ("x^ ^2", ["x", "^", "^", "2"]),
        ("x^^ 2", ["x", "^^ ", "2"]),
    ],
)
def test_tokens(label, expected):
    assert lexer.tokens(label) == expected
    assert [label[start:end] for start, end in lexer.spans(label)] == expected


def test_spans_count_code_points():
    assert lexer.spans("𝑥 解\\alpha") == [(0, 1), (2, 3), (3, 9)]


@pytest.mark.parametrize(
    ("label", "expected"),
    [("a % b\nc % d", ["% b", "% d"]), (r"5\%", []), ("%", ["%"]), (r"\\%x", ["%x"]), ("a", [])],
)
def test_comments(label, expected):
    assert [label[start:end] for start, end in lexer.comments(label)] == expected
    without = lexer.without_comments(label)
    assert not lexer.comments(without)
    assert lexer.tokens(without) == lexer.tokens(label)
    assert (without == label) is (not expected)
