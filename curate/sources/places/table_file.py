"""A parquet or Arrow file with changed labels and unchanged other columns. Not for text: that is `file_text`."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.base.column_names import Columns
from curate.base.errors import UserError
from curate.base.read_apart import read_apart
from curate.sources.chat_frames import answers, chat_layout
from curate.sources.chat_layout import Layout
from curate.sources.chat_rows import label_of
from curate.sources.dataset_info import layout_for
from curate.sources.places.file_text import Change, FileText, one_line

if TYPE_CHECKING:
    import pyarrow as pa

#: The batch size in rows that `datasets` writes.
_ARROW_BATCH = 1000


@dataclass
class TableFile:
    """A table and its new labels by row, counted from 0."""

    path: Path
    columns: Columns = field(default_factory=Columns)
    new: dict[int, str] = field(default_factory=dict)

    def change(self, changes: Sequence[Change]) -> list[str]:
        """Note new labels. Raises UserError if a row doesn't hold the label that was read from it."""
        if changes:
            labels = self._labels()[1]
            for number, label, new in changes:
                if not 0 < number <= len(labels) or labels[number - 1] != label:
                    raise UserError(f"{self.path}: row {number} doesn't hold the label that was read from it")
                self.new[number - 1] = new
        return [new for _, _, new in changes]

    @property
    def is_changed(self) -> bool:
        return bool(self.new)

    @property
    def _is_arrow(self) -> bool:
        return self.path.suffix.lower() == ".arrow"

    def _labels(self) -> tuple[str, list[str | None]]:
        """The label column's name and values. Raises UserError."""
        return read_apart(self.path, TableFile._read_labels, self)

    def _read_labels(self) -> tuple[str, list[str | None]]:
        import pyarrow.parquet as pq

        from curate.images.in_tables import open_arrow

        names = open_arrow(self.path).column_names if self._is_arrow else pq.read_schema(self.path).names
        if layout := self._layout():
            return layout.talk or layout.answer or "", self._answers(layout)
        found = self.columns.label(names)
        if found is None or found not in names:
            raise UserError(f"{self.path}: no label column; it has: {', '.join(names)}")
        if self._is_arrow:
            return found, open_arrow(self.path).column(found).to_pylist()
        return found, pq.ParquetFile(self.path).read(columns=[found]).column(0).to_pylist()

    def backwards(self) -> list[tuple[int, str, str]]:
        """(row counted from 1, new label, old label): the changes that lead back."""
        labels = self._labels()[1]
        return [(row + 1, new, labels[row] or "") for row, new in sorted(self.new.items())]

    def labels_hash(self, *, changed: bool) -> str:
        """A hash of the labels as they stand in the file, or as they are to be."""
        labels = self._labels()[1]
        if changed:
            labels = [self.new.get(row, label) for row, label in enumerate(labels)]
        return hashlib.sha256(json.dumps(labels).encode("ascii")).hexdigest()

    def _layout(self) -> Layout | None:
        """The layout of the conversations in the rows, if there are any."""
        import pyarrow.parquet as pq

        from curate.images.in_tables import open_arrow

        schema = open_arrow(self.path).schema if self._is_arrow else pq.read_schema(self.path)
        return chat_layout(schema, self.columns, layout_for(self.path))

    def _answers(self, layout: Layout) -> list[str | None]:
        import pyarrow.parquet as pq

        from curate.images.in_tables import open_arrow

        if self._is_arrow:
            table = open_arrow(self.path)
            names = [name for name in table.column_names if name in layout.used]
            return answers(table.select(names).to_batches(_ARROW_BATCH), layout)
        with pq.ParquetFile(self.path) as file:
            names = [name for name in file.schema_arrow.names if name in layout.used]
            return answers(file.iter_batches(_ARROW_BATCH, columns=names), layout)

    def diff(self, new_name: str) -> Iterator[bytes]:
        """A unified diff of the label column, one line per row."""
        if not self.new:
            return
        name, labels = self._labels()
        lines = FileText(Path(f"{self.path}#{name}"), "")
        at = 0
        parts = []
        for row, value in enumerate(labels):
            text = one_line(value or "")
            parts.append(f"{text}\n")
            if row in self.new:
                lines.spans.append((at, at + len(text), one_line(self.new[row])))
            at += len(text) + 1
        lines.text = "".join(parts)
        yield from lines.diff(f"{new_name}#{name}")

    def write_as(self, path: Path, *, compressed: bool) -> None:
        """Write a table of the same kind, schema and metadata, piece by piece: its pictures may be large."""
        read_apart(self.path, TableFile._write, self, path)

    def _write(self, path: Path) -> None:
        import pyarrow as pa
        import pyarrow.parquet as pq

        from curate.images.in_tables import open_arrow

        name = self._read_labels()[0]
        if self._is_arrow:
            whole = open_arrow(self.path)
            with pa.OSFile(str(path), "wb") as sink, self._arrow_writer(sink, whole.schema) as writer:
                for at in range(0, whole.num_rows, _ARROW_BATCH):
                    writer.write_table(self._changed(whole.slice(at, _ARROW_BATCH), name, at))
            return
        file = pq.ParquetFile(self.path)
        groups = file.metadata.num_row_groups
        codec = file.metadata.row_group(0).column(0).compression.lower() if groups else "zstd"
        codec = "none" if codec == "uncompressed" else codec
        at = 0
        with pq.ParquetWriter(path, file.schema_arrow, compression=codec) as writer:
            for group in range(groups):
                table = self._changed(file.read_row_group(group), name, at)
                writer.write_table(table, row_group_size=max(table.num_rows, 1))
                at += table.num_rows

    def _changed(self, table: pa.Table, name: str, first: int) -> pa.Table:
        """The piece of the table that begins at row `first`, with its new labels."""
        import pyarrow as pa

        here = {row - first: label for row, label in self.new.items() if first <= row < first + table.num_rows}
        if not here:
            return table
        place = table.column_names.index(name)
        kind = table.schema.field(place)
        values = table.column(place).to_pylist()
        if layout := self._layout():
            self._put_answers(table, layout, name, values, here)
        else:
            for row, label in here.items():
                values[row] = label
        if pa.types.is_dictionary(kind.type):
            column = pa.array(values, kind.type.value_type).dictionary_encode().cast(kind.type)
        else:
            column = pa.array(values, kind.type)
        return table.set_column(place, kind, column)

    def _put_answers(
        self, table: pa.Table, layout: Layout, name: str, values: list[Any], new: Mapping[int, str]
    ) -> None:
        """Put new answers into the conversations in `values`, the column `name`."""
        names = [other for other in table.column_names if other in layout.used]
        for row, label in new.items():
            record = {other: values[row] if other == name else table.column(other)[row].as_py() for other in names}
            *steps, last = label_of(record, layout)[1]
            held: Any = record
            for step in steps:
                held = held[step]
            held[last] = label
            values[row] = record[name]

    def _arrow_writer(self, sink: pa.NativeFile, schema: pa.Schema) -> pa.RecordBatchWriter:
        """Is it of the file kind or the streaming kind? The result is the same kind."""
        import pyarrow as pa

        with self.path.open("rb") as file:
            is_file = file.read(6) == b"ARROW1"
        return pa.ipc.new_file(sink, schema) if is_file else pa.ipc.new_stream(sink, schema)
