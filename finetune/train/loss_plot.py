"""Plots the losses of a training as SVG. Numbers in, markup out; reads and writes no files."""

from __future__ import annotations

from collections.abc import Sequence

from markupsafe import escape

from curate.report.plots import Axis

_WIDTH, _HEIGHT = 720, 360
_LEFT, _RIGHT, _TOP, _BOTTOM = 56, 130, 30, 44
_STYLE = (
    "text{font:12px sans-serif;fill:#1b1f24}.page{fill:#fff}.grid{stroke:#d8dde3}.train{stroke:#3b6ea5;fill:none}"
    ".validation{stroke:#b35900;fill:none;stroke-width:2}.dot{fill:#b35900}.best{fill:#fff;stroke:#b35900;"
    "stroke-width:2}.title{font-weight:600}.t-train{fill:#2f5a88}.t-validation{fill:#8f4700}"
)
#: More points than this are thinned out, since a line 700 pixels wide can't show them.
_MOST = 1000

Points = Sequence[tuple[int, float]]


def losses_svg(train: Points, validation: Points = (), best: int | None = None) -> str:
    """Loss by step, on a logarithmic scale; the best evaluation is marked.

    train, validation: (step, loss) in order of the steps. Values that aren't finite and positive are left out. best:
    the step of the best evaluation; None for the one with the lowest loss.
    """
    train, validation = _good(train), _good(validation)
    points = [*train, *validation]
    if not points:
        return _svg("No loss was logged.", [f'<text x="20" y="{_HEIGHT / 2}">No loss was logged.</text>'])
    last = max(step for step, _ in points)
    low, high = min(loss for _, loss in points), max(loss for _, loss in points)
    low, high = (low / 1.1, high * 1.1)
    x = Axis(0, max(last, 1), _LEFT, _WIDTH - _RIGHT)
    y = Axis(low, high, _HEIGHT - _BOTTOM, _TOP, log=True)
    body = [
        *(_tick_y(y, value) for value in _ticks_log(low, high)),
        *(_tick_x(x, value) for value in _ticks(last)),
        f'<text x="{(_LEFT + _WIDTH - _RIGHT) / 2:.0f}" y="{_HEIGHT - 8}" text-anchor="middle">step</text>',
        f'<text class="title" x="{_LEFT}" y="18">Loss (answer tokens only), logarithmic scale</text>',
        _line(train, x, y, "train"),
    ]
    ends = [("training", train, "train")]
    if validation:
        body.append(_line(validation, x, y, "validation"))
        body += [
            f'<circle class="dot" cx="{x.at(step):.1f}" cy="{y.at(loss):.1f}" r="2.5"/>' for step, loss in validation
        ]
        lowest = min(validation, key=lambda point: (point[1], point[0]))
        step, loss = next((point for point in validation if point[0] == best), lowest)
        body.append(
            f'<circle class="best" cx="{x.at(step):.1f}" cy="{y.at(loss):.1f}" r="5"><title>Best: {loss:.4g} at step '
            f"{step}</title></circle>"
        )
        ends.append(("validation", validation, "validation"))
    body += _names([(name, y.at(line[-1][1]), line[-1][1], kind) for name, line, kind in ends if line])
    said = "; ".join(f"{name}: {line[0][1]:.4g} at first, {line[-1][1]:.4g} at last" for name, line, _ in ends if line)
    return _svg(f"{said}; {last} steps.", body)


def _good(points: Points) -> Points:
    return [(step, loss) for step, loss in points if 0 < loss < float("inf")]


def _line(points: Points, x: Axis, y: Axis, kind: str) -> str:
    every = -(-len(points) // _MOST) or 1
    some = [*points[::every], *points[-1:]]
    where = " ".join(f"{x.at(step):.1f},{y.at(loss):.1f}" for step, loss in some)
    return f'<polyline class="{kind}" points="{where}"/>'


def _names(ends: list[tuple[str, float, float, str]]) -> list[str]:
    """The name of each line at its end, moved apart if the lines end close together."""
    ends.sort(key=lambda end: end[1])
    out, free = [], 0.0
    for name, at, value, kind in ends:
        at = max(at, free)
        free = at + 15
        out.append(f'<text class="t-{kind}" x="{_WIDTH - _RIGHT + 8}" y="{at + 4:.1f}">{name} {value:.3g}</text>')
    return out


def _tick_x(x: Axis, value: int) -> str:
    at = x.at(value)
    return (
        f'<line class="grid" x1="{at:.1f}" y1="{_TOP}" x2="{at:.1f}" y2="{_HEIGHT - _BOTTOM}"/>'
        f'<text x="{at:.1f}" y="{_HEIGHT - _BOTTOM + 16}" text-anchor="middle">{value:,}</text>'
    )


def _tick_y(y: Axis, value: float) -> str:
    at = y.at(value)
    return (
        f'<line class="grid" x1="{_LEFT}" y1="{at:.1f}" x2="{_WIDTH - _RIGHT}" y2="{at:.1f}"/>'
        f'<text x="{_LEFT - 6}" y="{at + 4:.1f}" text-anchor="end">{value:g}</text>'
    )


def _ticks(last: int) -> list[int]:
    """Up to six round numbers of steps."""
    step = next((size for power in range(12) for size in (10**power, 2 * 10**power, 5 * 10**power)
                 if last <= 5 * size), last)  # fmt: skip
    return list(range(0, last + 1, max(step, 1)))


def _ticks_log(low: float, high: float) -> list[float]:
    return [
        round(part * 10.0**power, 9)
        for power in range(-6, 7)
        for part in (1, 2, 5)
        if low <= part * 10.0**power <= high
    ]


def _svg(description: str, body: list[str]) -> str:
    start = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img"'
    return (
        f'{start} aria-labelledby="l-t l-d"><style>{_STYLE}</style><title id="l-t">Losses of a training</title>'
        f'<desc id="l-d">{escape(description)}</desc><rect class="page" width="{_WIDTH}" height="{_HEIGHT}"/>'
        f"{''.join(body)}</svg>"
    )
