"""The layout of LaTeX-OCR (pix2tex): one `math.txt`, and per split a folder of pictures named by its line numbers."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from curate.export.format import LinesFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row, Shard

_MATH = "math.txt"


class LatexOcr(LinesFormat):
    name = "latexocr"
    loader = ""
    help = "math.txt, and pictures named by its line numbers, for LaTeX-OCR (pix2tex)"
    files = "`math.txt` and `train/0000000.png`, …"
    page = (
        "For `python -m pix2tex.dataset.dataset --equations math.txt --images train --out train.pkl`. Line numbers "
        "start at 0 and run through all splits. A line end in a label becomes a space. Pictures are PNG, the only kind "
        "it reads. Ids, sources and scores are left out. Every label needs an image."
    )
    columns = "the label, in the line of `math.txt` whose number, counted from 0, is the picture's name"
    endings = frozenset({"png"})

    def data_files(self, split: str) -> str:
        return f"{split}/*.png"

    def lines_file(self, split: str) -> str:
        return _MATH

    def picture_folder(self, shard: Shard) -> str:
        return f"{shard.split}/"

    def picture_stem(self, shard: Shard, number: int) -> str:
        return f"{shard.before + number:07d}"

    def line(self, row: Row, picture: str, split: str, prompt: str) -> str:
        from curate.sources.places.file_text import one_line

        return one_line(row.label)

    def finish(self, folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
        from curate.export.write.picture_lines import put_together

        put_together(folder, [(_MATH, shard) for parts in shards.values() for shard in parts], padded=True)

    def finished(self, splits: object = ()) -> list[str]:
        return [_MATH]

    def loading(self, where: str) -> tuple[str, str]:
        math = f'Path("{where}/{_MATH}").read_text(encoding="utf-8").split("\\n")'
        pictures = f'sorted(Path("{where}").glob("*/[0-9]*.png"))'
        return (
            "from pathlib import Path",
            f"labels = {math}; dataset = {{path: labels[int(path.stem)] for path in {pictures}}}",
        )

    def first_label(self, split: str) -> str:
        return f'next(label for path, label in dataset.items() if path.parent.name == "{split}")'


FORMAT = LatexOcr()
