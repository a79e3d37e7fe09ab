"""Reads and appends to decisions.jsonl, and says which decision stands for each sample. Applies none to a label.

The file is append-only, with one decision per row. The latest one stands; `undo` takes back the latest that stands. A
row holds sample_id, action, label, label_sha256 (of the label that was judged, UTF-8), who and when (ISO 8601, UTC).

Several programs may append at once while an audit replaces the run folder with a new one. So each holds a lock on the
file, and whoever gets the lock of a file that is no longer the run's tries again.
"""

from __future__ import annotations

import getpass
import hashlib
import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args

from curate.base.atomic_files import flush_to_disk
from curate.base.errors import UserError
from curate.base.leftovers import restore
from curate.base.locks import wait_for_lock
from curate.base.surrogates import check_characters, half_a_pair

Action = Literal["accept", "fix", "edit", "reject", "undo"]
ACTIONS: tuple[str, ...] = get_args(Action)
DECISIONS_FILE = "decisions.jsonl"
#: Windows would write another line end.
_OPEN = os.O_RDWR | os.O_APPEND | os.O_CREAT | getattr(os, "O_BINARY", 0)


@dataclass(frozen=True)
class Decision:
    """One row of the file. `label` is the new label of `edit` and `fix`; `fix` may leave it to the fixer (None)."""

    sample_id: str
    action: str
    label: str | None
    label_sha256: str
    who: str = ""
    when: str = ""

    def is_about(self, label: str) -> bool:
        """Is this the label that was judged? A decision about another label must not be applied to this one."""
        return self.label_sha256 == label_sha256(label)


@dataclass(frozen=True)
class Decisions:
    """The decisions that stand, by sample; `rows` lines were read, `unreadable` lines were not."""

    standing: dict[str, Decision] = field(default_factory=dict)
    rows: int = 0
    unreadable: tuple[int, ...] = ()


def label_sha256(label: str) -> str:
    """The hash by which a decision names its label."""
    return hashlib.sha256(label.encode()).hexdigest()


def decide(sample_id: str, action: Action, judged: str, label: str | None = None, who: str | None = None) -> Decision:
    """A decision made now about the label `judged`. `label` is the new one; `who` is the OS user unless given.

    Raises UserError if an edit has no label, or a text can't be written as UTF-8.
    """
    if action not in ACTIONS:
        raise ValueError(f"unknown action {action!r}; use one of {', '.join(ACTIONS)}")
    if action == "edit" and label is None:
        raise UserError(f"{sample_id}: an edit needs the new label")
    check_characters(sample_id, f"{sample_id!r}: the sample's id")
    check_characters(judged, f"{sample_id}: the label")
    check_characters(label or "", f"{sample_id}: the new label")
    check_characters(who or "", f"{sample_id}: the name of who decides")
    when = datetime.now(UTC).isoformat(timespec="seconds")
    return Decision(sample_id, action, label, label_sha256(judged), os_user() if who is None else who, when)


def os_user() -> str:
    """The name of the user who runs this process, or its number if it has no name, as in some containers."""
    try:
        return getpass.getuser()
    except (ImportError, KeyError, OSError):  # the first on Windows, where no variable has the name
        return f"uid {os.getuid()}" if hasattr(os, "getuid") else "unknown"


class OvertakenError(UserError):
    """Someone else decided about the sample in the meantime."""


def append_decisions(
    run: Path, decisions: Iterable[Decision], seen: Mapping[str, Decision | None] | None = None
) -> None:
    """Append decisions to the file of the run folder `run`; on return they are on disk, in order.

    seen: the decision that stood for each of these samples when the user looked at it. If another one stands by now,
    nothing is written and OvertakenError is raised.

    A last line torn by a crash is left as it is, and the first decision starts on a new line. If the disk is full,
    nothing is left behind. Raises UserError if the file can't be written.
    """
    lines = [json.dumps(asdict(decision), ensure_ascii=False) + "\n" for decision in decisions]
    if not lines:
        return
    try:
        with locked_decisions(run) as fd:
            size = os.fstat(fd).st_size
            if seen:
                standing = _read(_bytes(fd, 0, size)).standing
                if any(standing.get(sample_id) != decision for sample_id, decision in seen.items()):
                    raise OvertakenError("decided on by someone else meanwhile")
            torn = size > 0 and _bytes(fd, size - 1, 1) != b"\n"
            try:
                _write(fd, ("\n" * torn + "".join(lines)).encode())
            except OSError:
                with suppress(OSError):
                    os.ftruncate(fd, size)
                raise
            os.fsync(fd)
            if size == 0:
                flush_to_disk(run)  # a new file is only safe when its folder's entry is on the disk too
    except OSError as error:
        raise UserError(f"{run / DECISIONS_FILE}: can't be written: {error.strerror}; nothing was decided") from error


@contextmanager
def locked_decisions(run: Path) -> Iterator[int]:
    """Hold the lock of a run's decisions, to append to them or to replace the run folder.

    Yields a descriptor to read and append with; the file is created, empty, if there is none. Raises OSError, and
    UserError if an interrupted audit moved the run folder away and it can't be put back.
    """
    path = run / DECISIONS_FILE
    while True:
        try:
            fd = os.open(path, _OPEN, 0o666)
        except FileNotFoundError:
            # An audit may be between two renames, or have died there; or it is a dangling link.
            if path.is_symlink() or not restore(run, (DECISIONS_FILE,)):
                raise
            continue
        try:
            wait_for_lock(fd)
            if not _is_still(path, fd):
                continue
            yield fd
            return
        finally:
            os.close(fd)  # the lock goes with it


def _is_still(path: Path, fd: int) -> bool:
    """Is the open file still the one at `path`? While we waited for its lock, it may have been replaced."""
    try:
        there = path.stat()
    except FileNotFoundError:
        return False
    return os.path.samestat(there, os.fstat(fd))


def _write(fd: int, data: bytes) -> None:
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(fd, rest) :]


def _bytes(fd: int, start: int, size: int) -> bytes:
    """`os.pread`, which Windows lacks, for all of `size`. The file is open for appending, so its position is free."""
    os.lseek(fd, start, os.SEEK_SET)
    read = b""
    while len(read) < size and (more := os.read(fd, size - len(read))):
        read += more
    return read


def read_decisions(path: Path) -> Decisions:
    """The decisions in a file, none if there is no file.

    A line that is torn (the last one after a crash) or isn't a decision is skipped, and its number is kept in
    `unreadable`. Raises UserError if the file can't be read at all.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Decisions()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    return _read(data)


def _read(data: bytes) -> Decisions:
    rows: list[Decision] = []
    unreadable: list[int] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        decision = _parse(line)
        if decision is None:
            unreadable.append(number)
        else:
            rows.append(decision)
    return Decisions(resolve(rows), len(rows), tuple(unreadable))


def resolve(rows: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that stands for each sample, in the order in which samples were first decided on."""
    stacks: dict[str, list[Decision]] = {}
    for row in rows:
        stack = stacks.setdefault(row.sample_id, [])
        if row.action != "undo":
            stack.append(row)
        elif stack:
            stack.pop()
    return {sample_id: stack[-1] for sample_id, stack in stacks.items() if stack}


def _parse(line: bytes) -> Decision | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(row, dict):
        return None
    sample_id, action, label = row.get("sample_id"), row.get("action"), row.get("label")
    if not isinstance(sample_id, str) or action not in ACTIONS or not isinstance(label, str | None):
        return None
    if action == "edit" and label is None:
        return None
    if half_a_pair(f"{sample_id}{label}") is not None:  # no table accepts it
        return None
    return Decision(
        sample_id,
        action,
        label,
        str(row.get("label_sha256") or ""),
        str(row.get("who") or ""),
        str(row.get("when") or ""),
    )
