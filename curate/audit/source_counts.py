"""What a tally says about each source: samples by the worst finding, rules, scores, splits, shared labels."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import polars as pl

from curate.audit.tally import SEVERITY_RANK

#: A label shared by two splits or sources counts as overlap from this length on: shorter ones coincide by chance.
OVERLAP_TOKENS = 10
BINS = 20
_SEVERITY = {rank: name for name, rank in SEVERITY_RANK.items()}


def source_counts(marked: pl.DataFrame) -> dict[str, dict[str, Any]]:
    error = pl.col("worst") == 3
    unkeyed = pl.col("visual_key").is_null()
    by_hand = pl.col("stuck")
    by_unsafe = pl.col("unsafe") & ~pl.col("stuck")
    no_image = pl.col("unmeasured") | pl.col("missing")  # or there is a header, but no pixels
    scored = (pl.col("score") * 1_000_000).round().cast(pl.Int64)
    frame = marked.group_by("source").agg(
        pl.len().alias("samples"),
        error.sum().alias("samples_with_error"),
        (pl.col("worst") == 2).sum().alias("samples_with_warning"),
        (pl.col("worst") == 1).sum().alias("samples_with_info_only"),
        (pl.col("worst") < 2).sum().alias("clean"),
        (pl.col("own") & ~pl.col("layout") & ~by_hand & ~by_unsafe).sum().alias("errors_with_safe_fix"),
        by_unsafe.sum().alias("errors_with_unsafe_fix"),
        by_hand.sum().alias("errors_without_fix"),
        (pl.col("open_warning") & ~error).sum().alias("warnings_without_safe_fix"),
        pl.col("prepared").sum().alias("warnings_mended_by_export"),
        unkeyed.sum().alias("no_visual_key"),
        (unkeyed & ~error).sum().alias("no_visual_key_without_error"),
        pl.col("layout").sum().alias("layout_tokens"),
        pl.col("residue", "respellable").sum(),
        ((~unkeyed).sum() - pl.col("visual_key").drop_nulls().n_unique()).alias("duplicate_labels"),
        (scored.sum() / pl.col("score").count() / 1_000_000).round(6).alias("mean_score"),
        pl.col("n_tokens").median().alias("median_tokens"),
        pl.col("n_tokens").max().alias("max_tokens"),
        pl.col("image").sum().alias("with_image"),
        (pl.col("image") & no_image).sum().alias("no_image"),
    )
    frame = frame.with_columns(pl.col("mean_score").fill_nan(None))  # no label with a score: no mean
    return {row["source"]: row for row in frame.to_dicts()}


def _ranked(counts: pl.DataFrame, keys: Sequence[str]) -> list[dict[str, Any]]:
    """A row for each rule. Its remarks are apart in `remarks` if it also found worse: a hundred remarks and an error
    are not a hundred and one errors."""
    severity = pl.col("rank").replace_strict(_SEVERITY, default="info", return_dtype=pl.String).alias("severity")
    order = ["remark", "rank", "samples", "findings", "rule"]
    rows: dict[tuple[Any, ...], dict[str, Any]] = {}
    for row in counts.sort(order, descending=[False, True, True, True, False]).with_columns(severity).to_dicts():
        worse = rows.setdefault(tuple(row[key] for key in keys), {**row, "remarks": None})
        if row["remark"] and not worse["remark"]:
            worse["remarks"] = {key: row[key] for key in ("samples", "findings")}
    return list(rows.values())


def rules_in_all(counts: pl.DataFrame) -> list[dict[str, Any]]:
    # A sample belongs to one source, so samples add up over sources.
    sums = pl.col("findings", "samples", "fixable").sum()
    rows = _ranked(counts.group_by("rule", "remark").agg(pl.col("name").min(), pl.col("rank").max(), sums), ["rule"])
    kept = ("rule", "name", "severity", "findings", "samples", "fixable", "remarks")
    return [{key: row[key] for key in kept} for row in rows]


_OF_A_RULE = (
    "rule", "name", "severity", "samples", "findings", "without_fix", "with_safe_fix", "with_unsafe_fix", "remarks",
)  # fmt: skip


def rules_by_source(counts: pl.DataFrame) -> dict[str, list[dict[str, Any]]]:
    out: dict[str, list[dict[str, Any]]] = {}
    for row in _ranked(counts, ["source", "rule"]):
        out.setdefault(row["source"], []).append({key: row[key] for key in _OF_A_RULE})
    return out


def score_histograms(marked: pl.DataFrame) -> dict[str, list[int]]:
    # The tiny addition keeps 0.05, 0.1, … in the bin they open although 20 × 0.05 may fall short of 1 in binary.
    where = (pl.col("score") * BINS + 1e-9).floor().clip(0, BINS - 1).cast(pl.Int32).alias("bin")
    counted = marked.filter(pl.col("score").is_not_null()).group_by("source", where).len()
    out: dict[str, list[int]] = {}
    for source, place, number in counted.iter_rows():
        out.setdefault(source, [0] * BINS)[place] = number
    return out


def splits_and_overlap(marked: pl.DataFrame) -> tuple[dict[str, dict[str, int]], dict[str, dict[str, int]]]:
    """Samples of each named split, and how many of each also occur in the source's training split."""
    sizes: dict[str, dict[str, int]] = {}
    counted = marked.filter(pl.col("split").is_not_null()).group_by("source", "split").len()
    for source, split, number in counted.sort("source", "split").iter_rows():
        sizes.setdefault(source, {})[split] = number
    overlap: dict[str, dict[str, int]] = {}
    keyed = marked.lazy().filter(pl.col("visual_key").is_not_null() & (pl.col("n_tokens") >= OVERLAP_TOKENS))
    for source, split_sizes in sizes.items():
        if len(split_sizes) < 2:
            continue
        main = "train" if "train" in split_sizes else min(split_sizes, key=lambda s: (-split_sizes[s], s))
        here = keyed.filter(pl.col("source") == source)
        seen = here.filter(pl.col("split") == main).select("visual_key").unique()
        others = here.filter(pl.col("split") != main).join(seen, on="visual_key", how="semi")
        found = others.group_by("split").len().sort("split").collect()
        overlap[source] = dict(found.iter_rows())
    return sizes, overlap


def shared_labels(marked: pl.DataFrame) -> dict[str, dict[str, int]]:
    """For each source, how many of its samples have a label that another source holds too."""
    if marked["source"].n_unique() < 2:
        return {}
    keyed = marked.lazy().filter(pl.col("visual_key").is_not_null() & (pl.col("n_tokens") >= OVERLAP_TOKENS))
    held = keyed.group_by("source", "visual_key").len()
    # Only keys of several sources go into the self-join: they are few, the rest is most of the data.
    common = held.filter(pl.len().over("visual_key") > 1)
    others = common.select("visual_key", pl.col("source").alias("other"))
    pairs = (
        common.join(others, on="visual_key")
        .filter(pl.col("source") != pl.col("other"))
        .group_by("source", "other")
        .agg(pl.col("len").sum())
        .sort("source", "other")
        .collect()
    )
    out: dict[str, dict[str, int]] = {}
    for source, other, number in pairs.iter_rows():
        out.setdefault(source, {})[other] = number
    return out
