"""The parts of summary.json beside a run's numbers: sources, configuration, versions, times, memory."""

from __future__ import annotations

import dataclasses
import os
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from curate import __version__
from curate.audit.options import AuditOptions
from curate.audit.summary import SourceFacts
from curate.sources import Source
from rules.registry import packages_with_rules
from rules.workers.pool import the_pool

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

#: Bytes per unit of the memory sizes that the system reports.
_UNIT = 1 if sys.platform == "darwin" else 1024


class Clock:
    """What each stage took: seconds, and the audit's largest memory up to its end. A stage may run in pieces.

    rows: the number of things a stage handles (rows of files, images, distinct labels, samples), if known.
    """

    def __init__(self) -> None:
        self.seconds: dict[str, float] = {}
        self.memory: dict[str, int | None] = {}
        self.rows: dict[str, int] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        start = time.perf_counter()
        yield
        self.seconds[name] = round(self.seconds.get(name, 0.0) + time.perf_counter() - start, 3)
        self.memory[name] = peak_memory()

    def stages(self) -> list[dict[str, Any]]:
        """One row per stage, in order."""
        return [
            {
                "stage": name,
                "seconds": seconds,
                "rows": self.rows.get(name),
                "peak_memory_bytes": self.memory[name],
            }
            for name, seconds in self.seconds.items()
        ]


def _relative(path: Path, folder: Path) -> str:
    """`path` relative to the run folder if possible, else as it is."""
    if not path.is_absolute():
        return path.as_posix()  # a hub id
    try:
        return Path(os.path.relpath(path, folder.absolute())).as_posix()
    except ValueError:  # another drive
        return path.as_posix()


def source_facts(source: Source, out: Path, options: AuditOptions) -> SourceFacts:
    bad = [
        {"file": row.file, "line": row.line, "reason": row.reason, "excerpt": row.excerpt}
        for row in source.unreadable.rows
    ]
    return SourceFacts(
        name=source.name,
        format=source.format,
        path=_relative(source.path, out),
        root=_relative(source.root, out),
        rows=source.rows,
        unreadable=source.unreadable.total,
        unreadable_by_reason=dict(source.unreadable.by_reason),
        unreadable_rows=bad,
        images_checked=options.probe_images,
        licence=options.licences.get(source.name),
    )


def config(options: AuditOptions) -> dict[str, Any]:
    """Everything that affects how labels are judged, and what the run was asked for."""
    ruleset = options.ruleset
    return {
        "profile": ruleset.profile,
        "rules": list(ruleset.codes),
        "options": {code: dict(values) for code, values in sorted(ruleset.options.items())},
        "severities": dict(sorted(ruleset.severities.items())),
        "fixes": dict(sorted(ruleset.fixes.items())),
        "score": {
            "error": options.weights.error,
            "warning": options.weights.warning,
            "info": options.weights.info,
            "rules": dict(sorted(options.weights.rules.items())),
            "remarks": dict(sorted(options.weights.remarks.items())),
        },
        "images": options.probe_images,
        "strokes": dataclasses.asdict(options.strokes),
        "model": options.model.family,
        "limit": options.limit,
        "known_findings": None if options.known is None else options.known.unique().height,
        "licences": dict(sorted(options.licences.items())),
    }


def versions() -> dict[str, str]:
    packages = ("polars", "math-core", "pylatexenc", "pillow", "mathra", "resvg-py")
    return {
        "texsieve": __version__,
        "python": sys.version.split()[0],
        **{name: version(name) for name in packages},
        **packages_with_rules(),
    }


def run_facts(clock: Clock, options: AuditOptions, reused: Mapping[str, Any] | None) -> dict[str, Any]:
    """reused: what an update didn't judge or measure again."""
    return {
        "created": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": list(options.command),
        "timings": clock.seconds,
        "reused": reused and dict(reused),
        "stages": clock.stages(),
        "peak_memory_bytes": peak_memory(),
        "peak_memory_all_bytes": sum(_peaks()) or None,
    }


def peak_memory() -> int | None:
    """The largest resident size of this process or one of its workers so far, in bytes; None on Windows."""
    if resource is None:
        return None
    return max(*_peaks(), _UNIT * resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)


def _peaks() -> list[int]:
    """The largest resident sizes so far of this process and each of its living workers, in bytes. Their sum is more
    than they ever used together: they don't peak at once, and they share pages. Empty on Windows."""
    if resource is None:
        return []
    # On Linux, a process's own figure starts with its parent's at the time of the fork.
    own = _peak_of("self") or _UNIT * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return [own, *(_peak_of(pid) for pid in the_pool().pids())]


def _peak_of(process: int | str) -> int:
    """The largest resident size of a living process, in bytes; 0 if the system doesn't say."""
    try:
        status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
        return 1024 * int(status.partition("VmHWM:")[2].split()[0])
    except (OSError, IndexError, ValueError):
        return 0
