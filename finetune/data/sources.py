"""Reads data sets as pairs to train on, with the reader of `curate audit`, so with the same samples. Judges nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import polars as pl

from curate.base.errors import UserError
from curate.base.extras import require
from curate.base.tables import count, things
from curate.export.tell.manifest import MANIFEST
from curate.images.errors import ImageError
from curate.images.opening import read_bytes
from curate.sources import FORMATS, BadRow, Source, parse_columns, parse_source, read_source
from curate.sources.look import IMAGE_ENDINGS
from curate.sources.read import NO_LABELS
from rules.sets import split_names

if TYPE_CHECKING:
    from datasets import Dataset

_HF = FORMATS["hf"]
assert _HF.remote is not None
#: Data sets on the Hugging Face hub.
HUB = _HF.remote
_TEXTS = ("label", "sample_id", "source")


@dataclass(frozen=True)
class Pairs:
    """The pairs of a split, and the unusable rows of the whole data set.

    read: the number of rows read, or None for an export, whose rows are all usable. reasons: the numbers of unusable
    rows by reason. first: the first of them, with their places. notes: remarks that cost no row, with their counts.
    """

    rows: Dataset = field(repr=False)
    read: int | None = None
    reasons: Mapping[str, int] = field(default_factory=dict)
    first: tuple[BadRow, ...] = ()
    notes: Mapping[str, int] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """How many rows of the data set are unusable."""
        return sum(self.reasons.values())

    def counted(self) -> str:
        """The reasons with their counts, in one line."""
        return ", ".join(f"{count(number)} × {reason}" for reason, number in sorted(self.reasons.items()))

    def told(self) -> list[str]:
        """What to tell a person before training: what is left out and why, one line each; empty if nothing is."""
        lines = [f"{count(number)} left out: {reason}" for reason, number in sorted(self.reasons.items())]
        lines += [f"the first: {row.file}, line {row.line}" for row in self.first[:1]]
        lines += [f"note: {count(number)} × {what}" for what, number in self.notes.items()]
        read = self.read or 0
        return [f"{count(read - self.left_out)} of {things(read, 'row')} are samples", *lines] if lines else []


def names_format(where: str) -> bool:
    """Whether this is FORMAT:PATH with an existing path, or `hf:` in front of an id on the hub."""
    name, _, path = where.partition(":")
    return name in FORMATS and bool(path) and (Path(path).exists() or (name == _HF.name and HUB.is_id(path)))


@lru_cache(maxsize=1)
def _read(where: str, images: str | None, columns: str | None, stamp: object) -> Source:
    named = parse_columns(columns)[1] if columns else None
    return read_source(parse_source(where), images=Path(images) if images else None, columns=named)


def read_whole(where: str, images: str | None = None, columns: str | None = None) -> Source:
    """A data set with all its splits, which is read only once. Raises UserError, first of all if the package
    `datasets` is missing."""
    require("datasets", "a data set to train or predict on")
    path = parse_source(where).path
    return _read(where, images, columns, path.stat().st_mtime_ns if path.exists() else None)


def select_split(source: Source, split: str) -> Pairs:
    """The pairs of one split of a data set. Raises UserError if it has splits, but none with this name."""
    frame = source.frame
    known = frame["split"].drop_nulls().unique(maintain_order=True).to_list()
    if known:
        chosen = [split] if split in known else [name for name in known if split_names.standard(name) == split]
        frame = frame.filter(pl.col("split").is_in(chosen))
        if frame.is_empty():
            raise UserError(f"{source.path}: has no split {split!r}; there are {known}")
    if source.id_column == "sample_id":  # ids from an earlier export
        before = pl.concat_str(pl.lit(f"{source.name}/"), pl.coalesce(pl.col("split") + "/", pl.lit("")))
        frame = frame.with_columns(sample_id=pl.col("sample_id").str.slice(before.str.len_chars()))
    if "source_source" in frame.columns:
        frame = frame.with_columns(source=pl.coalesce(pl.col("source_source").cast(pl.String), "source"))
    unread = source.unreadable
    notes = source.notes
    if (Path(source.path) / MANIFEST).is_file():  # the card and the like of an export
        beside = NO_LABELS.partition("{")[0]
        notes = {what: number for what, number in notes.items() if not what.startswith(beside)}
    return Pairs(_dataset(frame, source.root), source.rows, dict(unread.by_reason), tuple(unread.rows), notes)


def _dataset(frame: pl.DataFrame, root: Path) -> Dataset:
    """The rows as a data set. Image files are named, images in tables stay where they are, and others are kept in
    memory.

    Those others, such as images in archives, are compressed, and smaller than the pictures that training needs.
    """
    import datasets
    import pyarrow as pa

    from finetune.data.packed_images import packed_images

    kind = pa.struct({"bytes": pa.binary(), "path": pa.string()})
    inside = frame.select(
        pl.col("image").str.extract_groups(r"^(?<file>.+\.(?:parquet|arrow))#(?<column>.+):(?<row>\d+)$").alias("at")
    ).unnest("at")
    size = frame.height
    places = np.arange(size)
    chunks: list[pa.Array] = []
    tables = inside.select("file", "column").drop_nulls().unique(maintain_order=True)
    for file, column in tables.iter_rows():
        if not (root / file).is_file():
            continue  # a table in an archive
        images, first = packed_images(root / file, column)
        mine = ((inside["file"] == file) & (inside["column"] == column)).fill_null(False).arg_true().to_numpy()
        at = first[inside["row"].gather(mine).cast(pl.Int64).to_numpy()]
        places[mine] = np.where(at >= 0, at + size, mine)
        chunks += images.chunks
        size += len(images)
    held = [
        (None, None) if ref is None or place >= frame.height else _named_or_read(root, ref)
        for ref, place in zip(frame["image"].to_list(), places.tolist(), strict=True)
    ]
    plain = pa.StructArray.from_arrays(
        [pa.array([data for data, _ in held], pa.binary()), pa.array([path for _, path in held], pa.string())],
        fields=list(kind),
        mask=pa.array([data is None and path is None for data, path in held]),
    )
    columns: dict[str, Any] = {"image": pa.chunked_array([plain, *chunks], type=kind)}
    for name in _TEXTS:
        texts = frame[name].to_arrow()
        columns[name] = texts if not chunks else _scattered(texts, places, size)
    features = datasets.Features({"image": datasets.Image(), **dict.fromkeys(_TEXTS, datasets.Value("string"))})
    table = datasets.table.InMemoryTable(pa.table(columns).cast(features.arrow_schema))
    # Our own fingerprint, since `datasets` would hash every image to make one.
    made = datasets.Dataset(table, info=datasets.DatasetInfo(features=features), fingerprint=_fingerprint(frame))
    return made.select(places) if chunks else made


def _named_or_read(root: Path, ref: str) -> tuple[bytes | None, str | None]:
    """(bytes, path) of an image. One of them is null: bytes are for images that `datasets` can't open by path."""
    path = root / ref
    if ("#" in ref or path.suffix.lower() not in IMAGE_ENDINGS) and not _is_image_file(path):
        try:
            return read_bytes(root, ref), None
        except ImageError:  # checked and reported with all the others before the training
            pass
    return None, str(path)


def _is_image_file(path: Path) -> bool:
    return path.suffix.lower() in IMAGE_ENDINGS and path.is_file()


def _scattered(texts: Any, places: Any, size: int) -> Any:
    """A column of `size` rows with these texts at these places."""
    import pyarrow as pa

    order = np.full(size, -1)
    order[places] = np.arange(len(texts))
    return texts.take(pa.array(order, mask=order < 0))


def _fingerprint(frame: pl.DataFrame) -> str:
    return f"{int(frame.select('sample_id', 'label', 'image').hash_rows(0).hash(1).sum() or 0) % 2**64:016x}"
