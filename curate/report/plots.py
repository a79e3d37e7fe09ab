"""The report's plots as inline SVG text. Numbers in, markup out; colours come from the page's style sheet.

Each plot has a title and a description for screen readers, and colour is never the only thing that tells values apart.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup, escape

from curate.base.tables import count
from curate.report.markup import text

LEFT, RIGHT, TOP, BOTTOM = 52, 24, 12, 40


@dataclass(frozen=True)
class Axis:
    """A mapping of values to pixels, linear or logarithmic (base 2 or 10)."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def at(self, value: float) -> float:
        if self.log:
            part = math.log(max(value, self.low) / self.low) / max(math.log(self.high / self.low), 1e-9)
        else:
            part = (value - self.low) / max(self.high - self.low, 1e-9)
        return self.start + min(max(part, 0), 1) * (self.end - self.start)


def _f(value: float) -> str:
    """A short coordinate, the same on every machine."""
    return f"{value:.1f}".removesuffix(".0")


def _text(x: float, y: float, words: str, *, anchor: str = "middle", cls: str = "tick") -> str:
    return f'<text class="{cls}" x="{_f(x)}" y="{_f(y)}" text-anchor="{anchor}">{escape(words)}</text>'


def _line(x1: float, y1: float, x2: float, y2: float, cls: str = "grid") -> str:
    return f'<line class="{cls}" x1="{_f(x1)}" y1="{_f(y1)}" x2="{_f(x2)}" y2="{_f(y2)}"/>'


def _rect(x: float, y: float, width: float, height: float, cls: str, title: str = "") -> str:
    inner = f"<title>{escape(title)}</title>" if title else ""
    box = f'x="{_f(x)}" y="{_f(y)}" width="{_f(max(width, 0))}" height="{_f(max(height, 0))}"'
    return f'<rect class="{cls}" {box}>{inner}</rect>'


def _svg(name: str, width: int, height: int, title: str, description: str, body: list[str]) -> Markup:
    return Markup(
        f'<svg class="plot" viewBox="0 0 {width} {height}" role="img" aria-labelledby="{name}-t {name}-d">'
        f'<title id="{name}-t">{escape(title)}</title><desc id="{name}-d">{escape(description)}</desc>'
        + "".join(body)
        + "</svg>"
    )


def _powers(low: float, high: float, base: int) -> list[int]:
    first, last = math.ceil(math.log(low, base) - 1e-9), math.floor(math.log(high, base) + 1e-9)
    return [base**power for power in range(first, last + 1)]


def composition(parts: Sequence[tuple[str, int]]) -> Markup:
    """One bar cut into classes: `(css class and word, samples)`. Decorative: the numbers are next to it as text."""
    total = sum(number for _, number in parts)
    body, at = [], 0.0
    for name, number in parts:
        if number and total:
            width = 1000 * number / total
            shown = max(width, 4)  # a handful of errors among a million must still be visible
            body.append(_rect(at, 0, shown, 10, f"fill-{name}"))
            at += shown
    scale = max(at, 1)
    return Markup(
        f'<svg class="composition" viewBox="0 0 {_f(scale)} 10" preserveAspectRatio="none" aria-hidden="true">'
        + "".join(body)
        + "</svg>"
    )


def score_histogram(counts: Sequence[int]) -> Markup:
    """Samples by score in equal bins, on a logarithmic axis: nearly all of them score 1."""
    width, height = 560, 260
    top = 10 ** math.ceil(math.log10(max(max(counts, default=1), 10)))
    y = Axis(0.5, top, height - BOTTOM, TOP, log=True)
    body = []
    for power in _powers(1, top, 10):
        body.append(_line(LEFT, y.at(power), width - RIGHT, y.at(power)))
        body.append(_text(LEFT - 6, y.at(power) + 4, count(power), anchor="end"))
    step = (width - LEFT - RIGHT) / max(len(counts), 1)
    for place, number in enumerate(counts):
        low, high = place / len(counts), (place + 1) / len(counts)
        if number:
            bar = (LEFT + place * step + 1, y.at(number), step - 2, height - BOTTOM - y.at(number))
            body.append(_rect(*bar, "bar", f"{low:.2f} to {high:.2f}: {count(number)} samples"))
    body.append(_line(LEFT, height - BOTTOM, width - RIGHT, height - BOTTOM, "axis"))
    for tenth in range(0, 11, 2):
        x = LEFT + tenth / 10 * (width - LEFT - RIGHT)
        body.append(_text(x, height - BOTTOM + 16, f"{tenth / 10:g}"))
    body.append(
        _text((LEFT + width - RIGHT) / 2, height - 6, "score (1 is clean) · samples on a logarithmic axis", cls="name")
    )
    best = count(counts[-1]) if counts else "0"
    words = f"Number of samples in {len(counts)} bins of the score; {best} are in the best bin."
    return _svg("p-score", width, height, "Samples by score", words, body)


def rule_counts(rules: Sequence[tuple[str, str, str, int]], most: int = 14) -> Markup:
    """Bars of samples per rule: `(code, name, severity, samples)`, the most frequent `most`."""
    shown = list(rules[:most])
    row, names, numbers, width = 24, 232, 74, 560
    height = max(len(shown), 1) * row + 8
    top = max((samples for *_, samples in shown), default=1)
    x = Axis(0, top, names, width - numbers)
    body = []
    for place, (code, name, severity, samples) in enumerate(shown):
        y = place * row + 4
        middle = y + row / 2 + 4
        body.append(_text(0, middle, text(code, 10), anchor="start", cls="code"))
        body.append(_text(66, middle, text(name, 26), anchor="start", cls="tick"))
        long = max(x.at(samples) - names, 1.5)
        body.append(
            _rect(names, y + 4, long, row - 8, f"fill-{severity}", f"{text(name, 60)}: {count(samples)} samples")
        )
        body.append(_text(names + long + 6, middle, count(samples), anchor="start", cls="value"))
    words = "; ".join(f"{text(code, 10)} {text(name, 40)}: {count(samples)}" for code, name, _, samples in shown)
    return _svg("p-rules", width, height, "Samples by rule", words or "No rule found anything.", body)


def lengths(rows: Sequence[tuple[str, Sequence[int], float | None, int | None]], edges: Sequence[float]) -> Markup:
    """Label length by source as small filled curves over one logarithmic axis.

    Args:
        rows: `(source, samples per bin, median, longest)`.
        edges: the bins' edges, one more than bins, rising from 1.
    """
    row, names, width = 46, 132, 560
    height = max(len(rows), 1) * row + BOTTOM + 8
    x = Axis(edges[0], edges[-1], names, width - RIGHT, log=True)
    body = []
    for tick in _powers(edges[0], edges[-1], 4 if edges[-1] > 300 else 2):
        body.append(_line(x.at(tick), 4, x.at(tick), height - BOTTOM))
        body.append(_text(x.at(tick), height - BOTTOM + 16, count(tick)))
    for place, (source, counts, median, longest) in enumerate(rows):
        base = (place + 1) * row
        most = max(max(counts, default=0), 1)
        points = [f"{_f(x.at(edges[0]))},{_f(base)}"]
        for i, number in enumerate(counts):
            level = base - (row - 12) * number / most
            points.append(f"{_f(x.at(edges[i]))},{_f(level)}")
            points.append(f"{_f(x.at(edges[i + 1]))},{_f(level)}")
        points.append(f"{_f(x.at(edges[-1]))},{_f(base)}")
        said = f"{text(source, 60)}: median {median:g}, longest {count(longest)}" if median is not None else source
        body.append(f'<polygon class="area" points="{" ".join(points)}"><title>{escape(said)}</title></polygon>')
        body.append(_line(names, base, width - RIGHT, base, "axis"))
        body.append(_text(0, base - 16, text(source, 17), anchor="start", cls="code"))
        if median is not None:
            body.append(_line(x.at(median), base - row + 14, x.at(median), base, "median"))
            body.append(_text(0, base - 2, f"median {median:g}", anchor="start", cls="tick"))
    body.append(_text((names + width) / 2, height - 6, "tokens a label, logarithmic · line: median", cls="name"))
    words = "; ".join(
        f"{text(source, 40)}: median {median:g}, longest {count(longest)}"
        for source, _, median, longest in rows
        if median
    )
    return _svg("p-length", width, height, "Label length by source", words or "No label was counted.", body)


def image_sizes(cells: Sequence[tuple[int, int, int]], bins: int, low: float, high: float, least_side: int) -> Markup:
    """Images by width and height as squares on logarithmic axes, darker where there are more.

    Args:
        cells: `(column, row, images)` of the `bins` × `bins` cells that hold any.
        low, high: the pixels at both ends of both axes.
        least_side: the side below which models refuse an image; drawn as a line.
    """
    width, height = 560, 330
    x = Axis(low, high, LEFT, width - RIGHT, log=True)
    y = Axis(low, high, height - BOTTOM, TOP, log=True)
    body = []
    for tick in _powers(low, high, 4):
        body.append(_line(x.at(tick), TOP, x.at(tick), height - BOTTOM))
        body.append(_line(LEFT, y.at(tick), width - RIGHT, y.at(tick)))
        body.append(_text(x.at(tick), height - BOTTOM + 16, count(tick)))
        body.append(_text(LEFT - 6, y.at(tick) + 4, count(tick), anchor="end"))
    most = max((number for *_, number in cells), default=1)
    wide, tall = (x.end - x.start) / bins, (y.start - y.end) / bins
    ratio = (high / low) ** (1 / bins)
    for column, row, number in sorted(cells):
        depth = 1 + round(7 * math.log(number) / math.log(most)) if most > 1 else 8
        about = f"{low * ratio**column:.0f} × {low * ratio**row:.0f} px and up: {count(number)} images"
        box = (x.start + column * wide, y.start - (row + 1) * tall, wide, tall)
        body.append(_rect(*box, f"heat h{depth}", about))
    body.append(_line(x.at(least_side), TOP, x.at(least_side), height - BOTTOM, "limit"))
    body.append(_line(LEFT, y.at(least_side), width - RIGHT, y.at(least_side), "limit"))
    body.append(
        _text(width - RIGHT - 4, y.at(least_side) - 5, f"{least_side} px, the least side", anchor="end", cls="note")
    )
    body.append(
        _text(
            (LEFT + width) / 2,
            height - 6,
            "width × height in pixels, logarithmic · stronger colour: more images",
            cls="name",
        )
    )
    images = sum(number for *_, number in cells)
    return _svg(
        "p-images", width, height, "Images by width and height", f"{count(images)} images in {len(cells)} cells.", body
    )
