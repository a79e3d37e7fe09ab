"""Says which source is good enough to train on, and what matters most about it. Decides from numbers alone.

Four verdicts, best first. `ready`: train on it, without the few samples named. `fix first`: mostly good, and the named
fixes, flags and drops make it ready. `doubtful`: so much is wrong that what the rules can't see is probably wrong too;
a person must look. `unfit`: not as it is. A verdict is about the source as it was read: a fixed copy gets its own.

Three kinds of damage count differently. What a safe fix or a flag of `curate export` repairs costs one command and
never makes a source worse than `fix first`. What an unsafe fix repairs (layout tokens above all) is only as good as the
guess behind it. What nothing repairs is dropped, which is cheap; but the step that broke those labels has broken others
in ways that no rule sees. An error of the whole set (shifted pairs, labels that are not formulas) makes it unfit,
however many samples look right. The limits are in `curate.audit.thresholds`, the points in `curate.audit.advice`. The
mean score plays no part: it comes from the same findings, and would count them twice.
"""

from __future__ import annotations

import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from curate.audit.advice.checks import points
from curate.audit.advice.point import FIX, READY, VERDICTS, Point
from curate.audit.advice.usable import labels_only, nothing_read
from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things

__all__ = ["MEANINGS", "VERDICTS", "export_command", "judge", "verdict_text"]

#: What each verdict says to whoever wants to train.
MEANINGS = dict(
    zip(
        VERDICTS,
        (
            "train on it as it is",
            "train on it once the points below are seen to",
            "too much is wrong to trust the rest: look at samples before you use any of it",
            "don't train on it as it is",
        ),
        strict=True,
    )
)


def judge(entry: Mapping[str, Any], thresholds: Thresholds | None = None) -> tuple[str, list[Point]]:
    """The verdict on a source and the points behind it, most important first; at least one.

    First come the points that determine the verdict, then those of better levels; within a level the heaviest.

    Args:
        entry: the source's entry in summary.json (`verdict`, `reasons` and `advice` are ignored).
        thresholds: limits other than the documented ones.
    """
    limits = thresholds or Thresholds()
    if not entry["samples"]:
        point = nothing_read(entry)
        return VERDICTS[point.level], [point]
    found = sorted(points(entry, limits), key=lambda point: (-point.level, -point.weight))
    level = max((point.level for point in found), default=READY)
    if not found:
        found.append(_no_error(entry))
    return VERDICTS[level], found


def _no_error(entry: Mapping[str, Any]) -> Point:
    warned = entry["samples_with_warning"]
    rest = f"; {count(warned)} ({share(warned, entry['samples'])}) with a warning" if warned else ""
    return Point("no-error", READY, 0, 0, f"No error in {things(entry['samples'], 'sample')}{rest}")


def verdict_text(entry: Mapping[str, Any]) -> str:
    """The verdict as shown: one made without seeing images says so."""
    return f"{entry['verdict']} (labels only)" if entry["samples"] and labels_only(entry) else str(entry["verdict"])


def export_command(entries: Sequence[Mapping[str, Any]], run: str, out: str = "dataset") -> str | None:
    """The command that exports what is fit from a run's sources, with every flag that their advice names; None if no
    source is fit, or none has images.

    run: the run folder, as users type it. out: the folder to write.
    """
    fit = [
        entry
        for entry in entries
        if entry["verdict"] in VERDICTS[: FIX + 1] and entry["samples"] and not labels_only(entry)
    ]
    if not fit:
        return None
    flags: dict[str, str] = {}
    for entry in fit:
        for point in entry["advice"]:
            name, *value = point["export"] or [""]
            # Unsafe fixes must be looked at first: no command types them.
            if name and value != ["unsafe"]:
                flags.setdefault(name, " ".join(value))
    words = [word for name, value in sorted(flags.items()) for word in (name, value) if word]
    return shlex.join(["curate", "export", run, "--out", out, *words])
