"""Keeps the measures of drawings between runs, so that a label is drawn once. Draws and judges nothing itself."""

from __future__ import annotations

import hashlib
from functools import cache
from pathlib import Path
from typing import Any

import polars as pl

import curate.render
import rules.latex
from curate.base.kept_tables import edition, read_kept, write_kept
from curate.images import ink, strokes

#: The most drawings kept, 0.4 kB each; beyond that, only those that the last run asked for.
MOST = 200_000

#: A row of measures, or () for a label that can't be drawn.
Row = tuple[object, ...]


class Kept:
    """The kept measures of one folder; without a folder nothing is kept. A file that can't be read counts as missing,
    and failing to write one is not an error. schema: of a row. measured_by: the module that measures."""

    def __init__(self, folder: Path | None, schema: dict[str, Any], measured_by: Path) -> None:
        self.schema = schema
        self.path = None if folder is None else folder / "drawings" / f"{_edition(measured_by)}.parquet"
        self.rows: dict[bytes, Row] = self._read()
        self._fresh: dict[bytes, Row] = {}
        self._used: dict[bytes, Row] = {}

    def get(self, label: str) -> Row | None:
        """The measures of a label's drawing, or None if they aren't known."""
        digest = _digest(label)
        row = self.rows.get(digest)
        if row is not None:
            self._used[digest] = row
        return row

    def put(self, label: str, row: Row) -> None:
        self._fresh[_digest(label)] = row

    def save(self) -> None:
        """Write the new measures, beside those that were there."""
        if self.path is None or not self._fresh:
            return
        rows = {**(self._used if len(self.rows) + len(self._fresh) > MOST else self.rows), **self._fresh}
        nothing = (None,) * len(self.schema)
        frame = pl.DataFrame([(key, *(row or nothing)) for key, row in rows.items()], schema=self._table, orient="row")
        write_kept(self.path, frame, alone=True)

    @property
    def _table(self) -> pl.Schema:
        return pl.Schema({"digest": pl.Binary, **self.schema})

    def _read(self) -> dict[bytes, Row]:
        kept = read_kept(self.path, self._table, key=["digest"])
        return {row[0]: () if row[1] is None else row[1:] for row in kept.iter_rows()}


def _digest(label: str) -> bytes:
    return hashlib.sha256(label.encode("utf-8", "surrogatepass")).digest()[:16]


@cache
def _edition(measured_by: Path) -> str:
    """Changes with everything that affects a drawing's measures."""
    drawing, latex = Path(curate.render.__file__).parent, Path(rules.latex.__file__).parent
    code = [*sorted(drawing.glob("*.py")), *drawing.glob("*.tsv"), *sorted(latex.glob("data/*.tsv"))]
    code += [measured_by, Path(ink.__file__), Path(strokes.__file__)]
    return edition(code, "mathra", "resvg_py", "pillow", "numpy")
