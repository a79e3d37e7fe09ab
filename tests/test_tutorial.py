"""The tutorial's commands up to the export, run as written on four small sets in the layouts that it names."""

from __future__ import annotations

import json
import re
import shlex
from pathlib import Path

import layout_makers
import polars as pl
import pytest

from curate.base.terminal import run
from curate.cli.main import main_group

PAGE = (Path(__file__).resolve().parents[1] / "docs/tutorial.md").read_text(encoding="utf-8")
#: These open a page or need a model's answers; other tests cover them.
_LEFT_OUT = ("doctor", "browse")


def test_the_commands_run_and_repair_what_the_page_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    makers = {"hme100k": "hme100k", "im2latex": "im2latex_parquet", "mlhme": "mlhme38k", "m2e": "m2e"}
    for folder, maker in makers.items():
        (tmp_path / "data" / folder).mkdir(parents=True)
        getattr(layout_makers, maker)(tmp_path / "data" / folder, 12)
    broken, repaired = re.findall(r"^```(?:text|latex)\n(1 5.*?|\\begin.*?)\n```", PAGE, re.MULTILINE | re.DOTALL)
    file = tmp_path / "data/m2e/train.jsonl"
    rows = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    file.write_text("".join(json.dumps({**row, "tex": broken}) + "\n" for row in rows), encoding="utf-8")

    before = PAGE.partition("## 5.")[0]
    lines = re.findall(r"^curate .+$", before, re.MULTILINE)
    asked = [shlex.split(line.partition("|")[0], comments=True)[1:] for line in lines]
    asked = [words for words in asked if words[0] not in _LEFT_OUT]
    assert [words[0] for words in asked] == ["audit", "fix", "fix", "audit", "diff", "export"]
    for words in asked:
        assert run("curate", main_group, words) == 0, words

    first = json.loads((tmp_path / "run/summary.json").read_text(encoding="utf-8"))
    assert {entry["name"]: entry["verdict"] for entry in first["sources"]}["m2e"] == "unfit"
    fixed = pl.read_parquet(tmp_path / "run-2/samples.parquet").filter(
        pl.col("source") == "m2e", pl.col("split") == "train"
    )
    assert set(fixed["label"]) == {repaired}
    again = json.loads((tmp_path / "run-2/summary.json").read_text(encoding="utf-8"))
    (m2e,) = (entry for entry in again["sources"] if entry["name"] == "m2e")
    assert "ENV005" not in {rule["rule"] for rule in m2e["rules"]}, "the page says that tables are accepted"
    assert fixed["width"].null_count() == 0
    assert (tmp_path / "dataset/README.md").is_file()
