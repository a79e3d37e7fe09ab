"""Runs the rules over labels: reads each once, sieves with polars, judges what passes. Holds no rule.

Work is cut into batches that can go to several processes: math-core holds the interpreter's lock, so threads are no
help.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any

import polars as pl

from rules import key, lexer, reader
from rules.findings import SCHEMA
from rules.label import Label
from rules.registry import Rule, Ruleset, select
from rules.score import Weights, with_scores

#: Labels a batch: large enough that polars' fixed costs vanish, small enough to spread and to show progress.
BATCH = 4000
#: Below this many labels starting processes costs more than it saves.
MIN_PARALLEL = 3 * BATCH
#: A longer label is not read: no formula is, and a model that got stuck would cost minutes.
MAX_LENGTH = 100_000

_LABELS: dict[str, Any] = {
    "label": pl.String,
    "tokens": pl.UInt32,
    "problems": pl.String,
    "canonical": pl.String,
    "visual_key": pl.String,
}


@dataclass(frozen=True)
class Judged:
    """`labels`: label, n_tokens, canonical, visual_key, score, in the order given. `findings`: see findings.SCHEMA."""

    labels: pl.DataFrame
    findings: pl.DataFrame


def judge(
    labels: Sequence[str],
    ruleset: Ruleset | None = None,
    *,
    weights: Weights | None = None,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> Judged:
    """Run a ruleset over labels, which had better be distinct: each is judged as if it were.

    `workers` above 1 spreads large inputs over processes; the caller's script must then guard its entry with
    `if __name__ == "__main__"`, as ever with Python's spawned processes. `progress` is called with the number of labels
    done since the last call. The result doesn't depend on `workers`.
    """
    ruleset = ruleset or select()
    batches = [(labels[start : start + BATCH], ruleset) for start in range(0, len(labels), BATCH)]
    frames: list[pl.DataFrame] = []
    found: list[pl.DataFrame] = []
    start = 0
    for frame, findings in _run(batches, workers if len(labels) >= MIN_PARALLEL else 1):
        frames.append(frame)
        found.append(findings.with_columns(pl.col("row") + start))
        start += frame.height
        if progress is not None:
            progress(frame.height)
    if not frames:
        empty = pl.DataFrame(schema=_LABELS)
        frames.append(empty.drop("problems"))
    all_findings = pl.concat(found) if found else pl.DataFrame(schema=SCHEMA)
    all_labels = pl.concat(frames).with_row_index("row")
    judged = (
        with_scores(all_labels, all_findings, weights)
        .with_columns(pl.col("tokens").cast(pl.Int32).alias("n_tokens"))
        .select("label", "n_tokens", "canonical", "visual_key", "score")
    )
    return Judged(judged, all_findings)


def _run(batches: list[tuple[Sequence[str], Ruleset]], workers: int) -> Iterator[tuple[pl.DataFrame, pl.DataFrame]]:
    if workers <= 1 or len(batches) == 1:
        yield from map(_judge_batch, batches)
        return
    # Spawned, not forked: polars' thread pool does not survive a fork.
    with ProcessPoolExecutor(min(workers, len(batches)), mp_context=get_context("spawn")) as pool:
        yield from pool.map(_judge_batch, batches)


def _judge_batch(batch: tuple[Sequence[str], Ruleset]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """One batch: the labels' frame without problems, and the findings with rows counted from 0."""
    texts, ruleset = batch
    labels = [_read(text) for text in texts]
    frame = _frame(labels)
    rules = ruleset.rules("label")
    if not rules:
        return frame.drop("problems"), pl.DataFrame(schema=SCHEMA)
    passed = frame.lazy().select(*(_mask(rule).alias(rule.code) for rule in rules)).collect()
    rows: list[tuple[Any, ...]] = []
    for rule in rules:
        indices = passed[rule.code].fill_null(False).arg_true().to_list()
        if not indices:
            continue
        severity, options = ruleset.severity(rule), ruleset.option_values(rule)
        forced = rule.code in ruleset.severities
        for index in indices:
            for finding in rule.judge(labels[index].label, options):
                rows.append(
                    (
                        index,
                        rule.code,
                        rule.name,
                        severity if forced or finding.severity is None else finding.severity,
                        finding.start,
                        finding.end,
                        finding.message,
                        ruleset.fix_level(rule, finding.fix or rule.fix) if finding.replacement is not None else None,
                        finding.replacement,
                    )
                )
    findings = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    return frame.drop("problems"), findings.sort("row", "start", "rule", "end", nulls_last=True, maintain_order=True)


@dataclass
class _Read:
    label: Label
    canonical: str | None
    visual_key: str | None


def _read(text: str) -> _Read:
    """Read one label: tokens, problems, canonical spelling proven by the key, key."""
    if len(text) > MAX_LENGTH:
        toks: list[str] = []
        reading = reader.Reading([reader.Problem("too-long", 0, 1)], fatal=True)
        return _Read(Label(text, toks, reading), None, None)
    toks = lexer.tokens(text)
    reading = reader.read(text, toks)
    label = Label(text, toks, reading)
    visual_key = key.of(label.text, toks, lambda: label.spans, reading)
    canonical = None if reading.canonical is None else reader.spell(reading.canonical)
    if canonical is not None and canonical != text and not _draws_the_same(canonical, visual_key):
        canonical = None
    return _Read(label, canonical, visual_key)


def _draws_the_same(canonical: str, visual_key: str | None) -> bool:
    """Does the canonical spelling have this key? Without a key nothing is proven, and there is no canonical form."""
    if visual_key is None or not canonical:
        return False
    if key.direct(canonical) == visual_key:  # canonical labels rarely need the reader's edits
        return True
    return visual_key_of(canonical) == visual_key


def visual_key_of(text: str) -> str | None:
    """The visual key of one label, or None."""
    if len(text) > MAX_LENGTH:
        return None
    toks = lexer.tokens(text)
    return key.of(text, toks, lambda: lexer.spans(text), reader.read(text, toks))


def _frame(labels: list[_Read]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "label": [read.label.text for read in labels],
            "tokens": [len(read.label.tokens) for read in labels],
            "problems": [_kinds(read.label.reading) for read in labels],
            "canonical": [read.canonical for read in labels],
            "visual_key": [read.visual_key for read in labels],
        },
        schema=_LABELS,
    )


def _kinds(reading: reader.Reading) -> str:
    """The kinds of a reading's problems, a space on each side of every one, so that a sieve can look for ` kind `."""
    return f" {' '.join(problem.kind for problem in reading.problems)} " if reading.problems else ""


def _mask(rule: Rule) -> pl.Expr:
    if rule.sieve is None:
        raise ValueError(f"{rule.code} is a rule over labels and has no sieve")
    return rule.sieve
