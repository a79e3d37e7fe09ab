"""The pictures of a page: images made small, and labels drawn. Never fails: a text says why a picture is missing.

`curate.render` and `curate.images.opening` decide what can be drawn or opened. Pictures are made on request, a few
ahead; inside `rules.workers.spread.isolated`, helper processes make them.
"""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TypeAlias

from markupsafe import Markup
from PIL import Image, ImageChops

from curate.images.on_paper import on_white, to_ink
from curate.render import SHARED, Inside, RenderError, paths, render_inside
from curate.render.remarks import remark
from curate.report.markup import text
from rules.workers.cores import cores
from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import is_isolated, spread

#: Largest image, in pixels.
WIDEST, HIGHEST = 720, 220
#: Height in CSS pixels at which the page scales a picture down.
TALLEST = 110
#: How many images of a page are opened: a large one takes about 15 ms.
MOST_IMAGES = 300
#: Longer labels are illegible at the size of a card.
LONGEST_DRAWN = 1200
#: A PNG with more bytes is compared with a JPEG.
JPEG_FROM = 12_000
_BATCH = 8

#: The repr of an object, which differs from process to process.
_ADDRESS = re.compile(r"<[^<>]*0x[0-9a-fA-F]+[^<>]*>")

#: An image: the folder that its name is relative to (None if there is none), and the name.
Place: TypeAlias = tuple[Path | None, str]
OpenImage = Callable[[Path, str], Image.Image]


@dataclass(frozen=True)
class PagePicture:
    """A picture to put into the page, or why there is none (`markup` is empty then). remark: how it may mislead."""

    markup: str | Markup = ""
    problem: str = ""
    remark: str = ""

    @property
    def size(self) -> int:
        """Characters of the page that it takes."""
        return len(self.markup)


#: The text in place of a picture for which the page has no room.
NO_ROOM = PagePicture(problem="Not shown: this page has no room for more pictures.")


class Pictures:
    """The pictures of a page, each made once. Drawn labels are SVG elements that share the outlines of their glyphs:
    the page must hold `outlines` once, after all pictures were taken."""

    def __init__(self, wanted: Iterable[str | Place], open_image: OpenImage | None = None) -> None:
        """wanted: all labels and images that may be asked for, in about that order.

        open_image: `curate.images.opening` by default.
        """
        distinct = [one for one in dict.fromkeys(wanted) if not isinstance(one, str) or _not_drawn(one) is None]
        batches = (distinct[at : at + _BATCH] for at in range(0, len(distinct), _BATCH))
        workers = cores() if is_isolated() and open_image is None else 1
        made = spread(partial(_made, open_image=open_image), batches, workers, lost=_lost, to="show")
        self._coming = zip(distinct, chain.from_iterable(made), strict=True)
        self._wanted = len(distinct)
        self._made: dict[str | Place, Inside | PagePicture] = {}
        self._outlines: dict[int, str] = {}
        self._images: set[str | Place] = set()

    def of(self, want: str | Place) -> PagePicture:
        """A label drawn, or an image."""
        return self.of_label(want) if isinstance(want, str) else self.of_image(want)

    def of_label(self, label: str) -> PagePicture:
        """The label as it looks when it is drawn, or the renderer's complaint."""
        if said := _not_drawn(label):
            return PagePicture(problem=said)
        drawn = self._next_until(label)
        if isinstance(drawn, PagePicture):
            return drawn
        self._outlines |= drawn.outlines
        opening = '<svg class="drawn" role="img" aria-label="{}" width="{:.0f}" height="{:.0f}" viewBox="{}">'
        spoken = f"The label drawn: {text(drawn.speech or label, 160)}"
        written = Markup(opening).format(spoken, max(drawn.width, 1), max(drawn.height, 1), drawn.view)
        markup = written + Markup(drawn.body + "</svg>")  # `curate.render.svg` escapes
        return PagePicture(markup, remark=remark(label))

    def of_image(self, place: Place) -> PagePicture:
        """The image, made small, a page cut to its ink; or why it can't be shown."""
        if place not in self._images and len(self._images) >= MOST_IMAGES:
            return NO_ROOM
        picture = self._next_until(place)
        assert isinstance(picture, PagePicture)
        if not picture.problem:
            self._images.add(place)
        return picture

    def _next_until(self, one: str | Place) -> Inside | PagePicture:
        while one not in self._made:
            following, made = next(self._coming)
            self._made[following] = made
            if len(self._made) == self._wanted:
                next(self._coming, None)  # the end: helpers are left for others
        return self._made[one]

    @property
    def outlines(self) -> Markup:
        """The outlines that the drawn labels taken so far use."""
        if not self._outlines:
            return Markup("")
        written = paths(sorted(self._outlines.items()), SHARED)
        return Markup(f'<svg class="outlines" width="0" height="0" aria-hidden="true"><defs>{written}</defs></svg>')


def _not_drawn(label: str) -> str | None:
    """Why no drawing of the label is tried, if that is so."""
    if not label.strip():
        return "Nothing to draw: the label is empty."
    return f"Not drawn: {len(label):,} characters long." if len(label) > LONGEST_DRAWN else None


def _made(wanted: Sequence[str | Place], open_image: OpenImage | None) -> list[Inside | PagePicture]:
    return [_drawn(one) if isinstance(one, str) else of_image(*one, open_image or _open()) for one in each(wanted)]


def _lost(lost: Lost) -> list[Inside | PagePicture]:
    return [PagePicture(problem=f"Not shown: {lost.why}.")]


def _open() -> OpenImage:
    from curate.images.opening import open_image

    return open_image


def _drawn(label: str) -> Inside | PagePicture:
    try:
        return render_inside(label)
    except RenderError as error:
        return PagePicture(problem=f"Can't be drawn: {_said(error)}")


def of_image(root: Path | None, ref: str, open_image: OpenImage) -> PagePicture:
    """One image; see `Pictures.of_image`."""
    if root is None:
        return PagePicture(problem="Not shown: images can't be opened here.")
    try:
        image = open_image(root, ref)
        return _small(to_ink(on_white(image)), f"Image {text(ref, 120)}")
    except Exception as error:  # a broken image is one of the things a report is about
        return PagePicture(problem=f"Can't be shown: {_said(error)}")


def _said(error: Exception) -> str:
    """The error in a few words that are the same in every process and on every machine."""
    if isinstance(error, FileNotFoundError):
        return "there is no such file."
    message, name = _ADDRESS.sub("", str(error)).strip(), type(error).__name__
    # Only messages of these classes and their subclasses are written for people.
    names = {kind.__name__ for kind in type(error).__mro__}
    written = isinstance(error, OSError) or not names.isdisjoint(("RenderError", "ImageError"))
    return text(message if written and message else f"{name} {message}", 160)


def _small(image: Image.Image, alt: str) -> PagePicture:
    """Scale into the largest size and encode as the smaller of a 16-colour PNG and a JPEG."""
    image.thumbnail((WIDEST, HIGHEST), Image.Resampling.LANCZOS, reducing_gap=3.0)
    drawn = io.BytesIO()
    grey = image.convert("L")
    coloured = ImageChops.difference(image, grey.convert("RGB")).convert("L").point(lambda level: 255 * (level > 12))
    if coloured.getbbox() is None:  # ink on paper: sixteen greys are enough, at a fraction of the size
        levels = Image.frombytes("P", grey.size, grey.point([round(level / 17) for level in range(256)]).tobytes())
        levels.putpalette([value for level in range(16) for value in (level * 17,) * 3])
        levels.save(drawn, "PNG", compress_level=6, bits=4)
    kind, data = "png", drawn.getvalue()
    if not data or len(data) > JPEG_FROM:
        photo = io.BytesIO()
        image.save(photo, "JPEG", quality=68, optimize=True)
        if not data or photo.tell() < len(data):
            kind, data = "jpeg", photo.getvalue()
    # The size on the page is given, so that its space is kept before decoding and links scroll to the right place.
    scale = min(1.0, TALLEST / image.height)
    wide, high = max(round(image.width * scale), 1), max(round(image.height * scale), 1)
    written = Markup('<img src="data:image/{};base64,{}" width="{}" height="{}" alt="{}" loading="lazy">')
    return PagePicture(written.format(kind, base64.b64encode(data).decode("ascii"), wide, high, alt))
