"""What an audit says in single lines beside its tables. The tables are in `curate.report.overview`."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.base.tables import count, share, things
from curate.base.visible import visible
from curate.runs import decision_counts


def notes(summary: Mapping[str, Any], processors: int | None) -> list[str]:
    """All lines but those on known findings. processors: of the cluster that did the work, None without one."""
    lines = [near_text(summary)]
    if told := decision_counts.text(summary["decisions"]):
        lines.append(f"{told}. {decision_counts.HOW_APPLIED}")
    for entry in summary["sources"]:
        lines += [f"{entry['name']}: {count(number)} × {note}" for note, number in entry["notes"].items() if number]
    lines += map(_predictions_text, summary.get("predictions", {}).get("files", ()))
    if processors is not None:
        lines.append(
            f"on {things(processors, 'processor')} of the cluster: judged labels, measured images, wrote parts; "
            "on this machine: read the sources, compared samples, wrote the tables"
        )
    if drawn := summary["sample"]:
        lines.append(sample_text(drawn))
    lines.append(reused_text(summary["run"]))
    return [line for line in lines if line]


def _predictions_text(file: Mapping[str, Any]) -> str:
    kinds = {"unknown": "unknown", "ambiguous": "ambiguous", "other_label": "with another truth than the label"}
    lost = [f"{count(file[kind])} {words}" for kind, words in kinds.items() if file[kind]]
    given = f"{visible(file['file'])}: {things(file['rows'], 'prediction')}"
    return given + (f" ({', '.join(lost)})" if lost else "")


def near_text(summary: Mapping[str, Any]) -> str:
    """One line on the search for copies of images, or empty if there were no images."""
    near = summary.get("near_duplicates")
    if not near:
        return ""
    text = (
        f"near-duplicate images: {things(near['compared'], 'pair')} of {things(near['images'], 'image')} compared, "
        f"{count(near['copies'])} of them copies"
    )
    if near["crowded"]:
        text += f"; {things(near['crowded'], 'image')} with more similar images than are compared"
    if near["unopened"]:
        text += f"; {things(near['unopened'], 'pair')} with an image that can't be opened any more"
    if near["skipped_buckets"]:
        text += f"; {things(near['skipped_buckets'], 'bucket')} too large to search"
    return text


def sample_text(drawn: Mapping[str, Any]) -> str:
    """One line on the sampling of `curate audit --sample`; `drawn` is the entry of summary.json."""
    by = f", in the same shares by {' and '.join(drawn['by'])}" if drawn["by"] else ""
    return (
        f"drawn: {things(drawn['samples'], 'sample')} of {count(drawn['of'])}{by} (seed {drawn['seed']}); duplicates, "
        "leaks and shifted pairs show only where all samples are judged"
    )


def reused_text(run: Mapping[str, Any]) -> str:
    """One line on what an update took from the earlier run; empty if the audit was not an update."""
    reused = run["reused"]
    if reused is None:
        return ""
    parts = [
        f"{count(done)} of {things(of, kind)} ({share(done, of)})"
        for kind, (done, of) in (("distinct label", reused["labels"]), ("image", reused["images"]))
        if of
    ]
    anew = "" if reused["same_rules"] else "; rules, options or versions have changed, so every label was judged anew"
    return f"not judged or measured again: {', '.join(parts)}{anew}"


def suppressed_text(suppressed: Mapping[str, Any]) -> list[str]:
    """What the baseline keeps out of the issue table, by rule, in a line; no line if that is nothing."""
    if not suppressed["findings"]:
        return []
    rules = suppressed["rules"]
    named = ", ".join(f"{rule['rule']} {count(rule['findings'])}" for rule in rules[:10])
    more = f", {len(rules) - 10} more rules" if len(rules) > 10 else ""
    number = things(suppressed["findings"], "finding")
    return [f"Known, and not shown: {number} ({named}{more}). Scores, numbers of sources and verdicts count them."]
