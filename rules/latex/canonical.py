r"""Turns the reader's canonical tokens into the one spelling of what they draw. The visual key proves each step.

The reader orders and braces scripts, spells synonyms one way, and turns `\over` into `\frac`. The rest are spellings
that draw the same only in some contexts, so that a table can't decide: font switches (`{\rm e}`), `\dots`, named
functions in letters (`\operatorname{sin}`), `\left(` around a `matrix`, and braces. All of that is done at once. If the
key then differs, one place after another is tried, and places that change the key stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import pairwise

from rules.latex.actions import ACTIONS, COMMAND, DISPLAY_LIMITS, INFIX, OPERATOR, ORD, RELATION, SPACE, SWITCH, UNKNOWN
from rules.latex.arguments import INFIX_INSIDE
from rules.latex.commands import COMMANDS
from rules.latex.cursor import ATOM_OPEN
from rules.latex.gaps import class_before, class_of, head_of_last, is_twice_accented
from rules.latex.reader import DOTS_SPACED, SPACED_KINDS, without_trailing_space

#: (first token, last token exclusive, the replacement).
_Edit = tuple[int, int, list[str]]
_Step = Callable[[list[str]], Iterator[_Edit]]
#: Whether tokens draw the same as the label.
Same = Callable[[list[str]], bool]

#: After this many failed places of one step, the rest is left alone: each costs a conversion.
_MAX_FAILURES = 24
#: The most tokens to convert for one step while its places are tried.
_MAX_CONVERTED = 100_000

_OPENING = frozenset({"{", ATOM_OPEN})
_BRACES = _OPENING | {"}"}
#: The canonical form of a label that draws nothing.
_NOTHING = [ATOM_OPEN, "}"]
_FONTS = {
    "\\rm": "\\mathrm",
    "\\bf": "\\mathbf",
    "\\it": "\\mathit",
    "\\sf": "\\mathsf",
    "\\tt": "\\mathtt",
    "\\cal": "\\mathcal",
}
_DAGGERS = {"\\dag": "\\dagger", "\\ddag": "\\ddagger"}
_DAGGER = [["\\dagger"], ["\\ddagger"]]
_INFIX = {"\\over": "\\frac", "\\choose": "\\binom"}
# Functions by name, and whether they set limits above and below as `\operatorname*` does.
_NAMED = {
    name: f"\\{name}" in DISPLAY_LIMITS
    for name, command in COMMANDS.items()
    if command.latex and name.isalpha() and ACTIONS[f"\\{name}"] == OPERATOR and command.kind in ("op", "func")
}
_OPENERS = frozenset(["(", "[", "\\{", "\\lbrace", "\\lbrack", "\\langle", "\\lceil", "\\lfloor", "\\left"])
#: What has gaps around it, or, like `\\textstyle`, makes some.
_SPACED = frozenset(f"\\{c.name}" for c in COMMANDS.values() if c.kind in SPACED_KINDS | {"style"}) | {"\\left"}
_DOTS_BEFORE = frozenset({"bin", "rel", "op"})
_AROUND: dict[tuple[str, ...], str] = {
    ("(", ")"): "pmatrix",
    ("[", "]"): "bmatrix",
    ("\\{", "\\}"): "Bmatrix",
    ("|", "|"): "vmatrix",
    ("\\|", "\\|"): "Vmatrix",
}


def normal_form(tokens: list[str], same: Same) -> list[str] | None:
    """The one spelling of what the reader's canonical `tokens` draw, or None if not even they draw `same`."""
    tokens = tokens or _NOTHING
    if _TRIGGERS.isdisjoint(tokens):
        return tokens if same(tokens) else None
    normal = _at_once(tokens, same)
    if normal is not None:
        return normal
    if not same(tokens):
        return None
    before: list[str] = []
    while tokens != before:
        before = tokens
        for step in _due(tokens):
            tokens = _one_by_one(tokens, step, same)
    return tokens


def _at_once(tokens: list[str], same: Same) -> list[str] | None:
    """All steps at all places, repeatedly; None if the result doesn't draw the same."""
    before: list[str] = []
    while tokens != before:
        before = tokens
        for step in _due(tokens):
            tokens = _made(tokens, _apart(step(tokens)))
    return tokens if same(tokens) else None


def _made(tokens: list[str], edits: Iterator[_Edit]) -> list[str]:
    """The tokens with edits made; these are in order and don't overlap."""
    out: list[str] = []
    at = 0
    for first, after, instead in edits:
        out += tokens[at:first]
        out += instead
        at = after
    return out + tokens[at:]


def _apart(edits: Iterator[_Edit]) -> Iterator[_Edit]:
    """Edits in order, without those inside an earlier one, which have their turn in the next round."""
    at = 0
    for edit in sorted(edits, key=lambda edit: edit[:2]):
        if edit[0] >= at:
            at = edit[1]
            yield edit


def _one_by_one(tokens: list[str], step: _Step, same: Same) -> list[str]:
    failed = 0
    for _ in range(max(_MAX_FAILURES, _MAX_CONVERTED // len(tokens))):
        if failed == _MAX_FAILURES:
            break
        edits = sorted(step(tokens), key=lambda edit: edit[:2])[failed:]
        if not edits:
            break
        first, after, instead = edits[0]
        changed = [*tokens[:first], *instead, *tokens[after:]]
        if same(changed):
            tokens = changed
        else:
            failed += 1
    return tokens


# Steps ----------------------------------------------------------------------------------------------------------------


def _closing(tokens: list[str], opening: int) -> int:
    """The token that closes the brace at `opening`."""
    depth = 0
    for index in range(opening, len(tokens)):
        depth += (tokens[index] in _OPENING) - (tokens[index] == "}")
        if depth == 0:
            return index
    return len(tokens)


def _fonts(tokens: list[str]) -> Iterator[_Edit]:
    r"""`{\rm e}` is `\mathrm{e}`, `x_{\rm e}` is `x_{\mathrm{e}}`, if the switch is first and there is no other."""
    for index, token in enumerate(tokens):
        if token not in _OPENING or index + 1 >= len(tokens) or tokens[index + 1] not in _FONTS:
            continue
        if index > 2 and is_twice_accented([tokens[index - 3], "{", tokens[index - 1], "{"]):
            continue  # amsmath looks into the inner one of two accents for the slant of the letter
        end = _closing(tokens, index)
        inner = tokens[index + 2 : end]
        if not inner or any(ACTIONS.get(item) == SWITCH for item in inner):
            continue
        if token == ATOM_OPEN and _after_operator(tokens, index) and not _is_switched(tokens):
            continue  # braces remove the space after an operator
        command = [_FONTS[tokens[index + 1]], "{", *inner, "}"]
        yield index, end + 1, command if token == ATOM_OPEN else ["{", *command, "}"]


def _is_switched(tokens: list[str]) -> bool:
    """Whether there is a switch that doesn't begin a group."""
    if _SWITCHES.isdisjoint(tokens):
        return False
    return any(token in _SWITCHES and tokens[at - 1] not in _OPENING for at, token in enumerate(tokens))


def _fractions(tokens: list[str]) -> Iterator[_Edit]:
    r"""`a \over b` is `\frac{a}{b}` if no switch acts below the bar: once fonts are commands, often none does."""
    for index, token in enumerate(tokens):
        command = _INFIX.get(token)
        if command is None:
            continue
        start, end = _list_around(tokens, index)
        above, below = tokens[start:index], tokens[index + 1 : end]
        if any(ACTIONS.get(item) == SWITCH or item in _INFIX for item in (*above, *below)):
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
        opens = token in _OPENING or token.startswith("\\begin{") or tokens[start - 2 : start - 1] == ["\\left"]
        if depth == 0 and (opens or (token == "&" or token.startswith("\\\\"))):
            break
        depth += (token == "}" or token.startswith("\\end{") or token == "\\right") - opens
        start -= 1
    end, depth = index + 1, 0
    while end < len(tokens):
        token = tokens[end]
        closes = token == "}" or token.startswith("\\end{") or token == "\\right"
        if depth == 0 and (closes or (token == "&" or token.startswith("\\\\"))):
            break
        depth += (token in _OPENING or token.startswith("\\begin{") or token == "\\left") - closes
        end += 1
    return start, end


def _dots(tokens: list[str]) -> Iterator[_Edit]:
    r"""amsmath's `\dots` is `\cdots` before an operator or a relation, else `\ldots`."""
    for index, token in enumerate(tokens):
        if token == "\\dots":
            following = tokens[index + 1] if index + 1 < len(tokens) else ""
            if following in DOTS_SPACED:
                continue  # amsmath adds a thin space between them
            command = COMMANDS.get(following[1:])
            centred = following in ("+", "-", "=", "<", ">", "*") or (
                following[:1] == "\\" and command is not None and command.kind in _DOTS_BEFORE
            )
            yield index, index + 1, ["\\cdots" if centred else "\\ldots"]


def _daggers(tokens: list[str]) -> Iterator[_Edit]:
    r"""LaTeX's `\dag` is `{\dagger}` in math."""
    for index, token in enumerate(tokens):
        if token in _DAGGERS:
            alone = tokens[index - 1 : index] == ["{"] and tokens[index + 1 : index + 2] == ["}"]
            symbol = _DAGGERS[token]
            yield index, index + 1, [symbol] if alone else [ATOM_OPEN, symbol, "}"]


def _negated(tokens: list[str]) -> Iterator[_Edit]:
    r"""`\not =` is `\neq`. Other signs have the slash elsewhere than `\not` puts it."""
    for index, (token, following) in enumerate(pairwise(tokens)):
        if token == "\\not" and following == "=":
            yield index, index + 2, ["\\neq"]


def _named(tokens: list[str]) -> Iterator[_Edit]:
    r"""`\operatorname{sin}` is `\sin`, `\operatorname*{lim}` is `\lim`."""
    for index, token in enumerate(tokens):
        if token in ("\\operatorname", "\\operatorname*"):
            end = _closing(tokens, index + 1)
            name = "".join(tokens[index + 2 : end])
            if _NAMED.get(name) == (token[-1] == "*"):
                yield index, end + 1, [f"\\{name}"]


def _arrays(tokens: list[str]) -> Iterator[_Edit]:
    r"""A column specification names no more columns than there are. An `array` stays one: it has space at its sides."""
    for index, token in enumerate(tokens):
        if token != "\\begin{array}" or tokens[index + 1 : index + 2] != ["{"]:
            continue
        spec_end = _closing(tokens, index + 1)
        spec = tokens[index + 2 : spec_end]
        if not spec or set(spec) - {"l", "c", "r"}:
            continue
        end, columns, _ = _extent(tokens, spec_end + 1)
        if end >= len(tokens):
            continue
        body = tokens[spec_end + 1 : end]
        if len(spec) > columns:
            yield index, end + 1, ["\\begin{array}", "{", *spec[:columns], "}", *body, "\\end{array}"]


def arrays_as_matrices(tokens: list[str]) -> list[str]:
    r"""Canonical tokens with `matrix` for each `array` of centred columns, and `pmatrix` if `\left(` is around it.

    LaTeX draws them differently: an `array` has 5 pt of space on both sides.
    """
    for index in range(len(tokens) - 1, -1, -1):  # from the inside out
        if tokens[index] != "\\begin{array}" or tokens[index + 1 : index + 2] != ["{"]:
            continue
        spec_end = _closing(tokens, index + 1)
        end, _, _ = _extent(tokens, spec_end + 1)
        if set(tokens[index + 2 : spec_end]) == {"c"} and end < len(tokens):
            body = tokens[spec_end + 1 : end]
            tokens = [*tokens[:index], "\\begin{matrix}", *body, "\\end{matrix}", *tokens[end + 1 :]]
    for first, after, instead in reversed(list(_delimited(tokens))):
        tokens = [*tokens[:first], *instead, *tokens[after:]]
    return tokens


def _extent(tokens: list[str], start: int) -> tuple[int, int, bool]:
    """Where the environment whose body starts at `start` ends, how many columns it has, and whether it is one cell."""
    depth = 0
    cells = columns = 1
    rows = 1
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token == "}" or (depth == 0 and token.startswith("\\end{")):
            if depth == 0:
                return index, columns, columns == rows == 1
            depth -= 1
        elif token.startswith("\\end{"):
            depth -= 1
        elif token in _OPENING or token.startswith("\\begin{"):
            depth += 1
        elif depth == 0 and token == "&":
            cells += 1
            columns = max(columns, cells)
        elif depth == 0 and token.startswith("\\\\"):
            cells = 1
            rows += 1
    return len(tokens), columns, False


def _delimited(tokens: list[str]) -> Iterator[_Edit]:
    r"""`\left(` around nothing but a matrix is `pmatrix`."""
    for index in range(2, len(tokens)):
        if tokens[index] == "\\begin{matrix}" and tokens[index - 2] == "\\left":
            end, _, _ = _extent(tokens, index + 1)
            name = (
                _AROUND.get((tokens[index - 1], tokens[end + 2])) if tokens[end + 1 : end + 2] == ["\\right"] else None
            )
            if name is not None:
                body = tokens[index + 1 : end]
                yield index - 2, end + 3, [f"\\begin{{{name}}}", *body, f"\\end{{{name}}}"]


def _braces(tokens: list[str]) -> Iterator[_Edit]:
    r"""Braces around an atom, if they hold nothing together: in `\det { ( x ) }` they set the operator apart."""
    switched = False  # math-core may group everything after a switch anyway
    for index, token in enumerate(tokens):
        switched = switched or token in _SWITCHES
        if token == ATOM_OPEN:
            end = _closing(tokens, index)
            inner, scripts = tokens[index + 1 : end], tokens[end + 1 : end + 2] in (["_"], ["^"])
            if inner in _DAGGER and not scripts and _has_no_space(tokens, index, end):
                yield index, end + 1, inner
            if not _INFIXES.isdisjoint(inner) and _is_argument_of_infix(tokens, index, end):
                continue
            if not inner or _is_spaced(inner) or (scripts and is_twice_accented(inner)):
                continue
            apart = inner[0] in _OPENERS or not (switched or inner[0] in _OPENING)
            if apart and _after_operator(tokens, index):
                continue
            if not switched and _is_held(tokens, index, end, scripts):
                continue
            yield index, end + 1, tokens[index + 1 : end]


def _has_no_space(tokens: list[str], first: int, last: int) -> bool:
    """Whether TeX sets no space around a binary operator in place of these tokens, so that it needs no braces."""
    before = tokens[first - 1] if first else "{"
    if before in _OPENING or before == "&" or before.startswith(("\\\\", "\\begin{")):
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


def _trailing(tokens: list[str]) -> Iterator[_Edit]:
    """Space that is last once braces are gone, as in `x {\\,}`. If there is nothing else, `{ }` draws nothing too."""
    if tokens != _NOTHING and all(token in _BRACES or ACTIONS.get(token) == SPACE for token in tokens):
        yield 0, len(tokens), _NOTHING
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
        nucleus = _closing(inner, nucleus + 1) + 1
    if nucleus >= len(inner) and ACTIONS.get(inner[0]) != RELATION:
        return False
    before, after = tokens[opening - 1] if opening else "{", tokens[end + 1] if end + 1 < len(tokens) else "}"
    if before in _DIVIDING or after in _DIVIDING:
        return False
    return after not in ("}", "]") or not (before in _OPENING or before == "[")


_SWITCHES = frozenset(token for token, action in ACTIONS.items() if action == SWITCH)
_INFIXES = frozenset(token for token, action in ACTIONS.items() if action == INFIX)
#: Tokens that make a separate list of what follows.
_DIVIDING = _SWITCHES | _INFIXES


def _behind_nucleus(inner: list[str]) -> int:
    """The token after the first atom of a list, without its scripts; 0 if that isn't known."""
    action = ACTIONS.get(inner[0], ORD if len(inner[0]) == 1 else UNKNOWN)
    if action in (ORD, RELATION, SPACE):
        return 1
    if action != COMMAND or inner[1:2] != ["{"]:
        return 0
    at = 1
    while inner[at : at + 1] == ["{"]:
        at = _closing(inner, at) + 1
    return at


def _is_spaced(inner: list[str]) -> bool:
    """Whether an operator or the like is in a group, but not in a group inside it, so that its braces remove gaps."""
    depth = 0
    for token in inner:
        if depth == 0 and token in _SPACED:
            return True
        depth += (token in _OPENING) - (token == "}")
    return False


def _after_operator(tokens: list[str], index: int) -> bool:
    """Whether there is an operator before token `index`, perhaps with scripts."""
    before = index - 1
    while before > 0 and tokens[before] == "}":
        depth = 0
        while before >= 0:
            depth += (tokens[before] == "}") - (tokens[before] in _OPENING)
            if depth == 0:
                break
            before -= 1
        if tokens[before - 1 : before] not in (["_"], ["^"]):
            return tokens[before - 1 : before] in (["\\operatorname"], ["\\operatorname*"])
        before -= 2
    return before >= 0 and ACTIONS.get(tokens[before]) == OPERATOR


#: The steps in order, each with the tokens that it needs at least one of.
_STEPS: tuple[tuple[_Step, frozenset[str]], ...] = (
    (_fonts, frozenset(_FONTS)),
    (_fractions, frozenset(_INFIX)),
    (_dots, frozenset({"\\dots"})),
    (_daggers, frozenset(_DAGGERS)),
    (_named, frozenset({"\\operatorname", "\\operatorname*"})),
    (_arrays, frozenset({"\\begin{array}"})),
    (_delimited, frozenset({"\\begin{matrix}"})),
    (_negated, frozenset({"\\not"})),
    (_braces, frozenset({ATOM_OPEN})),
    (_trailing, frozenset({ATOM_OPEN})),
)
_TRIGGERS = frozenset().union(*(triggers for _, triggers in _STEPS))


def _due(tokens: list[str]) -> list[_Step]:
    """The steps that have something to look at; what one makes for another is found in the next round."""
    words = frozenset(tokens)
    return [step for step, triggers in _STEPS if not triggers.isdisjoint(words)]
