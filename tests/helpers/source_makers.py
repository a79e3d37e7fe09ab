"""Small files in the real shape of every data set, for the tests of curate.sources. Not a test module."""

from __future__ import annotations

from pathlib import Path

from PIL import Image

from curate.sources import Source, parse_source, read_source

#: One row as in M2E: layout tokens as two characters, with `\\times` beside them.
M2E_LABEL = r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6"
M2E_LINE = '{"name": "0.jpg", "tex": "1 5 . 4 \\\\times 4 = 6 1 . 6 \\\\t 1 5 . 4 \\\\n \\\\times 4 \\\\n 6 1 . 6"}\n'


def image(path: Path, size: tuple[int, int] = (6, 4), color: int = 255) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", size, color).save(path)
    return path


def write(path: Path, data: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)
    return path


def read(text: str | Path, **options: object) -> Source:
    """Read a source and check what holds for every source: rows accounted for, unique ids, places beside rows."""
    source = read_source(parse_source(str(text)), **options)  # type: ignore[arg-type]
    assert source.rows == source.frame.height + source.unreadable.total
    assert source.frame["sample_id"].is_unique().all()
    assert source.places.height == source.frame.height
    assert source.frame.columns[:5] == ["sample_id", "source", "split", "image", "label"]
    assert source.frame["label"].null_count() == 0
    return source


def labels(source: Source) -> list[str]:
    return source.frame["label"].to_list()


def images(source: Source) -> list[str | None]:
    return source.frame["image"].to_list()


def ids(source: Source) -> list[str]:
    return source.frame["sample_id"].to_list()
