"""Ink masks and measures of printed, handwritten, inverted, transparent, rotated and photographed images."""

from __future__ import annotations

import io
from pathlib import Path
from random import Random

import numpy as np
import polars as pl
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

from curate.images.ink import ink_of
from curate.images.measures import MEASURES, NEAR, measure
from curate.images.opening import probe


def formula(size: tuple[int, int] = (220, 70), stroke: int = 3, shift: int = 0) -> Image.Image:
    """Something like x = 7 / 12 in black on white, the ink's box from (20, 10) to (size - 20, size - 10)."""
    image = Image.new("L", size, 255)
    draw = ImageDraw.Draw(image)
    left, top, right, bottom = 20, 10, size[0] - 21, size[1] - 11
    middle = size[1] // 2
    draw.line((left, middle - 12, left + 24, middle + 12), fill=0, width=stroke)
    draw.line((left, middle + 12, left + 24 + shift, middle - 12), fill=0, width=stroke)
    for y in (middle - 5, middle + 5):
        draw.line((left + 45, y, left + 70, y), fill=0, width=stroke)
    draw.line((left + 95, middle, right, middle), fill=0, width=stroke)
    draw.line((left + 120, top, left + 140, top), fill=0, width=1)
    draw.line((left + 140, top, left + 130, middle - 6), fill=0, width=stroke)
    draw.line((left + 120, middle + 6, left + 120, bottom), fill=0, width=stroke)
    draw.arc((left + 130, middle + 6, left + 146, bottom - 2), 180, 400, fill=0, width=stroke)
    return image


def facts(image: Image.Image) -> dict[str, object]:
    return dict(zip(MEASURES, measure(image), strict=True))


def differ(one: object, other: object) -> int:
    return (int(str(one), 16) ^ int(str(other), 16)).bit_count()


def photo(image: Image.Image, seed: int = 1) -> Image.Image:
    """A formula on grey paper, half of it in the shade, with the paper's grain."""
    rng = np.random.default_rng(seed)
    grey = np.asarray(image, np.float64) / 255
    light = np.linspace(190, 90, image.width)[None, :] + np.linspace(20, -20, image.height)[:, None]
    paper = light + rng.normal(0, 3, grey.shape)
    return Image.fromarray((paper * (0.35 + 0.65 * grey)).clip(0, 255).astype(np.uint8))


def test_black_on_white() -> None:
    found = facts(formula())
    assert (found["background"], found["polarity"], found["contrast"]) == (255, "dark", 1.0)
    assert found["sharpness"] == 1.0
    box = [found[f"ink_{side}"] for side in ("left", "top", "right", "bottom")]
    assert box == list(ImageOps.invert(formula()).getbbox() or ())
    assert found["ink_ratio"] == pytest.approx(np.mean(np.asarray(formula()) < 128), abs=1e-6)
    assert (found["ink_border"], found["bare_background"]) == (0, None)


@pytest.mark.parametrize(
    "change",
    [
        ImageOps.invert,
        lambda image: image.convert("RGB"),
        lambda image: image.convert("1"),
        lambda image: image.convert("P"),
        lambda image: image.convert("CMYK"),
        lambda image: Image.fromarray(np.asarray(image).astype(np.uint16) * 257),
        lambda image: ImageOps.colorize(image, black="#102040", white="#fffff0"),
        photo,
    ],
    ids=["inverted", "RGB", "1", "P", "CMYK", "16 bits", "coloured", "photo"],
)
def test_the_ink_is_the_same_however_it_is_shown(change) -> None:
    plain, changed = ink_of(formula()).mask, ink_of(change(formula())).mask
    common = (plain & changed).sum() / (plain | changed).sum()
    assert common > 0.93
    near = differ(facts(formula())["image_phash"], facts(change(formula()))["image_phash"])
    assert near <= NEAR


def test_transparency_is_laid_on_white_and_its_loss_is_seen() -> None:
    alpha = ImageOps.invert(formula())
    black = Image.merge("LA", (Image.new("L", alpha.size, 0), alpha))
    found = facts(black)
    assert (found["background"], found["bare_background"]) == (255, 0)
    assert found["image_sha256"] == facts(formula())["image_sha256"]
    palette = Image.new("P", (64, 40), 0)
    palette.putpalette([255, 255, 255, 10, 20, 30])
    palette.paste(1, (10, 10, 50, 14))
    palette.info["transparency"] = b"\x00\xff"
    assert facts(palette)["bare_background"] == 255
    assert [facts(palette)[f"ink_{side}"] for side in ("left", "top", "right", "bottom")] == [10, 10, 50, 14]


def test_equal_pixels_have_equal_digests_whatever_the_mode_and_turn() -> None:
    digests = {
        facts(image)["image_sha256"] for image in (formula(), formula().convert("RGB"), formula().convert("RGBA"))
    }
    assert len(digests) == 1
    assert facts(formula(shift=1))["image_sha256"] not in digests
    # The same bytes in another shape are another image.
    assert facts(Image.new("L", (10, 20)))["image_sha256"] != facts(Image.new("L", (20, 10)))["image_sha256"]


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "WEBP"])
def test_the_exif_turn_is_heeded(kind: str, tmp_path: Path) -> None:
    lying = formula().rotate(90, expand=True)  # rotated to the left; the tag says to rotate it to the right
    exif = Image.Exif()
    exif[0x0112] = 6
    options: dict[str, object] = {"tiffinfo": {0x0112: 6}} if kind == "TIFF" else {"exif": exif, "quality": 95}
    lying.save(tmp_path / "x", kind, **options)
    header = probe(tmp_path, ["x"]).row(0, named=True)
    found = probe(tmp_path, ["x"], measures=True).row(0, named=True)
    assert (found["width"], found["height"]) == (header["width"], header["height"]) == formula().size
    assert differ(found["image_phash"], facts(formula())["image_phash"]) <= 2
    assert header["orientation"] == (1 if kind == "TIFF" else 6)  # Pillow itself rotates a TIFF


def test_blank_pictures() -> None:
    rng = np.random.default_rng(0)
    grain = Image.fromarray(rng.normal(150, 4, (80, 300)).clip(0, 255).astype(np.uint8))
    shade = photo(Image.new("L", (300, 80), 255))
    for blank in (Image.new("L", (50, 40), 255), Image.new("1", (1, 1)), grain, shade, Image.new("RGBA", (9, 9))):
        found = facts(blank)
        assert (found["ink_ratio"], found["ink_left"], found["ink_rows"]) == (0.0, None, 0)
        assert found["image_phash"] is None
        assert len(str(found["image_sha256"])) == 64


def test_ink_at_the_border() -> None:
    assert facts(formula().crop((20, 0, 220, 70)))["ink_border"] == 1
    assert facts(formula().crop((25, 12, 190, 50)))["ink_border"] == 4


def test_a_photo_has_uneven_paper() -> None:
    assert facts(photo(formula()))["uneven"] is True
    assert facts(formula())["uneven"] is False
    assert facts(Image.new("L", (50, 40), 255))["uneven"] is None


def test_blur_is_judged_beside_the_stroke() -> None:
    assert float(str(facts(formula().filter(ImageFilter.GaussianBlur(0.7)))["sharpness"])) > 0.6
    assert float(str(facts(formula().filter(ImageFilter.GaussianBlur(4)))["sharpness"])) < 0.3
    # Blur is relative to the stroke: an image four times as large stays sharp.
    large = formula().resize((880, 280), Image.Resampling.LANCZOS).filter(ImageFilter.GaussianBlur(1.5))
    assert float(str(facts(large)["sharpness"])) > 0.6


def test_lines_of_writing() -> None:
    one = formula()
    assert facts(one)["ink_rows"] == 1  # a fraction is one line
    image = Image.new("L", (220, 200), 255)
    for top in (5, 70, 135):
        ImageDraw.Draw(image).text((10, top), "x+y=z", fill=0, font_size=40)
    assert facts(image)["ink_rows"] == 3


@pytest.mark.parametrize(
    ("label", "lines"),
    [
        (r"\begin{aligned} & x + y = z \\ & \sum _ { i = 1 } ^ { n } x _ { i } = 0 \end{aligned}", 2),
        (r"\begin{aligned} & e ^ { i \pi } + 1 = 0 \\ & \frac { a } { b } + c \\ & u - v \end{aligned}", 3),
        (r"\begin{gathered} x + y = z \\ u - v \\ a + b \end{gathered}", 3),
        (r"\frac { x + \frac { 1 } { y } } { \frac { 2 } { z } - 1 }", 1),
        (r"\lim _ { n \to \infty } \frac { \partial ^ { 2 } f } { \partial x ^ { 2 } } = \prod _ { i } ^ { n } i !", 1),
    ],
)
def test_lines_of_drawn_labels(label: str, lines: int) -> None:
    from curate.render import render_png

    assert facts(Image.open(io.BytesIO(render_png(label, scale=2.0))).convert("L"))["ink_rows"] == lines


def test_the_thumbnail_is_the_inks_box() -> None:
    found = facts(formula())
    thumb = np.frombuffer(found["ink_thumb"], np.uint8).reshape(24, 64)  # type: ignore[call-overload]
    assert thumb.any(axis=1).all()
    assert thumb.any(axis=0)[[0, -1]].all()
    wider = Image.new("L", (500, 300), 255)
    wider.paste(formula(), (200, 90))
    assert facts(wider)["ink_thumb"] == found["ink_thumb"]
    assert facts(wider)["image_phash"] == found["image_phash"]


def test_the_hash_stands_mild_changes_and_tells_formulas_apart() -> None:
    base = formula((300, 80))
    jpeg = io.BytesIO()
    base.save(jpeg, "JPEG", quality=50)
    changed = [
        base.resize((240, 64), Image.Resampling.BICUBIC),
        base.resize((375, 100), Image.Resampling.BICUBIC),
        base.filter(ImageFilter.GaussianBlur(0.7)),
        Image.open(jpeg),
        ImageOps.expand(base, (1, 0, 0, 1), fill=255),
    ]
    own = facts(base)["image_phash"]
    assert all(differ(own, facts(image)["image_phash"]) <= NEAR for image in changed)
    other = Image.new("L", (300, 80), 255)
    ImageDraw.Draw(other).text((20, 10), "a=b+c", fill=0, font_size=50)
    assert differ(own, facts(other)["image_phash"]) > 2 * NEAR


def test_a_page_is_measured_as_exactly_as_a_crop() -> None:
    page = Image.new("L", (1654, 2339), 255)
    page.paste(formula(), (600, 400))
    small, large = facts(formula()), facts(page)
    for name in ("background", "polarity", "contrast", "sharpness", "ink_rows", "image_phash", "ink_thumb"):
        assert large[name] == small[name], name
    assert large["ink_left"] == 600 + small["ink_left"]  # type: ignore[operator]


def test_any_size_and_noise_is_measured(tmp_path: Path) -> None:
    rng = Random(3)
    for at in range(60):
        size = (rng.choice((1, 2, 3, 17, 40)), rng.choice((1, 2, 5, 33)))
        Image.frombytes("L", size, rng.randbytes(size[0] * size[1])).save(tmp_path / f"{at}.png")
    frame = probe(tmp_path, [f"{at}.png" for at in range(60)], measures=True)
    assert frame["error"].null_count() == 60
    inked = frame.filter(pl.col("ink_left").is_not_null())
    assert inked.filter(
        (pl.col("ink_left") >= pl.col("ink_right"))
        | (pl.col("ink_right") > pl.col("width"))
        | ~pl.col("sharpness").is_between(0, 1)
    ).is_empty()
