"""Without extras, on a system like Windows, texsieve reads, checks, fixes, audits and exports, or names the extra."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import datasets
import polars as pl
import pytest
from PIL import Image, ImageDraw

ROOT = Path(__file__).parents[3]
#: Runs each list of arguments as a separate command, all in one process; prints the exit codes.
CODE = """
import json, sys
import bare
from curate.base.terminal import run
from curate.cli.main import main_group as curate
from finetune.cli.main import main_group as finetune
groups = {"curate": curate, "finetune": finetune}
print("codes", [run(name, groups[name], rest) for name, *rest in json.loads(sys.argv[1])])
"""


def bare(folder: Path, *commands: list[str]) -> tuple[list[int], str, str]:
    """(exit codes, standard output, standard error) of commands in one bare process."""
    places = (ROOT / "tests/helpers", ROOT)
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(map(str, places)),
        "TEXSIEVE_CACHE": str(folder / "cache"),
    }
    done = subprocess.run(
        [sys.executable, "-c", CODE, json.dumps(commands)],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    printed, _, codes = done.stdout.rpartition("codes ")
    assert codes, done.stderr
    return json.loads(codes), printed, done.stderr


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three labels and their images, as JSON lines and as `datasets` saves them."""
    folder = tmp_path_factory.mktemp("bare")
    labels = [r"x \leq 1", "$y^2$", r"\frac{a}{b"]
    (folder / "set").mkdir()
    for at in range(3):
        picture = Image.new("L", (120 + at, 40), 255)
        ImageDraw.Draw(picture).line((10, 10, 100 - 9 * at, 30), fill=0, width=3)
        picture.save(folder / "set" / f"{at}.png")
    rows = [{"image": f"{at}.png", "label": label} for at, label in enumerate(labels)]
    lines = "".join(json.dumps(row) + "\n" for row in rows)
    (folder / "set/labels.jsonl").write_text(lines, encoding="utf-8")
    pictures = [str(folder / "set" / row["image"]) for row in rows]
    saved = datasets.Dataset.from_dict({"image": pictures, "label": labels}).cast_column("image", datasets.Image())
    saved.save_to_disk(str(folder / "saved"))
    return folder


def test_the_core_does_its_work_without_extras_and_without_what_windows_lacks(data: Path) -> None:
    codes, _, told = bare(
        data,
        ["curate", "check", "--latex", "x^2", "--fail-on", "error"],
        ["curate", "fix", "set/labels.jsonl", "--out", "fixed.jsonl"],
        ["curate", "audit", "set/labels.jsonl", "saved=hf:saved", "--out", "run"],
        ["curate", "audit", "set/labels.jsonl", "saved=hf:saved", "--out", "run", "--update"],
        ["curate", "findings", "run"],
        ["curate", "export", "run", "--out", "out", "--fix", "safe", "--splits", "train=1"],
    )
    assert codes == [0] * 6, told
    # Read with packages that the bare process lacks.
    loaded = datasets.load_dataset(str(data / "out"), split="train")
    assert sorted(loaded["label"]) == [r"x \leq 1"] * 2 + ["y^2"] * 2
    summary = json.loads((data / "run/summary.json").read_text(encoding="utf-8"))
    assert summary["run"]["peak_memory_bytes"] is None
    assert pl.read_parquet(data / "run/samples.parquet").height == 6


def test_what_needs_the_hub_names_its_extra(data: Path) -> None:
    predict = ["finetune", "predict", "model", "set/labels.jsonl", "--server", "http://127.0.0.1:9", "--out", "p.jsonl"]
    codes, _, told = bare(
        data,
        ["curate", "audit", "hf:me/formulas", "--out", "hub"],
        ["curate", "export", "run", "--out", "sent", "--push-to-hub", "me/formulas"],
        predict,
    )
    assert codes == [2, 2, 2]
    assert told.splitlines() == [
        "curate: error: hf:me/formulas: reading from the Hugging Face hub needs the package datasets: "
        "pip install 'texsieve[hub]'",
        "curate: error: --push-to-hub needs the package huggingface_hub: pip install 'texsieve[hub]'",
        "finetune: error: a data set to train or predict on needs the package datasets: pip install 'texsieve[hub]'",
    ]
    assert not (data / "sent").exists()
