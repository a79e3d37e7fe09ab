"""Labels with all proposed fixes made, a few at a time, worst samples first. Doesn't show them.

Each fix is proven on its label, which takes some milliseconds, so the App opens before all are made.
"""

from __future__ import annotations

from collections.abc import Iterator

import polars as pl

from curate.browse.dataset.rows import FIXABLE
from curate.browse.deciding.change import marked
from curate.browse.deciding.state import proposals
from curate.runs.folder import Run, rules_of

#: Samples whose proposals are made together: few at first, for the first screen.
_FIRST, _MOST = 50, 400


def proposed(run: Run, frame: pl.DataFrame, done: int) -> Iterator[tuple[int, dict[str, tuple[str, str]]]]:
    """(rows done, {sample_id: (label, change)}), batch by batch, of the rows of `rows.rows` from row `done` on."""
    ruleset, _ = rules_of(run)
    rows = frame.select("sample_id", "label", FIXABLE).with_row_index("at").slice(done).filter(pl.col(FIXABLE))
    size = _FIRST
    while rows.height:
        batch, rows = rows.head(size), rows.slice(size)
        size = min(2 * size, _MOST)
        new = proposals(batch["label"].to_list(), ruleset)
        found = {
            sample_id: (new[label], marked(label, new[label]))
            for sample_id, label in batch.select("sample_id", "label").iter_rows()
            if label in new
        }
        yield int(batch["at"][-1]) + 1, found
