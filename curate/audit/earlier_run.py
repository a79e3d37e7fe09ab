"""Results of an earlier run with the same configuration, for `curate audit --update`. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

import rules
from curate.base.hashing import hashes
from curate.runs.folder import Run
from curate.sources import FORMATS
from rules.findings import SCHEMA
from rules.registry import all_rules, packages_with_rules, tagged
from rules.score import Weights, with_scores


@dataclass(frozen=True)
class Known:
    """Results of an earlier run for some labels: `row` is a label's place among those that were asked for.

    labels: row, n_tokens, canonical, visual_key, score. findings: in the schema of `rules.findings`.
    """

    labels: pl.DataFrame
    findings: pl.DataFrame


@dataclass(frozen=True)
class Earlier:
    """An earlier run, whose tables stay on disk.

    samples: n_tokens, canonical, visual_key. index: hashes of its distinct labels, and `place`, the first row of
    `samples` with each. findings: tables of findings, each with the row of `samples` that a finding belongs to, in
    ascending order. label_rules: the rules that judge labels.
    """

    samples: pl.LazyFrame
    index: pl.DataFrame
    findings: Sequence[tuple[pl.LazyFrame, npt.NDArray[np.uint32]]]
    label_rules: Sequence[str]
    weights: Weights

    def judged(self, labels: pl.DataFrame) -> Known:
        """The results for those of these labels (a column `label`) that the run knows. Reads only the rows of the run
        that contain them."""
        rows = labels.select(hashes("label")).with_row_index("row")
        wanted = rows.join(self.index, on=["hash", "hash2"]).select("place", "row")
        low, high = _ends(wanted)
        labelled = (
            self.samples.slice(low, high - low)
            .with_row_index("place", offset=low)
            .join(wanted.lazy(), on="place")
            .select("row", "n_tokens", "canonical", "visual_key")
            .collect(engine="streaming")
        )
        found = [_NONE]
        for table, places in self._findings(low, high):
            found.append(
                table.collect(engine="streaming")
                .with_columns(pl.Series("place", places, pl.UInt32))
                .filter(pl.col("rule").is_in(self.label_rules) & pl.col("sample_id").is_not_null())
                .join(wanted, on="place", maintain_order="left")
                .select(*SCHEMA)
            )
        findings = pl.concat(found)
        # Scores are computed again: a sample's score also counts its image.
        return Known(with_scores(labelled, findings, self.weights), findings)

    def of(self, labels: pl.DataFrame) -> Earlier:
        """The part of this that `judged` needs for these labels, to send to another machine."""
        wanted = self.index.join(labels.select(hashes("label")), on=["hash", "hash2"], how="semi")
        return replace(self, index=wanted, findings=list(self._findings(*_ends(wanted))))

    def _findings(self, low: int, high: int) -> Iterator[tuple[pl.LazyFrame, npt.NDArray[np.uint32]]]:
        """The tables of findings, cut down to those in the samples from `low` to before `high`."""
        for table, places in self.findings:
            start, end = places.searchsorted(np.array([low, high], places.dtype))
            yield table.slice(int(start), int(end - start)), places[start:end]


def _ends(wanted: pl.DataFrame) -> tuple[int, int]:
    """The first of some places, and the one after the last; 0 and 0 without any."""
    first, last = wanted.select(pl.col("place").min(), last=pl.col("place").max()).row(0)
    return (0, 0) if first is None else (int(first), int(last) + 1)


_NONE = pl.DataFrame(schema=SCHEMA)


def earlier_labels(run: Run, config: Mapping[str, Any], versions: Mapping[str, str]) -> Earlier | None:
    """The judged labels of `run`, or None if its configuration or versions differ: then all are judged again."""
    before = run.summary
    if before.get("key_version") != rules.KEY_VERSION:
        return None
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
    every = run.samples.select(pl.col("sample_id").hash().alias("id"), *hashes("label")).with_row_index("place")
    lost = unknown.select(pl.col("sample_id").hash().alias("id"))
    index = (
        every.join(lost, on="id", how="anti")
        .group_by("hash", "hash2")
        .agg(pl.col("place").min())
        .collect(engine="streaming")
    )
    ids = every.select("id", "place")
    return Earlier(
        run.samples.select("n_tokens", "canonical", "visual_key"),
        index,
        [(table, _places(table, ids)) for table in (run.findings, run.suppressed)],
        label_rules,
        Weights(**config["score"]),
    )


def _places(findings: pl.LazyFrame, samples: pl.LazyFrame) -> npt.NDArray[np.uint32]:
    """The row of each finding's sample; findings on a whole source come before those of its first sample."""
    id_of = pl.when(pl.col("sample_id").is_not_null()).then(pl.col("sample_id").hash()).alias("id")
    rows = findings.select(id_of).join(samples, on="id", how="left", maintain_order="left")
    place = pl.col("place").fill_null(strategy="backward").fill_null(strategy="forward").fill_null(0)
    return rows.select(place).collect(engine="streaming")["place"].to_numpy()
