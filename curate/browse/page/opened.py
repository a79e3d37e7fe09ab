"""Assembles the page of a run, from its samples to its server. Starts nothing else."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import polars as pl

from curate.browse.page.answers import Answers
from curate.browse.page.queues import Queues
from curate.browse.page.web import PageServer
from curate.browse.pictures.sketch import Sketcher
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import Run


@contextmanager
def opened(
    run: Run,
    work: WorkingFiles,
    frame: pl.DataFrame,
    listening: socket.socket,
    who: str | None = None,
    decided: Callable[[str], None] = lambda sample_id: None,
) -> Iterator[PageServer]:
    """The page, served. frame: the samples to show, as `rows.listed` gives them; for the rest see `Answers`."""
    sketcher = Sketcher(work.drawings, work.photos)
    server = PageServer(Answers(run.path, Queues(frame, work.picked), sketcher, who, decided), listening)
    server.start()
    try:
        yield server
    finally:
        server.stop()
        sketcher.stop()
