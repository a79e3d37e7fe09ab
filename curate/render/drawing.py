"""One label drawn: an SVG of mathra's glyphs, and a PNG of that. Many at once: `batch`. Text: `messages`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import resvg_py
from PIL import ImageColor

from curate.render.engine import RenderError
from curate.render.glyphs import with_fonts
from curate.render.laid_out import LABEL_LIMIT, laid_out
from curate.render.svg import EM_PX, Inside, inside, written
from rules import faults

__all__ = ["EM_PX", "LABEL_LIMIT", "RenderError", "RenderFault", "render_inside", "render_png", "render_svg"]

#: The prefix of outline ids in a page whose drawings share them.
SHARED = "glyph"

#: A larger picture is scaled down to this.
MOST_PIXELS = 16_000_000
LONGEST_SIDE = 16_000


def render_svg(label: str, *, scale: float = 1.0, colour: str | None = None) -> str:
    """A self-contained SVG of `label` in display style, in `currentColor` or in `colour`.

    The same label gives the same text, and the ids inside are unique to the label, so one page can hold many. Raises
    RenderError with the engine's message, for a label over LABEL_LIMIT characters, for an empty one, and if drawing
    fails, which is a fault (`rules.faults`). Raises ValueError if `colour` is not a colour.
    """
    with _faults_caught(label):
        return _svg(label, scale, _colour(colour) if colour else None)


def render_inside(label: str) -> Inside:
    """`label` for a page in which all drawings use the same outlines, with ids that start with SHARED.

    Raises RenderError as `render_svg` does.
    """
    with _faults_caught(label):
        return inside(laid_out(label), SHARED)


class RenderFault(RenderError):
    """Drawing failed because of a fault of ours, which was reported (`rules.faults`). Each attempt reports it again."""


@contextmanager
def _faults_caught(label: str) -> Iterator[None]:
    """Inside, any error but RenderError is a fault of ours: it is counted, and the label isn't drawn."""
    try:
        yield
    except (RenderError, _NoColour):
        raise
    except BaseException as error:
        fault = faults.caught("drawing", error, label)
        raise RenderFault(f"a fault in texsieve: {fault.error}") from error


def _svg(label: str, scale: float, colour: str | None) -> str:
    mark = "t" + hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:8]
    return written(laid_out(label), mark, scale, colour)


def render_png(
    label: str,
    *,
    height_px: int | None = None,
    scale: float = 2.0,
    colour: str = "black",
    background: str | None = "white",
) -> bytes:
    """A PNG of `label` in display style.

    `scale` 1 draws the em 16 pixels high; `height_px` sets the height of the whole picture instead. `background` None
    is transparent. Raises RenderError as `render_svg` does, and ValueError if a colour is not one.
    """
    with _faults_caught(label):
        return _png(_svg(label, 1.0, _colour(colour)), height_px, scale, background and _colour(background))


def _png(svg: str, height_px: int | None, scale: float, background: str | None) -> bytes:
    width, height = _size(svg)
    zoom = height_px / height if height_px else scale
    zoom = min(zoom, LONGEST_SIDE / width, LONGEST_SIDE / height, (MOST_PIXELS / (width * height)) ** 0.5)
    fonts: list[str] = []
    if "<text" in svg:
        svg, fonts = with_fonts(svg)
    options = {"height": height_px} if height_px and zoom == height_px / height else {"zoom": zoom}
    try:
        return bytes(
            resvg_py.svg_to_bytes(
                svg_string=svg,
                background=background or None,
                skip_system_fonts=True,
                font_files=fonts or None,
                **options,
            )
        )
    except ValueError as error:
        raise RenderError(f"resvg: {error}") from error


def _size(svg: str) -> tuple[float, float]:
    found = re.search(r'width="([\d.]+)" height="([\d.]+)"', svg)
    assert found is not None
    return max(float(found.group(1)), 1e-3), max(float(found.group(2)), 1e-3)


class _NoColour(ValueError):
    """A name that is not a colour's."""


def _colour(name: str) -> str:
    """`name` as #rrggbb. Raises ValueError if it is not a colour."""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise _NoColour(str(error)) from error
    return f"#{red:02x}{green:02x}{blue:02x}"
