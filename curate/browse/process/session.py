"""Runs one `curate browse`, from the run folder until the last process has ended. Other modules make what it shows."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.base.errors import UserError
from curate.base.extras import install
from curate.browse.dataset import fields
from curate.browse.process.door import open_browser, write_door
from curate.browse.process.mongod import HOW_TO_GET, PORT, URI_VARIABLE, VARIABLE, DamagedError, Mongod, find_mongod
from curate.browse.process.server import ServerProcess, places, until_it_answers
from curate.browse.process.work import AlreadyOpenError, WorkingFiles, work_of
from curate.runs.decisions import DECISIONS_FILE
from curate.runs.folder import Run, load_run

if TYPE_CHECKING:
    import polars as pl

    from curate.browse.page.web import PageServer

# Modules that import rules and pictures are imported while FiftyOne's process imports FiftyOne.

#: The first cards, a few screens full, are made before anyone asks.
_CARDS_AHEAD = 240
#: What is added while the App is open, by its key in the state: for how many of the first rows.
_ADDED = ("proposed", "described")
#: It starts after the first page has had this long to load, because the page needs the processor more.
_SECONDS_FOR_THE_PAGE = 8.0

Say = Callable[[str], None]


@dataclass(frozen=True)
class _Asked:
    """What `browse` was asked for."""

    port: int | None
    most: int
    who: str | None
    opened: bool
    say: Say


class Stopped(KeyboardInterrupt):
    """Ctrl-C or SIGTERM. Not an Exception: it may come inside a rule or a drawing, whose exceptions are caught."""


def browse(
    path: Path,
    *,
    port: int | None = None,
    most: int = fields.MOST,
    who: str | None = None,
    app: bool = True,
    opened: bool = True,
    say: Say = print,
) -> None:
    """Show a run on the page for deciding, and in FiftyOne's App, until Ctrl-C or SIGTERM.

    Without FiftyOne or its database, a line says so and there is only the page. Raises UserError if the run can't be
    shown, or if the database program that TEXSIEVE_MONGOD names doesn't run.

    port: of the App, None for FiftyOne's or a free one; the page gets the next. most: how many samples to show. who:
    who makes the decisions, None for the OS user. app: show the App. opened: also open a browser.
    """
    run = load_run(path)
    asked = _Asked(port, most, who, opened, say)
    if app and find_spec("fiftyone") is None:
        say(f"FiftyOne is not installed, so there is no App to filter in. To install it: {install('browse')}")
        app = False
    work = work_of(run.path)
    try:
        with work.held(), _stoppable(), ExitStack() as stack:
            work.tidy()
            mongod = None
            if app and not os.environ.get(URI_VARIABLE):
                mongod = _own_database(work, say, stack)
                app = mongod is not None
            if app:
                _show(run, work, mongod, asked, stack)
            else:
                _show_page(run, work, asked, stack)
    except Stopped:
        return
    except AlreadyOpenError as error:
        if not error.url:
            raise UserError(
                f"{path}: another `curate browse` is starting or ending on this run; try again in a few seconds"
            ) from None
        say(f"{path} is already open: {error.url}")
        if opened:
            open_browser(work.door)


@contextmanager
def _stoppable() -> Iterator[None]:
    """SIGTERM and Ctrl-C raise Stopped in the main thread; elsewhere (tests) signals are left as they are."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def stop(signum: int, frame: object) -> None:
        for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(name, signal.SIG_IGN)  # once is enough: ending takes a second or two
        raise Stopped

    before = {name: signal.signal(name, stop) for name in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    try:
        yield
    finally:
        for name, handler in before.items():
            signal.signal(name, handler)


def _show_page(run: Run, work: WorkingFiles, asked: _Asked, stack: ExitStack) -> None:
    """The page alone."""
    from curate.browse.dataset.rows import listed

    work.write_state({**work.read_state(), "run": str(run.path.resolve())})  # for `tidy`
    listening = stack.enter_context(_listening(asked.port, PORT))
    page = _page(run, work, listed(run, asked.most), listening, lambda sample_id: None, asked, stack)
    work.note({}, page.url)
    asked.say("It answers on this machine only (127.0.0.1). Press Ctrl-C to end it.")
    threading.Event().wait()


def _page(
    run: Run,
    work: WorkingFiles,
    frame: pl.DataFrame,
    listening: socket.socket,
    decided: Callable[[str], None],
    asked: _Asked,
    stack: ExitStack,
) -> PageServer:
    from curate.browse.page.opened import opened as opened_page

    page = stack.enter_context(opened_page(run, work, frame, listening, asked.who, decided))
    total = run.summary["totals"]["samples"]
    shown = f"the {frame.height:,} worst of {total:,} samples" if frame.height < total else f"{total:,} samples"
    asked.say(f"Showing {shown} of {run.path}")
    asked.say(f"Decisions are appended to {run.path / DECISIONS_FILE}; curate export applies them")
    asked.say(f"decide    {page.url}")
    write_door(work.door, page.url)
    if asked.opened:
        open_browser(work.door)
    return page


def _show(run: Run, work: WorkingFiles, mongod: Mongod | None, asked: _Asked, stack: ExitStack) -> None:
    """The page, and the App beside it. mongod: its database, None for the user's own."""
    listening = stack.enter_context(_listening(asked.port, PORT))
    port = listening.getsockname()[1]
    beside = stack.enter_context(_listening(None, min(port + 1, 65535)))
    url = f"http://127.0.0.1:{port}/datasets/{fields.dataset_name(run.path)}"
    server = ServerProcess(run, work, listening, mongod)
    stack.callback(server.stop)
    processes = {"server": server.pid} | ({"mongod": mongod.process.pid} if mongod else {})
    work.note(processes, "")
    from curate.browse.dataset.rows import fingerprint, rows

    def decided(sample_id: str) -> None:
        with suppress(UserError):  # the App may have ended; the decision is on the disk
            server.send("follow", sample_id=sample_id)

    frame = rows(run, work, asked.most)
    page = _page(run, work, frame, beside, decided, asked, stack)
    work.note(processes, page.url)
    stack.callback(work.note, processes, "")
    asked.say("Starting FiftyOne …")
    state = _take_in(run, work, server, frame, fingerprint(run, work, asked.most))
    server.order("decide", who=asked.who, page=page.url)
    server.send("serve")
    until_it_answers(f"http://127.0.0.1:{port}/", server)
    page.answers.app = url
    asked.say("The App has no login; it answers on this machine only (127.0.0.1). Press Ctrl-C to end it.")
    asked.say(f"filter    {url}")
    os.nice(5)
    server.wait(_SECONDS_FOR_THE_PAGE)
    try:
        _add(run, work, server, frame, state)
    except UserError as error:  # the App is useful without them
        server.check()
        asked.say(f"Proposed fixes and texts are not all shown: {error}")
    server.wait()


def _take_in(run: Run, work: WorkingFiles, server: ServerProcess, frame: pl.DataFrame, mark: str) -> dict[str, Any]:
    """Load these rows into the database, unless it holds them. Returns its state: what it holds, and for how many of
    the first rows it has the proposals and the texts."""
    before = work.read_state()
    known = {"mark": mark, "database": os.environ.get(URI_VARIABLE, ""), "run": str(run.path.resolve())}
    is_written = {key: before.get(key) for key in known} != known
    if is_written:  # while FiftyOne is being imported
        _write(run, work, frame, mark)
    _write_background(work, run, frame)
    added = {part: int(before.get(part, 0)) for part in _ADDED}
    if server.answer("has")["has"] != mark:
        if not is_written:
            _write(run, work, frame, mark)
        server.order("load", folder=str(work.dataset), mark=mark)
        added = dict.fromkeys(_ADDED, 0)
    state = {**known, **added}
    work.write_state(state)
    _remove(work.dataset)
    return state


def _add(run: Run, work: WorkingFiles, server: ServerProcess, frame: pl.DataFrame, state: dict[str, Any]) -> None:
    """Show the proposals and texts that the App's database lacks; note the progress after each batch."""
    from curate.browse.dataset.texts import texts
    from curate.browse.deciding.proposals import proposed

    for part, order, batches in (
        ("proposed", "propose", proposed(run, frame, state["proposed"])),
        ("described", "describe", texts(frame, state["described"])),
    ):
        for done, found in batches:
            server.order(order, file=str(work.file(f"{part}.json", found)))
            state[part] = done
            work.write_state(state)


def _own_database(work: WorkingFiles, say: Say, stack: ExitStack) -> Mongod | None:
    """The run's database, started. If it can't be, a line says why: None.

    Raises UserError if the program that TEXSIEVE_MONGOD names can't start it: that one was asked for.
    """
    try:
        program = find_mongod()
        if program is None:
            raise UserError(f"its database program mongod is missing; {HOW_TO_GET}")
        return _database(work, program, say, stack)
    except UserError as error:
        if os.environ.get(VARIABLE):
            raise
        say(f"FiftyOne's App can't start: {error}")
        return None


def _database(work: WorkingFiles, program: Path, say: Say, stack: ExitStack) -> Mongod:
    """The run's database, started; an unreadable one is made anew, since the run folder has everything that counts."""
    mongod = Mongod(program, work.database, work.mongod_log)
    stack.callback(mongod.stop)
    try:
        mongod.wait()
    except DamagedError:
        say(f"The database in {work.database} can't be read, so it is made anew")
        _remove(work.database)
        work.state.unlink(missing_ok=True)
        mongod = Mongod(program, work.database, work.mongod_log)
        stack.callback(mongod.stop)
        mongod.wait()
    return mongod


def _write(run: Run, work: WorkingFiles, frame: pl.DataFrame, mark: str) -> None:
    from curate.browse.dataset.writing import write_dataset

    _remove(work.dataset)
    _remove(work.cards)
    _remove(work.photos)
    write_dataset(work.dataset, run, work, frame, mark)


def _remove(folder: Path) -> None:
    shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _listening(port: int | None, usual: int) -> Iterator[socket.socket]:
    """A listening socket on 127.0.0.1: on the port that was asked for, else the usual one or a free one.

    It is bound here, so that a taken port is noticed at once."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as sock:
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", usual if port is None else port))
        except OSError as error:
            if port is not None:
                raise UserError(
                    f"port {port} can't be opened ({error.strerror}); choose another with --port, or leave --port out"
                ) from error
            sock.bind(("127.0.0.1", 0))
        sock.listen(100)
        yield sock


def _write_background(work: WorkingFiles, run: Run, frame: pl.DataFrame) -> None:
    """The painter's jobs of its own: cards of the first samples, then every drawing, worst samples first."""
    from curate.browse.pictures.finding import job

    settings = places(run, work)
    names = (fields.RENDERED, fields.SIDE_BY_SIDE, fields.LABEL, fields.SOURCE, fields.IMAGE, fields.READING)
    seen: set[str] = set()
    path = work.root / "background.jsonl"
    path.with_suffix(".at").unlink(missing_ok=True)
    with path.open("w", encoding="utf-8") as file:
        for number, sample in enumerate(frame.select(names).iter_rows(named=True)):
            if number < _CARDS_AHEAD:
                file.write(json.dumps(job("card", sample[fields.SIDE_BY_SIDE], sample, settings)) + "\n")
            elif sample[fields.RENDERED] not in seen:
                file.write(json.dumps(job("drawing", sample[fields.RENDERED], sample, settings)) + "\n")
            seen.add(sample[fields.RENDERED])
