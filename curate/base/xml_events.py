"""Walks through XML without reading anything outside it or expanding entities. Doesn't interpret elements."""

from __future__ import annotations

from collections.abc import Callable
from xml.parsers import expat

_CHUNK = 1 << 16


class XmlError(Exception):
    """Malformed XML, or XML that declares entities. The text says what is wrong, `line` where, counted from 1."""

    def __init__(self, message: str, line: int) -> None:
        super().__init__(message)
        self.line = line


class Enough(Exception):
    """Raised by a handler that has seen enough: the walk ends there, and the rest may be anything."""


def walk(
    data: bytes,
    opened: Callable[[str, dict[str, str]], None],
    closed: Callable[[str], None],
    text: Callable[[str], None],
) -> None:
    """Call the handlers with every start tag, end tag and piece of text. Tags come without their prefix.

    Text that is not UTF-8, in a file that declares no other encoding, is read as Latin-1, in which every byte is a
    character. Entities are refused: a few declarations can stand for gigabytes, or for a file on this machine. Raises
    XmlError.
    """
    parser = expat.ParserCreate("iso-8859-1" if _is_latin(data) else None)
    parser.buffer_text = True
    parser.buffer_size = _CHUNK

    def refuse(*_: object) -> None:
        raise XmlError("it declares entities, which are not read", parser.CurrentLineNumber)

    parser.EntityDeclHandler = refuse
    parser.StartElementHandler = lambda tag, attributes: opened(tag.rpartition(":")[2], attributes)
    parser.EndElementHandler = lambda tag: closed(tag.rpartition(":")[2])
    parser.CharacterDataHandler = text
    try:
        # In pieces, so that a walk that has seen enough skips the rest.
        for start in range(0, len(data), _CHUNK):
            parser.Parse(data[start : start + _CHUNK], False)
        parser.Parse(b"", True)
    except Enough:
        return
    except expat.ExpatError as error:
        raise XmlError(str(error), error.lineno) from error
    except (ValueError, LookupError) as error:  # an encoding that expat doesn't know
        raise XmlError(str(error), 1) from error


def _is_latin(data: bytes) -> bool:
    """Is it text that can't be UTF-8, doesn't declare another encoding, and isn't UTF-16?"""
    if data.startswith((b"\xff\xfe", b"\xfe\xff")) or b"\0" in data[:64]:
        return False
    head = data[:200].lower()
    if b"encoding=" in head.partition(b"?>")[0] and b"utf-8" not in head.partition(b"?>")[0]:
        return False
    try:
        data.decode("utf-8")
    except UnicodeDecodeError:
        return True
    return False
