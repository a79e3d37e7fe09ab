"""Evaluates a prediction file: figures, intervals, groups, confusions. Reads and writes no files.

Rows are read and measured a few thousand at a time. Only the numbers of a pair are kept, so that a million fit into
memory.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import chain
from typing import Any

import numpy as np
from numpy.typing import NDArray

from curate.predictions.rows import Prediction, ran_away
from finetune.metrics import program_text
from finetune.metrics.each.bleu4 import BLEU4
from finetune.metrics.each.exprate_render_equal import RENDER_EQUAL
from finetune.metrics.error_kinds import kinds_of
from finetune.metrics.intervals import interval
from finetune.metrics.metric import Numbers, Reads
from finetune.metrics.missing import missing, missing_note
from finetune.metrics.pair_numbers import CANONICAL, PairNumbers, as_floats, by_spelling, measure
from finetune.metrics.pairs import Pairs, Progress, read_pairs
from finetune.metrics.program_text import ProgramText
from finetune.metrics.strings import SIZES
from rules import faults
from rules.faults import Fault
from rules.latex import lexer
from rules.selection import select

#: Lower ends of the length bins, in canonical tokens of the truth.
LENGTHS = (0, 6, 11, 21, 41, 81)
#: Groups of rules with fewer pairs are left out, because so few show nothing.
LEAST_OF_A_RULE = 5
#: The fewest canonical tokens of a label that show whether its tokens are spaced.
_LONG = 4
#: How many confusions and runaway ids are listed.
MOST_CONFUSIONS = 200
MOST_IDS = 100
#: How many pairs are read at a time, over all files.
_AT_A_TIME = 40_000

#: (truth, prediction) symbols, or (kind of error, what) of the layout, with their counts.
Confusions = Counter[tuple[str, str]]


@dataclass(frozen=True)
class Evaluated:
    """The results for every row, in order, and the confusions in all of them, without runaway rows."""

    rows: Sequence[Prediction]
    numbers: PairNumbers
    confused: Confusions
    layout: Confusions
    program_text: ProgramText
    #: What is wrong with every answer; see `finetune.metrics.error_kinds`.
    kinds: NDArray[np.int8]
    #: Codes of the rules that found something in the truth, for every row.
    rules: list[tuple[str, ...]] = field(default_factory=list)
    #: The failures, in all files that were evaluated together. A pair counts as wrong in the metric that failed on it.
    faults: list[Fault] = field(default_factory=list)

    @cached_property
    def alike(self) -> Numbers:
        """1 if the prediction renders like the ground truth, else 0."""
        return self.numbers.column(RENDER_EQUAL.name)

    @cached_property
    def closeness(self) -> Numbers:
        """How close each prediction is to its truth, from 0 to 1."""
        return (self.numbers.column("structure") + self.numbers.column("symbols")) / 2

    @cached_property
    def runaway(self) -> NDArray[np.bool_]:
        """Which predictions are much longer than their truth."""
        return _ran_away(self.numbers)

    def read(self, places: Sequence[int]) -> Pairs:
        """Some of the pairs, read once more: their tokens and alignments are not kept."""
        return read_pairs([(self.rows[place].gt, self.rows[place].pred) for place in places])


def evaluate(
    rows: Sequence[Prediction],
    *,
    workers: int = 1,
    rules: bool = True,
    characters: bool = False,
    progress: Progress | None = None,
) -> Evaluated:
    """Measure every row.

    `rules`: also run the default rules over the truths, for groups by rule. `characters`: also draw the pairs that look
    different, about 1 ms each, for the metrics that read drawings. `workers`: processes for both. `progress` is called
    with pairs drawn and to be drawn.
    """
    (found,) = evaluate_all([rows], workers=workers, rules=rules, characters=characters, progress=progress)
    return found


def evaluate_all(
    files: Sequence[Sequence[Prediction]],
    *,
    workers: int = 1,
    rules: bool = True,
    characters: bool = False,
    progress: Progress | None = None,
) -> list[Evaluated]:
    """`evaluate` for the answers of several models to the same questions: each truth is drawn only once."""
    reads: Reads = "drawing" if characters else "layout"
    step = max(_AT_A_TIME // len(files), 1)
    parts: list[list[_Part]] = [[] for _ in files]
    with faults.passed_on() as caught:
        for start in range(0, max(map(len, files)) or 1, step):
            some = [rows[start : start + step] for rows in files]
            pairs = read_pairs(
                ((row.gt, row.pred) for row in chain.from_iterable(some)),
                workers=workers,
                progress=progress,
                of_truths=select() if rules else program_text.rules(),
                of_predictions=program_text.rules(),
            )
            numbers = measure(pairs, reads)
            end = 0
            for rows, found in zip(some, parts, strict=True):
                place = slice(end, end := end + len(rows))
                if rows:
                    found.append(_part(pairs.at(place), numbers.rows(place), rules))
        caught.name(_first_row(files))
    return [
        Evaluated(
            rows,
            PairNumbers.joined([part.numbers for part in found]),
            sum((part.confused for part in found), Confusions()),
            sum((part.layout for part in found), Confusions()),
            ProgramText.sum([part.program_text for part in found]),
            np.concatenate([part.kinds for part in found]) if found else np.empty(0, np.int8),
            list(chain.from_iterable(part.rules for part in found)),
            caught.all(),
        )
        for rows, found in zip(files, parts, strict=True)
    ]


@dataclass(frozen=True)
class _Part:
    """The results for some pairs."""

    numbers: PairNumbers
    confused: Confusions
    layout: Confusions
    program_text: ProgramText
    kinds: NDArray[np.int8]
    rules: list[tuple[str, ...]]


def _part(pairs: Pairs, numbers: PairNumbers, rules: bool) -> _Part:
    confused, layout = Counter[tuple[str, str]](), Counter[tuple[str, str]]()
    runaway = _ran_away(numbers)
    for one, ran in zip(pairs.compared, runaway, strict=True):
        if not ran:
            confused.update(one.confused)
            layout.update(one.layout)
    codes: list[tuple[str, ...]] = [()] * len(pairs)
    if rules:
        known: dict[tuple[str, ...], tuple[str, ...]] = {}  # one tuple for all truths with the same findings
        for place, truth in enumerate(pairs.truths):
            if found := pairs.findings.get(truth):
                here = tuple(dict.fromkeys(row["rule"] for row in found))
                codes[place] = known.setdefault(here, here)
    read = [(pairs.keys[truth] is not None, pairs.keys[answer] is not None) for truth, answer in pairs.texts]
    kinds = kinds_of(pairs.compared, pairs.alike, runaway, read)
    return _Part(numbers, confused, layout, ProgramText.of(pairs), kinds, codes)


def _tokens(numbers: PairNumbers, side: str, canonical: bool = True) -> Numbers:
    """The number of tokens of every truth, or of every prediction."""
    return numbers.column((CANONICAL if canonical else "") + BLEU4.name, f"{side}_tokens")


def _ran_away(numbers: PairNumbers) -> NDArray[np.bool_]:
    return np.asarray(ran_away(_tokens(numbers, "truth"), _tokens(numbers, "prediction")))


def looks_alike(pairs: Sequence[tuple[str, str]], *, workers: int = 1) -> Numbers:
    """1 for a (truth, prediction) pair that looks the same, else 0. Reads a few thousand at a time."""
    starts = range(0, len(pairs), _AT_A_TIME)
    return np.concatenate([read_pairs(pairs[at : at + _AT_A_TIME], workers=workers).alike for at in starts])


def _first_row(files: Sequence[Sequence[Prediction]]) -> Callable[[str | tuple[str, str]], str | None]:
    """A function that returns the id of the first row with a pair of texts, or with a text on either side."""

    def name(first: str | tuple[str, str]) -> str | None:
        for row in chain.from_iterable(files):
            truth, prediction = lexer.whole(row.gt), lexer.whole(row.pred)  # as pairs are read
            if first in ((truth, prediction), truth, prediction, row.gt):
                return row.sample_id
        return None

    return name


def as_metrics(found: Evaluated) -> dict[str, Any]:
    """The content of metrics.json for an evaluation, except the versions; docs/metrics.md defines each value."""
    return {
        **_with_intervals(found.numbers),
        "runaway": {
            "n": int(found.runaway.sum()),
            "ids": [found.rows[place].sample_id for place in np.flatnonzero(found.runaway)[:MOST_IDS]],
        },
        "short": {
            "raw": int((_tokens(found.numbers, "truth", False) < SIZES[-1]).sum()),
            "canonical": int((_tokens(found.numbers, "truth") < SIZES[-1]).sum()),
        },
        "empty": missing(found.rows),
        "note": note(found),
        "faults": [fault.as_json() for fault in found.faults],
        "groups": {
            "source": _grouped(found, [(_source(row),) for row in found.rows]),
            "length": _grouped(found, [(_length_bin(n),) for n in _tokens(found.numbers, "truth")], _bin_order),
            "rule": _grouped(found, found.rules, least=LEAST_OF_A_RULE),
        },
        "confusions": confusions(found),
    }


def note(found: Evaluated) -> str | None:
    """What to know before reading the figures."""
    told = (missing_note(found.rows, found.numbers), found.program_text.in_words(), spacing_note(found))
    return ". ".join(said for said in told if said is not None) or None


def style_note(predicted: Mapping[str, Any] | None) -> str | None:
    """Why raw metrics don't measure a model that was trained on other labels. predicted: as `prediction_facts`."""
    if ((predicted or {}).get("data") or {}).get("style") != "canonical":
        return None
    return (
        "The truths are in canonical spelling (curate export --style canonical): raw metrics count any other spelling "
        "as wrong. Read the canonical ones, unless the model was trained on such labels"
    )


def spacing_note(found: Evaluated) -> str | None:
    """Why raw metrics say nothing here: only the truths, or only the predictions, have spaces between their tokens."""
    truths, predictions = (_is_spaced(found.numbers, side) for side in ("truth", "prediction"))
    if truths is None or predictions is None or truths == predictions:
        return None
    one, other = ("predictions", "truths") if truths else ("truths", "predictions")
    return (
        f"Most {one} have no spaces between tokens and the {other} have spaces: raw metrics take a run as one token. "
        "Read the canonical ones"
    )


def _is_spaced(numbers: PairNumbers, side: str) -> bool | None:
    """Do most labels of a side have spaces between their tokens? None if all are short."""
    canonical = _tokens(numbers, side)
    long = canonical >= _LONG
    spaced = 2 * _tokens(numbers, side, canonical=False) >= canonical
    return bool(2 * (spaced & long).sum() >= long.sum()) if long.any() else None


def confusions(found: Evaluated) -> dict[str, Any]:
    """Confused symbols and layout errors, the most frequent first, without runaway predictions."""
    return {
        "symbols": [
            {"truth": truth or None, "prediction": prediction or None, "n": n}
            for (truth, prediction), n in _ranked(found.confused)[:MOST_CONFUSIONS]
        ],
        "structure": [
            {"kind": kind, "what": what, "n": n} for (kind, what), n in _ranked(found.layout)[:MOST_CONFUSIONS]
        ],
    }


def _ranked(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _with_intervals(numbers: PairNumbers) -> dict[str, Any]:
    """n, the metrics, `ci` with their intervals, and under `canonical` the same for canonical tokens."""
    plain, canonical = by_spelling(numbers.metrics, as_floats(numbers.figures()))
    spans, canonical_spans = by_spelling(
        numbers.metrics, {name: interval(values) for name, values in numbers.drawn_figures().items()}
    )
    return {"n": len(numbers), **plain, "ci": spans, "canonical": {**canonical, "ci": canonical_spans}}


def _grouped(
    found: Evaluated, names: Sequence[tuple[str, ...]], order: Callable[[str], Any] = lambda name: name, least: int = 1
) -> list[dict[str, Any]]:
    """Metrics by name, over the rows with that name; a row may have several."""
    places: dict[str, list[int]] = {}
    for place, some in enumerate(names):
        for name in some:
            places.setdefault(name, []).append(place)
    if list(places) == [""]:
        return []
    return [
        {"name": name, **_with_intervals(found.numbers.rows(places[name]))}
        for name in sorted(places, key=order)
        if len(places[name]) >= least
    ]


def _source(row: Prediction) -> str:
    """The source in a sample id, which is `source/split/name`; "" if it has none."""
    return row.sample_id.split("/", 1)[0] if "/" in row.sample_id else ""


def _length_bin(tokens: float) -> str:
    place = max(place for place, low in enumerate(LENGTHS) if low <= tokens)
    return f"{LENGTHS[place]}–{LENGTHS[place + 1] - 1}" if place + 1 < len(LENGTHS) else f"{LENGTHS[place]}+"


def _bin_order(name: str) -> int:
    return int(name.rstrip("+").split("–")[0])
