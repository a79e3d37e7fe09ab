"""Finds the image files that predictions name, in a folder that may have another layout. Opens none."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

#: Endings of image files, for names without one.
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


class Images:
    """The files below a folder. The folder is searched once, when a name doesn't lead to a file directly."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, image: str | None, sample_id: str) -> str | None:
        """The path of a row's image below the folder; `image` is as in the row, absolute or with other folders.

        In this order: a file at that very path; the file whose path agrees with `image` in most parts from its end, at
        least in the name; the only file of that name without its ending. If a row names no image, one in a table
        (`file#COLUMN:ROW`), or a missing one, the last part of its id is used as the name. None if there is no such
        file, or if several are equally good.
        """
        if image is not None:
            if "#" in image or (not PurePosixPath(image).is_absolute() and (self.root / image).is_file()):
                return image
            found = self._best(PurePosixPath(image.replace("\\", "/")))
            if found is not None:
                return found
        return self._best(PurePosixPath(sample_id))

    def _best(self, path: PurePosixPath) -> str | None:
        named = self._by_name.get(path.name, [])
        if not named and path.name not in ("", ".", ".."):
            stem = path.stem if path.suffix.lower() in ENDINGS else path.name
            named = [file for file in self._by_stem.get(stem, []) if PurePosixPath(file).suffix.lower() in ENDINGS]
        ranked = sorted(((_shared(path, PurePosixPath(file)), file) for file in named), reverse=True)
        if not ranked or (len(ranked) > 1 and ranked[0][0] == ranked[1][0]):
            return None
        return ranked[0][1]

    @cached_property
    def _by_name(self) -> dict[str, list[str]]:
        files: dict[str, list[str]] = defaultdict(list)
        for folder, folders, names in os.walk(self.root):
            folders.sort()
            inside = Path(folder).relative_to(self.root).as_posix()
            for name in names:
                files[name].append(name if inside == "." else f"{inside}/{name}")
        return files

    @cached_property
    def _by_stem(self) -> dict[str, list[str]]:
        files: dict[str, list[str]] = defaultdict(list)
        for name, paths in self._by_name.items():
            files[PurePosixPath(name).stem].extend(paths)
        return files


def _shared(one: PurePosixPath, other: PurePosixPath) -> int:
    """How many folders two paths have in common, from their ends, without the names."""
    number = 0
    for a, b in zip(one.parts[-2::-1], other.parts[-2::-1], strict=False):
        if a != b:
            break
        number += 1
    return number
