"""Finds what changed between two runs: which sample of one is which of the other, and what happened to it. Only finds.

Ids alone don't say which sample is which: a row inserted into a file changes the numbers of all that follow, and a
sample that changes its split changes its id. So samples are paired, best evidence first, each at most once:

1. the same id, and the same label or the same picture;
2. the same picture (to the pixel) and the same label;
3. the same picture;
4. the same label, if neither has a picture;
5. the same id.

If several are alike, the first is paired with the first, and so on in the order of the runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import polars as pl

from curate.base.errors import UserError
from curate.runs.decisions import Decisions

#: What can be said about a sample, in words; several may apply.
KINDS = {
    "added": "only in the second run",
    "gone": "only in the first run",
    "respelled": "another label that looks the same",
    "redrawn": "another label that looks different",
    "changed": "another label, and one of the two can't be read, so it is unknown whether they look the same",
    "repictured": "another picture",
    "moved": "in another split",
}
_READ = ("sample_id", "source", "split", "label", "visual_key", "image_sha256")


class ComparedRun(Protocol):
    """What is needed from a run."""

    @property
    def path(self) -> Any: ...
    @property
    def samples(self) -> pl.LazyFrame: ...
    @property
    def summary(self) -> Mapping[str, Any]: ...


@dataclass(frozen=True)
class Changes:
    """What changed. samples: first, second (runs' samples). rows: one for each sample that changed, with a column for
    each of KINDS (Boolean) and, from both runs, sample_id, source, split, label (null if the sample isn't there).
    stale: decisions of the first run that no longer hold in the second: sample_id, action, why."""

    first: int
    second: int
    rows: pl.DataFrame
    stale: pl.DataFrame

    @cached_property
    def counts(self) -> dict[str, int]:
        """Samples by kind."""
        return {kind: int(self.rows[kind].sum()) for kind in KINDS}

    @cached_property
    def moves(self) -> dict[tuple[str, str], int]:
        """How many samples moved, by the splits they left and entered, most first."""
        moved = self.rows.filter("moved").group_by(pl.col("split", "split_b").fill_null("")).len()
        ordered = moved.sort("len", "split", "split_b", descending=[True, False, False])
        return {(one, other): number for one, other, number in ordered.iter_rows()}

    def of_kind(self, kind: str) -> pl.DataFrame:
        return self.rows.filter(kind)


def changes(first: ComparedRun, second: ComparedRun, decisions: Decisions | None = None) -> Changes:
    """What changed from the first run to the second. decisions: those in force in the first.

    Raises UserError if the runs' visual keys have different versions: then it is unknown which labels look the same.
    """
    versions = [run.summary.get("key_version") for run in (first, second)]
    if versions[0] != versions[1]:
        old = min((first, second), key=lambda run: run.summary.get("key_version") or 0)
        raise UserError(
            f"visual keys of {first.path} have version {versions[0]}, those of {second.path} version "
            f"{versions[1]}; audit {old.path} again"
        )
    one, two = (_read(run) for run in (first, second))
    pairs = _pairs(one, two)
    a, b = one.drop("_id", "_label", "_image"), two.drop("_id", "_label", "_image")
    joined = (
        a.lazy()
        .join(pairs.lazy(), on="row", how="left")
        .join(b.lazy().rename(lambda name: f"{name}_b"), on="row_b", how="full", coalesce=True)
        .with_columns(gone=pl.col("sample_id_b").is_null(), added=pl.col("sample_id").is_null())
    )
    rows = joined.with_columns(_told()).filter(pl.any_horizontal(*KINDS)).sort("row", "row_b", nulls_last=True)
    kept = ["sample_id", "source", "split", "label"]
    wanted = rows.select(*KINDS, *kept, *(f"{name}_b" for name in kept)).collect()
    return Changes(one.height, two.height, wanted, _stale(a, pairs, b, decisions or Decisions()))


def _told() -> list[pl.Expr]:
    both = ~pl.col("gone") & ~pl.col("added")
    other_label = both & (pl.col("label") != pl.col("label_b"))
    key, key_b = pl.col("visual_key"), pl.col("visual_key_b")
    picture, picture_b = pl.col("image_sha256"), pl.col("image_sha256_b")
    return [
        (other_label & (key == key_b)).fill_null(False).alias("respelled"),
        (other_label & (key != key_b)).fill_null(False).alias("redrawn"),
        (other_label & (key.is_null() | key_b.is_null())).alias("changed"),
        (both & (picture != picture_b)).fill_null(False).alias("repictured"),
        (both & pl.col("split").ne_missing(pl.col("split_b"))).alias("moved"),
    ]


def _read(run: ComparedRun) -> pl.DataFrame:
    """A run's samples, with hashes to pair them by, which are joined faster than long labels."""
    return (
        run.samples.select(_READ)
        .with_columns(pl.col("label").fill_null(""))
        .with_row_index("row")
        .with_columns(
            pl.col("sample_id").hash().alias("_id"),
            pl.col("label").hash().alias("_label"),
            pl.when(pl.col("image_sha256").is_not_null()).then(pl.col("image_sha256").hash()).alias("_image"),
        )
        .collect(engine="streaming")
        .sort("row")
    )


def _pairs(one: pl.DataFrame, two: pl.DataFrame) -> pl.DataFrame:
    """row, row_b: which sample is which."""
    names = ["row", "_id", "_label", "_image"]
    left, right = one.select(names), two.select(names)
    no_image = pl.when(pl.col("_image").is_null()).then(pl.col("_label"))
    steps: list[list[pl.Expr]] = [
        [pl.col("_id"), pl.col("_label")],
        [pl.col("_id"), pl.col("_image")],
        [pl.col("_image"), pl.col("_label")],
        [pl.col("_image")],
        [no_image],
        [pl.col("_id")],
    ]
    found = []
    for step in steps:
        pairs = _alike(left, right, step)
        found.append(pairs)
        left = left.join(pairs, on="row", how="anti")
        right = right.join(pairs, left_on="row", right_on="row_b", how="anti")
    return pl.concat(found)


def _alike(left: pl.DataFrame, right: pl.DataFrame, step: list[pl.Expr]) -> pl.DataFrame:
    """Rows of both that are alike, the n-th of one with the n-th of the other; null equals nothing."""
    keys = [f"_key{place}" for place in range(len(step))]

    def keyed(frame: pl.DataFrame) -> pl.LazyFrame:
        named = (expression.alias(key) for expression, key in zip(step, keys, strict=True))
        return (
            frame.lazy()
            .select("row", *named)
            .drop_nulls()
            .sort("row")
            .with_columns(pl.int_range(pl.len()).over(keys).alias("_nth"))
        )

    pairs = keyed(left).join(keyed(right), on=[*keys, "_nth"], how="inner", suffix="_b")
    return pairs.select("row", "row_b").collect()


def _stale(a: pl.DataFrame, pairs: pl.DataFrame, b: pl.DataFrame, decisions: Decisions) -> pl.DataFrame:
    """The decisions of the first run that can't apply to the second, and why."""
    schema = {"sample_id": pl.String, "action": pl.String, "why": pl.String}
    ids = [name for name, decision in decisions.standing.items() if decision.action != "undo"]
    decided = a.filter(pl.col("sample_id").is_in(ids)).select("row", "sample_id")
    after = (
        decided.join(pairs, on="row", how="left")
        .join(b.select("row", "sample_id", "label"), left_on="row_b", right_on="row", how="left", suffix="_b")
        .sort("row")
    )
    out = []
    for sample_id, id_b, label_b in after.select("sample_id", "sample_id_b", "label").iter_rows():
        decision = decisions.standing[sample_id]
        if id_b is None:
            out.append((sample_id, decision.action, "the sample is gone"))
        elif not decision.is_about(label_b) and label_b != decision.label:
            out.append((sample_id, decision.action, "its label has changed"))
        elif id_b != sample_id:
            out.append((sample_id, decision.action, f"the sample is now called {id_b}"))
    return pl.DataFrame(out, schema=schema, orient="row")
