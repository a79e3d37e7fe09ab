"""Pictures made from others: photo and drawn label on one card, a photo as browsers can show it. Knows no FiftyOne.

FiftyOne shows one picture a sample at a time; only with both in view does one see at a glance whether the label
says what the photo shows.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from curate.base.visible import clip, visible
from curate.browse.dataset.fields import CARD
from curate.browse.pictures.drawings import told
from curate.images.errors import ImageError
from curate.images.on_paper import on_white, to_ink
from curate.images.opening import open_image
from curate.render import text_font, wrapped
from curate.render.remarks import remark

#: The App writes rules and the label over the lower edge of a tile, up to three lines of 22 pixels. There the card
#: has only the label's text.
WIDTH, HEIGHT = CARD
EMPTY = 264
#: Photos up to this width are placed beside the drawing, wider ones above it.
_BESIDE = 1.15
_MARGIN = 18
_CAPTION = 20
_LARGEST = (2400, 2400)
_LINE, _WORDS, _INK = "#d8d8d8", "#8a8a8a", "#30343b"
#: A drawing or photo is enlarged at most this many times.
_ENLARGED = 2.5


def card_of(photo: str, drawing: Path, folder: Path) -> Path:
    """Where the card of a photo and a drawing is or will be."""
    name = hashlib.sha256(photo.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / f"{name[:2]}/{name}-{drawing.stem}.jpg"


def photo_of(root: Path | None, ref: str | None) -> Image.Image:
    """A sample's photo in RGB, a page cut to its ink; a picture that says why if there is none."""
    if ref is None or root is None:
        return _told("This sample has no image")
    try:
        image = to_ink(on_white(open_image(root, ref)))
    except (ImageError, OSError, ValueError) as error:
        return _told(f"The image can't be shown: {error} ({ref})")
    image.thumbnail(_LARGEST, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _told(message: str) -> Image.Image:
    return Image.open(io.BytesIO(told(message, colour="#555555", background="#f4f4f4"))).convert("RGB")


def as_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def card(photo: Image.Image, drawing: bytes, label: str, reading: bytes | None = None) -> bytes:
    """A JPEG of the photo; below or beside it, the drawings (PNGs) of the label and of what models read; at the foot,
    the label as written."""
    said = f"label, drawn. {remark(label)}".removesuffix(". ")
    pictures = [("image", photo), (said, _opened(drawing))]
    if reading is not None:
        pictures.append(("model's reading, drawn", _opened(reading)))
    paper = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(15)
    is_beside = photo.width < _BESIDE * photo.height
    across, down = WIDTH // len(pictures), (HEIGHT - EMPTY) // len(pictures)
    for number, (words, picture) in enumerate(pictures):
        if is_beside:
            box = (number * across, 0, (number + 1) * across, HEIGHT - EMPTY)
            line = (box[0], _MARGIN, box[0], HEIGHT - EMPTY - _MARGIN)
        else:
            box = (0, number * down, WIDTH, (number + 1) * down)
            line = (_MARGIN, box[1], WIDTH - _MARGIN, box[1])
        if number:
            pen.line(line, fill=_LINE, width=2)
        _place(paper, picture, box)
        pen.text((box[0] + 8, box[1] + 4), words, fill=_WORDS, font=font)
    _write(pen, label, (_MARGIN, HEIGHT - EMPTY + 8, WIDTH - _MARGIN, HEIGHT - 4))
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=88, subsampling=0)
    return out.getvalue()


def _opened(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("RGB")


def _write(pen: ImageDraw.ImageDraw, label: str, box: tuple[int, int, int, int]) -> None:
    """Write as much of the label as there is room for."""
    text = visible(clip(label, 1000)).replace("⟨", "<").replace("⟩", ">")
    for size in (24, 20, 17):
        font = text_font(text, size)
        lines, step = wrapped(text, font, box[2] - box[0]), round(1.3 * size)
        if len(lines) * step <= box[3] - box[1]:
            break
    most = (box[3] - box[1]) // step
    if len(lines) > most:
        lines = [*lines[: most - 1], f"{lines[most - 1]} …"]
    for number, line in enumerate(lines):
        pen.text((box[0], box[1] + number * step), line, fill=_INK, font=font)


def _place(paper: Image.Image, picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Put the picture into the middle of the box, as large as fits."""
    left, top, right, bottom = box[0] + _MARGIN, box[1] + _CAPTION + 6, box[2] - _MARGIN, box[3] - 10
    scale = min((right - left) / picture.width, (bottom - top) / picture.height, _ENLARGED)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    paper.paste(picture, ((left + right - size[0]) // 2, (top + bottom - size[1]) // 2))
