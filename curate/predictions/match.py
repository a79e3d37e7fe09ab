"""Puts models' predictions beside the labels: which are drawn otherwise, and where. Not for scoring models."""

from __future__ import annotations

import difflib
import posixpath
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.visible import clip, visible
from curate.predictions.rows import Prediction, ran_away, read_predictions
from curate.predictions.unwrap import unwrap_rows
from rules import Ruleset, engine
from rules.latex import lexer

#: What `with_predictions` adds. pred_count: predictions for the sample; pred_differ: those drawn otherwise than the
#: label; pred_label: the reading that most of these agree on; pred_agree: how many do; pred_score: the best mean
#: log-probability of a token among them, null for a reading that no label can be (nothing, no LaTeX, one that ran away:
#: a model that got stuck is sure of every token); pred_where: what it reads for what.
PREDICTED: dict[str, Any] = {
    "pred_count": pl.Int32,
    "pred_differ": pl.Int32,
    "pred_label": pl.String,
    "pred_agree": pl.Int32,
    "pred_score": pl.Float64,
    "pred_where": pl.String,
}
#: The column that says which labels are the likeliest errors: 1, 2, …
RANK = "label_error_rank"
#: Characters of a difference that are shown, and differences.
_SHOWN, _MOST = 60, 3
#: Less than any log-probability: no score was given.
_UNSURE = -1e9


@dataclass(frozen=True)
class Matched:
    """What came of a prediction file: predictions in it, how many belong to a sample, to none, and to more than one.

    other_label: those of a sample whose label is drawn otherwise than their truth. Many, and it is the wrong file.
    """

    path: Path
    rows: int
    matched: int
    unknown: int
    ambiguous: int
    other_label: int


def read(paths: Iterable[Path]) -> list[tuple[Path, list[Prediction]]]:
    """The predictions of every file, without what a base model puts around a formula (docs/prompts.md).

    Raises UserError as `read_predictions` does.
    """
    return [(path, unwrap_rows(read_predictions(path))[0]) for path in paths]


def with_predictions(
    samples: pl.DataFrame, files: Sequence[tuple[Path, list[Prediction]]]
) -> tuple[pl.DataFrame, list[Matched]]:
    """Add PREDICTED and RANK to samples that have sample_id, image, label, canonical, visual_key and pair_score.

    Null where nothing was predicted. `match` says whose a prediction is; one that fits several samples is left out.
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
    # Read as the labels were, by no rule: what is wanted is the canonical spelling and the visual key.
    read_as = engine.judge(texts, Ruleset(())).labels.select("label", "canonical", "visual_key")
    looks = {text: _Look.of(text, canonical, key) for text, canonical, key in read_as.iter_rows()}
    labels = samples[order].select(pl.col("label").fill_null(""), "canonical", "visual_key")
    own = {place: _Look.of(*label) for place, label in zip(order, labels.iter_rows(), strict=True)}
    compared = [(place, *_compared(own[place], found[place], looks)) for place in order]
    frame = pl.DataFrame(compared, schema={"_row": pl.UInt32, **PREDICTED}, orient="row")
    facts = [_matched(path, rows, places, own, looks) for (path, rows), places in zip(files, whose, strict=True)]
    joined = samples.with_row_index("_row").join(frame, on="_row", how="left", maintain_order="left")
    return joined.join(_ranks(joined), on="_row", how="left", maintain_order="left").drop("_row"), facts


def _ranks(samples: pl.DataFrame) -> pl.DataFrame:
    """_row and RANK of the labels that predictions contradict: by how many predictions agree, then by how sure they
    are, then by how little the picture looks like the label."""
    sure = pl.col("pred_score").fill_null(_UNSURE)
    doubt = pl.col("pair_score").fill_null(1.0)
    return (
        samples.filter(pl.col("pred_differ") > 0)
        .sort(-pl.col("pred_agree"), -sure, doubt, "sample_id")
        .select("_row", pl.int_range(1, pl.len() + 1, dtype=pl.Int32).alias(RANK))
    )


def ranked(samples: pl.DataFrame, most: int = 1000) -> list[dict[str, Any]]:
    """Labels that predictions contradict, the likeliest label errors first."""
    return (
        samples.filter(pl.col(RANK).is_not_null())
        .sort(RANK)
        .head(most)
        .select("sample_id", "label", *PREDICTED, "pair_score")
        .to_dicts()
    )


def facts(matched: Sequence[Matched], rank: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What summary.json says of predictions: each file's counts, and the `ranked` labels."""
    files = [
        {"file": one.path.name, "rows": one.rows, "matched": one.matched}
        | {"unknown": one.unknown, "ambiguous": one.ambiguous, "other_label": one.other_label}
        for one in matched
    ]
    return {"files": files, "likely_label_errors": list(rank)}


# Matching -------------------------------------------------------------------------------------------------------------


def match(samples: pl.DataFrame, rows: Iterable[Prediction]) -> list[int | None]:
    """For every prediction the row of its sample in a frame with sample_id and image; None: it has none, -1: several.

    A prediction belongs to the sample with its id, else to the one whose id ends in it, or whose image has that name,
    with or without folder and ending.
    """
    places = _places(samples)
    return [_place(row, places) for row in rows]


def _places(samples: pl.DataFrame) -> dict[str, int]:
    """Row of the sample that each name stands for; -1 for a name of several."""
    places: dict[str, int] = {}
    exact: dict[str, int] = {}
    for row, (identity, image) in enumerate(samples.select("sample_id", "image").iter_rows()):
        exact[identity] = row
        for name in {*_tails(identity), *(_names(image) if image else ())}:
            places[name] = row if places.get(name, row) == row else -1
    return {**places, **exact}


def _tails(identity: str) -> Iterable[str]:
    """`train/a.png`, `a.png` and `a` of `set/train/a.png`."""
    parts = identity.split("/")
    return ["/".join(parts[start:]) for start in range(1, len(parts))] + [posixpath.splitext(parts[-1])[0]]


def _names(image: str) -> set[str]:
    base = posixpath.basename(image)
    return {image, base, posixpath.splitext(base)[0]}


def _place(row: Prediction, places: dict[str, int]) -> int | None:
    names = [row.sample_id, *(sorted(_names(row.image), key=len, reverse=True) if row.image else ())]
    names += [posixpath.basename(row.sample_id), posixpath.splitext(posixpath.basename(row.sample_id))[0]]
    return next((places[name] for name in names if name in places), None)


def _matched(
    path: Path,
    rows: Sequence[Prediction],
    places: Sequence[int | None],
    labels: Mapping[int, _Look],
    looks: Mapping[str, _Look],
) -> Matched:
    counts = Counter[str]()
    for row, place in zip(rows, places, strict=True):
        counts["unknown" if place is None else "ambiguous" if place < 0 else "matched"] += 1
        if place is not None and place >= 0 and row.gt.strip():
            counts["other"] += looks[row.gt].differs_from(labels[place])
    return Matched(path, len(rows), counts["matched"], counts["unknown"], counts["ambiguous"], counts["other"])


# Comparing ------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Look:
    """A label as it is drawn. key: its visual key, or its tokens where it has none. tokens: of its canonical spelling,
    so that `x^2` and `x ^ { 2 }` differ in nothing."""

    key: str
    tokens: list[str]

    @property
    def drawn(self) -> bool:
        """Has it a visual key?"""
        return not self.key.startswith("\0")

    def differs_from(self, other: _Look) -> bool:
        return self.key != other.key and self.tokens != other.tokens

    @classmethod
    def of(cls, text: str, canonical: str | None, key: str | None) -> _Look:
        tokens = lexer.tokens(text if canonical is None else canonical)
        return cls("\0" + " ".join(tokens) if key is None else key, tokens)


def _compared(
    label: _Look, rows: Sequence[Prediction], looks: dict[str, _Look]
) -> tuple[int, int, str | None, int | None, float | None, str | None]:
    """PREDICTED of one sample."""
    differing: dict[str, list[Prediction]] = {}
    for row in rows:
        look = looks[row.pred]
        if look.differs_from(label):
            differing.setdefault(look.key, []).append(row)
    if not differing:
        return len(rows), 0, None, None, None, None
    best = max(differing.values(), key=lambda alike: (len(alike), _surest(alike)))
    surest = _surest(best)
    count = sum(map(len, differing.values()))
    reading = looks[best[0].pred]
    may_be = reading.drawn and not ran_away(len(label.tokens), len(reading.tokens))
    where = _where(label.tokens, reading.tokens)
    return len(rows), count, best[0].pred, len(best), surest if may_be and surest > _UNSURE else None, where


def _surest(rows: Sequence[Prediction]) -> float:
    return max((row.score for row in rows if row.score is not None), default=_UNSURE)


def _where(ours: list[str], theirs: list[str]) -> str:
    """What is read for what, at most the first three places."""
    if not theirs:
        return "nothing"
    # Braces come and go with what they hold; they are shown where nothing else differs.
    bare = tuple([token for token in tokens if token not in "{}"] for tokens in (ours, theirs))
    if bare[0] != bare[1]:
        ours, theirs = bare
    places = []
    for kind, start, end, first, last in difflib.SequenceMatcher(None, ours, theirs, autojunk=False).get_opcodes():
        if kind == "equal":
            continue
        around = kind != "replace"  # what is only there once needs its neighbours to be found
        had = ours[max(0, start - around) : end + around]
        reads = theirs[max(0, first - around) : last + around]
        places.append(f"{_shown(reads)} for {_shown(had)}")
    more = f" and {len(places) - _MOST} more" if len(places) > _MOST else ""
    return "; ".join(places[:_MOST]) + more


def _shown(tokens: Sequence[str]) -> str:
    return f"`{clip(visible(' '.join(tokens)), _SHOWN)}`"
