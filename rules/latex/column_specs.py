"""Column specifications of `array` and `tabular` (`{l|c@{=}r}`). Not their cells."""

from __future__ import annotations

_ALIGNMENTS = frozenset("lcr")
#: How many nested repetitions are read.
_MOST_DEPTH = 50
#: A number with more digits is too large for TeX, or for its memory.
_MOST_DIGITS = 9


def count(spec: str, depth: int = 0) -> int | None:
    r"""Number of columns of a specification without its outer braces, or None if LaTeX rejects it.

    Knows what LaTeX knows without the array package: `l c r | p{…} @{…} *{n}{…}` and the commands like `\vline` that
    `@{…}` may contain. depth: the number of repetitions around the specification.
    """
    columns = 0
    rest = spec
    while rest:
        char, rest = rest[0], rest[1:]
        if char in " \t\r\n|":
            continue
        if char in _ALIGNMENTS:
            columns += 1
        elif char == "p":
            group, rest = _group(rest)
            if group is None:
                return None
            columns += 1
        elif char == "@":
            group, rest = _group(rest)
            if group is None:
                return None
        elif char == "*":
            times, rest = _group(rest)
            repeated, rest = _group(rest)
            inner = count(repeated, depth + 1) if repeated is not None and depth < _MOST_DEPTH else None
            if times is None or not times.strip().isdecimal() or inner is None:
                return None
            digits = times.strip().lstrip("0")
            if len(digits) > _MOST_DIGITS:
                return None
            columns += int(digits or 0) * inner
        else:
            return None
    return columns or None


def _group(text: str) -> tuple[str | None, str]:
    """The content of the group, or the one character, at the start of `text`, and what follows it."""
    text = text.lstrip(" \t\r\n")
    if not text.startswith("{"):
        return (text[0], text[1:]) if text else (None, "")
    depth = 0
    for index, char in enumerate(text):
        depth += (char == "{") - (char == "}")
        if depth == 0:
            return text[1:index], text[index + 1 :]
    return None, ""
