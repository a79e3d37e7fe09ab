"""How commands talk to a terminal: errors as one line, progress bars, the width there is. Knows no command."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any

import click

from curate.errors import UserError

DONE, FINDINGS_REACHED, BAD_INPUT = 0, 1, 2


def width() -> int:
    """Cells a line has: the terminal's, or 120 in a pipe."""
    return shutil.get_terminal_size((120, 24)).columns


class Bars:
    """One progress bar a stage on standard error; nothing where that is no terminal. Call it as `curate.audit.Progress`."""

    def __init__(self) -> None:
        self._bar: Any = None
        self._stage = ""
        self._done = 0
        self._shown = sys.stderr.isatty()

    def __call__(self, stage: str, done: int, of: int) -> None:
        if not self._shown:
            return
        if stage != self._stage:
            self._finish()
            self._stage, self._done = stage, 0
            self._bar = click.progressbar(length=max(of, 1), label=f"{stage:8}", file=sys.stderr)
            self._bar.__enter__()
        self._bar.update(done - self._done)
        self._done = done

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

    `--debug`, anywhere among the arguments before a `--`, lets tracebacks through.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    options = given[: given.index("--")] if "--" in given else given
    debug = "--debug" in options
    if debug:
        given.remove("--debug")
    try:
        code = command.main(args=given, prog_name=program, standalone_mode=False)
        return code if isinstance(code, int) else DONE
    except UserError as error:
        return _fail(program, error, str(error), debug)
    except click.ClickException as error:
        hint = f"; see {error.ctx.command_path} --help" if isinstance(error, click.UsageError) and error.ctx else ""
        return _fail(program, error, error.format_message().rstrip(".") + hint, debug)
    except (click.Abort, KeyboardInterrupt):
        click.echo(f"{program}: stopped", err=True)
        return 130
    except BrokenPipeError:
        # The reader of our output went away (`curate rules | head`): not an error, but Python would complain at exit.
        sys.stderr.close()
        return DONE
    except MemoryError as error:
        return _fail(program, error, "out of memory; audit fewer rows at once with --limit, or fewer sources", debug)
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return _fail(program, error, f"{where}{error.strerror or error}", debug)
    except Exception as error:
        message = f"a fault in texsieve: {type(error).__name__}: {error}; --debug shows where"
        return _fail(program, error, message, debug)


def _fail(program: str, error: BaseException, message: str, debug: bool) -> int:
    if debug:
        raise error
    click.echo(f"{program}: error: {' '.join(message.split())}", err=True)
    return BAD_INPUT


def exit_code(fail_on: str | None, severities: dict[str, int]) -> int:
    """The exit code of a command with `--fail-on`: 1 where a finding is of that severity or worse."""
    if fail_on is None:
        return DONE
    reached = severities.get("error", 0) or (fail_on == "warning" and severities.get("warning", 0))
    return FINDINGS_REACHED if reached else DONE


Command = Callable[..., Any]
