"""Everything that is said of one prediction file: figures, intervals, groups, confusions. Reads and writes no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from typing import Any

import numpy as np

from curate.predictions.rows import Prediction, ran_away
from finetune.metrics import cdm, layout_tree, strings
from finetune.metrics.alignment import ALIKE, Compared, compare
from finetune.metrics.intervals import intervals
from finetune.metrics.scoring import STRING_METRICS, Scored, as_floats, figures, score_pairs
from finetune.metrics.strings import Numbers
from rules import engine, faults
from rules.faults import Fault

#: Metrics from 0 to 1 that are made of layouts.
LAYOUT_METRICS = ("structure", "symbols")
#: Metrics of drawn characters; None where nothing was drawn.
CDM_METRICS = ("cdm", "exprate_cdm")
#: Lower ends of the length bins, in canonical tokens of the truth.
LENGTHS = (0, 6, 11, 21, 41, 81)
#: Rules whose group has fewer pairs are left out of the groups: nothing can be said of so few.
LEAST_OF_A_RULE = 5
#: Canonical tokens from which a label tells whether its tokens are spaced.
_LONG = 4
#: Confusions and runaway ids that are listed.
MOST_CONFUSIONS = 200
MOST_IDS = 100

#: Called with how much is done, of how much.
Progress = Callable[[int, int], None]

_WIDTH = len(strings.COLUMNS)


@dataclass(frozen=True)
class Evaluated:
    """What was found of every row, in their order; `numbers` has the columns that `of_sums` takes."""

    rows: Sequence[Prediction]
    scored: Scored
    compared: list[Compared]
    runaway: list[bool]
    numbers: Numbers
    #: Codes of the rules that found something in the truth, for every row.
    rules: list[tuple[str, ...]] = field(default_factory=list)
    #: What failed; its pairs count as wrong in the metric that failed. Of all files that were evaluated together.
    faults: list[Fault] = field(default_factory=list)

    @property
    def detected(self) -> Numbers:
        """F1 of the drawn characters of every row, from 0 to 1; nan where nothing was drawn."""
        return self.numbers[:, -3]


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
    different, some 10 ms each, for `cdm`; else it is nan. `workers`: processes for both. `progress` is called with
    pairs drawn and to be drawn.
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
    """`evaluate` of several models' answers to the same questions: a truth that several got wrong is drawn once."""
    with faults.passed_on() as caught:
        found = _evaluate_all(files, workers, rules, characters, progress)
        caught.name(_first_row(files))
        return [replace(one, faults=caught.all()) for one in found]


def _first_row(files: Sequence[Sequence[Prediction]]) -> Callable[[str | tuple[str, str]], str | None]:
    """Gives the sample id of the first row with a pair of texts, or with a text on either side."""

    def name(first: str | tuple[str, str]) -> str | None:
        for row in chain.from_iterable(files):
            if first in ((row.gt, row.pred), row.gt, row.pred):
                return row.sample_id
        return None

    return name


def _evaluate_all(
    files: Sequence[Sequence[Prediction]],
    workers: int,
    rules: bool,
    characters: bool,
    progress: Progress | None,
) -> list[Evaluated]:
    scored = [score_pairs(((row.gt, row.pred) for row in rows), workers=workers) for rows in files]
    detected = [
        np.where(one.alike > 0, 1.0, np.nan) if characters else np.full(len(one.alike), np.nan) for one in scored
    ]
    if characters:
        places = [np.nonzero(one.alike == 0)[0].tolist() for one in scored]
        pairs = [(rows[at].gt, rows[at].pred) for rows, some in zip(files, places, strict=True) for at in some]
        drawn = iter(cdm.score_all(pairs, workers, progress))
        for one, some in zip(detected, places, strict=True):
            one[some] = list(islice(drawn, len(some)))
    return [
        _evaluated(rows, one, marked, _rules(rows, workers) if rules else [()] * len(rows))
        for rows, one, marked in zip(files, scored, detected, strict=True)
    ]


def _evaluated(
    rows: Sequence[Prediction], scored: Scored, detected: Numbers, codes: list[tuple[str, ...]]
) -> Evaluated:
    compared = [
        ALIKE if alike else _compared(" ".join(truth), " ".join(prediction), row)
        for alike, (truth, prediction), row in zip(scored.alike, scored.tokens, rows, strict=True)
    ]
    runaway = [ran_away(len(truth), len(prediction)) for truth, prediction in scored.tokens]
    numbers = np.column_stack(
        [
            scored.raw,
            scored.canonical,
            scored.alike,
            scored.parsed,
            [one.structure for one in compared],
            [one.symbols for one in compared],
            detected,
            detected == 1,
            np.ones(len(rows)),
        ]
    )
    return Evaluated(rows, scored, compared, runaway, numbers, codes)


def _compared(truth: str, prediction: str, row: Prediction) -> Compared:
    """The layouts of canonical tokens compared; where that fails they have nothing in common."""
    try:
        return compare(layout_tree.read(truth), layout_tree.read(prediction))
    except BaseException as error:
        faults.caught("the metrics structure and symbols", error, (row.gt, row.pred), of="pair")
        return Compared(0.0, 0.0)


def of_sums(sums: Numbers) -> dict[str, Numbers]:
    """Every metric of sums of `Evaluated.numbers`; canonical ones are named `canonical/exprate` and so on."""
    n = sums[..., -1]
    return {
        **figures(sums[..., :_WIDTH], n),
        "exprate_render_equal": 100 * sums[..., 2 * _WIDTH] / n,
        "parse_rate": 100 * sums[..., 2 * _WIDTH + 1] / n,
        "structure": sums[..., 2 * _WIDTH + 2] / n,
        "symbols": sums[..., 2 * _WIDTH + 3] / n,
        "cdm": 100 * sums[..., 2 * _WIDTH + 4] / n,
        "exprate_cdm": np.where(np.isnan(sums[..., 2 * _WIDTH + 4]), np.nan, 100 * sums[..., 2 * _WIDTH + 5] / n),
        **{f"canonical/{name}": value for name, value in figures(sums[..., _WIDTH : 2 * _WIDTH], n).items()},
    }


def as_metrics(found: Evaluated) -> dict[str, Any]:
    """What metrics.json holds of an evaluation, but for the versions; docs/metrics.md says what each is."""
    return {
        **_with_intervals(found.numbers),
        "runaway": {
            "n": sum(found.runaway),
            "ids": [row.sample_id for row, ran in zip(found.rows, found.runaway, strict=True) if ran][:MOST_IDS],
        },
        "note": spacing_note(found),
        "faults": [fault.as_json() for fault in found.faults],
        "groups": {
            "source": _grouped(found, [(_source(row),) for row in found.rows]),
            "length": _grouped(found, [(_length_bin(len(truth)),) for truth, _ in found.scored.tokens], _bin_order),
            "rule": _grouped(found, found.rules, least=LEAST_OF_A_RULE),
        },
        "confusions": confusions(found),
    }


def spacing_note(found: Evaluated) -> str | None:
    """Why raw metrics say nothing here: of truths and predictions only one have spaces between their tokens."""
    sides = zip(*found.scored.tokens, strict=True)
    truths, predictions = (
        _is_spaced([(text, len(tokens)) for text, tokens in zip(texts, side, strict=True)])
        for texts, side in zip(([row.gt for row in found.rows], [row.pred for row in found.rows]), sides, strict=True)
    )
    if truths is None or predictions is None or truths == predictions:
        return None
    one, other = ("predictions", "truths") if truths else ("truths", "predictions")
    return (
        f"Most {one} have no spaces between tokens and the {other} have: raw metrics take each run for one token. "
        "Read the canonical ones"
    )


def _is_spaced(labels: Sequence[tuple[str, int]]) -> bool | None:
    """Do most labels have spaces between their tokens? Of (label, canonical tokens); None where all are short."""
    long = [len(text.split()) * 2 >= tokens for text, tokens in labels if tokens >= _LONG]
    return sum(long) * 2 >= len(long) if long else None


def confusions(found: Evaluated) -> dict[str, Any]:
    """Which symbol became which and what happened to the layout, most frequent first. Runaway predictions left out."""
    symbols: Counter[tuple[str, str]] = Counter()
    pieces: Counter[tuple[str, str]] = Counter()
    for one, ran in zip(found.compared, found.runaway, strict=True):
        if not ran:
            symbols.update(one.confused)
            pieces.update(one.layout)
    return {
        "symbols": [
            {"truth": truth or None, "prediction": prediction or None, "n": n}
            for (truth, prediction), n in _ranked(symbols)[:MOST_CONFUSIONS]
        ],
        "structure": [{"kind": kind, "what": what, "n": n} for (kind, what), n in _ranked(pieces)[:MOST_CONFUSIONS]],
    }


def _ranked(counts: Counter[tuple[str, str]]) -> list[tuple[tuple[str, str], int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _with_intervals(numbers: Numbers) -> dict[str, Any]:
    """n, the figures, `ci` with their intervals, and the same of canonical tokens below `canonical`."""
    values = as_floats(of_sums(numbers.sum(axis=0)))
    spans = intervals(numbers, of_sums)
    plain = [name for name in values if "/" not in name]
    return {
        "n": len(numbers),
        **{name: values[name] for name in plain},
        "ci": {name: spans[name] for name in plain},
        "canonical": {
            **{name: values[f"canonical/{name}"] for name in STRING_METRICS},
            "ci": {name: spans[f"canonical/{name}"] for name in STRING_METRICS},
        },
    }


def _grouped(
    found: Evaluated, names: Sequence[tuple[str, ...]], order: Callable[[str], Any] = lambda name: name, least: int = 1
) -> list[dict[str, Any]]:
    """Metrics of the rows of every name; a row may have several."""
    places: dict[str, list[int]] = {}
    for place, some in enumerate(names):
        for name in some:
            places.setdefault(name, []).append(place)
    if list(places) == [""]:
        return []
    return [
        {"name": name, **_with_intervals(found.numbers[places[name]])}
        for name in sorted(places, key=order)
        if len(places[name]) >= least
    ]


def _source(row: Prediction) -> str:
    """The source of a sample id, which is `source/split/name`; "" where it has none."""
    return row.sample_id.split("/", 1)[0] if "/" in row.sample_id else ""


def _length_bin(tokens: int) -> str:
    place = max(place for place, low in enumerate(LENGTHS) if low <= tokens)
    return f"{LENGTHS[place]}–{LENGTHS[place + 1] - 1}" if place + 1 < len(LENGTHS) else f"{LENGTHS[place]}+"


def _bin_order(name: str) -> int:
    return int(name.rstrip("+").split("–")[0])


def _rules(rows: Sequence[Prediction], workers: int) -> list[tuple[str, ...]]:
    distinct = list(dict.fromkeys(row.gt for row in rows))
    findings = engine.judge(distinct, workers=workers).findings
    codes: dict[int, dict[str, None]] = {}
    for place, code in findings.select("row", "rule").iter_rows():
        codes.setdefault(place, {})[code] = None
    by_label = {label: tuple(codes.get(place, ())) for place, label in enumerate(distinct)}
    return [by_label[row.gt] for row in rows]
