"""Cuts the samples of an export into shards and reads a shard's rows back from the runs. Writes nothing."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curate.export.inputs import Input
from curate.export.relabel import Relabelled

#: A shard is closed before it is likely to be larger, or has more rows: what is lost by a crash is less than one.
SHARD_BYTES = 256 << 20
SHARD_ROWS = 20_000
#: What a picture is taken to weigh before it is made: bytes for each pixel, and where its size isn't known.
_BYTES_A_PIXEL, _UNKNOWN_BYTES = 0.1, 20_000
_WINDOW = 20_000
#: What of a plan's frame says which samples are to be written, and how.
ROW_COLUMNS = ("run", "row", "score", "has_image", "pixels")


class Row(NamedTuple):
    """One sample of the data set; `ref` names its image under `root`, None without one, of whose pixels the plan knows
    the number `pixels`."""

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
    """Some samples of one split: `rows` has ROW_COLUMNS, in the order of the data set."""

    split: str
    number: int
    of: int
    rows: pl.DataFrame

    @property
    def name(self) -> str:
        return f"{self.split}-{self.number:05d}-of-{self.of:05d}"

    def digest(self) -> str:
        """A hash of which samples these are."""
        digest = hashlib.sha256()
        for column in ("run", "row", "has_image"):
            digest.update(self.rows[column].cast(pl.UInt32).to_numpy().tobytes())
        return digest.hexdigest()


def cut(plan: pl.DataFrame, splits: Sequence[str]) -> list[Shard]:
    """The shards of the samples that stay (reason is null), split by split; a split without samples has none."""
    pixels = (pl.col("width").cast(pl.Int64) * pl.col("height")).cast(pl.Float64)
    weight = pl.when("has_image").then((pixels * _BYTES_A_PIXEL).fill_null(_UNKNOWN_BYTES)).otherwise(0.0) + 200
    columns = ("split", *ROW_COLUMNS, weight.alias("weight"))
    staying = plan.lazy().filter(pl.col("reason").is_null()).select(columns)
    shards: list[Shard] = []
    for split in splits:
        rows = staying.filter(pl.col("split") == split).drop("split").collect()
        if not rows.height:
            continue
        number = pl.max_horizontal(
            (pl.col("weight").cum_sum() / SHARD_BYTES).floor(), (pl.int_range(pl.len()) / SHARD_ROWS).floor()
        )
        sizes = rows.select(number.cast(pl.UInt32).rle().alias("run")).unnest("run")["len"].to_list()
        rows = rows.drop("weight")
        for at, (start, size) in enumerate(zip(accumulate(sizes, initial=0), sizes, strict=False)):
            shards.append(Shard(split, at, len(sizes), rows.slice(start, size)))
    return shards


def rows_of(inputs: Sequence[Input], labels: Sequence[Relabelled], part: pl.DataFrame) -> Iterator[Row]:
    """The rows of a shard (ROW_COLUMNS, sorted by run and row), a window at a time."""
    for item, changed in zip(inputs, labels, strict=True):
        wanted = part.filter(pl.col("run") == item.number)
        if not wanted.height:
            continue
        roots = {source["name"]: item.run.root(source["name"]) for source in item.sources}
        for window in windows(item, changed, wanted, ["sample_id", "source", "image"]):
            columns = ["row", "sample_id", "source", "label", "score", "has_image", "image", "pixels"]
            for row, sample_id, source, label, score, has_image, ref, pixels in window.select(columns).iter_rows():
                image = ref if has_image else None
                yield Row(item.number, row, sample_id, source, label, score, roots[source], image, pixels)


def windows(
    item: Input, labels: Relabelled, wanted: pl.DataFrame, columns: Sequence[str], *, as_read: bool = False
) -> Iterator[pl.DataFrame]:
    """The rows `wanted` of a run joined with columns of its samples and their labels, as read or as they are now."""
    last = int(wanted["row"][-1])
    first = int(wanted["row"][0])
    samples = item.run.samples.select(*columns, "label")
    for start in range(first, last + 1, _WINDOW):
        here = wanted.filter(pl.col("row").is_between(start, start + _WINDOW, closed="left"))
        if not here.height:
            continue
        texts = samples.slice(start, _WINDOW).with_row_index("row", offset=start).collect()
        window = here.join(texts, on="row", how="left", maintain_order="left")
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


def by_split(shards: Sequence[Shard]) -> Mapping[str, list[Shard]]:
    """The shards of each split that has any."""
    found: dict[str, list[Shard]] = {}
    for shard in shards:
        found.setdefault(shard.split, []).append(shard)
    return found
