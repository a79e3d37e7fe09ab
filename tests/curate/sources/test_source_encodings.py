"""Label files that aren't UTF-8: UTF-16 and GB18030 are recognised, and nothing else is mistaken for them."""

from __future__ import annotations

import codecs
import gzip
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from source_makers import image, labels, read, write

import rules
from curate.base.errors import UserError
from curate.fix.job import fix_source
from curate.fix.job import write as write_fixed
from curate.sources import parse_source
from curate.sources.encodings import encoding_of
from curate.sources.model import NOT_UTF8

#: One file of each text format, with Chinese labels and one label that a safe fix changes.
FILES = {
    "train_labels.txt": "0.jpg\t解 ： x ^ { 2 } = 1\n1.jpg\t\\frac { 1 } { 2 } ， 所 以 x \\to 0\n",
    "caption.txt": "a_0\t设 x = 1\r\na_1\t函 数 f ( x )\r\n",
    "labels.txt": "已 知 x = 1\n\\frac { 1 } { 2 }\n求 面 积\n",
    "x.csv": 'latex,image\n"解 , x",0.png\n\\alpha,1.png\n方 程,2.png\n',
    "x.tsv": "formula\tfile_name\n解 x\t0.png\n\\beta\t1.png\n",
    "x.jsonl": '{"latex": "解 \\\\alpha"}\n{"latex": "若 x = 1"}\n',
    "x.json": '[\n{"latex": "解 \\\\alpha"},\n{"latex": "若 x = 1"}\n]\n',
}
ENCODINGS = {
    "utf-16": "UTF-16",
    "utf-16-be-bom": "UTF-16",
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32": "UTF-32",
    "gb18030": "GB18030",
    "gbk": "GB18030",
}


def encoded(text: str, encoding: str) -> bytes:
    if encoding == "utf-16-be-bom":
        return codecs.BOM_UTF16_BE + text.encode("utf-16-be")
    return text.encode(encoding)


@pytest.mark.parametrize("encoding", ENCODINGS)
@pytest.mark.parametrize("name", FILES)
def test_every_text_format(name: str, encoding: str, tmp_path: Path) -> None:
    plain = read(write(tmp_path / "plain" / name, FILES[name]))
    data = encoded(FILES[name], encoding)
    for path in (
        write(tmp_path / "other" / name, data),
        write(tmp_path / "packed" / f"{name}.gz", gzip.compress(data)),
        write(tmp_path / "folder" / name, data).parent,
    ):
        source = read(f"{plain.format}:{path}")
        assert labels(source) == labels(plain)
        assert source.unreadable.total == plain.unreadable.total
        assert source.places["line"].equals(plain.places["line"])
        assert source.notes[f"files in {ENCODINGS[encoding]}, read as such"] == 1


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-be", "gb18030"])
@pytest.mark.parametrize("name", FILES)
def test_fix_writes_the_same_encoding(name: str, encoding: str, tmp_path: Path) -> None:
    """The result is the fixed UTF-8 file in the other encoding: every other byte stays."""
    fixable = "\\int _ ab" if "json" not in name else "\\\\int _ ab"
    text = FILES[name].replace("解", f"解 {fixable}").replace("设", f"设 {fixable}").replace("已", f"已 {fixable}")
    ruleset = rules.select()
    for kind, data in (("plain", text.encode()), ("other", encoded(text, encoding))):
        write(tmp_path / kind / name, data)
        fixed = fix_source(parse_source(str(tmp_path / kind / name)), ruleset, "safe", style="rules")
        assert fixed.changed
        assert b"".join(fixed.diff(None)).startswith(b"---")
        write_fixed(fixed, tmp_path / kind / "out")
    plain = (tmp_path / "plain" / "out").read_bytes().decode()
    other = (tmp_path / "other" / "out").read_bytes()
    assert other == encoded(plain, encoding)


#: Text in other encodings that GB18030 can also decode, at least in part.
OTHERS = {
    "latin-1": "0.png\tx \\text { Höhe } = été\n1.png\tnaïve, où, ça, señor, groß, ÀÉÈ\n",
    "cp1252": "0.png\t“résumé” — x ½ ± 3 °C\n",
    "cp1251": "0.png\tНайдите значение выражения\n1.png\tРешение: пусть x равен\n",
    "koi8-r": "0.png\tНайдите значение выражения\n1.png\tпусть функция задана\n",
    "euc-kr": "0.png\t다음 함수의 값을 구하시오\n1.png\t방정식의 해를 구하여라 그러므로\n",
    "euc-jp": "0.png\t次の方程式を解け。したがって\n1.png\t関数の最大値を求めよ\n",
    "shift-jis": "0.png\t次の方程式を解け。したがって\n1.png\t関数の最大値を求めよ\n",
    "big5": "0.png\t求下列方程式的解，並說明理由\n1.png\t已知函數的圖形\n",
}


@pytest.mark.parametrize("encoding", OTHERS)
def test_what_is_no_gb18030(encoding: str, tmp_path: Path) -> None:
    path = write(tmp_path / "x.txt", OTHERS[encoding].encode(encoding) + b"9.png\ty\n")
    assert encoding_of(path) == "utf-8"
    source = read(f"hme100k:{path}")
    assert labels(source) == ["y"]
    assert source.unreadable.by_reason == {NOT_UTF8: OTHERS[encoding].count("\n")}


def test_a_broken_byte_in_a_file_of_utf_8(tmp_path: Path) -> None:
    """Chinese in UTF-8 is not taken for GB18030, whichever line is broken."""
    text = "".join(f"{at}.png\t解 ： 所 以 x = {at}\n" for at in range(50)).encode()
    source = read(write(tmp_path / "x.txt", text.replace(b"= 7", b"= \xff7")))
    assert source.unreadable.by_reason == {NOT_UTF8: 1}
    assert len(labels(source)) == 49


def test_a_text_file_per_image(tmp_path: Path) -> None:
    for name, text in (("a", "解 x"), ("b", "求 面 积"), ("c", "y")):
        write(tmp_path / f"{name}.txt", text.encode("gb18030"))
        image(tmp_path / f"{name}.jpg")
    source = read(tmp_path)
    assert labels(source) == ["解 x", "求 面 积", "y"]
    assert source.notes == {"files in GB18030, read as such": 2}


def test_utf_16_that_is_cut_off(tmp_path: Path) -> None:
    data = "0.png\tx\n1.png\ty\n2.png\tz".encode("utf-16")
    source = read(f"hme100k:{write(tmp_path / 'x.txt', data[:-1])}")
    assert labels(source) == ["x", "y"]
    assert source.unreadable.by_reason == {NOT_UTF8: 1}
    with pytest.raises(UserError, match="UTF-16") as caught:
        fix_source(parse_source(f"hme100k:{tmp_path / 'x.txt'}"), rules.select(), "safe")
    assert "\n" not in str(caught.value)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=40)
@given(
    texts=st.lists(
        st.text("abc\\ {}^_0123456789解设求则函数方程，。", min_size=1, max_size=20), min_size=1, max_size=8
    ),
    encoding=st.sampled_from(["utf-16", "gb18030"]),
)
def test_any_chinese_labels(texts: list[str], encoding: str, tmp_path: Path) -> None:
    text = "".join(f"{at}.png\tx {label}\n" for at, label in enumerate(texts))
    path = tmp_path / "x.txt"
    path.write_bytes(text.encode(encoding))
    encoding_of.__globals__["_encoding"].cache_clear()  # a file of the same size, written within the clock's resolution
    assert labels(read(f"hme100k:{path}")) == [f"x {label}" for label in texts]


@pytest.mark.shared_data
def test_real_files_stay_what_they_are(shared_data: Path) -> None:
    expected = {path: "utf-8" for path in shared_data.rglob("*") if path.suffix in (".txt", ".lst", ".csv", ".json")}
    assert {path: encoding_of(path) for path in expected} == expected
