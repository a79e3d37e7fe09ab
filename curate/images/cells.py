"""The bytes of an image in a cell of a table or a field of a record, however deep they lie. Opens no file."""

from __future__ import annotations

import base64
import binascii
from typing import Any


def bytes_in(value: Any) -> bytes | None:
    """The first encoded image in a value: bytes, `{bytes, path}`, base64 text (`data:…`), or one of these further in.

    Lists of images hold them, and the parts of the turns of a conversation. None where there is none. Raises ValueError
    for base64 text that is none.
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
        raise ValueError(f"the image is no base64 text: {error}") from error
