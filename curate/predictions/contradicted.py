"""Compares models' predictions with the labels: which ones they contradict, and which of those are likely wrong."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.distinct_names import distinct_names
from curate.predictions.compare import Look, distance, where
from curate.predictions.evidence import Clues, evidence
from curate.predictions.match import match
from curate.predictions.oddness import Oddness
from curate.predictions.rows import Prediction, ran_away, read_predictions
from curate.predictions.unwrap import unwrap_rows
from rules import Ruleset, engine

#: What `with_predictions` adds. pred_count: predictions for the sample; pred_differ: those whose drawing differs from
#: the label's in more than white space; pred_label: the reading that most of these share; pred_agree: how many do;
#: pred_score: the best mean log-probability of a token among them, null if the reading can't be a label (empty, not
#: LaTeX, or run away: a model that is stuck is sure of every token); pred_kind: `structure` if it has the label's
#: symbols in another arrangement, else `symbols`; pred_where: what it reads for what; pred_evidence: how strongly
#: that speaks against the label, see `evidence`.
PREDICTED: dict[str, Any] = {
    "pred_count": pl.Int32,
    "pred_differ": pl.Int32,
    "pred_label": pl.String,
    "pred_agree": pl.Int32,
    "pred_score": pl.Float64,
    "pred_kind": pl.String,
    "pred_where": pl.String,
    "pred_evidence": pl.Float64,
}
#: The rank of the most likely label errors: 1, 2, …
RANK = "label_error_rank"
#: In a larger set, this many evenly spread labels teach what is odd in it.
TAUGHT_BY = 20_000
_DIGITS = 3


@dataclass(frozen=True)
class Matched:
    """The result for a prediction file: how many predictions it has, and how many match one sample, none, or several.

    other_label: those of a sample whose label is drawn differently from their truth. If there are many, it is the wrong
    file.
    """

    path: Path
    rows: int
    matched: int
    unknown: int
    ambiguous: int
    other_label: int


def read(paths: Iterable[Path]) -> list[tuple[Path, list[Prediction]]]:
    """The predictions in every file, without what a base model puts around a formula (docs/prompts.md).

    Raises UserError as `read_predictions` does.
    """
    return [(path, unwrap_rows(read_predictions(path))[0]) for path in paths]


def with_predictions(
    samples: pl.DataFrame, files: Sequence[tuple[Path, list[Prediction]]], wrong: Iterable[str] = ()
) -> tuple[pl.DataFrame, list[Matched]]:
    """Add PREDICTED and RANK to samples that have sample_id, image, label, canonical, visual_key and pair_score.

    wrong: labels that have an error. Null if nothing was predicted. `match` assigns predictions to samples; one that
    fits several samples is left out.
    """
    if not files:
        nothing = {**PREDICTED, RANK: pl.Int32}
        return samples.with_columns(pl.lit(None, kind).alias(name) for name, kind in nothing.items()), []
    found: dict[int, list[Prediction]] = {}
    whose = [match(samples, rows) for _, rows in files]
    for (_, rows), places in zip(files, whose, strict=True):
        for row, place in zip(rows, places, strict=True):
            if place is not None and place >= 0:
                found.setdefault(place, []).append(row)
    order = sorted(found)
    texts = sorted({text for rows in found.values() for row in rows for text in (row.gt, row.pred)})
    # Read like the labels, but by no rule: only the canonical spelling and the visual key are needed.
    read_as = engine.judge(texts, Ruleset(())).labels.select("label", "canonical", "visual_key")
    looks = {text: Look.of(text, canonical, key) for text, canonical, key in read_as.iter_rows()}
    asked = samples[order]
    own = dict(zip(order, _looks(asked), strict=True))
    contradicted = {place: one for place in order if (one := _against(own[place], found[place], looks)) is not None}
    odd = Oddness(look.tokens for look in (_looks(_spread(samples)) if contradicted else ()))
    given = any(row.score is not None for rows in found.values() for row in rows)
    erring = set(wrong)
    rows_out = [
        (place, len(found[place]), 0, *(None,) * (len(PREDICTED) - 2))
        if (one := contradicted.get(place)) is None
        else (place, *one.told(own[place], odd, given, pair_score, label in erring))
        for place, (label, pair_score) in zip(order, asked.select("label", "pair_score").iter_rows(), strict=True)
    ]
    frame = pl.DataFrame(rows_out, schema={"_row": pl.UInt32, **PREDICTED}, orient="row")
    facts = [_matched(path, rows, places, own, looks) for (path, rows), places in zip(files, whose, strict=True)]
    joined = samples.with_row_index("_row").join(frame, on="_row", how="left", maintain_order="left")
    return joined.join(_ranks(joined), on="_row", how="left", maintain_order="left").drop("_row"), facts


@dataclass(frozen=True)
class _Contradiction:
    """The readings of a sample that differ from its label. best: the most common one, shared by `alike` of `differ`."""

    count: int
    differ: int
    alike: Sequence[Prediction]
    reading: Look

    def told(
        self, label: Look, odd: Oddness, given: bool, pair_score: float | None, has_error: bool
    ) -> tuple[Any, ...]:
        """The sample's PREDICTED columns."""
        may_be = self.reading.drawn and not ran_away(len(label.tokens), len(self.reading.tokens))
        score = _surest(self.alike) if may_be else None
        kind, difference = label.kind(self.reading), distance(label, self.reading)
        clues = Clues(
            regrouped=difference.tokens == 0,
            difference=difference,
            gain=odd.gain(label.tokens, self.reading.tokens),
            length=len(label.tokens),
            agree=len(self.alike),
            others=self.count - len(self.alike),
            score=score,
            given=given,
            pair_score=pair_score,
            has_error=has_error,
        )
        facts = (self.count, self.differ, self.alike[0].pred, len(self.alike), score, kind)
        return *facts, where(label, self.reading), round(evidence(clues), _DIGITS)


def _against(label: Look, rows: Sequence[Prediction], looks: Mapping[str, Look]) -> _Contradiction | None:
    differing: dict[str, list[Prediction]] = {}
    for row in rows:
        look = looks[row.pred]
        if look.differs_from(label):
            differing.setdefault(look.key, []).append(row)
    if not differing:
        return None
    best = max(differing.values(), key=lambda alike: (len(alike), _order(_surest(alike))))
    return _Contradiction(len(rows), sum(map(len, differing.values())), best, looks[best[0].pred])


def _surest(rows: Sequence[Prediction]) -> float | None:
    return max((row.score for row in rows if row.score is not None), default=None)


def _order(score: float | None) -> tuple[bool, float]:
    return score is not None, score or 0.0


def _looks(samples: pl.DataFrame) -> list[Look]:
    rows = samples.select(pl.col("label").fill_null(""), "canonical", "visual_key").iter_rows()
    return [Look.of(*row) for row in rows]


def _spread(samples: pl.DataFrame) -> pl.DataFrame:
    """At most TAUGHT_BY samples, evenly spread."""
    return samples.gather_every(-(-samples.height // TAUGHT_BY) or 1)


def _ranks(samples: pl.DataFrame) -> pl.DataFrame:
    """_row and RANK of the labels that predictions contradict, by the evidence."""
    return (
        samples.filter(pl.col("pred_differ") > 0)
        .sort(-pl.col("pred_evidence"), "sample_id")
        .select("_row", pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias(RANK))
    )


def ranked(samples: pl.DataFrame, most: int = 1000) -> list[dict[str, Any]]:
    """Labels that predictions contradict, the most likely errors first."""
    return (
        samples.filter(pl.col(RANK).is_not_null())
        .sort(RANK)
        .head(most)
        .select("sample_id", "label", *PREDICTED, "pair_score")
        .to_dicts()
    )


def facts(matched: Sequence[Matched], rank: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The summary.json entry on predictions: each file's counts, and the `ranked` labels."""
    files = [
        {"file": name, "rows": one.rows, "matched": one.matched}
        | {"unknown": one.unknown, "ambiguous": one.ambiguous, "other_label": one.other_label}
        for name, one in zip(distinct_names([one.path for one in matched]), matched, strict=True)
    ]
    return {"files": files, "likely_label_errors": list(rank)}


def _matched(
    path: Path,
    rows: Sequence[Prediction],
    places: Sequence[int | None],
    labels: Mapping[int, Look],
    looks: Mapping[str, Look],
) -> Matched:
    counts = Counter[str]()
    for row, place in zip(rows, places, strict=True):
        counts["unknown" if place is None else "ambiguous" if place < 0 else "matched"] += 1
        if place is not None and place >= 0 and row.gt.strip():
            counts["other"] += looks[row.gt].differs_from(labels[place])
    return Matched(path, len(rows), counts["matched"], counts["unknown"], counts["ambiguous"], counts["other"])
