"""Math delimiters around a whole label: `$…$`, `\\[…\\]`, `equation`. Not those inside a label."""

from __future__ import annotations

from dataclasses import dataclass

#: Environments that only mean "display math here". `align` and the like also lay out rows, so they stay.
_PLAIN_DISPLAYS = ("equation", "equation*", "displaymath", "math")


@dataclass(frozen=True, slots=True)
class Wrapper:
    """Delimiters around a label: its content is tokens `start` to `end` (exclusive)."""

    name: str
    start: int
    end: int


def unwrap(toks: list[str]) -> Wrapper | None:
    """The outermost math delimiters of a tokenised label, or None if it has none."""
    if len(toks) < 2:
        return None
    first, last = toks[0], toks[-1]
    if first == "$" == last:
        if len(toks) >= 4 and toks[1] == "$" == toks[-2]:
            return Wrapper("$$", 2, len(toks) - 2) if _is_one(toks, 2) else None
        return Wrapper("$", 1, len(toks) - 1) if _is_one(toks, 1) else None
    if (first, last) in (("\\[", "\\]"), ("\\(", "\\)")):
        return Wrapper(first, 1, len(toks) - 1) if _is_one(toks, 1) else None
    if first == "\\begin" and last == "}":
        for name in _PLAIN_DISPLAYS:
            size = len(name) + 3
            if (
                len(toks) >= 2 * size
                and toks[1:size] == ["{", *name, "}"]
                and toks[-size:] == ["\\end", "{", *name, "}"]
            ):
                return Wrapper(name, size, len(toks) - size)
    return None


def _is_one(toks: list[str], width: int) -> bool:
    """Whether the last delimiter, of `width` tokens, closes the first. Not in `\\( a \\) , \\( b \\)`.

    Text in braces may have delimiters of its own: `$ a \\text{ if $b$} $`.
    """
    depth = 0
    for token in toks[width:-width]:
        depth += (token == "{") - (token == "}")
        if depth <= 0 and token == toks[-1]:
            return False
    return True
