"""Reads plain or gzip text files in blocks of lines, never holding an over-long line. Ignores what a line means."""

from __future__ import annotations

import codecs
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl

from curate.base.errors import UserError
from curate.sources.encodings import NAMES, encoding_of, open_utf8
from curate.sources.model import BLANK_LINE, LONG_LINE, MAX_LINE, NOT_UTF8, NUL_BYTE, Job

BLOCK = 4 << 20
_NO_TEXT = (
    b"\x89PNG",
    b"\xff\xd8\xff",
    b"GIF8",
    b"RIFF",
    b"%PDF-",
    b"PAR1",
    b"ARROW1",
    b"PK\x03\x04",
    b"\xfd7zXZ",
    b"BZh",
)


def is_binary(head: bytes) -> bool:
    """Whether a file's first bytes are those of an image, an archive or a table rather than text."""
    return head.startswith(_NO_TEXT) or head[:512].count(0) > 50


class Block(NamedTuple):
    """Whole lines; the first has the number `first`. `long` marks the beginning of a single over-long line."""

    first: int
    data: bytes
    long: bool


def open_bytes(path: Path) -> BinaryIO:
    """Open a text file, or the content of a gzip file, to read it as UTF-8 bytes. Raises UserError."""
    try:
        return open_utf8(path)
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror or error}") from error


def note_encoding(path: Path, job: Job) -> None:
    """Note a file that is not UTF-8 but is read anyway."""
    if encoding := NAMES.get(encoding_of(path)):
        job.notes[f"files in {encoding}, read as such"] += 1


def read_blocks(path: Path) -> Iterator[Block]:
    """Yield a file's lines in blocks of some MiB. A line over MAX_LINE bytes comes alone, cut, with `long` set.

    Raises UserError if the file is not text or a gzip file is broken.
    """
    line, carry, skipping = 1, b"", False
    with open_bytes(path) as file:
        for number, chunk in enumerate(_chunks(path, file)):
            if number == 0:
                if is_binary(chunk):
                    raise UserError(f"{path}: not a text file (it begins with {chunk[:8]!r})")
                chunk = chunk.removeprefix(codecs.BOM_UTF8)
            if skipping:
                end = chunk.find(b"\n")
                if end < 0:
                    continue
                chunk, skipping = chunk[end + 1 :], False
                line += 1
            carry += chunk
            cut = carry.rfind(b"\n") + 1
            if cut:
                whole, carry = carry[:cut], carry[cut:]
                yield from _split_long(line, whole)
                line += whole.count(b"\n")
            if len(carry) > MAX_LINE:
                yield Block(line, carry[:1000], True)
                carry, skipping = b"", True
    if carry:
        yield Block(line, carry, False)


def read_all(path: Path) -> bytes:
    """A file's content without a byte order mark. Raises UserError if it can't be read to its end."""
    try:
        with open_bytes(path) as file:
            data = file.read()
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{path}: can't be read to its end: {error}") from error
    return data.removeprefix(codecs.BOM_UTF8) if data.startswith(codecs.BOM_UTF8) else data


def _chunks(path: Path, file: BinaryIO) -> Iterator[bytes]:
    try:
        while chunk := file.read(BLOCK):
            yield chunk
    except (EOFError, zlib.error, OSError) as error:
        raise UserError(f"{path}: can't be read to its end: {error}") from error


def _split_long(first: int, data: bytes) -> Iterator[Block]:
    """A carried-over block may hold a line over the limit; such lines are set apart."""
    if len(data) <= MAX_LINE:
        yield Block(first, data, False)
        return
    start = 0
    line = first
    position = 0
    for piece in (line + b"\n" for line in data.removesuffix(b"\n").split(b"\n")):
        if len(piece) > MAX_LINE + 2:
            if position > start:
                yield Block(first, data[start:position], False)
            yield Block(line, piece[:1000], True)
            start, first = position + len(piece), line + 1
        position += len(piece)
        line += 1
    if position > start:
        yield Block(first, data[start:position], False)


def block_text(block: Block, encoding: str = "utf-8") -> tuple[list[str], list[int]]:
    """A block's lines without terminators (`\\n` or `\\r\\n`), and the indexes of those that are not UTF-8.

    The latter keep their bytes as lone surrogates (`surrogateescape`).
    """
    broken: list[int] = []
    try:
        text = block.data.decode(encoding)
    except UnicodeDecodeError:
        text = block.data.decode(encoding, "surrogateescape")
        broken = [at for at, line in enumerate(_cut(text)) if not _encodes(line)]
    return _cut(text), broken


def _cut(text: str) -> list[str]:
    lines = text.removesuffix("\n").split("\n")
    if "\r" in text:
        lines = [line.removesuffix("\r") for line in lines]
    return lines


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def read_lines(path: Path, job: Job, encoding: str = "utf-8", *, blank: bool = True) -> pl.DataFrame:
    """A file's readable lines as a frame (line, text), at most `job.left()` lines.

    blank: include blank lines; otherwise they are counted as unreadable, block by block: a file may hold millions.
    Lines that are not UTF-8, hold a NUL byte or are over-long are counted as unreadable. Every line seen is added to
    `job.rows`. Only `\\n` and `\\r\\n` end a line (labels hold CR, VT, FF and NEL).
    """
    left = job.left()
    pieces: list[pl.DataFrame] = []
    for block in read_blocks(path):
        if left is not None and left <= 0:
            break
        if block.long:
            job.rows += 1
            left = None if left is None else left - 1
            job.bad(path, block.first, LONG_LINE, block.data[:200].decode("utf-8", "surrogateescape"))
            continue
        texts, broken = block_text(block, encoding)
        if left is not None:
            texts = texts[:left]
            left -= len(texts)
        job.rows += len(texts)
        lost: set[int] = set()
        for at in broken:
            if at < len(texts):
                lost.add(at)
                job.bad(path, block.first + at, NOT_UTF8, texts[at])
        if b"\0" in block.data:
            for at, text in enumerate(texts):
                if "\0" in text and at not in lost:
                    lost.add(at)
                    job.bad(path, block.first + at, NUL_BYTE, text)
        numbers = pl.int_range(block.first, block.first + len(texts), eager=True, dtype=pl.Int64).alias("line")
        if lost:
            keep = [at for at in range(len(texts)) if at not in lost]
            numbers = numbers.gather(keep)
            texts = [texts[at] for at in keep]
        piece = pl.DataFrame([numbers, pl.Series("text", texts, dtype=pl.String)])
        if not blank:
            piece = job.reject(piece, pl.col("text").str.strip_chars() == "", BLANK_LINE, path)
        pieces.append(piece)
    if not pieces:
        return pl.DataFrame(schema={"line": pl.Int64, "text": pl.String})
    return pl.concat(pieces, rechunk=True)


def utf8_or_latin1(path: Path) -> str:
    """The encoding of a file that is Latin-1 by its format, but UTF-8 in converted copies."""
    decoder = codecs.getincrementaldecoder("utf-8")()
    try:
        with open_bytes(path) as file:
            for chunk in _chunks(path, file):
                decoder.decode(chunk)
            decoder.decode(b"", final=True)
    except UnicodeDecodeError:
        return "latin-1"
    return "utf-8"
