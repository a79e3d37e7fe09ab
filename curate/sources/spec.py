"""Parses how users name a source on the command line. Not for reading it: that is `curate.sources.read_source`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from curate.archives.names import OF_DATA_SETS, is_archive
from curate.base.column_names import TRIED, parse_roles
from curate.base.errors import UserError
from curate.base.visible import clip, visible
from curate.sources.registry import FORMATS

#: The roles that `--columns` may map.
COLUMN_ROLES = tuple(TRIED)

SYNTAX = "[NAME=][FORMAT:]PATH_OR_ID[#SPLIT]"

_NAME = re.compile(r"([^\s=/\\:#]+)=(.*)", re.DOTALL)
_FORMAT = re.compile(r"([A-Za-z][A-Za-z0-9_+-]*):(.*)", re.DOTALL)
#: A folder or archive, and a configuration of the data set in it.
_OF_FOLDER = re.compile(r"(.+):([\w.-]+)", re.DOTALL)
_ENDINGS = (*OF_DATA_SETS, ".gz", *{ending for item in FORMATS.values() for ending in item.endings if ending})


#: The most characters of a source's name: it becomes part of file names.
_LONGEST_NAME = 100


@dataclass(frozen=True)
class SourceSpec:
    """One SOURCE argument. `format` is None to be recognised, `split` and `configuration` None if none was named."""

    name: str
    format: str | None
    target: str
    split: str | None
    configuration: str | None = None

    @property
    def path(self) -> Path:
        return Path(self.target)


def parse_source(text: str) -> SourceSpec:
    """Parse `[NAME=][FORMAT:]PATH_OR_ID[#SPLIT]`. Raises UserError for an empty part or an unknown format.

    PATH may be FOLDER:CONFIGURATION, and the folder may be an archive.

    An existing path wins over the syntax at every step: if a file `a#b.txt` exists, the text `a#b.txt` is that file,
    and `x=a#b.txt` is that file under the name x.
    """
    name: str | None = None
    format_name: str | None = None
    split: str | None = None
    configuration: str | None = None
    rest = text
    if not _exists(rest) and (match := _NAME.fullmatch(rest)):
        name, rest = check_name(match[1]), match[2]
    if not _exists(rest) and (match := _FORMAT.fullmatch(rest)):
        if match[1] not in FORMATS and not Path(match[1]).is_dir():
            raise UserError(
                f"{text}: there is no such file, and {match[1]!r} is not a source format; known: {', '.join(FORMATS)}"
            )
        if match[1] in FORMATS:
            format_name, rest = match[1], match[2]
    if not _exists(rest) and "#" in rest:
        rest, _, split = rest.rpartition("#")
        if not split:
            raise UserError(f"{text}: no split name after '#'; a source is written {SYNTAX}")
        if "/" in split:
            raise UserError(f"{text}: a split name can't hold '/'; a source is written {SYNTAX}")
    if not rest:
        raise UserError(f"{text!r}: no path or id in this source; it is written {SYNTAX}")
    if not _exists(rest) and (found := _OF_FOLDER.fullmatch(rest)) and _exists(found[1]):
        rest, configuration = found[1], found[2]
    name = name or default_name(rest, format_name) + (f"_{configuration}" if configuration else "")
    return SourceSpec(name, format_name, rest, split, configuration)


def check_name(name: object) -> str:
    """`name` if it can be a source's name: the first part of every sample_id (`name/split/…`) and of names of files.
    Raises UserError otherwise."""
    if not isinstance(name, str) or not name or any(c in "/:=#\\" or c.isspace() for c in name):
        raise UserError(f"{name!r}: not a name for a source; it has no white space and none of / \\ : = #")
    if name in (".", "..") or visible(name) != name:
        raise UserError(f"{name!r}: not a name for a source; use letters, digits, - and _")
    if len(name) > _LONGEST_NAME:
        raise UserError(f"{clip(name, 20)}: not a name for a source; it has more than {_LONGEST_NAME} characters")
    return name


def parse_images(text: str) -> tuple[str | None, Path]:
    """Parse `--images [NAME=]DIR` into (source name or None for all, folder or archive). Raises UserError."""
    name: str | None = None
    folder = text
    if not _exists(folder) and (match := _NAME.fullmatch(folder)):
        name, folder = match[1], match[2]
    packed = is_archive(folder, OF_DATA_SETS) and Path(folder).is_file()
    if not folder or not (Path(folder).is_dir() or packed):
        raise UserError(f"--images {text}: {folder or 'it'} is not a folder; write --images [NAME=]DIR")
    return name, Path(folder)


def parse_first_number(text: str) -> tuple[str | None, int]:
    """Parse `--first-number [NAME=]0|1` into (source name or None for all, number). Raises UserError otherwise."""
    name, equals, number = text.rpartition("=")
    if number not in ("0", "1") or (equals and not name):
        raise UserError(f"--first-number {text}: the number of line 1 is 0 or 1; write --first-number [NAME=]0|1")
    return name or None, int(number)


def parse_columns(text: str) -> tuple[str | None, dict[str, str]]:
    """Parse `--columns [NAME=]label:tex,image:name` into (source name or None for all, {role: column}).

    Raises UserError for an unknown role, an empty column or a role given twice.
    """
    name: str | None = None
    rest = text
    if (match := _NAME.fullmatch(rest)) and ":" in match[2]:
        name, rest = match[1], match[2]
    return name, parse_roles(rest, COLUMN_ROLES, given=text, kind="COLUMN", example="label:tex,image:name")


def default_name(target: str, format_name: str | None = None) -> str:
    """The name of an unnamed source: the file's or folder's, without ending, or the last part of the hub id."""
    remote = FORMATS[format_name].remote if format_name is not None and not _exists(target) else None
    if remote and (match := remote.pattern.fullmatch(target)):
        target = match["name"]
    path = Path(target)
    if path.name in ("", ".", ".."):
        path = path.resolve()
    name = path.name
    if not path.is_dir():
        while any(name.lower().endswith(ending) and len(name) > len(ending) for ending in _ENDINGS):
            name = name[: name.rindex(".")]
    return re.sub(r"[\s=/\\:#]+", "_", name) or "source"


def _exists(text: str) -> bool:
    try:
        return bool(text) and Path(text).exists()
    except (OSError, ValueError):  # a name too long for the file system, or with a NUL
        return False
