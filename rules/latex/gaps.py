r"""The space that TeX sets between two atoms, and whether an empty group between them changes it. Draws nothing.

The classes and the table are those of The TeXbook, chapter 18, page 170. Binary operators follow rule 5 of its
appendix G.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from functools import cache
from itertools import pairwise

from rules.latex.actions import (
    ACTIONS,
    AMPERSAND,
    CLOSE,
    COMMAND,
    END,
    INFIX,
    NOTHING,
    ORD,
    REF,
    RIGHT,
    ROW,
    SPACE,
    SWITCH,
)
from rules.latex.commands import COMMANDS
from rules.latex.cursor import ATOM_OPEN

_CLASSES = ("ord", "op", "bin", "rel", "open", "close", "punct", "inner")
# A row for each class on the left, a column for each on the right: 0 no space, 1 thin, 2 medium, 3 thick, * can't be.
_TABLE = dict(
    zip(
        _CLASSES,
        ("01230001", "11*30001", "22**2**2", "33*03003", "00*00000", "01230001", "11*11111", "11231011"),
        strict=True,
    )
)
_CHARACTERS = {"+": "bin", "-": "bin", "*": "bin", "(": "open", "[": "open", ",": "punct", ";": "punct"}
_CHARACTERS |= dict.fromkeys("=<>:", "rel") | dict.fromkeys(")]!?", "close")
_KINDS = {"func": "op", **{name: name for name in _CLASSES}}
#: What TeX may kern with a letter before it, or make a ligature of, unless there is an empty group between.
_KERNED = re.compile(r"[A-Za-z/,.]")
_KERNS = re.compile(r"[A-Za-z/]|\\[A-Za-z]+")
#: Commands whose class in TeX differs from the table of commands.
_CLASS_OF = {
    **dict.fromkeys(("\\overbrace", "\\underbrace"), "op"),
    **dict.fromkeys(("\\stackrel", "\\xrightarrow", "\\xleftarrow", "\\buildrel"), "rel"),
    **dict.fromkeys(("\\pmod", "\\pod", "\\left"), "inner"),
    # Several atoms each: their spacing is left open.
    **dict.fromkeys(("\\mathstrut", "\\rq", "\\slash"), "inner"),
}
#: Commands whose scripts have another place after a group around the command; for the second, with several letters.
_SCRIPTED = frozenset(
    ["\\phantom", "\\vphantom", "\\cancel", "\\bcancel", "\\xcancel"]
    + [f"\\{line}{way}arrow" for line in ("over", "under") for way in ("left", "right", "leftright")]
)
_BOLD = frozenset({"\\bm", "\\boldsymbol"})


def is_set_apart(before: Sequence[str], after: Sequence[str], start: int, *, spaced: bool = False) -> bool:
    """Whether an empty group between them would change the space between two atoms.

    before: canonical tokens up to the group; after: the label's tokens, in which the second atom is at `start`, or
    later if spaces come first; spaced: whether there is a space between the atoms anyway. True if it isn't certain.
    """
    left, right = class_before(before), _class_after(after, start)
    if left is None or right is None:
        return True
    if before and start < len(after) and not spaced:
        if before[-1] in _DOTS:  # amsmath looks at the next token
            return True
        if left == "ord" and _KERNS.fullmatch(before[-1]) and _KERNED.fullmatch(after[start]):
            return True
    return _changes(left, right)


def class_before(tokens: Sequence[str]) -> str | None:
    """The class of the last atom of canonical tokens, ignoring spaces after it; None if it isn't known."""
    head = head_of_last(tokens)
    if head is None:
        return None
    if head < 0:
        return "start"
    token = tokens[head]
    if token == "~":
        return "ord"
    return None if token == "\\not" else class_of(token)


def head_of_last(tokens: Sequence[str]) -> int | None:
    """Where the last atom of canonical tokens begins: its own token, or the command whose arguments end there.

    -1 if there is none, None if it isn't known.
    """
    at = len(tokens) - 1
    while at >= 0 and tokens[at] != "~" and ACTIONS.get(tokens[at]) == SPACE:
        at -= 1
    while at > 0 and tokens[at] == "}":
        opening = _opening(tokens, at, "{", "}")
        if opening is None or tokens[opening] == ATOM_OPEN:
            return opening
        at = opening - 1
        if tokens[at] in ("_", "^"):
            at -= 1
    for opener, closer in (("\\left", "\\right"), ("\\begin{", "\\end{")):
        last = at - (opener == "\\left")  # a delimiter follows
        if last >= 0 and _is(tokens[last], closer):
            return _opening(tokens, last, opener, closer)
    return at


def _opening(tokens: Sequence[str], closing: int, opener: str, closer: str) -> int | None:
    """The opener for the closer at `closing`."""
    depth = 0
    for at in range(closing, -1, -1):
        depth += _is(tokens[at], closer) - _is(tokens[at], opener)
        if depth == 0:
            return at
    return None


def _is(token: str, mark: str) -> bool:
    r"""Whether a token is the mark, or `\begin{matrix}` for the mark `\begin{`. The `{if}` of a text isn't a brace."""
    if mark in ("\\begin{", "\\end{"):
        return token.startswith(mark)
    return token == mark or (token == ATOM_OPEN and mark == "{")


def class_of(token: str) -> str:
    """The class of the atom that a token is or begins."""
    if token[0] != "\\" or len(token) == 1:
        return _CHARACTERS.get(token, "ord")
    command = COMMANDS.get(token[1:])
    return _CLASS_OF.get(token) or ("ord" if command is None else _KINDS.get(command.kind, "ord"))


def _class_after(tokens: Sequence[str], start: int) -> str | None:
    """The class of the atom at `start` or after spaces there; `end` if the list ends; None if it isn't known."""
    for at in range(start, len(tokens)):  # a slice would be copied for each of many `~`
        token = tokens[at]
        action = ACTIONS.get(token, ORD)
        if token == "~":
            return "ord"
        if action in (CLOSE, RIGHT, END, AMPERSAND, ROW):
            return "end"
        if action == INFIX or token == "\\not":
            return None
        if action not in (SPACE, NOTHING, REF):
            return class_of(token)
        if action != NOTHING and token in ("\\label", "\\tag"):
            return None
    return "end"


@cache
def _changes(left: str, right: str) -> bool:
    """Whether an ordinary atom between two atoms changes the space between or around them, whatever the context."""
    around = (*_CLASSES, None) if left != "start" else (None,)
    behind = (None,) if right == "end" else around
    ahead = () if left == "start" else (left,)
    middle = () if right == "end" else (right,)
    return any(
        _total(first, *ahead, *middle, last) != _total(first, *ahead, "ord", *middle, last)
        for first in around
        for last in behind
    )


def _total(*atoms: str | None) -> tuple[int, ...]:
    """The space before the second atom of a list, between it and the last but one, and before the last."""
    classes = [atom for atom in atoms if atom is not None]
    for at, atom in enumerate(classes):
        ahead = classes[at + 1 : at + 2]
        if atom == "bin" and (at == 0 or classes[at - 1] in ("bin", "op", "rel", "open", "punct") or not ahead):
            classes[at] = "ord"
        elif atom in ("rel", "close", "punct") and at and classes[at - 1] == "bin":
            classes[at - 1] = "ord"
    gaps = [int(_TABLE[one][_CLASSES.index(other)]) for one, other in pairwise(classes)]
    first = gaps[:1] if atoms[0] is not None else [0]
    last = gaps[-1:] if atoms[-1] is not None else [0]
    return sum(first), sum(gaps) - sum(first) - sum(last), sum(last)


# What braces do besides -----------------------------------------------------------------------------------------------


def operator_of(tokens: Sequence[str]) -> str:
    r"""The operator that is the last atom of canonical tokens: `\operatorname` for `\operatorname{…}`."""
    head = head_of_last(tokens) if tokens and tokens[-1] == "}" else len(tokens) - 1
    return "" if head is None or head < 0 else tokens[head]


def reads_ahead(before: Sequence[str], inner: Sequence[str]) -> bool:
    r"""Whether what precedes braces looks at the token after it: `\not`, and dots at a full stop."""
    return bool(before) and (before[-1] == "\\not" or (inner == ["."] and before[-1] in _DOTS))


def holds_together(inner: Sequence[str], *, after_operator: bool, scripts: bool) -> bool:
    """Whether braces change the space around their content in a way that math-core doesn't know.

    They do around one atom that has space around it, and around brackets after an operator. Scripts have another place
    after braces around two accents, an arrow, a stroke, or several bold letters.
    """
    if not inner or inner[0] in ("\\dagger", "\\ddagger"):  # `\\dag` is `{\\dagger}`
        return False
    if after_operator:
        first = 0
        while first < len(inner) and ACTIONS.get(inner[first]) == SWITCH:  # `{\\rm ]}`
            first += 1
        switched = inner[first:]
        if switched and switched[0] in _BRACKETS:
            return True
        if switched and first and head_of_last(switched) == 0 and class_before(switched) != "ord":
            return True
    if head_of_last(inner) != 0:
        return False
    if scripts and (inner[0] in _SCRIPTED or is_twice_accented(inner) or (inner[0] in _BOLD and len(inner) > 4)):
        return True
    return class_before(inner) != "ord"


def has_gap_at_tie(tokens: Sequence[str]) -> bool:
    r"""Whether there is a `~` before something that has space around it, or at the end of a list.

    The reader says whether it draws `\ `.
    """
    return any(
        one == "~" and other != "~" and (class_of(other) != "ord" or ACTIONS.get(other.partition("{")[0]) in _NO_ATOMS)
        for one, other in pairwise(tokens)
    )


def ties_set_apart(tokens: Sequence[str]) -> list[int] | None:
    r"""The places of the `~` in canonical tokens that the reader draws as `\ {}` (see `is_set_apart`).

    None if only the reader knows: with environments, infix commands, optional arguments, or spaces that take a length.
    """
    found: list[int] = []
    lists: list[list[str]] = [[]]  # the lists of atoms around this place, up to here
    for at, token in enumerate(tokens):
        action = ACTIONS.get(token)
        if token == "~":
            if is_set_apart(lists[-1], tokens, at + 1, spaced=True):
                found.append(at)
        elif token == "}" or token == "\\right":
            inner = lists.pop()
            if not lists:
                return None
            lists[-1] += inner
        elif (
            action == INFIX
            or (action == COMMAND and tokens[at + 1 : at + 2] == ["["])
            or (action is None and token[0] == "\\")  # `\hspace{1pt}` and `\begin{array}` are one token each
        ):
            return None
        lists[-1].append(token)
        if token == "{" or token == ATOM_OPEN or tokens[at - 1 : at] == ["\\left"]:
            lists.append([])
    return found


_NO_ATOMS = frozenset({SPACE, INFIX, CLOSE, RIGHT, AMPERSAND, ROW, END})


def are_braces_edited(tokens: Sequence[str]) -> bool:
    """Whether the reader may edit braces around these canonical tokens for the key. True if it isn't certain."""
    opened: list[int] = []
    for at, token in enumerate(tokens):
        if token == ATOM_OPEN or token == "{":
            opened.append(at)
        elif token == "}" and opened:
            opening = opened.pop()
            if tokens[opening] == ATOM_OPEN:
                inner, scripts = tokens[opening + 1 : at], tokens[at + 1 : at + 2] in (["_"], ["^"])
                if not inner and scripts:  # as in `{}^2`
                    continue
                if not inner or (head_of_last(inner) in (-1, 0, None) and not _is_scripted(inner)):
                    return True
                if holds_together(inner, after_operator=True, scripts=scripts):
                    return True
    return False


def _is_scripted(inner: Sequence[str]) -> bool:
    """Whether the last atom of a list has a script."""
    opening = _opening(inner, len(inner) - 1, "{", "}") if inner[-1] == "}" else None
    return opening is not None and opening > 0 and inner[opening - 1] in ("_", "^")


def is_twice_accented(tokens: Sequence[str]) -> bool:
    r"""Canonical tokens that begin with two accents: `\hat { \vec { a } }`."""
    return len(tokens) > 3 and tokens[0] in _ACCENTS and tokens[2] in _ACCENTS


_DOTS = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "inner" and not command.args)
_ACCENTS = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "accent")
_BRACKETS = frozenset(
    ["(", "[", "\\left", *(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "open")]
)


#: Commands around which braces may change something.
NOT_PLAIN = frozenset(
    [*_SCRIPTED, *_BOLD, *(token for name in COMMANDS if (token := f"\\{name}") and class_of(token) != "ord")]
)


def is_relation(arguments: Sequence[str]) -> bool:
    """Whether the last of a command's canonical arguments is one relation."""
    opening = _opening(arguments, len(arguments) - 1, "{", "}") if arguments else None
    base = [] if opening is None else arguments[opening + 1 : -1]
    return head_of_last(base) == 0 and class_before(base) == "rel"
