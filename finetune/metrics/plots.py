"""Plots of scores and confusions as SVG. Numbers in, markup out; counts nothing.

In a page, the colours come from its style sheet; a separate file contains them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from curate.base.tables import count
from curate.report.markup import text
from curate.report.plots import Axis

_STYLE = (
    "<style>text{font:12px sans-serif;fill:#1b1f24}.code{font-family:monospace}.before{fill:#e6a817}"
    ".after,.bar{fill:#3b6ea5}rect.page{fill:#fff}</style>"
)
_ROW, _NAMES, _WIDTH, _NUMBERS = 22, 230, 620, 60


def confusion_words(entry: Mapping[str, Any]) -> str:
    r"""An entry of `confusions` in words: `\beta → B`, `. lost`, `extra 1`, `superscript lost`,
    `root → fraction`, `moved: line → root`."""
    if "kind" in entry:
        kind, what = str(entry["kind"]), str(entry["what"])
        return {"lost": f"{what} lost", "extra": f"extra {what}", "moved": f"moved: {what}"}.get(kind, what)
    truth, prediction = entry["truth"], entry["prediction"]
    if prediction is None:
        return f"{truth} lost"
    return f"extra {prediction}" if truth is None else f"{truth} → {prediction}"


def confusion_bars(
    name: str, title: str, rows: Sequence[tuple[str, Sequence[int]]], series: Sequence[str], *, standalone: bool = False
) -> Markup:
    """Horizontal bars, with (words, one number per series) per row; `series` are the classes and names of the bars."""
    step = _ROW if len(series) == 1 else 14 * len(series) + 6
    height = max(len(rows), 1) * step + 30
    top = max((number for _, numbers in rows for number in numbers), default=1) or 1
    x = Axis(0, top, _NAMES, _WIDTH - _NUMBERS)
    body = [_STYLE, f'<rect class="page" width="{_WIDTH}" height="{height}"/>'] if standalone else []
    for place, (words, numbers) in enumerate(rows):
        y = place * step + 4
        body.append(f'<text class="code" x="0" y="{y + step / 2 + 2:.0f}">{escape(text(words, 34))}</text>')
        for bar, (kind, number) in enumerate(zip(series, numbers, strict=True)):
            up = y + bar * 14
            long = max(x.at(number) - _NAMES, 1.0 if number else 0)
            body.append(
                f'<rect class="{kind}" x="{_NAMES}" y="{up}" width="{long:.1f}" height="12">'
                f"<title>{escape(text(words, 60))}: {count(number)} {escape(kind)}</title></rect>"
                f'<text class="value" x="{_NAMES + long + 6:.1f}" y="{up + 10}">{count(number)}</text>'
            )
    said = "; ".join(f"{words}: {', '.join(map(count, numbers))}" for words, numbers in rows) or "Nothing was confused."
    return Markup(
        f'<svg xmlns="http://www.w3.org/2000/svg" class="plot" viewBox="0 0 {_WIDTH} {height}" role="img"'
        f' aria-labelledby="{name}-t {name}-d"><title id="{name}-t">{escape(title)}</title>'
        f'<desc id="{name}-d">{escape(text(said, 600))}</desc>{"".join(body)}</svg>'
    )


def confusions_svg(confusions: Mapping[str, Sequence[Mapping[str, Any]]], most: int = 20) -> str:
    """A separate file with the most frequent confusions of symbols, then the errors of layout."""
    entries = [*confusions["symbols"][:most], *confusions["structure"][:most]]
    rows = [(confusion_words(entry), [entry["n"]]) for entry in entries]
    return str(confusion_bars("confusions", "What was misread as what", rows, ("bar",), standalone=True))
