"""Runs a program that ends with the process that started it, however that ends. Started as a file; imports no package.

    python -S -E leash.py PARENT_PID PROGRAM ARGUMENT...

On Linux the kernel sends SIGTERM to PROGRAM when its parent dies. Elsewhere this does nothing, and the next start uses
the pid file to find what was left running.
"""

from __future__ import annotations

import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def tie_to_parent(parent: int) -> None:
    """Tie this process, and what it becomes by exec, to its parent. Exits if the parent is already gone."""
    if not sys.platform.startswith("linux"):
        return
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:
        os._exit(1)


if __name__ == "__main__":
    tie_to_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])
