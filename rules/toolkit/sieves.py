"""Sieves that several rules share: cheap polars expressions that may pass too many labels but never miss one.

A label with a comment is sieved twice, as it is and without the comment (see `rules.engine`). So a sieve can assume
that there is only white space between two neighbouring tokens.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from rules.registry import all_rules

LABEL = pl.col("label")

#: Characters outside ASCII. Many rules use this sieve, which polars evaluates only once.
NON_ASCII = LABEL.str.len_bytes() != LABEL.str.len_chars()

# Regular expressions for text inside one group, with at most two levels of groups in it. A rule whose sieve uses them
# must not look deeper (`braces.nesting`).
_SYMBOL = r"(?:\\(?s:.)|\^\^(?s:.)|[^{}\\])"
_SHALLOW = rf"\{{{_SYMBOL}*\}}"
_GROUP = rf"\{{(?:{_SYMBOL}|{_SHALLOW})*\}}"
WITHIN = rf"(?:{_SYMBOL}|{_GROUP})*"
_NO_BRACKET = r"(?:\\(?s:.)|\^\^(?s:.)|[^{}()\[\]\\])"
#: The same, with all parentheses and brackets closed and none nested.
WITHIN_BALANCED = rf"(?:{_NO_BRACKET}|{_GROUP}|[(\[](?:{_NO_BRACKET}|{_GROUP})*[)\]])*"


#: The sieves that are one regular expression and nothing else, by their identity.
_SEARCHES: dict[int, tuple[pl.Expr, str]] = {}


def has(pattern: str) -> pl.Expr:
    """The label matches a regular expression (Rust's: no look-around)."""
    sieve = LABEL.str.contains(pattern)
    _SEARCHES[id(sieve)] = (sieve, pattern)
    return sieve


def pattern_of(sieve: pl.Expr) -> str | None:
    """The regular expression of a sieve that is one and nothing else, as `has` gives it."""
    known = _SEARCHES.get(id(sieve))
    return None if known is None else known[1]


def has_text(text: str) -> pl.Expr:
    """The label contains this text."""
    return LABEL.str.contains(text, literal=True)


#: The control words that sieves look for, with the bits of these sieves. The column `marks` has the bits of a label.
_MARKS: dict[str, int] = {}
_SIEVES_WITH_MARKS: list[tuple[str, ...]] = []


def has_command(*names: str) -> pl.Expr:
    """The label has one of these control words as a token. This costs less than searching the text.

    Raises ValueError if there are more sets of words than the column has bits.
    """
    if names not in _SIEVES_WITH_MARKS:
        _SIEVES_WITH_MARKS.append(names)
    bit = 1 << _SIEVES_WITH_MARKS.index(names)
    if bit >= 1 << 63:
        raise ValueError("the column `marks` has no bit left: add a second column, or use has(...)")
    for name in names:
        _MARKS[f"\\{name}"] = _MARKS.get(f"\\{name}", 0) | bit
    return (pl.col("marks") & bit) != 0


def marks(labels: Iterable[Sequence[str]]) -> list[int]:
    """The column `marks` for labels with these tokens."""
    all_rules()  # the words have their bits only once every rule has been imported
    has_none = frozenset(_MARKS).isdisjoint
    return [0 if has_none(toks) else _marks(toks) for toks in labels]


def _marks(toks: Sequence[str]) -> int:
    found = 0
    for token in _MARKS.keys() & toks:
        found |= _MARKS[token]
    return found


def has_problem(*kinds: str) -> pl.Expr:
    """The reader found a problem of one of these kinds."""
    return pl.any_horizontal([pl.col("problems").str.contains(f" {kind} ", literal=True) for kind in kinds])
