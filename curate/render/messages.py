"""Pictures of plain text, in place of a drawing. Draws no label: that is `drawing`."""

from __future__ import annotations

import io

from PIL import Image, ImageDraw, ImageFont

from curate.render.glyphs import font_for


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
    """A font for plain text: Pillow's own, or one of this machine's if that lacks a character of the text (Chinese)."""
    rare = next((c for c in text if c > "\u024f" and c.isalpha()), None)
    found = font_for(rare) if rare else None
    return ImageFont.truetype(found[0], size_px) if found else ImageFont.load_default(size_px)


def wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The lines of a text set `width` pixels wide: broken at spaces, and within words that are too long."""
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
