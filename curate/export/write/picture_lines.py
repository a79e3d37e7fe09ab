"""Writes a shard as picture files and lines about them. Knows no format's lines: `LinesFormat` makes them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from curate.export.format import LinesFormat
    from curate.export.write.pictures import PictureFile
    from curate.export.write.shards import Row, Shard

#: The folder for the lines of unfinished splits; no split can have this name.
LINES = ".lines"


class PictureLines:
    """A shard's picture files, and its lines, which are joined once all shards exist."""

    def __init__(self, folder: Path, shard: Shard, prompt: str, form: LinesFormat) -> None:
        self._base, self._shard, self._prompt, self._form = folder, shard, prompt, form
        (folder / form.picture_folder(shard)).mkdir(parents=True, exist_ok=True)
        lines = folder / _lines(shard)
        lines.parent.mkdir(exist_ok=True)
        self._lines = lines.open("w", encoding="utf-8", newline="\n")
        self._files: dict[str, Path] = {_lines(shard): lines}
        self._number = 0
        self.size = 0

    def add(self, row: Row, picture: PictureFile) -> None:
        if picture.data is None:
            raise ValueError(f"{row.sample_id}: an image folder can't hold a row without an image")
        stem = self._form.picture_stem(self._shard, self._number)
        name = f"{self._form.picture_folder(self._shard)}{stem}.{picture.extension}"
        self._number += 1
        path = self._files[name] = self._base / name
        path.write_bytes(picture.data)
        self.size += len(picture.data)
        self._lines.write(self._form.line(row, name, self._shard.split, self._prompt) + "\n")

    def close(self) -> dict[str, Path]:
        self._lines.close()
        return self._files


def put_together(folder: Path, shards: Iterable[tuple[str, Shard]], *, padded: bool = False) -> None:
    """Write the lines of shards, in order, into the files named with them, and remove the shards' own.

    padded: a shard has as many lines as it was to have rows; empty lines stand for pictures that were missing by then.
    """
    written: set[str] = set()
    for name, shard in shards:
        lines = folder / _lines(shard)
        data = lines.read_bytes()
        with (folder / name).open("ab" if name in written else "wb") as target:
            target.write(data)
            if padded:
                target.write(b"\n" * (shard.height - data.count(b"\n")))
        written.add(name)
        lines.unlink()
    (folder / LINES).rmdir()


def _lines(shard: Shard) -> str:
    return f"{LINES}/{shard.name}.txt"
