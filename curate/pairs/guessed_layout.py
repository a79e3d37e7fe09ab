r"""A quick guess at where a label's symbols are: boxes, in em. Not a renderer: it knows no glyphs and rejects nothing.

It costs some microseconds per token where drawing costs 2 ms per label, so sets of any size can be compared with their
images. Widths and heights are those of Computer Modern, rounded; scripts are set at 0.7 and shifted as TeX does.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from curate.pairs.symbols import (
    MEDIUM,
    OVER,
    THICK,
    THIN,
    UNDER,
    Box,
    Part,
    beside,
    empty,
    fenced,
    marked,
    rooted,
    scripted,
    small,
    stacked,
    symbol,
)

#: The size of the raster in which layouts, drawings and images are compared: columns, rows.
THUMB = (64, 24)
#: Deeper nesting is cut off: no picture shows it, and Python's stack is finite.
DEEPEST = 60
#: Longer labels, in tokens, are not laid out.
LONGEST = 4000


@dataclass(frozen=True, slots=True)
class Layout:
    """A label's estimated picture. width, height: of the ink (em), 0 if there is none. rows: lines of the formula:
    those of the environment that is the whole label, or those at the top level."""

    width: float
    height: float
    rows: int
    parts: list[Part]


def layout_of(tokens: list[str]) -> Layout:
    """The estimated picture of a label's tokens. Never raises: anything unknown is a symbol of medium size."""
    setter = _Setter(tokens[:LONGEST])
    box, rows = setter.read_rows(0)
    while setter.at < len(setter.tokens):  # a brace or \end too many
        setter.at += 1
        more, more_rows = setter.read_rows(0)
        box, rows = beside([box, more]), max(rows, more_rows)
    if not box.parts:
        return Layout(0.0, 0.0, rows, [])
    left, bottom = min(part[0] for part in box.parts), min(part[1] for part in box.parts)
    right, top = max(part[2] for part in box.parts), max(part[3] for part in box.parts)
    inner = setter.only_environment_rows
    return Layout(right - left, top - bottom, inner or rows, box.parts)


def raster(parts: Sequence[Part]) -> npt.NDArray[np.float64]:
    """The ink of a layout's box, stretched to THUMB: float array of (rows, columns), 0 to 1."""
    columns, rows = THUMB
    boxes = np.asarray(parts, dtype=np.float64)
    left, bottom, right, top, ink = boxes.T
    x_low, y_high = left.min(), top.max()
    x_step = max(right.max() - x_low, 1e-6) / columns
    y_step = max(y_high - bottom.min(), 1e-6) / rows
    across = _coverage((left - x_low) / x_step, (right - x_low) / x_step, columns)
    down = _coverage((y_high - top) / y_step, (y_high - bottom) / y_step, rows)
    return np.asarray(np.minimum(down.T @ (across * ink[:, None]), 1.0))


#: A band is a line of its own if its height is at least this share of the highest.
_LINE_HEIGHT = 0.45


def lines(parts: Sequence[Part]) -> int:
    """Bands of ink above each other with space between them, without the low ones (bars, dots)."""
    bands: list[tuple[float, float]] = []
    for bottom, top in sorted((part[1], part[3]) for part in parts):
        if bands and bottom <= bands[-1][1] + 0.02:
            bands[-1] = (bands[-1][0], max(bands[-1][1], top))
        else:
            bands.append((bottom, top))
    highest = max((top - bottom for bottom, top in bands), default=0.0)
    return sum(top - bottom >= _LINE_HEIGHT * highest for bottom, top in bands)


def _coverage(start: npt.NDArray[np.float64], end: npt.NDArray[np.float64], cells: int) -> npt.NDArray[np.float64]:
    edges = np.arange(cells)
    shared = np.minimum(end[:, None], edges + 1) - np.maximum(start[:, None], edges)
    return np.asarray(np.maximum(shared, 0.0))  # no part is longer than the cell


# What tokens do ----------

_SPACES = {"\\,": THIN, "\\:": MEDIUM, "\\>": MEDIUM, "\\;": THICK, "\\ ": 0.3, "~": 0.3, "\\!": -THIN}
_SPACES |= {"\\quad": 1.0, "\\qquad": 2.0, "\\enspace": 0.5, "\\hfill": 1.0}
_IGNORED = frozenset(
    {"\\limits", "\\nolimits", "\\displaylimits", "\\displaystyle", "\\textstyle", "\\scriptstyle", "\\middle"}
    | {"\\mathrm", "\\mathbf", "\\mathit", "\\mathcal", "\\mathbb", "\\mathfrak", "\\mathsf", "\\mathtt", "\\mathscr"}
    | {"\\text", "\\textrm", "\\textbf", "\\textit", "\\mbox", "\\hbox", "\\operatorname", "\\boldsymbol", "\\bm"}
    | {"\\rm", "\\bf", "\\it", "\\cal", "\\sf", "\\tt", "\\em", "\\boldmath", "\\ensuremath", "\\pmb", "\\mathop"}
    | {"\\mathord", "\\mathrel", "\\mathbin", "\\mathopen", "\\mathclose", "\\nonumber", "\\notag", "$", "\\hline"}
    | {"\\big", "\\Big", "\\bigg", "\\Bigg", "\\bigl", "\\bigr", "\\Bigl", "\\Bigr", "\\biggl", "\\biggr", "\\Biggl"}
    | {"\\Biggr", "\\[", "\\]", "\\(", "\\)", "\\large", "\\Large", "\\small", "\\scriptsize", "\\tiny", "\\hskip"}
)
_DROPPED = frozenset({"\\label", "\\tag", "\\hspace", "\\vspace", "\\phantom", "\\color", "\\ref", "\\cite", "\\cline"})
_FRACTIONS = frozenset({"\\frac", "\\dfrac", "\\tfrac", "\\cfrac", "\\binom", "\\dbinom", "\\tbinom"})
_NO_BAR = frozenset({"\\binom", "\\dbinom", "\\tbinom", "\\atop", "\\choose", "\\stackrel", "\\overset", "\\underset"})
_INFIX = frozenset({"\\over", "\\atop", "\\choose", "\\above"})
_BESIDES = frozenset({"\\stackrel", "\\overset", "\\underset"})
_WIDE_OVER = frozenset({"\\overline", "\\widehat", "\\widetilde", "\\overrightarrow", "\\overleftarrow", "\\overbrace"})
_LIMITS = frozenset(
    {"\\sum", "\\prod", "\\coprod", "\\bigcup", "\\bigcap", "\\bigoplus", "\\bigotimes"}
    | {"\\lim", "\\max", "\\min", "\\sup", "\\inf"}
)
_ROWS = frozenset({"\\\\", "\\cr", "\\newline", "\\n", "\\t", "\\DIV", "\\tabularnewline"})
_FENCES = {"pmatrix": "()", "bmatrix": "[]", "vmatrix": "||", "Vmatrix": "||", "Bmatrix": "[]", "cases": "[ "}
_OLD_GRIDS = frozenset({"\\matrix", "\\pmatrix", "\\cases"})


class _Setter:
    """Reads tokens and lays them out. `at` is the next token."""

    def __init__(self, tokens: list[str]) -> None:
        self.tokens = tokens
        self.at = 0
        #: Rows of the environment that is the whole label, or 0.
        self.only_environment_rows = 0

    def peek(self) -> str:
        try:
            return self.tokens[self.at]
        except IndexError:
            return ""

    def take(self) -> str:
        token = self.peek()
        self.at += 1
        return token

    def read_rows(self, depth: int) -> tuple[Box, int]:
        """Lines up to a closer that belongs to an outer level: (box, number of lines that hold something)."""
        rows: list[Box] = []
        while True:
            cells: list[Box] = []
            while True:
                box, stop = self.read_list(depth)
                cells.append(box)
                if stop != "&":
                    break
                self.at += 1
            rows.append(beside([Box(c.width + 0.3, c.above, c.below, c.parts) for c in cells[:-1]] + cells[-1:]))
            if stop not in _ROWS:
                break
            self.at += 1
            self.skip_bracket()
        filled = [row for row in rows if row.parts]
        if len(filled) < 2:
            return (filled[0] if filled else beside(rows)), max(1, len(filled))
        return self.left_stacked(filled), len(filled)

    @staticmethod
    def left_stacked(rows: list[Box]) -> Box:
        """Lines below each other, flush left."""
        width = max(row.width for row in rows)
        return stacked([Box(width, row.above, row.below, row.parts) for row in rows], 0.35)

    def skip_bracket(self) -> None:
        if self.peek() == "[":
            end = next((k for k in range(self.at, min(self.at + 12, len(self.tokens))) if self.tokens[k] == "]"), None)
            if end is not None:
                self.at = end + 1

    def read_list(self, depth: int) -> tuple[Box, str]:
        """Atoms up to a closer, `&` or a row break, which is not consumed: (box, that token, empty at the end)."""
        atoms: list[Box] = []
        over: tuple[str, list[Box]] | None = None
        while True:
            token = self.peek()
            if token in ("", "}", "&", "\\end", "\\right") or token in _ROWS:
                break
            if token in _INFIX:
                self.at += 1
                over = (token, atoms)
                atoms = []
                continue
            atoms.append(self.read_scripted(depth))
        box = beside(atoms)
        if over is not None:
            parts = [beside(over[1]), box]
            if any(part.parts for part in parts):
                box = stacked(parts, 0.3, bar=over[0] not in _NO_BAR)
        return box, token

    def read_scripted(self, depth: int) -> Box:
        """An atom with its scripts."""
        token = self.peek()
        base = empty() if token in ("^", "_", "\\sp", "\\sb") else self.read_atom(depth)
        while self.peek() in ("\\limits", "\\nolimits"):
            self.at += 1
        sub = sup = None
        while self.peek() in ("^", "_", "'", "\\sp", "\\sb", "\\prime"):
            mark = self.take()
            if mark in ("'", "\\prime"):
                prime = symbol("'")
                sup = prime if sup is None else beside([sup, prime])
                continue
            script = self.read_argument(depth)
            if mark in ("^", "\\sp"):
                sup = script if sup is None else beside([sup, script])
            else:
                sub = script if sub is None else beside([sub, script])
        if sub is None and sup is None:
            return base
        return scripted(base, sub, sup, limits=token in _LIMITS)

    def read_argument(self, depth: int) -> Box:
        token = self.peek()
        if token in ("", "}", "&", "\\end", "\\right") or token in _ROWS:
            return empty()
        return self.read_atom(depth)

    def read_group(self, depth: int) -> Box:
        """A group whose opening brace has been consumed."""
        if depth >= DEEPEST:
            self.skip_group()
            return empty()
        box, _ = self.read_rows(depth + 1)
        while self.peek() in ("\\end", "\\right"):  # closers that nothing inside opened
            self.at += 1
            more, _ = self.read_rows(depth + 1)
            box = beside([box, more])
        if self.peek() == "}":
            self.at += 1
        return box

    def skip_group(self) -> None:
        level = 1
        while level and self.at < len(self.tokens):
            token = self.take()
            level += (token == "{") - (token == "}")

    def read_atom(self, depth: int) -> Box:
        token = self.take()
        if token == "{":
            return self.read_group(depth)
        if token in _SPACES:
            return Box(_SPACES[token], 0.0, 0.0, [])
        if token in _IGNORED:
            return empty()
        if token in _DROPPED:
            if self.peek() == "{":
                self.at += 1
                self.skip_group()
            return empty()
        if depth >= DEEPEST:
            return symbol(token)
        if token in _FRACTIONS or token in _BESIDES:
            boxes = [self.read_argument(depth + 1), self.read_argument(depth + 1)]
            if token in _BESIDES:
                boxes = [small(boxes[0]), boxes[1]]
                if token == "\\underset":
                    boxes.reverse()
            if not any(box.parts for box in boxes):
                return empty()
            return stacked(boxes, 0.3 if token in _FRACTIONS else 0.1, bar=token not in _NO_BAR)
        if token == "\\sqrt":
            return self.read_root(depth)
        if token in OVER or token in _WIDE_OVER or token in UNDER:
            return marked(self.read_argument(depth + 1), token)
        if token == "\\left":
            return self.read_fenced(depth)
        if token == "\\begin":
            return self.read_environment(depth)
        if token in _OLD_GRIDS and self.peek() == "{":
            self.at += 1
            return self.read_grid(depth)[0]
        return symbol(token)

    def read_root(self, depth: int) -> Box:
        if self.peek() == "[":
            self.skip_bracket()
        return rooted(self.read_argument(depth + 1))

    def read_fenced(self, depth: int) -> Box:
        opening = self.take()
        inner, _ = self.read_rows(depth + 1)
        closing = ""
        if self.peek() == "\\right":
            self.at += 1
            closing = self.take()
        return fenced(inner, opening, closing)

    def read_environment(self, depth: int) -> Box:
        start = self.at - 1
        name = self.read_name()
        if name in ("array", "tabular", "subarray", "alignedat") and self.peek() in ("{", "["):
            self.skip_bracket()
            if self.peek() == "{":
                self.at += 1
                self.skip_group()
        box, rows = self.read_grid(depth)
        if self.peek() == "\\end":
            self.at += 1
            self.read_name()
        if start == 0 and self.at >= len(self.tokens) and name not in _FENCES:
            self.only_environment_rows = rows
        return fenced(box, *_FENCES[name]) if name in _FENCES and box.parts else box

    def read_name(self) -> str:
        if self.peek() != "{":
            return ""
        end = next((k for k in range(self.at, min(self.at + 20, len(self.tokens))) if self.tokens[k] == "}"), None)
        if end is None:
            return ""
        name = "".join(self.tokens[self.at + 1 : end])
        self.at = end + 1
        return name

    def read_grid(self, depth: int) -> tuple[Box, int]:
        """Cells up to a closer: columns as wide as their widest cell. Consumes the closing brace of an old form."""
        rows: list[list[Box]] = [[]]
        while True:
            box, stop = self.read_list(depth + 1)
            rows[-1].append(box)
            if stop == "&":
                self.at += 1
            elif stop in _ROWS:
                self.at += 1
                self.skip_bracket()
                rows.append([])
            else:
                break
        if self.peek() == "}":
            self.at += 1
        filled = [row for row in rows if any(cell.parts for cell in row)]
        if not filled:
            return empty(), 1
        widths = [max(row[k].width if k < len(row) else 0.0 for row in filled) for k in range(max(map(len, filled)))]
        lines = []
        for row in filled:
            cells = [Box(widths[k] + 0.6, cell.above, cell.below, cell.parts) for k, cell in enumerate(row)]
            line = beside(cells)
            lines.append(Box(sum(widths) + 0.6 * len(widths), line.above, line.below, line.parts))
        return stacked(lines, 0.4), len(filled)
