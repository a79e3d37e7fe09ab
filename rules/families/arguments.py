"""SYN: arguments that are missing, empty, not braced, braced twice, or no length. The reader meets most of them."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from rules import lengths
from rules.findings import Finding
from rules.label import Label
from rules.registry import Options, rule
from rules.sieves import has, has_problem, has_tokens


@rule(
    "SYN004",
    "missing-argument",
    "error",
    has_problem("missing-argument", "unclosed-optional", "unbraced-argument"),
    spelling=True,
)
def missing_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that lacks an argument: `\frac{a}`, `\sqrt` at the end.

    Why: LaTeX can't render the label, or takes what comes next for the argument. An earlier rewrite often lost a part.
    Fires: ``\frac{a}`` -> ``\frac{a}``
    Fires: ``x + \sqrt`` -> ``\sqrt``
    Fires: ``\sqrt[3{x}`` -> ``\sqrt[3{x}`` ``[``
    Fires: ``\bar \mathcal V`` -> ``\bar \mathcal``
    Quiet: ``\frac ab``
    Quiet: ``\sqrt \frac 1 2``
    Fix: None: what stood there is lost.
    """
    for problem in label.problems("missing-argument"):
        yield label.on(problem, f"{problem.detail} lacks an argument")
    for problem in label.problems("unclosed-optional"):
        yield label.on(problem, "this optional argument is never closed")
    for problem in label.problems("unbraced-argument"):
        first = label.tokens[problem.start]
        yield label.on(problem, f"{problem.detail} takes arguments itself, so {first} needs braces around it")


@rule("SYN012", "empty-argument", "warning", has(r"\{\s*\}"), fix="display")
def empty_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty argument where something must be drawn: `\frac { } { 2 }`, `\sqrt { }`, `\underline { }`.

    Why: A part of the formula is missing, or the command is junk.
    Fires: ``\frac { } { 2 }`` -> ``{ }``
    Fires: ``x + \sqrt { }`` -> ``{ }``
    Quiet: ``{ } _ a C``
    Quiet: ``\sqrt { 2 }``
    Quiet: ``\mathrm { } x``
    Fix: None for a missing argument.
    """
    tokens = label.tokens
    for index, token in enumerate(tokens):
        if token in _MUST_DRAW:
            at = index + 1
            for _ in range(_MUST_DRAW[token]):
                if tokens[at : at + 2] == ["{", "}"]:
                    yield label.at(at, at + 2, f"an argument of {token} is empty", fix="display")
                at = _after(tokens, at)


_MUST_DRAW = {"\\frac": 2, "\\dfrac": 2, "\\tfrac": 2, "\\binom": 2, "\\sqrt": 1, "\\overline": 1, "\\underline": 1} | {
    f"\\{accent}": 1 for accent in ("hat", "bar", "vec", "tilde", "dot", "ddot", "widehat", "widetilde")
}


def _after(tokens: list[str], index: int) -> int:
    """The token after the group or single token at `index`."""
    depth = 0
    for at in range(index, len(tokens)):
        depth += (tokens[at] == "{") - (tokens[at] == "}")
        if depth <= 0:
            return at + 1
    return len(tokens)


@rule("SYN013", "redundant-braces", "info", has(r"\{\s*\{"), fix="safe", spelling=True)
def redundant_braces(label: Label, options: Options) -> Iterator[Finding]:
    r"""Braces directly inside braces: `{ { a } }`.

    Why: They draw nothing; every second spelling of one formula costs the model capacity and the metric a hit.
    Fires: ``x ^ { { 2 } }`` -> ``{ { 2 } }``
    Quiet: ``\frac{{a} + b}{c}``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: the inner pair goes.
    """
    tokens = label.tokens
    places: list[tuple[int, int]] = []
    stack: list[int] = []
    closes: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if token == "{":
            stack.append(index)
        elif token == "}" and stack:
            closes[stack.pop()] = index
    for opening, closing in closes.items():
        if closes.get(opening + 1) == closing - 1:
            places.append((opening, closing + 1))
    if places:
        start, end = min(places)
        more = f", {len(places)} places" if len(places) > 1 else ""
        inner = label.text[label.spans[start + 1][0] : label.spans[end - 2][1]]
        yield label.at(start, end, f"a group directly inside a group{more}", inner)


_BRACED_NAMES = "frac|sqrt|hat|bar|vec|tilde|ddot|dot|mathrm|mathbf"


_BRACED = frozenset(f"\\{name}" for name in _BRACED_NAMES.split("|")) | {"_", "^"}


_NO_ARGUMENT = frozenset(["{", "}", "[", "&", "^", "_"])


_TEX_SPACE = r"[ \t\r\n]"


@rule(
    "SYN015",
    "unbraced-argument",
    "info",
    has(rf"[\^_]{_TEX_SPACE}*[^ \t\r\n{{]|\\(?:{_BRACED_NAMES})(?:{_TEX_SPACE}+[^ \t\r\n{{]|[^ \t\r\n{{A-Za-z])"),
    fix="safe",
    spelling=True,
)
def unbraced_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script or an argument without braces: `x^2`, `\frac12`, `\hat\lambda`.

    Why: `x^2` and `x ^ { 2 }` are one formula in two spellings; a data set should use one.
    Fires: ``x^2`` -> ``2``
    Fires: ``\frac12`` -> ``1``
    Fires: ``\hat\lambda`` -> ``\lambda``
    Quiet: ``x ^ { 2 } + \frac { 1 } { 2 }``
    Fix: Safe: braces. One finding a label, at the first place.
    """
    tokens = label.tokens
    places = [
        index
        for index, (before, token) in enumerate(pairwise(tokens), 1)
        if before in _BRACED and token not in _NO_ARGUMENT
    ]
    if places:
        more = f", {len(places)} in this label" if len(places) > 1 else ""
        yield label.at(places[0], places[0] + 1, f"an argument without braces{more}", f"{{{tokens[places[0]]}}}")


@rule("SYN018", "ambiguous-infix", "error", has_problem("ambiguous-infix"), spelling=True)
def ambiguous_infix(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two of `\over`, `\atop`, `\choose` in one group; an argument of `\frac`, written so inside, counts as one.

    Why: LaTeX stops with "Ambiguous; you need another { and }".
    Fires: ``{ a \over b \over c }`` -> ``\over``
    Fires: ``\frac { a } { b \over c }`` -> ``\over``
    Quiet: ``{ a \over { b \over c } }``
    Quiet: ``\frac { a } { { b \over c } }``
    Fix: None: two fractions were meant, and which is unclear.
    """
    for problem in label.problems("ambiguous-infix"):
        infix = label.tokens[problem.start]
        if problem.detail:
            yield label.on(problem, f"{infix} directly inside an argument of {problem.detail} needs braces around it")
        else:
            yield label.on(problem, f"a second {infix} in one group")


@rule("SYN020", "illegal-length", "error", has_problem("illegal-length"), fix="unsafe", spelling=True)
def illegal_length(label: Label, options: Options) -> Iterator[Finding]:
    r"""A length that TeX can't read: `\hspace { 1 . 5 c m }`, which a tokeniser made of `\hspace{1.5cm}`.

    Why: LaTeX stops with "Illegal unit of measure". It is the commonest fault in normalised im2latex.
    Fires: ``a \hspace { 1 . 5 c m } b`` -> ``{ 1 . 5 c m }``
    Fires: ``a \hspace{1} b`` -> ``{1}``
    Quiet: ``a \hspace{1.5cm} b``
    Quiet: ``a \hspace { -2 em } b``
    Fix: Unsafe: the length put together again; safe can't be proven on a label that doesn't compile.
    """
    for problem in label.problems("illegal-length"):
        shown = label.shown(problem.start, problem.end)
        joined = lengths.joined(problem.detail)
        yield label.on(problem, f"{shown} is no length for TeX", f"{{{joined}}}" if joined else None)


#: What an empty group behind it ends, spaces, or makes of it: there it says something.
_SPEAKING = frozenset("+-=<>*/:,;&'^_") | {"\\\\", "\\left", "\\right", "\\mathord"}


@rule("SYN042", "empty-group", "info", has_tokens(r"\{\s*\}"), fix="safe", spelling=True)
def empty_group(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty group that nothing hangs on: `x { } y`.

    Why: Two tokens of the label that no picture shows; they are left where a command or a script was deleted.
    Fires: ``x { } y`` -> ``{ }``
    Fires: ``a b {}`` -> ``{}``
    Quiet: ``{ } _ { a } C``
    Quiet: ``\frac { } { 2 }``
    Quiet: ``\mathrm { } x``
    Quiet: ``a + { } - b``
    Quiet: ``\begin{matrix} { } & a \end{matrix}``
    Fix: Safe: it is dropped, where the picture stays the same.
    See: 7 labels of MNE's third set.
    """
    tokens = label.tokens
    for index, closing in label.partners.items():
        if closing != index + 1 or index in label.prose:
            continue
        before, after = tokens[index - 1] if index else "&", tokens[index + 2] if index + 2 < len(tokens) else ""
        letters = (before.isalnum() and len(before) == 1) or before in (")", "]")
        if letters and after not in _SPEAKING and not (index > 1 and tokens[index - 2] in ("_", "^")):
            yield label.at(index, index + 2, "an empty group draws nothing", "")
