"""Copies the pictures and labels of a tar file to a zip file, which can be read in any order. Reads no zip file."""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import os
import tarfile
import zipfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, cast

from curate.archives import cache, names
from curate.archives.contents import MAX_MEMBERS, MAX_PICTURE, is_bomb
from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS

_PIECE = 1 << 20
#: Free disk space is checked after each of this many bytes.
_CHECK = 256 << 20
#: The most bytes a header that only describes the next member may have: usually names and times, a few hundred bytes.
_MAX_HEADER = 1 << 20
_DESCRIBING = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)
_BROKEN = (tarfile.TarError, EOFError, zlib.error, lzma.LZMAError, OSError, ValueError)
_STORED, _SQUEEZED = zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED


class _Header(tarfile.TarInfo):
    """A header that refuses to be read into memory if it claims to be huge."""

    def _proc_member(self, tar: tarfile.TarFile) -> Any:
        if self.type in _DESCRIBING and self.size > _MAX_HEADER:
            raise tarfile.ReadError(f"a header of {self.size:,} bytes")
        return super()._proc_member(tar)  # type: ignore[misc]


def repack(path: Path, target: Path) -> None:
    """Write the members of a tar file, however compressed, that are pictures or may hold labels.

    If a name occurs twice, the last one counts, as for `tar -x`. Raises UserError if the file can't be read to its end
    or is a bomb.
    """
    packed = path.stat().st_size
    left_out: Counter[str] = Counter()
    members: dict[str, zipfile.ZipInfo] = {}
    total = number = checked = 0
    try:
        with ExitStack() as stack:
            stream = stack.enter_context(_decompressed(path))
            tar = stack.enter_context(tarfile.open(fileobj=stream, mode="r|", tarinfo=_Header))
            file = stack.enter_context(target.open("wb"))
            out = stack.enter_context(zipfile.ZipFile(file, "w"))
            for member in tar:
                tar.members = []  # type: ignore[attr-defined]  # or every header is kept in memory
                number += 1
                total += member.size
                if number > MAX_MEMBERS:
                    raise UserError(f"{path}: more than {MAX_MEMBERS:,} members; unpack it by hand")
                if is_bomb(total, packed):
                    raise UserError(f"{path}: {packed:,} bytes that unpack to more than {total:,}: refused as a bomb")
                if member.isdir() or names.is_litter(member.name):
                    continue
                name, refused = _fit(member)
                if refused is not None:
                    left_out[refused] += 1
                    continue
                if total >= checked:
                    cache.check_room(target, member.size)
                    checked = total + _CHECK
                if out.NameToInfo.pop(name, None) is not None:
                    left_out[names.TWICE_LAST_COUNTS] += 1
                _copy(cast(IO[bytes], tar.extractfile(member)), out, name)
                members[name] = out.filelist[-1]
            out.filelist = list(members.values())
            out.comment = json.dumps({"archive": os.fsdecode(path)[:1000], "left_out": left_out}).encode()
    except _BROKEN as error:
        if isinstance(error, OSError) and error.errno is not None:
            raise  # the disk's, not the archive's
        raise UserError(f"{path}: can't be read to its end as a tar file: {error}; is it whole?") from error


def _fit(member: tarfile.TarInfo) -> tuple[str, str | None]:
    """A member's name, and why it is left out."""
    raw = os.fsencode(member.name) if not member.name.isascii() else b""
    name, refused = names.tidy(names.decoded(raw, member.name) if raw else member.name)
    if refused is not None:
        return name, refused
    if not member.isreg():
        return name, names.LINK
    lower = name.lower()
    if names.is_archive(lower, names.OF_DATA_SETS) or lower.endswith(names.UNKNOWN):
        return name, names.NESTED
    if lower.endswith(IMAGE_ENDINGS):
        return name, names.TOO_LARGE if member.size > MAX_PICTURE else None
    suffix = os.path.splitext(lower)[1]  # noqa: PTH122
    return name, None if suffix in names.LABELS else names.OTHER


def _copy(member: IO[bytes], out: zipfile.ZipFile, name: str) -> None:
    """Store pictures that are already compressed unchanged; compress others a little."""
    first = member.read(_PIECE)
    info = zipfile.ZipInfo(name)
    info.compress_type = (
        _STORED if first[:4] in (b"\x89PNG", b"GIF8", b"RIFF") or first[:2] == b"\xff\xd8" else _SQUEEZED
    )
    info._compresslevel = 1  # type: ignore[attr-defined]
    with out.open(info, "w", force_zip64=True) as target:
        while first:
            target.write(first)
            first = member.read(_PIECE)


@contextmanager
def _decompressed(path: Path) -> Iterator[IO[bytes]]:
    """A tar file's own bytes, decompressed by what its first bytes say, not by its name."""
    with path.open("rb") as file:
        head = file.read(6)
        file.seek(0)
        if head[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                yield cast(IO[bytes], stream)
        elif head[:3] == b"BZh":
            with bz2.open(file) as stream:
                yield cast(IO[bytes], stream)
        elif head == b"\xfd7zXZ\0" or head[:3] == b"\x5d\0\0":
            with lzma.open(file) as stream:
                yield cast(IO[bytes], stream)
        elif head[:4] == b"\x28\xb5\x2f\xfd":
            import pyarrow as pa  # has a reader of Zstandard, which Python includes from 3.14 on

            with pa.CompressedInputStream(pa.PythonFile(file, "r"), "zstd") as stream:
                yield cast(IO[bytes], stream)
        else:
            yield file
