"""The contract of every export format; the example format of the contributor's guide and its test meet it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Literal

import datasets
import pytest
from polars.exceptions import ColumnNotFoundError
from run_makers import exported, labels_only, make_run

from curate.base.errors import UserError
from curate.export import formats, page, registry
from curate.export.decide import options
from curate.export.format import ExportFormat
from curate.export.registry import FORMATS
from curate.export.tell.card import CARD
from curate.export.tell.hub import planned
from curate.export.tell.manifest import check, files_below
from curate.export.write.pictures import PictureFile
from curate.export.write.shards import Row, Shard

GUIDE = Path(__file__).resolve().parents[3] / "docs" / "contributing" / "export-format.md"
SPLITS = {"train": 0.7, "test": 0.3}


@pytest.fixture(autouse=True)
def _small(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 10)
    datasets.disable_progress_bars()


def check_all(item: ExportFormat, folder: Path) -> None:
    """Check everything that the contract requires of a format."""
    _check_texts(item)
    _check_shard(item, folder / "shard")
    run = make_run(folder / "run", labels_only(30), images=folder / "images")
    made, again, asking = (
        exported(run, folder / name, format=item.name, splits=SPLITS, prompt=prompt)
        for name, prompt in (("made", "one"), ("again", "one"), ("asking", "two"))
    )
    assert check(made.out) == ([], len(list(files_below(made.out))) - 1)
    assert _data(made.out) == _data(again.out), "the same rows gave other bytes"
    assert (_data(made.out) != _data(asking.out)) == item.asks, "the prompt is in the data, or `asks` is wrong"
    announced = {*map(item.shard_name, made.plan.shards), *item.finished(SPLITS)}
    assert announced <= {line.split()[0] for line in planned(made, "me/x", public=False) if line.startswith("  ")}
    for name in announced:
        assert (made.out / name).exists(), f"{name} was announced, and isn't there"
    for name in _data(made.out):
        places = {name, *(f"{parent.as_posix()}/" for parent in Path(name).parents)}
        assert places & announced, f"{name} is there, and wasn't announced"
    assert set(item.finished(())) <= set(item.finished(SPLITS)) <= set(files_below(made.out))
    for split in SPLITS:
        assert [*made.out.glob(item.data_files(split))], f"no file of {split} is found"
    card = (made.out / CARD).read_text(encoding="utf-8")
    assert f"Columns: {item.columns}." in card
    _check_loading(card, made.out)
    _check_without_images(item, folder)


def _check_texts(item: ExportFormat) -> None:
    assert re.fullmatch(r"[^`\n]{1,79}[^`.\n]", item.help), "one line of plain text, no sentence"
    assert item.page.endswith(".")
    assert f"| `{item.name}` | {item.help} | {item.files} |" in page.as_markdown()
    assert f"\n`{item.name}`: {item.page}" in page.as_markdown()


def _check_shard(item: ExportFormat, folder: Path) -> None:
    """A shard consists of exactly the files that it names, and images are where the format says."""
    folder.mkdir(parents=True)
    shard = Shard("train", 3, 5, None, 0, 0, 0, "")  # type: ignore[arg-type]
    writer = item.open(folder, shard, "Read it.")
    for number in range(2):
        row = Row(0, number, f"s/{number}", "s", f"x^{number}", None, folder, f"{number}.png", None)
        writer.add(row, PictureFile(b"picture %d" % number, "png"))
    closed = writer.close()
    assert closed == {name: folder / name for name in files_below(folder)}
    assert writer.size >= len(b"picture 0") * 2
    pictures = [path for path in closed.values() if path.read_bytes().startswith(b"picture")]
    assert len(pictures) == (2 if item.picture_files else 0)


def _check_loading(card: str, out: Path) -> None:
    """The code on the card loads a label."""
    code = re.findall(r"^```python\n(.*?)\n```$", card, re.MULTILINE | re.DOTALL)[0].replace(
        "path/to/this/folder", str(out)
    )
    lines, _, expression = code.rpartition("\n")
    names: dict[str, object] = {}
    exec(lines, names)
    assert eval(expression, names) in {row["label"] for row in labels_only(30)}


def _check_without_images(item: ExportFormat, folder: Path) -> None:
    run = make_run(folder / "bare", labels_only(3))
    if item.only_with_images:
        with pytest.raises(UserError, match=f"3 samples without an image can't be in {item.only_with_images}"):
            exported(run, folder / "none", format=item.name, splits={"train": 1.0})
    else:
        assert exported(run, folder / "none", format=item.name, splits={"train": 1.0}).plan.kept == 3


def _data(out: Path) -> dict[str, bytes]:
    """The files that a format has written."""
    ours = ("README.md", "croissant.json", "manifest.json", "dropped.parquet", "assets/")
    return {name: (out / name).read_bytes() for name in files_below(out) if not name.startswith(ours)}


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_keeps_the_contract(name: str, tmp_path: Path) -> None:
    check_all(FORMATS[name], tmp_path)


def test_the_formats_are_named_without_polars() -> None:
    program = "import sys; from curate.export import registry; print({'polars', 'pyarrow', 'PIL'} & set(sys.modules))"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "set()\n"


# The guide ------------------------------------------------------------------------------------------------------------


@pytest.fixture
def dropped_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder whose modules are found as if they were in curate/export/formats."""
    folder = tmp_path / "formats"
    folder.mkdir()
    monkeypatch.setattr(formats, "__path__", [*formats.__path__, str(folder)])
    before = set(sys.modules)
    yield folder
    for name in set(sys.modules) - before:
        if name.startswith("curate.export.formats."):
            del sys.modules[name]


def test_a_module_without_a_format_is_refused(dropped_in: Path) -> None:
    (dropped_in / "odd.py").write_text("from curate.export.formats.hf import FORMAT\n", encoding="utf-8")
    with pytest.raises(TypeError, match=r"curate\.export\.formats\.odd holds no FORMAT of the name 'odd'"):
        registry._found()


#: Mistakes made in the guide's format, one at a time; each must be caught.
_MISTAKES = (
    ("picture_files = True", "picture_files = False"),
    ("picture_files = True", "picture_files = True\n    asks = True"),
    ('return f"data/{split}-*/rows.tsv"', 'return f"{split}/*.tsv"'),
    ('return f"data/{shard.name}/"', 'return f"data/{shard.split}/"'),
    ('name = f"{self._place}{self', 'name = f"{self._place[:-1]}-{self'),
    ("path = self._files[name] = self._folder / name", "path = self._folder / name"),
    ("self.size += len(picture.data)", "pass"),
    ('dataset.filter(split="{split}")', 'dataset.filter(part="{split}")'),
    ("row.label, row.sample_id", "row.label, id(row)"),
)


def test_the_guides_format_and_its_test_are_complete(
    dropped_in: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    code, test = re.findall(r"^```python\n(.*?)^```$", GUIDE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)
    monkeypatch.setattr(options, "FormatName", Literal[(*FORMATS, "tsv")])

    def given(text: str) -> ExportFormat:
        (dropped_in / "tsv.py").write_text(text, encoding="utf-8")
        sys.modules.pop("curate.export.formats.tsv", None)
        shutil.rmtree(dropped_in / "__pycache__", ignore_errors=True)
        item = registry._found()["tsv"]
        monkeypatch.setitem(FORMATS, "tsv", item)  # type: ignore[arg-type]
        return item

    check_all(given(code), tmp_path / "right")
    module = ModuleType("test_tsv")
    exec(compile(test, "test_tsv.py", "exec"), module.__dict__)
    (tmp_path / "its-test").mkdir()
    module.test_labels_come_back_as_they_were(tmp_path / "its-test")
    for number, (right, wrong) in enumerate(_MISTAKES):
        assert code.count(right) == 1
        print(wrong)  # shows which mistake is not caught
        with pytest.raises((AssertionError, UserError, ColumnNotFoundError)):
            check_all(given(code.replace(right, wrong)), tmp_path / str(number))
