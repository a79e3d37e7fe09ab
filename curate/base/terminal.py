"""What commands print to a terminal: errors as one line, progress bars, lines to its width. Knows no command."""

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
from pathlib import Path
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
    """Cells per line: the terminal's width, or 120 in a pipe."""
    return shutil.get_terminal_size((120, 24)).columns


def program() -> str:
    """The name that the running command line was called by, for lines on standard error."""
    context = click.get_current_context(silent=True)
    return (context.find_root().info_name if context else None) or "texsieve"


def say(text: str | bytes = "") -> None:
    """Print a line. Bytes are written unchanged: JSON is UTF-8 whatever the terminal's encoding.

    If the reader closes the pipe (`curate check … | head`), that is no error: the rest is dropped, and the command goes
    on to its own exit code. How much of the output is read must not decide whether `--fail-on` passes.
    """
    try:
        click.echo(text)
    except BrokenPipeError:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, sys.stdout.fileno())
        os.close(nowhere)
    except OSError as error:
        error.filename = "standard output"  # for the message
        raise


class Bars:
    """One progress bar per stage on standard error, with the time left and the rate. Prints nothing if standard error
    is not a terminal. A `curate.audit.Progress`."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._done = self._before = 0
        self._start = 0.0
        self._shown = sys.stderr is not None and sys.stderr.isatty()  # None if it was closed: 2>&-

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
        """The rate, without items that were done from the start; None if there is too little to measure."""
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
    """Run a click command and turn an error into one line on standard error. Returns the exit code.

    Helper processes do the work that can crash or hang native code, so that only the label at fault is lost (see
    `rules.workers.spread`). Lost items, and faults that the command caught (`rules.faults`), are reported in one line
    each on standard error. `--debug`, anywhere among the arguments before a `--`, prints the traceback above the error,
    and ends the command at the first fault.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    end = given.index("--") if "--" in given else len(given)
    debug = "--debug" in given[:end]
    given = [argument for argument in given[:end] if argument != "--debug"] + given[end:]
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A label may have characters that the terminal's encoding lacks, and a path bytes that no encoding has.
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
    except KeyboardInterrupt:
        return _stopped(program, asked)
    except SystemExit:
        return DONE  # click exits like this if the reader of `--help` closes the pipe
    except BaseException as error:  # a Rust panic is not an Exception
        if debug:
            traceback.print_exception(error)
        if isinstance(error, click.Abort):
            if not isinstance(error.__cause__, EOFError):
                return _stopped(program, asked)
            error = error.__cause__  # click takes every one for the end of the terminal, a broken file's too
        if asked:  # native code turned the stop into this error
            return _stopped(program, asked)
        # A message may quote data or a file name: keep it to one line, without control characters.
        click.echo(f"{program}: error: {visible(' '.join(_message(error).split()))}", err=True)
        return BAD_INPUT


def _stopped(program: str, asked: list[int]) -> int:
    click.echo(f"{program}: stopped", err=True)
    return 128 + (asked[-1] if asked else signal.SIGINT)


@contextmanager
def _faults_told(program: str, strict: bool | None) -> Iterator[None]:
    """Inside, faults are collected; at the end, even after an error, each kind is reported in one line."""
    from rules import faults

    with faults.collected(strict=strict) as found:
        try:
            yield
        finally:
            for fault in found.all():
                click.echo(f"{program}: {visible(str(fault))}", err=True)


@contextmanager
def _plugins_told(program: str) -> Iterator[None]:
    """At the end, each plugin that was left out is reported in one line on standard error."""
    try:
        yield
    finally:
        plugins = sys.modules.get("rules.plugins")  # importing takes a while, so don't if nothing needed it
        for line in plugins.left_out() if plugins else ():
            click.echo(f"{program}: {visible(line)}", err=True)


@contextmanager
def _apart(program: str) -> Iterator[None]:
    """Inside, helpers do the work; at the end, lost items are reported, in one line for each kind of work."""
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
    """What went wrong and, if known, what to do."""
    if isinstance(error, UserError | HelperError):
        return str(error)
    if isinstance(error, click.ClickException):
        text = error.format_message().rstrip(".")
        if not isinstance(error, click.UsageError) or error.ctx is None:
            return text
        return f"{text}{' See' if text.endswith('?') else '; see'} {error.ctx.command_path} --help"
    if isinstance(error, MemoryError):
        return "out of memory; work on fewer rows or sources at once"
    if isinstance(error, ModuleNotFoundError) and error.name is not None and error.name in EXTRA_OF:
        return missing(error.name, "this")
    if isinstance(error, OSError) and error.strerror:
        where = f"{error.filename}: " if error.filename else ""
        if error.filename and isinstance(error, FileExistsError | NotADirectoryError):
            return _no_folder(Path(error.filename))
        return f"{where}{error.strerror}"
    from rules.faults import FaultError

    if isinstance(error, FaultError):
        return str(error).partition("\n")[0]
    if type(error).__module__.startswith("polars"):  # not imported here: `curate --help` needs none of it
        from curate.base.read_apart import first_line, is_damage

        if is_damage(error):  # sources name their own
            return f"a table of the run is damaged ({first_line(error)}); audit the source again, with another --out"
    told = re.search(r"([^:]+) \(os error \d+\)", str(error))  # how polars reports a system error
    if told:
        return told[1].strip()
    return f"a fault in texsieve: {type(error).__name__}: {error}; --debug shows where"


def _no_folder(path: Path) -> str:
    """What is in the place of a folder that a path needs."""
    from curate.base.given_files import no_folder

    inside = next((one for one in (*reversed(path.parents), path) if one.exists() and not one.is_dir()), path)
    return f"{inside}: {no_folder(inside)}; name another place"


def exit_code(fail_on: str | None, severities: dict[str, int]) -> int:
    """The exit code of a command with `--fail-on`: 1 if a finding has that severity or worse."""
    if fail_on is None:
        return DONE
    reached = severities.get("error", 0) or (fail_on == "warning" and severities.get("warning", 0))
    return FINDINGS_REACHED if reached else DONE
