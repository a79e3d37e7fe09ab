"""Sieves that several rules share: cheap polars expressions that may pass too much and never miss.

A label with a comment is sieved twice, as it is and with the comment left out (see `rules.engine`). So a sieve need not
think of comments: between two neighbouring tokens there is white space at most.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import polars as pl

from rules.registry import all_rules

LABEL = pl.col("label")

#: Characters beyond ASCII. Many rules ask for them; polars looks once.
NON_ASCII = LABEL.str.len_bytes() != LABEL.str.len_chars()

# A stretch of text inside one group, for regular expressions: groups in it nest two deep at most. A judge that a sieve
# with this lets labels through to may look no deeper (`groups.nesting`).
_SYMBOL = r"(?:\\(?s:.)|\^\^(?s:.)|[^{}\\])"
_SHALLOW = rf"\{{{_SYMBOL}*\}}"
_GROUP = rf"\{{(?:{_SYMBOL}|{_SHALLOW})*\}}"
WITHIN = rf"(?:{_SYMBOL}|{_GROUP})*"
_NO_BRACKET = r"(?:\\(?s:.)|\^\^(?s:.)|[^{}()\[\]\\])"
#: The same, its parentheses and brackets closed and nested in none other.
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
    """The label holds this text."""
    return LABEL.str.contains(text, literal=True)


#: Control words that sieves ask for, with the bits of the sieves that do; the column `marks` has those of a label.
_MARKS: dict[str, int] = {}
_SIEVES_WITH_MARKS: list[tuple[str, ...]] = []


def has_command(*names: str) -> pl.Expr:
    """The label has one of these control words for a token. Asks the tokens, which costs less than a search.

    Raises ValueError when more sets of words are asked for than a column has bits.
    """
    if names not in _SIEVES_WITH_MARKS:
        _SIEVES_WITH_MARKS.append(names)
    bit = 1 << _SIEVES_WITH_MARKS.index(names)
    if bit >= 1 << 63:
        raise ValueError("the column of marks is full: give it a second one, or ask with has(...)")
    for name in names:
        _MARKS[f"\\{name}"] = _MARKS.get(f"\\{name}", 0) | bit
    return (pl.col("marks") & bit) != 0


def marks(labels: Iterable[Sequence[str]]) -> list[int]:
    """What the column `marks` holds for labels of these tokens."""
    all_rules()  # which words have a bit is known once every rule has been imported
    return [_marks(toks) for toks in labels]


def _marks(toks: Sequence[str]) -> int:
    if _MARKS.keys().isdisjoint(toks):
        return 0
    found = 0
    for token in _MARKS.keys() & toks:
        found |= _MARKS[token]
    return found


def has_problem(*kinds: str) -> pl.Expr:
    """The reader met a problem of one of these kinds."""
    return pl.any_horizontal([pl.col("problems").str.contains(f" {kind} ", literal=True) for kind in kinds])
