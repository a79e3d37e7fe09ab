"""The files of a source with its labels changed, for every format. Writes nothing; the formats find the labels.

The output has the same files as the input: text files keep every other byte, tables every other column, and files that
belong to them (the index of im2latex, the JSON files of a `save_to_disk` folder) are copied.
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

import polars as pl

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.sources import FORMATS, Source
from curate.sources.places.file_text import Change, FileText
from curate.sources.places.output import Copied, Output
from curate.sources.places.table_file import TableFile

Kind = TypeVar("Kind", bound=Output)


class Rewriting:
    """The files of a source as `write_back` opens them; `outputs` are those to write, by their names."""

    def __init__(self, source: Source) -> None:
        self.outputs: dict[str, Output] = {}
        self._source = source
        self._texts: dict[Path, FileText] = {}

    def text(self, path: Path, encoding: str = "utf-8") -> FileText:
        return self._put(path, self._read(path, encoding))

    def beside(self, path: Path) -> FileText:
        """Also write this file if the source is a folder, so that the output folder is complete."""
        file = self._read(path, "utf-8")
        return self._put(path, file) if self._source.path.is_dir() else file

    def table(self, path: Path, columns: Columns) -> TableFile:
        return self._put(path, TableFile(path, columns))

    def _read(self, path: Path, encoding: str) -> FileText:
        if path not in self._texts:
            self._texts[path] = FileText.read(path, encoding)
        return self._texts[path]

    def _put(self, path: Path, file: Kind) -> Kind:
        folder = self._source.base
        self.outputs[path.relative_to(folder).as_posix() if path.is_relative_to(folder) else path.name] = file
        return file


def check_format(source: Source) -> None:
    """Raises UserError if a source has no files of its own that can be written back."""
    remote = FORMATS[source.format].remote
    if remote and not source.path.exists():
        raise UserError(f"{source.path}: curate fix writes files, and {remote.save.format(id=str(source.path))}")
    if source.packed:
        raise UserError(f"{source.path}: curate fix writes no archives; unpack it and fix the folder")


def rewrite(source: Source, changed: pl.DataFrame, columns: dict[str, str]) -> tuple[dict[str, Output], list[str]]:
    """(files by name, labels as written in the order of `changed`).

    `changed` has the columns file, line, label and fixed. Raises UserError if a file no longer contains what was read.
    """
    chosen = FORMATS[source.format]
    names = Columns(columns, chosen.columns)
    by_file: dict[str, list[tuple[int, Change]]] = {}
    for place, (file, line, label, fixed) in enumerate(changed.select("file", "line", "label", "fixed").iter_rows()):
        by_file.setdefault(file, []).append((place, (line, label, fixed)))
    files = Rewriting(source)
    written: dict[int, str] = {}
    for name in source.places["file"].unique(maintain_order=True):
        changes = by_file.get(name, [])
        path = source.base / name
        only = [change for _, change in changes]
        if path.is_dir():
            inner = chosen.label_files(path)
            files.outputs |= {(Path(name) / file.name).as_posix(): Copied(file) for file in inner}
            texts = [text for change in only for text in chosen.write_one(inner[change[0] - 1], change, files, names)]
        else:
            texts = chosen.write_back(path, only, files, names)
        written |= {place: text for (place, _), text in zip(changes, texts, strict=True)}
    outputs = files.outputs
    if source.path.is_dir():
        outputs |= chosen.companions(source.path, outputs)
    return outputs, [written[place] for place in range(changed.height)]
