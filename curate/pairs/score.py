"""Scores the pairs of samples, source by source. The arithmetic is in `fit`, and the rules say what is bad."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from curate.pairs import damage, features, rendered
from curate.pairs.features import Labels
from curate.pairs.fit import LEAST_WEIGHT, Floats, Model, View, fit
from rules.sets.shifted_rows import LAGS

#: What `with_pairs` adds. pair_score: 0 to 1. pair_rows: lines that the label breaks into. pair_lines: those and others
#: (fractions, arrays) that its layout shows, 0 if it draws nothing. pair_wide: the ink's width over its height, as a
#: multiple of what the label lets expect. pair_off: the same in robust standard deviations of its logarithm. pair_lags:
#: how well the picture fits the labels that many rows later in the file, for LAGS. pair_turned: log likelihood ratio
#: of the picture being turned by 180 degrees. pair_lacks: the part of the label that it seems to lack, below 0 at the
#: left; pair_lacks_gain: how much better it then fits; both are null if it fits as it is. The last three are null in
#: sets of fewer than FEWEST pairs.
PAIR_COLUMNS: dict[str, Any] = {
    "pair_score": pl.Float64,
    "pair_rows": pl.Int32,
    "pair_lines": pl.Int32,
    "pair_wide": pl.Float32,
    "pair_off": pl.Float32,
    "pair_lags": pl.List(pl.Float32),
    "pair_turned": pl.Float32,
    "pair_lacks": pl.Float32,
    "pair_lacks_gain": pl.Float32,
}

_HARM = ("pair_turned", "pair_lacks", "pair_lacks_gain")

#: The fewest pairs that a model is learnt from; smaller sets are judged by PRIOR.
FEWEST = 60
#: The most pairs that a model is learnt from; the others of a larger set are scored by it.
MOST = 12_000
#: How many pairs are scored at a time.
_CHUNK = 20_000
#: Logit of a pair in a small set: constant, weight of |log width-to-height, seen over laid out|, weight of the
#: thumbnails' correlation. Fitted on CROHME, train and 2014, 900 pairs each and as many mixed at random, and rounded.
PRIOR = (-0.6, -3.1, 12.0)
#: log of seen over laid out width-to-height: between that of print (0) and of handwriting (-0.2).
PRIOR_ASPECT = -0.1
#: Penalties of the regressions on the label's features and on its drawing's.
_RIDGE_LABEL, _RIDGE_DRAWING = 0.03, 0.001
#: For pairs with a lower score, what their picture may lack is computed.
_DOUBTED = 0.5
_MEASURES = [*features.MEASURED]

Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class _Pairs:
    """The pairs of a source that can be compared: the label draws something, and the picture holds ink."""

    labels: Labels
    label: npt.NDArray[np.intp]  # index of each pair's label
    seen: Floats  # features of the pictures
    thumbs: npt.NDArray[np.uint8]  # theirs, (n, 24, 64)
    coarse: npt.NDArray[np.uint8]  # the same on the grid of the labels', (n, 384)
    keys: npt.NDArray[np.intp]  # equal if labels look the same


def with_pairs(
    samples: pl.DataFrame, *, workers: int = 1, cache: Path | None = None, progress: Progress | None = None
) -> pl.DataFrame:
    """Add PAIR_COLUMNS to samples that have source, split, label, visual_key and the measures of their images.

    pair_score is null if there is no picture or it can't be decoded, and 0 if only one of label and picture is blank.
    cache: folder where drawings' measures are kept between runs, or None. Samples keep their order, which is taken to
    be that of their file. Without measures all columns are null.
    """
    if any(name not in samples.columns for name in _MEASURES):
        return samples.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in PAIR_COLUMNS.items())
    report = progress or (lambda done, of: None)
    done, total = 0, samples["label"].n_unique() + samples.height

    def step(count: int) -> None:
        nonlocal done, total
        done += count
        total = max(done, total)
        report(done, total)

    numbered = samples.with_row_index("_row")
    parts = []
    for _, source in numbered.group_by("source", maintain_order=True):
        parts.append(_of_source(source, workers, cache, step))
    if not parts:
        return samples.with_columns(pl.lit(None, dtype).alias(name) for name, dtype in PAIR_COLUMNS.items())
    columns = pl.concat(parts).sort("_row").drop("_row")
    return pl.concat([samples, columns], how="horizontal")


def _of_source(source: pl.DataFrame, workers: int, cache: Path | None, step: features.Step) -> pl.DataFrame:
    """PAIR_COLUMNS and _row of one source's samples."""
    decoded = pl.col("ink_across").is_not_null() | (pl.col("ink_ratio") == 0)
    source = source.with_columns(
        decoded.fill_null(False).alias("_decoded"), pl.col("ink_thumb").is_not_null().alias("_inked")
    )
    rows = source.height
    out: dict[str, Any] = {"_row": source["_row"]}
    score = np.full(rows, np.nan)
    wide, off = np.full(rows, np.nan, np.float32), np.full(rows, np.nan, np.float32)
    harm = np.full((3, rows), np.nan, np.float32)
    if not source["_decoded"].any():
        none = np.full(rows, -1)
        return _frame(out, score, none, none, wide, off, np.full((rows, len(LAGS)), np.nan), harm)
    text = source["label"].fill_null("")
    distinct = text.unique(maintain_order=True)
    labels = features.describe(distinct.to_list(), workers=workers, step=step)
    label = (
        text.to_frame("label")
        .join(distinct.to_frame("label").with_row_index("at"), on="label", how="left", maintain_order="left")["at"]
        .to_numpy()
        .astype(np.intp)
    )
    decoded_mask, inked = source["_decoded"].to_numpy(), source["_inked"].to_numpy()
    drawn = labels.drawn[label]
    score[decoded_mask] = np.where(drawn == inked, 1.0, 0.0)[decoded_mask]
    at = np.flatnonzero(decoded_mask & drawn & inked)
    lags = np.full((rows, len(LAGS)), np.nan, np.float32)
    if at.size:
        measured = source if at.size == rows else source[at]
        thumbs = features.thumbnails(measured)
        keys = measured.select(pl.coalesce("visual_key", "label").rank("dense")).to_series().to_numpy().astype(np.intp)
        pairs = _Pairs(labels, label[at], features.images(measured), thumbs, features.pooled(thumbs), keys)
        if at.size < FEWEST:
            score[at], log_wide = _by_prior(pairs)
            step(at.size)
        else:
            score[at], log_wide, harm[:, at] = _by_fit(pairs, measured["label"].to_list(), workers, cache, step)
            spread = 1.4826 * float(np.median(np.abs(log_wide - np.median(log_wide))))
            off[at] = (log_wide - np.median(log_wide)) / max(spread, 0.02)
        wide[at] = np.exp(np.clip(log_wide, -10, 10))
        groups = source["split"].fill_null("").rle_id().to_numpy()
        lags[at] = _lags(pairs, label, at, groups, drawn)
    return _frame(out, score, labels.rows[label], labels.lines[label], wide, off, lags, harm)


def _frame(
    out: dict[str, Any], score: Floats, rows: Any, lines: Any, wide: Floats, off: Floats, lags: Floats, harm: Floats
) -> pl.DataFrame:
    frame = pl.DataFrame(
        {**out, "pair_score": score, "pair_rows": rows, "pair_lines": lines, "pair_wide": wide, "pair_off": off}
    ).with_columns(
        *(pl.Series(name, values) for name, values in zip(_HARM, harm, strict=True)),
        pl.Series("pair_lags", lags, dtype=pl.Array(pl.Float32, len(LAGS))).arr.to_list(),
    )
    nothing = pl.col("pair_rows") < 0
    return (
        frame.with_columns(
            pl.col("pair_score", "pair_wide", "pair_off", *_HARM).fill_nan(None),
            pl.when(~nothing).then("pair_rows").cast(pl.Int32).alias("pair_rows"),
            pl.when(~nothing).then("pair_lines").cast(pl.Int32).alias("pair_lines"),
            pl.when(pl.col("pair_lags").list.eval(pl.element().is_not_nan()).list.any()).then("pair_lags"),
        )
        .with_columns(pl.col("pair_score").round(4))
        .select("_row", *(pl.col(n).cast(t) for n, t in PAIR_COLUMNS.items()))
    )


def _by_prior(pairs: _Pairs) -> tuple[Floats, Floats]:
    """Scores and log of seen over laid out width-to-height, for too few pairs to learn from."""
    log_wide = pairs.seen[:, features.ASPECT] - pairs.labels.base[pairs.label, 0] - PRIOR_ASPECT
    alike = np.einsum("ij,ij->i", features.unit(pairs.labels.thumbs[pairs.label]), features.unit(pairs.coarse))
    logit = PRIOR[0] + PRIOR[1] * np.abs(log_wide) + PRIOR[2] * alike
    return 1 / (1 + np.exp(-np.clip(logit, -30, 30))), log_wide


def _by_fit(
    pairs: _Pairs, texts: list[str], workers: int, cache: Path | None, step: features.Step
) -> tuple[Floats, Floats, Floats]:
    """Scores, log of seen over expected width-to-height, and _HARM, by what the set itself teaches."""
    count = pairs.label.size
    rng = np.random.default_rng(0)
    learnt = np.arange(count) if count <= MOST else np.sort(rng.choice(count, MOST, replace=False))
    vocabulary = pairs.labels.vocabulary(pairs.label[learnt])

    def view(at: npt.NDArray[np.intp]) -> View:
        return View(
            pairs.labels.matrix(pairs.label[at], vocabulary),
            features.unit(pairs.labels.thumbs[pairs.label[at]]),
            features.unit(pairs.coarse[at]),
            _RIDGE_LABEL,
        )

    model, score, off = fit([view(learnt)], pairs.seen[learnt], pairs.keys[learnt])
    scores, log_wide, harm = np.zeros(count), np.zeros(count), np.zeros((3, count))
    way_up, first = damage.learn_orientation(
        view(learnt).x, pairs.labels.thumbs[pairs.label[learnt]], pairs.coarse[learnt], np.clip(score, LEAST_WEIGHT, 1)
    )
    scores[learnt], log_wide[learnt], harm[0, learnt] = score, off[:, features.ASPECT], first
    harm[1:, learnt] = _lacking(model, pairs, learnt, view, off, score)
    rest = np.setdiff1d(np.arange(count), learnt)
    for start in range(0, rest.size, _CHUNK):
        at = rest[start : start + _CHUNK]
        seen = view(at)
        scores[at], off = model.score([seen], pairs.seen[at])
        log_wide[at] = off[:, features.ASPECT]
        harm[0, at] = damage.turned(way_up, seen.x, pairs.labels.thumbs[pairs.label[at]], pairs.coarse[at])
        harm[1:, at] = _lacking(model, pairs, at, view, off, scores[at])
    step(count)
    drawings = rendered.drawings(pairs.keys, texts, scores, pairs.thumbs, workers=workers, cache=cache, step=step)
    if drawings is not None:
        _by_drawing(pairs, view, drawings, scores, log_wide)
    return scores, log_wide, harm


def _lacking(
    model: Model,
    pairs: _Pairs,
    at: npt.NDArray[np.intp],
    view: Callable[[npt.NDArray[np.intp]], View],
    off: Floats,
    score: Floats,
) -> Floats:
    """pair_lacks and pair_lacks_gain of the pairs `at`, nan for those that are more likely right than not."""
    out = np.full((2, at.size), np.nan)
    low = np.flatnonzero(score < _DOUBTED)
    if low.size:
        doubted = at[low]
        grids = pairs.labels.thumbs[pairs.label[doubted]]
        out[:, low] = damage.part_missing(model, view(doubted), off[low], pairs.seen[doubted], grids, score[low])
    return out


def _scored(model: Model, views: list[View], seen: Floats) -> tuple[Floats, Floats]:
    score, off = model.score(views, seen)
    return score, off[:, features.ASPECT]


def _by_drawing(
    pairs: _Pairs,
    view: Callable[[npt.NDArray[np.intp]], View],
    drawings: rendered.Drawings,
    scores: Floats,
    log_wide: Floats,
) -> None:
    """Better scores, put in place, for the pairs of a printed set whose labels were drawn."""

    def both(at: npt.NDArray[np.intp]) -> list[View]:
        drawn = drawings.at[at]
        return [
            view(at),
            View(
                drawings.seen[drawn],
                features.unit(drawings.thumbs[drawn]),
                features.unit(pairs.thumbs[at]),
                _RIDGE_DRAWING,
            ),
        ]

    learnt = np.flatnonzero(drawings.fair)
    if learnt.size < FEWEST:
        return
    model, score, off = fit(both(learnt), pairs.seen[learnt], pairs.keys[learnt])
    scores[learnt], log_wide[learnt] = score, off[:, features.ASPECT]
    rest = np.flatnonzero((drawings.at >= 0) & ~drawings.fair)
    for start in range(0, rest.size, _CHUNK):
        at = rest[start : start + _CHUNK]
        scores[at], log_wide[at] = _scored(model, both(at), pairs.seen[at])


def _lags(
    pairs: _Pairs,
    label: npt.NDArray[np.intp],
    at: npt.NDArray[np.intp],
    groups: npt.NDArray[np.integer],
    drawn: npt.NDArray[np.bool_],
) -> Floats:
    """How well each picture fits the labels LAGS rows later, in the same split: (pairs, lags), nan at the ends."""
    out = np.full((at.size, len(LAGS)), np.nan, np.float32)
    middle = float(np.median(pairs.seen[:, features.ASPECT] - pairs.labels.base[pairs.label, 0]))
    for start in range(0, at.size, _CHUNK):
        here = slice(start, start + _CHUNK)
        pictures = features.unit(pairs.coarse[here])
        for column, lag in enumerate(LAGS):
            other = at[here] + lag
            inside = (other >= 0) & (other < label.size)
            other = other.clip(0, label.size - 1)
            inside &= drawn[other] & (groups[other] == groups[at[here]])
            theirs = label[other]
            alike = np.einsum("ij,ij->i", features.unit(pairs.labels.thumbs[theirs]), pictures)
            apart = np.abs(pairs.seen[here, features.ASPECT] - pairs.labels.base[theirs, 0] - middle)
            out[here, column] = np.where(inside, alike - 0.3 * np.minimum(apart, 2.0), np.nan)
    return out
