"""Compares what a reader made of a data set with what its maker wrote down. Not a test module."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from layout_makers import STROKES, Sample

from curate.images.errors import ImageError
from curate.images.opening import read_bytes
from curate.sources import Source


@dataclass(frozen=True)
class Judged:
    """Counts of samples. pairs: with the picture that the maker gave the label; splits: with the maker's split."""

    made: int
    rows: int
    compared: int
    pairs: int
    splits: int

    @property
    def all_right(self) -> bool:
        return self.rows == self.made == self.splits and self.pairs == self.compared

    @property
    def pairs_text(self) -> str:
        return f"{self.pairs:,} of {self.compared:,}"

    @property
    def splits_text(self) -> str:
        return f"{self.splits:,} of {self.made:,}"


def judge(source: Source, samples: Sequence[Sample], *, most: int | None = None) -> Judged:
    """Compare; `most`: the number of pictures to look at. A label identifies its sample, so each occurs once."""
    made = {sample.label: sample for sample in samples}
    assert len(made) == len(samples), "a maker wrote one label twice"
    step = 1 if most is None else max(1, len(samples) // most)
    pairs = splits = compared = 0
    seen = Counter[str]()
    for at, (label, split, image) in enumerate(source.frame.select("label", "split", "image").iter_rows()):
        sample = made.get(label)
        seen[label] += 1
        right = sample is not None and seen[label] == 1
        splits += right and sample is not None and sample.split == split
        if at % step == 0 and (sample is None or sample.picture is not STROKES):
            compared += 1
            pairs += right and sample is not None and _picture(source, image) == sample.picture
    return Judged(len(samples), source.frame.height, compared, pairs, splits)


def _picture(source: Source, image: str | None) -> bytes | None:
    if image is None:
        return None
    try:
        return read_bytes(source.root, image)
    except ImageError:
        return None
