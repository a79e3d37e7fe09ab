"""The bytes of an image in a table's cell or a record's field, however deeply nested. Opens no file."""

from __future__ import annotations

import base64
import binascii
from typing import Any


def bytes_in(value: Any) -> bytes | None:
    """The first encoded image in a value: bytes, `{bytes, path}`, base64 text (`data:…`), or any of these nested.

    Lists of images and parts of conversation turns may hold it. None if there is none. Raises ValueError for invalid
    base64 text.
    """
    if isinstance(value, bytes):
        return value or None
    if isinstance(value, str):
        return _decoded(value) if value.startswith("data:") else None
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    return next((data for item in inner if (data := bytes_in(item))), None)


def _decoded(text: str) -> bytes:
    about, comma, data = text.partition(",")
    if not comma or not about.endswith(";base64"):
        raise ValueError(f"the image is written as {about[:40]!r}, not as base64 text")
    try:
        return base64.b64decode(data)
    except binascii.Error as error:
        raise ValueError(f"the image is not valid base64 text: {error}") from error
