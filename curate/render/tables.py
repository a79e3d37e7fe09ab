"""Rewrites a label's tables as an `array` that mathra draws correctly: `tabular`, `eqnarray`, column specifications."""

from __future__ import annotations

import re

from curate.render.engine import RenderError

_TABULAR = re.compile(r"\\(begin|end)\s*\{tabular([*x]?)\}")
_EQNARRAY = re.compile(r"\\begin\s*\{eqnarray(\*?)\}(.*?)\\end\s*\{eqnarray\1\}", re.DOTALL)
_ARRAY = re.compile(r"\\(?:begin\s*\{array\}\s*(?:\[[tbc]\]\s*)?(?=\{)|end\s*\{array\})")
# One step through a label: an escaped character or a command, or a single character.
STEP = re.compile(r"\\(?:[A-Za-z]+\*?|.|$)|.", re.DOTALL)
_RULE = re.compile(r"\\(hline|toprule|midrule|bottomrule|cline|cmidrule)\s*(?:\([a-z]*\)\s*)?(\{[^{}]*\})?")
_CELL = frozenset({"&"})
_SPAN = r"\multicolumn"
_MULTICOLUMN = re.compile(r"^\\multicolumn\s*\{\s*(\d+)\s*\}\s*\{([^{}]*)\}\s*")


def arrays(label: str) -> str:
    """The label with every table written as an `array` of columns l, c and r with rules between them."""
    if r"\begin" not in label and r"\end" not in label:
        return label
    label = _tabular_as_array(label)
    if "eqnarray" in label:
        label = _EQNARRAY.sub(_eqnarray, label)
    return _plain_columns(label)


def column_rules(label: str) -> list[tuple[int, ...]]:
    """For every `array` that has them, in order of their ends: how many rules precede each column or end the row."""
    if "|" not in label:
        return []
    found: list[tuple[int, ...]] = []
    begun: list[str] = []
    for mark in _ARRAY.finditer(label):
        if mark.group().startswith(r"\begin"):
            begun.append(group(label[mark.end() :])[0])
        elif begun and "|" in (columns := begun.pop()):
            found.append(tuple(len(rules) for rules in re.split("[lcr]", columns)))
    return found


def _plain_columns(label: str) -> str:
    at = len(label)
    for mark in reversed(list(_ARRAY.finditer(label))):
        at = mark.end()
        if mark.group().startswith(r"\begin"):
            columns, rest = group(label[at:])
            label = rf"{label[: mark.start()]}\begin{{array}}{{{_columns(columns)}}}{rest}"
    return label


def _eqnarray(found: re.Match[str]) -> str:
    """LaTeX sets all three columns of `eqnarray` in display style; mathra has two."""
    rows = [
        " & ".join(rf"\displaystyle{{{cell.strip()}}}" if cell.strip() else "" for cell, _ in split(row, _CELL)) + end
        for row, end in _rows(found.group(2))
    ]
    return r"\begin{array}{rcl}" + "\n".join(rows) + r"\end{array}"


def _tabular_as_array(label: str) -> str:
    """Every `tabular` of the label as an `array` whose cells are in `\\text{}`; innermost first."""
    if "tabular" not in label:
        return label
    while True:
        begin = None
        for mark in _TABULAR.finditer(label):
            if mark.group(1) == "begin":
                begin = mark
            elif begin is None:
                raise RenderError(r"\end{tabular} without \begin{tabular}")
            else:
                array = _array(label[begin.end() : mark.start()], begin.group(2))
                label = label[: begin.start()] + array + label[mark.end() :]
                break
        else:
            if begin is not None:
                raise RenderError(r"Missing \end{tabular}")
            return label


def _array(body: str, variant: str) -> str:
    if variant:
        _, body = group(body)  # tabular* and tabularx start with a width
    body = re.sub(r"^\s*\[[^\]]*\]", "", body).lstrip()
    if not body.startswith("{"):
        raise RenderError(r"Missing column specification of \begin{tabular}")
    columns, body = group(body)
    rows = [r"\begin{array}{" + _columns(columns) + "}"]
    for text, end in _rows(body):
        rules = ""
        while (rule := _RULE.match(text.lstrip())) is not None:
            rules += r"\hline "
            text = text.lstrip()[rule.end() :]
        cells = _cells(text, "|" in columns)
        if end == "" and cells == [""] and len(rows) > 1:
            rows.append(rules)  # the rule under the last row
        else:
            rows.append(rules + " & ".join(cell if cell.startswith(_SPAN) else _cell(cell) for cell in cells) + end)
    return "\n".join(rows) + r"\end{array}"


def group(text: str) -> tuple[str, str]:
    """The content of the group that `text` starts with, and what follows. Raises RenderError if there is none."""
    text = text.lstrip()
    if not text.startswith("{"):
        raise RenderError("Missing argument: expected {")
    depth = 0
    for step in STEP.finditer(text):
        depth += {"{": 1, "}": -1}.get(step.group(), 0)
        if depth == 0:
            return text[1 : step.start()], text[step.end() :]
    raise RenderError("a brace { is never closed")


def _columns(specification: str) -> str:
    """Only what mathra draws in `array`: l, c, r and rules. A paragraph column becomes l."""
    specification = re.sub(
        r"\*\s*\{\s*(\d{1,2})\s*\}\s*\{([^{}]*)\}", lambda m: m.group(2) * int(m.group(1)), specification
    )
    specification = re.sub(r"[@!<>]\s*\{(?:[^{}]|\{[^{}]*\})*\}", "", specification)
    specification = re.sub(r"[pmbX]\s*(?:\{(?:[^{}]|\{[^{}]*\})*\})?", "l", specification)
    return "".join(re.findall(r"[lcr|]", specification)) or "l"


def split(text: str, separators: frozenset[str]) -> list[tuple[str, str]]:
    """Cut `text` at separators outside groups, dollars and inner environments: (piece, separator)."""
    pieces: list[tuple[str, str]] = []
    depth = start = position = 0
    in_math = False
    while position < len(text):
        step = STEP.match(text, position)
        assert step is not None
        token = step.group()
        end = step.end()
        if token in ("{", r"\begin"):
            depth += 1
        elif token in ("}", r"\end"):
            depth -= 1
        elif token == "$":
            in_math = not in_math
        elif token in separators and depth == 0 and not in_math:
            pieces.append((text[start:position], token))
            if token == "\\\\":
                spacing = re.compile(r"\*?\s*\[[^\]]*\]").match(text, end)
                end = spacing.end() if spacing else end
            start = end
        position = end
    pieces.append((text[start:], ""))
    return pieces


def _rows(body: str) -> list[tuple[str, str]]:
    return [(text, r" \\" if end else "") for text, end in split(body, frozenset({"\\\\", r"\tabularnewline"}))]


def _cells(row: str, has_rules: bool) -> list[str]:
    cells: list[str] = []
    for text, _ in split(row, _CELL):
        text = text.strip()
        wide = _MULTICOLUMN.match(text)
        if wide:
            number = min(int(wide.group(1).lstrip("0")[:3] or 1), 64)
            if has_rules:  # rules can be placed only if each row has all: the cell goes into its first column
                cells += [text[wide.end() :], *[""] * (number - 1)]
            else:
                aligned = re.search("[lcr]", wide.group(2))
                place = f"{_SPAN}{{{number}}}{{{aligned.group() if aligned else 'c'}}}"
                cells.append(f"{place}{{{_cell(_argument(text[wide.end() :]))}}}")
        else:
            cells.append(text)
    return cells


def _argument(text: str) -> str:
    """The content of a group, or a text without braces."""
    return group(text)[0].strip() if text.startswith("{") else text


def _cell(text: str) -> str:
    if not text:
        return ""
    if text.startswith(r"\begin{array}"):
        return text  # a tabular inside a tabular, already rewritten
    return r"\text{" + text + "}"
