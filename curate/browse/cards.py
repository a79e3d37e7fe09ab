"""Pictures made of others: photo and drawn label on one card, a photo as a browser can show it. Knows no FiftyOne.

FiftyOne shows one picture a sample at a time; whether a label says what its photo shows is seen at a glance only where
both are in sight.
"""

from __future__ import annotations

import hashlib
import io
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from curate.images import ImageError, open_image
from curate.render import error_png
from curate.report.pictures import on_white, to_ink

#: Pixels of a card: all have one shape, so that the grid is even.
WIDTH, HEIGHT = 1040, 520
#: Width over height, which the App is told.
ASPECT = WIDTH / HEIGHT
#: A photo as narrow as this stands beside its drawing, others above.
_BESIDE = 1.15
_MARGIN = 18
_CAPTION = 20
_LARGEST = (2400, 2400)
_LINE, _WORDS = "#d8d8d8", "#8a8a8a"
#: A drawing or photo is not blown up further than so many times.
_ENLARGED = 2.5


def card_of(photo: str, drawing: Path, folder: Path) -> Path:
    """Where the card of a photo and a drawing lies, or will."""
    name = hashlib.sha256(photo.encode("utf-8", "surrogateescape")).hexdigest()[:16]
    return folder / name[:2] / f"{name}-{drawing.stem}.jpg"


def photo_of(root: Path | None, ref: str | None) -> Image.Image:
    """A sample's photo in RGB, cut to its ink where it is a page; a picture that says why where there is none."""
    if ref is None or root is None:
        return _told("This sample has no image")
    try:
        image = to_ink(on_white(open_image(root, ref)))
    except (ImageError, OSError, ValueError) as error:
        return _told(f"The image can't be shown: {error} ({ref})")
    image.thumbnail(_LARGEST, Image.Resampling.LANCZOS, reducing_gap=3.0)
    return image


def _told(message: str) -> Image.Image:
    return Image.open(io.BytesIO(error_png(message, colour="#555555", background="#f4f4f4"))).convert("RGB")


def as_png(image: Image.Image) -> bytes:
    out = io.BytesIO()
    image.save(out, "PNG", compress_level=1)
    return out.getvalue()


def card(photo: Image.Image, drawing: bytes) -> bytes:
    """A JPEG of the photo and, below it or beside it, the drawing (a PNG)."""
    drawn = Image.open(io.BytesIO(drawing)).convert("RGB")
    paper = Image.new("RGB", (WIDTH, HEIGHT), "white")
    pen = ImageDraw.Draw(paper)
    font = ImageFont.load_default(15)
    if photo.width < _BESIDE * photo.height:
        boxes = [(0, 0, WIDTH // 2, HEIGHT), (WIDTH // 2, 0, WIDTH, HEIGHT)]
        pen.line((WIDTH // 2, _MARGIN, WIDTH // 2, HEIGHT - _MARGIN), fill=_LINE, width=2)
    else:
        boxes = [(0, 0, WIDTH, HEIGHT // 2), (0, HEIGHT // 2, WIDTH, HEIGHT)]
        pen.line((_MARGIN, HEIGHT // 2, WIDTH - _MARGIN, HEIGHT // 2), fill=_LINE, width=2)
    for box, picture, words in zip(boxes, (photo, drawn), ("image", "label, drawn"), strict=True):
        _place(paper, picture, box)
        pen.text((box[0] + 8, box[1] + 4), words, fill=_WORDS, font=font)
    out = io.BytesIO()
    paper.save(out, "JPEG", quality=88, subsampling=0)
    return out.getvalue()


def _place(paper: Image.Image, picture: Image.Image, box: tuple[int, int, int, int]) -> None:
    """Put the picture into the middle of the box, as large as it goes."""
    left, top, right, bottom = box[0] + _MARGIN, box[1] + _CAPTION + 6, box[2] - _MARGIN, box[3] - 10
    scale = min((right - left) / picture.width, (bottom - top) / picture.height, _ENLARGED)
    size = max(round(picture.width * scale), 1), max(round(picture.height * scale), 1)
    if size != picture.size:
        picture = picture.resize(size, Image.Resampling.LANCZOS, reducing_gap=3.0)
    paper.paste(picture, ((left + right - size[0]) // 2, (top + bottom - size[1]) // 2))
