"""Drawn labels as files, one for all labels that look the same. Knows neither FiftyOne nor a run.

If a label can't be drawn, its picture says why, so every path that `path_of` gives can be shown once it is made.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from curate.base.atomic_files import new_file
from curate.base.visible import clip, visible
from curate.render import RenderError, error_png, render_png

#: Shown in tiles of about 300 pixels and full screen: twice the size of printed text on a screen.
SCALE = 3.0
#: Longer labels take seconds to draw, and their pictures are illegible.
LONGEST = 2_000
#: Characters of a label to show below its error.
_QUOTED = 160


def path_of(label: str, visual_key: str | None, folder: Path) -> Path:
    """Where the drawing of a label is or will be: by its visual key, or by its text if it has none."""
    name = visual_key or "t" + hashlib.sha256(label.encode("utf-8", "surrogatepass")).hexdigest()[:31]
    return folder / f"{name[:2]}/{name}.png"


def drawing(label: str, visual_key: str | None, folder: Path) -> Path:
    """The drawing of a label, made now if it isn't there (about 2 ms). Never fails for a label, whatever it holds.

    Raises OSError if the folder isn't writable.
    """
    path = path_of(label, visual_key, folder)
    if not path.is_file():
        write(path, drawn(label))
    return path


def drawn(label: str) -> bytes:
    """A PNG of the label, or of its error."""
    if not label.strip():
        return told("The label is empty: nothing to draw")
    if len(label) > LONGEST:
        return told(f"Not drawn: the label is {len(label):,} characters long")
    try:
        return render_png(label, scale=SCALE)
    except RenderError as error:
        return told(f"Can't be drawn: {error}. Label: {visible(clip(label, _QUOTED))}")


def told(message: str, **look: str) -> bytes:
    """A PNG of a text, as large as a drawing. `look`: colours, as `error_png` takes them."""
    # The font for these messages has no angle brackets, which `visible` uses.
    return error_png(message.replace("⟨", "<").replace("⟩", ">"), width_px=840, size_px=30, **look)


def write(path: Path, data: bytes) -> None:
    """Write a cached picture: whole or absent, but not flushed to disk, which would take longer than drawing it."""
    with new_file(path, flush=False) as temporary:
        temporary.write_bytes(data)
