"""Every row of the tables in docs/visual-key.md holds, for the key and for a second renderer's drawings."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import pytest
from PIL import Image, ImageChops

import rules
from curate.render import render_png

PAGE = (Path(__file__).resolve().parents[3] / "docs" / "visual-key.md").read_text(encoding="utf-8")
_CODE = r"`((?:[^`\\]|\\.)+)`"
PAIRS = re.findall(rf"^\| {_CODE} \| {_CODE} \| (\w+) \| (\w+) \| .+ \|$", PAGE, re.MULTILINE)
WITHOUT_KEY = re.findall(rf"^\| {_CODE} \| [^|]+ \|$", PAGE, re.MULTILINE)

SCALE = 8.0
#: Antialiasing makes the ink boxes of equal drawings differ by this many pixels, and this share of the ink.
BOX, INK = 2, 0.09


def _label(cell: str) -> str:
    return cell.replace(r"\|", "|")  # Markdown needs bars in tables escaped, even in code


@cache
def _ink(label: str) -> Image.Image:
    """The picture of a label, white on black, cropped to the drawing."""
    with Image.open(io.BytesIO(render_png(label, scale=SCALE))) as picture:
        ink = ImageChops.invert(picture.convert("L"))
    return ink.crop(ink.point(lambda value: 255 if value > 64 else 0).getbbox())


def _amount(ink: Image.Image) -> int:
    return sum(ink.histogram()[129:])


def _drawn_alike(one: str, other: str) -> bool:
    first, second = _ink(one), _ink(other)
    if abs(first.width - second.width) > BOX or abs(first.height - second.height) > BOX:
        return False
    box = (0, 0, min(first.width, second.width), min(first.height, second.height))
    return _amount(ImageChops.difference(first.crop(box), second.crop(box))) <= INK * _amount(first)


def test_the_page_has_its_tables() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| `")]
    assert len(rows) == len(PAIRS) + len(WITHOUT_KEY)
    kinds = {(key, drawn) for _, _, key, drawn in PAIRS}
    assert kinds == {(key, drawn) for key in ("equal", "apart") for drawn in ("alike", "different")}
    assert len(WITHOUT_KEY) > 5


@pytest.mark.parametrize(("one", "other", "key", "drawn"), PAIRS)
def test_pair(one: str, other: str, key: str, drawn: str) -> None:
    one, other = _label(one), _label(other)
    first, second = rules.visual_key([one, other])
    assert first is not None
    assert second is not None
    assert (first == second) == (key == "equal")
    assert _drawn_alike(one, other) == (drawn == "alike")


@pytest.mark.parametrize("label", WITHOUT_KEY)
def test_label_without_a_key(label: str) -> None:
    assert rules.visual_key([_label(label)])[0] is None
    assert _ink(_label(label)).width
