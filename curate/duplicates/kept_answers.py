"""Keeps what comparing two images said between runs, so that they are opened once. Compares nothing itself."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import polars as pl

from curate.base.kept_tables import edition, read_kept, write_kept
from curate.duplicates import closer
from curate.images import ink, strokes

#: The most answers kept, 0.1 kB each; beyond that, only those that the last run asked for.
MOST = 500_000
#: first, second: image_sha256; the rest as in `curate.duplicates.closer.Difference`.
_SCHEMA = pl.Schema({"first": pl.String, "second": pl.String, "worst": pl.Float64, "usual": pl.Float64})
_PAIR = ["first", "second"]


class KeptAnswers:
    """The kept answers of one cache folder; without a folder nothing is kept. A file that can't be read counts as
    missing, and failing to write one is not an error."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "copies" / f"{_edition()}.parquet"
        self._rows = read_kept(self._path, _SCHEMA, key=_PAIR)

    def look_up(self, first: pl.Series, second: pl.Series) -> pl.DataFrame:
        """The pairs in their order, with what is known: first, second, worst, usual; the last two null if nothing."""
        asked = pl.DataFrame([first.alias("first"), second.alias("second")])
        return asked.join(self._rows, on=_PAIR, how="left", maintain_order="left")

    def keep(self, answers: pl.DataFrame) -> None:
        """Keep answers, known and new ones, but not those that are null. answers: in the form of `look_up`."""
        asked = answers.drop_nulls()
        others = self._rows.join(asked, on=_PAIR, how="anti")
        number = others.height + asked.height
        if self._path is None or number == self._rows.height:  # nothing is new
            return
        write_kept(self._path, asked if number > MOST else pl.concat([others, asked]), alone=True)


@cache
def _edition() -> str:
    """Changes with everything that affects an answer."""
    return edition((Path(module.__file__ or "") for module in (closer, ink, strokes)), "pillow", "numpy")
