"""What `curate export` prints: the samples by source, reason and split as tables, and how to load the data set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from curate.base.extras import EXTRA_OF, install, is_there
from curate.base.tables import Column, bullet, count, share, text_table, things
from curate.base.visible import visible
from curate.export.decide.policy import REASONS
from rules.registry import all_rules
from rules.sets.licences import OTHER, UNKNOWN

if TYPE_CHECKING:
    from curate.export.write.job import Exported

#: A split's drift is mentioned above this multiple of chance, and above this share of the samples.
_DRIFT_TIMES, _DRIFT_PART = 3.0, 0.05


def overview(made: Exported, width: int, *, dry_run: bool = False) -> Iterator[str]:
    """The lines to print."""
    plan, facts = made.plan, made.facts
    total = plan.frame.height
    yield text_table(_source_columns(facts), _source_rows(facts), width=width)
    yield ""
    if facts["dropped"]:
        columns = (
            Column("left out"),
            Column("rule", drop=1),
            Column("because", drop=2),
            Column("samples", "right"),
            Column("share", "right", drop=3),
        )
        yield text_table(columns, _reason_rows(facts, total), width=width)
        yield ""
    columns = (
        Column("split"),
        Column("samples", "right"),
        Column("share", "right"),
        Column("distinct labels", "right", drop=1),
        Column("images", "right", drop=2),
    )
    kept = max(plan.kept, 1)
    rows = [
        [r["split"], count(r["samples"]), share(r["samples"], kept), count(r["groups"]), count(r["images"])]
        for r in facts["splits"]
    ]
    yield text_table(columns, rows, width=width)
    yield ""
    kept_any = any(row["kept"] for row in facts["own_splits"])
    drifts = () if kept_any else _drifts(facts)  # a kept set is what it is
    for note in [*_fixes(facts), *drifts, *facts["notes"]]:
        yield from bullet(note, width)
    licence = {UNKNOWN: "none known", OTHER: "no single one"}.get(plan.licence, visible(plan.licence))
    yield f"{things(plan.kept, 'sample')} of {count(total)}{' would be' if dry_run else ''} kept; licence: {licence}"
    for reason in plan.clashes:
        yield from bullet(f"licences conflict: {reason}", width)
    if dry_run:
        yield f"nothing written; {made.out} would get {things(len(plan.shards), 'shard')}"
        return
    if made.reused:
        yield f"{things(made.reused, 'shard')} of an interrupted export reused"
    yield f"dataset   {made.out}"
    yield f"dropped   {made.out / 'dropped.parquet'}"
    loader = plan.options.form.loader
    if loader in EXTRA_OF and not is_there(loader):
        yield f"to load   {install(EXTRA_OF[loader])}"
    yield f"load it   {'; '.join(plan.options.form.loading(str(made.out)))}"


def _source_columns(facts: dict[str, Any]) -> list[Column]:
    splits = [Column(row["split"], "right", drop=1) for row in facts["splits"]]
    return [
        Column("source"),
        *(Column(name, "right") for name in ("samples", "kept", "changed")),
        *splits,
        Column("licence", drop=2),
    ]


def _source_rows(facts: dict[str, Any]) -> list[list[str]]:
    names = [row["split"] for row in facts["splits"]]
    return [
        [
            row["source"],
            count(row["samples"]),
            count(row["kept"]),
            count(row["changed"]),
            *(count(row["splits"].get(name, 0)) for name in names),
            "none known" if row["licence"] == UNKNOWN else row["licence"],
        ]
        for row in facts["sources"]
    ]


def _reason_rows(facts: dict[str, Any], total: int) -> list[list[str]]:
    catalogue = all_rules()
    merged: dict[tuple[str, str | None], int] = {}
    for row in facts["dropped"]:
        merged[row["reason"], row["rule"]] = merged.get((row["reason"], row["rule"]), 0) + row["samples"]
    return [
        [
            reason,
            rule or "",
            catalogue[rule].name if rule is not None and rule in catalogue else REASONS[reason],
            count(number),
            share(number, total),
        ]
        for (reason, rule), number in merged.items()
    ]


def _fixes(facts: dict[str, Any]) -> Iterator[str]:
    if facts["fixed"]:
        changed = sum(row["changed"] for row in facts["sources"])
        most = ", ".join(f"{code} ({count(number)})" for code, number in list(facts["fixed"].items())[:5])
        yield f"{things(changed, 'kept label')} changed; repairs, in samples kept or not, most often by {most}."
    decided = {key: number for key, number in facts["decisions"].items() if number and key in _APPLIED}
    if decided:
        yield "Decisions applied: " + ", ".join(f"{count(number)} {key}" for key, number in decided.items()) + "."


_APPLIED = ("accept", "edit", "fix", "reject")


def _drifts(facts: dict[str, Any]) -> Iterator[str]:
    for row in facts["drift"]:
        for column, words in (("source", "sources"), ("length", "label lengths")):
            distance, chance = row[column], row[f"{column}_by_chance"]
            if distance is not None and distance > _DRIFT_PART and distance > _DRIFT_TIMES * chance:
                yield (
                    f"{row['split']} differs from the whole in its {words}: {100 * distance:.1f} % of its samples "
                    f"would have to be exchanged; chance makes {100 * chance:.1f} %."
                )
