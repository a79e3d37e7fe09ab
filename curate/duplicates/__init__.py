"""Adds columns about duplicates, in the samples and in other data sets. The rules of the family DUP judge them.

`rules.sets.same_label` says which labels are equal, and `rules.sets.leaks` what splits share. This package
has the parts that read images, hashes and files: the search for copies of images, other runs, files of hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate.duplicates import facts
from curate.duplicates.against import KnownSet, load_known, with_known
from curate.duplicates.images import with_image_groups
from curate.duplicates.near import NearFacts

__all__ = ["Elsewhere", "KnownSet", "elsewhere", "load_known", "with_image_groups", "with_known"]


@dataclass(frozen=True)
class Elsewhere:
    """For summary.json, what the samples' own columns don't say: the sets they were compared with, what each source
    shares with them, what the near-duplicate image search did, and `facts.leaks`."""

    sets: Sequence[Mapping[str, Any]] = ()
    shared: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    near: Mapping[str, int] | None = None
    leaks: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)


def elsewhere(samples: pl.LazyFrame, known: Sequence[KnownSet], near: NearFacts) -> Elsewhere:
    """The summary's facts about duplicates, within the samples and with other sets. near: what the search for nearly
    equal images did. samples: as rules see them, with the columns of `with_known`."""
    sets = [item.facts() for item in known]
    return Elsewhere(sets, facts.against(samples, sets), facts.near_duplicates(near), facts.leaks(samples))
