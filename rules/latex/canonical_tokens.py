"""Canonical tokens, and what the steps of `rules.latex.canonical` ask about them. No steps."""

from __future__ import annotations

from rules.latex.actions import ACTIONS, INFIX, OPERATOR, SWITCH
from rules.latex.cursor import ATOM_OPEN

#: (first token, last token exclusive, the replacement).
Edit = tuple[int, int, list[str]]
OPENING = frozenset({"{", ATOM_OPEN})
BRACES = OPENING | {"}"}
#: The canonical form of a label that draws nothing.
NOTHING_DRAWN = [ATOM_OPEN, "}"]
SWITCHES = frozenset(token for token, action in ACTIONS.items() if action == SWITCH)
INFIXES = frozenset(token for token, action in ACTIONS.items() if action == INFIX)


def closing(tokens: list[str], opening: int) -> int:
    """The token that closes the brace at `opening`."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index] in OPENING) - (tokens[index] == "}")
        if depth == 0:
            return index
    return len(tokens)


def after_operator(tokens: list[str], index: int) -> bool:
    """Whether there is an operator before token `index`, perhaps with scripts."""
    before = index - 1
    while before > 0 and tokens[before] == "}":
        depth = 0
        while before >= 0:
            depth += (tokens[before] == "}") - (tokens[before] in OPENING)
            if depth == 0:
                break
            before -= 1
        if tokens[before - 1 : before] not in (["_"], ["^"]):
            return tokens[before - 1 : before] in (["\\operatorname"], ["\\operatorname*"])
        before -= 2
    return before >= 0 and ACTIONS.get(tokens[before]) == OPERATOR
