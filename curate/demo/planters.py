r"""Spoils right labels in many ways, at a random place, and says where. For measuring the rules; finds nothing itself.

`defects` spoils the demo's own labels at places it knows; here any label is taken, real ones above all. A kind names
the group of the defect in the project's catalogue (A to G), what to look for, and what to put there; the part between
« and » is what a rule should point at. Every plant is a defect for sure: where the spoiled label would look the same
as the right one, another place is taken, or none. Where a defect has several possible places (a brace that is missing
somewhere in nested groups), the marked part goes over all of them, and no further.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from random import Random

import rules
from curate.demo.defects import unmarked
from rules.latex import lexer
from rules.registry import all_rules

#: Marked spoilings of a label, in an order that the generator decides: (text with « and »).
Spoil = Callable[[str, Random], Iterable[str]]


@dataclass(frozen=True)
class Kind:
    """One way of spoiling. `style`: the picture stays, only the spelling is worse; `needs`: a rule family it is of."""

    name: str
    group: str
    spoil: Spoil
    style: bool = False
    needs: str = ""


@dataclass(frozen=True)
class Spoiled:
    """A spoiled label: `start` and `end` are code points in `label`, the marked part of it."""

    kind: str
    original: str
    label: str
    start: int
    end: int


def spoiled(kind: Kind, labels: Sequence[str], number: int, rng: Random) -> list[Spoiled]:
    """`number` labels spoiled in one way, chosen at random; fewer where the kind finds no more that it can spoil."""
    found: list[Spoiled] = []
    for original in rng.sample(labels, len(labels)):
        if len(found) == number:
            break
        for text in kind.spoil(original, rng):
            label, start, end = unmarked(text)
            if _COMMENT.search(label[:start]):
                continue  # nothing behind it is drawn: that is no defect
            if kind.style or not _looks_the_same(original, label):
                found.append(Spoiled(kind.name, original, label, start, end))
                break
    return found


def _looks_the_same(original: str, label: str) -> bool:
    before, after = rules.visual_key([original, label])
    return before is not None and before == after


_COMMENT = re.compile(r"(?<!\\)(?:\\\\)*%")


# Ways to spoil --------------------------------------------------------------------------------------------------------


def at_match(find: str, put: str | Callable[[re.Match[str]], str | None]) -> Spoil:
    """At a random match of `find`: `put` is a template, or a function that may say that this match won't do."""
    pattern = re.compile(find, re.DOTALL)

    def spoil(label: str, rng: Random) -> Iterator[str]:
        matches = list(pattern.finditer(label))
        for match in rng.sample(matches, len(matches)):
            text = match.expand(put) if isinstance(put, str) else put(match)
            if text is not None:
                yield label[: match.start()] + text + label[match.end() :]

    return spoil


def outside(spoil: Spoil) -> Spoil:
    """Only at places outside of groups, in labels without environments and the like."""

    def only(label: str, rng: Random) -> Iterator[str]:
        if re.search(r"\\(begin|left|over|atop|choose|[a-z]*matrix|cases|eqalign|substack)", label):
            return
        for text in spoil(label, rng):
            before = lexer.tokens(text[: text.index("«")])
            if before.count("{") == before.count("}"):
                yield text

    return only


def at_boundary(put: str) -> Spoil:
    """Between two random tokens, not in the name of an environment."""

    def spoil(label: str, rng: Random) -> Iterator[str]:
        spans = lexer.spans(label)
        for start, _ in rng.sample(spans, len(spans)):
            if not re.search(r"\\(begin|end) *\{[^{}]*$", label[:start]) and not label[:start].endswith("\\"):
                yield label[:start] + put + label[start:]

    return spoil


def cut_after_digit(put: str) -> Spoil:
    """The label up to a random digit, and then `put`: what a percent sign follows is a number."""

    def spoil(label: str, rng: Random) -> Iterator[str]:
        spans = lexer.spans(label)[:-1]
        ends = [end for start, end in spans if label[start:end].isdecimal()]
        for end in rng.sample(ends, len(ends)):
            yield f"{label[:end]} {put}"

    return spoil


def _groups(label: str) -> list[tuple[int, int, int, int]]:
    """(opening, closing, opening of the outermost group around, its closing) of every group, as places of braces."""
    stack: list[int] = []
    found: list[tuple[int, int, int, int]] = []
    inner: list[tuple[int, int]] = []
    for token, (start, _) in zip(lexer.tokens(label), lexer.spans(label), strict=True):
        if token == "{":
            stack.append(start)
        elif token == "}" and stack:
            inner.append((stack.pop(), start))
            if not stack:
                found += [(*group, *inner[-1]) for group in inner]
                inner = []
    return found


def _a_group(label: str, rng: Random) -> Iterator[tuple[int, int, int, int]]:
    groups = _groups(label)
    yield from rng.sample(groups, len(groups))


def no_closing_brace(label: str, rng: Random) -> Iterator[str]:
    """Any group around may be the one that is not closed."""
    for _, closing, first, _ in _a_group(label, rng):
        yield f"{label[:first]}«{label[first:closing]}»{label[closing + 1 :]}"


def no_opening_brace(label: str, rng: Random) -> Iterator[str]:
    """Any closing brace from there to the end of the outermost group may be the one too many."""
    for opening, _, _, last in _a_group(label, rng):
        yield f"{label[:opening]}«{label[opening + 1 : last + 1]}»{label[last + 1 :]}"


def one_closing_brace_more(label: str, rng: Random) -> Iterator[str]:
    groups = [(first, last) for _, _, first, last in _groups(label)]
    for text in at_boundary("«}»")(label, rng):
        place = text.index("«")
        last = max((last for first, last in groups if first < place <= last), default=None)
        yield text if last is None else f"{label[:place]}«}}{label[place : last + 1]}»{label[last + 1 :]}"


def _pairs(label: str) -> list[tuple[tuple[int, int], tuple[int, int], int, int]]:
    r"""(place of \left, place of \right, start of the outermost pair around, its end) of every pair in a label."""
    stack: list[tuple[int, int]] = []
    found: list[tuple[tuple[int, int], tuple[int, int], int, int]] = []
    inner: list[tuple[tuple[int, int], tuple[int, int]]] = []
    for token, span in zip(lexer.tokens(label), lexer.spans(label), strict=True):
        if token == "\\left":
            stack.append(span)
        elif token == "\\right" and stack:
            inner.append((stack.pop(), span))
            if not stack:
                found += [(left, right, inner[-1][0][0], span[1]) for left, right in inner]
                inner = []
    return found


def no_right(label: str, rng: Random) -> Iterator[str]:
    r"""A \right is gone, its delimiter stays; any \left around may be the one that has none."""
    pairs = _pairs(label)
    for _, (start, end), first, _ in rng.sample(pairs, len(pairs)):
        if label[end:].lstrip()[:1] in "()[]|":
            yield f"{label[:first]}«{label[first:start]}»{label[end:]}"


def no_left(label: str, rng: Random) -> Iterator[str]:
    r"""A \left is gone, its delimiter stays; any \right around may be the one that has none."""
    pairs = _pairs(label)
    for (start, end), _, _, last in rng.sample(pairs, len(pairs)):
        if label[end:].lstrip()[:1] in "()[]|":
            yield f"{label[:start]}«{label[end:last]}»{label[last:]}"


def _typo(match: re.Match[str]) -> str:
    """Two letters in the middle of a command change places."""
    name = match[1]
    at = len(name) // 2
    return f"«\\{name[: at - 1]}{name[at]}{name[at - 1]}{name[at + 1 :]}»"


def _glued(match: re.Match[str]) -> str | None:
    """A command runs into the letter behind it, where that makes none that some engine knows."""
    from rules.latex.commands import COMMANDS

    glued = match[1] + match[2]
    return None if f"\\{glued}" in COMMANDS or glued in COMMANDS else f"«\\{glued}»"


_LETTER = r"(?<![A-Za-z\\])({})(?![A-Za-z])"
_SAME_SHAPE = dict(zip("aceopx", "асеорх", strict=True))
_ENVIRONMENT = r"(\\begin *\{ *(?:array|[a-z]*matrix|aligned|split|cases) *\}(?:(?!\\begin).)*?)"
_NAMES = "alpha|lambda|partial|theta|sqrt|times|infty|frac|cdot|sigma|gamma|delta"
_EQUALS = r"(?<= )=(?= )"

#: Fixed before their results were seen, but for three that were no fair plants: see benchmarks/planted.py.
KINDS: tuple[Kind, ...] = (
    Kind("eaten-escape-tab", "A", at_match(r"\\t(imes|heta|an|ilde|ext)(?![A-Za-z])", "«\t\\1»")),
    Kind("eaten-escape-form-feed", "A", at_match(r"\\f(rac|orall)(?![A-Za-z])", "«\f\\1»")),
    Kind("eaten-escape-backspace", "A", at_match(r"\\b(eta|ar|inom|egin)(?![A-Za-z])", "«\b\\1»")),
    Kind("eaten-escape-carriage-return", "A", at_match(r"\\r(ho|ight|ightarrow)(?![A-Za-z])", "«\r\\1»")),
    Kind("eaten-escape-line-feed", "A", at_match(r"\\n(eq|u|abla|e)(?![A-Za-z])", "«\n\\1»")),
    Kind("eaten-escape-bell", "A", at_match(r"\\a(lpha|ngle|st)(?![A-Za-z])", "«\a\\1»")),
    Kind("double-escaped-command", "A", at_match(rf"\\({_NAMES})(?![A-Za-z])", r"«\\\\\1»")),
    Kind("html-entity", "A", at_match(r"[<>]", lambda match: {"<": "«&lt;»", ">": "«&gt;»"}[match[0]])),
    Kind("control-character", "A", at_boundary("«\x01»")),
    Kind("layout-newline-token", "A", at_match(_EQUALS, r"«\\n» =")),
    Kind("outer-dollars", "B", at_match(r"^(.*)$", r"«$\1$»"), style=True),
    Kind("inner-dollar", "B", at_match(_EQUALS, "«$» =")),
    Kind("comment", "B", at_match(r"(?<= )\+(?= )", "«%» +")),
    Kind("label-residue", "B", at_match(r"$", r" «\\label{eq:1}»"), style=True),
    Kind("citation", "B", at_match(r"$", r" «\\cite{ref}»")),
    Kind("dropped-closing-brace", "C", no_closing_brace),
    Kind("dropped-opening-brace", "C", no_opening_brace),
    Kind("extra-closing-brace", "C", one_closing_brace_more),
    Kind("left-without-right", "C", no_right),
    Kind("right-without-left", "C", no_left),
    Kind("begin-end-mismatch", "C", at_match(_ENVIRONMENT + r"\\end *\{[^{}]*\}", r"«\1\\end{gathered}»")),
    Kind("missing-argument", "C", at_match(r"(\\frac *\{[^{}]*\}) *\{[^{}]*\}$", r"«\1»")),
    Kind("dangling-script", "C", at_match(r"([\^_]) *\{[^{}]*\} *(?=$|[}&])", r"«\1» ")),
    Kind("double-superscript", "C", at_match(r"(\^ *\{[^{}]*\})(?! *[\^'])", r"«\1 ^ { 3 }»")),
    Kind("alignment-outside-environment", "C", outside(at_match(_EQUALS, "«&» ="))),
    Kind("unknown-command", "D", at_match(rf"\\({_NAMES})(?![A-Za-z])", _typo)),
    Kind("glued-command", "D", at_match(rf"\\({_NAMES}) ([a-z])(?![a-z])", _glued)),
    Kind("user-macro", "D", at_match(r"^", r"«\\beq» ")),
    Kind("document-residue", "D", at_match(r"$", r" «\\includegraphics{fig1}»")),
    Kind("line-break-outside-environment", "D", outside(at_match(_EQUALS, r"«\\\\» ="))),
    Kind("display-environment", "D", at_match(r"^((?!.*\\begin).*)$", r"«\\begin{align} \1 \\end{align}»"), style=True),
    Kind("infix-fraction", "E", at_match(r"\\frac *\{([^{}]*)\} *\{([^{}]*)\}", r"«{\1 \\over \2}»"), style=True),
    Kind("object-object", "F", at_match(r"\\sqrt *(?=\{)", r"\\sqrt [ «[object Object]» ] ")),
    Kind("cut-at-percent", "F", cut_after_digit("«\\»")),
    Kind("letters-for-operator", "F", at_match(r"\\(s)(in)(?![A-Za-z])", "«s i n»"), style=True, needs="NRM004"),
    Kind("junk-text", "G", at_match(r"$", " «M a t h T y p e !»")),
    Kind("zero-width-space", "G", at_boundary("«\u200b»"), needs="UNI"),
    Kind("homoglyph", "G", at_match(_LETTER.format("[aceopx]"), lambda m: f"«{_SAME_SHAPE[m[0]]}»"), needs="UNI"),
    Kind("full-width-parenthesis", "G", at_match(r"(?<!\\left )(?<!\\left)\(", "«（»"), style=True, needs="UNI"),
)


def kinds() -> list[Kind]:
    """The kinds that the catalogue has a rule family for."""
    return [kind for kind in KINDS if any(code.startswith(kind.needs) for code in all_rules())]
