"""Finds the label that belongs to each picture of a source if pairs are shifted. Moves nothing: `job` does that."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.audit.images import join_images, join_pairs
from curate.audit.options import AuditOptions
from curate.sources import Source
from rules import Ruleset, engine
from rules.registry import all_rules, mended_by
from rules.sets.shifted_rows import NOBODY, shifted_files

#: Called with a stage's name, how much of it is done, and how much there is.
Progress = Callable[[str, int, int], None]


def partners(
    source: Source,
    ruleset: Ruleset,
    *,
    cache: Path | None = None,
    workers: int = 1,
    progress: Progress | None = None,
) -> pl.Series | None:
    """For each sample, the number of the sample whose label belongs to its picture; null if that isn't known.

    None if no pair is shifted, no rule in `ruleset` finds shifted pairs, or no picture can be opened. cache: as for an
    audit, with which measurements are shared. A label isn't moved past a row that could not be read, nor in a file in
    which several samples share a line.
    """
    codes = [code for code in mended_by("realign") if code in ruleset.codes]
    if not codes or source.frame["image"].null_count() == source.frame.height:
        return None
    rule = all_rules()[codes[0]]
    samples = source.frame.select("sample_id", "source", "split", "image", "label")
    distinct = samples.select(pl.col("label").unique(maintain_order=True))
    keys = distinct.with_columns(pl.Series("visual_key", engine.visual_keys(distinct["label"].to_list()), pl.String))
    samples = samples.join(keys, on="label", how="left", maintain_order="left")
    options = AuditOptions(Ruleset((rule.code,)), cache=cache, workers=workers)
    report = progress or (lambda stage, done, of: None)
    samples = join_pairs(join_images(samples, [source], options, report), [source], options, report)
    if "pair_lags" not in samples.columns:
        return None
    rows = np.arange(samples.height)
    found = rows.copy()
    for file in shifted_files(samples.with_columns(place=pl.lit(rows)), ruleset.option_values(rule)):
        own = file.rows["place"].to_numpy()
        partner = np.where(file.partners == NOBODY, NOBODY, own[file.partners])
        found[own] = np.where(_movable(source, own, partner), partner, NOBODY)
    if (found == rows).all():
        return None
    series = pl.Series("partner", found, pl.Int64)
    return series.set(series == NOBODY, None)


def _movable(source: Source, rows: npt.NDArray[np.intp], partner: npt.NDArray[np.intp]) -> npt.NDArray[np.bool_]:
    """Which rows can have their partner's label: no unread row lies between, and no two samples share a line."""
    places = source.places[rows]
    alone: npt.NDArray[np.bool_] = ~places.select("file", "line").is_duplicated().to_numpy()
    if not source.unreadable.total:
        return alone
    other = source.places[np.where(partner == NOBODY, rows, partner)]
    same_file = (places["file"] == other["file"]).to_numpy()
    apart = (other["line"] - places["line"]).to_numpy()
    steps = np.where(partner == NOBODY, rows, partner) - rows
    reachable: npt.NDArray[np.bool_] = same_file & (apart == steps)
    return alone & reachable
