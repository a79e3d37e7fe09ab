"""Images inside archives and pickles, by name. Not for an archive's other contents: see `curate.archives`."""

from __future__ import annotations

from pathlib import Path

from curate.archives import names
from curate.archives.opening import open_archive
from curate.archives.tree import unpacked_member
from curate.base.errors import UserError
from curate.images.errors import MISSING, ImageError

ENDINGS = names.ENDINGS


def read_member(file: Path, name: str) -> bytes:
    """The bytes of an image in an archive. Raises ImageError."""
    try:
        return open_archive(file).read(name)
    except KeyError as error:
        raise ImageError(MISSING) from error
    except UserError as error:
        raise ImageError(str(error).removeprefix(f"{file}: ")) from error


def member_file(file: Path, name: str) -> Path:
    """A file inside an archive that holds images itself, unpacked. Raises ImageError."""
    try:
        return unpacked_member(file, name)
    except UserError as error:
        raise ImageError(str(error).removeprefix(f"{file}: ")) from error
