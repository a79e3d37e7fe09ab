r"""The commands and environments that a document defines itself: `\newcommand`, `\def`, `\DeclareMathOperator` and kin.

Nothing is expanded: labels stay as written. Definitions say which unknown commands are not mistakes, and which macros
stand for `\begin{equation}` and `\end{equation}`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import NamedTuple

#: How many brace groups follow the defined name.
_GROUPS = {
    **dict.fromkeys(("newcommand", "renewcommand", "providecommand", "DeclareRobustCommand", "newcommandx"), 1),
    **dict.fromkeys(("DeclareMathOperator", "DeclareMathAlphabet", "newcolumntype", "newmathop"), 1),
    **dict.fromkeys(("def", "edef", "gdef", "xdef"), 1),
    **dict.fromkeys(("newenvironment", "renewenvironment", "DeclarePairedDelimiter"), 2),
    **dict.fromkeys(("NewDocumentCommand", "RenewDocumentCommand", "ProvideDocumentCommand"), 2),
    **dict.fromkeys(("DeclareDocumentCommand", "DeclarePairedDelimiterX", "DeclarePairedDelimiterXPP"), 2),
    **dict.fromkeys(("NewDocumentEnvironment", "newtheorem", "DeclareMathSymbol"), 3),
    "let": 0,
}
DEFINING = "|".join(sorted(_GROUPS, key=len, reverse=True))
_ENVIRONMENTS = ("newenvironment", "renewenvironment", "NewDocumentEnvironment", "newtheorem")
_NAME = re.compile(r"\s*\{?\s*\\([A-Za-z@]+|[^\sA-Za-z{}])\s*\}?")
_ENVIRONMENT = re.compile(r"\s*\{\s*([^{}\\\s]+)\s*\}")
_MEANING = re.compile(r"\s*=?\s*(?:\\(?:[A-Za-z@]+|.)|[^\s\\])")
_OPTION = re.compile(r"\s*\[[^\[\]\n]*\]")
_GAP = re.compile(r"(?:\s|%[^\n]*\n)*")
_PARAMETERS = re.compile(r"[^{}\\\n]{0,80}")
_BRACES = re.compile(r"%[^\n]*|\\.|[{}]", re.DOTALL)
_BEGINS, _ENDS = (re.compile(rf"\s*\\{word}\s*\{{([A-Za-z]+\*?)\}}\s*%?\s*") for word in ("begin", "end"))


class Braces:
    """Which brace closes which, in one pass over a text: `closing[position of {]` is the position of its }."""

    def __init__(self, text: str) -> None:
        self._text = text

    @cached_property
    def closing(self) -> dict[int, int]:
        pairs: dict[int, int] = {}
        opened: list[int] = []
        for match in _BRACES.finditer(self._text):
            brace = match[0]
            if brace == "{":
                opened.append(match.start())
            elif brace == "}" and opened:
                pairs[opened.pop()] = match.start()
        return pairs

    def group_end(self, at: int) -> int | None:
        """The position after the group that begins at `at`; None if no group begins there, or it never ends."""
        close = self.closing.get(at)
        return None if close is None else close + 1


class Definition(NamedTuple):
    """A definition: the defined `names` (commands with their backslash), the bodies, and where it ends."""

    names: tuple[str, ...]
    bodies: tuple[str, ...]
    end: int


def read_definition(text: str, word: str, at: int, braces: Braces) -> Definition:
    r"""The definition whose defining command, called `word`, ends at `at`. Its end is `at` if it can't be read."""
    if text[at : at + 1] == "*":
        at += 1
    is_environment = word in _ENVIRONMENTS
    match = (_ENVIRONMENT if is_environment else _NAME).match(text, at)
    if match is None:
        return Definition((), (), at)
    names = (match[1],) if is_environment else (f"\\{match[1]}",)
    at = match.end()
    if word == "let":
        meaning = _MEANING.match(text, at)
        return Definition(names, (), meaning.end() if meaning else at)
    if word.endswith("def"):
        at = _PARAMETERS.match(text, at).end()  # type: ignore[union-attr]
    bodies, at = _groups(text, at, _GROUPS[word], braces)
    return Definition(names, bodies, at)


def _groups(text: str, at: int, number: int, braces: Braces) -> tuple[tuple[str, ...], int]:
    """Up to this many brace groups from `at`, with options between them, and the position after them."""
    bodies: list[str] = []
    while True:
        option = _OPTION.match(text, at)
        if option is not None:
            at = option.end()
            continue
        begin = _GAP.match(text, at).end()  # type: ignore[union-attr]
        end = braces.group_end(begin) if len(bodies) < number else None
        if end is None:
            return tuple(bodies), at
        bodies.append(text[begin + 1 : end - 1])
        at = end


@dataclass
class Definitions:
    r"""What documents define. `names`: commands with their backslash, environments without one.

    `begins`: macros that stand for the beginning of an environment, as `\be` may for `\begin{equation}`. `ends`: those
    that stand for the end of each. `environments`: environments that are another one, by name.
    """

    names: set[str] = field(default_factory=set)
    begins: dict[str, str] = field(default_factory=dict)
    ends: dict[str, set[str]] = field(default_factory=dict)
    environments: dict[str, str] = field(default_factory=dict)

    def note(self, found: Definition) -> None:
        self.names.update(found.names)
        if not found.names or not found.bodies:
            return
        name = found.names[0]
        begins = _BEGINS.fullmatch(found.bodies[0])
        if not name.startswith("\\"):
            if begins and len(found.bodies) > 1 and _ENDS.fullmatch(found.bodies[1]):
                self.environments[name] = begins[1]
        elif begins:
            self.begins[name] = begins[1]
        elif ends := _ENDS.fullmatch(found.bodies[0]):
            self.ends.setdefault(ends[1], set()).add(name)

    def add(self, other: Definitions) -> None:
        self.names |= other.names
        for mine, theirs in ((self.begins, other.begins), (self.environments, other.environments)):
            for name, meaning in theirs.items():
                mine.setdefault(name, meaning)
        for meaning, names in other.ends.items():
            self.ends.setdefault(meaning, set()).update(names)


_USED = re.compile(r"\\[A-Za-z@]+|\\[^A-Za-z]|(?<=\\begin\{)[^{}]+(?=\})", re.DOTALL)


def used_in(label: str, names: set[str] | Mapping[str, object]) -> list[str]:
    """The defined names that a label uses, each once, in its order."""
    return list(dict.fromkeys(name for name in _USED.findall(label) if name in names))
