"""Names a data set's splits after its files and folders. Not for choosing one: `read_source` does that."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

from curate.sources.model import Part
from rules.sets import split_names

#: A folder named after a year, like CROHME's test sets.
YEAR = re.compile(r"(?:19|20)\d\d")
_SHARD = re.compile(r"-\d{5}-of-\d{5}(-[0-9a-f]+)?$")
_NEUTRAL = re.compile(r"(?i)(caption|label|annotation|formula|metadata|data|gt|image|img|list|ink(ml)?)s?")


def split_name(path: Path, base: Path) -> str | None:
    """The split of a file in a data set folder: from its own name, else from its folders, else its stem."""
    stem = path.name.lower().removesuffix(".gz") if path.is_file() else path.name
    stem = path.name[: len(Path(stem).stem)] if path.is_file() else path.name
    stem = _SHARD.sub("", stem)
    if word := split_names.word(stem):
        return word
    above = [folder.name for folder in path.parents if folder != base and folder.is_relative_to(base)]
    named = [name for name in above if not _NEUTRAL.fullmatch(name)]
    if path.is_file() and above:
        return _with_word(named[0], named[1:]) if named else above[0]
    if _NEUTRAL.fullmatch(stem):  # train/labels is train
        return next((word for name in above if (word := split_names.word(name))), None)
    return _with_word(stem, above)


def folder_split(folder: Path, base: Path) -> str | None:
    """The split of the files in a data set's folder: `train/INKML/MfrDB` is `train`, `test/2014` is `test_2014`.

    Word and year are taken wherever they occur; without either, the outermost folder names the split.
    """
    names = folder.relative_to(base).parts
    found = [next(filter(None, map(split_names.word, names)), None), next(filter(YEAR.fullmatch, names), None)]
    return "_".join(filter(None, found)) or next(iter(names), None)


def _with_word(name: str, above: list[str]) -> str:
    """`2014` in a folder `test` is `test_2014`; a name that states its split stays as it is."""
    word = None if split_names.word(name) else next(filter(None, map(split_names.word, above)), None)
    return f"{word}_{name}" if word else name


def name_parts(files: list[Path], base: Path) -> list[Part]:
    """Parts for the files of a data set folder; files that would share a split by chance use their stems instead."""
    named = [(file, split_name(file, base)) for file in files]
    splits = [split for _, split in named]
    # A split's shards have different numbers: the same one in two folders is two data sets.
    shards = Counter((split, shard[0]) for file, split in named if (shard := _SHARD.search(file.stem)))
    apart = {split for (split, _), times in shards.items() if times > 1}
    parts = []
    for file, split in named:
        shard = _SHARD.search(file.stem)
        if shard and split in apart and file.parent != base:
            split = f"{file.parent.name}_{split or file.stem[: shard.start()]}"
        elif splits.count(split) > 1 and not shard:
            split = file.stem if file.parent == base else f"{file.parent.name}_{file.stem}"
        parts.append(Part(file, split))
    return parts
