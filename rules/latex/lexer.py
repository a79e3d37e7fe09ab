"""TeX tokens of a label with their positions. Not a parser: it knows no command's meaning.

A token is a control word (`\\frac`), a control symbol (`\\,`, `\\\\`), or one character. White space is the TeX kind
(space, TAB, LF, CR) and stands between tokens; every other character, odd ones too, is a token of its own. A comment
(`%` to the end of the line) is white space as well, as it is for TeX. `^^` and the character behind it are one token:
TeX's notation for another character, 64 places away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: One token. A lone backslash at the very end is a token too: it is what `50\\%` cut at the percent sign leaves.
PATTERN = r"\\(?:[A-Za-z]+|[\s\S]|$)|\^\^[\x00-\x7f]|[^\\ \t\r\n]"

#: A longer label is not read: what a model that got stuck writes would cost minutes. Of the formulas in ten public data
#: sets the longest has a tenth of that. Up to here time grows with the length (tests/rules/test_linear_time.py).
MAX_LENGTH = 20_000

_HALF = re.compile(r"[\ud800-\udfff]")
_TOKEN = re.compile(PATTERN)
_TOKEN_OR_COMMENT = re.compile(rf"%[^\n]*\n?|{PATTERN}")


def whole(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair: those are no characters, and no frame can hold them."""
    return _HALF.sub("\ufffd", text)


def tokens(label: str) -> list[str]:
    """The tokens of `label`, comments and white space left out."""
    if "%" in label:
        return [token for token in _TOKEN_OR_COMMENT.findall(label) if token[0] != "%"]
    return _TOKEN.findall(label)


def spans(label: str, toks: Sequence[str] | None = None) -> list[tuple[int, int]]:
    """(start, end) of every token that `tokens` gives, as code point offsets, end exclusive. `toks`: what it gave."""
    if "%" in label:  # what looks like a token may stand in a comment
        return [match.span() for match in _TOKEN_OR_COMMENT.finditer(label) if match[0][0] != "%"]
    if toks is None:
        toks = tokens(label)
    places: list[tuple[int, int]] = []
    start = end = 0
    if " ".join(toks) == label:  # as in most sets, and half the work
        for size in map(len, toks):
            end = start + size
            places.append((start, end))
            start = end + 1
        return places
    for token in toks:
        start = label.index(token, end)  # only white space stands between
        end = start + len(token)
        places.append((start, end))
    return places


def without_comments(label: str) -> str:
    """The label with a space for each comment and its line end: another text of the same tokens."""
    if "%" not in label:
        return label
    return _TOKEN_OR_COMMENT.sub(lambda match: " " if match[0][0] == "%" else match[0], label)


def comments(label: str) -> list[tuple[int, int]]:
    """(start, end) of every comment: from an unescaped `%` to the end of its line, the line end left out."""
    if "%" not in label:
        return []
    return [
        (match.start(), match.start() + len(match[0].rstrip("\n")))
        for match in _TOKEN_OR_COMMENT.finditer(label)
        if match[0][0] == "%"
    ]
