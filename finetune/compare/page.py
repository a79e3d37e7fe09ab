"""The page of `finetune compare`: one file that loads nothing. `finetune.compare.comparison` does the computing.

Its size is bounded whatever the files hold: at most MOST_CARDS examples, with pictures for the first of them. Verdicts
take turns, so that each has its first ones if room runs out. Every string from data is escaped.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from curate.report.markup import text
from curate.report.pictures import OpenImage, Pictures, Place
from curate.report.template import open_template
from finetune.compare import seeds as seed_table
from finetune.compare.blame import Blame, blame, question
from finetune.compare.blame import counted as counted_labels
from finetune.compare.cards import Roots, cards_of, choose, place_of, words_of
from finetune.compare.comparison import VERDICTS, Change, Comparison, confused, words_of_p
from finetune.compare.find_images import Images
from finetune.compare.seeds import Seeds
from finetune.compare.tell import headline, p_in_words
from finetune.metrics.error_kinds import KINDS, Kind, counted
from finetune.metrics.plots import confusion_bars

CONFUSIONS = 25
#: Metrics whose spread over seeds isn't folded.
SPREADS = 4
#: Metrics that are shown large at the top, and in the table of more than two models.
_FIRST = ("exprate_render_equal", "cdm")

_HERE = Path(__file__).parent


def build(
    comparison: Comparison,
    roots: Roots | None = None,
    *,
    images: Images | None = None,
    labels: Blame | None = None,
    seeds: Seeds | None = None,
    open_image: OpenImage | None = None,
) -> bytes:
    """The page's bytes. Equal comparisons give equal bytes.

    Args:
        roots: the folders that the `image` of each file's rows are relative to.
        images: where to look for them instead, in any folder below.
        labels: which labels may be wrong; by default, what the models say about that.
        seeds: how each model differs from its other seeds.
        open_image: as in `curate.report`; the project's own by default.
    """
    labels = labels or blame(comparison)
    doubted = labels.said
    chosen = choose(comparison, doubted)
    places = [place_of(comparison, place, roots or [None] * len(comparison.models), images) for place in chosen]
    wanted: list[str | Place] = []
    for place, image in zip(chosen, places, strict=True):
        wanted += [] if image is None else [image]
        wanted += [comparison.before.rows[place].gt, *(model.rows[place].pred for model in comparison.models)]
    found = Pictures(wanted, open_image)
    cards = cards_of(comparison, chosen, places, found, doubted)
    changes = [[_change(change) for change in some] for some in comparison.against_first]
    last = comparison.changes
    names = [text(name, 60) for name in comparison.shown(60)]
    context = {
        "names": names,
        "headline": headline(comparison, seeds),
        "first": [one for one, change in zip(changes[-1], last, strict=True) if change.name in _FIRST],
        "verdicts": [(verdict, comparison.counts[verdict], _MEANS[verdict]) for verdict in VERDICTS],
        "fates": [
            (name, [counts[verdict] for verdict in VERDICTS])
            for name, counts in zip(names[1:], comparison.counts_against_first, strict=True)
        ],
        "n": len(comparison.verdicts),
        "notes": comparison.notes,
        "kinds": _kinds(comparison),
        "labels": labels,
        "labels_question": question(comparison, labels),
        "labels_counted": counted_labels(comparison, labels),
        "rows": list(zip(*changes, strict=True)),
        "raw_says_nothing": comparison.raw_says_nothing,
        "came": comparison.as_they_came,
        "seeds": None if seeds is None else seed_table.table(seeds),
        "seeds_open": SPREADS * len(comparison.models),
        "tables": [
            _confusions(comparison, *of)
            for of in (("confused", "Symbols", "Misread symbols"), ("layout", "Layout", "Layout errors"))
        ],
        "runaway": [int(model.runaway.sum()) for model in comparison.models],
        "cards": cards,
        "cards_left": len(comparison.verdicts) - len(cards),
        "outlines": found.outlines,
    }
    template, fixed = _template()
    return template.render({**fixed, **context}).encode("utf-8", "replace")


_MEANS = {
    "fixed": "wrong before, right after",
    "broken": "right before, wrong after",
    "better": "still wrong, but closer",
    "worse": "still wrong, and further off",
    "still wrong": "as far off as before",
    "right": "right in both",
}


def _change(change: Change) -> dict[str, Any]:
    unit = change.metric.unit
    return {
        "name": change.words,
        "title": change.metric.title,
        "raw": change.raw,
        "before": unit.beside_interval(change.before),
        "after": unit.beside_interval(change.after),
        "before_ci": unit.interval(change.before_ci),
        "after_ci": unit.interval(change.after_ci),
        "difference": unit.difference(change.difference),
        "ci": unit.interval(change.ci),
        "p": words_of_p(change.p),
        "p_words": p_in_words(change.p),
        "test": change.test,
        "verdict": "no change"
        if change.difference == 0
        else {True: "better", False: "worse", None: "may be chance"}[change.better],
    }


def _kinds(comparison: Comparison) -> list[tuple[str, Kind, list[int]]]:
    """Name, kind, and how many answers of each model have it."""
    by_model = [counted(model.kinds) for model in comparison.models]
    return [(name, kind, [one[name] for one in by_model]) for name, kind in KINDS.items()]


def _confusions(comparison: Comparison, kind: str, title: str, spoken: str) -> tuple[str, list[Any], int, Markup]:
    rows = [(words_of(kind, name), before, after) for name, before, after in confused(comparison, kind)]
    bars: Sequence[tuple[str, Sequence[int]]] = [(words, numbers) for words, *numbers in rows[:12]]
    plot = confusion_bars(f"p-{kind}", spoken, bars, ("before", "after"))
    return title, rows[:CONFUSIONS], max(len(rows) - CONFUSIONS, 0), plot


@lru_cache(maxsize=1)
def _template() -> tuple[jinja2.Template, Mapping[str, Any]]:
    return open_template(_HERE / "compare.html")
