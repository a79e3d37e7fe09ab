"""Indexes of formulas: which line of a formulas file belongs to which image. Reads no formula.

Published ones are `LINE NAME KIND` (im2latex on Zenodo), `NAME LINE` (im2markup), and `NAME LINE` in a folder
`matching` (LaTeX_OCR_PRO). Copies have TABs instead of spaces, or the two columns swapped.
"""

from __future__ import annotations

import re
from pathlib import Path

from curate.sources.look import IMAGE_NAME, Look, is_label_name, once
from curate.sources.sidecars import kind_by_name
from rules.sets import split_names

#: Endings that are unmistakable, with the looser line shapes that such files may have.
_INDEX_NAME = re.compile(r"(?i).*(\.lst|\.matching\.txt|\.idx|\.index)(\.gz)?")
_NUMBER_FIRST = re.compile(r"\d+[ \t]+\S+([ \t]+\S+)?[ \t]*$")
_IMAGE_FIRST = re.compile(rf"\S+{IMAGE_NAME}[ \t]+\d+[ \t]*$")
#: The line shapes in files of any other name, where `1 + x` may be a label.
_SURE_NUMBER_FIRST = re.compile(rf"\d+[ \t]+(\S+{IMAGE_NAME}|[0-9a-f]{{8,}})([ \t]+[a-z]\w*)?[ \t]*$")
_NUMBER = re.compile(r"^(\d+)[ \t]|[ \t](\d+)[ \t]*$")
#: A file of lines that could also be numbers read from pictures is an index if it has this many different numbers.
_FEWEST = 5
_FORMULAS_ENDINGS = (".lst", ".txt", ".norm", ".formulas", "")


def is_index(look: Look) -> bool:
    """Whether a file is an index: by its name and lines, or by lines whose numbers are all different."""
    if look.suffix in (".csv", ".tsv", ".json", ".jsonl", ".ndjson", ".tex") or "formulas" in look.path.name.lower():
        return False
    if _INDEX_NAME.fullmatch(look.path.name):
        return look.share(_NUMBER_FIRST) >= 0.5 or look.share(_IMAGE_FIRST) >= 0.5
    if look.share(_SURE_NUMBER_FIRST) < 0.95 and look.share(_IMAGE_FIRST) < 0.95:
        return False
    found = [match[1] or match[2] for line in look.lines if (match := _NUMBER.search(line))]
    return len(set(found)) == len(found) and (len(found) >= _FEWEST or bool(formulas_of(look.path)))


@once
def formulas_of(index: Path) -> list[Path]:
    """The formulas files that an index may refer to, shortest name first; with more than one, the choice is open.

    They are searched in the nearest folder that has any: its own, its subfolders, its parent, the parent's subfolders
    (`formulas` beside `matching`). Files with the index's split in their name come before those without one.
    """
    here = index.parent
    for places in ([here], Look(here).folders, [here.parent], Look(here.parent).folders):
        folders = [place if isinstance(place, Look) else Look(place) for place in places]
        found = [folder.path / name for folder in folders for name in folder.names[0] if _is_formulas(name)]
        fitting = _fitting(index, found)
        if fitting:
            return sorted(fitting, key=lambda file: (len(file.name), file.name))
    return []


@once
def indexes_of(formulas: Path) -> list[Path]:
    """The indexes that refer to lines of a formulas file."""
    here = formulas.parent
    places = [Look(here), *Look(here).folders, Look(here.parent), *Look(here.parent).folders]
    seen = dict.fromkeys(file.path for place in places for file in _in(place))
    return [index for index in seen if formulas in formulas_of(index)]


def split_of(index: Path) -> str:
    """The split of an index: its name without what all indexes share."""
    return re.sub(r"(?i)^im2latex[_-]|(_filter)?(\.lst|\.matching\.txt|\.idx|\.index|\.txt)(\.gz)?$", "", index.name)


def _in(folder: Look) -> list[Look]:
    return [
        look
        for name in folder.names[0]
        if is_label_name(name) and not kind_by_name(name) and is_index(look := Look(folder.path / name))
    ]


def _is_formulas(name: str) -> bool:
    plain = name.lower().removesuffix(".gz")
    return "formulas" in plain and Path(plain).suffix in _FORMULAS_ENDINGS and kind_by_name(name) is None


def _fitting(index: Path, found: list[Path]) -> list[Path]:
    split = split_names.standard(index.name)
    same = [file for file in found if split and split_names.standard(file.name) == split]
    return same or [file for file in found if split_names.standard(file.name) is None]
