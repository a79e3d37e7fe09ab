"""LaTeX's own drawing of a label: every glyph and rule with its place, read from the DVI file.

    drawings(labels)    the marks of each label in TeX's order, None if LaTeX stops or sets several pages
    same(one, other)    are two drawings the same, with each mark in its place?

Needs `latex` and `kpsewhich` with amsmath, amssymb, bm and cancel (Debian: texlive-latex-base, texlive-latex-extra);
`preamble` may load more, such as mathrsfs if its fonts are installed. The label is set in `equation*` at 10 pt, so that
an em is 10 pt. The formats are described in TUGboat 3.2 (1982): DVI in "The DVI file format", TFM in "TeX font metric
files".
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import NamedTuple

PREAMBLE = r"\usepackage{amsmath,amssymb,bm,cancel}"
#: Two marks that are closer than this, in thousandths of an em, are in the same place.
NEAR = 4.0
_HEAD = r"""\documentclass[10pt]{article}
\usepackage[paperwidth=120in,paperheight=60in,margin=1in]{geometry}
%s\pagestyle{empty}\parindent0pt
\begin{document}
"""
_ONE = r"""\message{^^J@@BEGIN %d@@^^J}\special{label %d}
\begin{equation*}
%s
\end{equation*}
\message{^^J@@END@@^^J}\clearpage
"""
#: Thousandths of an em of 10 pt in a scaled point, of which 65,536 make a point.
_UNIT = 100 / 65536
RULE = "rule"


class TexMark(NamedTuple):
    """A glyph or a rule. Lengths in thousandths of an em, y downwards.

    font: its name with the size it is made for (`cmmi7`), or `rule`; code: of the character, -1 for a rule; x, y: the
    origin of a glyph, the lower left corner of a rule; size: that of the font, 1 for 10 pt; width, height, depth: of
    the character's box.
    """

    font: str
    code: int
    x: float
    y: float
    size: float
    width: float
    height: float
    depth: float


TexDrawing = tuple[TexMark, ...]


def drawings(labels: Sequence[str], preamble: str = PREAMBLE, chunk: int = 500) -> list[TexDrawing | None]:
    """The drawing of each label, set in display style. ASCII labels only."""
    found: list[TexDrawing | None] = []
    for start in range(0, len(labels), chunk):
        some = labels[start : start + chunk]
        pages, errors = _typeset(some, preamble)
        for number, label in enumerate(some):
            if number in errors or len(pages.get(number, ())) != 1:  # perhaps an earlier error had an effect on it
                alone, wrong = _typeset([label], preamble)
                found.append(None if wrong or len(alone.get(0, ())) != 1 else alone[0][0])
            else:
                found.append(pages[number][0])
    return found


def same(one: TexDrawing | None, other: TexDrawing | None) -> bool:
    """Are all marks of two drawings the same, in the same places relative to the leftmost and topmost one?"""
    if one is None or other is None or len(one) != len(other):
        return False
    return all(
        a[:2] == b[:2] and all(abs(p - q) <= NEAR for p, q in zip(a[2:], b[2:], strict=True))
        for a, b in zip(_sorted(one), _sorted(other), strict=True)
    )


def _sorted(drawing: TexDrawing) -> list[TexMark]:
    if not drawing:
        return []
    left, top = min(mark.x for mark in drawing), min(mark.y for mark in drawing)
    moved = [mark._replace(x=mark.x - left, y=mark.y - top) for mark in drawing]
    return sorted(moved, key=lambda mark: (mark.font, mark.code, round(mark.x / NEAR), round(mark.y / NEAR)))


def _typeset(labels: Sequence[str], preamble: str) -> tuple[dict[int, list[TexDrawing]], set[int]]:
    """The pages of every label, by its number, and the numbers of those in which LaTeX reports an error."""
    text = _HEAD % preamble + "".join(_ONE % (n, n, label) for n, label in enumerate(labels)) + "\\end{document}\n"
    folder = Path(tempfile.mkdtemp(prefix="tex-drawing-"))
    try:
        (folder / "a.tex").write_text(text, encoding="utf-8")
        command = ["latex", "-interaction=nonstopmode", "-no-shell-escape", "a.tex"]
        try:
            subprocess.run(command, cwd=folder, capture_output=True, timeout=300, check=False)
        except subprocess.TimeoutExpired:
            return {}, set(range(len(labels)))
        errors: set[int] = set()
        now = 0
        log = folder / "a.log"
        for line in log.read_text(encoding="latin-1").splitlines() if log.exists() else []:
            if begun := re.match(r"@@BEGIN (\d+)@@", line):
                now = int(begun[1])
            elif line.startswith("! "):
                errors.add(now)
        pages: dict[int, list[TexDrawing]] = {}
        if (folder / "a.dvi").exists():
            for number, drawing in read_dvi((folder / "a.dvi").read_bytes()):
                pages.setdefault(number, []).append(drawing)
        return pages, errors
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def read_dvi(data: bytes) -> Iterator[tuple[int, TexDrawing]]:
    """(number, marks) for every page that has a `\\special{label NUMBER}`."""
    fonts: dict[int, tuple[str, int]] = {}
    at, font, label = 0, 0, -1
    h = v = w = x = y = z = 0
    stack: list[tuple[int, ...]] = []
    marks: list[TexMark] = []

    def number(size: int, signed: bool = True) -> int:
        nonlocal at
        at += size
        return int.from_bytes(data[at - size : at], "big", signed=signed)

    while at < len(data):
        op = number(1, False)
        if op < 132 or 133 <= op <= 136:
            code = op if op < 128 else number(op - 127 if op < 132 else op - 132, False)
            name, size = fonts[font]
            across, up, down = (round(part * size) for part in _metrics(name).get(code, (0.0, 0.0, 0.0)))
            em = size / (10 * 65536)
            box = (across * _UNIT, up * _UNIT, down * _UNIT)
            marks.append(TexMark(name, code, h * _UNIT, v * _UNIT, em, *box))
            if op < 132:
                h += across
        elif op in (132, 137):
            up, across = number(4), number(4)
            if up > 0 and across > 0:
                marks.append(TexMark(RULE, -1, h * _UNIT, v * _UNIT, 1.0, across * _UNIT, up * _UNIT, 0.0))
            h += across if op == 132 else 0
        elif op == 139:
            at += 44
            h = v = w = x = y = z = 0
            stack, marks, label = [], [], -1
        elif op == 140 and label >= 0:
            yield label, tuple(marks)
        elif op == 141:
            stack.append((h, v, w, x, y, z))
        elif op == 142:
            h, v, w, x, y, z = stack.pop()
        elif 143 <= op <= 146:
            h += number(op - 142)
        elif 147 <= op <= 151:
            w = number(op - 147) if op > 147 else w
            h += w
        elif 152 <= op <= 156:
            x = number(op - 152) if op > 152 else x
            h += x
        elif 157 <= op <= 160:
            v += number(op - 156)
        elif 161 <= op <= 165:
            y = number(op - 161) if op > 161 else y
            v += y
        elif 166 <= op <= 170:
            z = number(op - 166) if op > 166 else z
            v += z
        elif 171 <= op <= 234:
            font = op - 171
        elif 235 <= op <= 238:
            font = number(op - 234, False)
        elif 239 <= op <= 242:
            length = number(op - 238, False)
            told = re.fullmatch(rb"label (\d+)", data[at : at + length])
            label = int(told[1]) if told else label
            at += length
        elif 243 <= op <= 246:
            key = number(op - 242, False)
            at += 4
            size = number(4)
            at += 4
            length = number(1, False) + number(1, False)
            fonts[key] = (data[at : at + length].decode("ascii"), size)
            at += length
        elif op == 247:
            at += 13
            length = number(1, False)
            at += length
        elif op >= 248:
            return


@cache
def _metrics(font: str) -> dict[int, tuple[float, float, float]]:
    """Width, height and depth of the characters of a font at the size in use, from its TFM file."""
    path = subprocess.run(["kpsewhich", f"{font}.tfm"], capture_output=True, text=True, check=True).stdout.strip()
    data = Path(path).read_bytes()
    header, first, last, widths, heights = (int.from_bytes(data[n : n + 2], "big") for n in (2, 4, 6, 8, 10))
    characters = 24 + 4 * header
    width_at = characters + 4 * (last - first + 1)
    height_at = width_at + 4 * widths
    depth_at = height_at + 4 * heights

    def fixed(at: int) -> float:
        return int.from_bytes(data[at : at + 4], "big", signed=True) / 2**20

    found = {}
    for code in range(first, last + 1):
        at = characters + 4 * (code - first)
        across, both = data[at], data[at + 1]
        found[code] = (
            fixed(width_at + 4 * across),
            fixed(height_at + 4 * (both >> 4)),
            fixed(depth_at + 4 * (both & 15)),
        )
    return found
