"""A pipe in place of any file of a data set is refused or left out: an ordinary reader would wait for it for ever."""

from __future__ import annotations

import os
import shutil
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
from layout_makers import LAYOUTS, Layout

from curate.base.errors import UserError
from curate.sources import parse_source, read_source

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")


class _Waits(BaseException):
    """Raised by the alarm; no reader catches it."""


@pytest.fixture(autouse=True)
def _alarm() -> Iterator[None]:
    def late(*signalled: object) -> None:
        raise _Waits

    before = signal.signal(signal.SIGALRM, late)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


def _one_of_each(folder: Path) -> list[Path]:
    """A file of each folder and ending, and all whose names a reader may know."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    known = (".json", ".txt", ".lst", ".csv")
    return list({(file.parent, file.name if file.suffix in known else file.suffix): file for file in files}.values())


@pytest.mark.parametrize("layout", LAYOUTS, ids=lambda layout: layout.name)
def test_no_reader_waits(layout: Layout, tmp_path: Path) -> None:
    whole, piped = tmp_path / "whole", tmp_path / "piped"
    layout.make(whole, 6)
    for file in _one_of_each(whole):
        shutil.copytree(whole, piped)
        pipe = piped / file.relative_to(whole)
        pipe.unlink()
        os.mkfifo(pipe)
        signal.alarm(30)
        try:
            read_source(parse_source(str(piped)))
        except UserError:
            pass
        except _Waits:
            pytest.fail(f"{pipe.relative_to(piped)} is waited for")
        signal.alarm(0)
        shutil.rmtree(piped)
