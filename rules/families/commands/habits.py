"""CMD: plain TeX commands, and commands that override LaTeX's own choice of font, size, box or limits."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.actions import ACTIONS, COMMAND, DISPLAY_LIMITS
from rules.latex.synonyms import FUNCTIONS, longest_first
from rules.options import OFF
from rules.registry import EVERY, Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command

_SWITCHES = {
    "rm": "mathrm",
    "bf": "mathbf",
    "it": "mathit",
    "sf": "mathsf",
    "tt": "mathtt",
    "cal": "mathcal",
}


@rule(
    "CMD005",
    "font-switch",
    "info",
    has_command(*_SWITCHES),
    fix="unsafe",
    fix_kind="style",
    options={EVERY: OFF},
    skips_canonical=True,
    covers=["CMD5"],
)
def font_switch(label: Label, options: Options) -> Iterator[Finding]:
    r"""A font switch of plain TeX: `{\rm d}`, `{\bf x}`, `\cal`.

    Why: It is a second spelling of `\mathrm{d}`, with a different scope.
    Fires: ``{ \rm d } x`` -> ``{ \rm d }`` => ``\mathrm { d } x``
    Fires: ``x ^ { \bf 2 }`` -> ``\bf 2`` => ``x ^ { \mathbf { 2 } }``
    Fires: ``a \bf b`` -> ``\bf``
    Quiet: ``\mathrm { d } x``
    Fix: Unsafe: the command with an argument, if the switch begins a group and is the only one in it. Only the first
    place in a label is reported; with `every = true`, every place.
    """
    places = list(label.find(*(f"\\{name}" for name in _SWITCHES)))
    for index in places if options[EVERY] else places[:1]:
        token = label.tokens[index]
        start, end, replacement = _with_argument(label, index)
        use = f"\\{_SWITCHES[token[1:]]}{{…}}"
        if index in label.prose and token != "\\cal":
            text = f"\\text{_SWITCHES[token[1:]].removeprefix('math')}{{…}}"
            use = text if "$" not in label.words else f"{text}, or {use} between dollar signs"
        yield label.at(start, end, f"{token} is obsolete: use {use}", replacement)


def _with_argument(label: Label, index: int) -> tuple[int, int, str | None]:
    r"""The tokens that `\mathrm { … }` replaces, and the replacement; only the switch and None if there is none.

    The group's own braces are replaced too, unless they belong to an argument or a script.
    """
    tokens = label.tokens
    closing = label.partners.get(index - 1)
    inside = tokens[index + 1 : closing]
    if closing is None or not inside or index in label.prose or not _SCOPED.isdisjoint(inside):
        return index, index + 1, None
    gap = (
        " "
        if label.text[label.spans[index + 1][0] - 1].isspace() and label.text[label.spans[index][0] - 1] == " "
        else ""
    )
    body = label.shown(index + 1, closing, len(label.text))
    written = f"\\{_SWITCHES[tokens[index][1:]]}{gap}{{{gap}{body}{gap}}}"
    if _is_argument(tokens, index - 1):
        return index, closing, written
    return index - 1, closing + 1, written


#: Tokens that act up to the end of the group or end a switch's scope: a font command around them changes the formula.
_SCOPED = frozenset(
    [f"\\{name}" for name in (*_SWITCHES, "over", "atop", "choose", "brack", "brace", "displaystyle", "textstyle")]
    + ["\\scriptstyle", "\\scriptscriptstyle", "&", "\\\\", "\\color", "\\mathrm", "\\mathbf", "\\mathit", "\\mathcal"]
)


@rule(
    "CMD006",
    "infix-fraction",
    "info",
    has_command("over", "atop", "choose", "brack", "brace", "above"),
    skips_canonical=True,
    covers=["CMD6"],
)
def infix_fraction(label: Label, options: Options) -> Iterator[Finding]:
    r"""An infix command of plain TeX: `a \over b`, `n \choose k`.

    Why: It is a second spelling of `\frac{a}{b}`, and its arguments depend on the braces around it.
    Fires: ``{ a \over b }`` -> ``\over``
    Quiet: ``\frac { a } { b }``
    Fix: None here. The canonical form writes `\frac` and `\binom`. Only the first place in a label is reported.
    """
    places = list(label.find("\\over", "\\atop", "\\choose", "\\brack", "\\brace", "\\above"))
    if places:
        more = f", one of {len(places)} in this label" if len(places) > 1 else ""
        yield label.at(places[0], places[0] + 1, f"infix {label.tokens[places[0]]}{more}")


#: Without the two names that are more often a product of two letters.
_OPERATORS = longest_first(FUNCTIONS - {"Pr", "lg"})
_LETTERS = "|".join(" ".join(name) for name in _OPERATORS)
_SPACED_OPERATOR = re.compile(rf"(?<![A-Za-z\\])(?:{_LETTERS})(?=[ ^_(\\{{]|\Z)")
_IN_TEXT = re.compile(r"\\(?:operatorname|math[a-z]+|text[a-z]*|[mh]box|tag|label|begin|end)\*? ?\{ ?\Z")


#: How many characters before and after a name decide whether it is an operator: a command's name and some spaces.
_NEAR = 80


def _is_operator(before: str, name: str, after: str) -> bool:
    """Can the letters be an operator here? Not if they fill a group, or if they may be the end of a word."""
    if name in ("min", "sec") and re.search(r"\d ?\Z", before) and not re.match(r" ?[_({\\]", after):
        return False  # minutes or seconds: `5 m i n`
    if before.endswith(("{", "{ ")):
        return not after.lstrip(" ").startswith("}") and _IN_TEXT.search(before) is None
    if re.search(r"[A-Za-z] ?\Z", before) is None or re.search(r"\\[A-Za-z]+ ?\Z", before):
        return True
    # After a single letter, as in `r s i n \theta`, only an argument tells an operator from a product.
    alone = re.search(r"(?:^|[^A-Za-z ]) ?[A-Za-z] ?\Z", before) is not None
    return alone and len(name) > 2 and re.match(r" ?[\^(\\{A-Za-z0-9]", after) is not None


@rule(
    "CMD007",
    "operator-as-letters",
    "info",
    has(rf"(?:^|[^A-Za-z\\]) ?(?:{_LETTERS})(?:[ ^_(\\{{]|$)"),
    fix="unsafe",
    fix_kind="repair",
    covers=["CMD7", "NRM4"],
)
def operator_as_letters(label: Label, options: Options) -> Iterator[Finding]:
    r"""An operator's name written as single letters: `s i n ( x )`, `l i m _ { x }`.

    Why: LaTeX sets the letters in italics, as a product. Handwriting doesn't show the difference, so a data set needs
    one policy. Normalisers that delete `\operatorname` leave such letters behind.
    Fires: ``s i n ( x )`` -> ``s i n`` => ``\sin ( x )``
    Fires: ``y = l i m _ { x }`` -> ``l i m`` => ``y = \lim _ { x }``
    Fires: ``y = r s i n \theta`` -> ``s i n`` => ``y = r \sin \theta``
    Fires: ``\frac { c o s x } { 2 } \cdot s i n ^ { 2 } x`` -> ``c o s`` ``s i n``
    Quiet: ``\sin ( x )``
    Quiet: ``\operatorname { s i n } x``
    Quiet: ``b s i n``
    Quiet: ``t = 5 m i n``
    Quiet: ``\text { a b a s i n i s }``
    Fix: Unsafe: `\sin`.
    See: 5.4 % of MathWriting's test labels.
    """
    command, behind = "", 0  # the name found last, as a command, and where it ends
    for match in _SPACED_OPERATOR.finditer(label.text):
        name = match[0].replace(" ", "")
        start, end = match.span()
        before = label.text[max(behind, start - _NEAR) : start]
        if start - behind < _NEAR:
            before = command + before
        if _is_operator(before, name, label.text[end : end + _NEAR]):
            command, behind = f"\\{name}", end
            yield Finding(f"single letters instead of {command}", start, end, command)


_SPACED_NAME = re.compile(rf"\\operatorname ?(\*?) ?\{{ ?({'|'.join(' ?'.join(n) for n in _OPERATORS)}) ?\}}")


@rule(
    "CMD008",
    "operatorname-for-known",
    "info",
    has_command("operatorname"),
    fix="safe",
    fix_kind="style",
    covers=["CMD8"],
)
def operatorname_for_known(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\operatorname { s i n }` for an operator that has its own command.

    Why: It is a longer second spelling of `\sin`.
    Fires: ``\operatorname { s i n } x`` -> ``\operatorname { s i n }`` => ``\sin x``
    Quiet: ``\operatorname { s g n } x``
    Fix: Safe: `\sin`.
    See: breezedeus/Pix2Text issue 136.
    """
    for match in _SPACED_NAME.finditer(label.text):
        name = match[2].replace(" ", "")
        yield Finding(f"\\{name} is a command of its own", *match.span(), f"\\{name}")


_SIZES = ("left", "right", "displaystyle", "textstyle", "scriptstyle", "scriptscriptstyle")


_BIGS = tuple(f"{size}{side}" for size in ("big", "Big", "bigg", "Bigg") for side in ("", "l", "r", "m"))


@rule(
    "CMD009",
    "size-command",
    "info",
    has_command(*_SIZES[2:], *_BIGS),
    fix="unsafe",
    fix_kind="style",
    options={EVERY: OFF},
    covers=["CMD9"],
)
def size_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A size or style set by hand: `\big(`, `\displaystyle`.

    Why: The picture often doesn't show it, and two annotators choose differently.
    Fires: ``\big( x \big)`` -> ``\big`` => ``( x )``
    Fires: ``\displaystyle \sum x`` -> ``\displaystyle`` => ``\sum x``
    Quiet: ``( x )``
    Fix: Unsafe: it is dropped, and the picture changes a little. Only the first place in a label is reported; with
    `every = true`, every place.
    """
    places = list(label.find(*(f"\\{name}" for name in (*_SIZES[2:], *_BIGS))))
    for index in places if options[EVERY] else places[:1]:
        yield label.at(index, index + 1, f"{label.tokens[index]} sets a size by hand", "")


@rule(
    "CMD010",
    "needless-limits",
    "info",
    has_command("limits"),
    fix="safe",
    fix_kind="style",
    skips_canonical=True,
    covers=["CMD10"],
)
def needless_limits(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` after an operator that sets its limits above and below anyway: `\sum \limits _ { i }`.

    Why: In display style it changes nothing. In 762 labels, it is the difference between two copies of one CROHME set.
    Fires: ``\sum \limits _ { i } x`` -> ``\limits`` => ``\sum _ { i } x``
    Quiet: ``\int \limits _ { a }``
    Quiet: ``\sum _ { i } x``
    Fix: Safe in display style: it is dropped. Inside a fraction or a script, the picture changes.
    """
    for index in label.find("\\limits"):
        if index and label.tokens[index - 1] in DISPLAY_LIMITS:
            message = f"{label.tokens[index - 1]} sets its limits above and below anyway in display style"
            yield label.at(index, index + 1, message, "")


_BOXES = (
    "mbox",
    "hbox",
    "makebox",
    "framebox",
    "fbox",
    "scalebox",
    "resizebox",
    "raisebox",
    "parbox",
    "vbox",
    "vcenter",
)


@rule(
    "CMD012",
    "box-command",
    "info",
    has_command(*_BOXES),
    fix="unsafe",
    fix_kind="style",
    options={EVERY: OFF},
    skips_canonical=True,
    covers=["CMD12"],
)
def box_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A box: `\mbox{…}`, `\hbox to 3pt{…}`, `\raisebox`.

    Why: A box is set in text mode, with its own spaces and sizes. `\text` is usually what is meant.
    Fires: ``x \mbox { if } y`` -> ``\mbox`` => ``x \text { if } y``
    Quiet: ``x \text { if } y``
    Fires: ``\raisebox { 1 e x } { x }`` -> ``\raisebox``
    Fix: Unsafe: `\text` for `\mbox` and `\hbox`, which looks the same except in scripts. Only the first place in a
    label is reported; with `every = true`, every place.
    """
    places = list(label.find(*(f"\\{name}" for name in _BOXES)))
    for index in places if options[EVERY] else places[:1]:
        token = label.tokens[index]
        plain = token in ("\\mbox", "\\hbox") and label.tokens[index + 1 : index + 2] == ["{"]  # no size is given
        yield label.at(index, index + 1, f"{token} puts a box into the formula", "\\text" if plain else None)


_COLOURS = ("color", "textcolor", "colorbox", "fcolorbox")


@rule(
    "CMD014",
    "colour-command",
    "info",
    has_command(*_COLOURS),
    fix="unsafe",
    fix_kind="style",
    skips_canonical=True,
    covers=["CMD14"],
)
def colour_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A colour: `\color{red}{x}`.

    Why: OCR labels don't usually record colours. Normalisers derived from im2markup crash on the command and leave an
    empty label.
    Fires: ``\color { red } x`` -> ``\color { red }`` => ``x``
    Fires: ``a + \textcolor{red}{b}`` -> ``\textcolor{red}{b}`` => ``a + b``
    Fires: ``x^\textcolor{red}{2}`` -> ``\textcolor{red}`` => ``x^{2}``
    Fires: ``\colorbox { red } { x }`` -> ``\colorbox``
    Quiet: ``x``
    Fix: Unsafe: `\color` or `\textcolor` is dropped with the name of the colour. None for a box, which holds text.
    """
    for index in label.find(*(f"\\{name}" for name in _COLOURS)):
        name = label.partners.get(index + 1) if label.tokens[index] in ("\\color", "\\textcolor") else None
        message = f"{label.tokens[index]} sets a colour"
        if name is None:
            yield label.at(index, index + 1, message)
            continue
        closing = label.partners.get(name + 1) if label.tokens[index] == "\\textcolor" else None
        if closing is None or not _stands_alone(label.tokens, index, name + 1, closing):
            yield label.at(index, name + 1, message, "")
        else:
            yield label.at(index, closing + 1, message, label.shown(name + 2, closing, len(label.text)))


def _stands_alone(tokens: list[str], start: int, opening: int, closing: int) -> bool:
    """Can the braces be dropped: `start` begins no argument, the group has no script, and nothing in it needs a
    group?
    """
    hangs = tokens[closing + 1 : closing + 2] in (["^"], ["_"], ["'"])
    return not (hangs or _is_argument(tokens, start)) and _SCOPED.isdisjoint(tokens[opening:closing])


def _is_argument(tokens: list[str], start: int) -> bool:
    """Can the token at `start` begin an argument or a script?"""
    before = tokens[start - 1] if start else ""
    return before in ("^", "_", "}", "]", "*") or (before[:1] == "\\" and ACTIONS.get(before) == COMMAND)


@rule(
    "CMD021",
    "limits-on-integral",
    "info",
    has_command("limits", "nolimits") & has_command("int", "oint", "iint"),
    fix="unsafe",
    fix_kind="style",
    skips_canonical=True,
    covers={"CMD10": "on integrals"},
)
def limits_on_integral(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` on an integral: `\int \limits _ { a } ^ { b }`.

    Why: It sets the bounds above and below the sign instead of beside it. Two annotators of one picture choose
    differently.
    Fires: ``\int \limits _ { a } ^ { b } x`` -> ``\limits`` => ``\int _ { a } ^ { b } x``
    Quiet: ``\int _ { a } ^ { b } x``
    Quiet: ``\sum \limits _ { i } \int x``
    Quiet: ``\int \limits x``
    Fix: Unsafe: it is dropped, and the bounds move.
    """
    for index in label.find(r"\limits"):
        if label.tokens[index + 1 : index + 2] not in (["_"], ["^"]):
            continue
        if index and label.tokens[index - 1] in (r"\int", r"\oint", r"\iint", r"\iiint"):
            yield label.at(index, index + 1, "the bounds are set above and below an integral", "")
