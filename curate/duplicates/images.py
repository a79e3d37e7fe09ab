"""Which images are copies of each other: the column `image_group`. Images are measured and compared elsewhere.

`near` finds images whose hashes are close, and `copies` looks at those themselves. Measured on CROHME's 8,834 training
images with the 256-bit hash of `curate.images.measures`: within 20 bits of their original are all copies that are
inverted, padded, slightly blurred or saved as a poor JPEG, 93 % of those scaled to 70 %, and 40 % of those turned by
2°. Apart from the 42 exact pairs, five of the 38.6 million pairs are within 20 bits, all of them single letters with
one label; within 26 bits there are 39, mostly a formula in two hands.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import polars as pl

from curate.duplicates.copies import closest, copies
from curate.duplicates.near import NearFacts, Rows, Search, joined
from curate.images.measures import NEAR

#: Digits of a group's name.
_DIGITS = 24
#: How many candidates are held before only the closest are kept.
_HELD = 2_000_000


def with_image_groups(
    samples: pl.DataFrame,
    roots: Mapping[str, Path],
    *,
    workers: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[pl.DataFrame, NearFacts]:
    """The samples with a column `image_group` (String), and what the search did.

    A group is named after the smallest image_sha256 of its images, so that its name depends only on its images; it is
    null if the image was not looked at or is blank. Groups are closed: if b is a copy of a and c of b, all three are
    one group. Images with equal pixels are merged before anything is compared. Needs the columns source, image,
    image_sha256 and image_phash, with hashes of one length. roots: the folder of each source's images. workers,
    cache, progress: as for `copies`.

    Raises UserError if a worker on another machine doesn't have the images.
    """
    images = (
        samples.select("source", "image", "image_sha256", "image_phash")
        .filter(pl.col("image_sha256").is_not_null() & pl.col("image_phash").is_not_null())
        .unique("image_sha256", keep="first", maintain_order=True)
        .sort("image_sha256")
    )
    if images.is_empty():
        return samples.with_columns(pl.lit(None, pl.String).alias("image_group")), NearFacts()
    hashes = images["image_phash"].to_list()
    search = Search(hashes, NEAR * 4 * len(hashes[0]) // 256)
    pairs, crowded = _candidates(search)
    is_copy = copies(images, pairs, roots, workers=workers, cache=cache, progress=progress)
    found = pairs.filter(is_copy.fill_null(False))
    group = joined(images.height, found["first"].to_numpy(), found["second"].to_numpy())
    first = images["image_sha256"].gather(group).str.slice(0, _DIGITS)
    groups = images.select("image_sha256", first.alias("image_group"))
    facts = replace(
        search.facts(),
        compared=pairs.height,
        copies=found.height,
        unopened=is_copy.null_count(),
        crowded=crowded.len(),
    )
    return samples.join(groups, on="image_sha256", how="left", maintain_order="left"), facts


def _candidates(search: Search) -> tuple[pl.DataFrame, pl.Series]:
    """The pairs of images to look at (first, second, bits), and the images of pairs that are left out."""
    pairs = pl.DataFrame(schema={"first": pl.Int64, "second": pl.Int64, "bits": pl.Int64})
    held: list[tuple[Rows, Rows]] = []
    waiting, room = 0, _HELD
    crowded: list[pl.Series] = []
    for found in search.pairs():
        held.append(found)
        waiting += len(found[0])
        if waiting > room:
            pairs, more = closest(_together(search, pairs, held))
            held, waiting, room = [], pairs.height, max(_HELD, 2 * pairs.height)
            crowded.append(more)
    pairs, more = closest(_together(search, pairs, held))
    return pairs, pl.concat([*crowded, more]).unique()


def _together(search: Search, pairs: pl.DataFrame, found: Sequence[tuple[Rows, Rows]]) -> pl.DataFrame:
    """The pairs and those that were found besides, each once."""
    if not found:
        return pairs
    first, second = (np.concatenate(side) for side in zip(*found, strict=True))
    new = {"first": first, "second": second, "bits": search.apart(first, second)}
    return pl.concat([pairs, pl.DataFrame(new, schema=pairs.schema)]).unique()
