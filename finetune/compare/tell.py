"""Reports what a comparison found: in sentences, and as tables for a terminal. Finds nothing."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass

from curate.base.tables import Column, count, text_table, things
from curate.base.visible import clip, visible
from finetune.compare.comparison import VERDICTS, Change, Comparison, words_of_p
from finetune.compare.seeds import Seeds
from finetune.metrics.error_kinds import KINDS, counted


@dataclass(frozen=True)
class Headline:
    """The answer in words. which: better, worse or chance. what: the figures; sure: whether it may be chance, and why;
    on: which samples; more: what else is relevant."""

    which: str
    title: str
    what: str
    sure: str
    on: str
    more: tuple[str, ...] = ()

    @property
    def sentences(self) -> list[str]:
        return [self.what, self.sure, *self.more, self.on]


def headline(comparison: Comparison, seeds: Seeds | None = None) -> Headline:
    """What changed from the first model to the last, how sure that is, and on what it was measured."""
    change, n = comparison.changes[0], len(comparison.verdicts)
    first, *_, last = map(visible, comparison.shown(60))
    which = {True: "better", False: "worse", None: "chance"}[change.better]
    title = {
        "better": f"{last} reads more formulas right than {first}",
        "worse": f"{last} reads fewer formulas right than {first}",
        "chance": f"No sure difference between {first} and {last}",
    }[which]
    unit = change.metric.unit
    what = (
        f"Of {things(n, 'formula')}, {last} reads {unit.beside_interval(change.after)} so that they render like the "
        f"ground truth; {first} reads {unit.beside_interval(change.before)}"
    )
    if change.difference and change.ci:
        more_or_less = "more" if change.difference > 0 else "less"
        what += f". That is {_points(abs(change.difference))} {more_or_less}{_between(change)}"
    fixed, broken = comparison.counts["fixed"], comparison.counts["broken"]
    moved = (
        f"{last} gets {count(fixed)} right that {first} gets wrong, and {count(broken)} wrong that {first} gets right "
        f"({p_in_words(change.p)})"
    )
    sure = {
        "better": f"This is more than chance: {moved}.",
        "worse": f"This is more than chance: {moved}.",
        "chance": f"This may be chance: {moved}. More samples would tell smaller differences apart.",
    }[which]
    if not fixed and not broken:
        sure = f"{last} and {first} read the same formulas right."
    more = [said for said in (_cdm(comparison, change), None if seeds is None else seeds.in_words()) if said]
    return Headline(which, title, what + ".", sure, _on(comparison), tuple(more))


def _points(number: float) -> str:
    return f"{number:.1f} {'percentage point' if f'{number:.1f}' == '1.0' else 'percentage points'}"


def _between(change: Change) -> str:
    """The interval of a difference: in the difference's own direction, or unchanged if it includes 0."""
    assert change.ci is not None
    low, high = sorted(abs(end) for end in change.ci)
    if change.ci[0] < 0 < change.ci[1]:
        return f" (95 % interval {change.metric.unit.interval(change.ci)})"
    return f" (95 % interval {low:.1f} to {high:.1f})"


def p_in_words(p: float | None) -> str:
    words = words_of_p(p)
    return f"p {words}" if words.startswith("<") else f"p = {words}"


def _cdm(comparison: Comparison, change: Change) -> str:
    """Whether the drawn characters say the same as the share of right formulas."""
    cdm = next((one for one in comparison.changes if one.metric.name == "cdm"), None)
    if cdm is None:
        return ""
    figures = f"{cdm.metric.unit.beside_interval(cdm.before)} → {cdm.metric.unit.beside_interval(cdm.after)}"
    if cdm.better is None:
        said = "shows no sure difference"
    elif change.better is None:
        said = f"says {'better' if cdm.better else 'worse'}"
    else:
        said = "agrees" if cdm.better == change.better else "says the opposite: look at the examples"
    return f"CDM, the share of characters drawn in their places, {said} ({figures}, {p_in_words(cdm.p)})."


def _on(comparison: Comparison) -> str:
    rows = comparison.before.rows
    sources = Counter(row.sample_id.split("/", 1)[0] for row in rows if "/" in row.sample_id)
    named = ", ".join(f"{visible(clip(name, 30))} {count(number)}" for name, number in sources.most_common(3))
    more = f" and {len(sources) - 3} more sources" if len(sources) > 3 else ""
    left = [
        f"{count(number)} of {visible(name)}"
        for name, number in zip(comparison.shown(60), comparison.unpaired, strict=True)
        if number
    ]
    said = f"Measured on the {things(len(rows), 'sample')} that all files have" + (f" ({named}{more})" if named else "")
    return said + (f"; left out: {' and '.join(left)}" if left else "") + "."


def as_text(comparison: Comparison, width: int) -> str:
    """The table of metrics, and what happened to the rows."""
    columns = (
        Column("metric"),
        *(Column(title, "right") for title in _titles(comparison)),
        *(Column(title, "right") for title in ("change", "95 %", "p")),
    )
    rows = []
    for at, change in enumerate(comparison.changes):
        unit = change.metric.unit
        values = [change.before, *(changes[at].after for changes in comparison.against_first)]
        rows.append(
            [
                change.words,
                *(unit.beside_interval(value) for value in values),
                unit.difference(change.difference),
                unit.interval(change.ci),
                words_of_p(change.p),
            ]
        )
    if comparison.as_they_came:
        rows.insert(1, ["  answers as they came", *comparison.as_they_came, "", "", ""])
    notes = [f"{visible(name)}: {note[0].lower()}{note[1:]}" for name, note in comparison.notes]
    parts = [text_table(columns, rows, width=width)]
    parts.append(_fates_text(comparison, width))
    parts.append(_kinds_text(comparison, width))
    parts += notes
    return "\n\n".join(parts)


def _fates_text(comparison: Comparison, width: int) -> str:
    """What became of the samples: one line for two models, else a table with each model against the first."""
    if len(comparison.models) == 2:
        return "   ".join(f"{verdict} {count(comparison.counts[verdict])}" for verdict in VERDICTS)
    first, *others = map(visible, comparison.shown(30))
    columns = (
        Column(f"against {first}"),
        *(Column(title, "right") for title in VERDICTS),
    )
    rows = [
        [name, *(count(counts[verdict]) for verdict in VERDICTS)]
        for name, counts in zip(others, comparison.counts_against_first, strict=True)
    ]
    return text_table(columns, rows, width=width)


def _titles(comparison: Comparison) -> list[str]:
    """The names of the models' columns in a terminal: two models are `before` and `after`."""
    return ["before", "after"] if len(comparison.names) == 2 else list(map(visible, comparison.shown(16)))


def _kinds_text(comparison: Comparison, width: int) -> str:
    columns = (
        Column("wrong answers by kind"),
        *(Column(title, "right") for title in _titles(comparison)),
        Column("what", drop=1),
    )
    by_model = [counted(one.kinds) for one in comparison.models]
    rows = [[kind.title, *(count(one[name]) for one in by_model), kind.means] for name, kind in KINDS.items()]
    rows.append(["all", *(count(sum(one.values())) for one in by_model), ""])
    return text_table(columns, rows, width=width)
