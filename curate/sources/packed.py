"""Sources that are archives: read from a folder in the cache, but named by the archive in reports."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

import polars as pl

from curate.archives import names
from curate.archives.opening import open_archive
from curate.archives.tree import tree_of
from curate.base.errors import UserError
from curate.images.endings import IMAGE_ENDINGS
from curate.sources.look import Look
from curate.sources.model import Source
from rules.sets import split_names

_NUMBERED = re.compile(r"(.*?)[-_.]?(\d+)")
_DATA = (*IMAGE_ENDINGS, *names.PICKLES, ".parquet", ".arrow", ".inkml")


@dataclass(frozen=True)
class Packed:
    """One archive, or several, as a folder.

    folder: what is read as the data set. base: the folder in the cache with one folder per archive, named after it.
    home: the folder that holds the archives.
    """

    folder: Path
    base: Path
    home: Path
    notes: Counter[str] = field(default_factory=Counter)

    @property
    def inside(self) -> str:
        """The path of `folder` below `base`, with a trailing slash; empty if they are the same."""
        return "" if self.folder == self.base else f"{self.folder.relative_to(self.base).as_posix()}/"

    def refs(self, images: pl.Expr) -> pl.Expr:
        """Paths below `folder` as refs below `home`: `archive.zip#path`."""
        return pl.concat_str(pl.lit(self.inside), images).str.replace("/", "#", literal=True)

    def said(self, text: str) -> str:
        """A message that names archives instead of the cache."""
        return text.replace(str(self.base), str(self.home))

    def named(self, source: Source, path: Path) -> Source:
        """A source read from `folder`, as if it had been read from `path`: the archive or its folder."""
        for at, row in enumerate(source.unreadable.rows):
            source.unreadable.rows[at] = replace(row, file=self.inside + row.file)
        frame = source.frame
        if self.folder == self.base:  # a split without a name of its own is named after its archive
            ending = rf"(?i)({'|'.join(map(re.escape, names.OF_DATA_SETS))})$"
            split = pl.col("split").str.replace(ending, "")
            start = pl.concat_str(pl.lit(f"{source.name}/"), "split", pl.lit("/"))
            rest = pl.col("sample_id").str.strip_prefix(start)
            shards = pl.when(split.is_in(_shards(Look(self.base).names[1]))).then(None).otherwise(split)
            below = pl.when(shards.is_null()).then(pl.lit("")).otherwise(shards + "/")
            ids = pl.concat_str(pl.lit(f"{source.name}/"), below, rest)
            if frame.select(ids.is_duplicated().any()).item():
                shards, ids = split, pl.concat_str(pl.lit(f"{source.name}/"), split, pl.lit("/"), rest)
            changed = pl.col("split").str.contains(ending)
            frame = frame.with_columns(
                sample_id=pl.when(changed).then(ids).otherwise("sample_id"),
                split=pl.when(changed).then(shards).otherwise("split"),
            )
        return replace(
            source,
            path=path.absolute(),
            frame=frame,
            notes=dict(sorted((Counter(source.notes) + self.notes).items())),
            places=source.places.with_columns(file=pl.concat_str(pl.lit(self.inside), "file")),
            packed=True,
        )

    def with_refs(self, source: Source) -> Source:
        """A source whose images were found below `folder`, with their refs in the archive."""
        return replace(source, root=self.home, frame=source.frame.with_columns(image=self.refs(pl.col("image"))))


def opened(path: Path) -> Packed | None:
    """The folder that stands for an archive, or for a folder of nothing but archives; None for any other path.

    Raises UserError for an archive that can't be read or holds nothing readable, and for a pickle.
    """
    name = path.name.lower()
    if path.is_file() and name.endswith(names.UNKNOWN):
        raise UserError(f"{path}: {Path(name).suffix} archives are not read; unpack it or repack it as zip")
    if path.is_file() and name.endswith(names.PICKLES):
        raise UserError(
            f"{path}: a pickle holds pictures but no labels; name the label file: pickles beside it are searched"
        )
    archives = _archives(path)
    if not archives:
        return None
    notes: Counter[str] = Counter()
    for archive in archives:
        contents = open_archive(archive)
        if not contents.texts and not contents.pictures:
            why = ", ".join(f"{count:,} {reason}" for reason, count in contents.left_out.items())
            raise UserError(f"{archive}: nothing in it can be read ({why or 'it is empty'}); unpack it by hand")
        for reason, count in contents.left_out.items():
            notes[f"{archive.name}: {reason}"] += count
    base = tree_of(archives)
    home = archives[0].resolve().parent
    folder = base if path.is_dir() and len(archives) > 1 else _down(base)
    return Packed(folder, base, home, notes)


def opened_images(path: Path) -> Packed:
    """The folder that stands for an archive of images. Raises UserError if it can't be read."""
    base = tree_of([path])
    return Packed(base / path.resolve().name, base, path.resolve().parent, Counter())


def _archives(path: Path) -> list[Path]:
    if path.is_file():
        return [path] if names.is_archive(path.name, names.OF_DATA_SETS) else []
    look = Look(path)
    found = look.all_files(*names.OF_DATA_SETS)
    in_one = len({archive.parent for archive in found}) == 1
    return found if in_one and not look.label_files and not look.all_files(*_DATA) else []


def _shards(archives: Sequence[str]) -> list[str]:
    """The names, without endings, of archives that only number the parts of a data set: `000000.tar`, `000001.tar`."""
    series: dict[str, dict[int, str]] = {}
    for stem in map(names.stem, archives):
        if (match := _NUMBERED.fullmatch(stem)) and split_names.word(match[1]) is None:
            series.setdefault(match[1], {})[int(match[2])] = stem
    return [
        stem
        for held in series.values()
        if len(held) > 1 and min(held) in (0, 1) and max(held) - min(held) == len(held) - 1
        for stem in held.values()
    ]


def _down(folder: Path) -> Path:
    """The folder itself, or its only subfolder, and so on; stops above a folder that is a split."""
    while True:
        files, folders = Look(folder).names
        if files or len(folders) != 1 or split_names.word(folders[0]):
            return folder
        folder = folder / folders[0]
