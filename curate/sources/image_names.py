"""Reads the paths that label files give their images, whatever machine wrote them. Looks at no folder."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

from curate.sources.look import IMAGE_ENDINGS

#: A path in polars' regular expressions: its folder with the last separator, and its name.
PARTS = r"(?s)^(.*[/\\])?([^/\\]*)$"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_DRIVE = re.compile(r"(?:/*[?.]/)?/?[A-Za-z]:(?=/|$)")


class Place(NamedTuple):
    """The folder of an image path as a label file spells it.

    path: its folders without a drive, host, `.` or `//`; leading `..` only where `relative`. relative: seen from the
    label file, rather than from the root of some machine. url: names in it are percent-encoded.
    """

    path: str
    relative: bool
    url: bool = False

    @property
    def tail(self) -> list[str]:
        """Its folders, of which the last may be the name of one that is there; `..` says nothing."""
        return [name for name in self.path.split("/") if name not in ("", "..")]


def folder_of(folder: str) -> Place:
    r"""Read a folder that ends with a separator or is empty: `img/`, `../img/`, `C:\img\`, `file:///img/`, `~/img/`."""
    text = folder.replace("\\", "/")
    url = _SCHEME.match(text)
    if url:
        rest = text[url.end() - 1 :]
        if rest.startswith("//"):
            rest = "/" + rest[2:].partition("/")[2]  # the host says nothing of where a copy lies
        text = unquote(rest)
    drive = _DRIVE.match(text)
    if drive:
        text = "/" + text[drive.end() :]
    elif text.startswith("~"):
        text = "/" + text.partition("/")[2]
    relative = not text.startswith("/")
    path = posixpath.normpath(text).lstrip("/") if text else ""
    return Place("" if path == "." else path, relative, bool(url))


def name_of(name: str, place: Place) -> str:
    """A file name, decoded where it was part of a URL, with the query taken off that one of a server may have."""
    if not place.url:
        return name
    plain = name.partition("?")[0]
    return unquote(plain if has_ending(plain) else name)


def has_ending(name: str) -> bool:
    """Does a name end as an image file's does?"""
    return name.lower().endswith(IMAGE_ENDINGS)


def fold(name: str) -> str:
    """What two names share that differ in case, or in how they spell an accent (macOS writes `e` and its accent)."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
