"""Adds columns about duplicates, in the samples and in other data sets. The rules of the family DUP judge them.

`rules.sets.same_label` says which labels are equal, and `rules.sets.leaks` what splits share. This package
has the parts that read image hashes and files: near-duplicate search, other runs, files of hashes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from curate.duplicates import facts
from curate.duplicates.against import KnownSet, load_known, with_known
from curate.duplicates.images import with_image_groups
from rules.sets.same_label import with_label_groups

__all__ = ["Elsewhere", "KnownSet", "join", "load_known"]


@dataclass(frozen=True)
class Elsewhere:
    """For summary.json, what the samples' own columns don't say: the sets they were held against, what each source
    shares with them, and what the search for near-duplicate images did. leaks: `facts.leaks`, where it was made."""

    sets: Sequence[Mapping[str, Any]] = ()
    shared: Mapping[str, Sequence[Mapping[str, Any]]] = field(default_factory=dict)
    near: Mapping[str, int] | None = None
    leaks: Mapping[str, Sequence[Mapping[str, Any]]] | None = None


def join(samples: pl.DataFrame, known: Sequence[KnownSet]) -> tuple[pl.DataFrame, pl.DataFrame, Elsewhere]:
    """The samples with label_group and image_group; the same with what only rules read; what the summary says of it.

    Needs the columns of judged labels and measured images.
    """
    samples, near = with_image_groups(with_label_groups(samples))
    seen = with_known(samples, known)
    sets = [item.facts() for item in known]
    return samples, seen, Elsewhere(sets, facts.against(seen, sets), facts.near_duplicates(near))
