"""Steps to the canonical form: font switches, infix fractions, dots, daggers, named functions."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rules.latex.actions import ACTIONS, DISPLAY_LIMITS, OPERATOR, SWITCH
from rules.latex.canonical_tokens import NOTHING_DRAWN, OPENING, SWITCHES, Edit, after_operator, closing
from rules.latex.commands import COMMANDS
from rules.latex.cursor import ATOM_OPEN
from rules.latex.gaps import is_twice_accented
from rules.latex.reader import DOTS_LOW, DOTS_SPACED, without_trailing_space

FONTS = {
    "\\rm": "\\mathrm",
    "\\bf": "\\mathbf",
    "\\it": "\\mathit",
    "\\sf": "\\mathsf",
    "\\tt": "\\mathtt",
    "\\cal": "\\mathcal",
}
DAGGERS = {"\\dag": "\\dagger", "\\ddag": "\\ddagger"}
FRACTIONS = {"\\over": "\\frac", "\\choose": "\\binom"}
# Functions by name, and whether they set limits above and below as `\operatorname*` does.
_NAMED = {
    name: f"\\{name}" in DISPLAY_LIMITS
    for name, command in COMMANDS.items()
    if command.latex and name.isalpha() and ACTIONS[f"\\{name}"] == OPERATOR and command.kind in ("op", "func")
}
_DOTS_BEFORE = frozenset({"bin", "rel", "op"})


def fonts(tokens: list[str]) -> Iterator[Edit]:
    r"""`{\rm e}` is `\mathrm{e}`, `x_{\rm e}` is `x_{\mathrm{e}}`, if the switch is first and there is no other.

    A switch before another one, or at the end of a group, is left out.
    """
    switched = _is_switched(tokens)
    for index, token in enumerate(tokens):
        if token not in FONTS:
            continue
        following = tokens[index + 1 : index + 2]
        if not following:
            end = without_trailing_space(tokens[:index])
            yield end, len(tokens), [] if end else NOTHING_DRAWN
            continue
        if following[0] in FONTS or following[0] in ("}", "\\right"):  # in a cell, it may be all there is of a row
            yield index, index + 1, []
            continue
        opening = index - 1
        if index and not _begins_list(tokens, index):
            continue
        if opening > 2 and is_twice_accented([tokens[opening - 3], "{", tokens[opening - 1], "{"]):
            continue  # amsmath looks into the inner one of two accents for the slant of the letter
        end = _list_end(tokens, index + 1)
        inner = tokens[index + 1 : end]
        if not inner or any(ACTIONS.get(item) == SWITCH for item in inner):
            continue
        command = [FONTS[token], "{", *inner, "}"]
        if not index or tokens[opening] != ATOM_OPEN:
            yield index, end, command
        elif switched or not after_operator(tokens, opening):  # braces remove the space after an operator
            yield opening, end + 1, command


def _begins_list(tokens: list[str], index: int) -> bool:
    """Whether a list of atoms begins at this token: a group, a cell, what is between delimiters."""
    before = tokens[index - 1]
    if before == "}":
        opening = next((at for at in range(index - 2, 0, -1) if tokens[at] in OPENING), 1)
        return tokens[opening - 1] == "\\begin{array}"
    begins = before in OPENING or before == "&" or before.startswith(("\\\\", "\\begin{"))
    return begins or tokens[index - 2 : index - 1] == ["\\left"]


def _is_switched(tokens: list[str]) -> bool:
    """Whether there is a switch that doesn't begin a group."""
    return any(token in SWITCHES and tokens[at - 1] not in OPENING for at, token in enumerate(tokens))


def fractions(tokens: list[str]) -> Iterator[Edit]:
    r"""`a \over b` is `\frac{a}{b}` if no switch acts on both sides of the bar: once fonts are commands, few do."""
    for index, token in enumerate(tokens):
        command = FRACTIONS.get(token)
        if command is None:
            continue
        start, end = _list_around(tokens, index)
        above, below = tokens[start:index], tokens[index + 1 : end]
        if any(item in SWITCHES for item in above) or any(item in FRACTIONS for item in (*above, *below)):
            continue
        whole = [command, "{", *above, "}", "{", *below, "}"]
        if tokens[start - 1 : start] == [ATOM_OPEN]:
            yield start - 1, end + 1, whole
        else:
            yield start, end, whole


def _list_around(tokens: list[str], index: int) -> tuple[int, int]:
    """The first token, and the one after the last, of the list of atoms around token `index`."""
    start, depth = index, 0
    while start > 0:
        token = tokens[start - 1]
        opens = token in OPENING or token.startswith("\\begin{") or tokens[start - 2 : start - 1] == ["\\left"]
        if depth == 0 and (opens or (token == "&" or token.startswith("\\\\"))):
            break
        depth += (token == "}" or token.startswith("\\end{") or token == "\\right") - opens
        start -= 1
    if tokens[start - 1 : start + 1] == ["\\begin{array}", "{"]:
        start = closing(tokens, start) + 1
    return start, _list_end(tokens, index + 1)


def _list_end(tokens: list[str], start: int) -> int:
    """The token after the last of the list of atoms in which token `start` is."""
    depth = 0
    for end in range(start, len(tokens)):
        token = tokens[end]
        closes = token == "}" or token.startswith("\\end{") or token == "\\right"
        if depth == 0 and (closes or (token == "&" or token.startswith("\\\\"))):
            return end
        depth += (token in OPENING or token.startswith("\\begin{") or token == "\\left") - closes
    return len(tokens)


def dots(tokens: list[str]) -> Iterator[Edit]:
    r"""amsmath's `\dots` is `\cdots` before an operator or a relation, else `\ldots`."""
    for index, token in enumerate(tokens):
        if token == "\\dots":
            following = tokens[index + 1] if index + 1 < len(tokens) else ""
            if following in DOTS_SPACED:
                continue  # amsmath adds a thin space between them
            yield index, index + 1, ["\\cdots" if dots_are_centred(following) else "\\ldots"]


def dots_are_centred(following: str) -> bool:
    r"""Whether amsmath's `\dots` is `\cdots` before this token; it is `\ldots` otherwise."""
    command = COMMANDS.get(following[1:])
    return following in ("+", "-", "=", "<", ">", "*", ":") or (
        following not in DOTS_LOW and following[:1] == "\\" and command is not None and command.kind in _DOTS_BEFORE
    )


def daggers(tokens: list[str]) -> Iterator[Edit]:
    r"""LaTeX's `\dag` is `{\dagger}` in math."""
    for index, token in enumerate(tokens):
        if token in DAGGERS:
            alone = tokens[index - 1 : index] == ["{"] and tokens[index + 1 : index + 2] == ["}"]
            symbol = DAGGERS[token]
            yield index, index + 1, [symbol] if alone else [ATOM_OPEN, symbol, "}"]


def negated(tokens: list[str]) -> Iterator[Edit]:
    r"""`\not =` is `\neq`. Other signs have the slash elsewhere than `\not` puts it."""
    for index, (token, following) in enumerate(pairwise(tokens)):
        if token == "\\not" and following == "=":
            yield index, index + 2, ["\\neq"]


def named(tokens: list[str]) -> Iterator[Edit]:
    r"""`\operatorname{sin}` is `\sin`, `\operatorname*{lim}` is `\lim`."""
    for index, token in enumerate(tokens):
        if token in ("\\operatorname", "\\operatorname*"):
            end = closing(tokens, index + 1)
            name = "".join(tokens[index + 2 : end])
            placed = tokens[end + 1 : end + 2] in (["_"], ["^"], ["\\limits"], ["\\nolimits"])
            if name in _NAMED and (not placed or _NAMED[name] == (token[-1] == "*")):
                yield index, end + 1, [f"\\{name}"]
