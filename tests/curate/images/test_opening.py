"""Opening and probing images: from files and tables, only inside the root; a broken one gives one line of text."""

from __future__ import annotations

import io
import os
import struct
import zlib
from pathlib import Path

import polars as pl
import pytest
from PIL import Image, features
from source_makers import image

from curate.images.errors import ImageError
from curate.images.opening import open_bytes, open_image, probe, read_bytes


def _png(width: int, height: int, data: bytes = b"") -> bytes:
    """A PNG whose header claims this size, whatever its data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


@pytest.mark.parametrize("name", ["a.png", "a.jpg", "a.bmp", "a.gif", "a.tif", "a.webp"])
def test_open_and_probe(name: str, tmp_path: Path) -> None:
    image(tmp_path / "img" / name, (7, 5))
    opened = open_image(tmp_path, f"img/{name}")
    assert opened.size == (7, 5)
    assert opened.convert("L").getpixel((0, 0)) == 255
    assert read_bytes(tmp_path, f"img/{name}") == (tmp_path / "img" / name).read_bytes()
    frame = probe(tmp_path, [f"img/{name}"])
    assert frame.select("image", "width", "height", "error").rows() == [(f"img/{name}", 7, 5, None)]
    assert frame["mode"][0] in ("L", "P", "RGB")


def test_probe_keeps_the_order_and_every_row(tmp_path: Path) -> None:
    refs = [f"{at % 200}.png" for at in range(1000)]
    for at in range(150):
        image(tmp_path / f"{at}.png", (at + 1, 3))
    one, many = probe(tmp_path, refs, workers=1), probe(tmp_path, refs, workers=4)
    assert one.equals(many)
    assert one["image"].to_list() == refs
    assert one.filter(pl.col("error").is_null())["width"].to_list() == [
        at % 200 + 1 for at in range(1000) if at % 200 < 150
    ]
    assert set(one["error"].drop_nulls()) == {"no such file"}
    assert probe(tmp_path, []).height == 0


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")  # pytest undoes the module's own filter
def test_broken_images_are_text_not_exceptions(tmp_path: Path) -> None:
    (tmp_path / "text.png").write_text("not an image")
    (tmp_path / "empty.png").write_bytes(b"")
    (tmp_path / "cut.png").write_bytes(image(tmp_path / "x.png", (50, 50)).read_bytes()[:20])
    (tmp_path / "bomb.png").write_bytes(_png(30_000, 30_000))
    (tmp_path / "large.png").write_bytes(_png(9_500, 9_500))
    (tmp_path / "folder.png").mkdir()
    os.mkfifo(tmp_path / "pipe.png")
    refs = [f"{name}.png" for name in ("text", "empty", "cut", "bomb", "large", "folder", "pipe", "absent")] + [
        "a\0b",
        "",
    ]
    frame = probe(tmp_path, refs)
    assert frame["width"].null_count() == len(refs)
    errors = dict(frame.select("image", "error").iter_rows())
    assert errors["text.png"] == "not a known image format"
    assert errors["empty.png"] == "an empty file"
    assert "pixels" in errors["bomb.png"]
    assert "9500 x 9500" in errors["large.png"]
    assert errors["folder.png"] == errors["pipe.png"] == "not a file"
    assert errors["absent.png"] == "no such file"
    assert all(error and "\n" not in error for error in errors.values())
    for ref in refs:
        with pytest.raises(ImageError):
            open_image(tmp_path, ref)


def test_a_good_header_with_broken_pixels_fails_only_when_decoded(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_bytes(_png(100, 100, b"rubbish"))
    assert probe(tmp_path, ["x.png"]).row(0) == ("x.png", None, 100, 100, "1", "PNG", 1, 1, False)
    with pytest.raises(ImageError):
        open_image(tmp_path, "x.png")


def test_postscript_is_not_opened(tmp_path: Path) -> None:
    (tmp_path / "x.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n")
    error = "PostScript, not an image: write its page as PNG"
    assert probe(tmp_path, ["x.png"])["error"].to_list() == [error]


def _saved(kind: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "white").save(out, kind)
    return out.getvalue()


@pytest.mark.parametrize(
    ("data", "is_a"),
    [
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "a HEIC photo"),
        (b"\0\0\0\x1cftypmif1\0\0\0\0mif1heic", "a HEIC photo"),
        (_saved("JPEG2000"), "a JPEG 2000 picture"),
        (_saved("PDF"), "a PDF"),
        (_saved("EPS"), "PostScript"),
        (b'<?xml version="1.0"?>\n<!-- made by x -->\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
        (b"\xef\xbb\xbf\n<!DOCTYPE html>\n<title>404</title>", "a web page"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n", "a pointer of Git LFS"),
        (b"\0\0\0\x18ftypisom\0\0\0\0", "not a known image format"),
        (b"\xff\xd8\xff", "not a known image format"),
        (b"<svgs>", "not a known image format"),
    ],
)
def test_a_file_that_is_no_image_says_what_it_is(tmp_path: Path, data: bytes, is_a: str) -> None:
    (tmp_path / "x.jpg").write_bytes(data)
    assert probe(tmp_path, ["x.jpg"])["error"][0].startswith(is_a)
    with pytest.raises(ImageError, match=is_a):
        open_bytes(data)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow writes no AVIF")
def test_avif_is_named(tmp_path: Path) -> None:
    (tmp_path / "x.avif").write_bytes(_saved("AVIF"))
    assert probe(tmp_path, ["x.avif"])["error"][0].startswith("an AVIF picture, which isn't read: convert it")


def test_paths_that_leave_the_root(tmp_path: Path) -> None:
    outside = image(tmp_path / "outside" / "o.png")
    root = tmp_path / "root"
    image(root / "in.png")
    (root / "link.png").symlink_to(outside)
    (root / "fine.png").symlink_to(root / "in.png")
    (root / "away").symlink_to(outside.parent, target_is_directory=True)
    refs = ["../outside/o.png", str(outside), "link.png", "away/o.png", "fine.png", "away/../in.png"]
    errors = probe(root, refs)["error"].to_list()
    assert errors[:4] == ["the path leaves the image folder"] * 4
    assert errors[4] is None


def test_images_inside_parquet(tmp_path: Path) -> None:
    def encoded(width: int) -> bytes:
        out = io.BytesIO()
        Image.new("L", (width, 2)).save(out, "PNG")
        return out.getvalue()

    frame = pl.DataFrame(
        {
            "image": [{"bytes": encoded(at + 1), "path": None} for at in range(9)] + [{"bytes": None, "path": "x"}],
            "raw": [encoded(20 + at) for at in range(9)] + [b"no image"],
            "n": list(range(10)),
        }
    )
    frame.write_parquet(tmp_path / "x.parquet", row_group_size=4)
    refs = [f"x.parquet#image:{at}" for at in (0, 3, 4, 8)] + [f"x.parquet#raw:{at}" for at in (8, 0)]
    assert probe(tmp_path, refs)["width"].to_list() == [1, 4, 5, 9, 28, 20]
    assert open_image(tmp_path, "x.parquet#image:7").size == (8, 2)
    bad = [
        "x.parquet#image:9",
        "x.parquet#image:10",
        "x.parquet#nope:0",
        "x.parquet#raw:9",
        "x.parquet#n:0",
        "y.parquet#a:0",
    ]
    errors = probe(tmp_path, bad)["error"].to_list()
    assert errors[0] == "row 9 of x.parquet holds no image"
    assert errors[1] == "x.parquet has no row 10"
    assert errors[2] == "x.parquet has no column 'nope'"
    assert errors[3] == "not a known image format"
    assert errors[5] == "no such file"
    assert None not in errors


def test_a_file_whose_name_looks_like_a_place_in_a_table(tmp_path: Path) -> None:
    image(tmp_path / "x.png").rename(tmp_path / "x.parquet#a:0")
    assert open_image(tmp_path, "x.parquet#a:0").size == (6, 4)
