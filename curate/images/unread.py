"""What a file is that can't be opened as an image, and what to do with it. Opens nothing: `opening` does."""

from __future__ import annotations

import re
from pathlib import Path

#: The error of a file that is nothing known.
UNKNOWN = "not a known image format"
_START = 512
_CONVERT = "which isn't read: convert it to JPEG or PNG"
_HEIC = f"a HEIC photo, {_CONVERT}"

#: How the brands of an ISO media file begin, and what that is. Phones write HEIC with several brands.
_BRANDS = {b"avif": "AVIF", b"avis": "AVIF"}
_HEIC_BRANDS = (b"hei", b"hev", b"mif1", b"msf1")

#: How files begin. An archive or a video beside pictures is no picture under a wrong name, so only what people take
#: for a picture is here, and what a download leaves in its place.
_BEGINNINGS: tuple[tuple[bytes, str], ...] = (
    (b"\0\0\0\x0cjP  \r\n\x87\n", f"a JPEG 2000 picture, {_CONVERT}"),
    (b"\xff\x4f\xff\x51", f"a JPEG 2000 picture, {_CONVERT}"),
    (b"\0\0\0\x0cJXL \r\n\x87\n", f"a JPEG XL picture, {_CONVERT}"),
    (b"\xff\x0a", f"a JPEG XL picture, {_CONVERT}"),
    (b"8BPS", f"a Photoshop document, {_CONVERT}"),
    (b"%PDF", "a PDF, not an image: write its page as PNG"),
    (b"%!PS", "PostScript, not an image: write its page as PNG"),
    (b"version https://git-lfs", "a pointer of Git LFS in place of the image: fetch the images with `git lfs pull`"),
)
_SVG = re.compile(rb"^\s*(?:<\?xml[^>]*>\s*)?(?:<!--.*?-->\s*)?(?:<!DOCTYPE svg[^>]*>\s*)?<svg[\s>]", re.DOTALL)
_HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)?<(?:!doctype html|html|head|body)[\s>]", re.DOTALL | re.IGNORECASE)


def what_it_is(source: Path | bytes) -> str:
    """One line on a file, or its bytes, that no decoder knows: what it is, and what to do. It never raises OSError."""
    if isinstance(source, Path):
        try:
            with source.open("rb") as file:
                start = file.read(_START)
        except OSError:  # it was there a moment ago
            return UNKNOWN
    else:
        start = source[:_START]
    if not start:
        return "an empty file"
    if start[4:8] == b"ftyp":
        brand = start[8:12]
        if brand in _BRANDS:
            return f"an {_BRANDS[brand]} picture, {_CONVERT}"
        return _HEIC if brand.startswith(_HEIC_BRANDS) else UNKNOWN
    for beginning, words in _BEGINNINGS:
        if start.startswith(beginning):
            return words
    text = start.removeprefix(b"\xef\xbb\xbf")
    if _SVG.match(text):
        return "an SVG drawing, which isn't read: write it as PNG"
    if _HTML.match(text):
        return "a web page, not an image: download the image again"
    return UNKNOWN
