"""Keeps libraries that talk a lot off the terminal. Imports none of them."""

from __future__ import annotations

import contextlib
import logging
import os
import warnings
from collections.abc import Iterator
from pathlib import Path


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Keep the libraries' banners, hints and warnings off the terminal while something is loaded or trained.

    What they print to standard output is dropped; what they raise is not. TEXSIEVE_VERBOSE=1 shows everything.
    """
    if os.environ.get("TEXSIEVE_VERBOSE") == "1":
        yield
        return
    before = logging.root.manager.disable
    with (
        Path(os.devnull).open("w", encoding="utf-8") as nowhere,
        contextlib.redirect_stdout(nowhere),
        warnings.catch_warnings(),
    ):
        warnings.simplefilter("ignore")
        logging.disable(logging.WARNING)  # torch resets the levels of single loggers when it is imported
        try:
            yield
        finally:
            logging.disable(before)
