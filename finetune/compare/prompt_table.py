"""Scores the answers to several prompts side by side, as they came and unwrapped. Asks no model and writes no file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from curate.base.tables import Column, count, markdown_table, share, text_table, things
from curate.predictions.rows import Prediction
from finetune.compare.comparison import words_of_p
from finetune.metrics.catalogue import all_metrics, headline
from finetune.metrics.each.edit_score import EDIT_SCORE
from finetune.metrics.evaluation import as_metrics, evaluate_all
from finetune.metrics.intervals import mcnemar_p
from finetune.metrics.metric import Metric
from finetune.metrics.pairs import Progress
from finetune.metrics.unwrapping import Unwrapping
from finetune.settings.prompt_file import Prompt

#: Prompts in a table on a terminal; more go into tables below.
_A_TABLE = 3


@dataclass(frozen=True)
class Asked:
    """The answers to one prompt. cut: how many of them were cut at the token limit."""

    prompt: Prompt
    rows: Sequence[Prediction]
    cut: int = 0


@dataclass(frozen=True)
class PromptScores:
    """One prompt's scores, for the unwrapped answers. raw: the headline of the answers as they came; None: the same.

    p: of the difference from the first prompt in what is drawn (McNemar).
    """

    asked: Asked
    unwrapping: Unwrapping
    metrics: dict[str, Any]
    raw: float | None
    seconds: float | None
    p: float | None


def score_prompts(
    asked: Sequence[Asked],
    *,
    workers: int = 1,
    characters: bool = False,
    progress: Progress | None = None,
) -> list[PromptScores]:
    """Score each prompt's answers, which must be to the same questions in the same order; others as in `evaluate`."""
    found: list[PromptScores] = []
    taken = [Unwrapping.of(one.rows, done=True) for one in asked]
    evaluated = evaluate_all(
        [one.rows for one in taken], workers=workers, rules=False, characters=characters, progress=progress
    )
    first = evaluated[0]
    for one, unwrapping, scored in zip(asked, taken, evaluated, strict=True):
        was, is_now = first.alike > 0, scored.alike > 0
        p = None if scored is first else mcnemar_p(int((was & ~is_now).sum()), int((~was & is_now).sum()))
        times = [row.seconds for row in one.rows]
        seconds = None if None in times else sum(time for time in times if time is not None) / len(times)
        raw = unwrapping.raw(scored, workers)
        found.append(PromptScores(one, unwrapping, as_metrics(scored), raw, seconds, p))
    return found


def best(found: Sequence[PromptScores]) -> PromptScores:
    """The prompt whose answers most often render like the ground truth; on a tie, the closer one, then the first."""
    drawn, near = headline().name, EDIT_SCORE.name
    return max(found, key=lambda one: (one.metrics[drawn], one.metrics["canonical"][near]))


def as_json(found: Sequence[PromptScores]) -> dict[str, Any]:
    """What prompts.json holds of the scores: docs/prompts.md says what each is."""
    return {
        "best": best(found).asked.prompt.name,
        "prompts": [
            {
                "name": one.asked.prompt.name,
                "text": one.asked.prompt.text,
                "seconds": one.seconds,
                "cut": one.asked.cut,
                "unwrapped": one.unwrapping.as_json(one.raw),
                "p_against_first": one.p,
                "metrics": {name: value for name, value in one.metrics.items() if name != "groups"},
            }
            for one in found
        ],
    }


def _rows(found: Sequence[PromptScores], first: PromptScores) -> list[list[str]]:
    """The table: a row for each figure, a column for each prompt."""

    def cell(metric: Metric, side: dict[str, Any]) -> str:
        value = side[metric.name]
        if value is None:
            return "–"
        return f"{metric.unit.among_many(value)} {metric.unit.interval(side['ci'][metric.name])}"

    rows = []
    for name, metric in all_metrics().items():
        if all(one.metrics[name] is None for one in found):
            continue
        canonical = metric.of_both_spellings
        sides = [one.metrics["canonical"] if canonical else one.metrics for one in found]
        rows.append([f"{name} (canonical)" if canonical else name, *(cell(metric, side) for side in sides)])
        if metric is headline():
            raw = (one.metrics[name] if one.raw is None else one.raw for one in found)
            rows.append(["  answers as they came", *map(metric.unit.among_many, raw)])
            if len(found) > 1 or found[0] is not first:
                rows.append([f"  p against {first.asked.prompt.name}", *(words_of_p(one.p) for one in found)])
    rows.append(["seconds a formula", *("–" if one.seconds is None else f"{one.seconds:.3g}" for one in found)])
    rows.append(["ran away", *(count(one.metrics["runaway"]["n"]) for one in found)])
    rows.append(["cut at the limit", *(count(one.asked.cut) for one in found)])
    rows.append(["wrapped", *(share(one.unwrapping.changed, len(one.asked.rows)) for one in found)])
    return rows


def _columns(found: Sequence[PromptScores]) -> list[Column]:
    return [Column(""), *(Column(one.asked.prompt.name, "right") for one in found)]


def as_text(found: Sequence[PromptScores], width: int) -> str:
    """The table for a terminal, and the conclusion."""
    n = len(found[0].asked.rows)
    parts = [f"{things(len(found), 'prompt')}, {things(n, 'formula')}; answers unwrapped, in percent, 95 % in brackets"]
    for start in range(0, len(found), _A_TABLE):
        some = found[start : start + _A_TABLE]
        parts.append(text_table(_columns(some), _rows(some, found[0]), width=width))
    wrappers = [f"{one.asked.prompt.name}: {_wrappers(one)}" for one in found if one.unwrapping.rules]
    if wrappers:
        parts.append("taken off: " + "; ".join(wrappers))
    parts.append(verdict(found))
    return "\n\n".join(parts)


def _wrappers(one: PromptScores) -> str:
    return ", ".join(f"{rule} {count(number)}" for rule, number in one.unwrapping.rules.most_common())


def verdict(found: Sequence[PromptScores]) -> str:
    """Which prompt is best, and how sure that is, in a sentence.

    Among many prompts one is best by chance: each p is multiplied by the number of comparisons (Bonferroni).
    """
    top = best(found)
    unit = headline().unit
    value = unit.among_many(top.metrics[headline().name]) + unit.symbol
    said = f"best: {top.asked.prompt.name}, {value} rendered like the ground truth"
    if len(found) == 1:
        return said
    level = 0.05 / (len(found) - 1)
    if top is not found[0]:
        sure = top.p is not None and top.p < level
        return (
            f"{said}; against {found[0].asked.prompt.name} that {'is no' if sure else 'may be'} chance (p {_p(top.p)})"
        )
    close = [one.asked.prompt.name for one in found[1:] if one.p is None or one.p >= level]
    return f"{said}; " + (f"not surely better than {', '.join(close)}" if close else "surely better than the others")


def _p(p: float | None) -> str:
    words = words_of_p(p)
    return words if words.startswith("<") else f"= {words}"


def as_markdown(found: Sequence[PromptScores]) -> str:
    """The same as a page: the table, the prompts' texts."""
    lines = [
        f"# {things(len(found), 'prompt')}, {things(len(found[0].asked.rows), 'formula')}",
        "",
        verdict(found) + ".",
        "",
    ]
    lines += [markdown_table(_columns(found), [[cell.strip() for cell in row] for row in _rows(found, found[0])]), ""]
    for one in found:
        lines += [f"## {one.asked.prompt.name}", "", *(f"> {line}" for line in one.asked.prompt.text.splitlines()), ""]
        if one.unwrapping.rules:
            lines += [f"Taken off: {_wrappers(one)}.", ""]
    return "\n".join(lines)
