"""Model-ready images: sizes that a processor takes, upright, on white, with all ink; the original is unchanged."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from curate.images.ink import ink_of
from curate.images.model_ready import MAX_PIXELS, model_image

SIZES = st.tuples(st.integers(1, 6000), st.integers(1, 400)) | st.tuples(st.integers(1, 400), st.integers(1, 6000))


def _page(size: tuple[int, int], box: tuple[int, int, int, int], paper: int = 255, ink: int = 0) -> Image.Image:
    image = Image.new("L", size, paper)
    ImageDraw.Draw(image).rectangle((box[0], box[1], box[2] - 1, box[3] - 1), fill=ink)
    return image


@settings(max_examples=60)
@example((1, 5967), "upscale", "none", 156_800)  # scaled down to 28 x 5407 pixels, it was too long to be padded
@given(
    SIZES, st.sampled_from(["upscale", "pad"]), st.sampled_from(["ink", "none"]), st.sampled_from([156_800, MAX_PIXELS])
)
def test_every_size_becomes_one_that_the_processor_takes(size, resize, crop, cap) -> None:
    width, height = size
    box = (width // 3, height // 3, width // 3 + max(1, width // 3), height // 3 + max(1, height // 3))
    out = model_image(_page(size, box), resize=resize, crop=crop, max_pixels=cap)
    assert out.mode == "RGB"
    assert min(out.size) >= 28
    assert max(out.size) <= 200 * min(out.size)
    assert out.width * out.height <= cap
    again = model_image(out, resize=resize, max_pixels=cap)
    assert again.size == out.size
    assert again.tobytes() == out.tobytes()


@settings(max_examples=40)
@given(st.integers(5, 2500), st.integers(5, 400))
def test_the_aspect_ratio_is_kept_by_upscaling(width: int, height: int) -> None:
    if max(width, height) > 190 * min(width, height):
        return
    out = model_image(Image.new("L", (width, height), 255))
    scale = 28 / min(width, height) if min(width, height) < 28 else 1.0
    assert out.width == pytest.approx(width * scale, abs=1)
    assert out.height == pytest.approx(height * scale, abs=1)


def test_padding_adds_paper_of_the_images_own_colour() -> None:
    dark = model_image(_page((40, 10), (5, 2, 30, 8), paper=0, ink=255), resize="pad")
    assert dark.size == (40, 28)
    assert dark.getpixel((0, 0)) == (0, 0, 0)
    light = model_image(_page((40, 10), (5, 2, 30, 8)), resize="pad")
    assert light.getpixel((0, 0)) == (255, 255, 255)
    assert light.crop((0, 9, 40, 19)).convert("L").tobytes() == _page((40, 10), (5, 2, 30, 8)).tobytes()


def test_cropping_keeps_all_the_ink() -> None:
    image = _page((1654, 2339), (500, 400, 1100, 410))
    ImageDraw.Draw(image).rectangle((500, 470, 520, 479), fill=0)
    out = model_image(image, crop="ink")
    assert out.size == (616, 96)
    assert int(ink_of(out).mask.sum()) == 600 * 10 + 21 * 10
    assert model_image(out, crop="ink").size == out.size
    blank = model_image(Image.new("L", (300, 200), 255), crop="ink")
    assert blank.size == (300, 200)


def test_inverting_turns_light_ink_and_leaves_dark_ink() -> None:
    light, dark = _page((60, 40), (5, 12, 30, 20), paper=10, ink=250), _page((60, 40), (5, 12, 30, 20))
    turned = model_image(light, invert=True)
    assert (turned.getpixel((0, 0)), turned.getpixel((10, 15))) == ((245,) * 3, (5,) * 3)
    assert model_image(dark, invert=True).tobytes() == model_image(dark).tobytes()
    # The padding has the same brightness as the inverted paper.
    assert model_image(light.resize((60, 20)), invert=True, resize="pad").getpixel((0, 0)) == (245,) * 3


def test_resize_none_leaves_the_size() -> None:
    assert model_image(Image.new("L", (3, 900), 255), resize="none").size == (3, 900)
    assert model_image(Image.new("L", (2000, 1400), 255), resize="none").size == (2000, 1400)


def test_a_page_is_shrunk_into_the_budget() -> None:
    out = model_image(Image.new("L", (1654, 2339), 255))
    assert out.width * out.height <= MAX_PIXELS
    assert out.width / out.height == pytest.approx(1654 / 2339, rel=0.005)


def test_upright_and_on_white_and_the_original_untouched() -> None:
    picture = Image.new("RGBA", (60, 40), (0, 0, 0, 0))
    ImageDraw.Draw(picture).rectangle((5, 5, 10, 30), fill=(0, 0, 0, 255))
    before = picture.tobytes()
    out = model_image(picture)
    assert picture.tobytes() == before
    assert picture.mode == "RGBA"
    assert out.getpixel((50, 35)) == (255, 255, 255)
    assert out.getpixel((7, 10)) == (0, 0, 0)

    lying = Image.new("RGB", (60, 40), "white")
    lying.putpixel((0, 0), (0, 0, 0))
    exif = lying.getexif()
    exif[0x0112] = 6  # rotate by 90 degrees to the right
    file = io.BytesIO()
    lying.save(file, "PNG", exif=exif)
    turned = model_image(Image.open(file))
    assert turned.size == (40, 60)
    assert np.argwhere(np.asarray(turned.convert("L")) == 0).tolist() == [[0, 39]]
    assert "exif" not in turned.info
    assert turned.getexif().get(0x0112) is None


def test_a_budget_too_small_for_the_sides_is_refused() -> None:
    with pytest.raises(ValueError, match="156800"):
        model_image(Image.new("L", (30, 30)), max_pixels=100_000)


def test_a_grey_picture_is_scaled_like_a_coloured_one() -> None:
    rng = np.random.default_rng(7)
    grey = Image.fromarray(rng.integers(0, 256, (19, 240), np.uint8))
    tinted = grey.convert("RGB")
    tinted.putpixel((239, 18), (0, 0, 255))
    expected = grey.convert("RGB").resize(model_image(grey).size, Image.Resampling.LANCZOS)
    assert np.array_equal(np.asarray(model_image(grey)), np.asarray(expected))
    assert not np.array_equal(np.asarray(model_image(tinted)), np.asarray(expected))
