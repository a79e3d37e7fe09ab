"""The program `texsieve`: it has every command of `curate` and `finetune`, and each is the same command."""

from __future__ import annotations

import subprocess
import sys
import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from curate.base.terminal import run
from curate.cli.main import main_group as curate_group
from finetune.cli.main import main_group as finetune_group
from finetune.cli.texsieve import RENAMED, main_group

ROOT = Path(__file__).resolve().parents[3]


def test_every_command_of_both_is_there_once() -> None:
    both = main_group.all_commands
    ours, theirs = curate_group.all_commands, finetune_group.all_commands
    assert set(RENAMED) == set(ours) & set(theirs)
    assert len(both) == len(ours) + len(theirs)
    assert all(both[name] is command for name, command in ours.items())
    assert all(both[RENAMED.get(name, name)] is command for name, command in theirs.items())


def test_the_script_is_declared() -> None:
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["scripts"]
    assert set(scripts) == {"curate", "finetune", "texsieve"}
    for entry in scripts.values():
        module, _, name = entry.partition(":")
        assert callable(getattr(import_module(module), name))


def test_it_names_itself_in_errors(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run("texsieve", main_group, ["check", str(tmp_path / "none.txt"), str(tmp_path / "no.txt")]) == 2
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["texsieve", "texsieve"]
    predictions = tmp_path / "before.jsonl"
    predictions.write_text("{}")
    assert run("texsieve", main_group, ["compare", str(predictions)]) == 2
    assert "`finetune compare` compares files of predictions" in capsys.readouterr().err


def test_a_command_loads_nothing_of_the_other_program() -> None:
    program = "import sys; from finetune.cli.texsieve import main\ntry: main()\nexcept SystemExit: pass\n"
    program += "print(sorted({'torch', 'transformers', 'datasets', 'fiftyone'} & set(sys.modules)))"
    done = subprocess.run(
        [sys.executable, "-c", program, "check", "--latex", "x"], capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert done.stdout.splitlines()[-1] == "[]"
