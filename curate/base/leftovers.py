"""Finds what an interrupted replacement left beside a folder, puts it back and clears it away. Replaces nothing itself.

Beside a folder NAME may lie, of a writer that lives or was killed:

- `.NAME.*.tmp`: a new folder that isn't finished, or an old one that was replaced and isn't removed yet;
- `.NAME.*.old/NAME`: the old folder, where the system can't exchange two in one step. NAME is absent between the steps.

A writer holds the lock of what it makes, so that nobody takes it for a leftover.
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
from tempfile import mkdtemp

from curate.base.errors import UserError
from curate.base.locks import held_folder

UNFINISHED, ASIDE = ".tmp", ".old"
#: A folder that is younger may belong to a writer that has not come to hold it yet.
_JUST_MADE_S = 60.0
#: Two renames take milliseconds: whoever takes longer was stopped between them.
_WAIT_S = 10.0
#: Where locks don't say whether a writer lives, it is given this long to finish.
_SETTLE_S = 1.0
_told: set[str] = set()


def real(path: Path) -> Path:
    """The path that is renamed for `path`: a link stays, and what it leads to is replaced."""
    return path.resolve() if path.is_symlink() else path


def restore(path: Path, logs: Sequence[str] = ()) -> bool:
    """Is there something at `path`? What an interrupted replacement moved away from there is put back first.

    logs: names of append-only files in the folder. Where one that was moved away has lines that the present one lacks,
    a note says so. Raises UserError where the old folder can't be put back, or another process is just replacing it.
    """
    path = real(path)
    until = time.monotonic() + _WAIT_S
    while not path.exists():
        homes = [home for home in _leftovers(path, ASIDE) if os.path.lexists(home / path.name)]
        if not homes:
            # A writer that was just looked for may have finished in between.
            return path.exists()
        if not _put_back(max(homes, key=_changed), path):
            if time.monotonic() > until:
                raise UserError(f"{path}: another process is putting a new folder there; try again in some seconds")
            time.sleep(0.02)
    with suppress(OSError):
        for home in _leftovers(path, ASIDE):
            _tell_of_logs(home / path.name, home, path, logs)
    return True


def _put_back(home: Path, path: Path) -> bool:
    """Rename the folder in `home` to `path`; False where a living writer holds it."""
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
                f"{path}: an interrupted replacement moved it to {old}, and it can't be put back: {error.strerror}"
            ) from error
        with suppress(OSError):
            home.rmdir()
    note(f"{path}: put back from {home.name}, where a replacement that was interrupted had left it")
    return True


def clear_away(path: Path, logs: Sequence[str] = ()) -> None:
    """Remove what writers of `path` left that were killed: they hold their folders no more.

    A folder stays, and a note says so, where one of its `logs` has lines that the one in `path` lacks.
    """
    for ending in (UNFINISHED, ASIDE):
        for entry in _leftovers(path, ending):
            old = entry if ending == UNFINISHED else entry / path.name
            with suppress(OSError):  # gone by now, or not ours to open
                if time.time() - entry.stat().st_mtime < _JUST_MADE_S:
                    continue
                with held_folder(entry) as held:
                    if not held or _tell_of_logs(old, entry, path, logs):
                        continue
                    if ending == ASIDE and old.exists():
                        note(f"{path}: the version before it, left by an interrupted replacement, is removed")
                    shutil.rmtree(entry, ignore_errors=True)


def discard(folder: Path, path: Path, logs: Sequence[str] = ()) -> None:
    """Remove a folder that the one at `path` has replaced.

    It is kept where one of its `logs` has lines that the one in `path` lacks, as of a program that takes no lock.
    """
    if not _lacking(folder, path, logs):
        shutil.rmtree(folder, ignore_errors=True)
        return
    home = aside_of(path)
    folder.rename(home / path.name)
    _tell_of_logs(home / path.name, home, path, logs)


def aside_of(path: Path) -> Path:
    """A new folder beside `path` that the old one can be moved into."""
    return Path(mkdtemp(prefix=f".{path.name}.", suffix=ASIDE, dir=path.parent))


def _leftovers(path: Path, ending: str) -> list[Path]:
    # As `mkdtemp` names them: a star would find those of `run.2` for `run`, too.
    return sorted(path.parent.glob(f".{escape(path.name)}.{'?' * 8}{ending}"))


def _changed(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:
        return 0.0


def _tell_of_logs(old: Path, left: Path, path: Path, logs: Sequence[str]) -> bool:
    """Say which logs in `old` have lines that those in `path` lack. Are there any?"""
    lacking = _lacking(old, path, logs)
    for name, number in lacking.items():
        lines = "1 line" if number == 1 else f"{number:,} lines"
        note(
            f"{old / name}: has {lines} that {path / name} lacks, left by an interrupted replacement; put them before "
            f"its own, or remove {left}"
        )
    return bool(lacking)


def _lacking(old: Path, path: Path, logs: Sequence[str]) -> dict[str, int]:
    """How many lines of each log in `old` the one in `path` lacks; logs that lack none are left out."""
    counts = {name: (_lines(old / name) - _lines(path / name)).total() for name in logs}
    return {name: count for name, count in counts.items() if count}


def _lines(log: Path) -> Counter[bytes]:
    try:
        return Counter(line for line in log.read_bytes().split(b"\n") if line.strip())
    except (FileNotFoundError, NotADirectoryError):
        return Counter()


def note(text: str) -> None:
    """One line on standard error, once in a process."""
    import click

    from curate.base.visible import visible

    if text not in _told:
        _told.add(text)
        click.echo(visible(text), err=True)
