"""Parses the image paths in label files, whatever machine wrote them. Looks at no folder."""

from __future__ import annotations

import posixpath
import re
import unicodedata
from typing import NamedTuple
from urllib.parse import unquote

from curate.sources.look import IMAGE_ENDINGS

#: An image path as a polars regular expression: its folder with the last separator, and its name.
PARTS = r"(?s)^(.*[/\\])?([^/\\]*)$"

_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/")
_DRIVE = re.compile(r"(?:/*[?.]/)?/?[A-Za-z]:(?=/|$)")


class Place(NamedTuple):
    """The folder of an image path as written in a label file.

    path: its folders without a drive, host, `.` or `//`; leading `..` only if `relative`. relative: starts at the
    label file rather than at a machine's root. url: its names are percent-encoded.
    """

    path: str
    relative: bool
    url: bool = False

    @property
    def tail(self) -> list[str]:
        """Its folders, the last of which may be the name of an existing one; `..` is left out."""
        return [name for name in self.path.split("/") if name not in ("", "..")]


def folder_of(folder: str) -> Place:
    r"""Parse a folder that is empty or ends in a separator: `img/`, `../img/`, `C:\img\`, `file:///img/`, `~/img/`."""
    text = folder.replace("\\", "/")
    url = _SCHEME.match(text)
    if url:
        rest = text[url.end() - 1 :]
        if rest.startswith("//"):
            rest = "/" + rest[2:].partition("/")[2]  # the host doesn't tell where a copy lies
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
    """A file name: decoded if it was part of a URL, and without a server's query."""
    if not place.url:
        return name
    plain = name.partition("?")[0]
    return unquote(plain if has_ending(plain) else name)


def has_ending(name: str) -> bool:
    """Does the name end like an image file's?"""
    return name.lower().endswith(IMAGE_ENDINGS)


def fold(name: str) -> str:
    """A form shared by names that differ only in case or in how they encode an accent (macOS decomposes them)."""
    return name.lower() if name.isascii() else unicodedata.normalize("NFC", name).casefold()
