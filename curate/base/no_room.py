"""Says in one line that a place can't hold more: a full disk, a quota, a limit on the size of files. Makes no room."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from curate.base.errors import UserError

_WHAT_TO_DO = {
    errno.ENOSPC: "make room on its disk, or name a place on another",
    errno.EDQUOT: "remove files of yours there, ask for a larger quota, or name a place on another disk",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`), or name a place on a disk that takes larger ones",
}
#: How polars and pyarrow pass on what the system says.
_NUMBER = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)


class NoRoom(UserError):
    """There is no room at a place."""


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Inside, what is raised because `path`, or what lies in it, can't be written for want of room becomes a NoRoom."""
    try:
        yield
    except NoRoom as error:  # of a file in a folder that isn't in its place yet
        raise NoRoom(_line(path, _number(error.__cause__))) from error.__cause__
    except Exception as error:
        number = _number(error)
        if not number:
            raise
        raise NoRoom(_line(path, number)) from error


def _number(error: BaseException | None) -> int:
    """The system's number for want of room; 0 where that isn't what happened. A writer that is closed because of it may
    raise something of its own."""
    while error is not None:
        found = _NUMBER.search(str(error))
        number = (
            error.errno if isinstance(error, OSError) and error.errno else int(found[1] or found[2]) if found else 0
        )
        if number in _WHAT_TO_DO:
            return number
        error = error.__cause__ or error.__context__
    return 0


def _line(path: Path, number: int) -> str:
    return f"{path}: can't be written: {os.strerror(number).lower()}; {_WHAT_TO_DO[number]}"
