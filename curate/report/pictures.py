"""Small pictures for the report as data URIs: image crops and drawn labels. Never fails: a text says what is wrong.

What can be drawn or opened is decided elsewhere (`curate.render`, `curate.images.opening`); here it is only made small.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageChops

from curate.report.markup import text
from rules.latex.plain_text import plain_text

#: Largest picture, in pixels: shown at half that size where it is a drawn label, so that it is sharp.
WIDEST, HIGHEST = 720, 220
#: Height on the page at which a picture is scaled down, in CSS pixels.
TALLEST = 110
#: Longer labels take seconds to draw and can't be read at this size.
LONGEST_DRAWN = 1200
#: A PNG of more bytes has to compete with a JPEG.
JPEG_FROM = 12_000
#: Difference from the background, of 255, that counts as ink.
INK = 48
#: An image is cut to its ink only where that leaves less than this part of it: page-like images, not tight crops.
PAGE_LIKE = 0.6

#: The repr of an object, which differs from process to process.
_ADDRESS = re.compile(r"<[^<>]*0x[0-9a-fA-F]+[^<>]*>")

OpenImage = Callable[[Path, str], Image.Image]
Render = Callable[[str], bytes]


@dataclass(frozen=True)
class PagePicture:
    """A picture to put into the page, or the text that stands in its place (`uri` is empty then)."""

    uri: str
    alt: str
    width: int = 0
    height: int = 0
    problem: str = ""

    @property
    def size(self) -> int:
        return len(self.uri)

    @property
    def shown(self) -> tuple[int, int]:
        """Width and height on the page, so that it has its room before it is decoded and links lead where they say."""
        scale = min(1.0, TALLEST / max(self.height, 1))
        return max(round(self.width * scale), 1), max(round(self.height * scale), 1)


def default_open() -> OpenImage:
    """The project's image opener."""
    from curate.images.opening import open_image

    return open_image


def default_render() -> Render:
    """The project's renderer at twice the shown size."""
    from curate.render import RenderError, render_many

    def render(label: str) -> bytes:
        ((_, drawn),) = render_many([label], workers=1, scale=2.0)  # by a helper, where the command isolates its work
        if isinstance(drawn, RenderError):
            raise drawn
        return drawn

    return render


def of_label(label: str, render: Render) -> PagePicture:
    """The label as it looks when it is drawn, or the renderer's complaint."""
    alt = f"The label drawn: {text('; '.join(plain_text(label).splitlines()), 120)}"
    if not label.strip():
        return PagePicture("", alt, problem="Nothing to draw: the label is empty.")
    if len(label) > LONGEST_DRAWN:
        return PagePicture("", alt, problem=f"Not drawn: {len(label):,} characters long.")
    try:
        with Image.open(io.BytesIO(render(label))) as image:
            return _small(image.convert("RGB"), alt, shrink=2)
    except Exception as error:  # whatever goes wrong with one label, the page is made
        return PagePicture("", alt, problem=f"Can't be drawn: {_said(error)}")


def of_image(root: Path | None, ref: str, open_image: OpenImage) -> PagePicture:
    """The sample's image, cut to its ink where it is a page, made small; or why it can't be shown."""
    alt = f"Image {text(ref, 120)}"
    if root is None:
        return PagePicture("", alt, problem="Not shown: images can't be opened here.")
    try:
        image = open_image(root, ref)
        return _small(to_ink(on_white(image)), alt)
    except Exception as error:  # a broken image is one of the things a report is about
        return PagePicture("", alt, problem=f"Can't be shown: {_said(error)}")


def _said(error: Exception) -> str:
    """The error in a few words that are the same in every process and on every machine."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file."
    message, name = _ADDRESS.sub("", str(error)).strip(), type(error).__name__
    # Those, and what is one of them, are written for people, unlike others.
    names = {kind.__name__ for kind in type(error).__mro__}
    written = isinstance(error, OSError) or not names.isdisjoint(("RenderError", "ImageError"))
    return text(message if written and message else f"{name} {message}", 160)


def on_white(image: Image.Image) -> Image.Image:
    """Any mode as RGB; what is transparent becomes white, as on paper."""
    if image.mode in ("RGB", "L"):
        return image.convert("RGB")
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = (float(value) for value in _extrema(image))
        scale = 255 / (high - low) if high > low else 0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("RGB")
    layer = image.convert("RGBA")
    # A page whose paper is transparent is cut before its millions of pixels are laid on white.
    layer = _cut(layer, layer.getchannel("A").getbbox())
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")


def _extrema(image: Image.Image) -> tuple[Any, Any]:
    low, high = image.getextrema()
    return low, high


def to_ink(image: Image.Image) -> Image.Image:
    grey = image.convert("L")
    width, height = grey.size
    edges = [(0, 0, width, 1), (0, height - 1, width, height), (0, 0, 1, height), (width - 1, 0, width, height)]
    histogram = [sum(counts) for counts in zip(*(grey.crop(edge).histogram() for edge in edges), strict=True)]
    half, paper = sum(histogram) / 2, 0
    while paper < 255 and sum(histogram[: paper + 1]) < half:
        paper += 1
    ink = ImageChops.difference(grey, Image.new("L", grey.size, paper)).point(lambda level: 255 if level > INK else 0)
    return _cut(image, ink.getbbox())


def _cut(image: Image.Image, box: tuple[int, int, int, int] | None) -> Image.Image:
    """The image cut to `box` and a margin, or whole where it is no page round a little ink."""
    if box is None:
        return image
    margin = 8 + (box[3] - box[1]) // 10
    left, top = max(box[0] - margin, 0), max(box[1] - margin, 0)
    right, bottom = min(box[2] + margin, image.width), min(box[3] + margin, image.height)
    page_like = (right - left) * (bottom - top) < PAGE_LIKE * image.width * image.height
    return image.crop((left, top, right, bottom)) if page_like else image


def _small(image: Image.Image, alt: str, shrink: int = 1) -> PagePicture:
    """Scale into the largest size and encode as the smaller of a 16-colour PNG and a JPEG."""
    image.thumbnail((WIDEST, HIGHEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    drawn = io.BytesIO()
    grey = image.convert("L")
    coloured = ImageChops.difference(image, grey.convert("RGB")).convert("L").point(lambda level: 255 * (level > 12))
    if coloured.getbbox() is None:  # ink on paper: sixteen greys are enough, and a fraction of the size
        levels = Image.frombytes("P", grey.size, grey.point([round(level / 17) for level in range(256)]).tobytes())
        levels.putpalette([value for level in range(16) for value in (level * 17,) * 3])
        levels.save(drawn, "PNG", compress_level=6, bits=4)
    kind, data = "png", drawn.getvalue()
    if not data or len(data) > JPEG_FROM:
        photo = io.BytesIO()
        image.save(photo, "JPEG", quality=68, optimize=True)
        if not data or photo.tell() < len(data):
            kind, data = "jpeg", photo.getvalue()
    uri = f"data:image/{kind};base64,{base64.b64encode(data).decode('ascii')}"
    return PagePicture(uri, alt, max(image.width // shrink, 1), max(image.height // shrink, 1))
