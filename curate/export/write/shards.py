"""Cuts the samples of an export into shards and reads a shard's rows back from the runs. Writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl

from curate.export.decide.inputs import Input
from curate.export.decide.relabel import Relabelled
from curate.export.decide.rows import Rows, between, windows

#: A shard is closed before it is likely to exceed this size or number of rows: a crash loses less than one.
SHARD_BYTES = 256 << 20
SHARD_ROWS = 20_000
#: The estimated size of a picture before it is made: bytes per pixel, and bytes if its size is unknown.
_BYTES_A_PIXEL, _UNKNOWN_BYTES = 0.1, 20_000
_WINDOW = 20_000
#: The columns of a plan's rows that say which samples are to be written, and how.
ROW_COLUMNS = ("run", "row", "score", "has_image", "pixels")


class Row(NamedTuple):
    """One sample of the data set; `ref` names its image under `root`, None without one; `pixels` is the number that the
    plan knows its pixels by."""

    run: int
    row: int
    sample_id: str
    source: str
    label: str
    score: float | None
    root: Path
    ref: str | None
    pixels: int | None


@dataclass(frozen=True)
class Shard:
    """Some samples of one split: those among the rows `plan` from place `start` to `end`, `height` in number.

    digest: a hash of which samples these are. before: how many samples the earlier shards have, across all splits.
    """

    split: str
    number: int
    of: int
    plan: Rows
    start: int
    end: int
    height: int
    digest: str
    before: int = 0

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}"

    @property
    def rows(self) -> pl.DataFrame:
        """ROW_COLUMNS of the samples, in the order of the data set."""
        parts = between(self.plan, self.start, self.end, "split", *ROW_COLUMNS)
        return pl.concat(part.filter(pl.col("split") == self.split).drop("split") for part in parts)


def cut(plan: Rows, splits: Sequence[str]) -> list[Shard]:
    """The shards of the samples that stay (those with a split), split by split; a split without samples has none."""
    cutting = {split: _Cutting() for split in splits}
    place = 0
    for window in windows(plan, "split", "run", "row", "has_image", "width", "height"):
        numbered = window.with_row_index("place", offset=place)
        for split, cuts in cutting.items():
            cuts.add(numbered.filter(pl.col("split") == split))
        place += window.height
    shards: list[Shard] = []
    before = 0
    for split, cuts in cutting.items():
        of = len(cuts.found)
        for number, found in enumerate(cuts.found):
            digest = found.digest.hexdigest()
            shards.append(Shard(split, number, of, plan, found.start, found.end, found.height, digest, before))
            before += found.height
    return shards


@dataclass
class _Cut:
    start: int
    end: int = 0
    height: int = 0
    digest: Any = field(default_factory=hashlib.sha256)


class _Cutting:
    """Cuts the samples of a split, which arrive a window at a time."""

    def __init__(self) -> None:
        self.found: list[_Cut] = []
        self._bytes, self._rows, self._number = 0.0, 0, -1

    def add(self, window: pl.DataFrame) -> None:
        pixels = (pl.col("width").cast(pl.Int64) * pl.col("height")).cast(pl.Float64)
        weight = pl.when("has_image").then((pixels * _BYTES_A_PIXEL).fill_null(_UNKNOWN_BYTES)).otherwise(0.0) + 200
        # From the running sum on: the sums don't depend on how the samples are windowed.
        sums = np.cumsum(np.concatenate(([self._bytes], window.select(weight).to_series().to_numpy())))
        rows = np.arange(self._rows, self._rows + window.height)
        numbers = np.maximum(np.floor(sums[1:] / SHARD_BYTES), rows // SHARD_ROWS)
        for part in window.with_columns(number=numbers).partition_by("number", maintain_order=True):
            if part["number"][0] != self._number:
                self._number = part["number"][0]
                self.found.append(_Cut(part["place"][0]))
            found = self.found[-1]
            found.end, found.height = part["place"][-1] + 1, found.height + part.height
            found.digest.update(part.select(pl.col("run", "row", "has_image").cast(pl.UInt32)).to_numpy().tobytes())
        self._bytes, self._rows = float(sums[-1]), self._rows + window.height


def rows_of(inputs: Sequence[Input], labels: Sequence[Relabelled], part: pl.DataFrame) -> Iterator[Row]:
    """The rows of a shard (ROW_COLUMNS, sorted by run and row), a window at a time."""
    for item, changed in zip(inputs, labels, strict=True):
        wanted = part.filter(pl.col("run") == item.number)
        if not wanted.height:
            continue
        roots = {source["name"]: item.run.root(source["name"]) for source in item.sources}
        for window in texts(item, changed, [wanted], ["sample_id", "source", "image"]):
            columns = ["row", "sample_id", "source", "label", "score", "has_image", "image", "pixels"]
            for row, sample_id, source, label, score, has_image, ref, pixels in window.select(columns).iter_rows():
                image = ref if has_image else None
                yield Row(item.number, row, sample_id, source, label, score, roots[source], image, pixels)


def texts(
    item: Input, labels: Relabelled, parts: Iterable[pl.DataFrame], columns: Sequence[str], *, as_read: bool = False
) -> Iterator[pl.DataFrame]:
    """Rows of a run joined with columns of its samples and their labels, as read or as they are now.

    parts: the rows, sorted, in any number of frames.
    """
    samples = item.run.samples.select(*columns, "label")
    for start, here in _stretches(parts):
        read = samples.slice(start, _WINDOW).with_row_index("row", offset=start).collect()
        window = here.join(read, on="row", how="left", maintain_order="left")
        if not as_read and labels.n_changed:
            new = (
                pl.scan_parquet(labels.changed)
                .filter(pl.col("row").is_between(start, start + _WINDOW, closed="left"))
                .select("row", pl.col("label").alias("new"))
                .collect()
            )
            window = window.join(new, on="row", how="left", maintain_order="left").with_columns(
                pl.coalesce("new", "label").alias("label")
            )
        yield window


def _stretches(parts: Iterable[pl.DataFrame]) -> Iterator[tuple[int, pl.DataFrame]]:
    """Sorted rows in stretches of _WINDOW row numbers, each with the number it begins at."""
    first, at, held = 0, 0, None
    for part in parts:
        if not part.height:
            continue
        if held is None:
            first, held = part["row"][0], part.clear()
        stretch = ((pl.col("row") - first) // _WINDOW).alias("stretch")
        *whole, ((at,), held) = pl.concat([held, part]).group_by(stretch, maintain_order=True)
        for (number,), rows in whole:
            yield first + number * _WINDOW, rows
    if held is not None:
        yield first + at * _WINDOW, held


def by_split(shards: Sequence[Shard]) -> Mapping[str, list[Shard]]:
    """The shards of each split that has any."""
    found: dict[str, list[Shard]] = {}
    for shard in shards:
        found.setdefault(shard.split, []).append(shard)
    return found
