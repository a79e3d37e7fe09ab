"""Errors about unavailable images, in one line. Not for errors of the command line: see `curate.base`."""

from __future__ import annotations

MISSING = "no such file"
LEAVES = "the path leaves the image folder"
#: The error of an image for which memory ran out: another attempt may measure it.
NO_MEMORY = "out of memory"


class ImageError(Exception):
    """An image is unavailable: missing, outside the image folder, undecodable, or too large. The text says which."""


def error_text(error: BaseException) -> str:
    """One line that says what is wrong with an image, without the path, which is shown beside it."""
    if isinstance(error, FileNotFoundError):
        return MISSING
    if isinstance(error, OSError) and error.strerror:
        return error.strerror.lower()
    if isinstance(error, MemoryError):
        return NO_MEMORY
    lines = str(error).strip().splitlines()
    return lines[0][:200] if lines else type(error).__name__
