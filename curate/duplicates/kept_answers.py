"""Keeps what comparing two images said between runs, so that they are opened once. Compares nothing itself."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.metadata import version
from pathlib import Path

import polars as pl

from curate.base.atomic_files import new_file
from curate.duplicates import closer
from curate.images import ink, strokes

#: The most answers kept, 0.1 kB each; beyond that, only those of the last run.
MOST = 500_000
#: first, second: image_sha256; the rest as in `curate.duplicates.closer.Difference`.
_SCHEMA = {"first": pl.String, "second": pl.String, "worst": pl.Float64, "usual": pl.Float64}
_PAIR = ["first", "second"]


class KeptAnswers:
    """The kept answers of one cache folder; without a folder nothing is kept. A file that can't be read counts as
    missing, and failing to write one is not an error."""

    def __init__(self, folder: Path | None) -> None:
        self._path = None if folder is None else folder / "copies" / f"{_edition()}.parquet"
        self._rows = pl.DataFrame(schema=_SCHEMA) if self._path is None else _read(self._path)

    def look_up(self, first: pl.Series, second: pl.Series) -> pl.DataFrame:
        """The pairs in their order, with what is known: first, second, worst, usual; the last two null if nothing."""
        asked = pl.DataFrame([first.alias("first"), second.alias("second")])
        return asked.join(self._rows, on=_PAIR, how="left", maintain_order="left")

    def add(self, answers: pl.DataFrame) -> None:
        """Keep answers, those that aren't null."""
        new = answers.drop_nulls()
        if self._path is None or not new.height:
            return
        rows = new if self._rows.height + new.height > MOST else pl.concat([self._rows, new])
        try:
            self._path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            with new_file(self._path) as file:
                rows.write_parquet(file, compression="zstd")
            for other in self._path.parent.glob("*.parquet"):
                if other != self._path:  # of another edition
                    other.unlink(missing_ok=True)
        except OSError:
            return  # a full disk, a read-only home: the audit goes on without it


def _read(path: Path) -> pl.DataFrame:
    empty = pl.DataFrame(schema=_SCHEMA)
    try:
        frame = pl.read_parquet(path)
    except Exception:  # missing, cut short, foreign, no permission: images are compared again
        return empty
    return frame if frame.schema == empty.schema and not frame.select(_PAIR).is_duplicated().any() else empty


@cache
def _edition() -> str:
    """Changes with everything that affects an answer."""
    code = b"".join(Path(module.__file__ or "").read_bytes() for module in (closer, ink, strokes))
    return hashlib.sha256(code + f"{version('pillow')} {version('numpy')}".encode()).hexdigest()[:16]
