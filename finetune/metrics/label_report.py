"""Reports how much of the error is due to the labels: as JSON, text or a sentence. Computes nothing."""

from __future__ import annotations

from typing import Any

from curate.base.tables import Column, count, text_table, things
from curate.base.visible import clip, visible
from finetune.metrics.label_errors import DRAWN_THE_SAME, FIGURES, REASONS, STATES, LabelErrors, Truths

#: How many labels to look at are listed.
MOST_OPEN = 200

_WORDS = {
    "spelling": "the same in canonical spelling",
    "drawing": "spelled differently, drawn the same",
    "safe fix": "right after a safe fix in the label",
    "decision": "right by the decided label",
    "rejected": "the label was rejected",
    "wrong": "wrong",
}


def still_open(found: LabelErrors) -> list[dict[str, Any]]:
    """Wrong answers whose label may be wrong and has no decision yet, the likeliest label errors first."""
    truths = found.truths
    entries = [
        {"sample_id": found.rows[place].sample_id, "rank": truths.rank[place], "rules": list(truths.doubts[place])}
        for place in doubts_of(found)
    ]
    return sorted(entries, key=lambda entry: (entry["rank"] is None, entry["rank"] or 0, entry["sample_id"]))


def as_json(found: LabelErrors) -> dict[str, Any]:
    """The value of `labels` in metrics.json."""
    truths = found.truths
    open_ = still_open(found)
    return {
        "run": truths.run,
        "unknown": truths.unknown,
        "ambiguous": truths.ambiguous,
        "other_label": truths.other,
        "not_exact": {name.replace(" ", "_"): found.reasons.count(name) for name in REASONS},
        "made_wrong": found.made_wrong,
        "accepted": sum(
            reason == "wrong" and action == "accept"
            for reason, action in zip(found.reasons, truths.action, strict=True)
        ),
        "states": {name.replace(" ", "_"): figures for name, figures in found.states.items()},
        "open": {"n": len(open_), "samples": open_[:MOST_OPEN]},
    }


def as_text(found: LabelErrors, width: int) -> str:
    """The same as text."""
    of = sum(bool(reason) for reason in found.reasons)
    said = as_json(found)
    lines = [
        f"labels of {visible(found.truths.run)}: {count(of)} of {count(len(found.rows))} answers are not exact matches"
    ]
    for name in REASONS:
        number = found.reasons.count(name)
        if number or name == "wrong":
            lines.append(f"  {count(number):>6}  {_WORDS[name]}")
    if said["accepted"]:
        lines.append(f"          {count(said['accepted'])} of them by a label that was checked and accepted")
    if said["open"]["n"]:
        ids = ", ".join(clip(visible(one["sample_id"]), 40) for one in said["open"]["samples"][:3])
        more = ", …" if said["open"]["n"] > 3 else ""
        doubted = "of them by a label that the audit doubts, and nobody has checked"
        lines.append(f"          {count(said['open']['n'])} {doubted}: {ids}{more}")
    if found.made_wrong:
        lines.append(f"  {count(found.made_wrong):>6}  right by the label as it is, wrong by the decided one")
    columns = (
        Column("labels"),
        *(Column(t, "right") for t in ("pairs", "canonical exact", "drawn the same", "95 %")),
    )
    drawn = FIGURES[DRAWN_THE_SAME].unit
    table = [
        [
            name,
            count(one["n"]),
            *(metric.unit.value(one[key]) for key, metric in FIGURES.items()),
            drawn.interval(one["ci"][DRAWN_THE_SAME]),
        ]
        for name, one in found.states.items()
    ]
    parts = ["\n".join(lines), text_table(columns, table, width=width)]
    if told := unmatched(found.truths):
        parts.append(told)
    return "\n\n".join(parts)


def unmatched(truths: Truths) -> str:
    """How many predictions a run's decisions say nothing about, and why; "" if there are none."""
    left = [
        f"{things(number, 'prediction')} {words}"
        for number, words in (
            (truths.unknown, "without a sample in it"),
            (truths.ambiguous, "that may belong to several samples"),
            (truths.other, "whose sample has another label"),
        )
        if number
    ]
    return f"The decisions of {visible(truths.run)} don't count for {', '.join(left)}." if left else ""


def scores_in_words(before: LabelErrors, after: LabelErrors) -> str:
    """How the labels affect the scores of two models, in a sentence, and in another the predictions that the run
    doesn't know."""
    return " ".join(filter(None, (_scores(before, after), unmatched(after.truths))))


def _scores(before: LabelErrors, after: LabelErrors) -> str:
    run = visible(after.truths.run)
    unit = FIGURES[DRAWN_THE_SAME].unit
    of = {
        state: (
            " → ".join(
                "–" if value is None else unit.among_many(value) + unit.symbol
                for value in (one.states[state][DRAWN_THE_SAME] for one in (before, after))
            ),
            after.states[state]["n"],
        )
        for state in STATES
    }
    first, fixed, decided = of.values()
    said = f"Answers that render like the label: {first[0]} with labels as they are"
    if first == fixed == decided:
        return f"{said}, and the same with the safe fixes and decisions of the audit {run}."
    left_out = first[1] - decided[1]
    rejected = f", without {things(left_out, 'rejected sample')}" if left_out else ""
    return f"{said}, {fixed[0]} with the safe fixes of the audit {run}, {decided[0]} with its decisions too{rejected}."


def doubts_of(found: LabelErrors) -> dict[int, str]:
    """What the audit says against the labels of wrong answers that nobody decided on, by the row's place."""
    truths = found.truths
    return {
        place: truths.sure[place] or f"the audit doubts it ({', '.join(truths.doubts[place])})"
        for place, reason in enumerate(found.reasons)
        if reason == "wrong" and not truths.action[place] and truths.doubts[place]
    }
