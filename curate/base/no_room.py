"""Says in one line that there is no room to write: a full disk, a quota, a limit on file size. Makes no room."""

from __future__ import annotations

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryFile

from curate.base.errors import UserError

_WHAT_TO_DO = {
    errno.ENOSPC: "make room on its disk, or name a place on another",
    errno.EDQUOT: "remove files of yours there, ask for a larger quota, or name a place on another disk",
    errno.EFBIG: "raise the limit on the size of files (`ulimit -f`), or name a place on a disk that takes larger ones",
}
#: How polars and pyarrow report the system's error number.
_NUMBER = re.compile(r"\(os error (\d+)\)|\[errno (\d+)\]", re.IGNORECASE)
#: What polars says, without a number, if it can't write the end of a wide table.
_WITHOUT_NUMBER = "transport error"
#: Bytes that are written to learn the number. A full disk may still take a few.
_TRIED = 2**20


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
        number = _number(error) or (_number_of_trial(path.parent) if _WITHOUT_NUMBER in str(error) else 0)
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


def _number_of_trial(folder: Path) -> int:
    """The system's error number if there is no room for another file in `folder`; 0 if there is.

    What couldn't be written whole is still there, so the disk is as full as it was.
    """
    try:
        with TemporaryFile(dir=folder, buffering=0) as file:
            while file.tell() < _TRIED:
                file.write(bytes(_TRIED))
            if limit := _largest_file():
                file.seek(limit)
                file.write(b"0")
    except OSError as error:
        return _number(error)
    return 0


def _largest_file() -> int:
    """The most bytes that this process may write to a file (`ulimit -f`); 0 without such a limit."""
    try:
        import resource
    except ImportError:  # Windows
        return 0
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)[0]
    return 0 if limit == resource.RLIM_INFINITY else limit


def _line(path: Path, number: int) -> str:
    return f"{path}: can't be written: {os.strerror(number).lower()}; {_WHAT_TO_DO[number]}"
