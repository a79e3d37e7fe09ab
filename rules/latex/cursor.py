"""The state of reading a label: its tokens, the position, what was found so far. Reads no syntax itself."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property
from string import ascii_letters, digits
from typing import NamedTuple

from rules.latex import lexer
from rules.latex.actions import ACTIONS, ORD, RELATION
from rules.latex.synonyms import SYNONYMS
from rules.latex.wrapper import Wrapper

#: Deeper nesting isn't read: no formula needs it, and Python's stack is limited. TeX itself stops at 255.
MAX_DEPTH = 120

#: Problems after which the label can still be spelled canonically and drawn.
HARMLESS = frozenset({"leading-script", "definition", "lone-backslash", "undefined-in-latex", "old-form"})

# What ends a list of atoms. A list also stops at a closer that belongs to an outer list; its own opener then finds the
# wrong token there and reports itself unclosed.
TO_END, TO_BRACE, TO_BRACKET, TO_RIGHT, TO_CELL, TO_ROWS, TO_DOLLAR = range(7)


#: In canonical tokens: the brace of a group that is an atom of its own, not an argument or a script. No readable label
#: has its first character.
ATOM_OPEN = "\0{"


class Problem(NamedTuple):
    """Something that LaTeX rejects or a rule needs to know, from token `start` to token `end` (exclusive)."""

    kind: str
    start: int
    end: int
    detail: str = ""


@dataclass(slots=True)
class Reading:
    """The result of one pass: problems, canonical tokens (None if the label can't be read), edits for the key."""

    problems: list[Problem] = field(default_factory=list)
    canonical: list[str] | None = None
    #: (first token, last token exclusive, replacement): see `rules.latex.visual_key`.
    folds: list[tuple[int, int, str]] = field(default_factory=list)
    wrapper: Wrapper | None = None
    #: LaTeX rejects the label in a way that leaves no canonical form and no key.
    fatal: bool = False
    #: Whether the space at the end is drawn: it is part of the last line of a fraction.
    holds_end: bool = False
    #: The positions of the tokens in the label, if they were needed: see `places`.
    spans: list[tuple[int, int]] | None = field(default=None, compare=False, repr=False)

    def places(self, label: str, toks: list[str]) -> list[tuple[int, int]]:
        """The positions of the tokens in the label that was read."""
        if self.spans is None:
            self.spans = lexer.spans(label, toks)
        return self.spans


#: Symbols that a list contains unchanged, whatever is around them, and the most tokens of a group that is searched for
#: them.
_FLAT = (
    frozenset(token for token, action in ACTIONS.items() if action in (ORD, RELATION) and token not in SYNONYMS)
    | frozenset(ascii_letters + digits)
) - {"\\dots", "\\not"}
_FLAT_SIZE = 12


SCRIPTS = frozenset(["_", "^", "'", "\\sb", "\\sp"])


class TooDeep(Exception):
    """The label nests deeper than MAX_DEPTH."""


class Unreadable(Exception):
    """A problem that leaves no canonical form and no key, when nothing else was asked."""


class Cursor:
    """The state of reading one label. Its subclasses read arguments, rows, and finally lists of atoms."""

    def __init__(self, label: str, toks: list[str]) -> None:
        self.label = label
        self.toks = toks
        self.n = len(toks)
        self.i = 0
        self.depth = 0
        #: Whether this is display style, which decides what \\limits and \\dfrac change.
        self.display = True
        #: Whether this is certainly text style: there \\tfrac is \\frac, and \\mbox is \\text.
        self.text_style = False
        #: Whether this is, or may be, below a bar. Scripts are lower there, but not in \\tfrac.
        self.cramped = False
        #: What ends the lists around this place, the innermost last.
        self.open: list[int] = []
        self.problems: list[Problem] = []
        self.folds: list[tuple[int, int, str]] = []
        self.fatal = False
        self.holds_end = False
        #: Whether only readability was asked for.
        self.hasty = False
        #: Of the list read last: whether it is one plain atom; its infix command if a fold can make it \\frac; where.
        self.simple = False
        self.infix: tuple[str, int] | None = None
        #: The position of any infix command in the list read last, or -1.
        self.infix_at = -1
        self.labels = 0
        self.tags = 0
        #: Tokens that are known not to occur any more.
        self.none_ahead: set[str] = set()
        #: There is no canonical form, though LaTeX accepts the label.
        self.opaque = False

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return lexer.spans(self.label, self.toks)

    def problem(self, kind: str, start: int, end: int | None = None, detail: str = "") -> None:
        self.problems.append(Problem(kind, start, start + 1 if end is None else end, detail))
        if kind not in HARMLESS:
            self.fatal = True
            if self.hasty:
                raise Unreadable

    def next_place(self, token: str) -> int | None:
        """The next position of this token, including the current one; None if there is none."""
        try:
            return None if token in self.none_ahead else self.toks.index(token, self.i)
        except ValueError:
            self.none_ahead.add(token)
            return None

    def source(self, start: int, end: int) -> str:
        """The label's own text from token `start` to token `end` (exclusive)."""
        if start >= end:
            return ""
        return self.label[self.spans[start][0] : self.spans[end - 1][1]]

    def between(self, opening: int, closing: int) -> str:
        """The label's own text between two tokens, white space at both ends included."""
        return self.label[self.spans[opening][1] : self.spans[closing][0]]

    def adjacent(self, i: int) -> bool:
        """Whether token `i` follows the token before it without a space. Primes look ahead, and a space stops them."""
        return self.spans[i - 1][1] == self.spans[i][0]

    def script_follows(self) -> bool:
        return self.i < self.n and self.toks[self.i] in SCRIPTS

    def skip_group(self) -> tuple[int, int]:
        """Skip a group without reading it. Returns the tokens of its braces; the second is n if it isn't closed."""
        opening = self.i
        depth = 0
        while self.i < self.n:
            depth += (self.toks[self.i] == "{") - (self.toks[self.i] == "}")
            self.i += 1
            if depth == 0:
                return opening, self.i - 1
        self.problem("unclosed-brace", opening)
        return opening, self.n

    def read_list(self, closer: int) -> list[str]:
        """Read atoms up to a closer, which is left unread. Returns canonical tokens."""
        raise NotImplementedError

    def read_group(self, opening: int, closer: int = TO_BRACE) -> list[str]:
        """The content of the group whose `{`, token `opening`, was just read; reads the `}` too."""
        inner = self.toks[self.i : self.i + _FLAT_SIZE]
        if "}" in inner and self.depth < MAX_DEPTH:
            del inner[inner.index("}") :]
            after = self.i + len(inner) + 1
            if after <= self.n and _FLAT.issuperset(inner):  # true for most
                self.i = after
                self.simple, self.infix, self.infix_at = len(inner) == 1 and ACTIONS.get(inner[0], ORD) == ORD, None, -1
                return inner
        inner = self.read_list(closer)
        if self.i < self.n and self.toks[self.i] == "}":
            self.i += 1
        else:
            self.problem("unclosed-brace", opening)
        return inner
