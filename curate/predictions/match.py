"""Finds the sample that each row of a prediction file belongs to. Compares nothing."""

from __future__ import annotations

import posixpath
from collections.abc import Iterable

import polars as pl

from curate.predictions.rows import Prediction


def match(samples: pl.DataFrame, rows: Iterable[Prediction]) -> list[int | None]:
    """For every prediction the row of its sample in a frame with sample_id and image; None: it has none, -1: several.

    A prediction belongs to the sample with its id, else to the one whose id ends in it, or whose image has that name,
    with or without folder and ending.
    """
    places = _places(samples)
    return [_place(row, places) for row in rows]


def _places(samples: pl.DataFrame) -> dict[str, int]:
    """The row of the sample that each name stands for; -1 if several share the name."""
    places: dict[str, int] = {}
    exact: dict[str, int] = {}
    for row, (identity, image) in enumerate(samples.select("sample_id", "image").iter_rows()):
        exact[identity] = row
        for name in {*_tails(identity), *(_names(image) if image else ())}:
            places[name] = row if places.get(name, row) == row else -1
    return {**places, **exact}


def _tails(identity: str) -> Iterable[str]:
    """`train/a.png`, `a.png` and `a` for `set/train/a.png`."""
    parts = identity.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))] + [posixpath.splitext(parts[-1])[0]]


def _names(image: str) -> set[str]:
    base = posixpath.basename(image)
    return {image, base, posixpath.splitext(base)[0]}


def _place(row: Prediction, places: dict[str, int]) -> int | None:
    names = [row.sample_id, *(sorted(_names(row.image), key=len, reverse=True) if row.image else ())]
    names += [posixpath.basename(row.sample_id), posixpath.splitext(posixpath.basename(row.sample_id))[0]]
    return next((places[name] for name in names if name in places), None)
