"""The one place that knows how many processes this one may keep busy. Starts none."""

from __future__ import annotations

import math
import os
from pathlib import Path

#: How many, where a person says so: in a job whose share of the machine can't be read from the system.
VARIABLE = "TEXSIEVE_WORKERS"
_GROUPS, _MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def cores(most: int | None = None) -> int:
    """How many processes there is room for, at least 1 and at most `most`.

    That is the number in the environment variable TEXSIEVE_WORKERS, or else the least of the cores that this process
    may run on and those that its container or batch job has time on (its cgroup's quota, rounded up). A value of the
    variable that is no number above 0 counts as none; `curate doctor` says so.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given.isdecimal() and int(given) > 0:
        found = int(given)
    else:
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        found = min(allowed, _quota() or allowed)
    return max(1, min(found, most or found))


def _quota() -> int | None:
    """Cores' worth of time that the cgroups of this process leave it, rounded up; None where nothing limits it."""
    try:
        lines = _GROUPS.read_text(encoding="utf-8").splitlines()
    except OSError:
        return None
    shares = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and "cpu" not in controllers.split(","):
            continue
        for mount in [_MOUNT / controllers, _MOUNT / "cpu"] if controllers else [_MOUNT]:
            # In a container, the path may be the host's, while what is mounted is the container's own group.
            group = mount / path.lstrip("/")
            shares += [_share(folder) for folder in (mount, group, *group.parents) if folder.is_relative_to(mount)]
    limits = [share for share in shares if share is not None]
    return math.ceil(min(limits)) if limits else None


def _share(folder: Path) -> float | None:
    """The cores' worth of time of one cgroup, of version 2 or 1; None where it has no limit."""
    try:
        if (folder / "cpu.max").exists():
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
        else:
            quota, period = (
                (folder / f"cpu.cfs_{name}_us").read_text(encoding="ascii").strip() for name in ("quota", "period")
            )
        return int(quota) / int(period) if quota.isdecimal() and int(quota) > 0 else None
    except (OSError, ValueError, ZeroDivisionError):
        return None
