"""Makes the picture files of an export from a source's images, in several processes. Knows nothing about data sets."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import chain, islice, tee
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, TypeVar

from PIL import Image

from curate.export.write.png import encode, encode_grey
from curate.images.errors import ImageError
from curate.images.measures import grey_sha256, pixels_sha256
from curate.images.opening import grey_bitmap, open_bytes, read_bytes
from rules.workers.helper import each
from rules.workers.spread import spread

if TYPE_CHECKING:
    from curate.images.model_ready import Crop, Resize

# `curate.images.model_ready` imports the rules, which takes long: not when pictures are only copied.

T = TypeVar("T")
R = TypeVar("R")

#: How many images a process gets at a time.
CHUNK = 64
#: With fewer images, starting processes costs more than it saves.
MIN_PARALLEL = 600
#: Seconds for one picture, in `rules.workers.spread`: the largest allowed picture takes ten.
_LIMIT = 120.0
#: Formats that every reader knows; files in others (BMP, TIFF, GIF) are never copied.
_COPIED = {"PNG": "png", "JPEG": "jpg", "WEBP": "webp"}
ENDINGS = frozenset(_COPIED.values())
#: The reason for a picture whose pixels have changed: splits depend on the original ones.
CHANGED = "not the picture that was audited"


class PictureFile(NamedTuple):
    """A picture's file and its extension, or why there is none."""

    data: bytes | None
    extension: str = ""
    error: str = ""


@dataclass(frozen=True)
class PictureSettings:
    """How pictures are made ready: see `curate.images.model_ready`. Sides and pixels of one that is ready unchanged."""

    resize: Resize
    crop: Crop
    min_side: int
    max_pixels: int
    #: The allowed endings of picture files; PNG is always one.
    endings: frozenset[str] = ENDINGS
    invert: bool = False

    @classmethod
    def of(cls, resize: str, crop: str, endings: frozenset[str] = ENDINGS, *, invert: bool = False) -> PictureSettings:
        """The settings for options' values, and the endings that a format's readers know."""
        from rules.sets.model_resize import FACTOR, MAX_PIXELS

        return cls(resize, crop, FACTOR, MAX_PIXELS, endings, invert)  # type: ignore[arg-type]


def make(root: Path, ref: str, seen: int | None = None, *, shape: PictureSettings) -> PictureFile:
    """One picture: RGB as it should be seen, made ready, its pixels unharmed by how they are stored.

    seen: the picture's `pixel_number` when it was planned; if its pixels have changed, none is made. None accepts any.

    The source's own file is copied if its pixels stay unchanged and it is a JPEG, or smaller than a new file.
    """
    webp = "webp" in shape.endings
    try:
        data = read_bytes(root, ref)
        pixels = grey_bitmap(data)
        if pixels is not None and shape.crop == "none" and not shape.invert and _fits(pixels.shape, shape):
            changed = seen is not None and _number(grey_sha256(pixels)) != seen
            return PictureFile(None, error=CHANGED) if changed else PictureFile(encode_grey(pixels), "png")
        image = open_bytes(data)
    except ImageError as error:
        return PictureFile(None, error=str(error))
    try:
        if seen is not None and _number(pixels_sha256(image)) != seen:
            return PictureFile(None, error=CHANGED)
        if not _stays(image, shape):
            from curate.images.model_ready import model_image

            picture = model_image(image, resize=shape.resize, crop=shape.crop, invert=shape.invert)
            return PictureFile(*encode(picture, webp=webp))
        extension = _COPIED.get(image.format or "", "")
        extension = extension if extension in shape.endings else ""
        if extension == "jpg":
            return PictureFile(without_metadata(data), extension)
        made = encode(image if image.mode in ("L", "RGB") else image.convert("RGB"), webp=webp)
    except Exception as error:  # decoders and encoders raise all kinds of errors on odd data
        return PictureFile(None, error=f"{type(error).__name__}: {str(error)[:200]}")
    if extension and len(data) <= len(made[0]) and not image.getexif() and getattr(image, "n_frames", 1) == 1:
        return PictureFile(data, extension)
    return PictureFile(*made)


def _stays(image: Image.Image, shape: PictureSettings) -> bool:
    """Is the picture ready unchanged, so that no pixel changes?"""
    if shape.crop != "none" or shape.invert or image.mode not in ("1", "L", "P", "RGB") or "transparency" in image.info:
        return False
    if image.getexif().get(0x0112, 1) != 1:
        return False
    return _fits(image.size, shape)


def _fits(size: tuple[int, ...], shape: PictureSettings) -> bool:
    """Is a picture of this size neither too small nor too large?"""
    short, long = sorted(size)
    # Half of the longest aspect ratio: what is near the limit is left to the function that knows it.
    return shape.resize == "none" or (
        short >= shape.min_side and short * long <= shape.max_pixels and long <= 100 * short
    )


def without_metadata(data: bytes) -> bytes:
    """A JPEG without its EXIF, XMP, IPTC and comment segments, which may say where and by whom it was taken.

    Pixels and colour profile stay. A file that isn't built like a JPEG is returned unchanged.
    """
    kept, at = [data[:2]], 2
    while data[at : at + 1] == b"\xff" and at + 4 <= len(data):
        marker = data[at + 1]
        if marker == 0xDA:  # from here on there are pixels
            return b"".join([*kept, data[at:]])
        size = int.from_bytes(data[at + 2 : at + 4], "big")
        if marker not in (0xE1, 0xED, 0xFE):
            kept.append(data[at : at + 2 + size])
        at += 2 + size
    return data


def pixel_number(root: Path, ref: str) -> int | None:
    """The first 64 bits of the image_sha256 that an audit gives an image; None if it can't be decoded."""
    try:
        return _number(pixels_sha256(open_bytes(read_bytes(root, ref))))
    except Exception:  # what is wrong with it is reported when its picture is made
        return None


def _number(digest: str) -> int:
    return int(digest[:16], 16)


# Many -----------------------------------------------------------------------------------------------------------------

_Job = tuple[Any, ...]


def _do_all(task: Callable[..., R], jobs: list[_Job | None]) -> list[R | None]:
    return [None if job is None else task(*job) for job in each(jobs)]


class Studio:
    """Runs tasks on the images of streams of items, in order, with `workers` processes if they pay off.

    images: about how many there will be.
    """

    def __init__(self, *, images: int, workers: int) -> None:
        self._workers = min(workers, images // (MIN_PARALLEL // 2)) if images >= MIN_PARALLEL else 1

    def work(
        self,
        task: Callable[..., R],
        items: Iterable[T],
        job: Callable[[T], _Job | None],
        lost: Callable[[str], R | None],
    ) -> Iterator[tuple[T, R | None]]:
        """Every item with the task's result; `job` gives the task's arguments, or None if there is nothing to do.

        task: a function that can be pickled; lost: gives a result for a task whose process ended, from the reason. Only
        a few chunks are in progress at a time, so memory doesn't grow with the number of items.
        """
        told, stream = tee(items)
        chunks = iter(lambda: [job(item) for item in islice(told, CHUNK)], [])
        results = spread(
            partial(_do_all, task), chunks, self._workers, lost=lambda item: [lost(item.why)], to="make", limit=_LIMIT
        )
        for result in chain.from_iterable(results):
            yield next(stream), result


def not_made(why: str) -> PictureFile:
    """The result for a picture that ended its process."""
    return PictureFile(None, error=f"not made: {why}")
