r"""Groups and regular expressions over the tokens of a label, whatever its spacing. Not a parser: that is the reader.

A pattern is written for tokens with a single space between them, and then also matches other spacing: `x^{2}` as well
as `x ^ { 2 }`.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rules.latex.commands import COMMANDS
from rules.latex.cursor import MAX_DEPTH

if TYPE_CHECKING:
    from rules.toolkit.label import Label

#: Relations that turn two sides into a statement.
RELATIONS = frozenset(
    ["=", "<", ">"]
    + [
        rf"\{name}"
        for name in [
            "leq",
            "le",
            "geq",
            "ge",
            "leqslant",
            "geqslant",
            "neq",
            "ne",
            "approx",
            "equiv",
            "simeq",
            "cong",
            "sim",
            "ll",
            "gg",
        ]
    ]
)

_OPENERS = {"(": ")", "[": "]", r"\{": r"\}", r"\lbrace": r"\rbrace", r"\langle": r"\rangle", r"\begin": r"\end"}
_CLOSERS = frozenset(_OPENERS.values())


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pattern matched: tokens `start` to `end` (exclusive), and the match over the spaced tokens."""

    start: int
    end: int
    match: re.Match[str]


def places(label: Label, pattern: re.Pattern[str], group: int = 0) -> Iterator[Place]:
    """Every match of a pattern over the tokens, which are joined by single spaces. Only matches of whole tokens
    count.
    """
    matches = list(pattern.finditer(label.spaced))
    if not matches:
        return
    starts: list[int] = []
    at = 0
    for token in label.tokens:
        starts.append(at)
        at += len(token) + 1
    for match in matches:
        first, after = match.span(group)
        if first < after:
            yield Place(bisect_right(starts, first) - 1, bisect_right(starts, after - 1), match)


def closers(tokens: list[str]) -> dict[int, int]:
    """The token of the closing brace for that of each opening brace, without braces that have no partner.

    Groups nested deeper than the reader goes are left out too, since many judges search the inside of every group.
    """
    found: dict[int, int] = {}
    stack: list[int] = []
    for index, token in enumerate(tokens):
        if token == "{":
            stack.append(index)
        elif token == "}" and stack:
            opening = stack.pop()
            if len(stack) < MAX_DEPTH:
                found[opening] = index
    return found


def nesting(tokens: list[str], start: int, end: int) -> int:
    """The greatest depth of braces from token `start` to `end` (exclusive)."""
    depth = deepest = 0
    for token in tokens[start:end]:
        if token == "{":
            depth += 1
            deepest = max(deepest, depth)
        elif token == "}":
            depth -= 1
    return deepest


def top_level(tokens: list[str], start: int, end: int) -> Iterator[int]:
    r"""The tokens from `start` to `end` (exclusive) that are not inside a brace, parenthesis or environment there."""
    braces = brackets = 0
    for index in range(start, end):
        token = tokens[index]
        if token == "{":
            braces += 1
        elif token == "}":
            braces -= 1
        elif token in _OPENERS and braces == 0:
            brackets += 1
        elif token in _CLOSERS and braces == 0:
            brackets = max(0, brackets - 1)
        elif braces == 0 and brackets == 0:
            yield index


#: Commands whose arguments are text, names or lengths.
_NOT_MATH = frozenset(f"\\{command.name}" for command in COMMANDS.values() if set(command.args) & set("trD"))
_ENVIRONMENT = frozenset([r"\begin", r"\end"])


def prose(tokens: list[str], partners: dict[int, int]) -> frozenset[int]:
    r"""The tokens inside arguments that are not mathematics, as of `\text`, `\mbox`, `\label`, `\begin`, `\hspace`."""
    inside: set[int] = set()
    for index, token in enumerate(tokens):
        if token[0] != "\\" or index in inside or not (token in _NOT_MATH or token in _ENVIRONMENT):
            continue
        at = index + 1
        for _ in range(2 if token == r"\begin" and _has_columns(tokens, at) else 1):
            while tokens[at : at + 1] and tokens[at] in ("*", "["):
                at = at + 1 if tokens[at] == "*" else _after_bracket(tokens, at)
            closing = partners.get(at)
            if closing is None:
                break
            inside.update(range(at, closing + 1))
            at = closing + 1
    return frozenset(inside)


def _has_columns(tokens: list[str], at: int) -> bool:
    return "".join(tokens[at + 1 : at + 6]) == "array" or "".join(tokens[at + 1 : at + 8]) == "tabular"


def _after_bracket(tokens: list[str], at: int) -> int:
    while at < len(tokens) and tokens[at] != "]":
        at += 1
    return at + 1


def script_places(tokens: list[str], partners: dict[int, int]) -> list[tuple[int, int, int]]:
    """Every braced script: the tokens of its `_` or `^`, its `{` and its `}`."""
    return [
        (index, index + 1, partners[index + 1])
        for index, token in enumerate(tokens)
        if (token == "_" or token == "^") and index + 1 in partners
    ]


#: The most scripts and primes to skip in search of their base.
_MOST_SCRIPTS = 40


def base_of(tokens: list[str], script: int) -> int | None:
    """The last token of the base of the script at `script`, skipping its other scripts; None at the start."""
    at = script - 1
    for _ in range(_MOST_SCRIPTS):
        if at < 0:
            break
        if tokens[at] in ("'", r"\limits", r"\nolimits", r"\displaylimits"):
            at -= 1
        elif tokens[at] == "}":
            opening = _opening(tokens, at)
            if opening > 0 and tokens[opening - 1] in ("_", "^"):
                at = opening - 2
            else:
                return at
        elif at > 0 and tokens[at - 1] in ("_", "^"):
            at -= 2
        else:
            return at if tokens[at] not in ("{", "&", r"\\") else None
    return None


#: The most tokens to search for the brace that opens a group.
_FAR = 3000


def _opening(tokens: list[str], closing: int) -> int:
    depth = 0
    for at in range(closing, max(closing - _FAR, -1), -1):
        depth += (tokens[at] == "}") - (tokens[at] == "{")
        if depth == 0:
            return at
    return 0


def moved_out(label: Label, opening: int, sign: int, closing: int) -> str:
    """The group with its closing brace moved before the token `sign`."""
    text, spans = label.text, label.spans
    gap = " " if text[spans[sign][0] - 1].isspace() else ""
    before = text[spans[opening][0] : spans[sign][0]].rstrip()
    after = text[spans[sign][0] : spans[closing - 1][1]]
    return f"{before}{gap}}}{gap}{after}"
