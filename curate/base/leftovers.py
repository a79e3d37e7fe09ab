"""Finds what an interrupted replacement left beside a folder, and restores or removes it. Replaces no folder itself.

A writer that is running, or was killed, can have these beside a folder NAME:

- `.NAME.*.tmp`: a new folder that isn't finished, or an old one that has been replaced and not yet removed;
- `.NAME.*.old/NAME`: the old folder, if the system can't swap two in one step. NAME is absent between the steps.

Beside a file NAME it can have `.NAME.*.tmp`: a new file that isn't finished.

A writer locks what it makes, so that no other process takes it for a leftover.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from glob import escape
from pathlib import Path
from secrets import token_hex

from curate.base.errors import UserError
from curate.base.locks import held_folder, try_lock

UNFINISHED, ASIDE = ".tmp", ".old"
#: A younger folder may belong to a writer that hasn't locked it yet.
_JUST_MADE_S = 60.0
#: Two renames take milliseconds: a writer that takes longer was stopped between them.
_WAIT_S = 10.0
#: If locks can't tell whether a writer is running, it gets this long to finish.
_SETTLE_S = 1.0
_told: set[str] = set()


def real(path: Path) -> Path:
    """The path to rename for `path`: a link stays, and its target is replaced."""
    return Path(os.path.realpath(path)) if path.is_symlink() else path  # `resolve` fails for a link to itself


def restore(path: Path, logs: Sequence[str] = ()) -> bool:
    """Whether there is something at `path`. First puts back what an interrupted replacement moved away from there.

    logs: names of append-only files in the folder. If one that was moved away has lines that are missing from the
    current one, a note says so. Raises UserError if the old folder can't be put back, or if another process is
    replacing it.
    """
    path = real(path)
    until = time.monotonic() + _WAIT_S
    while not path.exists():
        homes = [home for home in _leftovers(path, ASIDE) if os.path.lexists(home / path.name)]
        if not homes:
            # A writer may have finished since the first look.
            return path.exists()
        if not _put_back(max(homes, key=_changed), path):
            if time.monotonic() > until:
                raise UserError(f"{path}: another process is putting a new folder there; try again in a few seconds")
            time.sleep(0.02)
    with suppress(OSError):
        for home in _leftovers(path, ASIDE):
            _tell_of_logs(home / path.name, home, path, logs)
    return True


def _put_back(home: Path, path: Path) -> bool:
    """Rename the folder in `home` to `path`; False if a running writer holds it."""
    with held_folder(home) as held:
        if held is False:
            return False
        if held is None:
            time.sleep(_SETTLE_S)
        old = home / path.name
        if path.exists() or not os.path.lexists(old):
            return True
        try:
            old.rename(path)
        except OSError as error:
            if path.exists() or not os.path.lexists(old):
                return True
            raise UserError(
                f"{path}: an interrupted replacement moved it to {old}, and moving it back failed: {error.strerror}"
            ) from error
        with suppress(OSError):
            home.rmdir()
    note(f"{path}: put back from {home.name}, where an interrupted replacement had left it")
    return True


def clear_away(path: Path, logs: Sequence[str] = ()) -> None:
    """Remove what killed writers of `path` left behind: they no longer lock their folders.

    A folder stays, and a note says so, if one of its `logs` has lines that are missing from the one in `path`.
    """
    for ending in (UNFINISHED, ASIDE):
        for entry in _leftovers(path, ending):
            old = entry if ending == UNFINISHED else entry / path.name
            with suppress(OSError):  # already gone, or not readable
                if time.time() - entry.stat().st_mtime < _JUST_MADE_S:
                    continue
                with held_folder(entry) as held:
                    if not held or _tell_of_logs(old, entry, path, logs):
                        continue
                    if ending == ASIDE and old.exists():
                        note(f"{path}: removed the previous version, which an interrupted replacement had left")
                    shutil.rmtree(entry, ignore_errors=True)


#: Unfinished files by folder, listed when this process first wrote there, since a folder may have 100,000 other files.
_unfinished: dict[Path, list[str]] = {}


def clear_files(path: Path) -> None:
    """Remove the unfinished files that killed writers of the file `path` left behind: they no longer lock them."""
    folder = path.parent.absolute()
    if folder not in _unfinished:
        with suppress(OSError):
            with os.scandir(folder) as entries:
                names = [entry.name for entry in entries]
            _unfinished[folder] = [name for name in names if name[:1] == "." and name.endswith(UNFINISHED)]
    for name in _unfinished.get(folder, ()):
        if len(name) == len(path.name) + len("..12345678") + len(UNFINISHED) and name.startswith(f".{path.name}."):
            with suppress(OSError), (folder / name).open("rb") as file:  # already gone, or not readable
                if time.time() - os.fstat(file.fileno()).st_mtime >= _JUST_MADE_S and try_lock(file):
                    (folder / name).unlink()


def discard(folder: Path, path: Path, logs: Sequence[str] = ()) -> None:
    """Remove a folder that the one at `path` has replaced.

    It stays if one of its `logs` has lines that are missing from the one in `path`: those of a program without a lock.
    """
    if not _lacking(folder, path, logs):
        shutil.rmtree(folder, ignore_errors=True)
        return
    home = beside(path, ASIDE)
    home.mkdir(mode=0o700)
    folder.rename(home / path.name)
    _tell_of_logs(home / path.name, home, path, logs)


def beside(path: Path, ending: str) -> Path:
    """A free name beside `path`, with the ending UNFINISHED or ASIDE. Made here and not by the function that makes the
    folder, so that whoever asks knows it before the folder exists, and a signal at any moment leaves nothing."""
    return path.parent / f".{path.name}.{token_hex(4)}{ending}"


def _leftovers(path: Path, ending: str) -> list[Path]:
    # The names of `beside`. For `run`, a star would also match leftovers of `run.2`.
    return sorted(path.parent.glob(f".{escape(path.name)}.{'?' * 8}{ending}"))


def _changed(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _tell_of_logs(old: Path, left: Path, path: Path, logs: Sequence[str]) -> bool:
    """Say which logs in `old` have lines that are missing from those in `path`. True if there are any."""
    lacking = _lacking(old, path, logs)
    for name, number in lacking.items():
        lines = "1 line" if number == 1 else f"{number:,} lines"
        note(
            f"{old / name}: an interrupted replacement left {lines} that {path / name} lacks; put them at "
            f"the start of that file, or remove {left}"
        )
    return bool(lacking)


def _lacking(old: Path, path: Path, logs: Sequence[str]) -> dict[str, int]:
    """By log, how many lines in `old` are missing in `path`; logs without missing lines are left out."""
    counts = {name: (_lines(old / name) - _lines(path / name)).total() for name in logs}
    return {name: count for name, count in counts.items() if count}


def _lines(log: Path) -> Counter[bytes]:
    try:
        return Counter(line for line in log.read_bytes().split(b"\n") if line.strip())
    except (FileNotFoundError, NotADirectoryError):
        return Counter()


def note(text: str) -> None:
    """Print one line on standard error, once per process."""
    import click

    from curate.base.visible import visible

    if text not in _told:
        _told.add(text)
        click.echo(visible(text), err=True)
