"""Runs the rules over labels: reads each once, filters with polars, judges what passes. Contains no rules.

Work is cut into batches that can go to several processes (see `rules.workers.spread`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from operator import itemgetter
from typing import Any

import polars as pl

from rules import faults
from rules.batches import cut
from rules.findings import SCHEMA
from rules.fixes import proof
from rules.fixes.edits import Edit, apply, disjoint, in_order
from rules.latex import canonical, glance, lexer, reader
from rules.latex import visual_key as key
from rules.latex.key_limits import is_within
from rules.registry import lost, not_judged, tagged
from rules.score import Weights, with_scores
from rules.selection import Ruleset, select
from rules.sieving import sieved
from rules.toolkit.label import Label
from rules.toolkit.sieves import marks
from rules.workers.helper import collecting_rarely, each, now_at
from rules.workers.pool import Lost
from rules.workers.spread import prepare as prepare_helper
from rules.workers.spread import spread

_LABELS: dict[str, Any] = {
    "label": pl.String,
    "tokens": pl.UInt32,
    "problems": pl.String,
    "marks": pl.Int64,
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
    check_fixes: bool = False,
) -> Judged:
    """Run a ruleset over labels. Labels should be distinct; duplicates are judged again.

    `workers` above 1 spreads large inputs over processes. `progress` is called with the number of labels done since the
    last call. The result doesn't depend on `workers`. A label that ends its process (see `rules.workers.spread`) has
    neither canonical form nor key, and one finding, that of `rules.registry.lost`, whichever rules are asked for.

    If a rule or a reader raises, that is a fault of ours (`rules.faults`): the other rules and labels go on, and the
    label has the finding of `rules.registry.not_judged`, no finding of that rule, and no score.

    check_fixes: a finding's `fix` says how its fix may be made in this very label
    (`rules.fixes.proof.achievable_levels`), not only how the rule offers it. Labels without fixes cost nothing more,
    those with safe ones one more reading.
    """
    ruleset = ruleset or select()
    batches, workers = cut(labels, workers)
    work = partial(_judge_batch, ruleset=ruleset, check_fixes=check_fixes)
    frames: list[pl.DataFrame] = []
    found: list[pl.DataFrame] = []
    start = 0
    for frame, findings in spread(work, batches, workers, lost=partial(_unjudged, ruleset=ruleset), to="judge"):
        frames.append(frame)
        found.append(findings.with_columns(pl.col("row") + start))
        start += frame.height
        if progress is not None:
            progress(frame.height)
    if not frames:
        empty = pl.DataFrame(schema=_LABELS)
        frames.append(empty.drop("problems", "marks"))
    all_findings = pl.concat(found) if found else pl.DataFrame(schema=SCHEMA)
    all_labels = pl.concat(frames).with_row_index("row")
    judged = (
        with_scores(all_labels, all_findings, weights)
        .with_columns(pl.col("tokens").cast(pl.Int32).alias("n_tokens"))
        .select("label", "n_tokens", "canonical", "visual_key", "score")
    )
    return Judged(judged, all_findings)


def prepare(ruleset: Ruleset) -> None:
    """Have a helper process get ready for `judge` while this process does something else; see `workers.spread`."""
    prepare_helper(partial(_judge_batch, ruleset=ruleset, check_fixes=True), "x")


_BatchJudged = tuple[pl.DataFrame, pl.DataFrame]


def _unjudged(gone: Lost, ruleset: Ruleset) -> _BatchJudged:
    """The result for a label that ended its process."""
    rule = lost()
    labels = pl.DataFrame({"label": [gone.item], "tokens": [0]}, schema_overrides=_LABELS).select(
        pl.col(name) if name in ("label", "tokens") else pl.lit(None, kind).alias(name)
        for name, kind in _LABELS.items()
        if name not in ("problems", "marks")
    )
    message = f"texsieve could not judge this label: {gone.why}"
    row = (0, rule.code, rule.name, ruleset.severity(rule), None, None, message, None, None)
    return labels, pl.DataFrame([row], schema=SCHEMA, orient="row")


def _judge_batch(texts: Sequence[str], ruleset: Ruleset, check_fixes: bool) -> _BatchJudged:
    """One batch: the labels' frame without problems, and the findings with rows counted from 0."""
    with collecting_rarely():
        return _judged(texts, ruleset, check_fixes)


def _judged(texts: Sequence[str], ruleset: Ruleset, check_fixes: bool) -> _BatchJudged:
    failed = _Failed()
    read = [_read(text, failed, index) for index, text in enumerate(each(texts))]
    frame = _frame(texts, read)
    rules = ruleset.rules("label")
    labels: dict[int, Label] = {}  # only those that a rule looks at
    rows: list[tuple[Any, ...]] = []
    if not rules and not failed.parts:
        return frame.drop("problems", "marks"), pl.DataFrame(schema=SCHEMA)
    for rule, indices in sieved(frame, rules, [reading is not None for _, reading, _, _ in read]):
        severity, options = ruleset.severity(rule), ruleset.option_values(rule)
        forced = rule.code in ruleset.severities
        for index in indices:
            if index in failed.unread:
                continue
            now_at(index)
            label = labels.get(index)
            if label is None:
                label = labels[index] = _label(texts[index], read[index])
            try:
                rows += [  # all, or none if it fails on the way
                    (
                        index,
                        rule.code,
                        rule.name,
                        severity if forced or own_severity is None else own_severity,
                        start,
                        end,
                        message,
                        None if replacement is None else ruleset.fix_level(rule, level or rule.fix),
                        replacement,
                    )
                    for message, start, end, replacement, own_severity, level in rule.judge(label, options)
                ]
            except BaseException as error:
                failed.note(index, f"rule {rule.code}", error, texts[index])
    if check_fixes:
        _check_fixes(rows, texts, read)
    now_at(-1)
    rows += _not_judged(failed.parts, ruleset)
    findings = pl.DataFrame(rows, schema=SCHEMA, orient="row")
    frame = frame.drop("problems", "marks")
    return frame, findings.sort("row", "start", "rule", "end", nulls_last=True, maintain_order=True)


_ROW, _CODE, _START, _END, _FIX, _REPLACEMENT = (
    [*SCHEMA].index(name) for name in ("row", "rule", "start", "end", "fix", "replacement")
)

_edit_of = itemgetter(_START, _END, _REPLACEMENT, _CODE, _FIX)


def _check_fixes(rows: list[tuple[Any, ...]], texts: Sequence[str], read: Sequence[_Read]) -> None:
    """Replace the level that each fix has from its rule by the level at which it may be made in its own label."""
    offers: dict[int, list[int]] = {}
    damage = tagged("damage")
    damaged = {row[_ROW] for row in rows if row[_CODE] in damage}
    for at, row in enumerate(rows):
        if row[_FIX] in ("safe", "unsafe") and row[_START] is not None:
            offers.setdefault(row[_ROW], []).append(at)
    for index, places in offers.items():
        now_at(index)
        text, visual_key = texts[index], read[index][3]
        edits = [Edit(*_edit_of(rows[at])) for at in places]
        try:
            if visual_key is not None and index not in damaged:
                # Nearly always all safe fixes together are proven.
                safe = disjoint(in_order((edit for edit in edits if edit.level == "safe"), len(text)), len(text))
                if not safe or _keep_key(safe, text, read[index], visual_key):
                    continue
            toks, reading, _, _ = read[index]
            known = proof.Text.known(text, toks, _reading(toks, reading), visual_key, index in damaged)
            levels = proof.achievable_levels(known, edits)
        except BaseException as error:  # what can't be proven is only shown
            faults.caught("the proof of fixes", error, text)
            levels = ["display"] * len(edits)
        for at, level in zip(places, levels, strict=True):
            rows[at] = (*rows[at][:_FIX], level, *rows[at][_FIX + 1 :])


def _keep_key(edits: list[Edit], text: str, read: _Read, visual_key: str) -> bool:
    """Whether the text has the same key after disjoint edits."""
    toks, reading, spelled, _ = read
    if proof.seen_to_keep_key(text, toks, _reading(toks, reading), visual_key, edits):
        return True
    fixed = apply(text, edits)
    return " ".join(lexer.tokens(fixed)) == spelled or visual_key_of(fixed) == visual_key


class _Failed:
    """What failed on the labels of a batch."""

    def __init__(self) -> None:
        #: What failed, in words, by label.
        self.parts: dict[int, list[str]] = {}
        #: Labels that no reader could take.
        self.unread: set[int] = set()

    def note(self, index: int, part: str, error: BaseException, text: str) -> None:
        fault = faults.caught(part, error, text)
        self.parts.setdefault(index, []).append(f"{part} ({fault.error})")


def _not_judged(parts: dict[int, list[str]], ruleset: Ruleset) -> Iterator[tuple[Any, ...]]:
    """A finding for every label on which something failed, whatever rules were asked for."""
    rule = not_judged()
    for index, failed in parts.items():
        for finding in rule.judge(Label("", [], reader.Reading(), failed=failed), rule.options):
            yield index, rule.code, rule.name, ruleset.severity(rule), None, None, finding.message, None, None


#: The result of reading a label: tokens, reading (None: already canonical, nothing to report), canonical form, key.
_Read = tuple[list[str], reader.Reading | None, str | None, str | None]


def _read(text: str, failed: _Failed, index: int) -> _Read:
    """Read one label: tokens, problems, canonical spelling proven by the key, key."""
    try:
        toks, reading, visual_key = _keyed(text)
        if visual_key is None:
            return toks, reading, None, None
        return toks, reading, text if reading is None else _canonical(text, toks, reading, visual_key), visual_key
    except BaseException as error:
        return _read_in_steps(text, error, failed, index)


def _read_in_steps(text: str, error: BaseException, failed: _Failed, index: int) -> _Read:
    """As much of a label as can be read although reading raised `error`: step by step, without the glance."""
    faults.check_ours(error)
    try:
        toks = lexer.tokens(text)
        reading = reader.read(text, toks)
    except BaseException as broken:
        failed.note(index, "the reader", broken, text)
        failed.unread.add(index)
        return [], reader.Reading(fatal=True), None, None
    part = "the visual key"
    try:
        visual_key = key.of(text, toks, reading)
        part = "the canonical form"
        spelled = None if visual_key is None else _canonical(text, toks, reading, visual_key)
    except BaseException as broken:
        failed.note(index, part, broken, text)
        return toks, reading, None, None
    faults.caught("the glance", error, text)  # nothing is missing: the reader read the label
    return toks, reading, spelled, visual_key


def _keyed(text: str) -> tuple[list[str], reader.Reading | None, str | None]:
    """A label's tokens, its reading (None: it is clearly canonical already) and its visual key."""
    if len(text) > lexer.MAX_LENGTH:
        return [], reader.Reading([reader.Problem("too-long", 0, 1)], fatal=True), None
    seen = glance.canonical_tokens(text)
    if seen is not None:
        return seen, None, key.direct(text) if is_within(seen) else None
    toks = lexer.tokens(text)
    reading = reader.read(text, toks)
    return toks, reading, key.of(text, toks, reading)


def _canonical(text: str, toks: list[str], reading: reader.Reading, visual_key: str) -> str:
    """The canonical spelling of a label that has a key; the label with single spaces if none is proven, or if it is too
    long to be read again."""

    def same(tokens: list[str]) -> bool:
        if tokens == toks and not reading.folds and "%" not in text:  # only white space differs
            return True
        spelled = reader.spell(tokens)
        if spelled == text:
            return True
        if len(spelled) > lexer.MAX_LENGTH:
            return False
        ready = key.ready(tokens, spelled)  # nearly always known without reading
        if ready is None:
            return visual_key_of(spelled) == visual_key
        return key.direct(spelled if ready is tokens else reader.spell(ready)) == visual_key

    if reading.canonical is not None:
        normal = canonical.normal_form(reading.canonical, same)
        if normal is not None:
            return reader.spell(normal)
    spaced = " ".join(text.split())
    return spaced if visual_key_of(spaced) == visual_key else text


def _label(text: str, read: _Read) -> Label:
    """A label that was read, in the form that rules get."""
    toks, reading, spelled, _ = read
    return Label(text, toks, _reading(toks, reading), spelled)


def _reading(toks: list[str], reading: reader.Reading | None) -> reader.Reading:
    """The reading of a label, also of one that is clearly canonical."""
    return reader.Reading(canonical=toks) if reading is None else reading


def visual_key_of(text: str) -> str | None:
    """The visual key of one label, or None."""
    return _keyed(text)[2]


def visual_keys(labels: Sequence[str]) -> list[str | None]:
    """The visual keys of labels; also None if making one fails, which is a fault, or ends its process."""
    batches, _ = cut(labels, 1)
    return list(chain.from_iterable(spread(_keys, batches, 1, lost=_no_key, to="read")))


def _no_key(gone: Lost) -> list[str | None]:
    return [None]


def _keys(texts: Sequence[str]) -> list[str | None]:
    failed = _Failed()
    return [_read(text, failed, index)[3] for index, text in enumerate(each(texts))]


def _frame(texts: Sequence[str], read: list[_Read]) -> pl.DataFrame:
    toks, readings, spelled, keys = zip(*read, strict=True)
    return pl.DataFrame(
        {
            "label": texts,
            "tokens": list(map(len, toks)),
            "problems": ["" if reading is None else _kinds(reading) for reading in readings],
            "marks": marks(toks),
            "canonical": spelled,
            "visual_key": keys,
        },
        schema=_LABELS,
    )


def _kinds(reading: reader.Reading) -> str:
    """The kinds of a reading's problems, with a space on each side of each, so that a filter can look for ` kind `."""
    return f" {' '.join(problem.kind for problem in reading.problems)} " if reading.problems else ""
