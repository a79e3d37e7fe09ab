"""Says in one line that there is no room to write: a full disk, a quota, a limit on file size. Makes no room."""

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
#: How polars and pyarrow report the system's error number.
_NUMBER = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)


class NoRoom(UserError):
    """There is no room to write something."""


@contextmanager
def room_for(path: Path) -> Iterator[None]:
    """Inside, an error because there is no room to write `path`, or something in it, becomes a NoRoom."""
    try:
        yield
    except NoRoom as error:  # about a file in a folder that hasn't been renamed yet
        raise NoRoom(_line(path, _number(error.__cause__))) from error.__cause__
    except Exception as error:
        number = _number(error)
        if not number:
            raise
        raise NoRoom(_line(path, number)) from error


def _number(error: BaseException | None) -> int:
    """The system's error number for a lack of room; 0 for any other error. Looks through the chain of causes, because a
    writer that is closed after such an error may raise one of its own."""
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
