"""Draws a part of the samples before they are judged (`curate audit --sample`), so that it represents all of them.

The samples are sorted into groups with the same source, split and length, and each group gives its share. Which samples
of a group are drawn depends only on their ids and the seed, not on their order or on the other groups.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.audit.options import Sampling

if TYPE_CHECKING:
    from curate.audit.folder import Tables

#: What samples are grouped by, of GROUPS. Lengths are in characters; a group's lie between two powers of 2.
_KEYS = {
    "source": pl.col("source"),
    "split": pl.col("split").fill_null(""),
    "length": pl.col("label").str.len_chars().clip(1).log(2).floor().cast(pl.Int8),
}


@dataclass(frozen=True)
class Drawn:
    """What was drawn: how many samples of how many. of_source: how many each source holds."""

    sampling: Sampling
    samples: int
    of: int
    of_source: dict[str, int]

    def as_json(self) -> dict[str, Any]:
        return {"samples": self.samples, "of": self.of, "seed": self.sampling.seed, "by": list(self.sampling.by)}


def draw(tables: Tables, sampling: Sampling) -> Drawn:
    """Keep the drawn samples of `tables`, in their order, with their places."""
    place = pl.col("sample_id").map_elements(lambda name: _place(name, sampling.seed), return_dtype=pl.UInt64)
    group = pl.struct(pl.lit(0), *(_KEYS[name].alias(name) for name in sampling.by)).hash()
    held = pl.concat(
        part.select("source", group.alias("group"), place.alias("place")) for part in tables.samples
    ).with_row_index("row")
    groups = held.group_by("group").agg(pl.len(), pl.col("place").min()).sort("place")
    sizes = groups.select("group", pl.Series("share", shares(groups["len"].to_list(), sampling.size)))
    nth = pl.int_range(pl.len()).over("group").alias("nth")
    ranked = held.sort("place").with_columns(nth).join(sizes, on="group")
    kept = ranked.filter(pl.col("nth") < pl.col("share"))["row"]
    chosen = pl.repeat(False, held.height, eager=True).scatter(kept, True)
    for part, (start, end) in enumerate(tables.samples.spans()):
        for table in (tables.samples, tables.places):
            table.put(part, table.read(part).filter(chosen[start:end]))
    return Drawn(sampling, kept.len(), held.height, dict(held.group_by("source").len().iter_rows()))


def shares(sizes: Sequence[int], wanted: int) -> list[int]:
    """How many of `wanted` samples each group gives, by largest remainders (Hamilton's method); all if fewer."""
    total = sum(sizes)
    if wanted >= total:
        return list(sizes)
    given = [size * wanted // total for size in sizes]
    order = sorted(range(len(sizes)), key=lambda at: (-(sizes[at] * wanted % total), at))
    for at in order[: wanted - sum(given)]:
        given[at] += 1
    return given


def _place(sample_id: str, seed: int) -> int:
    return int.from_bytes(hashlib.blake2b(f"{seed}/{sample_id}".encode(), digest_size=8).digest(), "big")
