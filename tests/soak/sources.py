"""Attacks readers with broken data sets: bytes, files, names, pictures, archives."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import zipfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random

import broken_tables
from attack import Failure, complaint, contents, program, run
from labels import made
from layout_makers import LAYOUTS

#: Rows of a data set.
ROWS = 12


def attack(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Break a data set in a few places and audit it. It must give one error line or a run, and change nothing."""
    source = folder / "set"
    random.choice(LAYOUTS).make(source, ROWS)
    for _ in range(random.randint(1, 4)):
        files = sorted(path for path in source.rglob("*") if path.is_file() and not path.is_symlink())
        if files:
            file = random.choice(files)
            is_table = file.suffix in (".parquet", ".arrow") and random.random() < 0.7
            (_table if is_table else random.choice(BREAKS))(random, file)
    given = _archived(random, source) if random.random() < 0.2 else source
    before = contents(folder)
    out = folder.parent / f"{folder.name}-run"
    command = program("curate", "audit", given, "--out", out, "--no-cache")
    result = run(command)
    what = complaint(result, (0, 2))
    if what is None and contents(folder) != before:
        what = "the audit changed its input"
    if what is None and result is not None and out.exists() != (result.code == 0):
        what = f"exit code {result.code}, but the run {'exists' if out.exists() else 'is missing'}"
    shutil.rmtree(out, ignore_errors=True)
    return ([Failure(what, shlex.join(command))] if what else []), Counter({"data set": 1})


def _archived(random: Random, source: Path) -> Path:
    path = source.with_suffix(".zip")
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for file in sorted(source.rglob("*")):
            if file.is_file():
                archive.write(file, file.relative_to(source.parent).as_posix().encode(errors="replace").decode())
    shutil.rmtree(source)
    if random.random() < 0.5:
        _flipped(random, path)
    return path


def _flipped(random: Random, file: Path) -> None:
    data = bytearray(file.read_bytes())
    for _ in range(random.choice((1, 1, 5, 100))):
        if data:
            data[random.randrange(len(data))] = random.randrange(256)
    file.write_bytes(data)


def _table(random: Random, file: Path) -> None:
    file.write_bytes(broken_tables.broken_bytes(random, file.read_bytes()))


def _cut(random: Random, file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[: random.randint(0, len(data))])


def _stuffed(random: Random, file: Path) -> None:
    """Insert something that doesn't belong in the middle of a file."""
    data = file.read_bytes()
    at = random.randint(0, len(data))
    size = random.choice((1, 1000, 10_000_000))
    piece = random.choice((b"\0", b"\n", b" ", b'"', b"[", b"{", b"\xff", b"a\t", b"\\", b",", b"9"))
    file.write_bytes(data[:at] + piece * size + data[at:])


def _labelled(random: Random, file: Path) -> None:
    """Replace a right label by a hostile one."""
    data = file.read_bytes()
    at = data.find(b"\\frac")
    if at >= 0:
        file.write_bytes(data[:at] + made(random)[:2000].encode("utf-8", "surrogatepass") + data[at + 5 :])


def _removed(random: Random, file: Path) -> None:
    file.unlink()


def _emptied(random: Random, file: Path) -> None:
    file.write_bytes(b"")


def _renamed(random: Random, file: Path) -> None:
    odd = random.choice(
        (b"caf\xe9", b"a b", b"x\ny", b"..png", b"-o", b"%41", b"a#b", b"A" * 200, b"\xf0\x9f\x98\x80", b"*")
    )
    target = os.fsencode(file.parent) + b"/" + odd + os.fsencode(file.suffix)
    if not os.path.lexists(target):
        os.rename(file, target)  # noqa: PTH104 - a name that is no text


def _linked(random: Random, file: Path) -> None:
    """Replace a file by a link: to itself, to nothing, out of the data set, or to a folder."""
    file.unlink()
    file.symlink_to(random.choice((file.name, "nothing", "/etc/hostname", "..", "/dev/zero", "/proc/self/mem")))


def _piped(random: Random, file: Path) -> None:
    file.unlink()
    os.mkfifo(file)


def _twins(random: Random, file: Path) -> None:
    twin = file.with_name(file.name.swapcase())
    if not twin.exists():
        shutil.copy(file, twin)


def _repeated(random: Random, file: Path) -> None:
    file.write_bytes(file.read_bytes() * random.choice((2, 50)))


def _packed(random: Random, file: Path) -> None:
    """Compress the file, with or without renaming it; sometimes it unpacks to far more."""
    data = file.read_bytes() + random.choice((b"", b" " * 300_000_000))
    (file if random.random() < 0.5 else file.with_name(file.name + ".gz")).write_bytes(gzip.compress(data, 1))


def _of_a_folder(random: Random, file: Path) -> None:
    file.unlink()
    file.mkdir()


#: Ways to break a file.
BREAKS: tuple[Callable[[Random, Path], None], ...] = (
    *(_flipped, _flipped, _cut, _cut, _stuffed, _labelled, _removed, _emptied, _renamed, _linked, _piped, _twins),
    *(_repeated, _packed, _of_a_folder),
)  # fmt: skip
