"""The pipeline and its command line: sources, audit, rendering, report. What is wrong is decided in `rules`."""

from importlib.metadata import PackageNotFoundError, version

try:
    __version__ = version("texsieve")
except PackageNotFoundError:  # run from a source tree that was never installed
    __version__ = "0+unknown"
