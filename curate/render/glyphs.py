"""Characters that mathra's font lacks (mostly Chinese): finds a font that has them, or draws a box. PNG only.

The SVG holds such characters as `<text>`, and resvg silently leaves out those that no font of the machine has. A label
would then look shorter than it is, which is the very defect this project hunts. So every character is looked up in the
machine's fonts first, and one that none of them has is drawn as an empty box of its width. An SVG keeps the text: the
browser that shows it has its own fonts.

`TEXSIEVE_FONTS` (files or folders, separated like PATH) is searched before the system's folders.
"""

from __future__ import annotations

import html
import os
import re
import sys
import unicodedata
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path

from PIL import ImageFont

FONTS_VARIABLE = "TEXSIEVE_FONTS"
_SUFFIXES = {".ttf", ".ttc", ".otf", ".otc"}
_MOST_FILES = 2_000
#: Searched first, in this order: fonts with Chinese on Linux, macOS and Windows, then the broad ones.
_PREFERRED = re.compile(
    "|".join(
        f"({name})"
        for name in (
            r"noto(sans|serif)(mono)?cjk|source-?han",
            r"wqy|microhei|zenhei|uming|ukai|gbsn|gkai|droidsansfallback",
            r"pingfang|hiragino|stheiti|songti|kaiti|arial ?unicode",
            r"msyh|simsun|simhei|deng",
            r"dejavusans\.|dejavuserif\.|noto(sans|serif)(math|symbols)?-regular|symbola|unifont|freeserif\.|seguisym",
        )
    ),
    re.IGNORECASE,
)
_TEXT = re.compile(r"<text\b([^>]*)>([^<]*)</text>")
_SIZE = re.compile(r'font-size="([\d.]+)')
_PLACE = re.compile(r'(?:transform|fill)="[^"]*"')
# How the SVG sets such a character, in thousandths of an em: text size, and room per character.
_SIZE_OF_TEXT = 884.0
_WIDE = 1000.0
_NARROW = 600.0


def _folders() -> Iterator[Path]:
    for entry in os.environ.get(FONTS_VARIABLE, "").split(os.pathsep):
        if entry:
            yield Path(entry)
    home = Path.home()
    if sys.platform == "darwin":
        yield from (Path("/System/Library/Fonts"), Path("/Library/Fonts"), home / "Library/Fonts")
        yield Path("/System/Library/AssetsV2")
    elif sys.platform == "win32":
        yield Path(os.environ.get("WINDIR", r"C:\Windows")) / "Fonts"
        yield home / "AppData/Local/Microsoft/Windows/Fonts"
    else:
        yield from (home / ".fonts", home / ".local/share/fonts")
        yield from (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"))


def _rank(path: Path, order: int) -> tuple[int, int, str]:
    found = _PREFERRED.search(path.name)
    return (order, found.lastindex or 0 if found else 99, str(path))


@lru_cache(maxsize=1)
def font_files() -> tuple[Path, ...]:
    """The font files of this machine, those likely to hold Chinese first, always in the same order."""
    ranked: list[tuple[tuple[int, int, str], Path]] = []
    own = [Path(entry) for entry in os.environ.get(FONTS_VARIABLE, "").split(os.pathsep) if entry]
    for folder in _folders():
        try:
            found = [folder] if folder.is_file() else sorted(folder.rglob("*"))
            fonts = [path for path in found if path.suffix.lower() in _SUFFIXES]
            ranked.extend((_rank(path, 0 if folder in own else 1), path) for path in fonts)
        except OSError:
            continue
    return tuple(path for _, path in sorted(ranked))[:_MOST_FILES]


@lru_cache(maxsize=64)
def _opened(path: Path) -> tuple[ImageFont.FreeTypeFont, bytes] | None:
    try:
        # A single character needs no layout, and raqm fails on characters that end a line (U+0085, U+2029).
        font = ImageFont.truetype(path, 24, layout_engine=ImageFont.Layout.BASIC)
        return font, bytes(font.getmask("\U0010fffd"))
    except (OSError, ValueError):
        return None


@lru_cache(maxsize=4096)
def font_for(character: str) -> tuple[Path, str] | None:
    """The first font file with an outline for `character`, and its family; None if the machine has none."""
    for path in font_files():
        opened = _opened(path)
        if opened is None:
            continue
        font, missing = opened
        try:
            drawn = bytes(font.getmask(character))
        except (OSError, ValueError):
            continue
        family = font.getname()[0]
        if drawn.strip(b"\0") and drawn != missing and family:
            return path, family
    return None


def with_fonts(svg: str) -> tuple[str, list[str]]:
    """`svg` as it can be drawn here, and the font files it needs: boxes stand for characters that no font has.

    Every character gets its own `<text>` with a family that has it: resvg tries no other font if the given family is
    missing.
    """
    files: dict[str, None] = {}

    def replace(found: re.Match[str]) -> str:
        size = _SIZE.search(found.group(1))
        scale = (float(size.group(1)) if size else _SIZE_OF_TEXT) / _SIZE_OF_TEXT
        parts = [f"<g {' '.join(_PLACE.findall(found.group(1)))}>"]
        left = 0.0
        for character in html.unescape(found.group(2)):
            width = (_WIDE if unicodedata.east_asian_width(character) in "WF" else _NARROW) * scale
            font = font_for(character)
            if font is not None:
                files[str(font[0])] = None
                look = f'font-size="{_SIZE_OF_TEXT * scale:.0f}" font-family="{html.escape(font[1])}"'
                parts.append(f'<text x="{left:.0f}" {look}>{html.escape(character)}</text>')
            elif not character.isspace():
                parts.append(_box(left, width, scale))
            left += width
        return "".join([*parts, "</g>"])

    return _TEXT.sub(replace, svg), list(files)


def _box(left: float, width: float, scale: float) -> str:
    margin, height = 0.09 * width, 800 * scale
    return (
        f'<path d="M{left + margin:.0f} {-height + 60 * scale:.0f}h{width - 2 * margin:.0f}v{height:.0f}'
        f'h{2 * margin - width:.0f}z" fill="none" stroke="currentColor" stroke-width="{50 * scale:.0f}"/>'
    )
