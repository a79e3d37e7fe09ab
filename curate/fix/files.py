"""The files of a source with its labels changed, for every format; nothing is written here. `places` finds the labels.

A format's output has the files of its input: text files keep every other byte, tables every other column, and what goes
with them (the index of im2latex, the JSON files of a `save_to_disk` folder) is copied.
"""

from __future__ import annotations

import hashlib
import json
import re
import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import polars as pl

from curate.base.errors import UserError
from curate.fix import places
from curate.fix.places import Change
from curate.fix.spans import FileText
from curate.fix.table import TableFile
from curate.sources import FORMATS, Source
from curate.sources.crohme import TRUTH, ink_files
from curate.sources.lines import utf8_or_latin1
from curate.sources.look import Look
from curate.sources.named_lines import label_files

TABLES = (".parquet", ".arrow")


class Output(Protocol):
    """A file to be written."""

    @property
    def path(self) -> Path:
        """The file it was read from."""
        ...

    def diff(self, new_name: str) -> Iterator[bytes]:
        """A unified diff, in bytes; none where nothing changes."""
        ...

    def write_as(self, path: Path, *, compressed: bool) -> None: ...


@dataclass
class Copied:
    """A file that stays as it is."""

    path: Path

    def diff(self, new_name: str) -> Iterator[bytes]:
        return iter(())

    def write_as(self, path: Path, *, compressed: bool) -> None:
        shutil.copyfile(self.path, path)


def check_format(source: Source) -> None:
    """Raises UserError where a source has no files of its own that could be written back."""
    if not source.path.exists():
        raise UserError(
            f"{source.path}: curate fix writes files, and this is an id on the hub; fetch it first: "
            f"datasets.load_dataset({str(source.path)!r}).save_to_disk(FOLDER)"
        )


def rewrite(source: Source, changed: pl.DataFrame, columns: dict[str, str]) -> tuple[dict[str, Output], list[str]]:
    """(files by name, labels as written in the order of `changed`).

    `changed` has the columns file, line, label and fixed. Raises UserError where a file doesn't hold what was read.
    """
    by_file: dict[str, list[tuple[int, Change]]] = {}
    for place, (file, line, label, fixed) in enumerate(changed.select("file", "line", "label", "fixed").iter_rows()):
        by_file.setdefault(file, []).append((place, (line, label, fixed)))
    formulas = _formulas(source)
    read: dict[Path, FileText] = {}
    files: dict[str, Output] = {}
    written: dict[int, str] = {}
    for name in source.places["file"].unique(maintain_order=True):
        changes = by_file.get(name, [])
        path = base(source) / name
        only = [change for _, change in changes]
        if path in formulas:
            index = FileText.read(path)
            if source.path.is_dir():
                files[name] = index
            target = formulas[path]
            other = target.relative_to(base(source)).as_posix() if target.is_relative_to(base(source)) else target.name
            if target not in read:
                read[target] = files[other] = FileText.read(target, utf8_or_latin1(target))
            texts = places.in_formulas(index, read[target], only)
        elif path.is_dir():
            inner, texts = _small_files(source.format, path, only)
            files |= {(Path(name) / below).as_posix(): file for below, file in inner.items()}
        elif _suffix(path) in TABLES:
            table = TableFile(path, columns.get("label"))
            files[name], texts = table, table.change(only)
        else:
            files[name], texts = text_file(source.format, path, only, columns)
        written |= {place: text for (place, _), text in zip(changes, texts, strict=True)}
    return files | _companions(source, files), [written[place] for place in range(changed.height)]


def base(source: Source) -> Path:
    """The folder that a source's files are named from."""
    return source.path if source.path.is_dir() else source.path.parent


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _formulas(source: Source) -> dict[Path, Path]:
    """The formulas file of every im2latex index."""
    if source.format != "im2latex":
        return {}
    return {part.path: part.extra for part in FORMATS["im2latex"].parts(source.path) if part.extra is not None}


def _companions(source: Source, files: dict[str, Output]) -> dict[str, Output]:
    """What a `save_to_disk` folder needs besides its tables: its splits (those that are written) and their states."""
    if source.format != "hf" or not source.path.is_dir():
        return {}
    found: dict[str, Output] = {}
    folders = dict.fromkeys(Path(name).parent for name in files)
    splits = source.path / "dataset_dict.json"
    if splits.is_file():
        whole = FileText.read(splits)
        names = [folder.name for folder in folders]
        whole.replace(0, len(whole.text), json.dumps({"splits": names}))
        found["dataset_dict.json"] = whole
    for folder in folders:
        info, state = source.path / folder / "dataset_info.json", source.path / folder / "state.json"
        if info.is_file():
            found[(folder / info.name).as_posix()] = Copied(info)
        if state.is_file():
            tables = [file for name, file in files.items() if Path(name).parent == folder]
            found[(folder / state.name).as_posix()] = _state(state, tables)
    return found


def _state(path: Path, tables: Sequence[Output]) -> FileText:
    """state.json with another fingerprint where a label changes: `datasets` caches what it computes by that."""
    file = FileText.read(path)
    new = [(at, sorted(table.new.items())) for at, table in enumerate(tables) if isinstance(table, TableFile)]
    mark = re.search(r'"_fingerprint":\s*"([0-9a-f]+)"', file.text)
    if mark and any(labels for _, labels in new):
        file.replace(*mark.span(1), hashlib.sha256(f"{mark[1]}{new}".encode()).hexdigest()[: len(mark[1])])
    return file


def changed_text(
    source: Source, path: Path, changes: list[Change], columns: dict[str, str], kind: type[FileText]
) -> tuple[FileText, list[str]]:
    """The text file that holds the labels of a source's file: itself, or the formulas that an index names."""
    target = _formulas(source).get(path)
    if target is None:
        return text_file(source.format, path, changes, columns, kind)
    file = kind.read(target, utf8_or_latin1(target))
    return file, places.in_formulas(FileText.read(path), file, changes)


def text_file(
    format_name: str, path: Path, changes: list[Change], columns: dict[str, str], kind: type[FileText] = FileText
) -> tuple[FileText, list[str]]:
    """A text file that holds the labels itself, with the changes made, and the labels as written."""
    suffix = _suffix(path)
    if suffix == ".inkml":
        file = kind.read(path, places.xml_encoding(path))
        return file, places.in_inkml(file, changes, TRUTH[format_name])
    if format_name == "im2latex" and suffix != ".csv":
        file = kind.read(path, utf8_or_latin1(path))
        return file, places.in_lines(file, changes)
    file = kind.read(path)
    if format_name in ("csv", "tsv", "im2latex") or (format_name == "imagefolder" and suffix == ".csv"):
        return file, places.in_table(file, changes, "\t" if format_name == "tsv" else ",", columns)
    if format_name in ("jsonl", "imagefolder", "mathwriting") or (
        format_name in ("m2e", "crohme") and Look(path).records
    ):
        return file, places.in_json(file, changes, columns)
    return file, places.in_lines(file, changes)


def small_file(
    format_name: str, path: Path, change: Change, kind: type[FileText] = FileText
) -> tuple[FileText, list[str]]:
    """A file of one label, with the change made, and the label as written."""
    _, label, new = change
    if _suffix(path) == ".inkml":
        return text_file(format_name, path, [(1, label, new)], {}, kind)
    file = kind.read(path)
    return file, places.in_whole(file, [(1, label, new)])


def small_files(format_name: str, folder: Path) -> list[Path]:
    """The files of a folder of one file a label, in the order in which `Source.places` counts them from 1."""
    return label_files(folder) if format_name == "mlhme38k" else list(ink_files(folder))


def _small_files(format_name: str, folder: Path, changes: list[Change]) -> tuple[dict[str, Output], list[str]]:
    paths = small_files(format_name, folder)
    files: dict[str, Output] = {path.name: Copied(path) for path in paths}
    texts: list[str] = []
    for change in changes:
        path = paths[change[0] - 1]
        files[path.name], written = small_file(format_name, path, change)
        texts += written
    return files, texts
