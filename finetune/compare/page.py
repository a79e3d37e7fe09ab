"""The page of `finetune compare`: one file that loads nothing. Computes nothing: that is `finetune.compare.comparison`.

It has a size whatever the files hold: as many examples as MOST_CARDS, pictures for the first of them. Verdicts take
turns, so that where room runs out each still has its first ones. Every string from data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup
from rapidfuzz.distance import Levenshtein

from curate import __version__, report
from curate.base.tables import count, share
from curate.predictions.rows import Prediction
from curate.report.markup import code, marked, text
from curate.report.pictures import NO_ROOM, OpenImage, Pictures, Place
from curate.report.template import open_template
from finetune.compare.comparison import (
    VERDICTS,
    Change,
    Comparison,
    confused,
    words_of_p,
)
from finetune.compare.find_images import Images
from finetune.compare.seeds import COLUMNS, Seeds
from finetune.metrics.alignment import Compared
from finetune.metrics.evaluation import Evaluated
from finetune.metrics.pairs import Pairs
from finetune.metrics.plots import confusion_bars, confusion_words

MOST_CARDS = 500
MOST_OF_A_VERDICT = 200
#: Rows that are right in both files say little.
MOST_RIGHT = 12
#: Bytes of all pictures.
PICTURE_BYTES = 5_000_000
TEXT_BYTES = 3_000_000
CONFUSIONS = 25
#: Tokens beyond which differences are not looked for: what is shown of a label is cut earlier.
_MOST_TOKENS = 2000

_HERE = Path(__file__).parent
_REPORT = Path(report.__file__).parent

Roots = tuple[Path | None, Path | None]


def build(
    comparison: Comparison,
    roots: Roots = (None, None),
    *,
    images: Images | None = None,
    labels: str | None = None,
    seeds: Seeds | None = None,
    open_image: OpenImage | None = None,
) -> bytes:
    """The page's bytes. Equal comparisons give equal bytes.

    Args:
        roots: the folders that the `image` of BEFORE's and AFTER's rows are relative to.
        images: where to look for them instead, in whatever folder they lie there.
        labels: what the labels have to do with the scores, in a sentence; see `finetune.metrics.label_errors`.
        seeds: how AFTER differs from its other seeds.
        open_image: as in `curate.report`; the project's own where it isn't given.
    """
    chosen = choose(comparison)
    rows = [(comparison.before.rows[place], comparison.after.rows[place]) for place in chosen]
    places = [_place(old, new, roots, images) for old, new in rows]
    wanted: list[str | Place] = []
    for (old, new), image in zip(rows, places, strict=True):
        wanted += [old.gt, old.pred, new.pred] if image is None else [image, old.gt, old.pred, new.pred]
    found = Pictures(wanted, open_image)
    cards = _cards(comparison, chosen, places, found)
    symbols, layouts = (
        [(_words(kind, name), before, after) for name, before, after in confused(comparison, kind)]
        for kind in ("confused", "layout")
    )
    counts = comparison.counts
    context = {
        "names": comparison.names,
        "n": len(comparison.verdicts),
        "unpaired": comparison.unpaired,
        "verdicts": [(verdict, counts[verdict]) for verdict in VERDICTS],
        "labels": labels,
        "notes": comparison.notes,
        "headline": _change(comparison.changes[0]),
        "seeds": seeds,
        "seed_columns": COLUMNS,
        "came": comparison.as_they_came,
        "changes": [_change(change) for change in comparison.changes],
        "tables": [
            (title, rows[:CONFUSIONS], max(len(rows) - CONFUSIONS, 0), plot)
            for title, rows, plot in (
                ("Symbols", symbols, _plot("p-symbols", "Symbols read for others", symbols)),
                ("Layout", layouts, _plot("p-layout", "Errors of layout", layouts)),
            )
        ],
        "runaway": tuple(int(side.runaway.sum()) for side in (comparison.before, comparison.after)),
        "cards": cards,
        "cards_left": len(comparison.verdicts) - len(cards),
        "outlines": found.outlines,
        "version": __version__,
    }
    template, fixed = _template()
    return template.render({**fixed, **context}).encode("utf-8", "replace")


def choose(comparison: Comparison) -> list[int]:
    """The places of the rows that are shown: those that changed most, verdicts in turn."""
    queues: list[list[int]] = []
    for verdict in VERDICTS:
        places = [place for place, one in enumerate(comparison.verdicts) if one == verdict]
        # Rows with a long label come last: a short one shows the same error better.
        places.sort(key=lambda place: (len(comparison.before.rows[place].gt) > 300, -_change_of(comparison, place)))
        queues.append(places[: MOST_RIGHT if verdict == "right" else MOST_OF_A_VERDICT][::-1])
    chosen: list[int] = []
    while len(chosen) < MOST_CARDS and any(queues):
        chosen.extend(queue.pop() for queue in queues if queue)
    return chosen[:MOST_CARDS]


def _change_of(comparison: Comparison, place: int) -> float:
    return float(abs(comparison.after.closeness[place] - comparison.before.closeness[place]))


def _words(kind: str, name: tuple[str, str]) -> str:
    if kind == "layout":
        return confusion_words({"kind": name[0], "what": name[1]})
    return confusion_words({"truth": name[0] or None, "prediction": name[1] or None})


def _plot(name: str, title: str, rows: Sequence[tuple[str, int, int]]) -> Markup:
    return confusion_bars(name, title, [(words, numbers) for words, *numbers in rows[:12]], ("before", "after"))


def _change(change: Change) -> dict[str, Any]:
    unit = change.metric.unit
    return {
        "name": change.words,
        "title": change.metric.title,
        "before": unit.value(change.before),
        "after": unit.value(change.after),
        "before_ci": unit.interval(change.before_ci),
        "after_ci": unit.interval(change.after_ci),
        "difference": unit.difference(change.difference),
        "ci": unit.interval(change.ci),
        "p": words_of_p(change.p),
        "test": change.test,
        "verdict": {True: "better", False: "worse", None: "may be chance"}[change.better],
        "same": change.difference == 0,
    }


class _Answer:
    """What is shown of one side's row: `place` of what was found, `at` of the pairs that were read once more."""

    def __init__(self, found: Evaluated, place: int, pairs: Pairs, at: int) -> None:
        self.row = found.rows[place]
        self.alike = bool(found.alike[place])
        self.ran_away = bool(found.runaway[place])
        self.tokens = pairs.canonical[at]
        self.compared = pairs.compared[at]


def _cards(
    comparison: Comparison, chosen: Sequence[int], places: Sequence[Place | None], found: Pictures
) -> list[dict[str, Any]]:
    """places: of the image of each that is chosen."""
    cards = []
    picture_bytes = text_bytes = 0
    read = [evaluated.read(chosen) for evaluated in (comparison.before, comparison.after)]
    for at, (place, image) in enumerate(zip(chosen, places, strict=True)):
        old, new = comparison.before.rows[place], comparison.after.rows[place]
        room = picture_bytes < PICTURE_BYTES
        shown = None
        if image is not None:
            shown = found.of_image(image) if room else NO_ROOM
            picture_bytes += shown.size
        before, after = (
            _Answer(evaluated, place, pairs, at)
            for evaluated, pairs in zip((comparison.before, comparison.after), read, strict=True)
        )
        sides = [_truth(before if after.alike else after), _side("before", before), _side("after", after)]
        for side, label in zip(sides, (old.gt, old.pred, new.pred), strict=True):
            side["picture"] = found.of_label(label) if room else NO_ROOM
            picture_bytes += side["picture"].size
        text_bytes += sum(len(side["label"]) + len(side["written"] or "") for side in sides) + 900
        if text_bytes > TEXT_BYTES:
            break
        cards.append(
            {
                "id": text(old.sample_id, 120),
                "verdict": comparison.verdicts[place],
                "image": shown,
                "image_name": None if image is None else text(image[1], 120),
                "sides": sides,
            }
        )
    return cards


def _place(old: Prediction, new: Prediction, roots: Roots, images: Images | None) -> Place | None:
    """A sample's image, None where it has none."""
    ref, root = (old.image, roots[0]) if old.image is not None else (new.image, roots[1])
    if images is not None:
        ref, root = images.find(ref, old.sample_id) or ref, images.root
    return None if ref is None else (root, ref)


def _truth(answer: _Answer) -> dict[str, Any]:
    """The truth, marked where an answer misread it."""
    truth, prediction = answer.tokens
    spans = [] if answer.alike else differences(truth, prediction)[0]
    return _shown("truth", answer.row.gt, truth, spans, "")


def _side(name: str, answer: _Answer) -> dict[str, Any]:
    truth, prediction = answer.tokens
    spans = [] if answer.alike else differences(truth, prediction)[1]
    said = "renders like the ground truth" if answer.alike else _errors(answer.compared)
    if answer.ran_away:
        said = f"ran away: {count(len(prediction))} tokens for {count(len(truth))}"
    return {**_shown(name, answer.row.pred, prediction, spans, said), "alike": answer.alike}


def _shown(
    name: str, written: str, tokens: Sequence[str], spans: Sequence[tuple[int, int]], said: str
) -> dict[str, Any]:
    spelled = " ".join(tokens)
    plain = written.split() == spelled.split()
    return {
        "name": name,
        "label": marked(spelled, spans) if spelled else Markup("<i>(nothing)</i>"),
        "written": None if plain or not written else code(written),
        "said": text(said, 400),
        "alike": None,
    }


def _errors(compared: Compared) -> str:
    """What is wrong in one prediction, in words."""
    counts = [(_words("confused", name), n) for name, n in compared.confused.most_common()]
    counts += [(_words("layout", name), n) for name, n in compared.layout.most_common()]
    words = [f"{what} ({n} times)" if n > 1 else what for what, n in counts[:8]]
    more = f", and {count(len(counts) - 8)} more" if len(counts) > 8 else ""
    return ", ".join(words) + more if words else "drawn otherwise, with the same symbols in the same places"


def differences(truth: Sequence[str], prediction: Sequence[str]) -> tuple[list[tuple[int, int]], list[tuple[int, int]]]:
    """(start, end) of what differs, in the tokens of both sides joined by single spaces; empty where one lacks it."""
    if len(truth) > _MOST_TOKENS or len(prediction) > _MOST_TOKENS:
        truth, prediction = truth[:_MOST_TOKENS], prediction[:_MOST_TOKENS]
    starts = [_starts(truth), _starts(prediction)]
    found: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for one in Levenshtein.opcodes(truth, prediction):
        if one.tag == "equal":
            continue
        for side, first, last in ((0, one.src_start, one.src_end), (1, one.dest_start, one.dest_end)):
            start = starts[side][first]
            found[side].append((start, max(starts[side][last] - 1, start) if last > first else start))
    return found


def _starts(tokens: Sequence[str]) -> list[int]:
    """Where each token starts, and the one that would come next."""
    starts, at = [], 0
    for token in tokens:
        starts.append(at)
        at += len(token) + 1
    return [*starts, at]


@lru_cache(maxsize=1)
def _template() -> tuple[jinja2.Template, Mapping[str, Any]]:
    styles = [_REPORT / "report.css", _HERE / "compare.css"]
    scripts = [_REPORT / "report.js", _HERE / "compare.js"]
    return open_template(_HERE / "compare.html", styles, scripts, {"count": count, "share": share, "text": text})
