r"""Makes native code of helper processes crash or hang on certain items if this folder is on PYTHONPATH.

An item that holds `crash` reads from an invalid address. One that holds `hang` waits in native code forever, with the
interpreter's lock held, so no Python signal handler runs. If SABOTAGE_FLAG is set, the file that it names is made
first. Only helpers and the App's painter are harmed: work in a command's own process goes well.
"""

from __future__ import annotations

import ctypes
import importlib.util
import os
import sys
from collections.abc import Callable
from importlib.abc import Loader, MetaPathFinder
from types import ModuleType
from typing import Any

#: In each module, the function that leads to native code, or stands in for it.
TARGETS = {
    "rules.engine": "_keyed",
    "rules.fixes.proof": "choose",
    "curate.render.drawing": "laid_out",
    "curate.images.opening": "_locate",
    "curate.pairs.features": "layout_of",
    "finetune.metrics.cdm": "marks",
}


def harm(told: str) -> None:
    if "crash" not in told and "hang" not in told:
        return
    if flag := os.environ.get("SABOTAGE_FLAG"):
        open(flag, "w").close()  # noqa: PTH123
    while "hang" in told:
        ctypes.PyDLL(None).sleep(1000)
    ctypes.string_at(0)


class Saboteur(MetaPathFinder, Loader):
    """Loads the modules of TARGETS unchanged, and puts a trap before one function of each."""

    def find_spec(self, name: str, path: Any, target: ModuleType | None = None) -> Any:
        if name not in TARGETS:
            return None
        sys.meta_path.remove(self)
        spec = importlib.util.find_spec(name)
        sys.meta_path.insert(0, self)
        assert spec is not None
        assert spec.loader is not None
        execute = spec.loader.exec_module

        def exec_module(module: ModuleType) -> None:
            execute(module)
            setattr(module, TARGETS[name], trapped(getattr(module, TARGETS[name])))

        spec.loader.exec_module = exec_module  # type: ignore[method-assign]
        return spec


def trapped(function: Callable[..., Any]) -> Callable[..., Any]:
    def call(*given: Any, **options: Any) -> Any:
        harm(" ".join(map(str, given)))
        return function(*given, **options)

    return call


if {"texsieve-helper", "curate.browse.pictures.painter"} & set(sys.orig_argv):
    sys.meta_path.insert(0, Saboteur())
