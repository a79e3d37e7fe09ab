"""The folder beside the target in which an export is made, shard by shard, so that it can continue after a crash.

`.NAME.part` holds `plan.json` (a hash of everything that affects what is written), `done.jsonl` (one row per finished
shard, with its files' hashes), `tmp/`, and `data/`, which is renamed to the target once all is written. If the plan
differs, or a finished shard's files have changed, everything starts anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from curate.base.atomic_files import new_file, put_in_place
from curate.base.errors import UserError
from curate.base.locks import try_lock
from curate.export.tell.manifest import files_below
from curate.runs.folder import file_sha256

_PLAN, _DONE, _LOCK = "plan.json", "done.jsonl", "lock"
#: Everything that is in a working folder.
_OWN = {_PLAN, _DONE, _LOCK, "tmp", "data"}
#: What is known about a file: bytes and sha256.
Facts = Mapping[str, Any]
_ROW_KEYS = {"shard", "files", "size", "late"}


class WorkingFolder:
    """One export's working folder, held by one process at a time. Use as a context manager."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.folder = out.absolute().parent / f".{out.absolute().name}.part"
        self.data = self.folder / "data"
        self.tmp = self.folder / "tmp"
        self._lock: IO[str] | None = None
        #: Where in done.jsonl the shards with files in a folder begin; the last requested folder, and its files.
        self._starts: dict[str, list[int]] = {}
        self._last: tuple[str | None, dict[str, Facts]] = None, {}

    def __enter__(self) -> WorkingFolder:
        names = {path.name for path in self.folder.iterdir()} if self.folder.is_dir() else set()
        # Without any of the other files, `data` is not an export's. A killed `new_file` leaves a hidden one.
        own = _OWN if names & {_PLAN, _DONE, _LOCK} else _OWN - {"data"}
        if others := sorted(name for name in names - own if not name.startswith(".")):
            raise UserError(
                f"{self.folder}: the export needs this folder, but it holds {others[0]!r}; move it away, or name "
                "another place with --out"
            )
        while not self._take_lock():  # an export that ends removes its folder, and the lock in it
            pass
        self._fresh(self.tmp)
        return self

    def _take_lock(self) -> bool:
        """Take the folder's lock; False if folder and lock were removed meanwhile."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with suppress(FileNotFoundError):  # the folder was removed meanwhile
                self._lock = (self.folder / _LOCK).open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(f"{self.out}: can't be written: {error.strerror} ({self.folder})") from error
        if self._lock is None or self._lock.closed:
            return False
        if not try_lock(self._lock):
            self._lock.close()
            raise UserError(f"{self.out}: another export is being written there; wait for it, or name another --out")
        try:
            if os.path.samestat(os.fstat(self._lock.fileno()), (self.folder / _LOCK).stat()):
                return True
        except FileNotFoundError:
            pass
        self._lock.close()
        return False

    def __exit__(self, *_: object) -> None:
        shutil.rmtree(self.tmp, ignore_errors=True)
        if not (self.folder / _PLAN).exists():
            shutil.rmtree(self.folder, ignore_errors=True)
        if self._lock is not None:
            self._lock.close()

    def begin(self, plan: str) -> dict[str, dict[str, Any]]:
        """What is already finished of the export with this hash, by shard; anything else there is removed.

        Raises UserError if another export has put a data set in the place since `check_out`.
        """
        _check_absent(self.out)
        done: dict[str, dict[str, Any]] = {}
        again = self._earlier_plan() == plan
        if not again:
            self._fresh(self.data)
        with new_file(self.folder / _DONE) as checked, checked.open("wb") as file:
            for line, row in self._rows() if again else ():
                if row["shard"] not in done and self._is_whole(row["files"]):
                    done[row["shard"]] = self._noted(row, file.tell())
                    file.write(line.strip() + b"\n")
        self.data.mkdir(exist_ok=True)
        for name in files_below(self.data):
            if self.facts(name) is None:
                (self.data / name).unlink()
        with new_file(self.folder / _PLAN) as noted:
            noted.write_text(json.dumps({"plan": plan}), encoding="utf-8")
        return done

    def finish(self, shard: str, files: Mapping[str, Path], **facts: Any) -> dict[str, Any]:
        """Note that a shard is written; `files` are its files by their name in the data set."""
        listed = {name: {"bytes": path.stat().st_size, "sha256": file_sha256(path)} for name, path in files.items()}
        row = {"shard": shard, "files": listed, **facts}
        with (self.folder / _DONE).open("ab") as file:
            start = file.tell()
            file.write(json.dumps(row).encode() + b"\n")
        return self._noted(row, start)

    def _noted(self, row: dict[str, Any], start: int) -> dict[str, Any]:
        """A row of done.jsonl as held in memory: with `bytes`, the size of all its files, instead of the files."""
        for folder in {_folder(name) for name in row["files"]}:
            self._starts.setdefault(folder, []).append(start)
        self._last = None, {}
        rest = {key: value for key, value in row.items() if key != "files"}
        return {**rest, "bytes": sum(facts["bytes"] for facts in row["files"].values())}

    def facts(self, name: str) -> Facts | None:
        """What is known about a finished shard's file. An image folder has millions, read when needed."""
        folder = _folder(name)
        if folder != self._last[0]:
            found: dict[str, Facts] = {}
            with (self.folder / _DONE).open("rb") as file:
                for start in self._starts.get(folder, ()):
                    file.seek(start)
                    files = json.loads(file.readline())["files"]
                    found.update((name, facts) for name, facts in files.items() if _folder(name) == folder)
            self._last = folder, found
        return self._last[1].get(name)

    def publish(self) -> None:
        """Put the data set in its place. Raises UserError if something has appeared there meanwhile."""
        put_in_place(self.data, self.out.absolute())
        (self.folder / _PLAN).unlink()

    def _earlier_plan(self) -> str | None:
        try:
            return str(json.loads((self.folder / _PLAN).read_text(encoding="utf-8"))["plan"])
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def _rows(self) -> Iterator[tuple[bytes, dict[str, Any]]]:
        try:
            file = (self.folder / _DONE).open("rb")
        except OSError:
            return
        with file:
            for line in file:
                try:
                    row = json.loads(line)
                except ValueError:  # the last one, torn
                    continue
                if isinstance(row, dict) and row.keys() >= _ROW_KEYS:
                    yield line, row

    def _is_whole(self, files: Mapping[str, Mapping[str, Any]]) -> bool:
        return all(
            (path := self.data / name).is_file()
            and path.stat().st_size == facts["bytes"]
            and file_sha256(path) == facts["sha256"]
            for name, facts in files.items()
        )

    def _fresh(self, folder: Path) -> None:
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(parents=True)


def _folder(name: str) -> str:
    return name.rpartition("/")[0]


def _clear_away(out: Path) -> None:
    """Remove the working folder of an export that was killed after putting its data set in place."""
    work = WorkingFolder(out)
    if work.folder.is_dir() and not work.data.exists():
        with suppress(UserError, OSError), work:  # not where another export is just ending
            (work.folder / _PLAN).unlink(missing_ok=True)


def check_out(out: Path) -> None:
    """Raise UserError if `out` exists, or can't be created."""
    if _is_there(out):
        _clear_away(out)
    _check_absent(out)
    parent = next(parent for parent in out.absolute().parents if parent.exists())
    if not parent.is_dir() or not os.access(parent, os.W_OK):
        raise UserError(f"{out}: can't be written: no permission in {parent}")


def _is_there(out: Path) -> bool:
    return out.exists() or out.is_symlink()


def _check_absent(out: Path) -> None:
    if _is_there(out):
        raise UserError(f"{out}: already exists; curate export overwrites nothing, name another folder with --out")
