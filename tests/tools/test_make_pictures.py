"""The pictures of `make pictures` are small, and each is shown somewhere. Makes none."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]


def test_pictures_are_small_and_stand_in_readme_or_docs() -> None:
    pictures = sorted((ROOT / "docs" / "pictures").iterdir())
    pages = [ROOT / "README.md", *(ROOT / "docs").glob("*.md")]
    written = "".join(page.read_text(encoding="utf-8") for page in pages)
    assert {"report.png", "compare.png"} <= {picture.name for picture in pictures}
    for picture in pictures:
        assert picture.stat().st_size < 150_000, picture.name
        assert f"pictures/{picture.name})" in written, picture.name
        with Image.open(picture) as image:
            assert image.format == "PNG"
