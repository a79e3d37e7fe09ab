"""Turns rows of a data set into questions to a model. Reads image headers first, and opens each image when needed."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter
from collections.abc import Iterator
from functools import partial
from math import sqrt
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from curate.images.errors import ImageError
from curate.images.model_ready import Resize
from curate.images.opening import shown_size
from finetune.data.pairs import picture
from finetune.predict.engines import Question
from rules.sets.model_resize import FACTOR, MAX_PIXELS

if TYPE_CHECKING:
    from datasets import Dataset


class Questions:
    """The rows of a data set that `read_pairs` read, as questions. Can be iterated several times.

    resize, min_side: see `picture`. name_from: the folder to which image names are relative. save_to: a folder for the
    images as the model sees them, scaled down to max_pixels as its processor does. limit: only the first rows.
    Rows without an image are left out and counted in `imageless`. Raises UserError if two rows have the same id.
    """

    def __init__(
        self,
        pairs: Dataset,
        *,
        resize: Resize = "upscale",
        min_side: int = FACTOR,
        name_from: Path | None = None,
        save_to: Path | None = None,
        max_pixels: int = MAX_PIXELS,
        limit: int | None = None,
    ) -> None:
        import datasets

        self._feature = pairs.features["image"]
        self._raw = pairs.cast_column("image", datasets.Image(decode=False))
        self._resize, self._min_side, self._name_from, self._save_to = resize, min_side, name_from, save_to
        self._max_pixels = max_pixels
        labels, ids = list(pairs["label"]), list(pairs["sample_id"])
        nothing = pairs.data.column("image").is_null().to_pylist()
        if pairs._indices is not None:  # a selection: the underlying table still has all rows
            nothing = [nothing[at] for at in pairs._indices.column(0).to_pylist()]
        nothing = nothing[:limit]
        self._places = [at for at, empty in enumerate(nothing) if not empty]
        self.imageless = len(nothing) - len(self._places)
        #: (sample_id, label) in the order of the data.
        self.rows: list[tuple[str, str]] = [(str(ids[at]), str(labels[at] or "")) for at in self._places]
        if len(dict(self.rows)) < len(self.rows):
            raise UserError(f"{_twice(self.rows)}: two rows of the data set have this sample_id; ids must be unique")

    def __len__(self) -> int:
        return len(self._places)

    def __iter__(self) -> Iterator[Question]:
        for at, (sample_id, gt) in zip(self._places, self.rows, strict=True):
            held: dict[str, Any] = self._raw[at]["image"]
            yield Question(
                sample_id,
                gt,
                partial(self._open, at, sample_id),
                _size(held),
                self._name(held, sample_id),
            )

    def sha256(self) -> str:
        """A hash of all ids and labels in their order."""
        digest = hashlib.sha256()
        for sample_id, label in self.rows:
            for text in (sample_id, label):
                data = text.encode("utf-8", "surrogatepass")
                digest.update(len(data).to_bytes(8, "big") + data)
        return digest.hexdigest()

    def _open(self, at: int, sample_id: str) -> Image.Image:
        held = self._raw[at]["image"]
        image = picture(self._feature.decode_example(held), self._resize, self._min_side)
        if self._save_to is not None:
            path = self._save_to / self._file_name(held, sample_id)
            try:
                if not path.exists():
                    with new_file(path) as temporary:
                        _within(image, self._max_pixels).save(temporary, format="PNG")
            except OSError as error:
                raise UserError(f"{path}: can't be written: {error.strerror or error}") from error
        return image

    def _name(self, held: dict[str, Any], sample_id: str) -> str | None:
        """The file of the image, relative to `name_from`; None if the image is inside a file of the data set."""
        if self._save_to is not None:
            path = self._save_to / self._file_name(held, sample_id)
        elif held.get("path") and held.get("bytes") is None:
            path = Path(held["path"])
        else:
            return None
        return Path(os.path.relpath(path, self._name_from)).as_posix() if self._name_from else path.as_posix()

    def _file_name(self, held: dict[str, Any], sample_id: str) -> str:
        """A file name for the image of a sample: the readable part of its id, and a hash of the image and all that is
        done to it. An earlier prediction with other settings, or before the image was mended, keeps its own picture."""
        words = re.sub(r"[^A-Za-z0-9]+", "-", sample_id).strip("-")[-40:]
        how = [sample_id, self._resize, self._min_side, self._max_pixels]
        digest = hashlib.sha256(json.dumps(how).encode() + _bytes(held))
        return f"{words}-{digest.hexdigest()[:16]}.png"


def _twice(rows: list[tuple[str, str]]) -> str:
    return Counter(sample_id for sample_id, _ in rows).most_common(1)[0][0]


def _size(held: dict[str, Any]) -> tuple[int, int]:
    """Width and height of the image when upright, from its header; 0 if it can't be read."""
    try:
        return shown_size(held["bytes"] if held.get("bytes") is not None else Path(held["path"] or ""))
    except ImageError:
        return 0, 0


def _bytes(held: dict[str, Any]) -> bytes:
    """An image as it is stored; nothing if it can't be read, as opening it will tell."""
    try:
        return held["bytes"] if held.get("bytes") is not None else Path(held["path"]).read_bytes()
    except OSError:
        return b""


def _within(image: Image.Image, max_pixels: int) -> Image.Image:
    """The image with at most this many pixels."""
    scale = sqrt(max_pixels / (image.width * image.height))
    if scale >= 1:
        return image
    return image.resize((max(int(image.width * scale), 1), max(int(image.height * scale), 1)), Image.Resampling.BICUBIC)
