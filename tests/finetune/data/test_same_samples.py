"""`curate audit` and `finetune train --dry-run` count the same samples and reject the same rows for the same reason."""

from __future__ import annotations

import json
import re
import types
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from conversations import MISFITS, misfit_records
from PIL import Image
from stub_processor import StubProcessor

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from finetune.cli.main import main_group as finetune
from finetune.models import hardware
from finetune.models.shapes import ModelShape
from finetune.settings.config import load_config
from finetune.train import plan
from finetune.train.run_folder import RunFolder


@pytest.fixture(autouse=True)
def _no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    shape = types.SimpleNamespace(spec=ModelShape)
    monkeypatch.setattr(hardware, "require_packages", lambda: None)
    monkeypatch.setattr(plan, "load_processor", lambda config, **pixels: StubProcessor(**pixels))
    monkeypatch.setattr(plan, "check_reachable", lambda name: None)
    monkeypatch.setattr(plan, "_shape", lambda config, family: shape)
    monkeypatch.setattr(plan, "estimate", lambda *_: None)
    monkeypatch.setattr(plan, "_lines", lambda made: [("", line) for line in made.data.told()])


def _write(folder: Path, form: str) -> Path:
    folder.mkdir()
    Image.new("L", (56, 56), 255).save(folder / "a.png")
    records = misfit_records()
    text = json.dumps(records) if form != "lines" else "".join(f"{json.dumps(record)}\n" for record in records)
    path = folder / ("data.jsonl" if form == "lines" else "data.json")
    path.write_text(text)
    if form != "folder":
        return path
    tags = {"role_tag": "role", "content_tag": "content", "user_tag": "user", "assistant_tag": "assistant"}
    entry = {"file_name": "data.json", "formatting": "sharegpt", "columns": {"messages": "messages"}, "tags": tags}
    (folder / "dataset_info.json").write_text(json.dumps({"mine": entry}))
    return folder


@pytest.mark.parametrize("form", ["lines", "array", "folder"])
def test_both_count_the_same(form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = _write(tmp_path / "data", form), tmp_path / "run"
    assert run("curate", curate, ["audit", str(data), "--out", str(out)]) == 0
    capsys.readouterr()
    (audited,) = json.loads((out / "summary.json").read_text())["sources"]
    assert run("finetune", finetune, ["train", "--dry-run", "16gb", f"data.path={data}", "data.validation=null"]) == 0
    told = capsys.readouterr().out
    counted = {reason: int(number) for number, reason in re.findall(r"(\d+) left out: (.*)", told)}
    assert counted == audited["unreadable_by_reason"]
    if form != "folder":  # a dataset_info.json names the columns, so other rows are left out
        assert counted == Counter(reason for reason, _ in MISFITS)
    made = plan.make_plan(load_config("16gb", [f"data.path={data}", "data.validation=null"]))
    assert len(made.train.rows) == audited["samples"]
    assert f"{audited['samples']} of {audited['rows']} rows are samples" in told
    import polars as pl

    samples = pl.read_parquet(out / "samples.parquet")
    assert samples["sample_id"].to_list() == made.train.rows["sample_id"][:]
    assert samples["label"].to_list() == made.train.rows["label"][:]
    # A sample that doesn't fit the model has its own reasons.
    assert made.train.checked.reasons() == {"no-image": 1, "unreadable": 1, "no-answer": 1}


def test_rows_that_are_none_are_listed_and_stop_a_training_where_that_is_asked(tmp_path: Path) -> None:
    data = _write(tmp_path / "data", "lines")
    settings = [f"data.path={data}", "data.validation=null"]
    made = plan.make_plan(load_config("16gb", settings))
    plan.check_policy(made)
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    folder.write_unfit({"train": made.train.checked}, made.data.first)
    lines = [json.loads(line) for line in (folder.path / "unfit.jsonl").read_text().splitlines()]
    assert [line["line"] for line in lines if "line" in line] == [
        len(MISFITS) + at for at in range(1, len(MISFITS) + 1)
    ]
    assert [line["reason"] for line in lines if "sample_id" in line] == ["no-answer", "no-image", "unreadable"]
    with pytest.raises(UserError, match=rf"{len(MISFITS)} of its .* are unusable"):
        plan.check_policy(plan.make_plan(load_config("16gb", [*settings, "data.unfit=error"])))


def test_a_set_that_is_mostly_no_samples_is_not_trained_on(tmp_path: Path) -> None:
    Image.new("L", (56, 56), 255).save(tmp_path / "a.png")
    records: list[Any] = [misfit_records()[0], *(record for _, record in MISFITS)]
    (tmp_path / "data.json").write_text(json.dumps(records))
    made = plan.make_plan(load_config("16gb", [f"data.path={tmp_path / 'data.json'}", "data.validation=null"]))
    with pytest.raises(UserError, match=r"most of its rows, .* are unusable"):
        plan.check_policy(made)
