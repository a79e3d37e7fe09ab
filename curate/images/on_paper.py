"""Images as people look at them: dark on white, whatever their mode, and cut to the ink of a page. Opens none."""

from __future__ import annotations

from typing import Any

from PIL import Image, ImageChops

#: The difference from the background, of 255, that counts as ink.
INK = 48
#: An image is cut to its ink only if that leaves less than this share: pages, not tight crops.
PAGE_LIKE = 0.6


def on_white(image: Image.Image) -> Image.Image:
    """Any mode as RGB; transparency becomes white, as on paper."""
    if image.mode in ("RGB", "L"):
        return image.convert("RGB")
    if image.mode.startswith("I;16") or image.mode in ("I", "F"):
        low, high = (float(value) for value in _extrema(image))
        scale = 255 / (high - low) if high > low else 0
        return image.convert("F").point(lambda value: value * scale - low * scale).convert("RGB")
    # A page with transparent paper is cut before its millions of pixels are laid on white.
    layer = _cut(image, _opaque(image)).convert("RGBA")
    paper = Image.new("RGBA", layer.size, "white")
    return Image.alpha_composite(paper, layer).convert("RGB")


def _opaque(image: Image.Image) -> tuple[int, int, int, int] | None:
    """The box of everything that isn't fully transparent."""
    clear = image.info.get("transparency")
    if image.mode == "P" and isinstance(clear, bytes):
        return image.point([*clear, *[255] * (256 - len(clear))], "L").getbbox()
    return image.convert("RGBA").getbbox()  # of the alpha channel


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
    """The image cut to `box` and a margin, or whole if it isn't a page around a little ink."""
    if box is None:
        return image
    margin = 8 + (box[3] - box[1]) // 10
    left, top = max(box[0] - margin, 0), max(box[1] - margin, 0)
    right, bottom = min(box[2] + margin, image.width), min(box[3] + margin, image.height)
    page_like = (right - left) * (bottom - top) < PAGE_LIKE * image.width * image.height
    return image.crop((left, top, right, bottom)) if page_like else image
