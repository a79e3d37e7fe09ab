"""A label and a reading side by side: do their drawings differ, how, and where? Ranks nothing."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final, Literal

from curate.base.visible import clip, visible
from rules.latex import lexer
from rules.latex.commands import COMMANDS

#: How a reading differs: the same symbols in another arrangement, or other symbols.
Kind = Literal["structure", "symbols"]

#: How many characters of a difference, and how many differences, are shown.
_SHOWN, _MOST = 60, 3
#: White space as tokens: a model is not asked to read it.
_SPACES: Final = {"~", *(f"\\{name}" for name, one in COMMANDS.items() if one.kind == "space" and not one.args)}
#: What a group may be the argument of, besides commands with arguments.
_BEFORE_ARGUMENT: Final = {"^", "_", "}", "]"}


@dataclass(frozen=True)
class Look:
    """A label as drawn. key: its visual key, or its tokens if it has none. tokens: of its canonical spelling, so that
    `x^2` and `x ^ { 2 }` don't differ."""

    key: str
    tokens: list[str]

    @classmethod
    def of(cls, text: str, canonical: str | None, key: str | None) -> Look:
        tokens = lexer.tokens(text if canonical is None else canonical)
        return cls("\0" + " ".join(tokens) if key is None else key, tokens)

    @property
    def drawn(self) -> bool:
        """Does it have a visual key?"""
        return not self.key.startswith("\0")

    @cached_property
    def unspaced(self) -> list[str]:
        """Its tokens without white space and without groups that aren't arguments: those only change spacing."""
        return _without_plain_groups([token for token in self.tokens if token not in _SPACES])

    @cached_property
    def symbols(self) -> list[str]:
        """Its tokens without those that only arrange others."""
        return [token for token in self.unspaced if token not in "{}^_"]

    def differs_from(self, other: Look) -> bool:
        """Do the drawings differ in more than white space?"""
        return self.key != other.key and self.tokens != other.tokens and self.unspaced != other.unspaced

    def kind(self, other: Look) -> Kind:
        """How two that differ do so."""
        return "structure" if self.symbols == other.symbols else "symbols"


@dataclass(frozen=True)
class Difference:
    """How far a reading is from a label, not counting braces. places: where; tokens: how many differ there."""

    places: int
    tokens: int


def distance(label: Look, reading: Look) -> Difference:
    """How far apart two are: the places of the shortest difference that difflib finds, and its tokens."""
    ours, theirs = _bare(label.unspaced), _bare(reading.unspaced)
    sizes = [max(end - start, last - first) for _, start, end, first, last in _changes(ours, theirs)]
    return Difference(len(sizes), sum(sizes))


def where(label: Look, reading: Look) -> str:
    """What is read for what, at most the first three places."""
    ours, theirs = label.tokens, reading.tokens
    if not theirs:
        return "nothing"
    # Braces come and go with their content; they are shown only if nothing else differs.
    bare = _bare(ours), _bare(theirs)
    if bare[0] != bare[1]:
        ours, theirs = bare
    places = []
    for kind, start, end, first, last in _changes(ours, theirs):
        around = kind != "replace"  # a token that occurs only once needs its neighbours to be found
        had = ours[max(0, start - around) : end + around]
        reads = theirs[max(0, first - around) : last + around]
        places.append(f"{_shown(reads)} for {_shown(had)}")
    more = f" and {len(places) - _MOST} more" if len(places) > _MOST else ""
    return "; ".join(places[:_MOST]) + more


def _changes(ours: list[str], theirs: list[str]) -> Iterator[tuple[str, int, int, int, int]]:
    matcher = difflib.SequenceMatcher(None, ours, theirs, autojunk=False)
    return (change for change in matcher.get_opcodes() if change[0] != "equal")


def _bare(tokens: Sequence[str]) -> list[str]:
    return [token for token in tokens if token not in "{}"]


def _without_plain_groups(tokens: list[str]) -> list[str]:
    kept: list[str] = []
    argument: list[bool] = []  # of the open groups
    before = ""
    for token in tokens:
        if token == "{":
            argument.append(before in _BEFORE_ARGUMENT or bool((of := COMMANDS.get(before[1:])) and of.args))
            if argument[-1]:
                kept.append(token)
        elif token != "}" or not argument or argument.pop():
            kept.append(token)
        before = token
    return kept


def _shown(tokens: Sequence[str]) -> str:
    return f"`{clip(visible(' '.join(tokens)), _SHOWN)}`"
