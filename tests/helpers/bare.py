"""Removes from the importing process what Windows and an installation without extras lack."""

from __future__ import annotations

import os
import signal
import sys
from typing import Any

#: Modules that Windows lacks, and packages that only extras bring.
MODULES = ("fcntl", "resource", "termios", "pwd", "grp", "datasets", "huggingface_hub", "pandas", "fsspec", "aiohttp")
#: Names in `os` and `signal` that Windows lacks and that a program like this may use.
NAMES = {
    os: "fork getuid geteuid pread pwrite sysconf statvfs sync memfd_create sched_getaffinity killpg O_CLOEXEC "
    "O_DIRECTORY",
    signal: "pthread_sigmask SIGHUP SIGKILL SIGQUIT SIGUSR1 alarm",
}


class _Missing:
    def find_spec(self, name: str, path: Any = None, target: Any = None) -> None:
        if name in MODULES:
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)


sys.meta_path.insert(0, _Missing())  # type: ignore[arg-type]
for module in MODULES:
    sys.modules.pop(module, None)
for of, names in NAMES.items():
    for name in names.split():
        if hasattr(of, name):
            delattr(of, name)
