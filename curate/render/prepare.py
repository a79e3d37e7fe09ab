"""From a label as written to what MathJax reads: outer delimiters off, `tabular` as `array`. Not for judging labels."""

from __future__ import annotations

import re

from curate.render.engine import RenderError

_WRAPPERS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$"))
_DISPLAY = re.compile(r"^\\begin\s*\{(displaymath|math|equation\*?)\}(.*)\\end\s*\{\1\}$", re.DOTALL)
_UNDRAWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_TABULAR = re.compile(r"\\(begin|end)\s*\{tabular([*x]?)\}")
_TAG = re.compile(r"\\tag\s*(\*?)\s*\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}")
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_STARRED = re.compile(r"\\([hv]space)\s*\*")
# `1 5 . 4`: TeX sets a point between digits without a space, MathJax as punctuation unless the digits touch it.
_DECIMAL_POINT = re.compile(r"(?<=\d)[ \t]+\.[ \t]+(?=\d)")
# One step through a tabular's body: an escaped character or a command, or a single character.
_STEP = re.compile(r"\\(?:[A-Za-z]+\*?|.|$)|.", re.DOTALL)
_RULE = re.compile(r"\\(hline|toprule|midrule|bottomrule|cline|cmidrule)\s*(?:\([a-z]*\)\s*)?(\{[^{}]*\})?")
_MULTICOLUMN = re.compile(r"^\\multicolumn\s*\{\s*(\d+)\s*\}\s*\{[^{}]*\}\s*")


def prepare(label: str) -> str:
    """What to hand to the engine for `label`. Raises RenderError for a character that no drawing can hold."""
    bad = _UNDRAWABLE.search(label)
    if bad:
        raise RenderError(f"Control character U+{ord(bad.group()):04X} at position {bad.start()}")
    # A name of a line draws nothing, but MathJax refuses a second one in an environment, and would keep it.
    label = _DECIMAL_POINT.sub(" {.} ", _STARRED.sub(r"\\\1", _LABEL.sub(" ", label)))
    return _TAG.sub(_tag, _tabular_as_array(_unwrapped(label.strip())))


def _tag(found: re.Match[str]) -> str:
    """MathJax sets a tag at the far edge of the page; a picture of a formula has it close by."""
    text = found.group(2)
    return rf" \qquad \text{{{text}}}" if found.group(1) else rf" \qquad \text{{({text})}}"


def _unwrapped(label: str) -> str:
    for opening, closing in _WRAPPERS:
        if label.startswith(opening) and label.endswith(closing) and len(label) >= len(opening) + len(closing):
            inner = label[len(opening) : -len(closing)]
            if opening[0] == "$" and (re.search(r"(?<!\\)\$", inner) or inner.endswith("\\")):
                continue  # `$a$ and $b$` is not one formula in dollars
            if opening[0] == "\\" and (opening in inner or closing in inner):
                continue
            return inner.strip()
    display = _DISPLAY.match(label)
    return display.group(2).strip() if display else label


def _tabular_as_array(label: str) -> str:
    """Every `tabular` of the label as an `array` whose cells stand in `\\text{}`; the innermost first."""
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
        _, body = _group(body)  # tabular* and tabularx start with a width
    body = re.sub(r"^\s*\[[^\]]*\]", "", body)
    columns, body = _group(body)
    rows = [r"\begin{array}{" + _columns(columns) + "}"]
    for text, end in _rows(body):
        rules = ""
        while (rule := _RULE.match(text.lstrip())) is not None:
            rules += r"\hline "
            text = text.lstrip()[rule.end() :]
        cells = _cells(text)
        if end == "" and cells == [""] and len(rows) > 1:
            rows.append(rules)  # the rule under the last row
        else:
            rows.append(rules + " & ".join(map(_cell, cells)) + end)
    return "\n".join(rows) + r"\end{array}"


def _group(text: str) -> tuple[str, str]:
    """The content of the group that `text` starts with, and what follows."""
    text = text.lstrip()
    if not text.startswith("{"):
        raise RenderError(r"Missing column specification of \begin{tabular}")
    depth = 0
    for step in _STEP.finditer(text):
        depth += {"{": 1, "}": -1}.get(step.group(), 0)
        if depth == 0:
            return text[1 : step.start()], text[step.end() :]
    raise RenderError(r"Missing close brace in the column specification of \begin{tabular}")


def _columns(specification: str) -> str:
    """Only what `array` of MathJax draws: l, c, r and lines. A paragraph column becomes l."""
    specification = re.sub(
        r"\*\s*\{\s*(\d{1,2})\s*\}\s*\{([^{}]*)\}", lambda m: m.group(2) * int(m.group(1)), specification
    )
    specification = re.sub(r"[@!<>]\s*\{(?:[^{}]|\{[^{}]*\})*\}", "", specification)
    specification = re.sub(r"[pmbX]\s*(?:\{(?:[^{}]|\{[^{}]*\})*\})?", "l", specification)
    return "".join(re.findall(r"[lcr|]", specification)) or "l"


def _split(text: str, separators: frozenset[str]) -> list[tuple[str, str]]:
    """Cut `text` at separators that stand outside groups, dollars and inner environments: (piece, separator)."""
    pieces: list[tuple[str, str]] = []
    depth = start = position = 0
    in_math = False
    while position < len(text):
        step = _STEP.match(text, position)
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
    return [(text, r" \\" if end else "") for text, end in _split(body, frozenset({"\\\\", r"\tabularnewline"}))]


def _cells(row: str) -> list[str]:
    cells: list[str] = []
    for text, _ in _split(row, frozenset({"&"})):
        text = text.strip()
        wide = _MULTICOLUMN.match(text)
        if wide:  # drawn in its first column: array has no cells that span
            cells.append(text[wide.end() :])
            columns = wide.group(1).lstrip("0")
            cells.extend([""] * (min(int(columns[:3] or 0), 64) - 1))
        else:
            cells.append(text)
    return cells


def _cell(text: str) -> str:
    if not text:
        return ""
    if text.startswith(r"\begin{array}"):
        return text  # a tabular inside a tabular, already turned
    return r"\text{" + text + "}"
