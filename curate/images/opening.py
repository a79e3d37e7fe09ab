"""The only place that opens images, from files and from inside other files (`stored`). Doesn't judge them."""

from __future__ import annotations

import io
import os
import stat
import warnings
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache, partial
from pathlib import Path
from socket import gethostname
from time import perf_counter
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from PIL import Image, UnidentifiedImageError

from curate.base.errors import UserError
from curate.images import stored
from curate.images.errors import LEAVES, ImageError, error_text
from curate.images.ink import has_alpha
from curate.images.measures import MEASURES, Measured, finished, measured, measured_grey
from curate.images.unread import what_it_is
from rules.workers.cores import cores
from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import spread

#: Larger images are refused before they are decoded: 90 million pixels are an A0 poster at 220 dpi.
MAX_PIXELS = 90_000_000
#: Only raster formats that data sets use: Pillow would hand PostScript to an external program.
FORMATS = ("PNG", "JPEG", "BMP", "DIB", "GIF", "TIFF", "WEBP", "PPM")

#: What a header says about an image. Width and height are as displayed: turned as the EXIF tag says.
PROBE: dict[str, Any] = {
    "image": pl.String,
    "error": pl.String,
    "width": pl.Int32,
    "height": pl.Int32,
    "mode": pl.String,
    "format": pl.String,
    "frames": pl.Int32,
    "orientation": pl.Int32,
    "alpha": pl.Boolean,
}
#: What the header and the pixels say.
MEASURED = {**PROBE, **MEASURES}
#: The beginning of the error for an image that ended its process: another attempt may measure it.
NOT_MEASURED = "not measured: "

_CHUNK = 64
#: A bitmap with at most this many bytes is read whole, whatever is asked of it.
_SMALL = 1 << 20
#: Runs of ink held before they are evaluated: as many as in a hundred formulas.
_MOST_RUNS = 100_000
#: Measuring that would take more seconds than this is shared with other processes, which take half a second each.
_WORTH_PROCESSES = 1.5
#: Seconds for one image, in `rules.workers.spread`: the largest allowed image takes ten.
_LIMIT = 120.0

# Pillow warns about large images on stderr; here the warning becomes an ImageError.
warnings.filterwarnings("ignore", category=Image.DecompressionBombWarning)
# What Pillow remarks on a file that it opens all the same: it would stand on the terminal, with a line of its code.
warnings.filterwarnings("ignore", module=r"PIL\.")


def open_image(root: Path, ref: str) -> Image.Image:
    """Open and decode the image that `ref` names under `root`. Raises ImageError with one line of text.

    ref: a path relative to the root, or `file.parquet#COLUMN:ROW` for an image inside a table (rows count from 0).
    """
    image = _checked(_source(_locate(root, ref)))
    try:
        image.load()
    except Exception as error:  # decoders raise anything on broken data: OSError, SyntaxError, struct.error, …
        raise ImageError(error_text(error)) from error
    return image


def open_bytes(data: bytes) -> Image.Image:
    """Open and decode an image from its encoded bytes. Raises ImageError with one line of text."""
    image = _checked(io.BytesIO(data))
    try:
        image.load()
    except Exception as error:  # decoders raise anything on broken data
        raise ImageError(error_text(error)) from error
    return image


def shown_size(source: bytes | Path) -> tuple[int, int]:
    """Width and height of an image as displayed, from its header: encoded bytes, or a file. Raises ImageError."""
    with _checked(io.BytesIO(source) if isinstance(source, bytes) else source) as image:
        try:
            width, height, *_ = _header(image)
        except Exception as error:  # header parsers raise anything on broken data
            raise ImageError(error_text(error)) from error
    return width, height


#: The palette of a bitmap whose bytes are grey levels: blue, green, red, 0 for each.
_GREYS = b"".join(bytes((level, level, level, 0)) for level in range(256))


def grey_bitmap(data: bytes) -> npt.NDArray[np.uint8] | None:
    """The pixels (height, width) of a whole, plain, 8-bit grey BMP file; None for any other data.

    Pillow processes the palette in Python, which takes five times as long as the rest for small pictures.
    """
    if data[:2] != b"BM" or data[14:18] != b"\x28\0\0\0" or data[26:34] != b"\1\0\x08\0\0\0\0\0":
        return None
    start, width, height, colours = (
        int.from_bytes(data[at : at + 4], "little", signed=True) for at in (10, 18, 22, 46)
    )
    stride = (width + 3) & ~3
    whole = width > 0 and height > 0 and width * height <= MAX_PIXELS and len(data) >= start + stride * height
    if start != 1078 or colours not in (0, 256) or not whole or data[54:1078] != _GREYS:
        return None
    return np.frombuffer(data, np.uint8, stride * height, start).reshape(height, stride)[::-1, :width]


def read_bytes(root: Path, ref: str) -> bytes:
    """An image's encoded bytes, for copying it unchanged. Raises ImageError."""
    place = _locate(root, ref)
    if isinstance(place, stored.Stored):
        return stored.read(place)
    try:
        return place.read_bytes()
    except OSError as error:
        raise ImageError(error_text(error)) from error


def probe(
    root: Path, refs: Iterable[str], *, measures: bool = False, strokes: bool = True, workers: int | None = None
) -> pl.DataFrame:
    """What images are: the columns PROBE from their headers and, with `measures`, those of MEASURES from their pixels.

    One row per ref, in the given order. If `error` is set the other columns are null, except for what the header says
    about an image whose pixels can't be decoded. Never raises for an image. strokes: if False, the measures of
    `curate.images.strokes`, a fifth of the work, are null. workers: threads for headers (None: as many as suit the
    machine), and processes for measures (None: only this one), if there is enough to do.
    """
    empty = pl.DataFrame(schema=MEASURED if measures else PROBE)
    return pl.concat([empty, *probe_chunks(root, list(refs), measures=measures, strokes=strokes, workers=workers)])


def probe_chunks(
    root: Path, refs: Sequence[str], *, measures: bool = False, strokes: bool = True, workers: int | None = None
) -> Iterator[pl.DataFrame]:
    """`probe` a few images at a time, in order: never more are held as Python objects."""
    parts = [refs[start : start + _CHUNK] for start in range(0, len(refs), _CHUNK)]
    headers = partial(_probe_part, root)
    # Images inside tables are read one row group at a time; other processes would only read it again and again.
    inside = bool(refs) and stored.in_sequence(refs[0])
    if measures:
        yield from _measured_parts(root, parts, strokes, 1 if inside else workers or 1)
    elif inside or len(parts) < 2:
        yield from map(headers, parts)
    else:
        with ThreadPoolExecutor(workers or min(4, 2 * cores()), thread_name_prefix="probe") as pool:
            yield from pool.map(headers, parts)


def _measured_parts(root: Path, parts: list[Sequence[str]], strokes: bool, workers: int) -> Iterator[pl.DataFrame]:
    """Headers and measures, spread over processes if the first part says that there is enough to do.

    Not in threads: numpy's many small steps hold the interpreter's lock, and four threads took a third longer than one
    on 1,500 of CROHME's images (2.2 ms per image instead of 1.6).
    """
    work, took = partial(_timed_part, root, strokes), 0.0
    for frame, seconds in spread(work, parts[:1], 1, lost=_unmeasured, to="measure", limit=_LIMIT):
        took += seconds
        yield frame
    if took * (len(parts) - 1) > _WORTH_PROCESSES and workers > 1:
        work = partial(_timed_part, root, strokes, check=True)
    else:
        workers = 1
    for frame, _ in spread(work, parts[1:], workers, lost=_unmeasured, to="measure", limit=_LIMIT, here=True):
        yield frame


def _timed_part(root: Path, strokes: bool, refs: Sequence[str], check: bool = False) -> tuple[pl.DataFrame, float]:
    """Some images measured, and the seconds that took.

    check: this may run on another machine, where a folder that isn't shared must not make images seem missing.
    """
    if check:
        check_folder(root)
    start = perf_counter()
    return _probe_part(root, refs, measures=True, strokes=strokes), perf_counter() - start


def check_folder(root: Path) -> None:
    """Raise UserError if this machine doesn't have a folder of images: they would seem missing."""
    if not root.is_dir():
        raise UserError(f"{root}: no such folder on {gethostname()}; images must be at the same path on every machine")


def _unmeasured(lost: Lost) -> tuple[pl.DataFrame, float]:
    """The result for an image that ended its process."""
    row = {"image": [lost.item], "error": [f"{NOT_MEASURED}{lost.why}"]}
    return pl.DataFrame(row | {name: [None] for name in MEASURED if name not in row}, schema=MEASURED), 0.0


def _probe_part(root: Path, refs: Sequence[str], measures: bool = False, strokes: bool = True) -> pl.DataFrame:
    rows = _probe_all(root, refs, measures, strokes)
    return pl.DataFrame(rows, schema=MEASURED if measures else PROBE, orient="row")


def stamps(root: Path, refs: Sequence[str]) -> pl.DataFrame:
    """Size and times of change of each image's file: image, size (bytes), mtime and ctime (nanoseconds).

    Null if there is no such file. Images inside a table all have the table's. Restoring a file from an archive or a
    copy may bring back its mtime, and bitmaps often have equal sizes; the file system alone sets the ctime.
    """
    rows: list[tuple[str, int | None, int | None, int | None]] = []
    for ref in refs:
        try:
            place = _locate(root, ref)
            found = (place.file if isinstance(place, stored.Stored) else place).stat()
            rows.append((ref, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        except (ImageError, OSError, ValueError):
            rows.append((ref, None, None, None))
    schema = {"image": pl.String, "size": pl.Int64, "mtime": pl.Int64, "ctime": pl.Int64}
    return pl.DataFrame(rows, schema=schema, orient="row")


def _probe_all(root: Path, refs: Sequence[str], measures: bool, strokes: bool) -> list[tuple[Any, ...]]:
    nothing = (None,) * len(MEASURES) if measures else ()
    rows: list[tuple[Any, ...]] = []
    held: list[tuple[int, Measured]] = []  # rows that wait for the rest of their measures
    runs = 0
    for ref in each(refs):
        facts: tuple[Any, ...] = (None,) * (len(PROBE) - 2)
        try:
            place = _locate(root, ref)
            source = _source(place)
            of_drawing = stored.format_of(place) if isinstance(place, stored.Stored) else None
            pixels = _bitmap(source) if measures or of_drawing else None
            if pixels is not None:
                facts = (pixels.shape[1], pixels.shape[0], "L", of_drawing or "BMP", 1, 1, False)
            if pixels is not None and measures:
                held.append((len(rows), measured_grey(pixels, strokes=strokes)))
            elif pixels is None:
                with _checked(source) as image:
                    try:
                        facts = _header(image)
                        if measures:
                            held.append((len(rows), measured(image, strokes=strokes)))
                            facts = _header(image)  # a PNG may state its orientation only at its end
                    except Exception as error:  # decoders raise anything on broken data
                        raise ImageError(error_text(error)) from error
            rows.append((ref, None, *facts))
        except ImageError as error:
            rows.append((ref, str(error), *facts, *nothing))
            continue
        if held and held[-1][1].runs is not None:
            runs += held[-1][1].runs.row.size
            if runs > _MOST_RUNS:
                _finish(rows, held)
                runs = 0
    _finish(rows, held)
    return rows


def _finish(rows: list[tuple[Any, ...]], held: list[tuple[int, Measured]]) -> None:
    """Add the finished measures to their rows."""
    for (at, _), row in zip(held, finished([picture for _, picture in held]), strict=True):
        rows[at] = (*rows[at], *row)
    held.clear()


def _header(image: Image.Image) -> tuple[Any, ...]:
    """The columns of PROBE after `image` and `error`, from an opened image."""
    # Pillow itself turns a TIFF. getexif() decodes a PNG completely if its header holds no EXIF data.
    known = image.format != "TIFF" and (image.format != "PNG" or "exif" in image.info)
    turn = image.getexif().get(0x0112, 1) if known else 1
    turn = turn if isinstance(turn, int) and 1 <= turn <= 8 else 1
    width, height = image.size if turn < 5 else (image.height, image.width)
    return width, height, image.mode, image.format, getattr(image, "n_frames", 1), turn, has_alpha(image)


def _locate(root: Path, ref: str) -> Path | stored.Stored:
    """Where an image is. Paths that lead out of the root, by `..` or through a link, are refused."""
    inside = stored.split_ref(ref)
    if inside and (not inside[1] or not os.path.lexists(root / ref)):
        return stored.Stored(_file(root, inside[0]), inside[1])
    file = _file(root, ref)
    # While an archive is read as a data set, its pictures are empty files in the cache.
    packed = stored.stood_for(file)
    return file if packed is None else packed


def _file(root: Path, ref: str) -> Path:
    """A regular file under the root. Raises ImageError for anything else: opening a pipe could block forever."""
    try:
        # Resolving links is the slowest part of a probe, so a folder is resolved once, and a file only if it is a link.
        folder, name = os.path.split(ref)
        base, real = _real_folder(root, ""), _real_folder(root, folder)
        path = real + name
        mode = os.lstat(path).st_mode
        if stat.S_ISLNK(mode):
            path = os.path.realpath(path)
            mode = os.stat(path).st_mode  # noqa: PTH116
    except (OSError, ValueError) as error:
        raise ImageError(error_text(error)) from error
    if not path.startswith(base):
        raise ImageError(LEAVES)
    if not stat.S_ISREG(mode):
        raise ImageError("not a file")
    return Path(path)


@lru_cache(maxsize=4096)
def _real_folder(root: Path, folder: str) -> str:
    """A folder's real path, with a trailing separator."""
    return os.path.join(os.path.realpath(root / folder), "")  # noqa: PTH118


def _source(place: Path | stored.Stored) -> Path | io.BytesIO:
    """What can be opened: a file, or the bytes inside one."""
    return io.BytesIO(stored.read(place)) if isinstance(place, stored.Stored) else place


def _checked(source: Path | io.BytesIO) -> Image.Image:
    """An image whose header is read and whose size is allowed; its pixels are not decoded yet."""
    pixels = _bitmap(source)
    if pixels is not None:
        image = Image.fromarray(pixels)
        image.format = "BMP"
        return image
    try:
        image = Image.open(source, formats=FORMATS)
    except UnidentifiedImageError as error:
        raise ImageError(what_it_is(source if isinstance(source, Path) else source.getvalue())) from error
    except Image.DecompressionBombError as error:
        raise ImageError(f"the header claims more than {2 * (Image.MAX_IMAGE_PIXELS or 0):,} pixels") from error
    except Exception as error:  # header parsers raise anything on broken data
        raise ImageError(error_text(error)) from error
    if image.width * image.height > MAX_PIXELS:
        size = f"{image.width} x {image.height}"
        image.close()
        raise ImageError(f"the header claims {size} pixels, more than {MAX_PIXELS:,} in all")
    if image.format == "TIFF":
        image.filename = ""  # Pillow 13 garbles turned TIFFs mapped into memory, as files given by name are
    return image


def _bitmap(source: Path | io.BytesIO) -> npt.NDArray[np.uint8] | None:
    """The pixels of a small, plain, grey BMP, see `grey_bitmap`; None for anything else, including broken files."""
    if isinstance(source, io.BytesIO):
        return grey_bitmap(source.getvalue())
    if not source.name.lower().endswith(".bmp"):
        return None
    try:
        with source.open("rb", buffering=0) as file:
            if os.fstat(file.fileno()).st_size > _SMALL:
                return None
            return grey_bitmap(file.read())
    except OSError:  # Pillow says what is wrong with it
        return None
