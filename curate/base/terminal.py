"""How commands talk to a terminal: errors as one line, progress bars, the width there is. Knows no command."""

from __future__ import annotations

import io
import os
import re
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any

import click

from curate.base.errors import UserError
from curate.base.extras import EXTRA_OF, missing
from curate.base.stopping import ended_in_order
from curate.base.tables import count, things
from curate.base.visible import visible
from rules.workers.process import HelperError
from rules.workers.spread import isolated

DONE, FINDINGS_REACHED, BAD_INPUT = 0, 1, 2


def width() -> int:
    """Cells a line has: the terminal's, or 120 in a pipe."""
    return shutil.get_terminal_size((120, 24)).columns


def program() -> str:
    """The name that the running command line was called by, for lines on standard error."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "texsieve"


def say(text: str | bytes = "") -> None:
    """Print a line; bytes go out as they are, for JSON, which is UTF-8 whatever the terminal's encoding.

    A reader that went away (`curate check … | head`) is no error: the rest is dropped, and the command goes on to its
    own exit code. A gate with `--fail-on` must not pass, nor fail, because of how much of it was looked at.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)


class Bars:
    """One progress bar a stage on standard error: how much is done, the time left, and how many are done in a second.
    Nothing where that is no terminal. A `curate.audit.Progress`."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._done = self._before = 0
        self._start = 0.0
        self._shown = sys.stderr is not None and sys.stderr.isatty()  # None where it was closed: 2>&-

    def __call__(self, stage: str, done: int, of: int) -> None:
        if not self._shown:
            return
        if stage != self._stage:
            self._finish()
            self._stage, self._done = stage, 0
            self._start, self._before = time.monotonic(), done
            self._bar = click.progressbar(
                length=max(of, 1), label=f"{stage:10}", file=sys.stderr, item_show_func=lambda _: self._rate()
            )
            self._bar.__enter__()
        step, self._done = done - self._done, done
        self._bar.update(step)

    def _rate(self) -> str | None:
        """How many are done in a second, without those that were done from the start; None where that says nothing."""
        seconds, done = time.monotonic() - self._start, self._done - self._before
        return f"{count(round(done / seconds))}/s" if done > 1 and seconds > 0.5 else None

    def _finish(self) -> None:
        if self._bar is not None:
            self._bar.__exit__(None, None, None)
            self._bar = None

    def __enter__(self) -> Bars:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()


def run(program: str, command: click.Command, arguments: Sequence[str] | None = None) -> int:
    """Run a click command and turn what goes wrong into one line on standard error. Returns the exit code.

    What helper processes can do is done by them, so that a label that crashes native code, or has it hang, is lost and
    nothing else: see `rules.workers.spread`. What was lost, and faults that the command caught and went on from
    (`rules.faults`), are a line each on standard error. `--debug`, anywhere among the arguments before a `--`, puts the
    traceback above an error's line, and has the first fault end the command.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    debug = "--debug" in given[:end]
    given = [argument for argument in given[:end] if argument != "--debug"] + given[end:]
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A label may hold what the terminal's encoding lacks, and a path what no encoding has.
        utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="backslashreplace" if utf8 else "replace")
    asked: list[int] = []
    try:
        with (
            ended_in_order() as asked,
            _plugins_told(program),
            _faults_told(program, strict=debug or None),
            _apart(program),
        ):
            code = command.main(args=given, prog_name=program, standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except click.exceptions.NoArgsIsHelpError as error:
        click.echo(error.format_message(), err=True)
        return BAD_INPUT
    except (click.Abort, KeyboardInterrupt):
        return _stopped(program, asked)
    except SystemExit:
        return DONE  # click's own way out where the reader of `--help` went away
    except BaseException as error:  # what Rust panics with is no Exception
        if debug:
            traceback.print_exception(error)
        if asked:  # native code made this of it
            return _stopped(program, asked)
        # A message may quote data or a file's name: one line, and nothing in it that could drive the terminal.
        click.echo(f"{program}: error: {visible(' '.join(_message(error).split()))}", err=True)
        return BAD_INPUT


def _stopped(program: str, asked: list[int]) -> int:
    click.echo(f"{program}: stopped", err=True)
    return 128 + (asked[-1] if asked else signal.SIGINT)


@contextmanager
def _faults_told(program: str, strict: bool | None) -> Iterator[None]:
    """Inside, faults are collected; at the end, however it comes, each kind is a line on standard error."""
    from rules import faults

    with faults.collected(strict=strict) as found:
        try:
            yield
        finally:
            for fault in found.all():
                click.echo(f"{program}: {visible(str(fault))}", err=True)


@contextmanager
def _plugins_told(program: str) -> Iterator[None]:
    """At the end, what was left out of other packages is a line each on standard error."""
    try:
        yield
    finally:
        plugins = sys.modules.get("rules.plugins")  # not imported where nothing asked for any: it takes a while
        for line in plugins.left_out() if plugins else ():
            click.echo(f"{program}: {visible(line)}", err=True)


@contextmanager
def _apart(program: str) -> Iterator[None]:
    """Inside, work is done by helpers; at the end, items that were lost are told of, a line for each kind of work."""
    with isolated() as lost:
        try:
            yield
        finally:
            for to in dict.fromkeys(to for to, _ in lost):
                some = [item for kind, item in lost if kind == to]
                first = visible(" ".join(str(some[0].item).split()))[:80]
                text = f"{program}: could not {to} {things(len(some), 'item')}; of the first, {first}, {some[0].why}"
                click.echo(text, err=True)


def _message(error: BaseException) -> str:
    """What went wrong and, where it is known, what to do."""
    if isinstance(error, UserError | HelperError):
        return str(error)
    if isinstance(error, click.ClickException):
        hint = f"; see {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        return error.format_message().rstrip(".") + hint
    if isinstance(error, MemoryError):
        return "out of memory; work on fewer rows or sources at once"
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name in EXTRA_OF:
        return missing(error.name, "this")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        if error.filename and isinstance(error, FileExistsError | NotADirectoryError):
            return f"{where}is a file where a folder is needed"
        return f"{where}{error.strerror}"
    from rules.faults import FaultError

    if isinstance(error, FaultError):
        return str(error).partition("\n")[0]
    told = re.search(r"([^:]+) \(os error \d+\)", str(error))  # as polars passes on what the system says
    if told:
        return told[1].strip()
    return f"a fault in texsieve: {type(error).__name__}: {error}; --debug shows where"


def exit_code(fail_on: str | None, severities: dict[str, int]) -> int:
    """The exit code of a command with `--fail-on`: 1 where a finding is of that severity or worse."""
    if fail_on is None:
        return DONE
    reached = severities.get("error", 0) or (fail_on == "warning" and severities.get("warning", 0))
    return FINDINGS_REACHED if reached else DONE
