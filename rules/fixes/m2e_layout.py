r"""Writes an M²E label, whose `\n` and `\t` stand for lines, as a LaTeX table. Doesn't guess long divisions.

`\n` begins the next row, `\t` the next block of rows, and `\n \t` is the same as `\t`. A block is a calculation in
columns if its first row is a number, followed by one or more rows of an operator and a number, and then only by
numbers. It gets the lines that are drawn under the operands and above the result. A label with an empty row or `\DIV`
can't be written, since it doesn't say what is there.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from rules.latex import lexer, reader
from rules.latex.commands import COMMANDS

Layout = Literal["tabular", "array"]
LAYOUTS: tuple[Layout, ...] = ("tabular", "array")

ROW = "\\n"
BLOCK = "\\t"
DIVISION = "\\DIV"

_OPERATORS = frozenset({"+", "-", "\\times", "\\div"})
_NUMBER = re.compile(r"[0-9]+(?:\.[0-9]+)?(?:\\%)?")
_WORD = re.compile(r"\\[A-Za-z]+")
#: In M²E's vocabulary, a sized delimiter such as `\left(` is one token. `%` is a character, not a comment sign.
_TOKEN = re.compile(rf"\\(?:left|right)(?![A-Za-z])(?:\\[^A-Za-z\s]|[^\\\s])|{lexer.PATTERN}")
_TIGHT = frozenset("{}_^")
#: These characters have a special meaning in TeX, so they can't be copied into the table.
_SPECIAL = frozenset("$#%")
_TABLE = re.compile(rf"\\begin\{{({'|'.join(LAYOUTS)})\}}\{{l\}}[\n ].*[\n ]\\end\{{\1\}}", re.DOTALL)
_LETTERS = re.compile(r"[A-Za-z]{2,}")
#: If a row of an array begins with one of these, the `\\` before it takes it as its argument.
_AFTER_BREAK = ("[", "*")


@dataclass(frozen=True)
class Repair:
    """The table for a label, or the reason why there is none and the tokens that are to blame (first, after last)."""

    text: str | None
    reason: str | None = None
    at: tuple[int, int] | None = None


@dataclass(frozen=True)
class _Row:
    tokens: list[str]
    start: int


def tokens(label: str) -> list[str]:
    r"""The tokens of an M²E label. Unlike in TeX, `\left(` and the like are one token, and `%` doesn't begin a
    comment.
    """
    return _TOKEN.findall(label)


def spans(label: str) -> list[tuple[int, int]]:
    """(start, end) of each token from `tokens`, as code point offsets, end exclusive."""
    return [match.span() for match in _TOKEN.finditer(label)]


def repair(label: str, layout: Layout = "tabular") -> str | None:
    r"""`label` with its layout tokens written as a table, or None if that isn't possible; `attempt` says why.

    A label without layout tokens is returned unchanged. `tabular` puts formulas in dollar signs and leaves text bare;
    `array` puts text in `\text{}`, for renderers without `tabular`. Raises ValueError for another layout.
    """
    return attempt(label, layout).text


def is_table(label: str) -> bool:
    """Whether the label looks like a repair: with line ends or, for formats with one label per line, with spaces."""
    return _TABLE.fullmatch(label) is not None


def attempt(label: str, layout: Layout = "tabular") -> Repair:
    """The repair of `label`, or the reason why there is none."""
    if layout not in LAYOUTS:
        raise ValueError(f"unknown layout {layout!r}; choose from {', '.join(LAYOUTS)}")
    toks = tokens(label)
    if DIVISION in toks:
        index = toks.index(DIVISION)
        return Repair(None, r"\DIV stands for a long division that isn't in the label", (index, index + 1))
    if ROW not in toks and BLOCK not in toks:
        return Repair(label)
    special = next((index for index, token in enumerate(toks) if token in _SPECIAL), None)
    if special is not None:
        return Repair(None, f"{toks[special]} has a special meaning in LaTeX", (special, special + 1))
    blocks = _blocks(toks)
    for number, row in enumerate((row for block in blocks for row in block), 1):
        if not row.tokens:
            return Repair(None, f"row {number} is empty", (max(row.start - 1, 0), max(row.start, 1)))
    lines = [line for block in blocks for line in _block_lines([row.tokens for row in block], layout)]
    if layout == "array":
        lines = [f"{{}}{line}" if _is_misread(line, first=place == 0) else line for place, line in enumerate(lines)]
    body = " \\\\\n".join(lines)
    text = f"\\begin{{{layout}}}{{l}}\n{body}\n\\end{{{layout}}}"
    problem = _first_problem(text)
    return Repair(text) if problem is None else Repair(None, f"LaTeX would also reject the table ({problem})")


def _is_misread(line: str, first: bool) -> bool:
    r"""Whether a line of an array that follows a line end could be misread.

    TeX takes a `[` or `*` as an argument of `\\`. Letters may look like the rest of a damaged command: `eq` on a new
    line may have been `\neq`.
    """
    letters = _LETTERS.match(line)
    if letters is not None:
        return any(f"n{letters[0][:end]}" in COMMANDS for end in range(1, len(letters[0]) + 1))
    return not first and line.startswith(_AFTER_BREAK)


def _first_problem(text: str) -> str | None:
    reading = reader.read(text, lexer.tokens(text))
    if not reading.fatal:
        return None
    return next(problem.kind for problem in reading.problems if problem.kind not in reader.HARMLESS).replace("-", " ")


def _blocks(toks: Sequence[str]) -> list[list[_Row]]:
    blocks = [[_Row([], 0)]]
    for index, token in enumerate(toks):
        if token == ROW and index + 1 < len(toks) and toks[index + 1] == BLOCK:
            continue
        if token == BLOCK:
            blocks.append([_Row([], index + 1)])
        elif token == ROW:
            blocks[-1].append(_Row([], index + 1))
        else:
            blocks[-1][-1].tokens.append(token)
    return blocks


def _block_lines(rows: list[list[str]], layout: Layout) -> list[str]:
    last_operator = _calculation(rows)
    if last_operator is None:
        return [_line(row, layout) for row in rows]
    lines = [_line(rows[0], layout)]
    for row in rows[1 : last_operator + 1]:
        formula = f"{row[0]} \\quad {''.join(row[1:])}"
        lines.append(f"${formula}$" if layout == "tabular" else formula)
    results = rows[last_operator + 1 :]
    for place, row in enumerate(results):
        ruled = place == 0 or place == len(results) - 1
        lines.append(f"\\hline {''.join(row)}" if ruled else "".join(row))
    return lines


def _calculation(rows: list[list[str]]) -> int | None:
    """The index of the last row with an operator if the rows are a calculation in columns, else None."""
    if not _is_number(rows[0]):
        return None
    last = 0
    while last + 1 < len(rows) and rows[last + 1][0] in _OPERATORS and _is_number(rows[last + 1][1:]):
        last += 1
    results = rows[last + 1 :]
    return last if last and results and all(map(_is_number, results)) else None


def _is_number(toks: Sequence[str]) -> bool:
    return _NUMBER.fullmatch("".join(toks)) is not None


# Rows -----------------------------------------------------------------------------------------------------------------


def is_text(token: str) -> bool:
    """Whether this is Chinese or full-width text or punctuation, or a list mark (`①`, `▪`) that no formula has."""
    if len(token) != 1 or token.isascii():
        return False
    return unicodedata.east_asian_width(token) in "WF" or "\u2460" <= token <= "\u24ff" or "\u25a0" <= token <= "\u25ff"


def _line(row: Sequence[str], layout: Layout) -> str:
    segments = _segments(row)
    if layout == "array":
        return _join([token for text, run in segments for token in (_as_text(run) if text else _in_math(run))])
    return "".join("".join(run) if text or _is_number(run) else f"${_join(_in_math(run))}$" for text, run in segments)


def _segments(row: Sequence[str]) -> list[tuple[bool, list[str]]]:
    """The row split into runs: (is it text, its tokens).

    Text in a group, between sized delimiters or in a script stays in its formula, which would otherwise fall apart.
    """
    segments: list[tuple[bool, list[str]]] = []
    depth = 0
    before = ""
    for token in row:
        if token == "{" or (token.startswith("\\left") and not _is_longer(token, "\\left")):
            depth += 1
        elif token == "}" or (token.startswith("\\right") and not _is_longer(token, "\\right")):
            depth -= 1
        text = depth <= 0 and is_text(token) and before not in ("_", "^")
        if segments and segments[-1][0] == text:
            segments[-1][1].append(token)
        else:
            segments.append((text, [token]))
        before = token
    return segments


def _is_longer(token: str, word: str) -> bool:
    r"""Whether it is another word that only begins like this, such as `\leftarrow`."""
    return token[len(word) : len(word) + 1].isalpha()


def _in_math(run: Sequence[str]) -> list[str]:
    r"""A run as written in a formula, with `&` escaped and text in a group inside `\text{}`."""
    out: list[str] = []
    text: list[str] = []
    for token in run:
        if is_text(token):
            text.append(token)
            continue
        if text:
            out += _as_text(text)
            text = []
        out.append("\\&" if token == "&" else token)
    return out + (_as_text(text) if text else [])


def _as_text(run: Sequence[str]) -> list[str]:
    return ["\\text", "{", *run, "}"]


def _join(toks: Sequence[str]) -> str:
    """Tokens joined without spaces, except for one on each side of a control word that isn't next to a brace or
    script.
    """
    out: list[str] = []
    before = ""
    for token in toks:
        word = _WORD.fullmatch(before) or _WORD.fullmatch(token)
        if before and word and before not in _TIGHT and token not in _TIGHT:
            out.append(" ")
        out.append(token)
        before = token
    return "".join(out)
