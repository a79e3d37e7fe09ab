"""Everything that is said of one prediction file: figures, intervals, groups, confusions. Reads and writes no files."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate, chain, pairwise
from typing import Any

from curate.predictions.rows import Prediction, ran_away
from finetune.metrics.alignment import Compared
from finetune.metrics.intervals import interval
from finetune.metrics.metric import Numbers
from finetune.metrics.pair_numbers import PairNumbers, as_floats, by_spelling, measure
from finetune.metrics.pairs import Progress, Tokens, read_pairs
from finetune.metrics.program_text import program_text_note
from rules import engine, faults
from rules.faults import Fault
from rules.latex import lexer

#: Lower ends of the length bins, in canonical tokens of the truth.
LENGTHS = (0, 6, 11, 21, 41, 81)
#: Rules whose group has fewer pairs are left out of the groups: nothing can be said of so few.
LEAST_OF_A_RULE = 5
#: Canonical tokens from which a label tells whether its tokens are spaced.
_LONG = 4
#: Confusions and runaway ids that are listed.
MOST_CONFUSIONS = 200
MOST_IDS = 100


@dataclass(frozen=True)
class Evaluated:
    """What was found of every row, in their order. tokens: the canonical ones of truth and prediction."""

    rows: Sequence[Prediction]
    tokens: Sequence[tuple[Tokens, Tokens]]
    #: 1 where the prediction renders like the ground truth, else 0.
    alike: Numbers
    compared: list[Compared]
    runaway: list[bool]
    numbers: PairNumbers
    #: Codes of the rules that found something in the truth, for every row.
    rules: list[tuple[str, ...]] = field(default_factory=list)
    #: What failed; its pairs count as wrong in the metric that failed. Of all files that were evaluated together.
    faults: list[Fault] = field(default_factory=list)


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
    """`evaluate` of several models' answers to the same questions: a truth that several got wrong is drawn once."""
    every = list(chain.from_iterable(files))
    with faults.passed_on() as caught:
        found = _measured(every, workers, rules, characters, progress)
        caught.name(_first_row(every))
    ends = accumulate((len(rows) for rows in files), initial=0)
    parts = [slice(start, end) for start, end in pairwise(ends)]
    return [
        replace(
            found,
            rows=every[part],
            tokens=found.tokens[part],
            alike=found.alike[part],
            compared=found.compared[part],
            runaway=found.runaway[part],
            numbers=found.numbers.rows(part),
            rules=found.rules[part],
            faults=caught.all(),
        )
        for part in parts
    ]


def _measured(
    every: Sequence[Prediction], workers: int, rules: bool, characters: bool, progress: Progress | None
) -> Evaluated:
    pairs = read_pairs(((row.gt, row.pred) for row in every), workers=workers, progress=progress)
    numbers = measure(pairs, "drawing" if characters else "layout")
    codes: list[tuple[str, ...]] = _rules(every, workers) if rules else [()] * len(every)
    runaway = [ran_away(len(truth), len(prediction)) for truth, prediction in pairs.canonical]
    return Evaluated(every, pairs.canonical, pairs.alike, pairs.compared, runaway, numbers, codes)


def _first_row(rows: Sequence[Prediction]) -> Callable[[str | tuple[str, str]], str | None]:
    """Gives the sample id of the first row with a pair of texts, or with a text on either side."""

    def name(first: str | tuple[str, str]) -> str | None:
        for row in rows:
            truth, prediction = lexer.whole(row.gt), lexer.whole(row.pred)  # as pairs are read
            if first in ((truth, prediction), truth, prediction, row.gt):
                return row.sample_id
        return None

    return name


def as_metrics(found: Evaluated) -> dict[str, Any]:
    """What metrics.json holds of an evaluation, but for the versions; docs/metrics.md says what each is."""
    return {
        **_with_intervals(found.numbers),
        "runaway": {
            "n": sum(found.runaway),
            "ids": [row.sample_id for row, ran in zip(found.rows, found.runaway, strict=True) if ran][:MOST_IDS],
        },
        "empty": sum(not row.pred.strip() for row in found.rows),
        "note": note(found),
        "faults": [fault.as_json() for fault in found.faults],
        "groups": {
            "source": _grouped(found, [(_source(row),) for row in found.rows]),
            "length": _grouped(found, [(_length_bin(len(truth)),) for truth, _ in found.tokens], _bin_order),
            "rule": _grouped(found, found.rules, least=LEAST_OF_A_RULE),
        },
        "confusions": confusions(found),
    }


def note(found: Evaluated) -> str | None:
    """What to know before the figures are read."""
    notes = [said for said in (program_text_note(found.rows), spacing_note(found)) if said is not None]
    return ". ".join(notes) or None


def style_note(predicted: Mapping[str, Any] | None) -> str | None:
    """Why raw metrics are no measure of a model that was trained on other labels. predicted: as `prediction_facts`."""
    if ((predicted or {}).get("data") or {}).get("style") != "canonical":
        return None
    return (
        "The truths are in canonical spelling (curate export --style canonical): raw metrics count any other spelling "
        "as wrong. Read the canonical ones, unless the model was trained on such labels"
    )


def spacing_note(found: Evaluated) -> str | None:
    """Why raw metrics say nothing here: of truths and predictions only one have spaces between their tokens."""
    sides = zip(*found.tokens, strict=True)
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


def _with_intervals(numbers: PairNumbers) -> dict[str, Any]:
    """n, the metrics, `ci` with their intervals, and the same of canonical tokens below `canonical`."""
    plain, canonical = by_spelling(numbers.metrics, as_floats(numbers.figures()))
    spans, canonical_spans = by_spelling(
        numbers.metrics, {name: interval(values) for name, values in numbers.drawn_figures().items()}
    )
    return {"n": len(numbers), **plain, "ci": spans, "canonical": {**canonical, "ci": canonical_spans}}


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
        {"name": name, **_with_intervals(found.numbers.rows(places[name]))}
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
