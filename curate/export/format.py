"""What an export format is: its name, how it is written, loaded and described. The formats are in `formats/`."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from curate.base.errors import UserError

if TYPE_CHECKING:  # a command line that only names formats doesn't wait for polars and pyarrow
    from curate.export.write.pictures import PictureFile
    from curate.export.write.shards import Row, Shard


class ShardWriter(Protocol):
    """A shard that is being written, row by row."""

    #: Size in memory, in bytes, of the rows added so far once they are loaded; final after `close`.
    size: int

    def add(self, row: Row, picture: PictureFile) -> None:
        """Write a row. `picture.data` is None for a row without an image, which a format may refuse."""

    def close(self) -> dict[str, Path]:
        """Write everything that is still buffered and close the files; returns them by their name in the data set."""


class ExportFormat(ABC):
    """A data set format. A subclass in a module of `formats/`, with an instance called FORMAT, is complete.

    docs/contributing/export-format.md describes what each member must do.
    """

    #: The name after `--format`, and the name of its module.
    name: ClassVar[str]
    #: What it is, in one line of plain text.
    help: ClassVar[str]
    #: Which files a split has, in Markdown.
    files: ClassVar[str]
    #: What a row has besides image, label, source, sample_id and score, in Markdown; empty for nothing.
    besides: ClassVar[str] = ""
    #: What else users need to know: a paragraph of Markdown.
    page: ClassVar[str]
    #: All columns of a row, for the card, in Markdown.
    columns: ClassVar[str]
    #: Are pictures separate files rather than bytes in a column? Then the card gives no sizes of loaded data.
    picture_files: ClassVar[bool] = False
    #: Endings of picture files that the format's readers know, among png, jpg and webp.
    endings: ClassVar[frozenset[str]] = frozenset({"png", "jpg", "webp"})
    #: The media type of the files that hold rows, for croissant.json.
    media_type: ClassVar[str] = "text/plain"
    #: The package that `loading` imports; empty if Python alone is enough.
    loader: ClassVar[str] = "datasets"
    #: The columns of these files that croissant.json describes, with their types; none if they have no columns.
    fields: ClassVar[Mapping[str, str]] = {}
    #: If every row needs an image: what the data set is, for the error ("an image folder").
    only_with_images: ClassVar[str] = ""
    #: Does a row hold the prompt?
    asks: ClassVar[bool] = False

    def with_drawings(self) -> ExportFormat:
        """This format with a column `drawn`: the label as drawn. Raises UserError for a format that can't have it."""
        raise UserError(f"--format {self.name} has no column for drawn labels; leave out --drawn, or use --format hf")

    @abstractmethod
    def data_files(self, split: str) -> str:
        """The glob that finds a split's files, relative to the data set's folder."""

    def row_files(self, split: str) -> str:
        """The glob that finds the files with a split's rows, without pictures."""
        return self.data_files(split)

    @abstractmethod
    def shard_name(self, shard: Shard) -> str:
        """What a shard will be in the data set, before it is written: its file, or its folder with a slash."""

    @abstractmethod
    def open(self, folder: Path, shard: Shard, prompt: str) -> ShardWriter:
        """A shard to be written below `folder`, which exists. The same rows must give the same bytes."""

    def finish(self, folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
        """Once all shards exist, write what belongs to whole splits. name: of the data set, for such files."""
        return

    def finished(self, splits: Iterable[str]) -> list[str]:
        """The names of the files that `finish` writes for these splits. A split can't have the name of a fixed one."""
        return []

    def loading(self, where: str) -> tuple[str, str]:
        """The import, and the statement that loads the data set as `dataset`, in Python."""
        return "from datasets import load_dataset", f'dataset = load_dataset("{where}")'

    def first_label(self, split: str) -> str:
        """The expression for the first label of a split of `dataset`, in Python."""
        return f'dataset["{split}"][0]["label"]'


class LinesFormat(ExportFormat):
    """A format of text files with one line per sample, which names the sample's picture file."""

    picture_files = True
    only_with_images = "an image folder"

    @abstractmethod
    def lines_file(self, split: str) -> str:
        """The file with a split's lines, relative to the data set's folder. Splits may share one."""

    @abstractmethod
    def picture_folder(self, shard: Shard) -> str:
        """The folder of a shard's pictures, relative to the data set's folder, with a trailing slash."""

    def picture_stem(self, shard: Shard, number: int) -> str:
        """A picture's unique name without its ending; number: of the row in its shard, from 0."""
        return f"{number:06d}"

    @abstractmethod
    def line(self, row: Row, picture: str, split: str, prompt: str) -> str:
        """The line of a row, without its line end; picture: its file, relative to the data set's folder."""

    def row_files(self, split: str) -> str:
        return self.lines_file(split)

    def shard_name(self, shard: Shard) -> str:
        return self.picture_folder(shard)

    def open(self, folder: Path, shard: Shard, prompt: str) -> ShardWriter:
        from curate.export.write.picture_lines import PictureLines

        return PictureLines(folder, shard, prompt, self)

    def finish(self, folder: Path, shards: Mapping[str, list[Shard]], name: str) -> None:
        from curate.export.write.picture_lines import put_together

        put_together(folder, [(self.lines_file(split), shard) for split, parts in shards.items() for shard in parts])

    def finished(self, splits: Iterable[str]) -> list[str]:
        return list(dict.fromkeys(map(self.lines_file, splits)))


#: Features as `datasets` writes them into a file's metadata. Pictures are decoded to RGB whatever their file holds.
STRING: dict[str, Any] = {"dtype": "string", "_type": "Value"}
_FEATURES: dict[str, Any] = {
    "image": {"mode": "RGB", "_type": "Image"},
    "label": STRING,
    "source": STRING,
    "sample_id": STRING,
    "score": {"dtype": "float64", "_type": "Value"},
}


#: What every format with columns has, for croissant.json.
FIELDS: Mapping[str, str] = {"label": "sc:Text", "source": "sc:Text", "sample_id": "sc:Text", "score": "sc:Float"}


class ParquetFormat(ExportFormat):
    """A format of Parquet files with the pictures inside, which `datasets` loads with its `Image` feature."""

    files = "`data/train-00000-of-00001.parquet`, … with the pictures inside"
    columns = "`image` (RGB), `label`, `source`, `sample_id`, `score` (1 is clean)"
    media_type = "application/x-parquet"
    fields: ClassVar[Mapping[str, str]] = {"image": "sc:ImageObject", **FIELDS}
    #: Column to feature, for the additional columns.
    features: ClassVar[dict[str, Any]] = {}

    #: Do rows have a column `drawn`?
    draws: ClassVar[bool] = False
    #: Is the image in a list `images`, with one picture or none, rather than in `image`?
    listed: ClassVar[bool] = False

    def cells(self, row: Row, prompt: str, *, with_image: bool) -> dict[str, Any]:
        """A row's values in the additional columns."""
        return {}

    def with_drawings(self) -> ExportFormat:
        told = {
            "draws": True,
            "columns": f"{self.columns}, and `drawn`: the label as drawn, null if it can't be drawn",
            "features": {**self.features, "drawn": _FEATURES["image"]},
        }
        drawing: ExportFormat = type("Drawing", (type(self),), told)()
        return drawing

    def data_files(self, split: str) -> str:
        return f"data/{split}-*.parquet"

    def shard_name(self, shard: Shard) -> str:
        return f"data/{shard.name}.parquet"

    def open(self, folder: Path, shard: Shard, prompt: str) -> ShardWriter:
        from curate.export.write.parquet import ParquetShard

        def cells(row: Row, with_image: bool) -> dict[str, Any]:
            drawn = {"drawn": _drawn(row.label)} if self.draws else {}
            return {**self.cells(row, prompt, with_image=with_image), **drawn}

        features = {**_FEATURES, **self.features}
        if self.listed:
            picture = {"_type": "List", "feature": features.pop("image")}
            features = {"images": picture, **features}
        return ParquetShard(folder, self.shard_name(shard), features, cells)


def _drawn(label: str) -> dict[str, Any] | None:
    from curate.render import RenderError, render_png

    try:
        return {"bytes": render_png(label), "path": None}
    except RenderError:
        return None
