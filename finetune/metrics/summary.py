"""The metrics of one file as the terminal shows them. Computes nothing."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import chain
from typing import Any

from curate.base.tables import Column, count, text_table
from curate.base.visible import clip, visible
from finetune.metrics.catalogue import all_metrics
from finetune.metrics.plots import confusion_words

_CONFUSIONS = 8


def as_text(metrics: Mapping[str, Any], width: int) -> str:
    """The metrics as a table, raw and canonical side by side, and the most frequent confusions."""
    figures = ("raw", "95 %", "canonical", "95 % ")
    columns = (Column("metric"), *(Column(title, "right") for title in figures), Column("what it measures", drop=1))
    rows = []
    canonical = metrics["canonical"]
    for name, metric in all_metrics().items():
        if metrics[name] is None and metric.reads == "drawing":
            continue
        sides = [metrics, canonical] if metric.of_both_spellings else [metrics]
        cells = [(metric.unit.value(side[name]), metric.unit.interval(side["ci"][name])) for side in sides]
        row = [name, *chain.from_iterable(cells)]
        rows.append([*row, *[""] * (len(columns) - len(row) - 1), metric.title])
    n, ran = metrics["n"], metrics["runaway"]["n"]
    table = text_table(columns, rows, width=width)
    parts = [f"{count(n)} prediction{'s' if n != 1 else ''}", table]
    if columns[-1].title not in table:  # there was no room
        parts.append(f"{columns[-1].title}: see finetune evaluate --help")
    if metrics.get("note"):
        parts.append(metrics["note"])
    if short := metrics["short"]["canonical"]:
        have = "ground truth has" if short == 1 else "ground truths have"
        parts.append(
            f"bleu4: {count(short)} {have} fewer than four tokens. "
            + (
                "If all are that short, it is undefined"
                if short == n
                else "Each counts as one missed 4-gram, as in NLTK"
            )
        )
    if ran:
        ids = ", ".join(clip(visible(one), 40) for one in metrics["runaway"]["ids"][:3])
        parts.append(f"{count(ran)} ran away (far longer than the truth): {ids}{', …' if ran > 3 else ''}")
    for title, entries in metrics["confusions"].items():
        if entries:
            said = "   ".join(
                f"{visible(confusion_words(entry))} ×{count(entry['n'])}" for entry in entries[:_CONFUSIONS]
            )
            parts.append(f"{title}: {said}")
    return "\n\n".join(parts)
