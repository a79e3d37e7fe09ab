"""Results of an earlier run with the same configuration, for `curate audit --update`. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.base.hashing import hashes
from curate.runs.folder import Run
from curate.sources import FORMATS
from rules.engine import Judged
from rules.findings import SCHEMA
from rules.registry import all_rules, packages_with_rules, tagged
from rules.score import Weights, with_scores


@dataclass(frozen=True)
class Known:
    """Judged labels of an earlier run: each distinct label once, and findings whose `row` is the label's number."""

    labels: pl.DataFrame
    findings: pl.DataFrame

    def joined(self, distinct: pl.DataFrame, fresh: Judged) -> Judged:
        """The results for all `distinct` labels, in their order, from the earlier run and the fresh ones."""
        order = distinct.with_row_index("row")
        parts = []
        for labels, findings in ((self.labels, self.findings), (fresh.labels, fresh.findings)):
            places = labels.select("label").with_row_index("old").join(order, on="label", how="inner")
            parts.append(
                findings.rename({"row": "old"})
                .join(places.select("old", "row"), on="old", how="inner", maintain_order="left")
                .select(*SCHEMA)
            )
        labels = order.join(pl.concat([self.labels, fresh.labels]), on="label", how="left", maintain_order="left")
        findings = pl.concat(parts).sort("row", maintain_order=True)
        return Judged(labels.drop("row"), findings)


@dataclass(frozen=True)
class Earlier:
    """An earlier run, whose tables stay on disk.

    samples: label, n_tokens, canonical, visual_key. index: hashes of its distinct labels, and the first row of
    `samples` with each. findings: tables of findings, each with the row of `samples` that a finding belongs to, in
    ascending order. label_rules: the rules that judge labels.
    """

    samples: pl.LazyFrame
    index: pl.DataFrame
    findings: Sequence[tuple[pl.LazyFrame, npt.NDArray[np.uint32]]]
    label_rules: Sequence[str]
    weights: Weights

    def judged(self, labels: pl.DataFrame) -> Known:
        """The results for these labels (a column `label`). Reads only the rows of the run that contain them."""
        wanted = self._wanted(labels)["row"].sort()
        if not wanted.len():
            return Known(self.samples.clear().with_columns(score=0.0).collect(), _NONE)
        low, high = int(wanted[0]), int(wanted[-1])
        first = (
            self.samples.slice(low, high - low + 1)
            .with_row_index("place", offset=low)
            .join(wanted.to_frame("place").lazy(), on="place", how="semi")
            .sort("place")
            .collect(engine="streaming")
            .with_row_index("row")
        )
        found = [_NONE]
        for table, rows in self.findings:
            start, end = _stretch(rows, low, high)
            found.append(
                table.slice(start, end - start)
                .collect(engine="streaming")
                .with_columns(pl.Series("place", rows[start:end], pl.UInt32))
                .filter(pl.col("rule").is_in(self.label_rules) & pl.col("sample_id").is_not_null())
                .join(first.select("place", "row"), on="place", how="inner", maintain_order="left")
                .select(*SCHEMA)
            )
        findings = pl.concat(found).sort("row", maintain_order=True)
        # Scores are computed again: a sample's score also counts its image.
        scored = with_scores(first, findings, self.weights)
        return Known(scored.select("label", "n_tokens", "canonical", "visual_key", "score"), findings)

    def of(self, labels: pl.DataFrame) -> Earlier:
        """The part of this that `judged` needs for these labels, to send to another machine."""
        wanted = self._wanted(labels)
        if wanted.is_empty():
            return replace(self, index=wanted, findings=())
        low, high = (int(row) for row in wanted.select(low=pl.col("row").min(), high=pl.col("row").max()).row(0))
        findings = []
        for table, rows in self.findings:
            start, end = _stretch(rows, low, high)
            findings.append((table.slice(start, end - start), rows[start:end]))
        return replace(self, index=wanted, findings=findings)

    def _wanted(self, labels: pl.DataFrame) -> pl.DataFrame:
        """The part of the index with these labels."""
        return self.index.join(labels.select(hashes("label")), on=["hash", "hash2"], how="semi")


def _stretch(rows: npt.NDArray[np.uint32], low: int, high: int) -> tuple[int, int]:
    """Where the findings of rows from low to high begin, and end."""
    return int(rows.searchsorted(low)), int(rows.searchsorted(high, "right"))


_NONE = pl.DataFrame(schema=SCHEMA)


def earlier_labels(run: Run, config: Mapping[str, Any], versions: Mapping[str, str]) -> Earlier | None:
    """The judged labels of `run`, or None if its configuration or versions differ: then all are judged again."""
    before = run.summary
    deciding = ("profile", "rules", "options", "severities", "fixes", "score")
    if any(before.get("config", {}).get(key) != config[key] for key in deciding):
        return None
    judging = ("texsieve", "math-core", "polars", *packages_with_rules())
    if any(before.get("versions", {}).get(key) != versions.get(key) for key in judging):
        return None
    # Labels that failed, or ended their process, may not do so again: they are judged again.
    unknown = run.all_findings.filter(pl.col("rule").is_in(tagged("unscored"))).select("sample_id")
    # So are those with macros of their documents: their findings apply only to these samples.
    own = [entry["name"] for entry in before["sources"] if FORMATS[entry["format"]].in_documents]
    if own:
        in_documents = pl.col("source").is_in(own) & pl.col("macros").is_not_null()
        unknown = pl.concat([unknown, run.samples.filter(in_documents).select("sample_id")])
    label_rules = [code for code in config["rules"] if all_rules()[code].scope == "label"]
    every = run.samples.select(pl.col("sample_id").hash().alias("id"), *hashes("label")).with_row_index("row")
    lost = unknown.select(pl.col("sample_id").hash().alias("id"))
    index = (
        every.join(lost, on="id", how="anti")
        .group_by("hash", "hash2")
        .agg(pl.col("row").min())
        .collect(engine="streaming")
    )
    ids = every.select("id", "row")
    return Earlier(
        run.samples.select("label", "n_tokens", "canonical", "visual_key"),
        index,
        [(table, _rows(table, ids)) for table in (run.findings, run.suppressed)],
        label_rules,
        Weights(**config["score"]),
    )


def _rows(findings: pl.LazyFrame, samples: pl.LazyFrame) -> npt.NDArray[np.uint32]:
    """The row of each finding's sample; findings on a whole source come before those of its first sample."""
    id_of = pl.when(pl.col("sample_id").is_not_null()).then(pl.col("sample_id").hash()).alias("id")
    rows = findings.select(id_of).join(samples, on="id", how="left", maintain_order="left")
    row = pl.col("row").fill_null(strategy="backward").fill_null(strategy="forward").fill_null(0)
    return rows.select(row).collect(engine="streaming")["row"].to_numpy()
