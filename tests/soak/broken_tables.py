"""Makes Parquet, Arrow and CSV files that are broken on purpose, or unpack to far more than they are. Reads none."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Sequence
from functools import lru_cache
from random import Random
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.ipc
import pyarrow.parquet as pq
from PIL import Image

#: Rows of a table.
ROWS = 40
#: What a broken count or offset says instead.
_NUMBERS = (0, 1, 0x7F, 0xFF, 0xFFFF, 1 << 20, (1 << 31) - 1, 1 << 31, (1 << 32) - 1, 1 << 40, (1 << 63) - 1, -1, -8)


def broken(random: Random) -> tuple[str, bytes]:
    """(name, content) of a table that is broken in up to four ways."""
    name, data = random.choice(tables())
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        data = broken_bytes(random, data)
    return name, data


def broken_bytes(random: Random, data: bytes) -> bytes:
    """A table's content, broken in one way."""
    return random.choice(_BREAKS)(random, data)


@lru_cache(maxsize=1)
def tables() -> Sequence[tuple[str, bytes]]:
    """(name, content) of sound tables: every way to write a page, and every kind of column that texsieve looks at."""
    made: list[tuple[str, bytes]] = []
    for table in (_plain(), _images(), _conversations()):
        made += [("x.parquet", _parquet(table, **options)) for options in _PARQUET]
        made += [
            ("x.arrow", _arrow(table, kind, codec)) for kind in ("file", "stream") for codec in (None, "lz4", "zstd")
        ]
    frame = pl.DataFrame({"label": _labels(), "image": [f"{at}.png" for at in range(ROWS)], "n": range(ROWS)})
    for codec in ("uncompressed", "snappy", "gzip", "zstd", "lz4"):
        made.append(("x.parquet", _written(lambda file, codec=codec: frame.write_parquet(file, compression=codec))))  # type: ignore[misc]
    made.append(("x.arrow", _written(frame.with_columns(pl.col("image").cast(pl.Categorical)).write_ipc)))
    made += [("x.csv", _written(frame.write_csv))] * 4
    return made


_PARQUET: tuple[dict[str, Any], ...] = (
    {"compression": "none", "use_dictionary": False},
    {"compression": "none", "data_page_version": "2.0", "row_group_size": 7},
    {"compression": "snappy", "data_page_size": 64},
    {"compression": "gzip", "write_page_index": True},
    {"compression": "brotli", "data_page_version": "2.0"},
    {"compression": "zstd", "write_page_checksum": True},
    {"compression": "lz4", "use_dictionary": False, "column_encoding": "PLAIN"},
    {"compression": "none", "use_dictionary": False, "version": "2.6", "write_statistics": False, "delta": True},
)


def _labels() -> list[str]:
    return [rf"\frac{{{at}}}{{2}} + x_{at % 5}" for at in range(ROWS)]


def _plain() -> pa.Table:
    numbers = list(range(ROWS))
    return pa.table(
        {
            "label": pa.array(_labels()),
            "image": pa.array([None if at % 9 == 0 else f"{at}.png" for at in numbers]),
            "writer": pa.array([f"w{at % 3}" for at in numbers]).dictionary_encode(),
            "number": pa.array(numbers, pa.int64()),
            "share": pa.array([at / 7 for at in numbers], pa.float32()),
            "right": pa.array([at % 2 == 0 for at in numbers]),
            "when": pa.array(numbers, pa.timestamp("us")),
            "box": pa.array([[at, at + 1] for at in numbers], pa.list_(pa.int32())),
            "split": pa.array(["train" if at % 4 else "test" for at in numbers]),
        }
    )


def _images() -> pa.Table:
    file = io.BytesIO()
    Image.new("L", (6, 4), 255).save(file, "PNG")
    pictures = [None if at % 9 == 0 else {"bytes": file.getvalue(), "path": f"{at}.png"} for at in range(ROWS)]
    return pa.table(
        {
            "image": pa.array(pictures, pa.struct({"bytes": pa.binary(), "path": pa.string()})),
            "latex": pa.array(_labels(), pa.large_string()),
            "id": pa.array([f"r{at}" for at in range(ROWS)]),
        }
    )


def _conversations() -> pa.Table:
    talks = [[{"role": "user", "content": "<image>"}, {"role": "assistant", "content": label}] for label in _labels()]
    return pa.table({"messages": pa.array(talks), "images": pa.array([[f"{at}.png"] for at in range(ROWS)])})


def _parquet(table: pa.Table, *, delta: bool = False, **options: Any) -> bytes:
    if delta:
        options["column_encoding"] = {
            field.name: "DELTA_BYTE_ARRAY" if field.type == pa.string() else "DELTA_BINARY_PACKED"
            for field in table.schema
            if field.type in (pa.string(), pa.int64())
        }
    elif options.pop("column_encoding", None):
        options["column_encoding"] = {field.name: "PLAIN" for field in table.schema if field.type == pa.string()}
    return _written(lambda file: pq.write_table(table, file, **options))


def _arrow(table: pa.Table, kind: str, codec: str | None) -> bytes:
    make = pa.ipc.new_file if kind == "file" else pa.ipc.new_stream

    def write(file: io.BytesIO) -> None:
        with make(file, table.schema, options=pa.ipc.IpcWriteOptions(compression=codec)) as writer:
            writer.write_table(table, 11)

    return _written(write)


def _written(write: Callable[[io.BytesIO], object]) -> bytes:
    file = io.BytesIO()
    write(file)
    return file.getvalue()


# Ways to break bytes -------------------------------------------------------------------------------------------------


def _somewhere(random: Random, data: bytes) -> int:
    """A place: anywhere, or in the metadata, which is at the start of an Arrow file and at the end of the others."""
    size = max(len(data), 1)
    edge = random.choice((size, 300, 2000))
    at = random.randrange(min(edge, size))
    return at if random.random() < 0.5 else size - 1 - at


def _flipped(random: Random, data: bytes) -> bytes:
    changed = bytearray(data)
    for _ in range(random.choice((1, 1, 2, 5, 50))):
        if changed:
            changed[_somewhere(random, data)] ^= random.choice((1 << random.randrange(8), random.randrange(256)))
    return bytes(changed)


def _counted(random: Random, data: bytes) -> bytes:
    """Write another number over four or eight bytes, mostly where one may stand."""
    size, sign = random.choice(((4, "<I"), (8, "<Q")))
    at = _somewhere(random, data)
    at -= at % random.choice((1, 4, 8))
    number = struct.pack(sign, random.choice(_NUMBERS) & ((1 << 8 * size) - 1))
    return data[:at] + number + data[at + size :]


def _varint(random: Random, data: bytes) -> bytes:
    """Put a large number of Thrift's kind in place of a byte, and keep the footer's length right."""
    at = _somewhere(random, data)
    number = b"\xff" * random.choice((1, 2, 3, 4, 8)) + bytes([random.randrange(1, 128)])
    changed = data[:at] + number + data[at + 1 :]
    if data[-4:] == b"PAR1" and len(data) > 8:
        length = struct.unpack("<I", data[-8:-4])[0] + len(number) - 1
        changed = changed[:-8] + struct.pack("<I", length & 0xFFFFFFFF) + changed[-4:]
    return changed


def _cut(random: Random, data: bytes) -> bytes:
    start = random.randint(0, len(data))
    end = len(data) if random.random() < 0.5 else min(len(data), start + random.choice((1, 8, 64, 1000)))
    return data[:start] + data[end:]


def _filled(random: Random, data: bytes) -> bytes:
    at, size = _somewhere(random, data), random.choice((1, 4, 16, 100))
    return data[:at] + random.choice((b"\0", b"\xff", b"\x7f", b"\x80")) * size + data[at + size :]


def _moved(random: Random, data: bytes) -> bytes:
    """Copy a piece over another place, so that it is well formed and says something else."""
    size = random.choice((1, 4, 8, 32, 256))
    source, at = _somewhere(random, data), _somewhere(random, data)
    return data[:at] + data[source : source + size] + data[at + size :]


def _inserted(random: Random, data: bytes) -> bytes:
    at = _somewhere(random, data)
    return data[:at] + random.randbytes(random.choice((1, 4, 8, 1000))) + data[at:]


def _crossed(random: Random, data: bytes) -> bytes:
    """The beginning of this table with the end of another one."""
    other = random.choice(tables())[1]
    end = random.choice((8, 500, len(other) // 2))
    return data[: max(len(data) - end, 0)] + other[-end:]


_BREAKS: tuple[Callable[[Random, bytes], bytes], ...] = (
    *(_flipped, _flipped, _flipped, _counted, _counted, _varint, _cut, _filled, _moved, _inserted, _crossed),
)  # fmt: skip
