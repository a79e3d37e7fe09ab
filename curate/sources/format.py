"""What a source format is: how it is recognised, read, and written back. The formats themselves are in `formats/`."""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import polars as pl

from curate.base.column_names import Columns, Tried
from curate.sources.look import TEXT_ENDINGS, Look
from curate.sources.model import Job, Part, wrong_shape
from curate.sources.other_tools import tool_of
from curate.sources.places.file_text import Change
from curate.sources.places.output import Files, Output
from curate.sources.splits import name_parts


@dataclass(frozen=True)
class Remote:
    """Data sets that have an id instead of a path, and are downloaded."""

    #: The shape of an id; its group `name` is the data set's name.
    pattern: re.Pattern[str]
    #: For errors: "a data set on …".
    what: str
    #: The parts of the data set with an id, as local files, and their folder. Raises UserError.
    fetch: Callable[[str], tuple[list[Part], Path]]
    #: How to get files that can be edited, with `{id!r}` for the id.
    save: str

    def is_id(self, target: str) -> bool:
        return self.pattern.fullmatch(target) is not None


class SourceFormat(ABC):
    """A data set format. A subclass in a module of `formats/`, with an instance called FORMAT, is complete.

    docs/contributing/source-format.md describes what each member must do.
    """

    #: The name users write before a path (`name:path`), and the name of its module.
    name: ClassVar[str]
    #: What such a data set looks like, in one line of Markdown.
    shape: ClassVar[str]
    #: What else users need to know, in Markdown; empty if `shape` and `example` say it all.
    page: ClassVar[str] = ""
    #: A small data set as (path, text) of its files; an image's text is empty. Shown in the docs, read by the tests.
    example: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Folders that are published this way and read unchanged: (publisher, contents), in Markdown.
    layouts: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Is it a general format (CSV) rather than that of one well-known data set (CROHME)?
    general: ClassVar[bool] = False
    #: Does it read indexes (files that say which line of another one belongs to which image)? Others never see them.
    indexes: ClassVar[bool] = False
    #: Endings of its label files, "" for none. A data set is named after its file without them.
    endings: ClassVar[tuple[str, ...]] = ()
    #: The names tried for each role, if its files have named columns or keys.
    columns: ClassVar[Tried] = {}
    #: The licence of the one data set that has this format, as an identifier (lower-case SPDX).
    licence: ClassVar[str | None] = None
    #: Are its labels formulas from documents rather than made for a data set? See `curate.findings.in_documents`.
    in_documents: ClassVar[bool] = False
    #: Where data sets can also be fetched by id.
    remote: ClassVar[Remote | None] = None

    @abstractmethod
    def recognise(self, look: Look) -> float | None:
        """How certain it is that a file or folder has this format, above 0 to 1; None if it doesn't."""

    def recognise_with(self, look: Look, images: Path) -> float | None:
        """`recognise` if the user has named the folder of the images."""
        return self.recognise(look)

    @abstractmethod
    def parts(self, path: Path) -> list[Part]:
        """The parts of a data set with their splits, in reading order. Raises UserError if it can't have this format.

        A part is what one call of `read` reads: a file, a pair of files, or a whole folder.
        """

    @abstractmethod
    def read(self, part: Part, job: Job) -> pl.DataFrame:
        """A part as a frame: the columns of PART_SCHEMA, then the source's own. Raises UserError.

        Counts every row it saw in `job.rows`, and reports unreadable ones to `job`.
        """

    @abstractmethod
    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        """Put new labels into a part's file, opened through `files`; returns them as written, in order.

        Each change is one `replace` in a text, in the order of `changes`. The file is opened even if nothing changes.
        Raises UserError if it doesn't hold the label that was read from it.
        """

    def split_called(self, split: str | None, path: Path) -> str | None:
        """A split's name in samples: the data set's own, or one that says what it is for.

        split: the data set's own name, None if it gives none. path: the part's.
        """
        return split

    def label_files(self, folder: Path) -> list[Path]:
        """For parts that are folders with one file per label: these files; the n-th belongs to row n, from 1."""
        raise NotImplementedError(f"{self.name}: a part is a folder, and label_files doesn't say what is in it")

    def write_one(self, path: Path, change: Change, files: Files, columns: Columns) -> list[str]:
        """`write_back` for one of the `label_files`."""
        _, label, new = change
        return self.write_back(path, [(1, label, new)], files, columns)

    def companions(self, folder: Path, files: Mapping[str, Output]) -> dict[str, Output]:
        """What a data set folder needs besides its label files, by path below the folder."""
        return {}

    def recognise_folder(self, look: Look) -> float | None:
        """As certain as the most certain file in a folder, minus a little: the folder may have a format of its own."""
        sure = [found for file in self.candidates(look) if (found := self.recognise(file))]
        return max(sure) * 0.97 if sure else None

    def candidates(self, look: Look) -> list[Look]:
        """The files of a folder that could hold labels: those that look like text, and any with this format's endings.

        Files of other tools don't count.
        """
        own = tuple(ending for ending in self.endings if ending not in TEXT_ENDINGS)
        mine = [file for file in look.label_files if tool_of(file) is None]
        return [*mine, *map(Look, look.all_files(*own) if own else ())]


class FileFormat(SourceFormat):
    """A format with one file per split: a source is such a file, or a folder of them."""

    #: For errors: "the folder holds no …".
    file_kind: ClassVar[str]

    @abstractmethod
    def recognise_file(self, look: Look) -> float | None:
        """`recognise` for a file."""

    def recognise(self, look: Look) -> float | None:
        return self.recognise_folder(look) if look.is_dir else self.recognise_file(look)

    def belongs(self, look: Look) -> bool:
        """Is this file in a folder part of the data set?"""
        return (self.recognise_file(look) or 0) >= 0.5

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        candidates = self.candidates(Look(path))
        files = [file.path for file in candidates if self.belongs(file)]
        if not files:
            files = [file.path for file in candidates if file.suffix in self.endings]
        if not files:
            raise wrong_shape(path, self.name, f"the folder holds no {self.file_kind}")
        return name_parts(files, path)
