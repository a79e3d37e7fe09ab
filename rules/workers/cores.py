"""Decides how many processes may run at once. Starts none."""

from __future__ import annotations

import math
import os
from pathlib import Path

#: Lets a person set the number, for jobs whose share of the machine can't be read from the system.
VARIABLE = "TEXSIEVE_WORKERS"
_GROUPS, _MOUNT = Path("/proc/self/cgroup"), Path("/sys/fs/cgroup")


def cores(most: int | None = None) -> int:
    """The number of processes to use, at least 1 and at most `most`.

    This is the number in the environment variable TEXSIEVE_WORKERS. Without it, it is the number of cores that this
    process may run on, or the quota of its container or batch job (cgroup), rounded up, if that is lower. A value that
    isn't a number above 0 is ignored, which `curate doctor` reports.
    """
    given = os.environ.get(VARIABLE, "").strip()
    if given.isdecimal() and int(given) > 0:
        found = int(given)
    else:
        allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
        found = min(allowed, _quota() or allowed)
    return max(1, min(found, most or found))


def _quota() -> int | None:
    """The CPU quota of this process's cgroups in cores, rounded up; None if there is none."""
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
            # In a container, the path may be that of the host, while the container's own group is mounted.
            group = mount / path.lstrip("/")
            shares += [_share(folder) for folder in (mount, group, *group.parents) if folder.is_relative_to(mount)]
    limits = [share for share in shares if share is not None]
    return math.ceil(min(limits)) if limits else None


def _share(folder: Path) -> float | None:
    """The CPU quota of one cgroup, version 2 or 1, in cores; None if it has none."""
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
