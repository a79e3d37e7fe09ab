"""Finds names of images in front of labels, and in lists beside as many labels, and says what to do. Pairs nothing.

OpenNMT (`src-train.txt`, `tgt-train.txt`) and im2latex-230k are published so. That both files have the same order is
likely, but only whoever has them can say.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from curate.sources.look import IMAGE_ENDINGS, Look
from curate.sources.model import Job, Part
from curate.sources.numbering import last_line
from curate.sources.sidecars import IMAGE_LIST

NAMES = (
    "{names} lists as many image names as {labels} has lines; if they belong together: paste {names} {labels} > {new}"
)

#: How much of a line is looked at, and how many lines at least if they begin with numbers, as `1 + 1` does too.
_START, _FEWEST_NUMBERS = 500, 5


def begins_with_names(look: Look, images: Path | None = None) -> bool:
    """Do the lines of a file begin with the names of different images, without their ending? Then they are no labels.

    images: the folder of the images, if the user has named one.
    """
    fields = [line[:_START].split(None, 1) for line in look.lines]
    names = {line[0] for line in fields if len(line) == 2}
    fewest = _FEWEST_NUMBERS if any(map(str.isdecimal, names)) else 2
    if len(names) < max(fewest, len(fields)):
        return False
    stems = {_plain(file.stem) for file in Look(images or look.path.parent).all_files(*IMAGE_ENDINGS)}
    return len(stems.intersection(map(_plain, names))) * 10 >= 9 * len(names)


def _plain(name: str) -> str:
    """A number without the zeros in front of it; any other name as it is."""
    return name.lstrip("0") or "0" if name.isdecimal() else name


def beside_names(look: Look) -> str | None:
    """What to do with a folder that holds a list of image names and a file with as many lines; None if it has none."""
    for names in look.sidecars.get(IMAGE_LIST, ()):
        if said := next((said for file in look.label_files if (said := _said(names, file.path, look.path))), None):
            return said
    return None


def note_names_beside(parts: Sequence[Part], job: Job) -> None:
    """Note lists of image names beside files of labels that are read without images."""
    for part in parts:
        here = part.path.parent
        for names in Look(here).sidecars.get(IMAGE_LIST, ()):
            if names.parent == here and (said := _said(names, part.path, here)):
                job.notes[said] += last_line(names)


def _said(names: Path, labels: Path, folder: Path) -> str | None:
    if labels.suffix not in (".txt", ".lst", "") or names == labels or last_line(names) != last_line(labels):
        return None
    shown = [path.relative_to(folder).as_posix() for path in (names, labels)]
    return NAMES.format(names=shown[0], labels=shown[1], new=f"joined_{labels.stem}.txt")
