r"""Labels in other spellings, which a careless reader would call the same. Doesn't run LaTeX: `truth.py` does.

Each way of respelling changes one random place in a label: an `array` becomes a `matrix`, braces are added or removed,
`\notin` is written as `\not` and `\in`. Most such pairs have two keys; those with the same key must be drawn alike.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Iterable, Iterator, Sequence

from rules.latex import lexer
from rules.latex.commands import COMMANDS
from rules.latex.synonyms import FUNCTIONS, SYNONYMS

Tokens = list[str]
Way = Callable[[Tokens, int], Tokens | None]

_SPACES = ("~", "\\ ", r"\space", r"\,", r"\:", r"\;", r"\!", r"\quad", "{}", r"\relax")
_DOTS = (r"\dots", r"\ldots", r"\cdots")
_FRACTIONS = (r"\frac", r"\dfrac", r"\tfrac", r"\cfrac")
_BOXES = (r"\text", r"\mbox", r"\hbox", r"\textrm", r"\textnormal", r"\mathrm")
_FONTS = {r"\rm": r"\mathrm", r"\bf": r"\mathbf", r"\it": r"\mathit", r"\cal": r"\mathcal"}
_NEGATED = {
    r"\notin": r"\in",
    r"\neq": "=",
    r"\ne": "=",
    r"\nmid": r"\mid",
    r"\nless": "<",
    r"\ngtr": ">",
    **{f"\\n{name}": f"\\{name}" for name in ("leq", "geq", "sim", "cong", "parallel", "subseteq", "exists")},
}
_SPELLED: dict[str, list[str]] = {}
for _one, _other in SYNONYMS.items():
    _SPELLED.setdefault(_one, []).append(_other)
    _SPELLED.setdefault(_other, []).append(_one)
_ACCENTS = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "accent")
_OPENS = {"(": ")", "[": "]", "|": "|", r"\{": r"\}"}


def _end(tokens: Sequence[str], start: int) -> int | None:
    """The brace that closes the one at `start`."""
    depth = 0
    for at in range(start, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        if depth == 0:
            return at
    return None


def _instead(choices: Sequence[str], step: int = 1) -> Way:
    """One of these commands is replaced by another."""

    def way(tokens: Tokens, at: int) -> Tokens | None:
        if tokens[at] not in choices:
            return None
        other = choices[(choices.index(tokens[at]) + step) % len(choices)]
        return [*tokens[:at], other, *tokens[at + 1 :]]

    return way


def _added(*piece: str) -> Way:
    """Tokens that draw nothing are inserted."""
    return lambda tokens, at: [*tokens[:at], *piece, *tokens[at:]]


def _synonym(tokens: Tokens, at: int) -> Tokens | None:
    others = _SPELLED.get(tokens[at])
    return others and [*tokens[:at], others[at % len(others)], *tokens[at + 1 :]]


def _array(tokens: Tokens, at: int) -> Tokens | None:
    """`array` becomes `matrix`, and vice versa; the first of that name ends where the last one does."""
    for one, other in (("array", "matrix"), ("matrix", "array")):
        if tokens[at] == r"\begin" and "".join(tokens[at + 1 : at + len(one) + 3]) == f"{{{one}}}":
            start, depth = at + len(one) + 3, 0
            if one == "array":
                close = _end(tokens, start) if tokens[start : start + 1] == ["{"] else None
                if close is None:
                    return None
                start = close + 1
            for end in range(start, len(tokens)):
                if tokens[end] == r"\begin":
                    depth += 1
                elif tokens[end] == r"\end" and depth == 0:
                    columns = "{" + "c" * (1 + tokens[start:end].count("&")) + "}" if other == "array" else ""
                    begin = lexer.tokens(f"\\begin{{{other}}}{columns}")
                    rest = tokens[end + len(one) + 3 :]
                    return [*tokens[:at], *begin, *tokens[start:end], *lexer.tokens(f"\\end{{{other}}}"), *rest]
                elif tokens[end] == r"\end":
                    depth -= 1
    return None


def _negation(tokens: Tokens, at: int) -> Tokens | None:
    inner = _NEGATED.get(tokens[at])
    return inner and [*tokens[:at], r"\not", inner, *tokens[at + 1 :]]


def _braced(tokens: Tokens, at: int) -> Tokens | None:
    """Braces around a symbol and its scripts, or around a pair of delimiters."""
    token = tokens[at]
    end = at + 1
    if token in _OPENS and _OPENS[token] in tokens[at + 1 :]:
        end = tokens.index(_OPENS[token], at + 1) + 1
    command = COMMANDS.get(token[1:])
    if token in "{}^_&'" or (command is not None and command.args) or tokens[at - 1 : at] in (["^"], ["_"]):
        return None
    while end + 1 < len(tokens) and tokens[end] in "^_" and tokens[end + 1] == "{":
        close = _end(tokens, end + 1)
        if close is None:
            return None
        end = close + 1
    return [*tokens[:at], "{", *tokens[at:end], "}", *tokens[end:]]


def _unbraced(tokens: Tokens, at: int) -> Tokens | None:
    end = _end(tokens, at) if tokens[at] == "{" else None
    return None if end is None else [*tokens[:at], *tokens[at + 1 : end], *tokens[end + 1 :]]


def _font(tokens: Tokens, at: int) -> Tokens | None:
    r"""`\mathrm { x }` becomes `{ \rm x }`, and vice versa."""
    for switch, command in _FONTS.items():
        if tokens[at] == command and tokens[at + 1 : at + 2] == ["{"]:
            return [*tokens[:at], "{", switch, *tokens[at + 2 :]]
        if tokens[at : at + 2] == ["{", switch]:
            return [*tokens[:at], command, "{", *tokens[at + 2 :]]
    return None


def _over(tokens: Tokens, at: int) -> Tokens | None:
    if tokens[at] != r"\frac" or tokens[at + 1 : at + 2] != ["{"]:
        return None
    middle = _end(tokens, at + 1)
    end = None if middle is None or tokens[middle + 1 : middle + 2] != ["{"] else _end(tokens, middle + 1)
    if middle is None or end is None:
        return None
    return [*tokens[:at], "{", *tokens[at + 2 : middle], r"\over", *tokens[middle + 2 : end], "}", *tokens[end + 1 :]]


def _limits(tokens: Tokens, at: int) -> Tokens | None:
    if tokens[at] in (r"\limits", r"\nolimits"):
        return [*tokens[:at], *tokens[at + 1 :]]
    command = COMMANDS.get(tokens[at][1:])
    if command is None or not command.limits:
        return None
    return [*tokens[: at + 1], (r"\limits", r"\nolimits")[at % 2], *tokens[at + 1 :]]


def _function(tokens: Tokens, at: int) -> Tokens | None:
    if tokens[at][1:] not in FUNCTIONS:
        return None
    star = ["*"] * (at % 2)
    return [*tokens[:at], r"\operatorname", *star, "{", *tokens[at][1:], "}", *tokens[at + 1 :]]


def _cell(tokens: Tokens, at: int) -> Tokens | None:
    """A symbol becomes the only cell of a matrix."""
    if not tokens[at].isalnum() or tokens[at - 1 : at] in (["^"], ["_"]):
        return None
    name = ("matrix", "array", "smallmatrix", "aligned")[at % 4]
    begin = lexer.tokens(f"\\begin{{{name}}}" + "{c}" * (name == "array"))
    return [*tokens[:at], *begin, tokens[at], *lexer.tokens(f"\\end{{{name}}}"), *tokens[at + 1 :]]


def _accented(tokens: Tokens, at: int) -> Tokens | None:
    """Braces around an accent and its letter."""
    end = _end(tokens, at + 1) if tokens[at] in _ACCENTS and tokens[at + 1 : at + 2] == ["{"] else None
    return None if end is None else [*tokens[:at], "{", *tokens[at : end + 1], "}", *tokens[end + 1 :]]


def _stacked(tokens: Tokens, at: int) -> Tokens | None:
    return _instead((r"\overset", r"\stackrel"))(tokens, at)


#: The ways of respelling, by their names in the table of `truth.py`.
WAYS: dict[str, Way] = {
    "array or matrix": _array,
    r"\not": _negation,
    "braces put in": _braced,
    "braces taken away": _unbraced,
    "a box or text": _instead(_BOXES),
    "another box or text": _instead(_BOXES, 2),
    "dots": _instead(_DOTS),
    "other dots": _instead(_DOTS, 2),
    "the size of a fraction": _instead(_FRACTIONS),
    "another size of a fraction": _instead(_FRACTIONS, 2),
    r"\over": _over,
    "a space": _instead(_SPACES),
    "another space": _instead(_SPACES, 2),
    "an empty group put in": _added("{", "}"),
    "a tie put in": _added("~"),
    r"\relax put in": _added(r"\relax"),
    r"\displaystyle put in": _added(r"\displaystyle"),
    r"\textstyle put in": _added(r"\textstyle"),
    "limits": _limits,
    "a function's name": _function,
    "a font": _font,
    "a synonym": _synonym,
    "one cell": _cell,
    "a stack": _stacked,
    "braces around an accent": _accented,
}


def respelled(labels: Iterable[str], seed: int = 1) -> Iterator[tuple[str, str, str]]:
    """(way, label, the label respelled that way at a random place) for each way that has a place in the label."""
    for label in labels:
        tokens = lexer.tokens(label)
        order = list(range(len(tokens)))
        random.Random(f"{seed} {label}").shuffle(order)
        for name, way in WAYS.items():
            changed = next((new for at in order if (new := way(tokens, at))), None)
            if changed is not None and changed != tokens:
                yield name, _joined(tokens), _joined(changed)


def _joined(tokens: Sequence[str]) -> str:
    """The tokens with as few spaces as possible, because names of environments contain none."""
    return re.sub(
        r"(\\[A-Za-z]+) (?![A-Za-z])", r"\1", "".join(f"{token} " if _WORD.match(token) else token for token in tokens)
    )


_WORD = re.compile(r"\\[A-Za-z]")
