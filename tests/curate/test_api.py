"""`curate.judge` and `curate.open_run`: what they accept, what a result shows, and which names the packages offer."""

from __future__ import annotations

import gc
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import datasets
import polars as pl
import pytest
from PIL import Image, ImageDraw

import curate

LABELS = [r"\frac{a}{b}", "x^2^3"]


@pytest.fixture
def pictures(tmp_path: Path) -> list[Path]:
    """Two images with ink in them."""
    paths = [tmp_path / f"{at}.png" for at in range(2)]
    for at, path in enumerate(paths):
        picture = Image.new("L", (90, 60), 255)
        ImageDraw.Draw(picture).line((9, 9, 50 + 20 * at, 40), fill=0, width=4)
        picture.save(path)
    return paths


def judged(data: Any, **options: Any) -> curate.Result:
    return curate.judge(data, workers=1, **options)


def broken(result: curate.Result) -> list[str]:
    errors = result.findings.filter(pl.col("severity") == "error")
    return errors["sample_id"].drop_nulls().unique(maintain_order=True).to_list()


def test_a_frame_with_paths_of_images_that_start_from_the_working_folder(
    pictures: list[Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(pictures[0].parent)
    frame = pl.DataFrame({"image": [path.name for path in pictures], "label": LABELS})
    result = judged(frame, out="run")
    assert result.samples["width"].to_list() == [90, 90]
    assert broken(result) == ["data/1.png"]
    assert result.path == Path("run")
    assert Path("run.data/data.parquet").is_file()
    with pytest.raises(curate.UserError, match=r"^run: already exists; update=True judges what changed"):
        judged(pl.DataFrame({"label": ["x"]}), out="run")
    assert pl.read_parquet("run.data/data.parquet").equals(frame)
    again = curate.open_run("run")
    assert again.findings.equals(result.findings)
    assert again.summary == result.summary


def test_images_held_in_a_frame_or_a_data_set(pictures: list[Path]) -> None:
    held = pl.DataFrame({"picture": [path.read_bytes() for path in pictures], "tex": LABELS})
    columns = {"label": "tex", "image": "picture"}
    assert judged(held, columns=columns).samples["height"].to_list() == [60, 60]
    rows = datasets.Dataset.from_dict({"image": [str(path) for path in pictures], "latex": LABELS})
    saved = judged(rows.cast_column("image", datasets.Image()))
    assert saved.samples["height"].to_list() == [60, 60]
    assert broken(saved) == ["data/1.png"]


def test_several_data_sets_by_name(tmp_path: Path) -> None:
    file = tmp_path / "labels.jsonl"
    file.write_text('{"label": "x"}\n', encoding="utf-8")
    rows = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"latex": LABELS})})
    result = judged({"one": f"{file}#train", "two": rows, "three": pl.LazyFrame({"label": ["y"]})})
    assert result.samples["sample_id"].to_list() == ["one/train/1", "two/train/1", "two/train/2", "three/1"]
    assert result.verdicts["source"].to_list() == ["one", "two", "three"]
    assert result.verdicts["with_error"].to_list() == [0, 1, 0]
    assert all(reasons for reasons in result.verdicts["reasons"].to_list())


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (3, "int: not a data set; give a path, a polars frame"),
        ({"a/b": "x.jsonl"}, "'a/b': not a name for a source"),
        ({"a": {"b": "x.jsonl"}}, "a: a mapping inside a mapping"),
        ("missing.jsonl", "missing.jsonl: no such file or folder"),
    ],
)
def test_what_is_no_data_set_is_one_clear_line(data: Any, said: str) -> None:
    with pytest.raises(curate.UserError) as error:
        judged(data)
    assert str(error.value).startswith(said)


@pytest.mark.parametrize(
    "name", ["", ".", "..", "a/b", "../a", r"a\b", "a b", "a\0b", "a\ud800", "\u202ea", "a" * 300, 3]
)
def test_a_name_that_leads_elsewhere_is_refused_and_nothing_is_written(tmp_path: Path, name: Any) -> None:
    sets = datasets.DatasetDict({"train": datasets.Dataset.from_dict({"label": ["x"]})})
    for data in (pl.DataFrame({"label": ["x"]}), sets):
        with pytest.raises(curate.UserError, match="not a name for a source"):
            judged({name: data}, out=tmp_path / "in" / "run")
    assert list(tmp_path.iterdir()) == []


def test_a_temporary_run_goes_with_its_result() -> None:
    result = judged(pl.DataFrame({"label": LABELS}))
    report = result.report()
    assert report.is_file()
    del result
    gc.collect()
    assert not report.parent.parent.exists()


class Tags(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.texts: list[str] = []
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.texts.append(data)


def test_a_notebook_shows_verdicts_and_rules_and_no_markup_from_data() -> None:
    result = judged({"<b>set": pl.DataFrame({"label": ["x^2^3", "<script>"]})})
    shown = Tags(result._repr_html_())
    assert set(shown.tags) <= {"p", "table", "thead", "tbody", "tr", "th", "td", "br", "code"}
    assert "<b>set" in shown.texts
    assert {"SYN006", "double-script", "error"} <= set(shown.texts)
    assert repr(result).startswith("2 samples in ")


def test_the_packages_show_what_they_offer_and_import_fast() -> None:
    code = (
        "import sys, curate, rules, finetune\n"
        "heavy = {'polars', 'numpy', 'pyarrow', 'click', 'PIL', 'datasets'} & set(sys.modules)\n"
        "assert not heavy, heavy\n"
        "for package in (curate, rules, finetune):\n"
        "    assert dir(package) == sorted(package.__all__), dir(package)\n"
        "    [getattr(package, name) for name in package.__all__]\n"
        "assert dir(finetune) == ['score']\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
