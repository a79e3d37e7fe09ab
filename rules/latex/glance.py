"""Recognises at a glance that a label is already in canonical spelling. Only the reader really knows LaTeX.

Each token becomes one character for its kind. The rest is one regular expression, and many labels share a skeleton, so
most of the work is done only once. Whatever is rare, and whatever LaTeX might reject, is not recognised here and goes
to `rules.latex.reader`; a test compares the two.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rules.latex.actions import ACTIONS, CLOSE, COMMAND, LEFT, OPEN, OPERATOR, ORD, RELATION, RIGHT, SPACE, SUB, SUP
from rules.latex.commands import COMMANDS, DELIMITERS
from rules.latex.gaps import has_gap_at_tie
from rules.latex.reader import CONTROL, FOREIGN
from rules.latex.synonyms import SYNONYMS

#: How deep in nested groups to look.
_MAX_DEPTH = 40

#: One character for each kind of token. An ordinary symbol is `o`, or `d` if it may also follow `\\left`.
_BY_ACTION = {OPEN: "{", CLOSE: "}", SUB: "_", SUP: "^", OPERATOR: "o", SPACE: "t", LEFT: "l", RIGHT: "r"}
#: White space, comments and invalid characters are not symbols, and the reader has to say so.
_NO_SYMBOLS = CONTROL | frozenset("% \t\r\n")
#: Tokens that are read in special ways, or whose spelling depends on the context.
_LEFT_TO_THE_READER = frozenset(
    ["\\sb", "\\sp", "\\\r", "\\\n", "\\\t", "\\dfrac", "\\tfrac", "\\dbinom", "\\tbinom", "\\dots", "\\dag", "\\ddag"]
) | frozenset(["\\buildrel", "\\substack", "\\displaylines", "\\stackrel", "\\not", "\\lefteqn"])


def _class_of_command(token: str) -> str | None:
    r"""`1` or `2` for a command with so many arguments in math, `s` for \sqrt, `z` for \big and the like; else None."""
    command = COMMANDS[token[1:]]
    if command.kind == "size" and command.args == "d":
        return "z"
    if command.mode == "text" or command.args not in ("m", "mm", "om"):
        return None
    return "s" if token == "\\sqrt" else str(command.args.count("m"))


class _Classes(dict[str, str]):
    """One character for each token that a canonically spelled label may have. Raises KeyError for any other."""

    def __missing__(self, token: str) -> str:
        if len(token) != 1 or token in ACTIONS or token in _NO_SYMBOLS:
            raise KeyError(token)
        self[token] = "o"
        return "o"


def _classes() -> _Classes:
    classes = _Classes()
    for token, action in ACTIONS.items():
        found: str | None = None
        if token in SYNONYMS or token in FOREIGN or token in _LEFT_TO_THE_READER:
            continue
        if action in (ORD, RELATION):
            found = "d" if token in DELIMITERS else "o"
        elif action == COMMAND:
            found = _class_of_command(token)
        elif action != SPACE or token == "~" or not COMMANDS[token[1:]].args:
            found = _BY_ACTION.get(action)
        if found is not None:
            classes[token] = found
    classes.update({"[": "b", "]": "e"})
    return classes


_CLASSES = _classes()
# In a skeleton, an atom is a symbol, a sized delimiter, or a command with its groups; groups were folded to `g`.
_ATOMS = r"(?:(?:[odbe]++|2gg|[1s]g|sb[od]*+eg|z[dbe])(?:_g)?+(?:\^g)?+|t++)*+"
_LIST = re.compile(_ATOMS)
_INNERMOST = re.compile(rf"\{{{_ATOMS}\}}|l[dbe]{_ATOMS}r[dbe]")


def canonical_tokens(label: str) -> list[str] | None:
    """The tokens of a label that is already in canonical spelling, or None if that isn't clear at a glance."""
    toks = label.split(" ")
    try:
        skeleton = "".join(map(_CLASSES.__getitem__, toks))
    except KeyError:
        return None
    if not _is_canonical(skeleton):
        return None
    return None if "~" in label and has_gap_at_tie(toks) else toks


@lru_cache(maxsize=1 << 16)
def _is_canonical(skeleton: str) -> bool:
    """Whether LaTeX accepts a label with this skeleton and `rules.latex.reader.read` would spell it the same."""
    if skeleton[-1] == "t":
        return False
    for _ in range(_MAX_DEPTH):
        if "{" not in skeleton and _LIST.fullmatch(skeleton):
            return True
        folded = _INNERMOST.sub(_fold, skeleton)
        if folded == skeleton:
            return False
        skeleton = folded
    return False


def _fold(match: re.Match[str]) -> str:
    return "g" if match[0][0] == "{" else "o"
