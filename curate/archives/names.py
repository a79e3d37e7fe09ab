"""What an archive is called, and which names in it are usable. Opens nothing."""

from __future__ import annotations

import re

PICKLES = (".pkl", ".pickle")
TARS = (".tar", ".tar.gz", ".tgz", ".tar.xz", ".txz", ".tar.bz2", ".tbz2", ".tbz", ".tar.zst", ".tzst")
#: Endings of the files that are read as folders of pictures.
ENDINGS = (".zip", *TARS, *PICKLES)
#: Endings of archives that hold whole data sets.
OF_DATA_SETS = (".zip", *TARS)
#: Archives that can't be read here.
UNKNOWN = (".7z", ".rar", ".tar.lz4", ".tar.lz", ".tar.z", ".lha", ".cab", ".iso", ".dmg")

#: Endings of a data set's files, besides pictures: nothing else is taken out of an archive.
LABELS = (
    ".txt", ".lst", ".list", ".tex", ".formulas", ".labels", ".norm", ".csv", ".tsv", ".json", ".jsonl", ".ndjson",
    ".inkml", ".parquet", ".arrow", ".gz", ".md", ".yaml", ".yml", ".toml", "", *PICKLES,
)  # fmt: skip

# Reasons for leaving a member out; each is counted.
LEAVES = "names that lead out of the archive"
NOT_TEXT = "names that can't be decoded, or hold control characters"
LINK = "links and devices"
ENCRYPTED = "encrypted members"
TWICE = "different members that share a name"
TWICE_LAST_COUNTS = "repeated names; the last one counts"
ALIKE = "names that differ only in case"
TOO_LARGE = "members that are too large"
NESTED = "archives inside the archive, which are not opened"
UNWRITABLE = "names that this system can't use for files"
OTHER = "files that are neither pictures nor labels"

_DRIVE = re.compile(r"[A-Za-z]:")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\ud800-\udfff]")
#: Files that operating systems add to archives unasked.
_LITTER = re.compile(r"(?i)(?:^|/)(?:__MACOSX/|\._|\.DS_Store$|Thumbs\.db$|desktop\.ini$)")
#: The characters of everyday Chinese, Japanese and Korean text.
_CJK = re.compile(r"[一-鿿぀-ヿ가-힣　-〿＀-￯]")


def is_archive(name: str, endings: tuple[str, ...] = ENDINGS) -> bool:
    return name.lower().endswith(endings)


def stem(name: str) -> str:
    """An archive's name without its ending."""
    ending = max((ending for ending in ENDINGS if name.lower().endswith(ending)), key=len, default="")
    return name[: len(name) - len(ending)]


def is_litter(name: str) -> bool:
    return _LITTER.search(name) is not None


def tidy(name: str) -> tuple[str, str | None]:
    """A member's name as a path below the archive, and why it can't be used (None if it can)."""
    if _CONTROL.search(name):
        return name, NOT_TEXT
    path = name.replace("\\", "/")
    parts = [part for part in path.split("/") if part not in ("", ".")]
    if path.startswith("/") or _DRIVE.match(path) or ".." in parts or not parts:
        return name, LEAVES
    return "/".join(parts), None


def decoded(raw: bytes, otherwise: str) -> str:
    """A name in an archive that doesn't state its encoding: UTF-8, GB18030 if that gives Chinese, or `otherwise`."""
    for encoding in ("utf-8", "gb18030"):
        try:
            name = raw.decode(encoding)
        except UnicodeDecodeError:
            continue
        if encoding == "utf-8" or all(char.isascii() or _CJK.match(char) for char in name):
            return name
    return otherwise
