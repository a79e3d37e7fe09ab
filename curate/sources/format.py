"""What a source format is: how it is known, read, and written back. The formats themselves are in `formats/`."""

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
    """Data sets that have an id instead of a path, and are fetched."""

    #: What an id looks like; its group `name` is what the data set is called.
    pattern: re.Pattern[str]
    #: For errors: "a data set on …".
    what: str
    #: The parts of the data set of an id, as local files, and the folder they are in. Raises UserError.
    fetch: Callable[[str], tuple[list[Part], Path]]
    #: How a person gets files that can be changed, with `{id!r}` for the id.
    save: str

    def is_id(self, target: str) -> bool:
        return self.pattern.fullmatch(target) is not None


class SourceFormat(ABC):
    """A format of data sets. A subclass in a module of `formats/`, with an instance called FORMAT there, is complete.

    docs/contributing/source-format.md has what each member owes to whom.
    """

    #: As people write it before a path, `name:path`, and the name of its module.
    name: ClassVar[str]
    #: What a data set of it looks like, in one line of Markdown.
    shape: ClassVar[str]
    #: What else a person needs to know, in Markdown; empty where `shape` and `example` say it all.
    page: ClassVar[str] = ""
    #: A small data set: (path, text) of its files; the text of an image is empty. The docs show it, the tests read it.
    example: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Folders that are published so and read as they are: (whose, what is in them), in Markdown.
    layouts: ClassVar[tuple[tuple[str, str], ...]] = ()
    #: Is it a format of any data set (CSV), rather than that of a well-known one (CROHME)?
    general: ClassVar[bool] = False
    #: Does it read indexes, files that say which line of another one belongs to which image? Others never see them.
    indexes: ClassVar[bool] = False
    #: Endings that its label files may have, "" for none. A data set is named after its file without them.
    endings: ClassVar[tuple[str, ...]] = ()
    #: The names tried for each role, where its files have named columns or keys.
    columns: ClassVar[Tried] = {}
    #: The licence of the one data set that has this format, as an identifier (lower-case SPDX).
    licence: ClassVar[str | None] = None
    #: Are its labels formulas of documents, rather than labels made for a data set? See `curate.findings.in_documents`.
    in_documents: ClassVar[bool] = False
    #: Where data sets are fetched by id too.
    remote: ClassVar[Remote | None] = None

    @abstractmethod
    def recognise(self, look: Look) -> float | None:
        """How sure it is, above 0 to 1, that a file or folder has this format; None where it hasn't."""

    @abstractmethod
    def parts(self, path: Path) -> list[Part]:
        """The parts of a data set with their splits, in reading order. Raises UserError where it can't be this format.

        A part is what one call of `read` reads: a file, a file with a second one, or a whole folder.
        """

    @abstractmethod
    def read(self, part: Part, job: Job) -> pl.DataFrame:
        """A part as a frame: the columns of PART_SCHEMA, then what the source brought. Raises UserError.

        Counts every row that it saw in `job.rows`, and reports those that can't be read to `job`.
        """

    @abstractmethod
    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        """Put new labels into the file that a part is, opened through `files`; returns them as written, in order.

        Each change is one `replace` in a text, in the order of `changes`. The file is opened where nothing changes
        too. Raises UserError where it doesn't hold the label that was read from it.
        """

    def split_called(self, split: str | None, path: Path) -> str | None:
        """The name that a split has in samples: the data set's own, or one that says what it is for.

        split: the data set's own name, None where it gives none. path: of the part.
        """
        return split

    def label_files(self, folder: Path) -> list[Path]:
        """For parts that are folders of one file a label: these files; the n-th is that of row n, counted from 1."""
        raise NotImplementedError(f"{self.name}: a part is a folder, and label_files doesn't say what is in it")

    def write_one(self, path: Path, change: Change, files: Files, columns: Columns) -> list[str]:
        """`write_back` for one of the `label_files`."""
        _, label, new = change
        return self.write_back(path, [(1, label, new)], files, columns)

    def companions(self, folder: Path, files: Mapping[str, Output]) -> dict[str, Output]:
        """What a data set folder needs besides the files with labels, by path below the folder."""
        return {}

    def recognise_folder(self, look: Look) -> float | None:
        """As sure as the surest file in a folder, a little less so: its own format may be a folder's."""
        sure = [found for file in self.candidates(look) if (found := self.recognise(file))]
        return max(sure) * 0.97 if sure else None

    def candidates(self, look: Look) -> list[Look]:
        """The files of a folder that could hold labels: what looks like text, and all with an ending of this format.

        Those of other tools are none.
        """
        own = tuple(ending for ending in self.endings if ending not in TEXT_ENDINGS)
        mine = [file for file in look.label_files if tool_of(file) is None]
        return [*mine, *map(Look, look.all_files(*own) if own else ())]


class FileFormat(SourceFormat):
    """A format of one file a split: a source is such a file, or a folder of them."""

    #: For errors: "the folder holds no …".
    file_kind: ClassVar[str]

    @abstractmethod
    def recognise_file(self, look: Look) -> float | None:
        """`recognise` for a file."""

    def recognise(self, look: Look) -> float | None:
        return self.recognise_folder(look) if look.is_dir else self.recognise_file(look)

    def belongs(self, look: Look) -> bool:
        """Is this file of a folder one of the data set's?"""
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
