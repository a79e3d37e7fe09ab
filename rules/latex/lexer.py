"""TeX tokens of a label with their positions. Not a parser: it doesn't know what commands mean.

A token is a control word (`\\frac`), a control symbol (`\\,`, `\\\\`), or one character. White space is what TeX takes
for it (space, TAB, LF, CR), and separates tokens; every other character, even an odd one, is a token. A comment (`%` to
the end of the line) counts as white space, as in TeX. `^^` and the next character are one token: TeX's notation for
another character, 64 places away.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

#: One token. A lone backslash at the very end is a token too: it remains if `50\\%` is cut at the percent sign.
PATTERN = r"\\(?:[A-Za-z]+|[\s\S]|$)|\^\^[\x00-\x7f]|[^\\ \t\r\n]"

#: Longer labels are not read: what a stuck model writes would cost minutes. The longest formula in ten public data sets
#: has a tenth of this length. Up to here, time grows linearly (tests/rules/test_linear_time.py).
MAX_LENGTH = 20_000

_HALF = re.compile(r"[\ud800-\udfff]")
_TOKEN = re.compile(PATTERN)
_TOKEN_OR_COMMENT = re.compile(rf"%[^\n]*\n?|{PATTERN}")


def whole(text: str) -> str:
    """The text with U+FFFD for every half of a surrogate pair: halves are not characters, and no frame holds them."""
    return _HALF.sub("\ufffd", text)


def tokens(label: str) -> list[str]:
    """The tokens of `label`, without comments and white space."""
    if "%" in label:
        return [token for token in _TOKEN_OR_COMMENT.findall(label) if token[0] != "%"]
    return _TOKEN.findall(label)


def spans(label: str, toks: Sequence[str] | None = None) -> list[tuple[int, int]]:
    """(start, end) of every token from `tokens`, as code point offsets, end exclusive. `toks`: from `tokens`."""
    if "%" in label:  # what looks like a token may be in a comment
        return [match.span() for match in _TOKEN_OR_COMMENT.finditer(label) if match[0][0] != "%"]
    if toks is None:
        toks = tokens(label)
    places: list[tuple[int, int]] = []
    start = end = 0
    if " ".join(toks) == label:  # true in most sets, and half the work
        for size in map(len, toks):
            end = start + size
            places.append((start, end))
            start = end + 1
        return places
    for token in toks:
        start = label.index(token, end)  # there is only white space between
        end = start + len(token)
        places.append((start, end))
    return places


def without_comments(label: str) -> str:
    """The label with a space for each comment and its line end: another text with the same tokens."""
    if "%" not in label:
        return label
    return _TOKEN_OR_COMMENT.sub(lambda match: " " if match[0][0] == "%" else match[0], label)


def comments(label: str) -> list[tuple[int, int]]:
    """(start, end) of every comment: from an unescaped `%` to the end of its line, without the line end."""
    if "%" not in label:
        return []
    return [
        (match.start(), match.start() + len(match[0].rstrip("\n")))
        for match in _TOKEN_OR_COMMENT.finditer(label)
        if match[0][0] == "%"
    ]
