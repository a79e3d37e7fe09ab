"""Finds out how a text file is encoded: UTF-8 unless it is certainly UTF-16, UTF-32 or GB18030. Reads no labels.

A byte order mark decides; so does plain text in which every second byte is NUL. Chinese Windows writes GB18030 (GBK,
GB2312) without any mark. A file is read as GB18030 if it is not UTF-8, all of it is valid GB18030, and the result is
ordinary Chinese. Western, Cyrillic, Japanese and Korean encodings mostly decode as GB18030 too, but to rare characters.
In any other file, each line that is not UTF-8 is an unreadable row.
"""

from __future__ import annotations

import codecs
import gzip
import io
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import BinaryIO, cast

from curate.base.bombs import BOMB_RATIO, is_bomb

#: Common names of the encodings other than UTF-8.
NAMES = {
    "utf-16-le": "UTF-16",
    "utf-16-be": "UTF-16",
    "utf-32-le": "UTF-32",
    "utf-32-be": "UTF-32",
    "gb18030": "GB18030",
}

_BLOCK = 4 << 20
_HEAD = 64 << 10
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
#: How many Chinese characters are looked at to judge a text.
_ENOUGH = 100_000
_ERRORS = (OSError, EOFError, zlib.error)

#: The characters that make up half of ordinary Chinese text, and those of mathematics.
_FREQUENT = frozenset(
    "的一是不了在人有我他这个们中来上大为和国地到以说时要就出会可也你对生能而子那得于着下自之年过发后作里用道行所然家种事成方多经么去法学如都同现当没动面起看定天分还进好小部其些主样理心她本前开但因只从想实日军者意无力它与长把机十民第公此已工使情明性知全三又关点正业外将两高间由问很最重并物手应战向头文体政美相见被利什二等产或新己制身果加西斯月话合回特代内信表化老给世位次度门任常先海通教儿原东声提立及比员解水名真论处走义各入几口认条平系气题活尔更别打女变四神总何电数安少报才结反受目太量再感建务做接必场件计管期市直德资命山金指克许统区保至队形社便空决治展马科司五基眼书非则听白却界达光放强即像难且权思王象完设式色路记南品住告类求据程北边死张该交规万取拉格望觉术领共确传师观清今切院让识候带导争运笔"
    "函数方程证明已知求解设若则因为所以当且仅角形三边直线圆点面积体积周长半径高底平行垂直相等于大小值最极限导数积分矩阵向量概率集合元素属于包含交并补空根式系数次项多项式单项式因式分解化简计算加减乘除余商和差倍比例百分率分母分子整数有理实虚复自然正负零奇偶质合约公倍轴对称旋转移中心原坐标横纵象限区间单调递增减周期连续随机变量均值方差样本总体频年月日元千克米厘吨升秒时分钟度题答图表如下上左右答案选择填空判断正确错误组第"
)  # fmt: skip
#: First bytes of punctuation, signs, full-width letters and Greek in GB2312.
_SYMBOLS = frozenset((0xA1, 0xA3, 0xA6))


def encoding_of(path: Path) -> str:
    """The codec for a file, or for the content of a gzip file; UTF-8 if it can't be read or isn't text."""
    try:
        found = path.stat()
    except (OSError, ValueError):
        return "utf-8"
    return _encoding(path, found.st_size, found.st_mtime_ns)


def open_raw(path: Path) -> BinaryIO:
    """A file's bytes, or the content of a gzip file. Raises OSError, also while reading."""
    file = path.open("rb")
    if file.read(2) == b"\x1f\x8b":
        file.close()
        return cast(BinaryIO, io.BufferedReader(_Unpacked(gzip.GzipFile(path), path.stat().st_size), _BLOCK))
    file.seek(0)
    return file


class _Unpacked(io.RawIOBase):
    """The content of a gzip file, up to its end or to the point where it proves to be a bomb."""

    def __init__(self, file: gzip.GzipFile, size: int) -> None:
        self._file = file
        self._size = size
        self._read = 0

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        data = self._file.read1(len(buffer))
        self._read += len(data)
        if is_bomb(self._read, self._size):
            raise OSError(f"it unpacks to more than {BOMB_RATIO} times its size and was refused as a gzip bomb")
        buffer[: len(data)] = data
        return len(data)

    def close(self) -> None:
        self._file.close()
        super().close()


def open_utf8(path: Path) -> BinaryIO:
    """The text of a file in UTF-8, whatever it is encoded in. Raises OSError, and EOFError or zlib.error on reading.

    What is invalid in the file's own encoding is invalid UTF-8 too.
    """
    encoding = encoding_of(path)
    file = open_raw(path)
    return file if encoding == "utf-8" else cast(BinaryIO, io.BufferedReader(_Recoded(file, encoding), _BLOCK))


def recoded(data: bytes, encoding: str) -> bytes:
    """The beginning of a file in UTF-8, without a character that was cut off at the end."""
    return codecs.getincrementaldecoder(encoding)("replace").decode(data).encode("utf-8", "replace")


class _Recoded(io.RawIOBase):
    """A file in another encoding, read as UTF-8."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("surrogatepass" if encoding[:3] == "utf" else "strict")
        self._held = b""
        self._ended = False

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._held and not self._ended:
            data = self._file.read(_HEAD)
            self._ended = not data
            try:
                text = self._decoder.decode(data, final=self._ended)
            except UnicodeDecodeError:
                self._held, self._ended = b"\xff", True  # half a character at the end
                break
            self._held = text.encode("utf-8", "surrogatepass")
        size = min(len(buffer), len(self._held))
        buffer[:size] = self._held[:size]
        self._held = self._held[size:]
        return size

    def close(self) -> None:
        self._file.close()
        super().close()


@lru_cache(maxsize=256)
def _encoding(path: Path, _size: int, _changed: int) -> str:
    try:
        with open_raw(path) as file:
            head = file.read(_HEAD)
            marked = next((encoding for mark, encoding in _MARKS if head.startswith(mark)), None)
            if (wide := marked or _wide(head)) is not None:
                return wide
            decoder = codecs.getincrementaldecoder("utf-8")()
            try:
                chunk = head
                while chunk:
                    decoder.decode(chunk)
                    chunk = file.read(_BLOCK)
                decoder.decode(b"", final=True)
            except UnicodeDecodeError:
                return "gb18030" if _is_chinese(path) else "utf-8"
    except _ERRORS:
        pass  # the reader of the file reports what is wrong with it
    return "utf-8"


def _wide(head: bytes) -> str | None:
    """The kind of UTF-16 of a text without a byte order mark: mostly ASCII, with one NUL per character."""
    pairs = len(head) // 2
    if pairs < 4:
        return None
    for encoding, high, low in (("utf-16-le", 1, 0), ("utf-16-be", 0, 1)):
        if head[high::2].count(0) * 10 >= 4 * pairs and head[low::2].count(0) * 100 <= pairs:
            text = codecs.getincrementaldecoder(encoding)("replace").decode(head[: 2 * pairs])
            odd = sum(char < " " and char not in "\t\r\n" for char in text) + text.count("\ufffd")
            return encoding if odd * 100 <= len(text) else None
    return None


def _is_chinese(path: Path) -> bool:
    """Is the whole file GB18030, and its non-ASCII part ordinary Chinese?"""
    seen = plain = common = frequent = 0
    try:
        for text in _decoded(path):
            if text.isascii() or seen > _ENOUGH:
                continue
            for char in text:
                if char.isascii():
                    continue
                seen += 1
                code = char.encode("gb18030")
                if len(code) != 2 or min(code) < 0xA1:
                    continue
                plain += 1  # GB2312, without its extensions
                symbol = code[0] in _SYMBOLS
                common += symbol or (char >= "\u4e00" and code[0] <= 0xD7)
                frequent += symbol or char in _FREQUENT
    except (UnicodeDecodeError, *_ERRORS):
        return False
    return plain * 20 >= 19 * seen and common * 10 >= 7 * seen and frequent * 10 >= 4 * seen


def _decoded(path: Path) -> Iterator[str]:
    decoder = codecs.getincrementaldecoder("gb18030")()
    with open_raw(path) as file:
        while chunk := file.read(_BLOCK):
            yield decoder.decode(chunk)
        yield decoder.decode(b"", final=True)
