"""Whether a command may replace what is there: only an earlier result of its own, and it says so. Writes nothing.

This is for results that can be made again from files that stay: scores, pages, lists. Data sets, runs and models are
never replaced unless an option asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from curate.base.errors import UserError
from curate.base.given_files import kind_of

#: Added to the line that names a result.
REPLACED = " (replaced an earlier one)"
#: A result is recognised by so many bytes.
_START = 4096


def has_earlier_result(
    command: str, is_result: Callable[[bytes], bool], first: Path, *others: Path, option: str | None = "--out"
) -> bool:
    """Whether there is an earlier result to replace.

    Args:
        command: for messages, such as `finetune evaluate`.
        is_result: gets the first bytes of `first`, and tells whether the command wrote it.
        first: the file that is written first. An empty file isn't a result, and may be replaced.
        others: the other files of the result. If `first` is a result, they belong to it.
        option: the one that names the place; None if there is none.

    Raises:
        UserError: if something else is in the place of one of the files.
    """
    way_out = "move it away" if option is None else f"name another place with {option}"
    for path in (first, *others):
        if path.is_dir():
            raise UserError(f"{path}: is a folder, but a file must be written there; {way_out}")
        if path.exists() and not path.is_file():
            raise UserError(f"{path}: is {kind_of(path)}, not a file; {way_out}")
    # The first last: if another process is writing the same result, it has written that one before the others.
    starts = {path: _start_of(path, way_out) for path in (*others, first)}
    if starts[first] and is_result(starts[first]):
        return True
    for path in (first, *others):
        if starts[path]:
            raise UserError(
                f"{path}: already exists and doesn't look like a result of {command}, which replaces nothing else; "
                f"remove it, or {way_out}"
            )
    return False


def _start_of(path: Path, way_out: str) -> bytes:
    """The first bytes of a file, none if it doesn't exist."""
    try:
        with path.open("rb") as file:
            return file.read(_START)
    except FileNotFoundError:
        return b""
    except OSError as error:
        raise UserError(f"{path}: can't be read ({error.strerror}); {way_out}") from error
