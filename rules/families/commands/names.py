"""CMD: names without their backslash, and letters of text fonts among symbols."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.commands import COMMANDS
from rules.latex.synonyms import FUNCTIONS, longest_first
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import places
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command

#: Without the names that are more often words, or letters side by side, than functions.
_OPERATORS = longest_first(FUNCTIONS - {"Pr", "arg", "deg", "hom", "inf", "ker", "lg"})
_ANY_SPACE = r"\s*"
_JOINED = "|".join(_OPERATORS)
_SPACED = "|".join(" ".join(name) for name in _OPERATORS)
_LOOSE = "|".join(_ANY_SPACE.join(name) for name in _OPERATORS)
_UNESCAPED = re.compile(rf"(?<![A-Za-z\\])(?:{_JOINED})(?![A-Za-z])")


@rule(
    "CMD017",
    "operator-without-backslash",
    "info",
    has(rf"(?:^|[^A-Za-z\\])(?:{_JOINED})(?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers={"CMD7": "without its backslash"},
)
def operator_without_backslash(label: Label, options: Options) -> Iterator[Finding]:
    r"""An operator's name without its backslash: `cos(x)`.

    Why: LaTeX sets it as a product of italic letters, without the gap of an operator.
    Fires: ``1 - cos(x)`` -> ``cos`` => ``1 - \cos (x)``
    Fires: ``\ln x + log_2 y`` -> ``log`` => ``\ln x + \log _2 y``
    Quiet: ``\cos(x)``
    Quiet: ``c o s x``
    Quiet: ``\mathrm{cos} x``
    Quiet: ``{\rm ln} x``
    Quiet: ``\text{sin of man}``
    Quiet: ``A_{max}``
    Quiet: ``\arccos x``
    Fix: Unsafe: the command. CMD007 reports spaced letters (`c o s`).
    See: ChkTeX warning 35.
    """
    starts = {start: index for index, (start, _) in enumerate(label.spans)}
    for match in _UNESCAPED.finditer(label.text):
        index = starts.get(match.start())
        if index is None:
            continue
        before = label.tokens[max(0, index - 2) : index]
        if index in label.prose or _upright(before):
            continue
        yield Finding(f"{match[0]} lacks its backslash", *match.span(), f"\\{match[0]} ")


def _upright(before: list[str]) -> bool:
    """Are the letters after these two tokens in a font command or in a script?"""
    return bool(before) and (
        before[-1] in _FONTS
        or before[-1] in ("_", "^")
        or (before[-1] == "{" and len(before) > 1 and (before[0] in _FONTS or before[0] in ("_", "^")))
    )


_FONTS = frozenset(
    [
        r"\mathrm",
        r"\operatorname",
        r"\rm",
        r"\textrm",
        r"\text",
        r"\mbox",
        r"\mathop",
        r"\mathit",
        r"\mathbf",
        r"\mathsf",
        "*",
        r"\scriptstyle",
        r"\scriptscriptstyle",
        r"\sf",
        r"\it",
        r"\tt",
        r"\bf",
        r"\mit",
        r"\cal",
        r"\begin",
        r"\end",
    ]
)

_ROMAN = re.compile(rf"(?<!\S)\\(?:mathrm|textrm|text|mbox) \{{ (?:~ )?({_SPACED})(?: ~)? \}}")


@rule(
    "CMD018",
    "roman-for-operator",
    "info",
    has(rf"\\(?:mathrm|textrm|text|mbox)\s*\{{[\s~]*(?:{_LOOSE})[\s~]*\}}"),
    fix="unsafe",
    fix_kind="style",
    covers={"CMD7": "in upright letters"},
)
def roman_for_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""An operator in upright letters: `\mathrm { e x p } ( x )`.

    Why: It is one more spelling of `\exp`, without the gaps of an operator.
    Fires: ``\mathrm { e x p } ( x )`` -> ``\mathrm { e x p }`` => ``\exp ( x )``
    Fires: ``\mathrm{det} A`` -> ``\mathrm{det}`` => ``\det A``
    Quiet: ``\exp ( x )``
    Quiet: ``\mathrm { e f f }``
    Quiet: ``x _ { \mathrm { m a x } }``
    Fix: Unsafe: the gaps change.
    """
    for place in places(label, _ROMAN):
        if label.tokens[max(0, place.start - 2) : place.start][-2:] in (["_", "{"], ["^", "{"]):
            continue
        name = place.match[1].replace(" ", "")
        yield label.at(place.start, place.end, f"\\{name} is a command of its own", f"\\{name}")


#: Names of commands that no product of variables and no word in a formula spells.
_NAMES = [
    "frac",
    "sqrt",
    "begin",
    "alpha",
    "gamma",
    "delta",
    "theta",
    "lambda",
    "sigma",
    "omega",
    "epsilon",
    "infty",
    "cdots",
    "ldots",
    "rightarrow",
    "leq",
    "geq",
    "neq",
    "cdot",
    "mathrm",
    "mathbf",
    "overline",
    "displaystyle",
    "textstyle",
    "scriptstyle",
]
_LOST = "|".join(" ".join(name) for name in sorted(_NAMES, key=len, reverse=True))
_LOST_NAME = re.compile(rf"(?<![A-Za-z]) ?(?<![A-Za-z] )(?<!\S)({_LOST})(?! ?[A-Za-z](?!\S))(?!\S)")


@rule(
    "CMD019",
    "command-as-letters",
    "warning",
    has(rf"(?:^|[^A-Za-z\\])(?:{'|'.join(_ANY_SPACE.join(name) for name in _NAMES)})(?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers={"ESC4": "", "CMD7": "for other commands"},
)
def command_as_letters(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that lost its backslash: `f r a c { h c } { 2 \pi }`, `alpha = 2`.

    Why: The label draws the letters of the name, and its arguments become factors.
    Fires: ``f r a c { h c } { 2 \pi }`` -> ``f r a c`` => ``\frac { h c } { 2 \pi }``
    Fires: ``alpha = 2`` -> ``alpha`` => ``\alpha = 2``
    Fires: ``z = s q r t ( 3 )`` -> ``s q r t ( 3 )`` => ``z = \sqrt { 3 }``
    Fires: ``f r a c ( 1 ) ( 2 )`` -> ``f r a c``
    Quiet: ``\frac { h c } { 2 \pi }``
    Quiet: ``\begin{matrix} a \end{matrix}``
    Quiet: ``\mathrm { ~ a l p h a ~ r a y s }``
    Quiet: ``x _ { m a t r i x }``
    Quiet: ``\text{alpha decay}``
    Quiet: ``\label{alpha}``
    Fires: ``s q r t 1 0 x`` -> ``s q r t``
    Fires: ``- d i s p l a y s t y l e \sum _ { i }`` -> ``d i s p l a y s t y l e`` => ``- \displaystyle \sum _ { i }``
    Fix: Unsafe: the backslash, and braces for the parentheses of a root. None if the arguments of a command have no
    braces.
    See: One label of im2latex has `f r a c { h c } { 2 \pi }`.
    """
    words = label.prose
    upright = _in_upright_groups(label)
    for place in places(label, _LOST_NAME, 1):
        if place.start in words or place.start in upright:
            continue
        if label.tokens[place.start - 1 : place.start] == [r"\\"]:
            continue  # a backslash too many, not one too few: ESC006 reports it
        name = place.match[1].replace(" ", "")
        message = f"single letters instead of \\{name}: the backslash is probably missing"
        follows = label.tokens[place.end : place.end + 1]
        if not COMMANDS[name].args or follows in (["{"], ["["]):
            yield label.at(place.start, place.end, message, f"\\{name}")
            continue
        rooted = name == "sqrt" and follows == ["("]
        closing = _closing_parenthesis(label.tokens, place.end) if rooted else None
        if closing is None:
            yield label.at(place.start, place.end, message)
        else:
            text = label.text
            inner = text[label.spans[place.end][1] : label.spans[closing][0]]
            gap = " " if inner[:1].isspace() else ""
            yield label.at(place.start, closing + 1, message, f"\\{name}{gap}{{{inner}}}")


#: The most tokens under a root.
_FAR = 500


def _closing_parenthesis(tokens: list[str], opening: int) -> int | None:
    """The `)` that closes the `(` at `opening`, if there is something between them and both are in one group."""
    depth = braces = 0
    for at in range(opening, min(len(tokens), opening + _FAR)):
        braces += (tokens[at] == "{") - (tokens[at] == "}")
        if braces < 0 or (braces == 0 and tokens[at] in ("&", "\\\\")):
            return None
        if braces == 0:
            depth += (tokens[at] == "(") - (tokens[at] == ")")
            if depth == 0:
                return at if at > opening + 1 else None
    return None


def _in_upright_groups(label: Label) -> frozenset[int]:
    """The tokens in the braced argument of a font command, or in a group that begins with a font switch."""
    tokens = label.tokens
    inside: list[int] = []
    groups = [False]  # for each open group, the innermost last: is it, or one around it, upright?
    for index, token in enumerate(tokens):
        if token == "{":
            before = index > 0 and tokens[index - 1] in _FONTS
            groups.append(groups[-1] or before or not _FONTS.isdisjoint(tokens[index + 1 : index + 2]))
        elif token == "}" and len(groups) > 1:
            groups.pop()
        elif groups[-1]:
            inside.append(index)
    return frozenset(inside)


_TEXT_LETTERS = {
    command.name
    for command in COMMANDS.values()
    if command.name
    in ("l", "L", "o", "O", "i", "j", "d", "b", "c", "ae", "AE", "oe", "OE", "ss", "H", "k", "r", "u", "v")
}


_TEXT_ACCENTS = frozenset(f"\\{name}" for name in "dbcHkruv")


@rule(
    "CMD020", "text-letter", "info", has_command(*sorted(_TEXT_LETTERS)), covers=["CMD-letters"], tags=["unknown-name"]
)
def text_letter(label: Label, options: Options) -> Iterator[Finding]:
    r"""A text letter or text accent in math mode: `\l`, `\O`, `\d u`.

    Why: LaTeX warns that it is invalid in math mode and draws ł, Ø or a dot below. Almost always it is an author's
    macro for `\lambda`, `\Omega` or a differential whose definition is lost.
    Fires: ``\l ^ { 2 }`` -> ``\l``
    Fires: ``\langle \O | Q`` -> ``\O``
    Quiet: ``\lambda ^ { 2 }``
    Quiet: ``\text{\o} + \omega``
    Quiet: ``a \leq b``
    Fix: None: the definition is in the paper.
    See: 35 labels of the normalised im2latex validation set.
    """
    words = label.prose
    for index in label.find(*(f"\\{name}" for name in _TEXT_LETTERS)):
        if index not in words:
            what = "an accent" if label.tokens[index] in _TEXT_ACCENTS else "a letter"
            yield label.at(index, index + 1, f"{label.tokens[index]} is {what} of text, not a symbol")
