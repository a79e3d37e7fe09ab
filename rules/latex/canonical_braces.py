"""Steps to the canonical form: braces and space that have no effect."""

from __future__ import annotations

from collections.abc import Iterator

from rules.latex.actions import ACTIONS, COMMAND, ORD, RELATION, SPACE, UNKNOWN
from rules.latex.arguments import INFIX_INSIDE
from rules.latex.canonical_tokens import (
    BRACES,
    INFIXES,
    NOTHING_DRAWN,
    OPENING,
    SWITCHES,
    Edit,
    after_operator,
    closing,
)
from rules.latex.commands import COMMANDS
from rules.latex.cursor import ATOM_OPEN
from rules.latex.gaps import class_before, class_of, head_of_last, is_twice_accented
from rules.latex.reader import SPACED_KINDS, without_trailing_space

_DAGGER = [["\\dagger"], ["\\ddagger"]]
_OPENERS = frozenset(["(", "[", "\\{", "\\lbrace", "\\lbrack", "\\langle", "\\lceil", "\\lfloor", "\\left"])
#: What has gaps around it, or, like `\\textstyle`, makes some.
_SPACED = frozenset(f"\\{c.name}" for c in COMMANDS.values() if c.kind in SPACED_KINDS | {"style"}) | {"\\left"}
#: Tokens that make a separate list of what follows.
_DIVIDING = SWITCHES | INFIXES


def braces(tokens: list[str]) -> Iterator[Edit]:
    r"""Braces around an atom, if they hold nothing together: in `\det { ( x ) }` they set the operator apart."""
    switched = False  # math-core may group everything after a switch anyway
    for index, token in enumerate(tokens):
        switched = switched or token in SWITCHES
        if token == ATOM_OPEN:
            end = closing(tokens, index)
            inner, scripts = tokens[index + 1 : end], tokens[end + 1 : end + 2] in (["_"], ["^"])
            if inner in _DAGGER and not scripts and _has_no_space(tokens, index, end):
                yield index, end + 1, inner
                continue
            if not INFIXES.isdisjoint(inner) and _is_argument_of_infix(tokens, index, end):
                continue
            if not inner and not scripts and tokens[index - 1 : index] == ["{"] and tokens[end + 1] == "}":
                yield index, end + 1, []  # an empty group alone in an argument or script
                continue
            if not inner or _is_spaced(inner) or (scripts and is_twice_accented(inner)):
                continue
            apart = inner[0] in _OPENERS or not (switched or inner[0] in OPENING)
            if apart and after_operator(tokens, index):
                continue
            if not switched and _is_held(tokens, index, end, scripts):
                continue
            yield index, end + 1, tokens[index + 1 : end]


def _has_no_space(tokens: list[str], first: int, last: int) -> bool:
    """Whether TeX sets no space around a binary operator in place of these tokens, so that it needs no braces."""
    before = tokens[first - 1] if first else "{"
    if before in OPENING or before == "&" or before.startswith(("\\\\", "\\begin{")):
        return True
    after = tokens[last + 1] if last + 1 < len(tokens) else "}"
    if after in ("}", "&", "\\right") or after.startswith(("\\\\", "\\end{")):
        return True
    return class_before(tokens[:first]) in ("op", "rel", "open", "punct") or class_of(after) in (
        "rel",
        "close",
        "punct",
    )


def _is_argument_of_infix(tokens: list[str], first: int, last: int) -> bool:
    r"""Whether these tokens are a whole argument of a command that amsmath writes with `\over` in the same group."""
    if tokens[first - 1 : first] != ["{"] or tokens[last + 1 : last + 2] != ["}"]:
        return False
    head = head_of_last(tokens[: last + 2])
    return head is not None and tokens[head] in INFIX_INSIDE


def trailing(tokens: list[str]) -> Iterator[Edit]:
    """Space that is last once braces are gone, as in `x {\\,}`. If there is nothing else, `{ }` draws nothing too."""
    if tokens != NOTHING_DRAWN and all(token in BRACES or not without_trailing_space([token]) for token in tokens):
        yield 0, len(tokens), NOTHING_DRAWN
    elif (end := without_trailing_space(tokens)) < len(tokens):
        yield end, len(tokens), []


def _is_held(tokens: list[str], opening: int, end: int, scripts: bool) -> bool:
    """Whether braces certainly make a difference: they hold several atoms, or one with scripts, that without braces
    would not be a separate list or would get further scripts. The key would say so too, at the price of a conversion.
    """
    inner = tokens[opening + 1 : end]
    nucleus = _behind_nucleus(inner)
    if nucleus == 0 or all(token.isdecimal() or token == "." for token in inner) or not _DIVIDING.isdisjoint(inner):
        return False
    if scripts:
        return nucleus < len(inner)
    while nucleus < len(inner) and inner[nucleus] in ("_", "^"):
        nucleus = closing(inner, nucleus + 1) + 1
    if nucleus >= len(inner) and (ACTIONS.get(inner[0]) != RELATION or class_of(inner[0]) == "ord"):
        return False
    before, after = tokens[opening - 1] if opening else "{", tokens[end + 1] if end + 1 < len(tokens) else "}"
    if before in _DIVIDING or after in _DIVIDING:
        return False
    return after not in ("}", "]") or not (before in OPENING or before == "[")


def _behind_nucleus(inner: list[str]) -> int:
    """The token after the first atom of a list, without its scripts; 0 if that isn't known."""
    action = ACTIONS.get(inner[0], ORD if len(inner[0]) == 1 else UNKNOWN)
    if action in (ORD, RELATION, SPACE):
        return 1
    if action != COMMAND or inner[1:2] != ["{"]:
        return 0
    at = 1
    while inner[at : at + 1] == ["{"]:
        at = closing(inner, at) + 1
    return at


def _is_spaced(inner: list[str]) -> bool:
    """Whether an operator or the like is in a group, but not in a group inside it, so that its braces remove gaps."""
    depth = 0
    for token in inner:
        if depth == 0 and token in _SPACED:
            return True
        depth += (token in OPENING) - (token == "}")
    return False
