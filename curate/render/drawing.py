"""One label drawn: an SVG of MathJax's, and a PNG of that. Many at once: `batch`. Pictures of texts: `messages`."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from contextlib import contextmanager

import resvg_py
from PIL import ImageColor

from curate.render.engine import RenderError, convert
from curate.render.glyphs import with_fonts
from curate.render.prepare import prepare
from rules import faults

#: Labels with more characters are refused: MathJax needs seconds for them and no picture of one is legible.
LABEL_LIMIT = 8_000
#: Processor time for one label.
SECONDS = 5.0
#: Height of the em at scale 1.
EM_PX = 16
#: A picture is scaled down rather than made larger than this.
MOST_PIXELS = 16_000_000
LONGEST_SIDE = 16_000
#: Elements inside one another in a PNG; a formula has some tens. resvg reads each on the stack, and a process whose
#: stack is full dies.
MOST_DEPTH = 150
#: Room around the drawing, in thousandths of an em: slanted letters reach over the edges that MathJax states.
PADDING = 120

_ROOT = re.compile(r'^<svg\b[^>]*?viewBox="([-\d. e]+)"[^>]*>')
_NOTES = re.compile(r' (?:data-(?!c=)[a-z-]+|role|focusable)="[^"]*"')
_INK = re.compile(r"<(?:use|text|line|rect|ellipse|polygon|path(?! id=))\b")
# Table lines and frames get their look from MathJax's style sheet, which a single SVG does not have.
_STYLED = (
    (re.compile(r"<(line|rect)(?= [^>]*mjx-dashed)"), r'<\1 stroke-dasharray="140"'),
    (re.compile(r"<(line|rect)(?= [^>]*data-(?:line|frame)=)"), r'<\1 fill="none" stroke-width="50"'),
)
_TAG = re.compile(r"<(/?)[a-z][^<>]*?(/?)>")
_IDS = re.compile(r'((?:id="|href="#)MJX-)\d+-')


def render_svg(label: str, *, scale: float = 1.0, colour: str | None = None, seconds: float = SECONDS) -> str:
    """A self-contained SVG of `label` in display style, in `currentColor` or in `colour`.

    The same label gives the same text, and the ids inside are unique to the label, so many can stand in one page.
    Raises RenderError with the engine's message; for a label over LABEL_LIMIT characters; for an empty one; where
    drawing fails, which is a fault (`rules.faults`). Raises ValueError for a colour that is none.
    """
    with _faults_caught(label):
        return _svg(label, scale, _colour(colour) if colour else None, seconds)


class RenderFault(RenderError):
    """Drawing failed for a fault of ours, which was told (`rules.faults`). It is tried, and told, again."""


@contextmanager
def _faults_caught(label: str) -> Iterator[None]:
    """Inside, what is no RenderError is a fault of ours: it is counted, and the label isn't drawn."""
    try:
        yield
    except (RenderError, _NoColour):
        raise
    except BaseException as error:
        fault = faults.caught("drawing", error, label)
        raise RenderFault(f"a fault in texsieve: {fault.error}") from error


def _svg(label: str, scale: float, colour: str | None, seconds: float) -> str:
    if len(label) > LABEL_LIMIT:
        raise RenderError(f"Label of {len(label):,} characters; at most {LABEL_LIMIT:,} are drawn")
    raw = convert(prepare(label), seconds)
    root = _ROOT.match(raw)
    if root is None:
        raise RenderError("MathJax drew something that is no SVG")
    left, top, width, height = map(float, root.group(1).split())
    mark = hashlib.sha256(label.encode("utf-8")).hexdigest()[:8]
    body = raw[root.end() :]
    if not _INK.search(body):
        raise RenderError("Nothing to draw")
    for kind, attributes in _STYLED:
        body = kind.sub(attributes, body)
    body = _IDS.sub(rf"\g<1>{mark}-", _NOTES.sub("", body))
    width, height = width + 2 * PADDING, height + 2 * PADDING
    px = EM_PX * scale / 1000
    painted = f' color="{colour}"' if colour else ""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink"'
        f' width="{width * px:.2f}" height="{height * px:.2f}"'
        f' viewBox="{left - PADDING:g} {top - PADDING:g} {width:g} {height:g}"{painted}>{body}'
    )


def render_png(
    label: str,
    *,
    height_px: int | None = None,
    scale: float = 2.0,
    colour: str = "black",
    background: str | None = "white",
    seconds: float = SECONDS,
) -> bytes:
    """A PNG of `label` in display style.

    `scale` 1 draws the em 16 pixels high; `height_px` sets the height of the whole picture instead. `background` None
    is transparent. Raises RenderError as `render_svg` does, and ValueError for a colour that is none.
    """
    with _faults_caught(label):
        return _png(_svg(label, 1.0, _colour(colour), seconds), height_px, scale, background and _colour(background))


def _png(svg: str, height_px: int | None, scale: float, background: str | None) -> bytes:
    if _depth(svg) > MOST_DEPTH:
        raise RenderError("Nested too deeply for a PNG")
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


def _depth(svg: str) -> int:
    """How many elements stand inside one another, at most."""
    if svg.count("<g") + svg.count("<svg") <= MOST_DEPTH:
        return 0
    depth = deepest = 0
    for closing, empty in _TAG.findall(svg):
        depth += -1 if closing else 0 if empty else 1
        deepest = max(deepest, depth)
    return deepest


class _NoColour(ValueError):
    """A name that is none of a colour."""


def _colour(name: str) -> str:
    """`name` as #rrggbb. Raises ValueError for what is no colour."""
    try:
        red, green, blue = ImageColor.getrgb(name)[:3]
    except ValueError as error:
        raise _NoColour(str(error)) from error
    return f"#{red:02x}{green:02x}{blue:02x}"
