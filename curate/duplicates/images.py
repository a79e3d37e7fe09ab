"""Which images are nearly the same: the column `image_group`. Searching hashes is `near`, measuring images elsewhere.

Measured on CROHME's 8,834 training images with the 256-bit hash of `curate.images.measures`: within 20 bits of their
original are all copies that are inverted, padded, blurred or saved as a poor JPEG, 99 % of those enlarged by half, 95 %
of those scaled to 80 %, half of those turned by 2°. Beside the 42 exact pairs, five of the 38.6 million pairs are
within 20 bits, all of them single letters with one label; within 26 bits it is 39, mostly a formula in two hands.
"""

from __future__ import annotations

import polars as pl

from curate.duplicates.near import NearFacts, Search
from curate.images.measures import NEAR

#: Digits of a group's name.
_DIGITS = 24


def with_image_groups(samples: pl.DataFrame) -> tuple[pl.DataFrame, NearFacts]:
    """The samples with a column `image_group` (String), and what the search did.

    The group is named after the least of its images' image_sha256, so that its name depends on its images alone; it is
    null where the image was not looked at or is blank. Groups are closed: where a is near b and b near c, all three are
    one group. Images of equal pixels are one image before anything is compared. Needs the columns image_sha256 and
    image_phash, hashes of one length.
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
