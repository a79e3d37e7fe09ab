"""Reads environments, their rows and cells, `tabular`, and plain TeX's matrices. Not column specifications."""

from __future__ import annotations

import re

from rules.latex import column_specs, lexer, tex_lengths
from rules.latex.actions import ACTIONS, AMPERSAND, END, ROW, RULE
from rules.latex.arguments import ArgumentReader
from rules.latex.commands import COMMANDS, ENVIRONMENTS
from rules.latex.cursor import TO_BRACE, TO_CELL, TO_END, TO_ROWS

_NUMBER = re.compile(r"\d+")


class RowReader(ArgumentReader):
    """Reads everything between `\\begin` and `\\end`."""

    #: The token of the \\end at which `read_cells` stopped.
    end_from = 0

    def read_row_break(self, closer: int) -> list[str]:
        """A row break outside cells: a new line at the top level, an error in a group inside an environment."""
        start = self.i
        token = self.toks[start]
        self.i += 1
        if token == "\\cr":
            if closer != TO_ROWS:
                self.problem("misplaced-cr", start)
            return ["\\\\"]
        if TO_CELL in self.open and closer != TO_ROWS:
            self.problem("row-break-in-group", start)
        space = "" if token == "\\newline" else self.read_row_options(spaces=closer != TO_ROWS)
        if closer != TO_ROWS:
            self.folds.append((start, self.i, f"\\newlinemark {space}"))
        return [f"\\\\{space}"]

    def read_row_options(self, *, spaces: bool) -> str:
        """`*` and `[2pt]` after `\\\\`; returns the second. spaces: whether spaces may precede the second."""
        if self.i < self.n and self.toks[self.i] == "*" and self.adjacent(self.i):
            self.folds.append((self.i, self.i + 1, ""))  # it forbids a page break
            self.i += 1
        if self.i < self.n and self.toks[self.i] == "[" and (spaces or self.adjacent(self.i)):
            opening = self.i
            raw = self.read_raw_optional()
            if raw and tex_lengths.match(self.source(opening + 1, self.i - 1)) is None:
                self.problem("illegal-length", opening, self.i, raw)
            self.folds.append((opening, self.i, f"\\rowmark {raw}"))  # math-core takes it for the first of the cell
            return raw
        return ""

    def read_environment_name(self) -> tuple[str | None, int]:
        """The name after \\begin or \\end, exactly as written, and the token after it."""
        start = self.i
        self.i += 1
        if self.i >= self.n or self.toks[self.i] != "{":
            self.problem("missing-argument", start, start + 1, self.toks[start])
            return None, self.i
        opening = self.i
        closing = next((j for j in range(opening, min(self.n, opening + 40)) if self.toks[j] == "}"), None)
        if closing is None:
            self.problem("unclosed-brace", opening)
            self.i = self.n
            return None, self.n
        self.i = closing + 1
        return self.between(opening, closing), self.i

    def read_stray_end(self) -> None:
        start = self.i
        name, end = self.read_environment_name()
        self.problem("end-without-begin", start, end, name or "")

    def read_environment(self) -> list[str]:
        start = self.i
        name, after = self.read_environment_name()
        if name is None:
            return []
        environment = ENVIRONMENTS.get(name)
        if environment is None:
            self.problem("unknown-environment", start, after, name)
        elif environment.kind == "display" and len(self.open) > 1:
            self.problem("nested-display-environment", start, after, name)
        elif environment.kind == "display":
            self.problem("display-environment", start, after, name)
        elif environment.kind in ("text", "picture") and name not in _TABULARS:
            self.problem("text-environment", start, after, name)
        if name in _TABULARS:
            return self.read_tabular(start, name)
        out = [f"\\begin{{{name}}}"]
        if name == "array":  # math-core treats it as a matrix, without space at its sides
            self.folds.append((start, start + 1, "\\arraymark\\begin"))
        limit = None
        if environment is not None:
            spec_at = self.i
            for letter in environment.args:
                if letter == "r":
                    spec = self.read_raw(f"\\begin{{{name}}}", start)
                    if name in ("array", "subarray"):
                        limit = column_specs.count(spec[1:-1])
                        if limit is None and not self.fatal:
                            self.problem("illegal-column-specification", spec_at, self.i, spec[1:-1])
                        out += ["{", *spec[1:-1].replace(" ", ""), "}"]
                    else:
                        out.append(spec)
                elif letter in "oO" and self.i < self.n and self.toks[self.i] == "[":
                    out.append(self.read_raw_optional())
            if limit is None and name not in ("array", "subarray"):
                limit = environment.max_columns
        display, self.display = self.display, name in _DISPLAY_CELLS
        text_style, self.text_style = self.text_style, name in _TEXT_CELLS
        body, one_cell = self.read_cells(start, name, limit)
        self.display, self.text_style = display, text_style
        if one_cell and name == "smallmatrix":  # math-core can't handle more cells
            self.folds.append((start, after, "{\\smallmark\\scriptstyle "))
            self.folds.append((self.end_from, self.i, "}"))
        return [*out, *body, f"\\end{{{name}}}"]

    def read_cells(self, start: int, name: str, limit: int | None) -> tuple[list[str], bool]:
        """Rows and cells up to the matching \\end, included. Returns canonical tokens, and whether it is one cell."""
        out: list[str] = []
        rows = cells = 0
        empty = True
        n_toks = self.n
        spaced_options = name not in _AMSMATH_ROWS
        trailing: tuple[int, int] | None = None
        while True:
            if not cells:
                rules_from = self.i
                while self.i < n_toks and ACTIONS.get(self.toks[self.i]) == RULE:
                    out += self.read_rule()
                    trailing = None
                if self.i > rules_from:
                    empty = False
            before = self.i
            if self.i < n_toks and self.toks[self.i] == "\\multicolumn":
                cells += self.read_multicolumn() - 1
            cell = self.read_list(TO_CELL)
            out += cell
            if self.i > before:
                empty, trailing = False, None
            cells += 1
            if self.i >= n_toks:
                self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
                return out, False
            token = self.toks[self.i]
            if token == "&":
                if limit is not None and cells >= limit:
                    self.problem("too-many-columns", self.i, detail=f"{limit}")
                    limit = None
                out.append("&")
                self.i += 1
                empty, trailing = False, None
            elif ACTIONS.get(token) == ROW:
                row_at = self.i
                self.i += 1
                space = "" if token == "\\cr" else self.read_row_options(spaces=spaced_options)
                out.append(f"\\\\{space}")
                rows += 1
                cells = 0
                if name in _NUMBERED_ROWS:
                    self.labels = self.tags = 0
                trailing = None if space else (row_at, self.i)
            elif token == "\\end":
                break
            else:  # a closer that belongs to an outer list
                self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
                return out, False
        end_at = self.i
        closing, after = self.read_environment_name()
        if closing is not None and closing != name:
            self.problem("environment-mismatch", end_at, after, f"{name}\0{closing}")
        if trailing is not None and not empty:
            self.folds.append((trailing[0], trailing[1], ""))
            if not _ends_empty_row(out):
                out.pop()
        self.end_from = end_at
        one_cell = not any(token == "&" or token in _RULE_TOKENS or token.startswith("\\\\") for token in out)
        return out, one_cell

    def read_rule(self) -> list[str]:
        token = self.toks[self.i]
        self.i += 1
        if token in ("\\cline", "\\cmidrule"):
            return [token + self.read_raw(token, self.i - 1)]
        return [token]

    def read_multicolumn(self) -> int:
        start = self.i
        self.i += 1
        width = self.read_raw("\\multicolumn", start)
        self.read_raw("\\multicolumn", start)
        self.opaque = True  # the cell itself is read as an ordinary one; its span is not spelled canonically
        number = _NUMBER.search(width)
        # Wider than any table, and Python doesn't read numbers with thousands of digits.
        return int(number[0].lstrip("0")[:9] or 0) if number else 1

    def read_tabular(self, start: int, name: str) -> list[str]:
        """A tabular's cells are text with `$…$` inside. For math-core it becomes an array of \\text cells."""
        spec_at = self.i
        place = ""
        for letter in ENVIRONMENTS[name].args:
            if letter == "r":
                spec = self.read_raw(f"\\begin{{{name}}}", start)
            elif letter in "oO" and self.i < self.n and self.toks[self.i] == "[":
                place = self.read_raw_optional()
        limit = column_specs.count(spec[1:-1])
        if limit is None:
            self.problem("illegal-column-specification", spec_at, self.i, spec[1:-1])
        self.folds.append((start, self.i, f"\\tabularmark {place}\\begin{{array}}{spec}"))
        out = [f"\\begin{{{name}}}", *([place] if place else []), spec]
        cells, depth = 0, 0
        cell_from = self.i
        while self.i < self.n:
            token = self.toks[self.i]
            action = ACTIONS.get(token)
            depth += (token == "{") - (token == "}")
            if depth < 0:
                break
            if depth == 0 and (action in (AMPERSAND, ROW, END, RULE)):
                out += self.read_text_cell(cell_from, self.i)
                if action == END:
                    break
                if action == AMPERSAND:
                    cells += 1
                    if limit is not None and cells >= limit:
                        self.problem("too-many-columns", self.i, detail=f"{limit}")
                        limit = None
                    out.append("&")
                    self.i += 1
                elif action == ROW:
                    self.i += 1
                    out.append(f"\\\\{self.read_row_options(spaces=True)}")
                    cells = 0
                else:
                    if self.i > cell_from:
                        self.problem("misplaced-rule", self.i)
                    out += self.read_rule()
                cell_from = self.i
                continue
            if token == "\\begin":
                self.problem("nested-display-environment", self.i, self.i + 1, "\\begin")
            self.i += 1
        if self.i >= self.n or self.toks[self.i] != "\\end":
            self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
            return out
        end_at = self.i
        closing, after = self.read_environment_name()
        if closing is not None and closing != name:
            self.problem("environment-mismatch", end_at, after, f"{name}\0{closing}")
        self.folds.append((end_at, after, "\\end{array}"))
        return [*out, f"\\end{{{name}}}"]

    def read_text_cell(self, start: int, end: int) -> list[str]:
        """One cell of a tabular, from token `start` to `end`: checked, and turned into math for the key."""
        if start >= end:
            return []
        before = self.i
        self.check_text(start, end)
        self.i = before
        text = " ".join(self.source(start, end).split())
        self.folds.append((start, end, _text_as_math(text)))
        return [text]

    def read_old_form(self, token: str) -> list[str]:
        """plain TeX's `\\matrix{a & b \\cr}`; amsmath rejects it, but what it draws is clear."""
        start = self.i
        name = token[1:]
        self.i += 1
        self.problem("old-form", start, detail=name)
        if self.i >= self.n or self.toks[self.i] != "{":
            self.problem("missing-argument", start, start + 1, token)
            return []
        opening = self.i
        self.i += 1
        self.folds.append((start, opening + 1, f"\\begin{{{name}}}"))
        out: list[str] = []
        trailing: int | None = None
        display, self.display = self.display, False
        text_style, self.text_style = self.text_style, True
        while True:
            before = self.i
            self.open.append(TO_BRACE)  # the cells end at this group's brace
            out += self.read_list(TO_CELL)
            self.open.pop()
            if self.i > before:
                trailing = None
            if self.i >= self.n:
                self.problem("unclosed-brace", opening)
                return []
            action = ACTIONS.get(self.toks[self.i])
            if action == AMPERSAND:
                out.append("&")
                self.i += 1
                if name == "cases":
                    out += self.read_condition()
            elif action == ROW:
                trailing = self.i
                self.folds.append((self.i, self.i + 1, "\\\\"))
                out.append("\\\\")
                self.i += 1
            else:
                break
        self.display, self.text_style = display, text_style
        if self.toks[self.i] != "}":
            self.problem("unclosed-brace", opening)
            return []
        if trailing is not None:
            self.folds[-1] = (trailing, trailing + 1, "")
            if not _ends_empty_row(out):
                out.pop()
        self.folds.append((self.i, self.i + 1, f"\\end{{{name}}}"))
        self.i += 1
        return [f"\\begin{{{name}}}", *out, f"\\end{{{name}}}"]

    def read_condition(self) -> list[str]:
        r"""The second cell of plain TeX's `\cases`, which is text there, unless it is math without its dollars."""
        start, depth = self.i, 0
        while self.i < self.n:
            token = self.toks[self.i]
            depth += (token == "{") - (token == "}")
            if depth < 0 or (depth == 0 and ACTIONS.get(token) in (AMPERSAND, ROW)):
                break
            self.i += 1
        cell = self.toks[start : self.i]
        if "$" not in cell and any(map(_only_math, cell)):
            self.i = start
            return []
        self.read_text_cell(start, self.i)
        math = _text_as_math(" ".join(self.source(start, self.i).split()))
        return type(self)(math, lexer.tokens(math)).read_list(TO_END)


_TABULARS = frozenset({"tabular", "tabular*"})
_DISPLAY_CELLS = frozenset(
    {"aligned", "gathered", "alignedat", "split", "align", "align*", "gather", "gather*", "multline"}
)
_TEXT_CELLS = frozenset({"array", "cases", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix"})
_AMSMATH_ROWS = frozenset(
    {*_DISPLAY_CELLS, "matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix", "Bmatrix", "cases", "smallmatrix"}
)
#: Every row is an equation that may have its own `\\label` and `\\tag`.
_NUMBERED_ROWS = frozenset(
    {*(name + star for name in ("align", "gather", "flalign", "alignat", "eqnarray") for star in ("", "*"))}
)
_RULE_TOKENS = frozenset({"\\hline", "\\hdashline"})


def _only_math(token: str) -> bool:
    """Whether a token is allowed in math but not in text."""
    command = COMMANDS.get(token[1:]) if token[0] == "\\" else None
    return token in ("^", "_") or (command is not None and command.mode == "math")


def _text_as_math(text: str) -> str:
    """A text cell as math: `解$x$` becomes `\\text{解}x`."""
    parts = text.split("$")
    return "".join(part if index % 2 else (f"\\text{{{part}}}" if part else "") for index, part in enumerate(parts))


def _ends_empty_row(out: list[str]) -> bool:
    """Whether the row break that is last ends an empty row: without it, the one before would be the last."""
    return len(out) > 1 and out[-2].startswith("\\\\")
