"""Copies are told from other formulas of the same pattern by the pictures alone, whatever was done to the copy."""

from __future__ import annotations

import io
import random
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageFilter, ImageOps

from curate.duplicates.closer import difference, drawn
from curate.render.drawing import render_png

FORMULA = r"\sum_{k=2}^{\infty} \frac{(-1)^{k}}{5k+2} x^{5k} = S_{2}(x), \quad y - 1"
#: One mark is different in each.
OTHERS = {
    "a digit": FORMULA.replace("5k+2", "5k+3"),
    "a small digit": FORMULA.replace("S_{2}", "S_{7}"),
    "a letter": FORMULA.replace("y -", "v -"),
    "a sign": FORMULA.replace("y - 1", "y + 1"),
    "a point": FORMULA.replace("(x),", "(x)."),
    "a prime": FORMULA.replace("S_{2}", "S_{2}'"),
    "a dot": FORMULA.replace("y -", r"\dot{y} -"),
    "an end": FORMULA + ".",
}


def picture(label: str) -> Image.Image:
    image = Image.open(io.BytesIO(render_png(label))).convert("L")
    return ImageOps.expand(image, 6, 255)


def jpeg(image: Image.Image, quality: int) -> Image.Image:
    out = io.BytesIO()
    image.save(out, "JPEG", quality=quality)
    return Image.open(out)


def noisy(image: Image.Image) -> Image.Image:
    noise = np.random.default_rng(3).normal(0, 12, (image.height, image.width))
    return Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8))


def scaled(image: Image.Image, by: float) -> Image.Image:
    return image.resize((round(image.width * by), round(image.height * by)), Image.Resampling.BICUBIC)


def turned(image: Image.Image, by: float) -> Image.Image:
    return image.rotate(by, Image.Resampling.BICUBIC, expand=True, fillcolor=255)


def shaded(image: Image.Image) -> Image.Image:
    """As a phone takes it: dim on one side, out of focus, a little turned, a poor JPEG."""
    levels = np.asarray(turned(image, 0.6).filter(ImageFilter.GaussianBlur(0.6)), np.float64)
    light = np.linspace(0.9, 0.6, levels.shape[1])[None, :]
    return jpeg(Image.fromarray(((40 + levels * 0.8) * light).clip(0, 255).astype(np.uint8)), 75)


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG 20": lambda image: jpeg(image, 20),
    "JPEG 90": lambda image: jpeg(image, 90),
    "half": lambda image: scaled(image, 0.5),
    "double": lambda image: scaled(image, 2.0),
    "by 0.7": lambda image: scaled(image, 0.7),
    "blurred": lambda image: image.filter(ImageFilter.GaussianBlur(1.0)),
    "noise": noisy,
    "pale": lambda image: image.point([60 + level // 2 for level in range(256)]),
    "padded": lambda image: ImageOps.expand(image, (40, 3, 0, 25), 255),
    "inverted": ImageOps.invert,
    "colours": lambda image: ImageOps.colorize(image, "#102a54", "#f4ead8"),
    "black and white": lambda image: image.point([255 * (level > 140) for level in range(256)]),
    "turned by 1°": lambda image: turned(image, 1.0),
    "turned by -1.5°": lambda image: turned(image, -1.5),
    "photo": shaded,
}


def are_copies(one: Image.Image, other: Image.Image) -> list[bool]:
    """Both ways: the second picture is the one that is moved, which makes a small difference."""
    first, second = drawn(one), drawn(other)
    assert first is not None
    assert second is not None
    return [difference(first, second).is_copy, difference(second, first).is_copy]


@pytest.mark.parametrize("how", COPIES)
def test_a_copy_is_a_copy(how):
    original = picture(FORMULA)
    assert any(are_copies(original, COPIES[how](original)))


@pytest.mark.parametrize("what", OTHERS)
def test_one_mark_makes_another_formula(what):
    assert not any(are_copies(picture(FORMULA), picture(OTHERS[what])))


@pytest.mark.parametrize("how", ["JPEG 20", "noise", "turned by 1°", "inverted", "double", "photo"])
@pytest.mark.parametrize("what", [name for name in OTHERS if name != "a point"])
def test_damage_does_not_hide_the_mark(how, what):
    assert not any(are_copies(picture(FORMULA), COPIES[how](picture(OTHERS[what]))))


def test_a_picture_without_ink_is_not_compared():
    assert drawn(Image.new("L", (40, 20), 255)) is None


def test_tiny_pictures_are_compared():
    rng = random.Random(1)
    for _ in range(40):
        sizes = [(rng.randint(1, 9), rng.randint(1, 9)) for _ in range(2)]
        inks = [drawn(ImageOps.expand(Image.new("L", size, 0), 4, 255)) for size in sizes]
        assert inks[0] is not None
        assert inks[1] is not None
        assert 0 <= difference(inks[0], inks[1]).worst <= 1


@pytest.mark.parametrize("turn", [False, True])
def test_a_picture_far_longer_than_high_is_compared(turn):
    line, dashes = Image.new("L", (60_000, 1), 0), Image.new("L", (60_000, 4), 0)
    for x in range(4, 60_000, 9):
        dashes.paste(255, (x, 0, x + 5, 4))
    inks = [
        drawn(ImageOps.expand(image.transpose(Image.Transpose.ROTATE_90) if turn else image, 4, 255))
        for image in (line, dashes)
    ]
    assert inks[0] is not None
    assert inks[1] is not None
    assert not difference(inks[0], inks[1]).is_copy


def test_a_large_page_is_compared_with_its_copy():
    page = Image.new("L", (1700, 2200), 255)
    for row in range(20):
        page.paste(picture(OTHERS["a letter"] if row == 7 else FORMULA), (100, 100 + 100 * row))
    other = page.copy()
    other.paste(picture(FORMULA), (100, 800))
    assert all(are_copies(page, scaled(page, 0.8)))
    assert not any(are_copies(page, other))
