"""Do our drawings agree with LaTeX's? Compares symbols, script levels, rules and order, label by label.

`python benchmarks/drawing_agreement.py [--every N] [--show KIND]` needs the shared data next to the project, and
`latex`. Fonts differ, so places are compared as relations between neighbours: left or right, on which line, above or
below which rule. Every symbol is drawn with both, to learn which of LaTeX's glyphs is which character. Conventions are
folded first: LaTeX sets `\\neq` as two glyphs, a tall brace as several, and so on.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from itertools import pairwise
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tex_drawing import RULE, TexDrawing, TexMark, drawings  # noqa: E402

from curate.render import RenderError  # noqa: E402
from finetune.metrics.cdm import _assignment  # noqa: E402
from finetune.metrics.glyphs import BAR, Mark, marks  # noqa: E402
from rules.latex.commands import COMMANDS  # noqa: E402

Key = tuple[str, int]

_DELIMITERS = (
    *(
        [
            r"(",
            r")",
            r"[",
            r"]",
            r"\{",
            r"\}",
            r"|",
            r"\|",
            r"/",
            r"\backslash",
            r"\langle",
            r"\rangle",
            r"\lfloor",
            r"\rfloor",
            r"\lceil",
            r"\rceil",
            r"\uparrow",
            r"\downarrow",
        ]
    ),
    *([r"\updownarrow", r"\Uparrow", r"\Downarrow", r"\Updownarrow"]),
)
_KINDS = frozenset(["ord", "bin", "rel", "op", "open", "close", "punct", "inner", "largeop", "arrow", "letter"])
_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_SIGNS = "0123456789+-=<>/.,;:!?*()[]|'"
_GREEK = (
    *(
        [
            r"\alpha",
            r"\beta",
            r"\gamma",
            r"\delta",
            r"\epsilon",
            r"\varepsilon",
            r"\zeta",
            r"\eta",
            r"\theta",
            r"\vartheta",
            r"\iota",
            r"\kappa",
            r"\lambda",
            r"\mu",
            r"\nu",
        ]
    ),
    *(
        [
            r"\xi",
            r"\pi",
            r"\varpi",
            r"\rho",
            r"\varrho",
            r"\sigma",
            r"\varsigma",
            r"\tau",
            r"\upsilon",
            r"\phi",
            r"\varphi",
            r"\chi",
            r"\psi",
            r"\omega",
            r"\Gamma",
            r"\Delta",
        ]
    ),
    *(
        [
            r"\Theta",
            r"\Lambda",
            r"\Xi",
            r"\Pi",
            r"\Sigma",
            r"\Upsilon",
            r"\Phi",
            r"\Psi",
            r"\Omega",
            r"\nabla",
            r"\partial",
            r"\ell",
            r"\infty",
            r"\cdot",
            r"\times",
        ]
    ),
)
_ACCENTED = frozenset("\u0302\u030c\u0303\u0301\u0300\u0307\u0308\u0306\u0304\u20d7\u030aˆ˜⏞⏟")
_ACCENTS = [
    r"hat",
    r"check",
    r"tilde",
    r"acute",
    r"grave",
    r"dot",
    r"ddot",
    r"breve",
    r"bar",
    r"vec",
    r"mathring",
    r"widehat",
    r"widetilde",
]
#: Codes of cmex for the pieces of tall delimiters and roots: bottom, middle, top and extension.
_PIECES = {
    **dict.fromkeys((0x30, 0x40, 0x42), "("),
    **dict.fromkeys((0x31, 0x41, 0x43), ")"),
    **dict.fromkeys((0x32, 0x34, 0x36), "["),
    **dict.fromkeys((0x33, 0x35, 0x37), "]"),
    **dict.fromkeys((0x38, 0x3A, 0x3C), "{"),
    **dict.fromkeys((0x39, 0x3B, 0x3D), "}"),
    **dict.fromkeys((0x74, 0x75, 0x76), "√"),
    0x3E: "",
    0x0C: "|",
    0x0D: "‖",
    0x3F: "arrow",
    0x77: "Arrow",
    0x78: "↑",
    0x79: "↓",
    0x7E: "⇑",
    0x7F: "⇓",
}
_BRACE_ENDS = range(0x7A, 0x7E)
_LIGATURES = {0x0B: "ff", 0x0C: "fi", 0x0D: "fl", 0x0E: "ffi", 0x0F: "ffl"}
_AXIS = 250.0
#: What LaTeX puts before or behind an arrow to make it long; delimiters, whose size is no script level.
_SHAFTS, _HEADS, _FENCES = {"-", "="}, frozenset("←→↔⇐⇒⇔"), frozenset("()[]{}|‖⟨⟩⌊⌋⌈⌉↑↓/\\√")
#: Marks of ours whose name differs from the glyph.
_ONE = {"⟶": "→", "⟵": "←", "⟹": "⇒", "⟸": "⇐", "⟷": "↔", "⟺": "⇔", "⟼": "↦", "−": "-", "‐": "-", "◯": "ellipse"}


def family(font: str) -> str:
    return font.rstrip("0123456789")


class Signs:
    """Maps the glyphs of LaTeX's fonts, and runs of them, to characters."""

    def __init__(self) -> None:
        self.parents: dict[str, str] = {}
        self.single: dict[Key, str] = {("cmsy", 0x70): "√", ("tcrm", 0x4F): "ellipse", ("cmsy", 0x36): "/"}
        self.single |= {("cmex", code): "√" for code in range(0x70, 0x74)}
        self.runs: dict[tuple[Key, ...], str] = {}
        self.odd: list[str] = []

    def find(self, kind: str) -> str:
        kind = _ONE.get(kind, kind)
        while kind in self.parents:
            kind = self.parents[kind]
        return kind

    def learn(self) -> None:
        texts = [f"\\{c.name}" for c in COMMANDS.values() if c.latex and not c.args and c.kind in _KINDS]
        texts += [*_LETTERS, *_SIGNS, *_DELIMITERS, r"\%", r"\&", r"\#", r"\$", r"\_"]
        for font in ("mathrm", "mathbf", "mathsf", "mathtt", "mathit", "text", "boldsymbol", "textbf", "textit"):
            texts += [rf"\{font}{{{c}}}" for c in _LETTERS + "0123456789"]
            if font == "text":
                texts += [rf"\text{{{c}}}" for c in ".,;:!?-=/()[]'`"]
        texts += [rf"\mathfrak{{{c}}}" for c in _LETTERS]
        texts += [rf"\{font}{{{c}}}" for font in ("mathcal", "mathbb") for c in _LETTERS[:26]]
        texts += [rf"\boldsymbol{{{c}}}" for c in (*_GREEK, *"+-=()[]<>|,.")]
        texts += [rf"\mathbf{{{c}}}" for c in _GREEK if c[1].isupper()]
        texts += [rf"\{size} {c}" for size in ("big", "Big", "bigg", "Bigg") for c in _DELIMITERS]
        texts += [rf"\{accent}{{{'xxxxx'[:n]}}}" for accent in _ACCENTS for n in (1, 2, 3, 5)]
        texts += [
            rf"\not {c}"
            for c in (
                [r"=", r"<", r">", r"\in", r"\subset", r"\subseteq", r"\equiv", r"\sim", r"\approx", r"\le", r"\ge"]
            )
        ]
        texts += [rf"x_{{\{c.name}}}" for c in COMMANDS.values() if c.latex and not c.args and c.kind == "op"]
        for text, tex in zip(texts, drawings(texts), strict=True):
            if tex is None:
                continue
            try:
                ours = list(marks(text))
            except RenderError:
                continue
            self._note(text, tex, ours)

    def _note(self, text: str, tex: TexDrawing, ours: list[Mark]) -> None:
        theirs = [mark for mark in tex if mark.font != RULE]
        kinds = [mark.kind for mark in ours if mark.kind != BAR]
        accent = text.startswith(tuple(f"\\{name}{{x" for name in _ACCENTS))
        if accent:
            theirs = [mark for mark in theirs if (mark.font, mark.code) != ("cmmi10", ord("x"))]
            kinds = [kind for kind in kinds if kind != "𝑥"]
        elif text.startswith("x_"):
            theirs, kinds = theirs[1:], kinds[1:]
        if len(theirs) == len(kinds):
            for mark, kind in zip(theirs, kinds, strict=True):
                if mark.font.startswith("cmex") and mark.code in _PIECES:
                    continue
                key = family(mark.font), mark.code
                one, other = self.find(self.single.setdefault(key, kind)), self.find(kind)
                if one != other:
                    self.parents[other] = one
        elif len(kinds) == 1 and 1 < len(theirs) < 6 and not any(mark.font.startswith("cmex") for mark in theirs):
            self.runs[tuple((family(mark.font), mark.code) for mark in theirs)] = kinds[0]
        elif theirs and kinds:
            self.odd.append(f"{text}: LaTeX {[(m.font, m.code) for m in theirs]}, here {kinds}")

    def of_tex(self, drawing: TexDrawing) -> list[Mark]:
        """LaTeX's marks in the form of ours."""
        found: list[Mark] = []
        at = 0
        while at < len(drawing):
            mark = drawing[at]
            at += 1
            if mark.font == RULE:
                bar = Mark(BAR, mark.x, mark.x + mark.width, mark.y, 1.0, round(mark.height))
                same = found and found[-1].kind == BAR and found[-1][1:3] == bar[1:3] and bar.right - bar.left < 60
                before = next((k for k in range(len(found)) if _continues(found[k], bar)), None)
                if before is not None:
                    found[before] = found[before]._replace(y=max(found[before].y, bar.y))
                elif not same:
                    found.append(bar)
                continue
            if mark.font.startswith("cmex") and mark.code in _BRACE_ENDS:
                # an end, a rule, two halves of the middle, a rule, an end; ours is one glyph
                last = at
                while last < len(drawing) and (
                    drawing[last].font == RULE
                    or (drawing[last].font == mark.font and drawing[last].code in _BRACE_ENDS)
                ):
                    last += 1
                    if drawing[last - 1].font != RULE and drawing[last - 1].code in (0x7B, 0x7D) and last - at > 3:
                        break
                ends = drawing[at - 1 : last]
                kind = "⏞" if mark.code == 0x7A else "⏟"
                found.append(Mark(kind, ends[0].x, ends[-1].x + ends[-1].width, mark.y, 1.0))
                at = last
                continue
            if mark.font.startswith("cmex") and mark.code in _PIECES:
                last = at
                while last < len(drawing) and _stacked(drawing[last], mark):
                    last += 1
                run = drawing[at - 1 : last]
                names = [_PIECES[piece.code] for piece in run if _PIECES[piece.code]]
                kind = names[0] if names else "{"
                top = min(piece.y - piece.height for piece in run)
                bottom = max(piece.y + piece.depth for piece in run)
                found.append(self._mark(kind, run[0], (top + bottom) / 2 + _AXIS))
                at = last
                continue
            if mark.font.startswith("line") or mark.font.startswith("linew"):
                if not (found and found[-1].kind == "line"):
                    found.append(Mark("line", mark.x, mark.x + mark.width, mark.y, 1.0))
                continue
            run_length = next((n for n in (5, 4, 3, 2) if self._is_run(drawing, at - 1, n)), 0)
            if run_length:
                some = drawing[at - 1 : at - 1 + run_length]
                kind = self.runs[tuple((family(one.font), one.code) for one in some)]
                wide = mark._replace(width=some[-1].x + some[-1].width - mark.x)
                found.append(self._mark(self.find(kind), wide, mark.y))
                at += run_length - 1
                continue
            key = family(mark.font), mark.code
            if key[0] in ("cmr", "cmbx", "cmti", "cmss", "cmtt") and mark.code in _LIGATURES and key[0] != "cmtt":
                for n, letter in enumerate(_LIGATURES[mark.code]):
                    kind = self.find(self.single.get((key[0], ord(letter)), letter))
                    found.append(Mark(kind, mark.x + 250 * n, mark.x + 250 * (n + 1), mark.y, mark.size))
                continue
            known = self.single.get(key) or (self.single.get(("cmr", key[1])) if key[0] in ("cmbx", "cmtt") else None)
            kind = self.find(known or f"{key[0]} {key[1]:02X}")
            middle = mark.y + (mark.depth - mark.height) / 2 + _AXIS * mark.size
            tall = key[0] == "cmex" or kind == "√" or mark.height + mark.depth > 1100 * mark.size
            found.append(self._mark(kind, mark, middle if tall else mark.y))
        return _arrows(found)

    def _mark(self, kind: str, mark: TexMark, y: float) -> Mark:
        return Mark(self.find(kind), mark.x, mark.x + mark.width, y, mark.size, 1 if family(mark.font) == "cmex" else 0)

    def _is_run(self, drawing: TexDrawing, at: int, number: int) -> bool:
        some = drawing[at : at + number]
        if len(some) < number or tuple((family(one.font), one.code) for one in some) not in self.runs:
            return False
        return all(
            one.size == other.size and other.x - one.x < one.width + 250 * one.size for one, other in pairwise(some)
        )

    def of_ours(self, label: str) -> list[Mark]:
        found = []
        for mark in marks(label):
            found.append(mark._replace(kind=self.find(mark.kind)))
        return found


def _arrows(found: list[Mark]) -> list[Mark]:
    """Arrows without the dashes that make them long."""
    kept: list[Mark] = []
    at = 0
    while at < len(found):
        last = at + 1
        while last < len(found) and found[last].y == found[at].y and found[last].left < found[last - 1].right - 30:
            last += 1
        heads = [mark.kind for mark in found[at:last] if mark.kind not in _SHAFTS]
        if last - at > 1 and len(heads) == 1 and heads[0] in _HEADS:
            kept.append(found[at]._replace(kind=heads[0], right=found[last - 1].right))
        else:
            kept += found[at:last]
        at = last
    return kept


def _continues(one: Mark, bar: Mark) -> bool:
    """Is `bar` the continuation of the same vertical rule, one row further down?"""
    return (
        one.kind == BAR
        and bar.right - bar.left < 60
        and abs(one.left - bar.left) < 2
        and abs(one.right - bar.right) < 2
    )


def _stacked(one: TexMark, other: TexMark) -> bool:
    return one.font == other.font and one.code in _PIECES and abs(one.x - other.x) < 1 and one.y != other.y


def level(size: float) -> int:
    return 0 if size > 0.85 else 1 if size > 0.62 else 2


def difference(theirs: Sequence[Mark], ours: Sequence[Mark]) -> tuple[str, str] | None:
    """The kind of the first difference between two drawings, with its details; None if they agree."""
    bars = [sum(mark.kind == BAR for mark in some) for some in (theirs, ours)]
    one, other = (Counter(mark.kind for mark in some if mark.kind != BAR) for some in (theirs, ours))
    if not theirs or not ours:
        return None if not theirs and not ours else ("symbols", "nothing on one side")
    if one != other:
        return "symbols", f"only LaTeX {dict(one - other)}, only here {dict(other - one)}"
    if bars[0] != bars[1]:
        return "rules", f"LaTeX {bars[0]}, here {bars[1]}"
    fixed = {mark.kind for mark in theirs if mark.cell} | _FENCES  # LaTeX has big symbols in one size only
    levels = [
        Counter(
            (mark.kind, level(mark.size)) for mark in some if mark.kind not in fixed and mark.kind not in (BAR, "line")
        )
        for some in (theirs, ours)
    ]
    if levels[0] != levels[1] and not any(mark.kind == "ellipse" for mark in ours):
        return "script level", f"only LaTeX {dict(levels[0] - levels[1])}, only here {dict(levels[1] - levels[0])}"
    pairs = _matched(theirs, ours, fixed)
    return _moved(theirs, ours, pairs)


def _matched(theirs: Sequence[Mark], ours: Sequence[Mark], fixed: set[str]) -> list[tuple[int, int]]:
    groups: dict[tuple[str, int], tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, some in enumerate((theirs, ours)):
        for n, mark in enumerate(some):
            free = mark.kind in fixed or mark.kind in (BAR, "line", "ellipse")
            groups[mark.kind, 0 if free else level(mark.size)][side].append(n)
    places = [_relative(some) for some in (theirs, ours)]
    found = []
    for one, other in groups.values():
        costs = [
            [abs(places[0][i][0] - places[1][j][0]) * 2 + abs(places[0][i][1] - places[1][j][1]) for j in other]
            for i in one
        ]
        if len(one) != len(other):
            continue
        chosen = _assignment(costs) if len(one) > 1 else [0]
        found += [(i, other[n]) for i, n in zip(one, chosen, strict=True)]
    return found


def _relative(some: Sequence[Mark]) -> list[tuple[float, float]]:
    left, right = min(m.left for m in some), max(m.right for m in some)
    top, bottom = min(m.y for m in some), max(m.y for m in some)
    return [
        ((m.left + m.right - 2 * left) / 2 / max(right - left, 1), (m.y - top) / max(bottom - top, 1000.0))
        for m in some
    ]


def _moved(theirs: Sequence[Mark], ours: Sequence[Mark], pairs: list[tuple[int, int]]) -> tuple[str, str] | None:
    for i, j in pairs:
        one, other = theirs[i], ours[j]
        near = sorted(pairs, key=lambda pair: abs(theirs[pair[0]].left - one.left) + abs(theirs[pair[0]].y - one.y))[
            1:6
        ]
        for a, b in near:
            across, also_across = (
                (some[y].left + some[y].right - some[x].left - some[x].right) / 2
                for some, x, y in ((theirs, i, a), (ours, j, b))
            )
            if across * also_across < 0 and min(abs(across), abs(also_across)) > 200:
                return "order", f"{one.kind} {theirs[a].kind}: {across:.0f}, here {also_across:.0f}"
            if BAR not in (one.kind, theirs[a].kind) and abs(across - also_across) > 500 + 0.35 * abs(across):
                return "beside or above", f"{one.kind} {theirs[a].kind}: {across:.0f}, here {also_across:.0f}"
            down, also_down = theirs[a].y - one.y, ours[b].y - other.y
            loose = [m for m in (one, theirs[a]) if m.kind in _ACCENTED or (m.kind == BAR and m.right - m.left < 60)]
            if not loose and abs(down - also_down) > 350 + 0.35 * abs(down):
                return "height", f"{one.kind} {theirs[a].kind}: {down:.0f}, here {also_down:.0f}"
        if one.kind == BAR and one.right - one.left > 60:
            covered = [
                {pair for pair in pairs if pair != (i, j) and _covers(some[line], some[pair[side]])}
                for side, (some, line) in enumerate(((theirs, i), (ours, j)))
            ]
            clear = {
                pair
                for pair in covered[0] ^ covered[1]
                if not any(
                    _at_edge(some[line], some[pair[side]]) for side, (some, line) in enumerate(((theirs, i), (ours, j)))
                )
            }
            if clear:
                return "what a rule covers", str([theirs[pair[0]].kind for pair in clear])
    return None


def _covers(line: Mark, mark: Mark) -> bool:
    return line.left <= (mark.left + mark.right) / 2 <= line.right


def _at_edge(line: Mark, mark: Mark) -> bool:
    middle = (mark.left + mark.right) / 2
    return min(abs(middle - line.left), abs(middle - line.right)) < 150


def labels_of(data: Path, every: int) -> Iterable[tuple[str, str]]:
    for n, line in enumerate((data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()):
        row = json.loads(line)
        if row["latex_error"] is None and n % every == 0:
            yield row["set"], row["label"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("TEXSIEVE_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else ROOT.parent / "shared" / "data")
    parser.add_argument("--every", type=int, default=1, help="only every N-th label")
    parser.add_argument("--show", help="print the labels with this kind of difference")
    parser.add_argument("--label", help="print both drawings of this label")
    options = parser.parse_args()
    signs = Signs()
    signs.learn()
    if options.label:
        (theirs,) = drawings([options.label])
        for mark in signs.of_tex(theirs or ()):
            print("LaTeX", mark)
        for mark in signs.of_ours(options.label):
            print("here ", mark)
        print(difference(signs.of_tex(theirs or ()), signs.of_ours(options.label)))
        return
    rows = list(labels_of(options.data, options.every))
    totals: dict[str, Counter[str]] = defaultdict(Counter)
    start = time.perf_counter()
    tex = drawings([label for _, label in rows])
    print(f"LaTeX: {time.perf_counter() - start:.1f} s")
    for (name, label), theirs in zip(rows, tex, strict=True):
        if theirs is None:
            kind = "LaTeX sets no one page"
        else:
            try:
                found = difference(signs.of_tex(theirs), signs.of_ours(label))
                kind = found[0] if found else "agrees"
                if found and options.show in (kind, "all"):
                    print(json.dumps({"kind": kind, "set": name, "label": label, "what": found[1]}, ensure_ascii=False))
            except RenderError as error:
                kind = "not drawn"
                if options.show in (kind, "all"):
                    print(
                        json.dumps({"kind": kind, "set": name, "label": label, "what": str(error)}, ensure_ascii=False)
                    )
        totals[name][kind] += 1
    whole: Counter[str] = sum(totals.values(), Counter())
    for name, counts in [*sorted(totals.items()), ("all", whole)]:
        judged = sum(counts.values()) - counts["LaTeX sets no one page"]
        drawn = judged - counts["not drawn"]
        shares = f"{drawn / max(judged, 1):8.2%} drawn, {counts['agrees'] / max(drawn, 1):8.2%} of these agree"
        print(f"{name:24} {judged:6} labels, {shares}; {dict(counts.most_common())}")


if __name__ == "__main__":
    main()
