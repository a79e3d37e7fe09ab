"""Orders samples so that those of similar length share a batch and there is little padding. Reads no samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from random import Random

#: How many batches to sort together: enough to find similar lengths, but few enough that epochs differ.
_WINDOW = 50


def grouped(lengths: Sequence[int], batch: int, seed: int) -> list[int]:
    """The indexes of all samples, in batches of similar length.

    The batches are in random order, but the longest comes first, so that a lack of memory shows at once. lengths:
    tokens, including those of the image. This is the idea of transformers' LengthGroupedSampler, which doesn't know the
    current epoch.
    """
    dice = Random(seed)
    places = list(range(len(lengths)))
    dice.shuffle(places)
    window = batch * _WINDOW
    batches: list[list[int]] = []
    for start in range(0, len(places), window):
        part = sorted(places[start : start + window], key=lambda place: -lengths[place])
        batches += [part[at : at + batch] for at in range(0, len(part), batch)]
    short = batches.pop() if batches and len(batches[-1]) < batch else []  # an incomplete batch stays last
    dice.shuffle(batches)
    if batches:
        batches.insert(0, batches.pop(max(range(len(batches)), key=lambda at: lengths[batches[at][0]])))
    return [place for part in (*batches, short) for place in part]


class LengthSampler:
    """A torch sampler for `grouped`: a different order in each epoch, but the same for the same seed, also when
    resumed.
    """

    def __init__(self, lengths: Sequence[int], batch: int, seed: int) -> None:
        self._lengths, self._batch, self._seed, self._epoch = lengths, batch, seed, 0

    def set_epoch(self, epoch: int) -> None:
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        return iter(grouped(self._lengths, self._batch, self._seed + self._epoch))
