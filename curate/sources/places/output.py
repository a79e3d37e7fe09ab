"""What a format's `write_back` works with: the files it may open, and what becomes of them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from curate.base.column_names import Columns
from curate.sources.places.file_text import FileText
from curate.sources.places.table_file import TableFile


class Output(Protocol):
    """A file to be written."""

    @property
    def path(self) -> Path:
        """The file it was read from."""
        ...

    @property
    def is_changed(self) -> bool:
        """Would it be another file if it were written in the place of the one that it was read from?"""
        ...

    def diff(self, new_name: str) -> Iterator[bytes]:
        """A unified diff, in bytes; nothing if nothing changes."""
        ...

    def write_as(self, path: Path, *, compressed: bool) -> None: ...


@dataclass
class Copied:
    """A file that stays unchanged."""

    path: Path

    @property
    def is_changed(self) -> bool:
        return False

    def diff(self, new_name: str) -> Iterator[bytes]:
        return iter(())

    def write_as(self, path: Path, *, compressed: bool) -> None:
        shutil.copyfile(self.path, path)


class Files(Protocol):
    """A source's files, opened to change labels. The implementation decides what happens to the changes.

    `curate fix` writes what was opened; finding a label's place only records the places.
    """

    def text(self, path: Path, encoding: str = "utf-8") -> FileText:
        """A text file that holds labels; the same object each time. Raises UserError if it can't be read."""
        ...

    def table(self, path: Path, columns: Columns) -> TableFile:
        """A parquet or Arrow file that holds labels. Raises UserError if only text will do."""
        ...

    def beside(self, path: Path) -> FileText:
        """A text file that is needed to find the labels and stays unchanged. Raises UserError as `text` does."""
        ...
