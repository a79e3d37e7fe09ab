"""Which images are nearly the same: the column `image_group`. `near` searches hashes; images are measured elsewhere.

Measured on CROHME's 8,834 training images with the 256-bit hash of `curate.images.measures`: within 20 bits of their
original are all copies that are inverted, padded, blurred or saved as a poor JPEG, 99 % of those enlarged by half, 95 %
of those scaled to 80 %, and half of those turned by 2°. Apart from the 42 exact pairs, five of the 38.6 million pairs
are within 20 bits, all of them single letters with one label; within 26 bits there are 39, mostly a formula in two
hands.
"""

from __future__ import annotations

import polars as pl

from curate.duplicates.near import NearFacts, Search
from curate.images.measures import NEAR

#: Digits of a group's name.
_DIGITS = 24


def with_image_groups(samples: pl.DataFrame) -> tuple[pl.DataFrame, NearFacts]:
    """The samples with a column `image_group` (String), and what the search did.

    A group is named after the smallest image_sha256 of its images, so that its name depends only on its images; it is
    null if the image was not looked at or is blank. Groups are closed: if a is near b and b near c, all three are one
    group. Images with equal pixels are merged before anything is compared. Needs the columns image_sha256 and
    image_phash, with hashes of one length.
    """
    images = (
        samples.select("image_sha256", "image_phash")
        .filter(pl.col("image_sha256").is_not_null() & pl.col("image_phash").is_not_null())
        .unique("image_sha256", keep="first")
        .sort("image_sha256")
    )
    if images.is_empty():
        return samples.with_columns(pl.lit(None, pl.String).alias("image_group")), NearFacts()
    hashes = images["image_phash"].to_list()
    search = Search(hashes, NEAR * 4 * len(hashes[0]) // 256)
    first = images["image_sha256"].gather(search.groups()).str.slice(0, _DIGITS)
    groups = images.select("image_sha256", first.alias("image_group"))
    return samples.join(groups, on="image_sha256", how="left", maintain_order="left"), search.facts()
