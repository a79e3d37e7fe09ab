"""Image files in a source's image folders or archives that no row names. Opens none of them."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from pathlib import Path

import polars as pl

from curate.archives.names import is_archive
from curate.archives.opening import open_archive
from curate.base.errors import UserError
from curate.images.own_drawings import drawings_in
from curate.images.stored import split_ref
from curate.sources.look import IMAGE_ENDINGS, is_folder, is_utf8_name

#: What `with_orphans` adds.
ORPHANS = {"orphan_images": pl.Int32, "orphan_example": pl.String}
#: The most folders that are listed, and files in all: enough for any set, and never a whole disk.
MOST_FOLDERS, MOST_FILES = 1000, 5_000_000


def with_orphans(samples: pl.DataFrame, roots: Sequence[tuple[str, Path]]) -> pl.DataFrame:
    """Add orphan_images, the number of orphans of each sample's source, and orphan_example, the first few names.

    roots: (name, root) of the sources. Looks only into folders that hold images of the source. A file that another
    source of the run names is not an orphan. Null if a source names no image file.
    """
    rows = []
    images_of = {
        name: samples.filter(pl.col("source") == name)["image"].drop_nulls().unique().to_list() for name, _ in roots
    }
    named = {place for name, root in roots for place in _places(root, images_of[name])}
    for name, root in roots:
        images = images_of[name]
        folders = sorted({os.path.dirname(image) for image in images if "#" not in image})[:MOST_FOLDERS]  # noqa: PTH120
        packed = sorted({place for image in images if "#" in image and (place := _packed_in(image))})
        orphans = sorted([*_orphans(root, folders, named), *_packed_orphans(root, packed, set(images))])
        if folders or packed:
            more = ", …" if len(orphans) > 3 else ""
            rows.append((name, len(orphans), ", ".join(orphans[:3]) + more))
    facts = pl.DataFrame(rows, schema={"source": pl.String, **ORPHANS}, orient="row")
    return samples.join(facts, on="source", how="left", maintain_order="left")


def _places(root: Path, images: Iterable[str]) -> Iterable[str]:
    """Where images are, from the root of the file system."""
    base = root.absolute().as_posix().rstrip("/")
    for image in images:
        plain = not image.startswith(("/", ".")) and "//" not in image and "/." not in image
        yield f"{base}/{image}" if plain else (root.absolute() / image).as_posix()


def _packed_in(image: str) -> tuple[str, str] | None:
    """(archive, folder in it) of an image; None if it is in no archive, or in a file inside one."""
    found = split_ref(image)
    if found is None or not is_archive(found[0]) or "#" in found[1]:
        return None
    return found[0], found[1].rpartition("/")[0]


def _packed_orphans(root: Path, places: Sequence[tuple[str, str]], named: set[str]) -> Iterable[str]:
    for archive, folder in places:
        with suppress(UserError):  # its images have findings
            start = f"{archive}#{folder}/" if folder else f"{archive}#"
            for name in open_archive(root / archive).pictures.get(folder, ()):
                if f"{start}{name}" not in named:
                    yield f"{start}{name}"


def _orphans(root: Path, folders: Iterable[str], named: set[str]) -> Iterable[str]:
    left = MOST_FILES
    for folder in folders:
        found = []
        try:
            base = (root.absolute() / folder).as_posix().rstrip("/")
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    left -= 1
                    if left < 0:
                        break
                    if f"{base}/{entry.name}" in named or not entry.name.lower().endswith(IMAGE_ENDINGS):
                        continue
                    if not is_folder(entry) and is_utf8_name(entry.name):
                        found.append(entry.name)
        except OSError:
            continue
        for name in set(found) - drawings_in(root / folder, found):
            yield f"{folder}/{name}" if folder else name
