"""A training's folder: when a training can start or resume, which checkpoint counts, what the losses look like."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from threading import Event, Thread
from typing import Any

import pytest

from curate.base.errors import UserError
from finetune.models.facts import check_model
from finetune.settings.config import Config, load_config
from finetune.train import run_folder
from finetune.train.loss_plot import losses_svg
from finetune.train.run_folder import RunFolder

_FILES = ("adapter_config.json", "adapter_model.safetensors", "optimizer.pt", "scheduler.pt")


def _begun(path: Path, state: str = "training", *settings: str) -> RunFolder:
    folder = RunFolder(path)
    folder.begin(load_config(None, settings), {"data_sha256": {}})
    folder.set_state(state)  # type: ignore[arg-type]
    return folder


def _checkpoint(folder: RunFolder, step: int, **state: Any) -> Path:
    path = folder.checkpoints / f"checkpoint-{step}"
    path.mkdir(parents=True)
    for name in _FILES:
        (path / name).write_text("x")
    (path / "trainer_state.json").write_text(json.dumps({"global_step": step, **state}))
    return path


def test_a_training_begins_in_no_folder_an_empty_one_or_one_that_was_only_prepared(tmp_path: Path) -> None:
    RunFolder(tmp_path / "new").check_new()
    (tmp_path / "empty").mkdir()
    RunFolder(tmp_path / "empty").check_new()
    _begun(tmp_path / "prepared", "preparing").check_new()


@pytest.mark.parametrize(
    ("state", "said"), [("training", "--resume continues it"), ("finished", "a finished training")]
)
def test_a_training_never_begins_over_another(tmp_path: Path, state: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        _begun(tmp_path / "run", state).check_new()


def test_a_folder_of_something_else_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(UserError, match="not the folder of a training"):
        RunFolder(tmp_path).check_new()
    with pytest.raises(UserError, match="is a file"):
        RunFolder(tmp_path / "notes.txt").check_new()


@pytest.mark.parametrize("text", ['{"state": "TX"}', "{}", "[1]", "3"])
def test_a_state_of_something_else_is_left_alone(tmp_path: Path, text: str) -> None:
    (tmp_path / "state.json").write_text(text)
    (tmp_path / "config.yaml").write_text("mine")
    with pytest.raises(UserError, match="not the folder of a training"):
        RunFolder(tmp_path).check_new()


def test_resuming_needs_a_training_that_was_stopped(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no training to resume"):
        RunFolder(tmp_path / "none").check_resume(Config())
    with pytest.raises(UserError, match="is finished"):
        _begun(tmp_path / "done", "finished").check_resume(Config())
    _begun(tmp_path / "stopped").check_resume(Config())


def test_two_trainings_are_never_in_one_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_folder, "_WAIT", 0.3)
    path = tmp_path / "run"
    with RunFolder(path).alone():
        RunFolder(path).check_new()  # the lock doesn't make it another program's folder
        for enter in (RunFolder(path).check_alone, RunFolder(path).alone().__enter__):
            with pytest.raises(UserError, match="another training is running in this folder"):
                enter()
        _begun(path)
    RunFolder(path).check_alone()
    assert sorted(entry.name for entry in path.iterdir()) == ["config.yaml", "environment.json", "state.json"]


def test_one_that_waited_for_another_is_alone_then(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first removes the lock file when it ends. The second must not hold a deleted file."""
    path, inside, over = tmp_path / "run", Event(), Event()

    def wait_and_train() -> None:
        with RunFolder(path).alone():
            inside.set()
            over.wait(10)

    second = Thread(target=wait_and_train)
    with RunFolder(path).alone():
        _begun(path, "preparing")
        second.start()
        assert not inside.wait(0.5)
    assert inside.wait(5)
    monkeypatch.setattr(run_folder, "_WAIT", 0.3)
    try:
        for enter in (RunFolder(path).check_alone, RunFolder(path).alone().__enter__):
            with pytest.raises(UserError, match="another training is running in this folder"):
                enter()
    finally:
        over.set()
        second.join()
    RunFolder(path).check_alone()


def test_a_killed_training_s_lock_is_waited_for(tmp_path: Path) -> None:
    """Processes that open images outlive a killed training by some seconds, and hold its lock."""
    folder = RunFolder(tmp_path / "run")
    folder.path.mkdir()
    hold = (
        "import fcntl, sys, time; f = open(sys.argv[1], 'a'); fcntl.flock(f, fcntl.LOCK_EX); print(1, flush=True); "
        "time.sleep(1)"
    )
    with subprocess.Popen([sys.executable, "-c", hold, folder.path / ".lock"], stdout=subprocess.PIPE) as other:
        assert other.stdout is not None
        other.stdout.readline()
        folder.check_alone()
        with folder.alone():
            assert other.wait() == 0


def _moved_away(adapter: Path) -> None:
    """What a training leaves if it is killed while it replaces an adapter on a system that needs two renames for it."""
    old = adapter.parent / f".{adapter.name}.abcd_123.old" / adapter.name
    old.mkdir(parents=True)
    (old / "adapter_config.json").write_text("{}", encoding="utf-8")
    (adapter.parent / f".{adapter.name}.efgh_456.tmp").mkdir()


def test_the_best_adapter_that_a_killed_training_moved_away_is_put_back(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = _begun(tmp_path / "run")
    _moved_away(folder.path / "best")
    folder.tidy()
    assert (folder.path / "best" / "adapter_config.json").is_file()
    assert not list(folder.path.glob(".*"))
    assert capsys.readouterr().err.startswith(f"{folder.path / 'best'}: put back from .best.abcd_123.old")


def test_an_adapter_that_was_moved_away_is_put_back_when_it_is_named(tmp_path: Path) -> None:
    _moved_away(tmp_path / "run" / "best")
    check_model(str(tmp_path / "run" / "best"))
    assert (tmp_path / "run" / "best" / "adapter_config.json").is_file()


def test_a_training_that_was_never_begun_leaves_no_folder(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), RunFolder(tmp_path / "run").alone():
        raise ZeroDivisionError
    assert not (tmp_path / "run").exists()


def test_resuming_with_other_settings_names_them(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    with pytest.raises(UserError, match=r"other settings: lora\.r was 16 and is 8"):
        folder.check_resume(load_config(None, ["lora.r=8"]))
    folder.check_resume(load_config(None, ["train.workers=0", "eval.samples=1", "data.path=elsewhere"]))


def test_only_a_whole_checkpoint_counts(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    assert folder.checkpoint() is None
    nine, ten = _checkpoint(folder, 9), _checkpoint(folder, 10)
    assert folder.checkpoint() == ten  # by number, not by name
    (ten / "optimizer.pt").write_text("")
    assert folder.checkpoint() == nine
    (nine / "trainer_state.json").write_text('{"global_step": 9, "log')
    assert folder.checkpoint() is None


def test_losses_after_the_checkpoint_are_logged_anew(tmp_path: Path) -> None:
    folder = _begun(tmp_path / "run")
    for step in (5, 10, 15):
        folder.add_loss({"step": step, "loss": 1.0})
    folder.restart_losses([{"step": 5, "loss": 1.0}])
    folder.add_loss({"step": 10, "loss": 0.5})
    with (folder.path / "losses.jsonl").open("a") as lines:
        lines.write('{"step": 15, "lo')  # killed while it wrote the line
    assert folder.losses() == [{"step": 5, "loss": 1.0}, {"step": 10, "loss": 0.5}]


def test_the_plot_says_its_numbers_and_leaves_out_what_is_none() -> None:
    svg = losses_svg([(5, 4.0), (10, 1.0), (15, float("nan"))], [(10, 2.0), (15, 0.5)])
    assert "training: 4 at first, 1 at last; validation: 2 at first, 0.5 at last; 15 steps." in svg
    assert "Best: 0.5 at step 15" in svg
    assert svg.count("<polyline") == 2
    assert "nan" not in svg


def test_the_plot_of_nothing_and_of_one_point() -> None:
    assert "No loss was logged" in losses_svg([])
    assert "<polyline" in losses_svg([(1, 0.5)])


def test_the_plot_of_a_long_training_stays_small() -> None:
    assert len(losses_svg([(step, 1 + 1 / step) for step in range(1, 100_000)])) < 40_000
