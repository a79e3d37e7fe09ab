"""Labels as plain text, for searching in the App, a few at a time, worst samples first. Doesn't show them.

A label takes about half a millisecond, a long one two, so the App opens before all are made.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from rules.latex.plain_text import plain_text

#: Samples whose texts are made together: few at first, for the first screen.
_FIRST, _MOST = 200, 2000


def text_of(label: str, canonical: str | None) -> str:
    """The plain text of a label; of its canonical spelling if it has one, which is easier to parse."""
    return plain_text(canonical or label)


def texts(frame: pl.DataFrame, done: int) -> Iterator[tuple[int, dict[str, str]]]:
    """(rows done, {sample_id: text}), batch by batch, of the rows of `rows.rows` from row `done` on."""
    known: dict[str, str] = {}  # many labels are equal
    size = _FIRST
    while done < frame.height:
        batch = frame.slice(done, size).select("sample_id", "label", "canonical")
        done, size = done + batch.height, _MOST
        found = {}
        for sample_id, label, canonical in batch.iter_rows():
            if label not in known:
                known[label] = text_of(label, canonical)
            found[sample_id] = known[label]
        yield done, found
