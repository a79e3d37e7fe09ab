"""Gives FiftyOne's similarity, uniqueness and embeddings views what they need, from our own vectors. No downloads."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import fiftyone.brain as fob

from curate.base.cache_folder import cache_folder
from curate.browse.dataset import fields
from curate.browse.likeness.similar import plane, reduced, uniqueness, vectors
from curate.runs.folder import load_run

#: Brain keys under which the App offers similarity and map, and the field of uniqueness.
SIMILAR, MAP, UNIQUENESS = "similar", "map", "uniqueness"
#: With more samples, comparing all pairs would take minutes.
MOST_UNIQUE = 30_000
#: Samples that are shown as similar ones.
SHOWN = 60

Progress = Callable[[str, float], None]


def is_ready(dataset: Any) -> bool:
    """Whether the vectors belong to exactly the samples of the dataset."""
    if not dataset.has_brain_run(SIMILAR):
        return False
    return bool(dataset.load_brain_results(SIMILAR).total_index_size == dataset.count())


def prepare(dataset: Any, progress: Progress) -> None:
    """Make the similarity index, the map and, unless the set is too large, uniqueness. Existing ones are made anew."""
    run = load_run(Path(dataset.info[fields.INFO_RUN]))
    for key in (SIMILAR, MAP):
        if dataset.has_brain_run(key):
            dataset.delete_brain_run(key)

    def measured(done: int, of: int) -> None:
        progress(f"Looking at image {done:,} of {of:,}", 0.7 * done / max(of, 1))

    rows = reduced(vectors(run, dataset.values(fields.SAMPLE_ID), cache_folder(), measured))
    progress("Comparing", 0.75)
    fob.compute_similarity(dataset, embeddings=rows, brain_key=SIMILAR, backend="sklearn", metric="cosine")
    fob.compute_visualization(dataset, points=plane(rows), brain_key=MAP, method="manual")
    if len(rows) <= MOST_UNIQUE:
        progress("Finding what is unique", 0.85)
        values = map(float, uniqueness(rows))
        dataset.set_values(UNIQUENESS, dict(zip(dataset.values("id"), values, strict=True)), key_field="id")
        _place(dataset)
    progress("Done", 1.0)


def _place(dataset: Any) -> None:
    """Put the field among the scores in the sidebar."""
    for group in dataset.app_config.sidebar_groups or ():
        if group.name == "scores" and UNIQUENESS not in group.paths:
            group.paths.append(UNIQUENESS)
    dataset.save()


def alike(dataset: Any, ids: list[str]) -> Any:
    """A view of the samples most like these, starting with these."""
    return dataset.sort_by_similarity(ids, k=min(SHOWN, dataset.count()), brain_key=SIMILAR)
