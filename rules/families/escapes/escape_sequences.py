r"""ESC: damage from escaping, and tokens that stand for layout. Ordinary white space is in `whitespace`.

No rule covers ESC4 in the catalogue of defects, the danger that deleting the text `\n` turns `\neq` into `eq`. It is a
requirement on fixes: a test checks that none of them changes a longer control word.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache

from rules.findings import Finding
from rules.fixes.edits import Edit
from rules.latex.commands import COMMANDS
from rules.options import count
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has

#: What C-style unescaping turns a backslash and a letter into.
EATEN: dict[str, str] = {
    "\a": "a",
    "\b": "b",
    "\t": "t",
    "\n": "n",
    "\v": "v",
    "\f": "f",
    "\r": "r",
}
#: These are also ordinary white space, so they don't prove that there was a command.
_SPACE_LIKE = frozenset("\t\n\r")
_EATEN = re.compile("([\a\b\t\n\v\f\r])([A-Za-z]+)")


def _eaten_command(control: str, letters: str) -> str | None:
    """The command that unescaping damaged: the longest one that begins the letter of `control` and `letters`."""
    for end in range(min(len(letters), _LONGEST), 0, -1):
        name = EATEN[control] + letters[:end]
        command = COMMANDS.get(name)
        if (
            command is not None
            and len(name) > 1
            and (command.common or command.latex)
            and command.kind not in _NEVER_MEANT
        ):
            return name
    return None


_LONGEST = max(map(len, COMMANDS))
_NEVER_MEANT = frozenset({"document", "definition", "primitive", "other"})


def _is_plain_space(label: str, control: str, start: int, letters: str, name: str) -> bool:
    """Is a TAB or line end before letters more likely white space than part of a damaged command?

    It is if the letters go on after the command, as in `<LF>eta + x`; if only one letter is left of the command; and if
    the same character also occurs before something that isn't a letter.
    """
    if control not in _SPACE_LIKE:
        return False
    if _after_row(label, start):
        return True
    if len(name) - 1 < len(letters) or len(letters) == 1:
        return True
    return _stands_before_others(label, control)


def _after_row(label: str, start: int) -> bool:
    """Is there a row break before this place? Lines of the source often end after one."""
    while start and label[start - 1] == " ":
        start -= 1
    return label[max(0, start - 2) : start] == r"\\"


@lru_cache(maxsize=256)  # called for every place in a label
def _stands_before_others(label: str, control: str) -> bool:
    """Does this character occur anywhere before something that isn't a letter?"""
    return re.search(f"{re.escape(control)}(?![A-Za-z])", label) is not None


@rule(
    "ESC001",
    "layout-newline-token",
    "error",
    has(r"\\n(?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    tags=["layout"],
    mended_by="layout",
    covers=["ESC1"],
)
def layout_newline_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""The two-character token `\n`, which M²E and similar sets use for "next line".

    Why: It isn't a LaTeX command, so the label doesn't render and a model learns a token that draws nothing. It still
    carries information: deleting it joins two lines.
    Fires: ``a = 1 \n b = 2`` -> ``\n`` => ``a = 1 \\ b = 2``
    Fires: ``1 2 \n \times 3 4 \n 4 8`` -> ``\n`` ``\n`` => ``1 2 \\ \times 3 4 \\ 4 8``
    Quiet: ``a \neq b``
    Quiet: ``\nu + \nabla``
    Quiet: ``a \\ n``
    Fix: Unsafe: a row break, which is right only inside an environment with rows. `--profile m2e` builds the whole
    table instead.
    See: HCIILAB/LAST model/M2Edatamodule.py splits labels at both tokens.
    """
    for index in label.find("\\n"):
        yield label.at(index, index + 1, r"\n isn't LaTeX; in M²E it means the next line", r"\\")


@rule(
    "ESC002",
    "layout-continuation-token",
    "error",
    has(r"\\t(?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    tags=["layout"],
    mended_by="layout",
    covers=["ESC2"],
)
def layout_continuation_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""The two-character token `\t`: in M²E it starts a new block of lines, and `\n \t` continues the previous step.

    Why: In LaTeX, `\t` is a text accent, which is not allowed in a formula. The model never sees the layout that it
    stood for.
    Fires: ``x = 2 \t y = 3`` -> ``\t`` => ``x = 2 \\ y = 3``
    Fires: ``1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6`` -> ``\t``
    Quiet: ``3 \times 4``
    Quiet: ``\theta + \tan x + \text{a}``
    Fix: Unsafe: a row break. `--profile m2e` builds the whole table instead.
    See: HCIILAB/LAST model/M2Edatamodule.py line 246.
    """
    for index in label.find("\\t"):
        continued = index and label.tokens[index - 1] == "\\n"
        meaning = "it continues the previous step" if continued else "it starts a new block of lines"
        yield label.at(index, index + 1, rf"\t isn't allowed in a formula; in M²E {meaning}", r"\\")


@rule(
    "ESC003",
    "outer-layout-token",
    "warning",
    has(r"\\[nt](?:[^A-Za-z]|$)"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    tags=["layout"],
    mended_by="layout",
    covers=["ESC3"],
)
def outer_layout_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""A layout token at the very start or end of a label, where there is no line to break.

    Why: A line is missing or empty. M²E's own loader rejects such a label.
    Fires: ``a = b \n`` -> ``\n`` => ``a = b``
    Fires: ``\t a = b`` -> ``\t`` => ``a = b``
    Quiet: ``a \n b``
    Fix: Unsafe: it is dropped. LaTeX doesn't know the token, so nothing can be proven.
    """
    if not label.tokens:
        return
    last = len(label.tokens) - 1
    for index in {0, last}:
        if label.tokens[index] in ("\\n", "\\t"):
            where = "end" if index == last and last else "start"
            yield label.at(index, index + 1, f"{label.tokens[index]} at the {where} breaks no line", "")


def _eaten_only(text: str, edits: Sequence[Edit]) -> bool:
    """Does unescaping each replacement give the original text? The rule itself makes sure that no other command
    does.
    """
    return all(
        edit.replacement[:1] == "\\"
        and EATEN.get(text[edit.start]) == edit.replacement[1:2]
        and text[edit.start + 1 : edit.end] == edit.replacement[2:]
        for edit in edits
    )


@rule(
    "ESC005",
    "escape-eaten-command",
    "error",
    has("[\a\b\t\n\v\f\r][A-Za-z]"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    proof=_eaten_only,
    covers=["ESC5"],
)
def escape_eaten_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command whose backslash and first letter became a control character, because text was unescaped once too
    often.

    Why: `\times` became TAB and `imes`. Later tools see white space and letters, so nothing complains, and the model
    learns to write "imes".
    Fires: ``a ␉imes b`` -> ``␉imes``
    Fires: ``␌rac {1}{2}`` -> ``␌rac`` => ``\frac {1}{2}``
    Fires: ``␍ho + ␈eta`` -> ``␍ho`` ``␈eta`` => ``\rho + \beta``
    Fires: ``a ␊eq b`` -> ``␊eq``
    Fires: ``␋ec x + ␇lpha`` -> ``␋ec`` ``␇lpha`` => ``\vec x + \alpha``
    Quiet: ``a \times b``
    Quiet: ``\frac{1}{2} ␊ + x``
    Fires: ``p _ { \mu ␊u } q`` -> ``␊u`` => ``p _ { \mu \nu } q``
    Quiet: ``x = 1,␊y = 2``
    Quiet: ``x = 1,␊u = 2``
    Quiet: ``\frac{\partial}{\partial␉g}``
    Quiet: ``a = b \\␊eq c``
    Quiet: ``\begin{matrix} a \\ ␊u \end{matrix}``
    Fix: Safe if only one command can have been there; display if a TAB or line end may be ordinary white space.
    See: opendatalab/UniMERNet cdm/README.md: "`\begin` should be written `\\begin`".
    """
    for match in _EATEN.finditer(label.text):
        control, letters = match.groups()
        name = _eaten_command(control, letters)
        if name is None:
            continue
        plain = _is_plain_space(label.text, control, match.start(), letters, name)
        if plain and not _is_likely(label.text, match, name):
            continue
        yield Finding(
            f"{_NAMES[control]} and {letters[: len(name) - 1]!r} {'may have been' if plain else 'were'} \\{name} "
            "before unescaping",
            match.start(),
            match.start() + len(name),
            f"\\{name}",
            severity="warning" if plain else None,
            fix="display" if plain else None,
        )


def _is_likely(label: str, match: re.Match[str], name: str) -> bool:
    """Is a damaged command likely where a TAB or line end may also be white space?

    Before a single letter it is mostly white space: `x = 1,<LF>y = 2`. Of the commands with two letters, \to is common
    after a TAB. For the others, the character must be where a token can be, and the only one of its kind: `{ \\mu <LF>u
    }`.
    """
    control, letters = match.groups()
    if _after_row(label, match.start()):
        return False
    if len(letters) > 1 or name == "to":
        return True
    if control != "\n":
        return False
    before, after = label[max(0, match.start() - _LONGEST) : match.start()], label[match.end() : match.end() + 1]
    in_place = re.search(r"(?:^|[ {]|\\[A-Za-z]+)\Z", before) and re.match(r"\Z|[ }_^]", after)
    return in_place is not None and not _stands_before_others(label, control)


_NAMES = {"\a": "BEL", "\b": "BS", "\t": "TAB", "\n": "LF", "\v": "VT", "\f": "FF", "\r": "CR"}


@rule(
    "ESC006",
    "double-escaped-command",
    "warning",
    has(r"\\\\[A-Za-z]{2}"),
    fix="unsafe",
    fix_kind="repair",
    options={"shortest": count(3, at_least=2)},
    skips_canonical=True,
    covers=["ESC6"],
)
def double_escaped_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command with two backslashes: `\\frac` where `\frac` was meant.

    Why: LaTeX reads a line break and the letters "frac". The label still compiles, but draws something else.
    Fires: ``\\frac{1}{2}`` -> ``\\frac`` => ``\frac{1}{2}``
    Fires: ``a \\times b`` -> ``\\times`` => ``a \times b``
    Quiet: ``a \\ b``
    Quiet: ``\begin{aligned} a &= 1 \\b &= 2 \end{aligned}``
    Quiet: ``\begin{array}{c} a \\\hline b \end{array}``
    Fix: Unsafe: one backslash; the line break may have been meant. The option `shortest` is the length of the shortest
    command name to look for.
    """
    for index in label.find("\\\\"):
        end = label.spans[index][1]
        match = re.compile(r"[A-Za-z]+").match(label.text, end)
        if match is None:
            continue
        name = _longest_command(match[0], options["shortest"])
        if name is not None:
            yield Finding(
                f"\\\\{name} is a line break followed by letters; \\{name} was probably meant",
                label.spans[index][0],
                end + len(name),
                f"\\{name}",
            )


def _longest_command(letters: str, shortest: int) -> str | None:
    """The whole word if it is a command; else the command with arguments that it begins with, as in `frac12`."""
    command = COMMANDS.get(letters)
    if command is not None and len(letters) >= shortest and command.latex and command.kind not in _NEVER_MEANT:
        return letters
    return None


@rule(
    "ESC007",
    "control-character",
    "error",
    has("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\t\r\n]"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["ESC7"],
    tags=["label-form"],
)
def control_character(label: Label, options: Options) -> Iterator[Finding]:
    r"""A raw control character in a label: NUL, BEL, BS, VT, FF, DEL and others. TAB and line ends are only remarks.

    Why: A data set with one label per line and columns separated by TAB can't hold a TAB or a line end: the row breaks
    in two. LaTeX stops at the others ("invalid character").
    Fires: ``a ␇ b`` -> ``␇`` => ``a b``
    Fires: ``a␉b`` -> ``␉`` => ``a b``
    Fires: ``x = 1,␊u = 2`` -> ``␊`` => ``x = 1, u = 2``
    Quiet: ``a b``
    Quiet: ``␌rac{1}{2}``
    Fix: Safe for TAB and line ends: one space. Display for the others, which are dropped.
    """
    for match in re.finditer("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]|[\t\r\n]+", label.text):
        character = match[0][0]
        eaten = _EATEN.match(label.text, match.end() - 1)
        if eaten is not None and (name := _eaten_command(*eaten.groups())) is not None:
            control, letters = eaten.groups()
            plain = _is_plain_space(label.text, control, eaten.start(), letters, name)
            if not plain or _is_likely(label.text, eaten, name):
                continue  # ESC005 reports it
        if character in _SPACE_LIKE:
            tab = set(match[0]) == {"\t"}
            yield Finding(
                "a TAB inside a label breaks tables whose columns are separated by TABs"
                if tab
                else "a line end inside a label breaks data sets with one label per line",
                *match.span(),
                " ",
                severity="info",
            )
        else:
            yield Finding(
                f"control character U+{ord(character):04X}: LaTeX stops at it",
                *match.span(),
                "",
                fix="display",
                severity="error",
            )


_ENTITY = re.compile(r"&(?:#\d+|#x[0-9A-Fa-f]+|[A-Za-z]{2,8});")
_KNOWN_ENTITIES = {"lt": "<", "gt": ">", "amp": "&", "quot": '"', "apos": "'", "nbsp": " ", "#39": "'", "#34": '"'}


def _entities_only(text: str, edits: Sequence[Edit]) -> bool:
    """Does every edit replace one HTML entity by the character that it stands for?"""
    return all(
        text[edit.start] == "&" and html.unescape(text[edit.start : edit.end]).replace("\xa0", " ") == edit.replacement
        for edit in edits
    )


@rule(
    "ESC008",
    "html-entity",
    "warning",
    has(r"&(?:#\w+|[A-Za-z]{2,8});"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    proof=_entities_only,
    covers=["ESC8"],
)
def html_entity(label: Label, options: Options) -> Iterator[Finding]:
    r"""An HTML entity: `&lt;` where `<` was meant.

    Why: LaTeX reads the `&` as an alignment mark, which is an error outside a matrix, and the rest as letters.
    Fires: ``a &lt; b`` -> ``&lt;`` => ``a < b``
    Fires: ``x &amp;= 1`` -> ``&amp;``
    Quiet: ``a < b``
    Quiet: ``\begin{matrix} a & b; & c \end{matrix}``
    Fix: Safe for `&lt;`, `&gt;`, `&amp;` and `&quot;`, which have only one meaning; display for the rest.
    See: InkML files of CROHME; LaTeX-OCR extract_latex.py --unescape.
    """
    for match in _ENTITY.finditer(label.text):
        name = match[0][1:-1]
        meant = _KNOWN_ENTITIES.get(name)
        if meant is None and not name.startswith("#"):
            continue
        yield Finding(
            f"{match[0]} is an HTML entity{f' for {meant}' if meant and meant.strip() else ''}",
            *match.span(),
            meant,
            fix=None if meant else "display",
        )


@rule(
    "ESC009",
    "layout-division-token",
    "error",
    has(r"\\DIV(?:[^A-Za-z]|$)"),
    skips_canonical=True,
    tags=["layout"],
    covers=["ESC-division"],
)
def layout_division_token(label: Label, options: Options) -> Iterator[Finding]:
    r"""The token `\DIV`, which M²E uses for a long division whose layout the label doesn't contain.

    Why: No LaTeX command draws it, and the label doesn't say what is written under the bracket.
    Fires: ``8 \DIV 9 6`` -> ``\DIV``
    Quiet: ``8 \div 9 6``
    Fix: None: drop the sample, or write the label again.
    See: HCIILAB/LAST dataset/dic.txt.
    """
    for index in label.find("\\DIV"):
        yield label.at(index, index + 1, r"\DIV is M²E's mark for a long division, not LaTeX")
