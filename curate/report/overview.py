"""A run in a few lines for a terminal or a markdown page: the source table and the issue table. Not report.html."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.advice.usable import labels_only
from curate.audit.verdict import VERDICTS, verdict_text
from curate.base.tables import (
    Column,
    count,
    display_width,
    fit,
    markdown_table,
    markdown_text,
    share,
    size,
    text_table,
    things,
)
from curate.base.visible import visible
from curate.runs.decision_counts import decided
from rules.sets.leaks import side_name

#: Reasons printed under each source; the report has them all.
REASONS_SHOWN = 3

_SOURCE_COLUMNS = (
    Column("source"),
    Column("run", drop=1),
    Column("verdict"),
    Column("samples", "right"),
    Column("errors", "right"),
    Column("warnings", "right", drop=2),
    Column("no key", "right", drop=5),
    Column("duplicates", "right", drop=4),
    Column("unreadable", "right", drop=3),
    Column("no image", "right", drop=6),
    Column("tokens", "right", drop=7),
    Column("score", "right", drop=2),
    Column("decided", "right", drop=8),
)
_OVERLAP_COLUMNS = (
    Column("split"),
    Column("run", drop=9),
    Column("also in"),
    Column("labels", "right"),
    Column("share", "right"),
    Column("10 tokens or more", "right", drop=1),
    Column("images", "right", drop=2),
    Column("nearly", "right", drop=3),
)
#: Rows of the overlap table that a terminal gets; summary.json has them all.
OVERLAPS_SHOWN = 12
_RULE_COLUMNS = (
    Column("rule"),
    Column("name", drop=1),
    Column("severity", drop=2),
    Column("samples", "right"),
    Column("share", "right"),
    Column("findings", "right", drop=4),
    Column("fixable", "right", drop=3),
)


def rank(entry: Mapping[str, Any]) -> tuple[int, int, str]:
    """Sort key that puts the best source first: verdict, then the number of labels without an error, then name."""
    verdict = entry["verdict"]
    place = VERDICTS.index(verdict) if verdict in VERDICTS else len(VERDICTS)
    return place, entry["samples_with_error"] - entry["samples"], entry["name"]


def _source_row(entry: Mapping[str, Any]) -> list[str]:
    samples, with_image = entry["samples"], entry["with_image"]
    score, tokens = entry["mean_score"], entry["median_tokens"]
    return [
        entry["name"],
        entry.get("run", ""),
        verdict_text(entry),
        count(samples),
        share(entry["samples_with_error"], samples),
        share(entry["samples_with_warning"], samples),
        share(entry["no_visual_key"], samples),
        share(entry["duplicate_labels"], samples),
        count(entry["unreadable"]),
        "–" if labels_only(entry) else share(entry["missing_image"] + samples - with_image, samples),
        "–" if tokens is None else f"{tokens:g}",
        "–" if score is None else f"{score:.3f}",
        count(decisions) if (decisions := decided(entry.get("decisions", {}))) else "",
    ]


def _columns_and_rows(entries: Sequence[Mapping[str, Any]]) -> tuple[list[Column], list[list[str]]]:
    rows = [_source_row(entry) for entry in entries]
    rare = ("run", "decided")
    kept = [i for i, column in enumerate(_SOURCE_COLUMNS) if column.title not in rare or any(row[i] for row in rows)]
    return [_SOURCE_COLUMNS[i] for i in kept], [[row[i] for i in kept] for row in rows]


def sources_text(entries: Sequence[Mapping[str, Any]], *, width: int = 120, reasons: int = REASONS_SHOWN) -> str:
    """The sources side by side with verdict and first reasons, in the order given.

    Args:
        entries: source entries of summary.json; a `run` in them becomes a column.
        width: the width in terminal cells; if it is too small, the least important columns are dropped first.
        reasons: how many reasons to print below each source.
    """
    columns, rows = _columns_and_rows(entries)
    return text_table(columns, rows, width=width, notes=[_first(entry["reasons"], reasons) for entry in entries])


def _first(reasons: Sequence[str], most: int) -> list[str]:
    """The first reasons, and how many more there are; if only one more is left, it is shown instead."""
    if not most or len(reasons) <= most + 1:
        return list(reasons[: most and most + 1])
    return [*reasons[:most], f"… and {len(reasons) - most} smaller points, in the report."]


def sources_markdown(entries: Sequence[Mapping[str, Any]]) -> str:
    """The sources as a markdown table, all reasons in lists below it."""
    columns, rows = _columns_and_rows(entries)
    parts = [markdown_table(columns, rows)]
    for entry in entries:
        title = entry["name"] + (f" ({entry['run']})" if entry.get("run") else "")
        reasons = "\n".join(f"- {markdown_text(reason)}" for reason in entry["reasons"])
        parts.append(f"**{markdown_text(title)}: {verdict_text(entry)}**\n\n{reasons}")
    return "\n\n".join(parts) + "\n"


def overlaps(entries: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """What test and validation splits share with others, and all splits with the sets of `--against`, most first.

    Each row has side, run, other, samples (of the side), labels, long_labels, images, near_images (null: not known).
    """
    rows = []
    for entry in entries:
        run = entry.get("run", "")
        for pair in entry["leaks"]:
            other = side_name(pair["other_source"], pair["other_split"])
            rows.append({**pair, "side": side_name(entry["name"], pair["split"]), "run": run, "other": other})
        for pair in entry["against"]:
            side = side_name(entry["name"], pair["split"])
            rows.append({**pair, "side": side, "run": run, "other": pair["name"], "near_images": None})
    return sorted(rows, key=lambda row: (-(row["images"] or 0), -row["long_labels"], -row["labels"]))


def _overlap_table(entries: Sequence[Mapping[str, Any]], most: int | None) -> tuple[list[Column], list[list[str]], int]:
    found = overlaps(entries)
    if most is not None:  # a pair that shares nothing is left out
        found = [row for row in found if row["labels"] or row["images"] or row["near_images"]]
    rows = [
        [
            row["side"],
            row["run"],
            row["other"],
            count(row["labels"]),
            share(row["labels"], row["samples"]),
            count(row["long_labels"]),
            count(row["images"]),
            count(row["near_images"]),
        ]
        for row in found[:most]
    ]
    kept = [i for i, column in enumerate(_OVERLAP_COLUMNS) if column.title != "run" or any(row[i] for row in rows)]
    columns = [_OVERLAP_COLUMNS[i] for i in kept]
    return columns, [[row[i] for i in kept] for row in rows], len(found) - len(rows)


def overlap_text(entries: Sequence[Mapping[str, Any]], *, width: int = 120) -> str:
    """The table of what splits share; one line if they share nothing; empty if there is no split to test on and
    nothing to compare."""
    columns, rows, left = _overlap_table(entries, OVERLAPS_SHOWN)
    if not rows:
        compared = len(overlaps(entries))
        return (
            fit(f"No label and no image in two splits ({things(compared, 'pair')} compared).", width)
            if compared
            else ""
        )
    more = fit(f"… and {left} more; summary.json has them all.", width)
    return text_table(columns, rows, width=width) + (f"\n{more}" if left else "")


def overlap_markdown(entries: Sequence[Mapping[str, Any]]) -> str:
    """As `overlap_text`, whole and in markdown."""
    columns, rows, _ = _overlap_table(entries, None)
    return markdown_table(columns, rows) if rows else ""


def timings_text(run: Mapping[str, Any]) -> str:
    """A table of the stages; `run` is the entry of summary.json about the audit itself."""
    numbers = ("seconds", "rows", "rows/s", "peak memory so far")
    columns = [Column("stage"), *(Column(name, "right") for name in numbers)]
    rows = [
        [
            stage["stage"],
            f"{stage['seconds']:.1f}",
            count(stage["rows"]),
            count(round(stage["rows"] / stage["seconds"])) if stage["rows"] and stage["seconds"] else "–",
            size(stage["peak_memory_bytes"]),
        ]
        for stage in run["stages"]
    ]
    together = size(run["peak_memory_all_bytes"])
    return f"{text_table(columns, rows)}\nall processes together had at most {together}"


def rules_text(summary: Mapping[str, Any], *, width: int = 120, most: int = 20) -> str:
    """The issue table: errors and warnings, most samples first, at most `most` rules; then a line for the remarks of
    each source. A finding about a set as a whole has no samples to count."""
    total = summary["totals"]["samples"]
    rules = [rule for rule in summary["rules"] if rule["severity"] != "info"]
    remarks = remarks_text(summary["sources"], width=width)
    rows = [
        [
            rule["rule"],
            rule["name"],
            rule["severity"],
            count(rule["samples"]) if rule["samples"] else "whole set",
            share(rule["samples"], total) if rule["samples"] else "",
            count(rule["findings"]),
            count(rule["fixable"]),
        ]
        for rule in rules[:most]
    ]
    if rows:
        text = text_table(_RULE_COLUMNS, rows, width=width)
        text += f"\n… and {len(rules) - most} more rules; the report has them all." if len(rules) > most else ""
    elif summary.get("suppressed", {"findings": 0})["findings"]:
        text = "No new error or warning was found."
    else:
        text = "No error or warning was found."
    return f"{text}\n\n{remarks}" if remarks else text


#: Rules that the line on a source's remarks names, if it has room.
_REMARKS_NAMED = 3


def _remarks_of(entry: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """What rules only remark on in a source, most samples first: style, spelling, facts."""
    found = [rule for rule in entry["rules"] if rule["severity"] == "info"]
    found += [{**rule, **rule["remarks"]} for rule in entry["rules"] if rule.get("remarks")]
    return sorted(found, key=lambda rule: (-rule["samples"], -rule["findings"], rule["rule"]))


def remarks_line(entry: Mapping[str, Any], named: int = _REMARKS_NAMED) -> str:
    """A source's remarks in a line that names the first rules, empty if there are none."""
    found = _remarks_of(entry)
    if not found:
        return ""
    names = ", ".join(
        f"{rule['rule']} {rule['name']}" + (f" {count(rule['samples'])}" if rule["samples"] else "")
        for rule in found[:named]
    )
    more = f" and {len(found) - named} more" if len(found) > named else ""
    return f"{things(sum(rule['findings'] for rule in found), 'remark')} ({names}{more})"


def remarks_text(entries: Sequence[Mapping[str, Any]], *, width: int = 120) -> str:
    """A line for each source with remarks: style, spelling and facts, which don't count against a label."""
    return "\n".join(_fitting(entry, width) for entry in entries if remarks_line(entry))


def _fitting(entry: Mapping[str, Any], width: int) -> str:
    for named in range(_REMARKS_NAMED, 0, -1):
        line = visible(f"{entry['name']}: {remarks_line(entry, named)}")
        if display_width(line) <= width:
            break
    return fit(line, width)
