"""What an earlier run of the same configuration already judged, for `curate audit --update`. Judges nothing itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.runs.folder import Run
from curate.sources import FORMATS
from rules.engine import Judged
from rules.findings import SCHEMA
from rules.registry import all_rules, tagged
from rules.score import Weights, with_scores


@dataclass(frozen=True)
class Earlier:
    """Judged labels of an earlier run: each distinct label once, and its findings with `row` counting them."""

    labels: pl.DataFrame
    findings: pl.DataFrame

    def joined(self, distinct: pl.DataFrame, fresh: Judged) -> Judged:
        """The results of all `distinct` labels, in their order, from the earlier run and the fresh ones."""
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


def earlier_labels(run: Run, config: Mapping[str, Any], versions: Mapping[str, str]) -> Earlier | None:
    """The judged labels of `run`, or None where its configuration or versions differ: then all are judged anew."""
    before = run.summary
    deciding = ("profile", "rules", "options", "severities", "fixes", "score")
    if any(before.get("config", {}).get(key) != config[key] for key in deciding):
        return None
    if any(before.get("versions", {}).get(key) != versions[key] for key in ("texsieve", "math-core", "polars")):
        return None
    # Labels that failed, or ended their process, may not do so again: they are judged anew.
    unknown = run.all_findings.filter(pl.col("rule").is_in(tagged("unscored"))).select("sample_id")
    # So are those with macros of their documents: what was found in them holds for these samples alone.
    own = [entry["name"] for entry in before["sources"] if FORMATS[entry["format"]].in_documents]
    if own:
        in_documents = pl.col("source").is_in(own) & pl.col("macros").is_not_null()
        unknown = pl.concat([unknown, run.samples.filter(in_documents).select("sample_id")])
    label_rules = [code for code in config["rules"] if all_rules()[code].scope == "label"]
    samples = (
        run.samples.select("sample_id", "label", "n_tokens", "canonical", "visual_key")
        .join(unknown, on="sample_id", how="anti", maintain_order="left")
        .unique("label", keep="first", maintain_order=True)
    )
    first = samples.collect().with_row_index("row")
    findings = (
        run.all_findings.filter(pl.col("rule").is_in(label_rules))
        .join(first.lazy().select("sample_id", "row"), on="sample_id", how="inner", maintain_order="left")
        .select(*SCHEMA)
        .collect()
        .sort("row", maintain_order=True)
    )
    # Scores are made anew: a sample's score also counts its image.
    labels = with_scores(first, findings, Weights(**config["score"]))
    return Earlier(labels.select("label", "n_tokens", "canonical", "visual_key", "score"), findings)
