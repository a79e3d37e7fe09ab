"""Data sets of formula images and LaTeX labels: audited, fixed, browsed and exported. `rules` decides what is wrong.

import curate
result = curate.judge("train.jsonl")    # or a polars frame, or a datasets.Dataset
result.verdicts                         # ready, fix first, doubtful or unfit, with reasons
result.findings                         # what is wrong, and where
curate.open_run("run")                  # what `curate audit` wrote

docs/python.ipynb goes through it.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.api import judge, open_run
    from curate.base.errors import UserError
    from curate.result import Result

    __version__: str

#: Where the project lives: its pages, and the place to report a fault.
HOME = "https://github.com/texsieve/texsieve"

__all__ = ["Result", "UserError", "__version__", "judge", "open_run"]

_PLACES = {"Result": "result", "UserError": "base.errors", "judge": "api", "open_run": "api"}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    # Looked up at first use: `curate --help` needs none of it, and even `importlib.metadata` takes longer to import.
    if name in _PLACES:
        return getattr(import_module(f"curate.{_PLACES[name]}"), name)
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("texsieve")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
