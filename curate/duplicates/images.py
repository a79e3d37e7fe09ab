"""Which images are nearly the same: the column `image_group`. Searching hashes is `near`, measuring images elsewhere.

Two images are near if their perceptual hashes differ in a tenth of the bits at most and their thumbnails of the ink
are nearly equal. Measured on CROHME's 8,834 training images: of copies that are inverted, padded, blurred or saved as a
poor JPEG 98 % or more are near their original, of copies scaled to 80 % about two thirds, of copies turned by 2° none;
beside its 42 exact pairs two pairs of them are near, one of them two people's same formula.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.duplicates.near import NearFacts, Rows, Search

#: Part of a hash's bits that two near hashes may differ in; half as many where no thumbnail tells them apart.
BITS = 0.1
#: Largest mean difference of two near thumbnails' grey levels, of 255.
GREY = 12.0
#: Pairs of thumbnails compared at once.
_CHUNK = 16_384
#: Digits of a group's name.
_DIGITS = 24


def with_image_groups(samples: pl.DataFrame) -> tuple[pl.DataFrame, NearFacts]:
    """The samples with a column `image_group` (String), and what the search did.

    The group is named after the least of its images' image_sha256, so that its name depends on its images alone; it is
    null where the image was not looked at or is blank. Groups are closed: where a is near b and b near c, all three are
    one group. Images of equal pixels are one image before anything is compared. Needs the columns image_sha256 and
    image_phash; reads ink_thumb where it is there.
    """
    wanted = ["image_sha256", "image_phash", *(["ink_thumb"] if "ink_thumb" in samples.columns else [])]
    images = samples.select(wanted).filter(pl.col("image_sha256").is_not_null() & pl.col("image_phash").is_not_null())
    images = images.unique("image_sha256", keep="first").sort("image_sha256")
    facts, groups = NearFacts(), []
    # Hashes of several lengths don't come from one run of one version, but a frame may hold them.
    for _, same in images.with_columns(pl.col("image_phash").str.len_chars().alias("digits")).group_by(
        "digits", maintain_order=True
    ):
        search = _search(same)
        root = search.groups()
        name = pl.Series("image_group", same["image_sha256"].gather(root).str.slice(0, _DIGITS))
        groups.append(same.select("image_sha256", name))
        facts = search.facts()
    if not groups:
        return samples.with_columns(pl.lit(None, pl.String).alias("image_group")), facts
    return samples.join(pl.concat(groups), on="image_sha256", how="left", maintain_order="left"), facts


def _search(images: pl.DataFrame) -> Search:
    hashes = images["image_phash"].to_list()
    bits = 4 * len(hashes[0])
    if "ink_thumb" not in images.columns or images["ink_thumb"].null_count():
        return Search(hashes, int(bits * BITS / 2))
    thumbs = images["ink_thumb"]

    def alike(first: Rows, second: Rows) -> npt.NDArray[np.bool_]:
        parts = [
            np.abs(_grey(thumbs, first[start : start + _CHUNK]) - _grey(thumbs, second[start : start + _CHUNK])).mean(
                axis=1
            )
            for start in range(0, len(first), _CHUNK)
        ]
        return np.asarray(np.concatenate(parts) <= GREY)

    return Search(hashes, int(bits * BITS), verify=alike)


def _grey(thumbs: pl.Series, rows: Rows) -> npt.NDArray[np.int16]:
    levels = np.frombuffer(b"".join(thumbs.gather(rows).to_list()), dtype=np.uint8)
    return levels.reshape(len(rows), -1).astype(np.int16)
