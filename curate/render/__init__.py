"""The one place that renders a label: LaTeX in, SVG or PNG out. Not for judging labels: what fails may be right.

    render_svg(r"\\frac12")                        text of an SVG
    render_png(r"\\frac12", height_px=64)          bytes of a PNG
    error_png("Missing close brace")              a picture of a message, for where a drawing was expected
    render_many(labels, workers=2)                (index, PNG or RenderError) for many labels, over processes
    render_to_folder(labels, out, "png")          what `curate render` does

MathJax 4 draws, embedded, without network or TeX; resvg makes the PNG. One formula takes 10 to 30 ms. The label may
stand in its outer delimiters (`$…$`, `\\[…\\]`, `equation*`); `tabular` is drawn through `array`: `\\multicolumn` fills
its first column, `\\cline` is a whole line. Chinese and other characters that MathJax has no outline for are drawn with
a font of this machine, and as an empty box in a PNG where no font has them (`curate doctor` says what to install).
"""

from __future__ import annotations

import hashlib
import io
import re
from collections.abc import Iterator
from contextlib import contextmanager

import resvg_py
from PIL import Image, ImageColor, ImageDraw, ImageFont

from curate.render.engine import RenderError, convert
from curate.render.glyphs import font_for, with_fonts
from curate.render.prepare import prepare
from rules import faults

__all__ = [
    "EM_PX",
    "LABEL_LIMIT",
    "RenderError",
    "error_png",
    "render_many",
    "render_png",
    "render_svg",
    "render_to_folder",
    "text_font",
    "wrapped",
]

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


@contextmanager
def _faults_caught(label: str) -> Iterator[None]:
    """Inside, what is no RenderError is a fault of ours: it is counted, and the label isn't drawn."""
    try:
        yield
    except (RenderError, _NoColour):
        raise
    except BaseException as error:
        fault = faults.caught("drawing", error, label)
        raise RenderError(f"a fault in texsieve: {fault.error}") from error


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


def error_png(
    message: str,
    *,
    width_px: int = 480,
    size_px: int = 16,
    colour: str = "#a40000",
    background: str = "#fff5f5",
) -> bytes:
    """A PNG that shows `message` in letters of `size_px`, wrapped, at most 8 lines. Never raises for a text."""
    font = text_font(message, size_px)
    margin = size_px * 3 // 4
    lines = wrapped(message, font, width_px - 2 * margin) or ["(no message)"]
    if len(lines) > 8:
        lines = [*lines[:7], lines[7] + " …"]
    step = size_px * 11 // 8
    image = Image.new("RGB", (width_px, step * len(lines) + 2 * margin - 4), background)
    draw = ImageDraw.Draw(image)
    for number, line in enumerate(lines):
        draw.text((margin, margin - 2 + step * number), line, fill=colour, font=font)
    out = io.BytesIO()
    image.save(out, "PNG")
    return out.getvalue()


def text_font(text: str, size_px: int) -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    """A font for plain text: Pillow's own, or one of this machine's where that lacks a letter of the text (Chinese)."""
    rare = next((c for c in text if c > "\u024f" and c.isalpha()), None)
    found = font_for(rare) if rare else None
    return ImageFont.truetype(found[0], size_px) if found else ImageFont.load_default(size_px)


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The lines of a text that is set `width` pixels wide: broken at spaces, and within a word that is too long."""
    text = "".join(c if c.isprintable() and not "\ud800" <= c <= "\udfff" else " " for c in text[:2000])
    lines: list[str] = []
    line = ""
    for word in text.split():
        while font.getlength(word) > width:
            cut = max(n for n in range(1, len(word)) if n == 1 or font.getlength(word[:n]) <= width)
            lines.extend(filter(None, (line, word[:cut])))
            line, word = "", word[cut:]
        longer = f"{line} {word}" if line else word
        if font.getlength(longer) <= width:
            line = longer
        else:
            lines.append(line)
            line = word
    return [*lines, line] if line else lines


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


from curate.render.batch import render_many, render_to_folder  # noqa: E402  (batch needs render_png of this module)
