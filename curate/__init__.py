"""The pipeline and its command line: sources, audit, export, report. `rules` decides what is wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    __version__: str

#: Where the project lives: its pages, and the place to report a fault.
HOME = "https://github.com/texsieve/texsieve"


def __getattr__(name: str) -> Any:
    # Looked up at first use: `importlib.metadata` takes longer to import than all that `curate --help` needs.
    if name != "__version__":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version("texsieve")
    except PackageNotFoundError:  # run from a source tree that was never installed
        return "0+unknown"
