"""The contract of every source format, checked on the example in its docs and on the contributor's guide's format."""

from __future__ import annotations

import re
import shutil
import sys
import textwrap
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest
from source_makers import ids, image, images, labels, read, write

from curate.base.errors import UserError
from curate.findings.locate import locate
from curate.fix.files import rewrite
from curate.sources import FORMATS, Source, SourceFormat, formats, registry, spec
from curate.sources.look import IMAGE_ENDINGS

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "contributing" / "source-format.md"
TABLES = {".parquet", ".arrow"}
WITH_EXAMPLE = [name for name, item in FORMATS.items() if item.example]


def made(item: SourceFormat, folder: Path) -> Path:
    """The data set of a format's example: its folder, or its only file."""
    for name, text in item.example:
        if name.lower().endswith(IMAGE_ENDINGS):
            image(folder / name)
        else:
            write(folder / name, text)
    return folder / item.example[0][0] if len(item.example) == 1 else folder


def put_back(source: Source, new: Mapping[int, str], out: Path) -> Path:
    """Write the source with the labels of these rows changed; returns the path."""
    rows = source.places.with_columns(label=source.frame["label"], at=pl.int_range(source.frame.height, eager=True))
    changed = rows.filter(pl.col("at").is_in(list(new))).with_columns(fixed=pl.Series(list(new.values())))
    files, written = rewrite(source, changed, {})
    assert written == list(new.values())
    for name, file in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_as(out / name, compressed=False)
    return out if source.path.is_dir() else out / source.path.name


def check_all(item: SourceFormat, folder: Path) -> None:
    """Check everything that the contract requires of a format with an example."""
    path = made(item, folder / "set")
    source = read(path)
    assert source.format == item.name, "its own example is recognised as another format"
    assert source.unreadable.total == 0
    assert source.frame.height >= 2
    files = {name for name, _ in item.example if name.lower().endswith(IMAGE_ENDINGS)}
    drawn = {name for name, _ in item.example if name.endswith(".inkml")}
    assert {name for name in images(source) if name} == files | drawn, "an image of the example belongs to no label"
    assert read(f"{item.name}:{path}").frame.equals(source.frame)
    assert read(path, limit=1).rows == 1
    # Where the labels are.
    found = locate(source, range(source.frame.height))
    for row, label in enumerate(labels(source)):
        place = found.get(row)
        if place is None:  # a label whose spelling is not that of JSON, CSV or plain text
            assert set(label) & set("<>&"), "a label is not where write_back changes it"
            continue
        assert place.label == label
        assert place.region(0, len(label))[0] >= place.start
    # Without changes, every byte is kept.
    same = put_back(source, {}, folder / "same")
    for name in (name for name, _ in item.example if name not in files):
        copy = same.parent / name if same.is_file() else same / name
        assert copy.is_file(), "a file that changes nothing is not written"
        assert copy.read_bytes() == (folder / "set" / name).read_bytes()
    # Change all labels, and only one.
    new = {row: f"{label} + {row}" for row, label in enumerate(labels(source))}
    for name in files:  # `fix` writes no images, and some sample names come from them
        image(folder / "all" / name)
        image(folder / "one" / name)
    again = read(f"set={item.name}:{put_back(source, new, folder / 'all')}")
    assert labels(again) == list(new.values())
    assert [name.partition("/")[2] for name in ids(again)] == [name.partition("/")[2] for name in ids(source)]
    last = source.frame.height - 1
    once = read(f"{item.name}:{put_back(source, {last: 'y'}, folder / 'one')}")
    assert labels(once) == [*labels(source)[:-1], "y"]
    # If a file has changed since it was read, there is one error line and no place.
    for name in {*source.places["file"], *(name for name, _ in item.example if name not in files)}:
        target = source.base / name
        if target.is_file():
            data = target.read_bytes()
            for broken in (b"", data[: len(data) // 3], b"{" * 40 + b"\n[1, "):
                target.write_bytes(broken)
                with pytest.raises(UserError) as error:
                    put_back(source, new, folder / "never")
                assert "\n" not in str(error.value)
                assert len(locate(source, range(source.frame.height))) < source.frame.height
            target.write_bytes(data)


def test_a_format_has_an_example_unless_its_files_are_no_text() -> None:
    for name, item in FORMATS.items():
        assert item.example or set(item.endings) <= TABLES, name


@pytest.mark.parametrize("name", WITH_EXAMPLE)
def test_what_a_format_owes(name: str, tmp_path: Path) -> None:
    check_all(FORMATS[name], tmp_path)


# Discovery ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are found as if they were in curate/sources/formats."""
    folder = tmp_path / "formats"
    folder.mkdir()
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(folder)])
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("curate.sources.formats."):
            del sys.modules[name]


def _general() -> set[str]:
    return {name for name, item in FORMATS.items() if item.general}


#: Mistakes in the guide's format that the contract must catch, as (original text, replacement).
_MISTAKES = (
    ("return in_lines(files.text(path), changes)", "return in_lines(files.text(path), changes) if changes else []"),
    ("return in_lines(files.text(path), changes)", "return in_lines(files.text(path), changes[:1])"),
    ("return in_lines(files.text(path), changes)", "return [new for _, _, new in changes]"),
    ('label=cut.field("field_1")', 'label=cut.field("field_1").str.replace_all(" ", "")'),
    ('label=cut.field("field_1")', 'label=pl.col("text")'),
    ('image=cut.field("field_0")', "image=pl.lit(None, pl.String)"),
    ("frame = read_labels(part, job)", "frame = read_labels(part, job).head(1)"),
    ("return 0.9 if", "return None if"),
)


def test_the_guides_format_is_complete(dropped_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"^   ```python\n(.*?)^   ```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    write(dropped_in / "semicolon.py", textwrap.dedent(code))
    found = registry._found()
    assert [name for name in found if name != "semicolon"] == list(FORMATS)
    assert [name for name, form in found.items() if form.general] == sorted({"semicolon"} | _general())
    monkeypatch.setitem(FORMATS, "semicolon", found["semicolon"])  # type: ignore[arg-type]
    monkeypatch.setattr(spec, "_ENDINGS", (*spec._ENDINGS, *found["semicolon"].endings))
    check_all(found["semicolon"], tmp_path)
    for number, (right, wrong) in enumerate(_MISTAKES):
        assert right in code
        write(dropped_in / "semicolon.py", textwrap.dedent(code.replace(right, wrong)))
        del sys.modules["curate.sources.formats.semicolon"]
        shutil.rmtree(dropped_in / "__pycache__", ignore_errors=True)
        broken = registry._found()["semicolon"]
        monkeypatch.setitem(FORMATS, "semicolon", broken)  # type: ignore[arg-type]
        with pytest.raises((AssertionError, UserError, ValueError)):
            check_all(broken, tmp_path / str(number))
    monkeypatch.setitem(FORMATS, "semicolon", found["semicolon"])  # type: ignore[arg-type]
    path = write(tmp_path / "x.semi", "a.png;x\n\nno\n;\n" + "b.png;y\n" * 40)
    assert [(row.line, row.reason) for row in read(path).unreadable.rows] == [
        (2, "blank line"),
        (3, "no semicolon between the image name and the label"),
    ]


@pytest.mark.parametrize("code", ["", "FORMAT = 1", "from curate.sources.formats.csv import FORMAT"])
def test_a_module_that_holds_no_format_of_its_name_is_told_of(code: str, dropped_in: Path) -> None:
    write(dropped_in / "other.py", code)
    with pytest.raises(TypeError, match=r"formats\.other holds no FORMAT of the name 'other'"):
        registry._found()
