"""CAN: commands that draw the same sign, and characters put together instead of one command. Not for lost structure."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding, FixLevel
from rules.latex.actions import ACTIONS, COMMAND, SPACE
from rules.latex.synonyms import SYNONYMS
from rules.registry import Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command

#: Synonyms that other rules report: CMD015 what LaTeX rejects, CMD012 boxes, WSP004 spaces.
_ELSEWHERE = frozenset([r"\lt", r"\gt", r"\mbox"]) | {old for old in SYNONYMS if ACTIONS.get(old) == SPACE}
_SYNONYMS = {old: new for old, new in SYNONYMS.items() if old not in _ELSEWHERE} | {r"\sp": "^", r"\sb": "_"}


@rule(
    "CAN001",
    "synonym",
    "info",
    has_command(*(name[1:] for name in _SYNONYMS)),
    fix="safe",
    fix_kind="style",
    skips_canonical=True,
    covers=["CAN1"],
)
def synonym(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command for a sign that the canonical form writes with another command: `\le`, `\to`.

    Why: To exact match and duplicate search, `\le` and `\leq` are two labels, and a model spends capacity on a choice
    that no picture shows.
    Fires: ``a \le b`` -> ``\le`` => ``a \leq b``
    Fires: ``x \to 0 , y \ne 1`` -> ``\to`` ``\ne`` => ``x \rightarrow 0 , y \neq 1``
    Fires: ``x \sp 2`` -> ``\sp`` => ``x ^ 2``
    Fires: ``{ \Bbb R }`` -> ``\Bbb`` => ``{ \mathbb R }``
    Quiet: ``a \leq b``
    Quiet: ``\left\{ x \right\} \ y``
    Fix: Safe: the canonical command.
    See: MathNet token_types2. MathWriting's validation set has 36 `\ne` and 4 `\neq`.
    """
    for index in label.find(*_SYNONYMS):
        token = label.tokens[index]
        yield label.at(index, index + 1, f"{token} draws the same as {_SYNONYMS[token]}", _SYNONYMS[token])


@rule(
    "CAN007",
    "fraction-size",
    "info",
    has_command("dfrac", "tfrac", "cfrac", "dbinom", "tbinom"),
    fix="safe",
    fix_kind="style",
    covers=["CAN7"],
)
def fraction_size(label: Label, options: Options) -> Iterator[Finding]:
    r"""A fraction or binomial whose size is set by hand: `\dfrac`, `\tfrac`, `\dbinom`.

    Why: It means the same as `\frac`. Handwriting doesn't show the size, and print often doesn't either.
    Fires: ``\dfrac { 1 } { 2 }`` -> ``\dfrac`` => ``\frac { 1 } { 2 }``
    Fires: ``x ^ { \tfrac { 1 } { 2 } }`` -> ``\tfrac`` => ``x ^ { \frac { 1 } { 2 } }``
    Quiet: ``\frac { 1 } { 2 }``
    Fix: Safe where `\frac` has the same size; elsewhere the visual key differs, and the fix is not proven. Unsafe for
    `\cfrac`, and for `\tfrac`, which in a script is larger than `\frac`.
    """
    for index in label.find(*_SIZED):
        token = label.tokens[index]
        level: FixLevel | None = "unsafe" if token in (r"\cfrac", r"\tfrac", r"\tbinom") else None
        yield label.at(
            index, index + 1, f"{token} is {_SIZED[token]} with its size set by hand", _SIZED[token], fix=level
        )


_SIZED = {r"\dfrac": r"\frac", r"\tfrac": r"\frac", r"\cfrac": r"\frac", r"\dbinom": r"\binom", r"\tbinom": r"\binom"}

_NEGATED = {
    "=": r"\neq",
    r"\in": r"\notin",
    r"\equiv": r"\not\equiv",
    "<": r"\nless",
    ">": r"\ngtr",
    r"\mid": r"\nmid",
    r"\parallel": r"\nparallel",
    r"\subseteq": r"\nsubseteq",
    r"\exists": r"\nexists",
}


@rule(
    "CAN015",
    "negated-by-not",
    "info",
    has(r"\\not\s*(?:[=<>]|\\in[^a-z]|\\(?:mid|parallel|subseteq|exists))"),
    fix="unsafe",
    fix_kind="style",
    covers={"CAN1": "for signs put together or taken for another"},
)
def negated_by_not(label: Label, options: Options) -> Iterator[Finding]:
    r"""A negated relation written with `\not` although it has a command: `\not =`, `\not \in`.

    Why: It is a second spelling. The slash is placed a little differently, which no annotator meant.
    Fires: ``a \not = b`` -> ``\not =`` => ``a \neq b``
    Fires: ``x \not\in A`` -> ``\not\in`` => ``x \notin A``
    Quiet: ``a \neq b``
    Quiet: ``\not D``
    Fix: Unsafe: the slash moves by a hair. Safe for `\not =`, which is how LaTeX defines `\neq`.
    """
    for index in label.find(r"\not"):
        sign = label.tokens[index + 1] if index + 1 < len(label.tokens) else ""
        if sign in _NEGATED and sign != r"\equiv":
            level: FixLevel | None = "safe" if sign == "=" else None
            message = f"{_NEGATED[sign]} is a command of its own"
            yield label.at(index, index + 2, message, _NEGATED[sign], fix=level)


_TWINS = re.compile(r"(?<!\S)(?:/ /|\| \|)(?!\S)")


@rule(
    "CAN016",
    "parallel-as-strokes",
    "info",
    has(r"/\s*/|\|\s*\|"),
    fix="unsafe",
    fix_kind="style",
    covers={"CAN1": "for signs put together or taken for another"},
)
def parallel_as_strokes(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two strokes for one sign: `A B / / C D` for parallel lines, `| | x | |` for a norm.

    Why: The signs are `\parallel` and `\|`. Two single strokes have a different width, and a data set should use one
    spelling.
    Fires: ``A B / / C D`` -> ``/ /`` => ``A B \parallel C D``
    Fires: ``| | x | |`` -> ``| |`` ``| |`` => ``\| x \|``
    Quiet: ``A B \parallel C D``
    Quiet: ``| a | b | c |``
    Quiet: ``\text{https://a}``
    Quiet: ``X / / G``
    Fires: ``l _ { 1 } / / l _ { 2 }`` -> ``/ /`` => ``l _ { 1 } \parallel l _ { 2 }``
    Fix: Unsafe: `\parallel` for slashes, `\|` for bars. The inner bars of `| a | | b |` stay.
    See: HME100K has `/ /` in 167 labels, CROHME 2023 `| |` in 41.
    """
    words = label.prose
    bars = [place for place in places(label, _TWINS) if label.tokens[place.start] == "|"]
    pairs_of_bars = len(bars) % 2 == 0 and label.tokens.count("|") == 2 * len(bars)
    for place in places(label, _TWINS):
        if place.start in words:
            continue
        if label.tokens[place.start] == "/":
            if not _between_lines(label.tokens, place.start, place.end):
                continue
            yield label.at(place.start, place.end, "two slashes instead of \\parallel", r"\parallel")
        elif pairs_of_bars:
            yield label.at(place.start, place.end, "two bars instead of \\|", r"\|")


def _between_lines(tokens: list[str], start: int, end: int) -> bool:
    """Is there a line, named by two points, on one side, or a subscript on both sides?"""
    before = [token for token in tokens[max(0, start - 7) : start] if token not in _PRIMES][-2:]
    after = [token for token in tokens[end : end + 7] if token not in _PRIMES][:2]
    return any(len(two) == 2 and all(_POINT.fullmatch(t) for t in two) for two in (before, after)) or (
        tokens[start - 1] == "}" and after[1:] == ["_"]
    )


_PRIMES = frozenset(["'", "^", r"\prime", "{", "}"])
_POINT = re.compile(r"[A-Z]")

_COMPOSED = {
    "< =": r"\leq",
    "= >": r"\Rightarrow",
    "- >": r"\rightarrow",
    "! =": r"\neq",
    "< <": r"\ll",
    "> >": r"\gg",
}
_COMPOSED_PATTERN = re.compile(r"(?<!\S)(?<![<>|_^] )(?:< =|= >|- >|! =|< <|> >)(?! [<>|=_^])(?!\S)")


@rule(
    "CAN017",
    "composed-relation",
    "info",
    has(r"<\s*=|=\s*>|-\s*>|!\s*=|<\s*<|>\s*>"),
    fix="unsafe",
    fix_kind="style",
    covers={"CAN1": "for signs put together or taken for another"},
)
def composed_relation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A relation or arrow put together from keyboard characters: `< =`, `- >`, `! =`, `> >`.

    Why: The picture shows one sign, and the label draws two.
    Fires: ``a < = b`` -> ``< =`` => ``a \leq b``
    Fires: ``n - > \infty`` -> ``- >`` => ``n \rightarrow \infty``
    Fires: ``a != b`` -> ``!=`` => ``a \neq b``
    Quiet: ``a \leq b``
    Quiet: ``< a > = b``
    Quiet: ``| + > + | - >``
    Quiet: ``\langle a , b > = c``
    Quiet: ``n ! = 6``
    Fix: Unsafe: the command. Look at the picture. Nothing is reported where `<` and `>` are brackets, or for `=` after
    a factorial.
    """
    tokens = label.tokens
    brackets = any(token == "<" for token in tokens) and any(token == ">" for token in tokens)
    for place in places(label, _COMPOSED_PATTERN):
        pair = " ".join(tokens[place.start : place.end])
        if "|" in tokens or r"\vert" in tokens or r"\mid" in tokens or r"\langle" in tokens or brackets:
            continue
        if pair == "! =" and label.spans[place.start][1] != label.spans[place.start + 1][0]:
            continue
        if place.start and place.end < len(tokens):
            sign = _COMPOSED[pair]
            yield label.at(place.start, place.end, f"two characters instead of {sign}", sign)


_POINTS = re.compile(r"(?<!\S)[A-Z](?: '| \^ \{ \\prime \})? \\bot(?= [A-Z](?!\S))")


@rule(
    "CAN018",
    "bot-for-perpendicular",
    "info",
    has_command("bot"),
    fix="unsafe",
    fix_kind="style",
    covers={"CAN1": "for signs put together or taken for another"},
)
def bot_for_perpendicular(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\bot` between two lines: `A C \bot B D`.

    Why: `\bot` is the symbol for falsum, set like a letter; the relation between two lines is `\perp`. They look alike,
    so a data set with both teaches two names for one sign.
    Fires: ``A C \bot B D`` -> ``\bot`` => ``A C \perp B D``
    Quiet: ``A C \perp B D``
    Quiet: ``x _ { \bot }``
    Fix: Unsafe: `\perp` has wider gaps.
    See: 257 labels of HME100K's training set; 245 others have `\perp`.
    """
    for place in places(label, _POINTS):
        yield label.at(
            place.end - 1, place.end, "\\bot is set like a letter; the relation between lines is \\perp", r"\perp"
        )


_TRIANGLE = re.compile(r"(?<!\S)\\Delta(?= [A-Z] [A-Z] [A-Z](?!\S))")


@rule(
    "CAN019",
    "delta-for-triangle",
    "info",
    has(r"\\Delta\s*[A-Z]\s*[A-Z]\s*[A-Z]"),
    fix="unsafe",
    fix_kind="style",
    covers={"CAN1": "for signs put together or taken for another"},
)
def delta_for_triangle(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\Delta` before three points: `S _ { \Delta A B C }`.

    Why: The command for a triangle is `\triangle`. In print, the Greek capital has one thick side. A data set should
    use one of them.
    Fires: ``S _ { \Delta A B C } = 2`` -> ``\Delta`` => ``S _ { \triangle A B C } = 2``
    Quiet: ``\triangle A B C``
    Quiet: ``\Delta x``
    Fix: Unsafe: `\triangle`.
    See: 666 labels of HME100K's training set.
    """
    for place in places(label, _TRIANGLE):
        yield label.at(place.start, place.start + 1, "\\Delta is a letter; a triangle is \\triangle", r"\triangle")


@rule(
    "CAN024",
    "invisible-delimiters",
    "info",
    has(r"\\left\s*\."),
    fix="unsafe",
    fix_kind="style",
    covers={"CMD9": "for delimiters that draw nothing"},
)
def invisible_delimiters(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\left.` and `\right.`: a pair of delimiters that draws nothing.

    Why: Apart from a hair of space, the picture doesn't show it.
    Fires: ``\left. R \right. _ { a }`` -> ``\left.``
    Fires: ``\left. \frac { a } { b } \right. + c`` -> ``\left. \frac { a } { b } \right.`` => ``\frac { a } { b } + c``
    Quiet: ``\left. R \right| _ { a }``
    Quiet: ``\left( R \right.``
    Quiet: ``\left. a \left( b \right. c \right|``
    Quiet: ``\left. a \middle| b \right.``
    Fix: Unsafe: both are removed. None if they carry a script, are an argument, or limit what `\over` or a font switch
    acts on.
    """
    stack: list[int] = []
    for index in label.find(r"\left", r"\right"):
        after = label.tokens[index + 1 : index + 2]
        if label.tokens[index] == r"\left":
            stack.append(index)
        elif stack:
            opened = stack.pop()
            if after == ["."] and label.tokens[opened + 1] == "." and r"\middle" not in label.tokens[opened:index]:
                inner = _taken_off(label, opened, index)
                end = opened + 2 if inner is None else index + 2
                yield label.at(opened, end, "this pair of delimiters draws nothing", inner)


#: Commands that act up to the end of the group. A pair of delimiters is a group.
_BOUNDED = frozenset(
    [rf"\{name}" for name in ("over", "atop", "choose", "brack", "brace", "above", "overwithdelims", "atopwithdelims")]
    + [rf"\{name}" for name in ("rm", "bf", "it", "sf", "tt", "cal", "displaystyle", "textstyle", "scriptstyle")]
    + [r"\scriptscriptstyle", r"\color"]
)


def _taken_off(label: Label, opened: int, closed: int) -> str | None:
    r"""The text between the `\left.` at token `opened` and the `\right.` at `closed`; None if it needs them."""
    tokens = label.tokens
    before, after = tokens[opened - 1 : opened], tokens[closed + 2 : closed + 3]
    argument = bool(before) and (before[0] in ("^", "_") or ACTIONS.get(before[0]) == COMMAND)
    if argument or after in (["^"], ["_"], ["'"]) or not _BOUNDED.isdisjoint(tokens[opened:closed]):
        return None
    return label.shown(opened + 2, closed, len(label.text)) or None
