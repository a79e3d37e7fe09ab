"""`curate export` on the command line: flags, project file, output, exit codes."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

import datasets
import pytest
from run_makers import dropped, labels_only, make_run, table

from curate import demo
from curate.base.errors import UserError
from curate.base.terminal import run as run_command
from curate.cli.main import main_group
from curate.export.decide.options import make_options


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `curate export` in an empty folder with a run in it: exit code, output, errors."""
    monkeypatch.chdir(tmp_path)
    rows = [*labels_only(60), {"sample_id": "s/bad", "label": r"\frac{", "score": 0.2}]
    make_run(tmp_path / "run", rows, [{"sample_id": "s/bad", "rule": "SYN001"}])

    def run_it(*arguments: str) -> tuple[int, str, str]:
        code = run_command("curate", main_group, ["export", *arguments])
        return code, *capsys.readouterr()

    return run_it


def test_an_export_says_what_became_of_the_samples_and_how_to_load_them(call) -> None:
    code, out, err = call("run", "--out", "out", "--allow-no-image")
    assert (code, err) == (0, "")
    assert "SYN001" in out
    assert "60 samples of 61 kept; licence: none known" in out
    assert 'load_dataset("out")' in out
    assert Path("out/manifest.json").is_file()


def test_a_dry_run_prints_the_same_table_and_writes_nothing(call) -> None:
    code, out, _ = call("run", "--out", "out", "--allow-no-image", "--dry-run", "--push-to-hub", "me/x")
    assert code == 0
    assert "60 samples of 61 would be kept" in out
    assert "nothing written; out would get 3 shards" in out
    assert "would send to https://huggingface.co/datasets/me/x (private if it is new):" in out
    assert "  data/train-00000-of-00001.parquet" in out
    assert [path.name for path in Path().iterdir()] == ["run"]


def test_check(call) -> None:
    call("run", "--out", "out", "--allow-no-image")
    assert call("--check", "out")[:2] == (0, "out: 7 files as in manifest.json\n")
    Path("out/README.md").unlink()
    code, out, _ = call("--check", "out")
    assert code == 1
    assert out == "missing  README.md\nout: 1 file not as in manifest.json\n"
    code, _, err = call("--check", "run")
    assert code == 2
    assert err.startswith("curate: error: run: holds no manifest.json")


def test_check_can_list_what_would_be_sent(call) -> None:
    call("run", "--out", "out", "--allow-no-image")
    code, out, _ = call("--check", "out", "--push-to-hub", "me/x", "--dry-run")
    assert code == 0
    assert "  README.md  " in out


def test_the_demo_ends_with_a_data_set_the_line_that_loads_it_and_what_to_open_next(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr(demo, "make_demo", partial(demo.make_demo, size=40))
    assert run_command("curate", main_group, ["demo"]) == 0
    *_, said, _, last = capsys.readouterr().out.splitlines()
    assert said.startswith("load it   from datasets import load_dataset; ")
    assert Path(next(word for word in last.split() if word.endswith(".html"))).is_file()
    assert last.endswith("curate browse demo/run")
    found: dict[str, Any] = {}
    exec(said.removeprefix("load it   "), found)
    assert found["dataset"]["train"][0]["image"].mode == "RGB"
    assert sum(len(part) for part in found["dataset"].values()) > 40
    assert call_check(capsys) == "demo/dataset"


def test_what_loads_a_data_set_must_be_installed(
    call, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The core doesn't have the package `datasets`, which loads what it wrote."""
    monkeypatch.setattr("curate.export.tell.overview.is_there", lambda module: module != "datasets")
    lines = call("run", "--out", "out", "--allow-no-image")[1].splitlines()
    assert lines[-2] == "to load   pip install 'texsieve[hub]'"
    assert lines[-1].startswith("load it   from datasets import load_dataset; ")
    assert "This needs `pip install datasets`." in Path("out/README.md").read_text()
    monkeypatch.setattr("curate.export.tell.overview.is_there", lambda module: True)
    assert "texsieve[hub]" not in call("run", "--out", "two", "--allow-no-image")[1]


def test_a_split_without_samples_is_told_with_what_to_do(call) -> None:
    arguments = ["run", "--allow-no-image", "--out"]
    splits = ["--splits", "train=.998,validation=.001,test=.001"]
    said = " ".join(call(*arguments, "out", *splits)[1].split())
    assert "No samples in validation and test: labels are assigned at random, and 0.1 % of " in said
    assert "or another --seed." in said
    assert "No samples in validation and test" in Path("out/README.md").read_text()
    assert "No samples in" not in call(*arguments, "two", "--splits", "train=.6,validation=.2,test=.2")[1]
    assert "No samples in" not in call(*arguments, "three", "--splits", "train=1")[1]


def call_check(capsys: pytest.CaptureFixture[str]) -> str:
    """What `--check` reports as complete in the demo's export."""
    assert run_command("curate", main_group, ["export", "--check", "demo/dataset"]) == 0
    return capsys.readouterr().out.split(":")[0]


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["run"], "say where to write with --out DIR, or what to verify with --check DIR"),
        (["--out", "out"], "no run given; name the folder"),
        (["nowhere", "--out", "out"], "nowhere: no such run folder"),
        (["run", "--out", "run"], "run: already exists"),
        (["run", "--out", "out", "--splits", "train=.5"], "add up to 0.5, not to 1"),
        (["run", "--out", "out", "--splits", "train"], "'train' is not NAME=SHARE"),
        (["run", "--out", "out", "--splits", "a=.5,a=.5"], "'a' is named twice"),
        (["run", "--out", "out", "--drop", "NOPE"], "--drop: no rule is called 'NOPE'"),
        (["run", "--out", "out"], "nothing is left of 61 samples; most often: no image"),
        (["run", "--out", "out", "--push-to-hub", "a/b/c"], "not a repository's id"),
        (["run", "--check", "out"], "--check verifies a data set and takes no RUN"),
    ],
    ids=str,
)
def test_errors_are_one_line(call, arguments: list[str], words: str) -> None:
    code, out, err = call(*arguments)
    assert (code, out) == (2, "")
    assert err.startswith("curate: error: ")
    assert err.count("\n") == 1
    assert words in err
    assert not Path("out").exists()


def test_licences_that_clash_are_an_error_until_confirmed(call) -> None:
    Path("texsieve.toml").write_text('[licences]\ns = "CC BY-NC 4.0"\n')
    arguments = ["run", "--out", "out", "--allow-no-image", "--licence", "mit"]
    code, _, err = call(*arguments)
    assert code == 2
    assert "licences conflict: s is under CC BY-NC 4.0, not for commercial use, which MIT would allow" in err
    assert not Path("out").exists()
    code, out, _ = call(*arguments, "--dry-run")
    assert code == 0
    assert "licences conflict: s is under" in out
    assert call(*arguments, "--allow-licence-clash")[0] == 0
    assert "Their licences conflict" in Path("out/README.md").read_text()


def test_the_project_file_says_what_flags_do_not(call) -> None:
    Path("texsieve.toml").write_text(
        '[export]\nmin_score = 0.1\nkeep = ["error"]\nallow_no_image = true\nsplits = { train = 0.5, test = 0.5 }\n'
    )
    assert call("run", "--out", "out")[0] == 0
    assert dropped(Path("out")) == {}
    assert set(table(Path("out"))["split"]) == {"train", "test"}
    assert call("run", "--out", "two", "--min-score", "0.5", "--splits", "train=1")[0] == 0
    assert dropped(Path("two")) == {"s/bad": "score"}
    assert set(table(Path("two"))["split"]) == {"train"}


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"min_scor": 1}, r"unknown key '\[export\] min_scor'; did you mean '\[export\] min_score'\?"),
        ({"drop": "SYN"}, "drop must be a list of texts, not 'SYN'"),
        ({"seed": True}, "seed must be a whole number, not True"),
        ({"drop": [1]}, r"drop must be a list of texts, not \[1\]"),
        ({"licences": {}}, r"unknown key '\[export\] licences'"),
        ({"max_repeats": 2.5}, "max_repeats must be a whole number, not 2.5"),
    ],
    ids=str,
)
def test_a_wrong_project_file_is_an_error(settings: dict[str, object], words: str) -> None:
    with pytest.raises(UserError, match=words):
        make_options(settings, {})
