"""Names the splits of a data set after its files and folders. Not for choosing one: `read_source` does that."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

from curate.sources.look import Look
from curate.sources.model import Part, wrong_shape
from rules.sets import split_names

_SHARD = re.compile(r"-\d{5}-of-\d{5}$")
_NEUTRAL = re.compile(r"(?i)(caption|label|annotation|formula|metadata|data|gt|image|img)s?")


def split_name(path: Path, base: Path) -> str | None:
    """The split a file of a data set folder is: from its own name, else the folder it stands in, else its stem."""
    stem = path.name.lower().removesuffix(".gz") if path.is_file() else path.name
    stem = path.name[: len(Path(stem).stem)] if path.is_file() else path.name
    stem = _SHARD.sub("", stem)
    word = split_names.word(stem)
    if word:
        return word
    if path.parent != base and path.is_file():
        return path.parent.name
    return None if _NEUTRAL.fullmatch(stem) else stem


def name_parts(files: list[Path], base: Path) -> list[Part]:
    """Parts for the files of a data set folder; files that would share a split by chance get their stems as splits."""
    named = [(file, split_name(file, base)) for file in files]
    splits = [split for _, split in named]
    parts = []
    for file, split in named:
        shard = _SHARD.search(file.stem) is not None
        if splits.count(split) > 1 and not shard:
            split = file.stem if file.parent == base else f"{file.parent.name}_{file.stem}"
        parts.append(Part(file, split))
    return parts


def file_or_folder(
    format_name: str, sniff: Callable[[Look], float | None], endings: tuple[str, ...], wanted: str
) -> Callable[[Path], list[Part]]:
    """Make the `parts` of a format that is one file a split: the file, or the files in a folder that it recognises."""

    def parts(path: Path) -> list[Part]:
        if not path.is_dir():
            return [Part(path)]
        look = Look(path)
        files = [file.path for file in look.label_files if (sniff(file) or 0) >= 0.5]
        if not files:
            files = [file.path for file in look.label_files if file.suffix in endings]
        if not files:
            raise wrong_shape(path, format_name, f"the folder holds no {wanted}")
        return name_parts(files, path)

    return parts


def sniff_folder(sniff_file: Callable[[Look], float | None]) -> Callable[[Look], float | None]:
    """Let a file sniffer judge folders too: as sure as its surest label file, a little less so."""

    def sniff(look: Look) -> float | None:
        if not look.is_dir:
            return sniff_file(look)
        sure = [found for file in look.label_files if (found := sniff_file(file))]
        return max(sure) * 0.97 if sure else None

    return sniff
