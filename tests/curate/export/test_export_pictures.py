"""Image files: the same pixels after decoding, small, upright, and without camera metadata."""

from __future__ import annotations

import io
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.export.write.pictures import PictureSettings, Studio, make, not_made, without_metadata
from curate.export.write.png import encode
from curate.images.model_ready import model_image
from curate.images.opening import open_bytes

AS_IS = PictureSettings.of("none", "none")
DEFAULT = PictureSettings.of("upscale", "none")


def opened(data: bytes) -> Image.Image:
    image = Image.open(io.BytesIO(data))
    image.load()
    return image


def pixels(image: Image.Image) -> np.ndarray:
    return np.asarray(image.convert("RGB"))


# Encoding -------------------------------------------------------------------------------------------------------------

levels = st.sampled_from([[0, 255], [0], [255], [0, 85, 170, 255], [0, 17, 51, 255], [0, 1, 255], list(range(256))])


@settings(max_examples=150)
@given(levels, st.integers(1, 40), st.integers(1, 40), st.sampled_from(["L", "RGB"]), st.integers(0, 2**32 - 1))
def test_decoding_gives_the_same_pixels(among: list[int], width: int, height: int, mode: str, seed: int) -> None:
    shape = (height, width) if mode == "L" else (height, width, 3)
    image = Image.fromarray(np.random.default_rng(seed).choice(among, shape).astype(np.uint8))
    data, extension = encode(image)
    back = opened(data)
    assert (back.format or "").lower() == extension
    assert np.array_equal(pixels(back), pixels(image))
    if extension == "png":
        assert back.mode == "L"  # not "1", which Pillow scales without smoothing


def test_black_and_white_is_stored_in_two_bits_and_few_levels_in_four() -> None:
    pattern = np.zeros((8, 8), np.uint8)
    pattern[2:4] = 255
    assert encode(Image.fromarray(pattern))[0][24] == 2
    pattern[5] = 51
    assert encode(Image.fromarray(pattern))[0][24] == 4
    pattern[6] = 52
    assert encode(Image.fromarray(pattern))[0][24] == 8


def test_a_colour_picture_too_large_for_webp_is_a_png() -> None:
    image = Image.new("RGB", (16_400, 2), "red")
    data, extension = encode(image)
    assert extension == "png"
    assert opened(data).getpixel((9, 1)) == (255, 0, 0)


# Files ----------------------------------------------------------------------------------------------------------------


def save(folder: Path, name: str, image: Image.Image, **options: object) -> bytes:
    image.save(folder / name, **options)  # type: ignore[arg-type]
    return (folder / name).read_bytes()


def noise(size: tuple[int, int], mode: str = "RGB") -> Image.Image:
    shape = (size[1], size[0], 3) if mode == "RGB" else (size[1], size[0])
    return Image.fromarray(np.random.default_rng(1).integers(0, 256, shape, np.uint8))


@pytest.mark.parametrize("name", ["a.bmp", "a.png", "a.tif", "a.gif", "a.webp"])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB", "RGBA", "LA"])
def test_any_format_and_mode_comes_out_as_it_looks(tmp_path: Path, name: str, mode: str) -> None:
    image = noise((40, 30)).convert(mode)
    try:
        save(tmp_path, name, image, **({"lossless": True} if name == "a.webp" else {}))
    except (OSError, ValueError):
        pytest.skip(f"{name} holds no {mode}")
    made = make(tmp_path, name, shape=AS_IS)
    assert made.data is not None
    with Image.open(tmp_path / name) as source:
        expected = model_image(source, resize="none")
    assert np.array_equal(pixels(opened(made.data)), np.asarray(expected))


def test_a_jpeg_is_copied_without_what_the_camera_wrote(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x010F] = "A camera"
    exif[0x8825] = {1: "N", 2: (52.0, 30.0, 0.0)}
    data = save(tmp_path, "a.jpg", noise((64, 48)), exif=exif, comment=b"by Ann")
    made = make(tmp_path, "a.jpg", shape=DEFAULT)
    assert made.data is not None
    assert made.extension == "jpg"
    assert b"camera" in data
    assert b"camera" not in made.data
    assert b"by Ann" not in made.data
    assert np.array_equal(pixels(opened(made.data)), pixels(opened(data)))


@pytest.mark.parametrize("cut", [0, 1, 2, 3, 7, 20])
def test_a_torn_jpeg_is_left_as_it_is(tmp_path: Path, cut: int) -> None:
    data = save(tmp_path, "a.jpg", noise((16, 16)))[:cut]
    assert without_metadata(data) == data


def test_a_turned_jpeg_is_turned(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    save(tmp_path, "a.jpg", noise((64, 48)), exif=exif, quality=95)
    made = make(tmp_path, "a.jpg", shape=DEFAULT)
    assert made.data is not None
    assert made.extension != "jpg"
    assert opened(made.data).size == (48, 64)


def test_a_small_png_is_copied(tmp_path: Path) -> None:
    image = Image.new("L", (400, 300), 255)
    image.paste(0, (10, 10, 40, 12))
    data = save(tmp_path, "a.png", image.convert("1"), optimize=True)
    assert make(tmp_path, "a.png", shape=DEFAULT).data in (data, encode(image)[0])
    assert len(make(tmp_path, "a.png", shape=DEFAULT).data or b"") <= len(data)


@pytest.mark.parametrize("resize", ["upscale", "pad", "none"])
def test_pictures_are_made_ready(tmp_path: Path, resize: str) -> None:
    save(tmp_path, "a.png", noise((40, 10), "L"))
    made = make(tmp_path, "a.png", shape=PictureSettings.of(resize, "none"))
    assert made.data is not None
    assert opened(made.data).size == {"upscale": (112, 28), "pad": (40, 28), "none": (40, 10)}[resize]


def test_what_can_not_be_opened_is_said(tmp_path: Path) -> None:
    data = save(tmp_path, "a.png", noise((40, 40)))
    (tmp_path / "torn.png").write_bytes(data[: len(data) // 2])
    (tmp_path / "text.png").write_text("no image")
    for name in ("torn.png", "text.png", "gone.png", "../a.png"):
        made = make(tmp_path / "x" if name == "../a.png" else tmp_path, name, shape=DEFAULT)
        assert made.data is None
        assert made.error


# Grey bitmaps ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("size", [(1, 1), (3, 5), (4, 4), (41, 7)])
@pytest.mark.parametrize("mode", ["1", "L", "P", "RGB"])
def test_bitmaps_are_opened_as_pillow_opens_them(tmp_path: Path, size: tuple[int, int], mode: str) -> None:
    data = save(tmp_path, "a.bmp", noise(size).convert(mode))
    mine, theirs = open_bytes(data), opened(data)
    assert (mine.mode, mine.size, mine.format) == (theirs.mode, theirs.size, "BMP")
    assert mine.tobytes() == theirs.tobytes()


def test_a_torn_bitmap_is_no_image(tmp_path: Path) -> None:
    data = save(tmp_path, "a.bmp", noise((40, 30), "L"))
    (tmp_path / "torn.bmp").write_bytes(data[:-50])
    assert make(tmp_path, "torn.bmp", shape=AS_IS).data is None


# Many -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2])
def test_pictures_come_in_the_order_of_their_items(
    tmp_path: Path, workers: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.export.write.pictures.MIN_PARALLEL", 4)
    for n in range(5):
        save(tmp_path, f"{n}.png", Image.new("L", (30 + n, 30)))
    items = [n % 6 for n in range(150)]  # 5.png doesn't exist
    studio = Studio(images=150, workers=workers)
    made_of = partial(make, shape=AS_IS)
    found = list(studio.work(made_of, items, lambda n: (tmp_path, f"{n}.png") if n else None, not_made))
    assert [item for item, _ in found] == items
    for item, made in found:
        if item == 0:
            assert made is None
        elif item == 5:
            assert made is not None
            assert made.error == "no such file"
        else:
            assert made is not None
            assert opened(made.data or b"").size == (30 + item, 30)


def test_only_a_few_items_are_under_way(tmp_path: Path) -> None:
    taken = 0

    def stream():
        nonlocal taken
        for n in range(10_000):
            taken += 1
            yield n

    next(Studio(images=10_000, workers=1).work(partial(make, shape=AS_IS), stream(), lambda _: None, not_made))
    assert taken <= 64
