"""Finds the image files that predictions name in a folder that may be laid out otherwise. Opens none."""

from __future__ import annotations

import os
from collections import defaultdict
from functools import cached_property
from pathlib import Path, PurePosixPath

#: Endings of image files, for those that are named without one.
ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".bmp", ".gif", ".webp", ".tif", ".tiff"})


class Images:
    """The files below a folder. The folder is gone through once, when a name doesn't lead to a file straight away."""

    def __init__(self, root: Path) -> None:
        self.root = root

    def find(self, image: str | None, sample_id: str) -> str | None:
        """The path below the folder of a row's image; `image` is as the row has it, absolute or with other folders.

        A file at that very path; else the one whose path agrees with `image` in most parts from its end, the name at
        least; else the only one of that name without its ending. A row that names no image, or one of a table
        (`file#COLUMN:ROW`), or none that is there, has the one that is called as its id's last part. None where there
        is none, or several are as good.
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
    """How many folders two paths have in common, from their ends, names apart."""
    number = 0
    for a, b in zip(one.parts[-2::-1], other.parts[-2::-1], strict=False):
        if a != b:
            break
        number += 1
    return number
