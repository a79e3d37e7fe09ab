"""The only place that renders labels: LaTeX in, SVG or PNG out. Doesn't judge labels: one that fails may be right.

    render_svg(r"\\frac12")                        text of an SVG
    render_png(r"\\frac12", height_px=64)          bytes of a PNG
    error_png("Missing close brace")              a picture of a message, in place of a drawing
    render_many(labels, workers=2)                (index, PNG or RenderError) for many labels, over processes
    render_inside(label)                          for a page of many drawings, which share the outlines of glyphs
    render_to_folder(labels, out, "png")          what `curate render` does with a label or a file of lines
    render_named(pairs, out, "png")               the same for (name, label) pairs

mathra lays out a formula in some 0.3 ms, without network or TeX; resvg makes the PNG in 1 to 4 ms. docs/drawing.md says
how well that agrees with LaTeX. The label may include its outer delimiters (`$…$`, `\\[…\\]`, `equation*`). `tabular`
is drawn as `array`: `\\multicolumn` fills its first column, and `\\cline` is a whole line. Chinese and other characters
that mathra lacks are drawn with a font of this machine, or as an empty box in a PNG if no font has them
(`curate doctor` says what to install).
"""

from curate.render.batch import render_many, render_named, render_to_folder
from curate.render.drawing import EM_PX, LABEL_LIMIT, SHARED, render_inside, render_png, render_svg
from curate.render.engine import RenderError
from curate.render.messages import error_png, text_font, wrapped
from curate.render.svg import Inside, paths

__all__ = [
    "EM_PX",
    "LABEL_LIMIT",
    "SHARED",
    "Inside",
    "RenderError",
    "error_png",
    "paths",
    "render_inside",
    "render_many",
    "render_named",
    "render_png",
    "render_svg",
    "render_to_folder",
    "text_font",
    "wrapped",
]
