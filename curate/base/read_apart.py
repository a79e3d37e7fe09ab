"""Reads hostile tables in a helper process, which native code may crash or hang. Knows no format.

Parquet and Arrow are read by polars and pyarrow. A damaged Arrow file can make either of them crash, panic or abort,
and a small Parquet file can claim billions of rows.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar, cast

import polars as pl

from curate.base.bombs import BOMB_RATIO, is_bomb
from curate.base.errors import UserError
from curate.base.given_files import check_kind
from rules.workers.pool import Lost
from rules.workers.spread import do_apart, is_isolated

Result = TypeVar("Result")

#: Bytes of memory that a helper may take for a table beyond what it holds, and how many times the table's size.
_MEMORY, _TIMES = 2 << 30, BOMB_RATIO
#: Seconds that reading may take, and how many more for each MiB.
_SECONDS, _SECONDS_PER_MIB = 60.0, 1.0
#: Errors about a table that pyarrow and Rust raise, by name: importing pyarrow takes half a second.
_NATIVE = frozenset({"ArrowException", "PanicException"})
#: How polars' errors about a damaged file begin. It has no class of its own for them.
_POLARS = (
    *("parquet: ", "parquet error: ", "out-of-spec: "),
    "unable to decode the encoded schema stored in ARROW:schema",
)


def read_apart(path: Path, work: Callable[..., Result], *arguments: Any) -> Result:
    """`work(*arguments)`, which reads the table at `path`: in a helper process inside `isolated`, otherwise here.

    `work`, its arguments and its result must be picklable if it may run in a helper.
    Raises UserError if the table is a pipe or a device, is damaged, ends the process that reads it, takes too long, or
    needs far more memory than its size explains. Raises whatever else `work` raises.
    """
    if path.exists() and not path.is_dir():
        check_kind(path)
    if not is_isolated() or not path.is_file():
        with damage_told(path):
            return work(*arguments)
    limit = _SECONDS + _SECONDS_PER_MIB * path.stat().st_size / 2**20
    done = do_apart(_work, (path, work, arguments), limit)
    if isinstance(done, Lost):
        why = "the file is damaged, or unpacks to far more than its size"
        raise UserError(f"{path}: can't be read: {done.why}; {why}")
    result, error = done
    if error is not None:
        raise error
    return cast(Result, result)


def refuse_bomb(path: Path, frame: pl.DataFrame) -> pl.DataFrame:
    """The frame itself. Raises UserError if what was read from `path` is far larger than the file."""
    texts = [pl.col(name).str.len_bytes().sum() for name, kind in frame.schema.items() if kind == pl.String]
    held = sum(frame.select(texts).row(0)) if texts else 0
    total = held + 8 * frame.height * frame.width
    size = path.stat().st_size
    if is_bomb(total, size):
        raise UserError(
            f"{path}: {size:,} bytes that unpack to {total:,}: refused as a bomb; if it is none, save it as CSV"
        )
    return frame


@contextmanager
def damage_told(path: Path) -> Iterator[None]:
    """Raises UserError for what native readers raise about a damaged table."""
    try:
        yield
    except BaseException as error:  # a panic of Rust code is no Exception
        if not is_damage(error):
            raise
        raise UserError(f"{path}: can't be read: {first_line(error)}") from error


def is_damage(error: BaseException) -> bool:
    """Is this what native readers raise about a damaged table, rather than an error of texsieve or of the system?"""
    if isinstance(error, OSError):
        return error.errno is None
    if isinstance(error, pl.exceptions.PolarsError):
        return str(error).startswith(_POLARS) and "(os error " not in str(error)
    if isinstance(error, MemoryError | SystemError | UnicodeDecodeError):
        return True
    return not _NATIVE.isdisjoint(kind.__name__ for kind in type(error).__mro__)


def first_line(error: BaseException) -> str:
    """What a native reader says, in at most 200 characters."""
    return next(iter(str(error).strip().splitlines()), "")[:200] or type(error).__name__


# In a helper ---------------------------------------------------------------------------------------------------------


def _work(batch: Sequence[tuple[Path, Callable[..., Any], tuple[Any, ...]]]) -> tuple[Any, UserError | None]:
    """The result, or the error: one that is raised would end the helper, and the next table need a new one."""
    [(path, work, arguments)] = batch
    try:
        with _little_memory(path), _silent(), damage_told(path):
            return work(*arguments), None
    except UserError as error:
        return None, error


@contextmanager
def _little_memory(path: Path) -> Iterator[None]:
    """Limits memory inside, where the system can (Linux): pyarrow then raises an error, and polars ends the process."""
    held = _data_held()
    if held is None:
        yield
        return
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    most = held + max(_MEMORY, _TIMES * path.stat().st_size)
    if soft != resource.RLIM_INFINITY:
        most = min(most, soft)
    resource.setrlimit(resource.RLIMIT_DATA, (most, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _data_held() -> int | None:
    """The bytes of this process that count against the limit; None if the system doesn't say."""
    try:
        lines = Path("/proc/self/status").read_text("utf-8", "replace").splitlines()
    except OSError:
        return None
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith("VmData:")), None)


@contextmanager
def _silent() -> Iterator[None]:
    """Inside, nothing reaches standard error: what native code says before it ends is told in one line instead."""
    kept = os.dup(2)
    nothing = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nothing, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(nothing)
