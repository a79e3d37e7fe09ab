"""Writes the dataset card: README.md with the front matter that the hub reads. Receives its counts."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from curate import __version__
from curate.base.tables import Column, count, markdown_table, markdown_text, share, things
from curate.base.visible import visible
from curate.export.decide.plan import ExportPlan
from curate.export.decide.policy import REASONS
from curate.export.decide.rows import windows
from curate.export.tell.figures import CardSample
from rules.registry import all_rules
from rules.sets.leaks import side_name
from rules.sets.licences import LICENCES, OTHER, UNKNOWN

CARD = "README.md"
#: The hub's size classes: the number of samples below which each applies.
_SIZES = (
    (10**3, "n<1K"),
    (10**4, "1K<n<10K"),
    (10**5, "10K<n<100K"),
    (10**6, "100K<n<1M"),
    (10**7, "1M<n<10M"),
    (10**8, "10M<n<100M"),
)
_LARGEST = "100M<n<1B"


def front_matter(plan: ExportPlan, facts: Mapping[str, Any], sizes: Mapping[str, int], download: int) -> str:
    """The YAML between the card's two lines of dashes. sizes: bytes in memory by split; download: bytes of the data."""
    total = sum(row["samples"] for row in facts["splits"])
    there = [row for row in facts["splits"] if row["samples"]]
    licence: dict[str, Any] = {"license": plan.licence}
    if plan.licence not in (*LICENCES, UNKNOWN):
        name = re.sub(r"[^a-z0-9.+-]+", "-", plan.licence).strip("-") or "own"  # the hub accepts no other letters
        licence = {"license": OTHER, "license_name": "mixed" if plan.licence == OTHER else name}
    written = {code for window in windows(plan.frame, "language") for code in window["language"].unique().drop_nulls()}
    languages = sorted(written - {"other"})
    info = {
        "splits": [
            {"name": row["split"], "num_bytes": sizes[row["split"]], "num_examples": row["samples"]} for row in there
        ],
        "download_size": download,
        "dataset_size": sum(sizes.values()),
    }
    data_files = [{"split": row["split"], "path": plan.options.form.data_files(row["split"])} for row in there]
    matter: dict[str, Any] = {
        **({"language": languages} if languages else {}),
        "license": licence.pop("license"),
        "size_categories": [next((name for limit, name in _SIZES if total < limit), _LARGEST)],
        "task_categories": ["image-to-text"],
        "pretty_name": title(plan),
        **licence,
        "tags": ["latex", "math", "formula-recognition", "texsieve"],
        "configs": [{"config_name": "default", "data_files": data_files}],
    }
    if not plan.options.form.picture_files:  # sizes once loaded are known for columns only
        matter["dataset_info"] = info
    import yaml

    return str(yaml.safe_dump(matter, sort_keys=False, allow_unicode=True, width=float("inf")))


def title(plan: ExportPlan) -> str:
    """The data set's name for people."""
    return plan.options.name or "Formula images with LaTeX: " + ", ".join(plan.licences)


def write_card(
    folder: Path,
    plan: ExportPlan,
    facts: Mapping[str, Any],
    front: str,
    plots: Mapping[str, str],
    examples: Sequence[CardSample],
) -> None:
    """Write README.md into `folder`."""
    parts = [
        f"---\n{front.strip()}\n---",
        f"# {markdown_text(title(plan))}",
        _summary(facts),
        "## Load it",
        _loading(plan, facts),
        "## Splits",
        _splits(facts),
        _placing(plan, facts),
        "### Between splits",
        _leaks(facts),
        "### Drift",
        _drift(facts),
        "## Sources and licences",
        _sources(facts),
        _licence(plan),
        "## What was left out",
        _dropped(facts),
        "## What was changed",
        _fixed(plan, facts),
        *(["## Examples", _examples(examples)] if examples else []),
        *(["## Plots", "\n\n".join(f"![{title}]({name})" for name, title in plots.items())] if plots else []),
        "## How it was made",
        f"With texsieve {__version__} (`curate export`). `manifest.json` has the settings and the hashes of the inputs "
        "and of every file; `curate export --check FOLDER` verifies them. `dropped.parquet` has every sample that was "
        "left out, with its reason.",
    ]
    (folder / CARD).write_text("\n\n".join(part for part in parts if part) + "\n", encoding="utf-8", newline="\n")


def _summary(facts: Mapping[str, Any]) -> str:
    read = sum(row["samples"] for row in facts["sources"])
    kept = sum(row["samples"] for row in facts["splits"])
    of = f"of {count(read)} read from {things(len(facts['sources']), 'source')}"
    return f"{things(kept, 'formula')} with LaTeX labels, {of}." + "".join(
        f"\n\n> {markdown_text(note)}" for note in facts["notes"]
    )


def _loading(plan: ExportPlan, facts: Mapping[str, Any]) -> str:
    first = next(row["split"] for row in facts["splits"] if row["samples"])
    form = plan.options.form
    lines = "{}\n\n{}\n{}".format(*form.loading("path/to/this/folder"), form.first_label(first))
    needs = f" This needs `pip install {form.loader}`." if form.loader else ""
    return f"```python\n{lines}\n```\n\nColumns: {form.columns}.{needs}"


def _splits(facts: Mapping[str, Any]) -> str:
    columns = [
        Column("split"),
        *(
            Column(name, "right")
            for name in ("samples", "share", "distinct labels", "images", "median tokens", "longest")
        ),
    ]
    total = sum(row["samples"] for row in facts["splits"])
    rows = [
        [
            row["split"],
            count(row["samples"]),
            share(row["samples"], total),
            count(row["groups"]),
            count(row["images"]),
            "–" if row["median_tokens"] is None else f"{row['median_tokens']:g}",
            count(row["max_tokens"]),
        ]
        for row in facts["splits"]
    ]
    return markdown_table(columns, rows)


def _placing(plan: ExportPlan, facts: Mapping[str, Any]) -> str:
    asked = ", ".join(f"{name} {share:g}" for name, share in plan.options.splits.items())
    sides = [side_name(row["source"], row["split"]) for row in facts["own_splits"] if row["kept"]]
    kept = "No split that a source had of its own was kept."
    if sides:
        kept = (
            f"Kept as the sources have them: {', '.join(map(markdown_text, sides))}. Nothing was added to test and "
            "validation sets, and no rule, filter or repair was applied to them; none of their labels and pictures is "
            "in another split."
        )
    return (
        f"Shares: {asked}. A label's split is a hash of what it looks like and of the seed {plan.options.seed}, so "
        f"labels that look the same are in one split, and samples added later move none. {kept}"
    )


def _leaks(facts: Mapping[str, Any]) -> str:
    left = dict.fromkeys(("leak-label", "leak-image", "leak-near"), 0)
    for row in facts["dropped"]:
        if row["reason"] in left:
            left[row["reason"]] += row["samples"]
    rows = [[" and ".join(row["splits"]), count(row["labels"]), count(row["pictures"])] for row in facts["leaks"]]
    table = markdown_table(
        [Column("splits"), Column("labels in both", "right"), Column("pictures in both", "right")], rows
    )
    told = ", ".join(f"{count(number)} because {REASONS[name]}" for name, number in left.items() if number)
    return f"{table}\n\nLeft out for this: {told or 'none'}."


def _drift(facts: Mapping[str, Any]) -> str:
    def cell(value: float | None) -> str:
        return "–" if value is None else f"{100 * value:.1f} %"

    rows = [
        [row["split"], *(cell(row[name]) for name in ("source", "source_by_chance", "length", "length_by_chance"))]
        for row in facts["drift"]
    ]
    columns = [
        Column("split"),
        *(Column(name, "right") for name in ("by source", "by chance", "by length", "by chance")),
    ]
    return (
        f"{markdown_table(columns, rows)}\n\nThe share of a split's samples that would have to change to match the "
        "whole, and what that share is on average for a random choice of the same size."
    )


def _sources(facts: Mapping[str, Any]) -> str:
    names = [row["split"] for row in facts["splits"]]
    columns = [
        Column("source"),
        Column("licence"),
        *(Column(name, "right") for name in ("read", "kept", "changed", *names)),
    ]
    rows = [
        [
            row["source"],
            _licence_name(row["licence"]),
            count(row["samples"]),
            count(row["kept"]),
            count(row["changed"]),
            *(count(row["splits"].get(name, 0)) for name in names),
        ]
        for row in facts["sources"]
    ]
    return markdown_table(columns, rows)


def _licence_name(name: str) -> str:
    return "none known" if name == UNKNOWN else LICENCES[name].name if name in LICENCES else name


def _licence(plan: ExportPlan) -> str:
    if plan.licence == UNKNOWN:
        text = "No licence is given for any source."
    elif plan.licence == OTHER:
        text = "No single licence covers all of them."
    else:
        text = f"Together they are passed on under: {markdown_text(_licence_name(plan.licence))}."
    if plan.clashes:
        reasons = "\n".join(f"- {markdown_text(reason)}." for reason in plan.clashes)
        text += f"\n\n**Their licences conflict**; whoever made this data set confirmed it nonetheless:\n\n{reasons}"
    return text


def _dropped(facts: Mapping[str, Any]) -> str:
    catalogue = all_rules()
    merged: dict[tuple[str, str], int] = {}
    for row in facts["dropped"]:
        name = f"{row['rule']} {catalogue[row['rule']].name}" if row["rule"] in catalogue else row["rule"] or ""
        merged[row["reason"], name] = merged.get((row["reason"], name), 0) + row["samples"]
    if not merged:
        return "Nothing."
    rows = [[reason, REASONS[reason], rule, count(number)] for (reason, rule), number in merged.items()]
    return markdown_table([Column("reason"), Column("what it means"), Column("rule"), Column("samples", "right")], rows)


def _fixed(plan: ExportPlan, facts: Mapping[str, Any]) -> str:
    catalogue = all_rules()
    decided = {key: number for key, number in facts["decisions"].items() if number}
    parts = []
    if plan.options.style == "canonical":
        parts.append(
            "**Labels are in canonical spelling** (`--style canonical`): those that look the same are spelled the "
            f"same. {things(facts['respelled'], 'label')} of all that were read had another spelling, those of kept "
            "test sets too; no drawing changed. Score other models on this data set by the canonical "
            "metrics of `finetune evaluate`: their spelling differs."
        )
    if facts["fixed"]:
        rows = [[code, catalogue[code].name, count(number)] for code, number in facts["fixed"].items()]
        table = markdown_table([Column("rule"), Column("name"), Column("labels", "right")], rows)
        what = (
            "proven not to change what is drawn"
            if plan.options.fix == "safe"
            else "some of which may change what is drawn"
        )
        parts.append(f"Repairs {what} (level {plan.options.fix}), in samples kept or not:\n\n{table}")
    if decided:
        words = {
            "accept": "accepted as they are",
            "edit": "edited",
            "fix": "fixed as proposed",
            "reject": "rejected",
            "stale": "not applied, made about another label",
            "unknown_sample": "not applied, made about an unknown sample",
        }
        parts.append(
            "Decisions of people: "
            + ", ".join(f"{count(decided[key])} {words[key]}" for key in words if key in decided)
            + "."
        )
    return "\n\n".join(parts) or "Nothing: labels are as they were read."


def _examples(examples: Sequence[CardSample]) -> str:
    lines = ["| image | label |", "| --- | --- |"]
    for example in examples:
        picture = f"![]({example.picture})" if example.picture else "–"
        lines.append(f"| {picture} | {code(example.label)} |")
    return "\n".join(lines)


def code(text: str, *, cell: bool = True) -> str:
    """Text as inline code, whatever it holds: backticks, line breaks and, in a table's cell, pipes."""
    shown = visible(text).replace("|", "\\|") if cell else visible(text)
    longest = max((len(run) for run in "".join(c if c == "`" else " " for c in shown).split()), default=0)
    fence = "`" * (longest + 1)
    pad = " " if shown[:1] in ("`", " ", "") or shown[-1:] in ("`", " ", "\\") else ""
    return f"{fence}{pad}{shown}{pad}{fence}"
