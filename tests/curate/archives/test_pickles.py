"""Pickles of images: arrays from real writers are read, and nothing that a hostile pickle names is called."""

from __future__ import annotations

import collections
import contextlib
import datetime
import io
import os
import pickle
import struct
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from curate.archives.contents import Contents
from curate.archives.pickle_reader import read_pickle
from curate.archives.pickles import KIND, SHAPE, bitmap, repack
from curate.base.errors import UserError
from curate.images.opening import grey_bitmap, open_bytes

WIDE = np.arange(60, dtype=np.uint8).reshape(4, 15)


def _pictures(folder: Path, data: bytes) -> tuple[dict[str, npt.NDArray[np.uint8]], Contents]:
    path = folder / "images.pkl"
    path.write_bytes(data)
    repack(path, folder / "images.zip")
    found = Contents(folder / "images.zip", path)
    return {name: np.asarray(open_bytes(found.read(name))) for name in found.members}, found


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize(
    "array",
    [WIDE, np.asfortranarray(WIDE), WIDE[::2, ::3], WIDE[None], WIDE[:, :, None], np.transpose(WIDE[None], (0, 2, 1))],
    ids=["rows", "columns", "slice", "channel-first", "channel-last", "transposed"],
)
def test_arrays_of_every_protocol(protocol: int, array: npt.NDArray[np.uint8], tmp_path: Path) -> None:
    large = np.resize(WIDE, (90, 100))
    data = pickle.dumps({"18_em_0": array, "large": large, "again": array}, protocol)
    read, found = _pictures(tmp_path, data)
    assert list(read) == ["18_em_0", "large", "again"] == list(found.members)
    np.testing.assert_array_equal(read["18_em_0"], array.reshape([n for n in array.shape if n > 1]))
    np.testing.assert_array_equal(read["large"], large)
    assert not found.left_out


@pytest.mark.parametrize("protocol", [2, 3, 4])
def test_what_numpy_1_wrote(protocol: int, tmp_path: Path) -> None:
    data = pickle.dumps({"a": WIDE}, protocol)
    data = data.replace(b"\x8c\x16numpy._core.multiarray", b"\x8c\x15numpy.core.multiarray")
    data = data.replace(b"numpy._core.", b"numpy.core.")
    np.testing.assert_array_equal(_pictures(tmp_path, data)[0]["a"], WIDE)


def test_what_python_2_wrote(tmp_path: Path) -> None:
    """Protocol 2 of cPickle, written by hand: text and bytes are the same there, and names may be latin-1."""

    def short(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    dtype = (
        b"cnumpy\ndtype\n"
        + short(b"u1")
        + b"K\0K\1\x87R(K\3"
        + short(b"|")
        + b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb"
    )
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85" + short(b"b") + b"\x87R"
    state = b"(K\1K\2\x8a\1\3\x86" + dtype + b"\x89" + short(b"\0\1\2\xfd\xfe\xff") + b"tb"
    data = b"\x80\2}(" + short(b"a") + array + state + short("é".encode("latin-1")) + array + state + b"u."
    read = _pictures(tmp_path, data)[0]
    assert list(read) == ["a", "é"]
    assert read["a"].tolist() == [[0, 1, 2], [253, 254, 255]]
    assert pickle.loads(data, encoding="latin-1")["é"].tolist() == read["é"].tolist()


def test_the_shapes_of_pickles(tmp_path: Path) -> None:
    png = io.BytesIO()
    Image.fromarray(WIDE).save(png, "PNG")
    colours = np.arange(4 * 5 * 3, dtype=np.uint8).reshape(4, 5, 3)
    read, _ = _pictures(
        tmp_path, pickle.dumps(collections.OrderedDict(a=WIDE, b=png.getvalue(), c=colours, d=WIDE > 7))
    )
    np.testing.assert_array_equal(read["b"], WIDE)
    np.testing.assert_array_equal(read["c"], colours)
    np.testing.assert_array_equal(read["d"], (WIDE > 7) * 255)
    assert list(_pictures(tmp_path, pickle.dumps([WIDE, WIDE]))[0]) == ["0", "1"]
    assert list(_pictures(tmp_path, pickle.dumps([("x", WIDE), ("y", WIDE)]))[0]) == ["x", "y"]
    assert list(_pictures(tmp_path, pickle.dumps(((np.str_("x"), WIDE),)))[0]) == ["x"]


def test_what_is_no_picture_is_counted(tmp_path: Path) -> None:
    held = {"a": WIDE, "f": WIDE / 255, "v": WIDE[0], "t": np.zeros((2, 3, 4, 5), np.uint8), "../b": WIDE, "n": 3}
    _, found = _pictures(tmp_path, pickle.dumps(held))
    assert list(found.members) == ["a"]
    assert found.left_out.total() == 5
    assert (found.left_out[KIND], found.left_out[SHAPE]) == (1, 2)


@given(st.integers(1, 9), st.integers(1, 9), st.booleans())
def test_bitmaps_are_what_pillow_reads(height: int, width: int, grey: bool) -> None:
    shape = (height, width) if grey else (height, width, 3)
    pixels = np.random.default_rng(height * width).integers(0, 256, shape, np.uint8)
    with Image.open(io.BytesIO(bitmap(pixels))) as image:
        np.testing.assert_array_equal(np.asarray(image), pixels)
    if grey:
        fast = grey_bitmap(bitmap(pixels))
        assert fast is not None
        np.testing.assert_array_equal(fast, pixels)


# Hostile -------------------------------------------------------------------------------------------------------------


class _Runs:
    def __init__(self, function: Any, *arguments: Any) -> None:
        self.call = (function, arguments)

    def __reduce__(self) -> Any:
        return self.call


def _unicode(text: str) -> bytes:
    return b"\x8c" + bytes([len(text)]) + text.encode()


_DTYPE = b"\x80\4cnumpy\ndtype\n" + _unicode("u1") + b"\x85R"
_FILL = b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85C\1b\x87R"
HOSTILE = {
    "system": (pickle.dumps({"a": _Runs(os.system, "touch MARK")}), "posix.system"),
    "eval": (pickle.dumps(_Runs(eval, "open('MARK', 'w')")), "builtins.eval"),
    "system-0": (pickle.dumps(_Runs(os.system, "touch MARK"), 0), "posix.system"),
    "exec-2": (pickle.dumps([_Runs(exec, "open('MARK', 'w')")], 2), "__builtin__.exec"),
    "getattr": (b"cbuiltins\ngetattr\n.", "builtins.getattr"),
    "in-a-key": (b"\x80\4}cos\nsystem\nK\1s.", "os.system"),
    "nested": (pickle.dumps({"a": _Runs(WIDE.__class__, _Runs(eval, "open('MARK', 'w')"))}), "eval"),
    "dotted": (b"\x80\4" + _unicode("numpy") + _unicode("ndarray.__class__") + b"\x93.", "numpy.ndarray.__class__"),
    "dotted-module": (b"\x80\4" + _unicode("numpy.f2py") + _unicode("os.system") + b"\x93.", "numpy.f2py.os.system"),
    "load": (b"cnumpy\nload\n.", "numpy.load"),
    "inst": (b"(S'touch MARK'\nios\nsystem\n.", "os.system"),
    "obj": (b"(cnumpy\nndarray\no.", "an object of a class"),
    "newobj-ex": (b"\x80\4cnumpy\nndarray\n)}\x92.", "named arguments"),
    "persistent": (b"\x80\4K\1Q.", "persistent id"),
    "persistent-0": (b"Pabc\n.", "persistent id"),
    "extension": (b"\x80\2\x82\1.", "extension registry"),
    "extension-4": (b"\x80\2\x84\1\0\0\0.", "extension registry"),
    "out-of-band": (b"\x80\5\x97.", "buffer outside"),
    "objects": (pickle.dumps(np.array([_Runs(eval, "1")], dtype=object)), "Python objects"),
    "pillow": (pickle.dumps({"a": Image.new("L", (3, 3))}), "PIL.Image.Image"),
    "date": (pickle.dumps(datetime.date(2020, 1, 1)), "datetime.date"),
    "giant-bytes": (b"\x80\4\x8e" + struct.pack("<Q", 1 << 62) + b"x.", "cut off"),
    "giant-frame": (b"\x80\4\x95" + struct.pack("<Q", 1 << 62) + b"K\1.", "a number"),
    "giant-array": (_FILL + b"(K\1\x8a\5\0\0\0\0\x7f\x85" + _DTYPE[2:] + b"\x89C\0tb.", "array of"),
    "giant-reconstruct": (
        b"cnumpy._core.multiarray\n_reconstruct\ncnumpy\nndarray\n\x8a\5\0\0\0\0\x7f\x85C\1b\x87R.",
        "array",
    ),
    "giant-memo": (b"\x80\2K\1r\xff\xff\xff\xff.", "a number"),
    "negative-shape": (_FILL + b"(K\1J\xff\xff\xff\xff\x85" + _DTYPE[2:] + b"\x89C\0tb.", "shape"),
    "number": (b"\x80\2\x8b\xff\xff\xff\x7f" + b"\1" * 50 + b".", "a number of"),
    "digits": (b"L" + b"9" * 100_000 + b"L\n.", "a number of"),
    "build-on-a-list": (b"]}b.", "gives a state"),
    "calls-a-text": (b"S'eval'\n(tR.", "calls something"),
    "string-repr": (b"S'\\'\n.", "damaged"),
    "dict-in-itself": (b"}q\0h\0h\0s.", "keys"),
    "empty-stack": (b"\x80\4R.", "damaged"),
    "no-mark": (b"\x80\4t.", "no beginning"),
    "cut": (pickle.dumps({"a": WIDE})[:-10], "cut off"),
    "empty": (b"", "empty"),
    "text": (b"hello\n", "which"),
    "tuples": (pickle.dumps(3.5), "a number"),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_pickles(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    data, said = HOSTILE[name]
    path = tmp_path / "images.pkl"
    path.write_bytes(data)
    with pytest.raises(UserError) as caught:
        repack(path, tmp_path / "x.zip")
    assert "\n" not in str(caught.value)
    if name != "text":
        assert said in str(caught.value)
    assert not (tmp_path / "MARK").exists()
    assert {entry.name for entry in tmp_path.iterdir()} <= {"images.pkl", "x.zip"}


def test_a_memo_bomb_takes_no_memory(tmp_path: Path) -> None:
    """Each list holds ten references to the list before it: 10^30 items if they were expanded."""
    data = b"\x80\4]\x94" + b"".join(b"](" + bytes([ord("h"), at]) * 10 + b"e\x94" for at in range(30)) + b"."
    (tmp_path / "x.pkl").write_bytes(data)
    assert len(read_pickle(tmp_path / "x.pkl")) == 10
    with pytest.raises(UserError, match="no picture"):
        repack(tmp_path / "x.pkl", tmp_path / "x.zip")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_damaged_pickles_are_one_line(data: st.DataObject, tmp_path: Path) -> None:
    whole = bytearray(pickle.dumps({"a": WIDE, "b": [1, 2.5, "x", None]}, data.draw(st.integers(0, 5))))
    for _ in range(data.draw(st.integers(1, 4))):
        whole[data.draw(st.integers(0, len(whole) - 1))] = data.draw(st.integers(0, 255))
    path = tmp_path / "x.pkl"
    path.write_bytes(whole)
    with contextlib.suppress(UserError):  # no other exception
        repack(path, path.with_suffix(".zip"))
