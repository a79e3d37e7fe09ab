"""An archive as a folder in the cache: its label files unchanged, its pictures as empty files with their names.

Everything that recognises and reads a data set works on such a folder; the pictures themselves stay in the archive.
"""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from curate.archives import cache, names
from curate.archives.opening import open_archive
from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS

#: Larger label files must be unpacked by hand.
MAX_LABELS = 16 << 30
#: The file of an entry that says where its archives are.
_HOMES = ".archives.json"
#: A name is too long, not allowed on this file system, both a folder's and a file's, or differs from another in case.
_NO_NAME = (errno.EEXIST, errno.ENOTDIR, errno.EISDIR, errno.ENAMETOOLONG, errno.EINVAL, errno.EILSEQ)


def tree_of(archives: Sequence[Path]) -> Path:
    """The folder that holds one subfolder per archive, named after it; made now if it doesn't exist.

    Raises UserError as `open_archive` does.
    """

    def make(target: Path) -> None:
        for archive in archives:
            _make(archive, target / archive.resolve().name)
        homes = {archive.resolve().name: os.fsdecode(archive.resolve()) for archive in archives}
        (target / _HOMES).write_text(json.dumps(homes), encoding="utf-8", errors="surrogateescape")
        if hasattr(os, "sync"):
            os.sync()  # a label file left empty by a power cut would be trusted

    return cache.entry(archives, ".tree", make)


def stood_for(path: Path) -> tuple[Path, str] | None:
    """(archive, member) of the picture that an empty file in the cache stands for; None for any other file."""
    folder = _real_folder(os.environ.get("TEXSIEVE_CACHE"), os.environ.get("XDG_CACHE_HOME"))
    if not os.fspath(path).startswith(folder):
        return None
    entry, *below = path.relative_to(folder).parts
    if len(below) < 2 or not entry.endswith(".tree") or path.stat().st_size:
        return None
    return Path(_homes(f"{folder}{entry}")[below[0]]), "/".join(below[1:])


@lru_cache(maxsize=8)
def _real_folder(*_said: str | None) -> str:
    """The cache folder with links resolved and a trailing slash; environment variables decide where it is."""
    return f"{os.path.realpath(cache.folder())}{os.sep}"


@lru_cache(maxsize=64)
def _homes(entry: str) -> dict[str, str]:
    """Where the archives of an entry are, by name."""
    found: dict[str, str] = json.loads(Path(entry, _HOMES).read_text(encoding="utf-8", errors="surrogateescape"))
    return found


def unpacked_member(archive: Path, name: str) -> Path:
    """A label file, table or pickle in an archive as a file. Raises UserError if it doesn't exist."""
    path = tree_of([archive]) / archive.resolve().name / name
    if names.tidy(name) != (name, None) or not path.is_file():
        raise UserError(f"{archive}: it has no {name!r}")
    return path


def _make(archive: Path, top: Path) -> None:
    contents = open_archive(archive)
    stamp = archive.stat()
    texts = contents.texts
    if sum(texts.values()) > MAX_LABELS:
        raise UserError(f"{archive}: {sum(texts.values()):,} bytes besides its pictures; unpack it by hand")
    top.mkdir(parents=True)
    cache.check_room(top, sum(texts.values()))
    made: set[str] = set()
    start = f"{top}/"  # pathlib would take longer than the file system
    for name in contents.members:
        if name not in texts and not name.lower().endswith(IMAGE_ENDINGS):
            continue
        path = f"{start}{name}"
        folder = name.rpartition("/")[0]
        try:
            if folder not in made:
                (top / folder).mkdir(parents=True, exist_ok=True)
                made.add(folder)
            file = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o644)
        except OSError as error:
            if error.errno not in _NO_NAME:
                raise
            contents.left_out[names.UNWRITABLE] += 1
            continue
        if name not in texts:
            os.close(file)
            continue
        with os.fdopen(file, "wb") as out:
            contents.copy(name, out)
        # Caches made from this file depend on its time, so it must be the same when the tree is made again.
        os.utime(path, ns=(stamp.st_mtime_ns, stamp.st_mtime_ns))
