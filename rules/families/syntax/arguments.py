"""SYN: arguments that are missing, empty, unbraced, braced twice, or invalid lengths. The reader finds most of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex import tex_lengths
from rules.latex.actions import ACTIONS, COMMAND
from rules.latex.commands import COMMANDS
from rules.options import OFF
from rules.registry import EVERY, Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_problem


@rule(
    "SYN004",
    "missing-argument",
    "error",
    has_problem("missing-argument", "unclosed-optional", "unbraced-argument"),
    skips_canonical=True,
    covers=["SYN4"],
)
def missing_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that lacks an argument: `\frac{a}`, `\sqrt` at the end.

    Why: LaTeX can't render the label, or takes the next token as the argument. Often an earlier rewrite lost a part.
    Fires: ``\frac{a}`` -> ``\frac{a}``
    Fires: ``x + \sqrt`` -> ``\sqrt``
    Fires: ``\sqrt[3{x}`` -> ``\sqrt[3{x}`` ``[``
    Fires: ``\bar \mathcal V`` -> ``\bar \mathcal``
    Quiet: ``\frac ab``
    Quiet: ``\sqrt \frac 1 2``
    Fix: None: the argument is lost.
    """
    for problem in label.problems("missing-argument"):
        yield label.on(problem, f"{problem.detail} lacks an argument")
    for problem in label.problems("unclosed-optional"):
        yield label.on(problem, "this optional argument is never closed")
    for problem in label.problems("unbraced-argument"):
        first = label.tokens[problem.start]
        if first in ("\\raise", "\\lower"):
            yield label.on(problem, f"{first} needs a box such as \\hbox after its length, not {problem.detail}")
        else:
            yield label.on(problem, f"{problem.detail} takes arguments itself, so {first} needs braces around it")


@rule("SYN012", "empty-argument", "warning", has(r"\{\s*\}"), covers=["SYN12"])
def empty_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty argument of a command that needs one: `\frac { } { 2 }`, `\sqrt { }`, `\underline { }`.

    Why: A part of the formula is missing, or the command doesn't belong there.
    Fires: ``\frac { } { 2 }`` -> ``{ }``
    Fires: ``x + \sqrt { }`` -> ``{ }``
    Quiet: ``{ } _ a C``
    Quiet: ``\sqrt { 2 }``
    Quiet: ``\mathrm { } x``
    Fix: None: the argument is lost.
    """
    tokens = label.tokens
    for index, token in enumerate(tokens):
        if token in _MUST_DRAW:
            at = index + 1
            for _ in range(_MUST_DRAW[token]):
                if tokens[at : at + 2] == ["{", "}"]:
                    yield label.at(at, at + 2, f"an argument of {token} is empty")
                at = label.partners.get(at, len(tokens)) + 1 if tokens[at : at + 1] == ["{"] else at + 1


_MUST_DRAW = {"\\frac": 2, "\\dfrac": 2, "\\tfrac": 2, "\\binom": 2, "\\sqrt": 1, "\\overline": 1, "\\underline": 1} | {
    f"\\{accent}": 1 for accent in ("hat", "bar", "vec", "tilde", "dot", "ddot", "widehat", "widetilde")
}


@rule(
    "SYN013",
    "redundant-braces",
    "info",
    has(r"\{\s*\{"),
    fix="safe",
    fix_kind="style",
    options={EVERY: OFF},
    skips_canonical=True,
    covers=["SYN13"],
)
def redundant_braces(label: Label, options: Options) -> Iterator[Finding]:
    r"""Braces directly inside braces: `{ { a } }`.

    Why: They draw nothing. Every extra spelling of a formula costs the model capacity and makes string metrics count
    right answers as wrong.
    Fires: ``x ^ { { 2 } }`` -> ``{ { 2 } }`` => ``x ^ { 2 }``
    Quiet: ``\frac{{a} + b}{c}``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: all pairs but the innermost are removed. Only the first place in a label is reported; with `every =
    true`, every place that isn't inside another.
    """
    closes = label.partners
    doubled = sorted(opening for opening in closes if closes.get(opening + 1) == closes[opening] - 1)
    more = f", in {len(doubled)} places" if len(doubled) > 1 else ""
    outer = -1
    for opening in doubled if options[EVERY] else doubled[:1]:
        if opening < outer:
            continue
        outer = closes[opening]
        replacement = _without(label, doubled, closes, opening)
        yield label.at(opening, outer + 1, f"a group directly inside a group{more}", replacement)


def _without(label: Label, doubled: list[int], closes: dict[int, int], opening: int) -> str:
    """The source of a group without the braces that are directly around those of another group, at any depth."""
    end = closes[opening]
    inside = doubled[bisect_left(doubled, opening) : bisect_left(doubled, end)]
    gone = {brace for place in inside for brace in (place, closes[place])}
    text, gap = "", None
    for index in range(opening, end + 1):
        before = label.text[label.spans[index - 1][1] : label.spans[index][0]] if index > opening else ""
        if index not in gone:
            text += (before if gap is None else gap) + label.tokens[index]
            gap = None
        elif label.tokens[index] == "{" and gap is None:
            gap = before  # the space before the outermost brace moves to the innermost
    return text


_BRACED_NAMES = "frac|sqrt|hat|bar|vec|tilde|ddot|dot|mathrm|mathbf"


#: Tokens before an argument or a script.
_BRACED = frozenset(f"\\{name}" for name in _BRACED_NAMES.split("|")) | {"_", "^"}


_NO_ARGUMENT = frozenset(["{", "}", "[", "&", "^", "_", "\\\\", "\\cr", "\\right", "\\middle", "\\end"])
_NAMING = ("\\label", "\\ref", "\\eqref", "\\cite", "\\begin", "\\end", "\\color", "\\textcolor", "\\includegraphics")


_TEX_SPACE = r"[ \t\r\n]"


@rule(
    "SYN015",
    "unbraced-argument",
    "info",
    has(
        rf"[\^_]{_TEX_SPACE}*[^ \t\r\n{{]|\\(?:{_BRACED_NAMES})(?:{_TEX_SPACE}+[^ \t\r\n{{]|[^ \t\r\n{{A-Za-z])"
        rf"|\\frac{_TEX_SPACE}*\{{[^{{}}]*\}}{_TEX_SPACE}*[^ \t\r\n{{]"
    ),
    fix="safe",
    fix_kind="style",
    options={EVERY: OFF},
    skips_canonical=True,
    covers={"WSP2": "for one label", "SYN15": ""},
)
def unbraced_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script or an argument without braces: `x^2`, `\frac12`, `\hat\lambda`.

    Why: `x^2` and `x ^ { 2 }` are two spellings of one formula. A data set should use one of them.
    Fires: ``x^2`` -> ``2`` => ``x^{2}``
    Fires: ``\frac12`` -> ``1`` => ``\frac{1}{2}``
    Fires: ``\frac{1}2`` -> ``2`` => ``\frac{1}{2}``
    Fires: ``\hat\lambda`` -> ``\lambda`` => ``\hat{\lambda}``
    Quiet: ``x ^ { 2 } + \frac { 1 } { 2 }``
    Quiet: ``x = 1 \label{eq_1}``
    Fix: Safe: braces, except around a command that takes an argument itself. Only the first place in a label is
    reported; with `every = true`, every place.
    """
    tokens = label.tokens
    places = []
    for index, token in enumerate(tokens[:-1]):
        if token in _BRACED:
            places.append(index + 1)
            if token == "\\frac":
                places.append(_denominator(tokens, index + 1))
    names: set[int] = set()  # the tokens of `eq_1` in `\label{eq_1}`
    for at in label.find(*_NAMING):
        if at not in names:
            names.update(range(at + 1, label.partners.get(at + 1, at)))
    bare = [at for at in places if at < len(tokens) and tokens[at] not in _NO_ARGUMENT and at not in names]
    more = f", one of {len(bare)} in this label" if len(bare) > 1 else ""
    for at in bare if options[EVERY] else bare[:1]:
        braced = None if ACTIONS.get(tokens[at]) == COMMAND else f"{{{tokens[at]}}}"
        yield label.at(at, at + 1, f"an argument without braces{more}", braced)


def _denominator(tokens: list[str], at: int) -> int:
    """Where the denominator is of a fraction whose numerator, a token or a group without groups, is at `at`."""
    if tokens[at] != "{":
        return at + 1
    inner = at + 1
    while inner < len(tokens) and tokens[inner] not in ("{", "}"):
        inner += 1
    return inner + 1 if inner < len(tokens) and tokens[inner] == "}" else len(tokens)


@rule("SYN018", "ambiguous-infix", "error", has_problem("ambiguous-infix"), skips_canonical=True, covers=["SYN-stops"])
def ambiguous_infix(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two of `\over`, `\atop` and `\choose` in one group. One of them directly inside an argument of `\frac` is also
    an error.

    Why: LaTeX stops with "Ambiguous; you need another { and }".
    Fires: ``{ a \over b \over c }`` -> ``\over``
    Fires: ``\frac { a } { b \over c }`` -> ``\over``
    Quiet: ``{ a \over { b \over c } }``
    Quiet: ``\frac { a } { { b \over c } }``
    Fix: None: two fractions were meant, but it is unclear which.
    """
    for problem in label.problems("ambiguous-infix"):
        infix = label.tokens[problem.start]
        if problem.detail:
            yield label.on(problem, f"{infix} directly inside an argument of {problem.detail} needs braces around it")
        else:
            yield label.on(problem, f"a second {infix} in one group")


@rule(
    "SYN020",
    "illegal-length",
    "error",
    has_problem("illegal-length"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers={"SYN4": "for lengths"},
)
def illegal_length(label: Label, options: Options) -> Iterator[Finding]:
    r"""A length that TeX can't read: `\hspace { 1 . 5 c m }`, which a tokeniser made from `\hspace{1.5cm}`.

    Why: LaTeX stops with "Illegal unit of measure". It is the commonest error in normalised im2latex.
    Fires: ``a \hspace { 1 . 5 c m } b`` -> ``{ 1 . 5 c m }`` => ``a \hspace {1.5cm} b``
    Fires: ``a \hspace{1} b`` -> ``{1}``
    Quiet: ``a \hspace{1.5cm} b``
    Quiet: ``a \hspace { -2 em } b``
    Fix: Unsafe: the length without the spaces. Nothing can be proven for a label that doesn't compile.
    """
    for problem in label.problems("illegal-length"):
        shown = label.shown(problem.start, problem.end)
        joined = tex_lengths.joined(problem.detail)
        yield label.on(problem, f"{shown} is not a length that TeX can read", f"{{{joined}}}" if joined else None)


#: After these tokens, an empty group has a meaning: it ends a command, adds a space, or changes the kind of symbol.
_SPEAKING = frozenset("+-=<>*/:,;&'^_") | {"\\\\", "\\left", "\\right", "\\mathord"}


@rule(
    "SYN042",
    "empty-group",
    "info",
    has(r"\{\s*\}"),
    fix="safe",
    fix_kind="style",
    skips_canonical=True,
    covers=["SYN12"],
)
def empty_group(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty group without a script: `2 { } y`.

    Why: Its two tokens draw nothing. They are left over where a command or a script was deleted.
    Fires: ``2 { } y`` -> ``{ }`` => ``2 y``
    Fires: ``a b {}`` -> ``{}`` => ``a b``
    Quiet: ``{ } _ { a } C``
    Quiet: ``\frac { } { 2 }``
    Quiet: ``\mathrm { } x``
    Quiet: ``a + { } - b``
    Quiet: ``\begin{matrix} { } & a \end{matrix}``
    Quiet: ``\frac 1 { }``
    Quiet: ``\sqrt [ 3 ] { }``
    Fix: Safe: it is dropped, if the picture stays the same.
    See: 7 labels of MNE's third set.
    """
    tokens = label.tokens
    brackets = {end: start for start, end in label.brackets.items()}
    for index, closing in label.partners.items():
        if closing != index + 1 or index in label.prose:
            continue
        before, after = tokens[index - 1] if index else "&", tokens[index + 2] if index + 2 < len(tokens) else ""
        letters = (before.isalnum() and len(before) == 1) or before in (")", "]")
        if letters and after not in _SPEAKING and not _is_an_argument(tokens, index, brackets):
            yield label.at(index, index + 2, "an empty group draws nothing", "")


def _is_an_argument(tokens: list[str], index: int, brackets: dict[int, int]) -> bool:
    r"""Can the group at `index` belong to a script, a command with several arguments, or one with an option?

    brackets: the `[` for each `]`.
    """
    if tokens[index - 1] == "]":
        opening = brackets.get(index - 1, 0)
        before = tokens[opening - 1] if opening else ""
        return before == "\\\\" or ACTIONS.get(before) == COMMAND
    before = tokens[index - 2] if index > 1 else ""
    command = COMMANDS.get(before[1:])
    return before in ("_", "^") or (command is not None and len(command.args) > 1)
