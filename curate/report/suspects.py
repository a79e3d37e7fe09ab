"""The likeliest label errors, each picture beside drawings of its label and of a model's reading. Ranks what
`curate.pairs` worked out; judges nothing."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.report.markup import code, text
from curate.report.pictures import Pictures, Place
from rules.registry import tagged

#: How many suspects are shown.
MOST = 30


@dataclass(frozen=True)
class Suspect:
    """A sample whose label may be wrong. reading: what a model reads instead; where: how the two differ; agree: how
    many of `count` predictions read so; sure: the model's probability of a token; None if no model was asked."""

    sample_id: str
    source: str
    image: str | None
    label: str
    pair_score: float | None
    reading: str | None = None
    where: str | None = None
    agree: int | None = None
    count: int | None = None
    sure: float | None = None


def choose_suspects(
    samples: pl.LazyFrame, findings: pl.LazyFrame, summary: Mapping[str, Any], most: int = MOST
) -> list[Suspect]:
    """Confident contradictions by predictions, as summary.json ranks them; then the pictures least like their labels;
    then the other contradictions. Rules tagged `doubt` say which are confident, with `predictions` or not."""
    ranked = summary.get("predictions", {}).get("likely_label_errors", ())
    by_id = {row["sample_id"]: row for row in ranked}
    told = findings.filter(pl.col("rule").is_in(tagged("doubt"))).select("sample_id", "rule").unique()
    sure = pl.col("rule").is_in(tagged("doubt", "predictions"))
    wanted = samples.select("sample_id", "source", "image", "label", "pair_score")
    doubtful = (
        wanted.join(told.filter(~sure).select("sample_id").unique(), on="sample_id", how="semi")
        .filter(~pl.col("sample_id").is_in(list(by_id)))
        .sort("pair_score", "sample_id")
        .head(most)
    )
    surely = told.filter(sure).select("sample_id")
    predicted, rest, certainly = pl.collect_all(
        [wanted.filter(pl.col("sample_id").is_in(list(by_id))), doubtful, surely]
    )
    known = {row["sample_id"]: row for row in predicted.iter_rows(named=True)}
    certain = set(certainly["sample_id"].to_list())
    contradicted = {name: _suspect(known[name], row) for name, row in by_id.items() if name in known}
    first = [suspect for name, suspect in contradicted.items() if name in certain]
    last = [suspect for name, suspect in contradicted.items() if name not in certain]
    return (first + [_suspect(row, {}) for row in rest.iter_rows(named=True)] + last)[:most]


def _suspect(sample: Mapping[str, Any], ranked: Mapping[str, Any]) -> Suspect:
    score = ranked.get("pred_score")
    return Suspect(
        sample["sample_id"],
        sample["source"] or "",
        sample["image"],
        sample["label"] or "",
        sample["pair_score"],
        ranked.get("pred_label"),
        ranked.get("pred_where"),
        ranked.get("pred_agree"),
        ranked.get("pred_count"),
        None if score is None else math.exp(score),
    )


def wants_of(suspect: Suspect, roots: Mapping[str, Path]) -> list[str | Place]:
    """The image, the label and the reading that `suspect_cards` shows of a suspect. roots: of images, by source."""
    image: list[str | Place] = [] if suspect.image is None else [(roots.get(suspect.source), suspect.image)]
    return [*image, suspect.label, *([] if suspect.reading is None else [suspect.reading])]


def suspect_cards(suspects: Sequence[Suspect], roots: Mapping[str, Path], found: Pictures) -> list[dict[str, Any]]:
    """What the page shows of each: pictures and words, shortened. roots: of images, by source."""
    return [_card(place, suspect, roots.get(suspect.source), found) for place, suspect in enumerate(suspects, 1)]


def _card(place: int, suspect: Suspect, root: Path | None, found: Pictures) -> dict[str, Any]:
    shown = []
    if suspect.image is not None:
        shown.append(("image", found.of_image((root, suspect.image))))
    shown.append(("label, drawn", found.of_label(suspect.label)))
    if suspect.reading is not None:
        shown.append(("read as, drawn", found.of_label(suspect.reading)))
    why = []
    if suspect.agree is not None:
        one = "the prediction reads" if suspect.count == 1 else f"{suspect.agree} of {suspect.count} predictions read"
        sure = "" if suspect.sure is None else f" (probability of a token {suspect.sure:.3f})"
        why.append(f"{one} {suspect.where or 'something else'}{sure}")
    if suspect.pair_score is not None:
        why.append(f"pair score {suspect.pair_score:.3g}")
    return {
        "place": place,
        "sample_id": text(suspect.sample_id, 120),
        "label": code(suspect.label),
        "reading": None if suspect.reading is None else code(suspect.reading),
        "why": text("; ".join(why), 400),
        "pictures": shown,
    }
