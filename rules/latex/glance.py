"""Reads the common label fast: symbols, groups, scripts, fractions, roots, accents, `\\left…\\right`. Not the rest.

`read` gives exactly what `rules.latex.reader.read` gives, or None, and then that one has to read the label; a test
compares the two on every label it can get. It knows nothing of errors: whatever LaTeX might reject, and whatever is
rare, is None. Most labels of most data sets are read here, in a fifth of the time.
"""

from __future__ import annotations

import re
from functools import lru_cache

from rules.latex.actions import (
    ACTIONS,
    CLOSE,
    COMMAND,
    DISPLAY_LIMITS,
    LEFT,
    OPEN,
    OPERATOR,
    ORD,
    PRIME,
    REF,
    RELATION,
    RIGHT,
    ROW,
    SPACE,
    SUB,
    SUP,
    SWITCH,
)
from rules.latex.arguments import INFIX_INSIDE, KEEPS_DISPLAY
from rules.latex.bare_arguments import bare_script_allowed
from rules.latex.commands import COMMANDS, DELIMITERS
from rules.latex.cursor import ATOM_OPEN, Reading
from rules.latex.reader import CONTROL, FOREIGN, LIMIT_BRACES, SPACED_KINDS
from rules.latex.synonyms import SYNONYMS

#: Groups inside one another that are read here.
_MAX_DEPTH = 40

_LIMITS, _SYNONYM, _END, _BRACKET, _SIZE, _OVER = range(100, 106)


class _NotPlain(Exception):
    """The label needs the full reader."""


#: Around a whole label they are delimiters, and the full reader takes them off.
_WRAPPERS = ("\\[", "\\]", "\\(", "\\)")


def _kinds() -> dict[str, int]:
    """What each plain token is; a character that isn't here is an ordinary symbol, a command is not plain."""
    same = (ORD, RELATION, OPEN, CLOSE, SUB, SUP, PRIME, OPERATOR, LEFT, RIGHT, SPACE, SWITCH)
    kinds = {token: action for token, action in ACTIONS.items() if action in same}
    for token, action in ACTIONS.items():
        command = COMMANDS.get(token[1:])
        if command is None or token[0] != "\\":
            continue
        if action == SPACE and command.args:
            del kinds[token]
        elif action == COMMAND and token in _SIGNATURES:
            kinds[token] = COMMAND
        elif action == COMMAND and command.args == "d" and command.kind == "size":
            kinds[token] = _SIZE
    for token in SYNONYMS:
        if kinds.get(token) in (ORD, RELATION):
            kinds[token] = _SYNONYM
    for token in (*FOREIGN, *CONTROL, *_WRAPPERS, "\\sb", "\\sp", "\\\r", "\\\n", "\\\t", "%"):
        kinds.pop(token, None)
    kinds["\\\\"] = ROW
    kinds["\\label"] = kinds["\\nonumber"] = kinds["\\notag"] = REF
    kinds["\\limits"] = _LIMITS
    kinds["\\over"] = _OVER
    kinds[""] = _END
    return kinds


#: Commands whose arguments are all math, by how many they take; an option in brackets may stand before them.
_SIGNATURES: dict[str, int] = {
    f"\\{command.name}": command.args.count("m")
    for command in COMMANDS.values()
    if command.args in ("m", "mm", "om")
    and command.mode != "text"
    and ACTIONS.get(f"\\{command.name}") == COMMAND
    and command.name
    not in ("buildrel", "root", "substack", "shortstack", "displaylines", "ooalign", "eqalign", "tfrac")
} | {"\\operatorname": 1}
_KINDS = _kinds()
_SYNONYM_KINDS = {token: ACTIONS[token] for token, kind in _KINDS.items() if kind == _SYNONYM}
_WITH_OPTION = frozenset(token for token in _SIGNATURES if COMMANDS[token[1:]].args == "om")
_SPACED = frozenset(token for token in _SIGNATURES if COMMANDS[token[1:]].kind in SPACED_KINDS)
_TAKES_LIMITS = frozenset(
    token for token in _SIGNATURES if COMMANDS[token[1:]].kind in ("op", "func") or token in LIMIT_BRACES
)
_BARE_SCRIPTS = frozenset(
    token
    for token, kind in _KINDS.items()
    if kind in (ORD, RELATION, _SYNONYM) and bare_script_allowed(token) and token != "\\not"
)
_SCRIPT_KINDS = frozenset({SUB, SUP})
_CLOSERS = frozenset({CLOSE, RIGHT, _END})
_STYLES = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "style")
_SCRIPTS = frozenset({"_", "^", "'", "\\sb", "\\sp"})
_NO_SYMBOLS = CONTROL | {"%", " ", "\t", "\r", "\n"} | {token for token in ACTIONS if len(token) == 1} - _KINDS.keys()


class _Classes(dict[str, str]):
    """One character for each token that may stand in a label spelled canonically; `?` for any other."""

    def __missing__(self, token: str) -> str:
        if len(token) != 1 or token in _KINDS or token in _NO_SYMBOLS:
            return "?"
        self[token] = "o"
        return "o"


def _classes() -> _Classes:
    by_kind = {OPEN: "{", CLOSE: "}", SUB: "_", SUP: "^", OPERATOR: "o", SPACE: "t", LEFT: "l", RIGHT: "r", _SIZE: "z"}
    classes = _Classes()
    for token, kind in _KINDS.items():
        if token in SYNONYMS or not token:
            continue
        if kind in (ORD, RELATION):
            classes[token] = "d" if token in DELIMITERS else "o"
        elif kind == COMMAND and token not in ("\\dfrac", "\\operatorname"):
            classes[token] = "s" if token == "\\sqrt" else str(_SIGNATURES[token])
        elif kind in by_kind:
            classes[token] = by_kind[kind]
    for token in ("\\dots", "\\dag", "\\ddag"):  # what stands around them decides what they are spelled
        del classes[token]
    classes.update({"[": "b", "]": "e"})
    return classes


_CLASSES = _classes()
# Of a skeleton: an atom is a symbol, a sized delimiter, or a command with its groups; groups were folded to `g`.
_ATOMS = r"(?:(?:[odbe]++|2gg|[1s]g|sb[od]*+eg|z[dbe])(?:_g)?+(?:\^g)?+|t++)*+"
_LIST = re.compile(_ATOMS)
_INNERMOST = re.compile(rf"\{{{_ATOMS}\}}|l[dbe]{_ATOMS}r[dbe]")


def canonical_tokens(label: str) -> list[str] | None:
    """The tokens of a label that is in canonical spelling already, or None where that can't be seen at a glance.

    Each token becomes one character that says its kind; what is left to do is then a few regular expressions, and
    many labels share a skeleton, so that most of that work is done once.
    """
    toks = label.split(" ")
    return toks if _is_canonical("".join(map(_CLASSES.__getitem__, toks))) else None


@lru_cache(maxsize=1 << 16)
def _is_canonical(skeleton: str) -> bool:
    """Is a label with this skeleton one that LaTeX takes and `rules.latex.reader.read` would spell the same?"""
    if "?" in skeleton or skeleton[-1] == "t":
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


def read(toks: list[str]) -> Reading | None:
    """What `rules.latex.reader.read` gives for the tokens of a plain label; None for any other label."""
    out: list[str] = []
    folds: list[tuple[int, int, str]] = []
    toks.append("")  # an end to stop at, instead of asking at every token
    try:
        _read_list(toks, 0, _END, True, out, folds, 0)
    except _NotPlain:
        return None
    finally:
        toks.pop()
    while out and (ACTIONS.get(out[-1]) == SPACE or out[-1] == "\\\\"):
        out.pop()
    return Reading([], out, folds)


def _read_bare(token: str, i: int, folds: list[tuple[int, int, str]]) -> str:
    """The canonical spelling of token `i`, which is an argument without braces."""
    if token in _BARE_SCRIPTS:
        folds.append((i, i + 1, f"{{{token}}}"))  # as in rules.latex.arguments
        return SYNONYMS.get(token, token)
    if token in _KINDS or len(token) != 1 or token in _NO_SYMBOLS:
        raise _NotPlain
    return token


def _read_list(
    toks: list[str], i: int, closer: int, display: bool, out: list[str], folds: list[tuple[int, int, str]], depth: int
) -> tuple[int, bool, int]:
    """Read atoms up to the closer and write them to `out`.

    Returns the closer's place, whether the list is one ordinary symbol, and the place of its `\\over`, or -1.
    """
    kinds = _KINDS
    append = out.append
    atoms = 0
    plain = True  # as in rules.latex.reader
    base = operator = False
    sub = sup = -1  # where in `out` the scripts of the last atom start
    begin = len(out)
    over = numerator = -1
    if depth > _MAX_DEPTH:
        raise _NotPlain
    while True:
        token = toks[i]
        kind = kinds.get(token, -1)
        if kind <= RELATION:
            if kind:
                if kind < 0:
                    if len(token) != 1 or token in _NO_SYMBOLS:
                        raise _NotPlain
                else:
                    if closer == _BRACKET and token == "]":
                        break
                    plain = False
            append(token)
            i += 1
            atoms += 1
            base, operator = True, False
            sub = sup = -1
        elif kind in _SCRIPT_KINDS:
            if not base or (sub if kind == SUB else sup) >= 0:
                raise _NotPlain
            late: list[str] = []
            if kind == SUP:
                sup = len(out)
            else:
                sub = len(out)
                if sup >= 0:  # the superscript was written first: it goes behind
                    late = out[sup:]
                    del out[sup:]
                    sub, sup = sup, 0
            append(token)
            append("{")
            i += 1
            argument = toks[i]
            if argument == "{":
                i = _read_list(toks, i + 1, CLOSE, False, out, folds, depth + 1)[0] + 1
            else:
                append(_read_bare(argument, i, folds))
                i += 1
            append("}")
            if late:
                out += late
            plain = False
        elif kind == OPEN:
            mark = len(out)
            append(ATOM_OPEN)
            after, simple, infix = _read_list(toks, i + 1, CLOSE, display, out, folds, depth + 1)
            after += 1
            inner = len(out) - mark - 1
            scripted = toks[after] in _SCRIPTS
            if not inner and base and atoms and not scripted:
                folds.append((i, after, ""))
                out.pop()
            elif simple and not (scripted and inner > 1):
                if infix < 0:
                    folds.append((i, i + 1, " "))
                    folds.append((after - 1, after, " "))
                else:
                    folds.append((i, i + 1, "\\frac{"))
                    folds.append((infix, infix + 1, "}{"))
                del out[mark]
            else:
                append("}")
                plain = False
            i = after
            atoms += 1
            base, operator = True, False
            sub = sup = -1
        elif kind == COMMAND:
            start = i
            i += 1
            if token == "\\operatorname" and toks[i] == "*":
                append("\\operatorname*")
                i += 1
            else:
                append(SYNONYMS.get(token, token))
            inside = display if token in KEEPS_DISPLAY else token in _DISPLAY_FRACTIONS
            if token == "\\dfrac" and display:
                folds.append((start, i, "\\frac"))
            if toks[i] == "[" and token in _WITH_OPTION:
                append("[")
                i = _read_list(toks, i + 1, _BRACKET, inside, out, folds, depth + 1)[0] + 1
                append("]")
            for _ in range(_SIGNATURES[token]):
                append("{")
                argument = toks[i]
                if argument == "{":
                    i, _, infix = _read_list(toks, i + 1, CLOSE, inside, out, folds, depth + 1)
                    i += 1
                    if infix >= 0 and token in INFIX_INSIDE:
                        raise _NotPlain
                else:
                    append(_read_bare(argument, i, folds))
                    i += 1
                append("}")
            atoms += 1
            base, operator = True, token in _TAKES_LIMITS
            sub = sup = -1
            if token in _SPACED:
                plain = False
        elif kind in _CLOSERS:
            if kind != closer:
                raise _NotPlain
            break
        elif kind == _SYNONYM:
            if closer == _BRACKET and token == "\\rbrack":
                raise _NotPlain
            append(SYNONYMS[token])
            i += 1
            atoms += 1
            base, operator = True, False
            sub = sup = -1
            if _SYNONYM_KINDS[token]:
                plain = False
        elif kind == OPERATOR:
            append(SYNONYMS.get(token, token))
            i += 1
            atoms += 1
            plain = False
            base = operator = True
            sub = sup = -1
        elif kind == SPACE:
            append(SYNONYMS.get(token, token))
            i += 1
            plain = base = operator = False
            sub = sup = -1
        elif kind == SWITCH:
            if token == "\\displaystyle" and display and not out and over < 0 and closer == _END:
                folds.append((i, i + 1, ""))
            else:
                append(token)
                plain = False
                sub = sup = -1
                if token in _STYLES:
                    display = token == "\\displaystyle"
                    base = operator = False
            i += 1
        elif kind == _SIZE:
            if toks[i + 1] not in DELIMITERS:
                raise _NotPlain
            append(token)
            append(SYNONYMS.get(toks[i + 1], toks[i + 1]))
            i += 2
            atoms += 1
            base, operator = True, False
            sub = sup = -1
        elif kind == ROW:
            if closer != _END or toks[i + 1] in ("*", "["):
                raise _NotPlain
            folds.append((i, i + 1, "\\newlinemark "))
            append(token)
            i += 1
            plain = base = operator = False
            sub = sup = -1
        elif kind == _OVER:
            if over >= 0:
                raise _NotPlain
            over, numerator = i, len(out)
            i += 1
            atoms = 0
            plain = base = operator = False
            sub = sup = -1
        elif kind == REF:
            after = i + 1
            if token == "\\label":
                if toks[after] != "{" or "}" not in toks[after:] or toks.count(token) > 1:
                    raise _NotPlain
                after = toks.index("}", after) + 1
                if "{" in toks[i + 2 : after]:
                    raise _NotPlain
            folds.append((i, after, " "))
            i = after
        elif kind == LEFT:
            if toks[i + 1] not in DELIMITERS:
                raise _NotPlain
            append(token)
            append(SYNONYMS.get(toks[i + 1], toks[i + 1]))
            i = _read_list(toks, i + 2, RIGHT, display, out, folds, depth + 1)[0] + 1
            if toks[i] not in DELIMITERS:
                raise _NotPlain
            append("\\right")
            append(SYNONYMS.get(toks[i], toks[i]))
            i += 1
            atoms += 1
            plain = False
            base, operator = True, False
            sub = sup = -1
        elif kind == _LIMITS:
            if not operator:
                raise _NotPlain
            if display and toks[i - 1] in DISPLAY_LIMITS:
                folds.append((i, i + 1, ""))
            else:
                append(token)
            i += 1
        else:  # a prime: one alone is a superscript, a run of them looks at the spaces between
            if not base or sup >= 0 or toks[i + 1] in ("'", "^"):
                raise _NotPlain
            sup = len(out)
            append("^")
            append("{")
            append("\\prime")
            append("}")
            i += 1
            plain = False
    if over >= 0:
        below = out[numerator:]
        if any(kinds.get(item) == SWITCH for item in out[begin:numerator]):
            raise _NotPlain
        out[numerator:] = ["}", "{", *below, "}"]
        out[begin:begin] = ["\\frac", "{"]
        return i, True, over
    return i, atoms == 1 and plain, -1


_DISPLAY_FRACTIONS = frozenset({"\\dfrac", "\\cfrac"})
