"""Names the splits of a data set after its files and folders. Not for choosing one: `read_source` does that."""

from __future__ import annotations

import re
from pathlib import Path

from curate.sources.model import Part
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
