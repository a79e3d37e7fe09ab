"""What happens at logs and evaluations: lines, best adapter, early stop."""

from __future__ import annotations

import errno
import importlib
import sys
import types
from pathlib import Path
from typing import Any

import pytest

from curate.base.errors import UserError
from finetune.settings.config import load_config
from finetune.train.run_folder import RunFolder
from rules import faults


@pytest.fixture
def watching(monkeypatch: pytest.MonkeyPatch) -> Any:
    """The module, with a stub base class that saves the import of transformers."""
    monkeypatch.setitem(sys.modules, "transformers", types.SimpleNamespace(TrainerCallback=object))
    monkeypatch.delitem(sys.modules, "finetune.train.callbacks", raising=False)
    yield importlib.import_module("finetune.train.callbacks")
    sys.modules.pop("finetune.train.callbacks", None)


class Run:
    """A trainer that only returns its log."""

    def __init__(self, watching: Any, path: Path, *settings: str, first: bool = True, ask: Any = None) -> None:
        self.folder, self.saved, self.notes = RunFolder(path), [], []  # type: ignore[var-annotated]
        config = load_config(None, settings)
        self.folder.begin(config, {})
        self.state = types.SimpleNamespace(log_history=[], global_step=0, max_steps=50, is_world_process_zero=first)
        self.control = types.SimpleNamespace(should_training_stop=False)
        self.watch = watching.Watch(
            self.folder,
            config,
            self._save,
            ask or (lambda step, loss: (None, 1, 2)),
            lambda *_: None,
            self.notes.append,
        )
        self.watch.on_train_begin(None, self.state, self.control)

    def _save(self, name: str) -> None:
        self.saved.append((name, self.state.global_step))

    def log(self, step: int, **values: float) -> None:
        self.state.global_step = step
        self.state.log_history.append({**values, "step": step})
        self.watch.on_log(None, self.state, self.control, logs=values)

    def evaluate(self, step: int, loss: float) -> None:
        self.log(step, eval_loss=loss)
        self.watch.on_evaluate(None, self.state, self.control)


def test_the_best_adapter_is_kept_and_the_training_stops_when_it_gets_no_better(watching: Any, tmp_path: Path) -> None:
    run = Run(watching, tmp_path / "run", "eval.patience=2")
    for step, loss in ((10, 3.0), (20, 1.0), (30, 2.0)):
        run.evaluate(step, loss)
    assert run.saved == [("best", 10), ("best", 20)]
    assert not run.control.should_training_stop
    run.evaluate(40, 1.5)
    assert run.control.should_training_stop
    assert run.watch.ended == "no better result on the validation set in 2 evaluations"
    assert run.notes[1] == "step 20 of 50: loss on the validation set 1, 1 of 2 samples look right (the best so far)"
    assert "Best: 1 at step 20" in (run.folder.path / "losses.svg").read_text()


def test_samples_that_can_not_be_read_end_no_training(watching: Any, tmp_path: Path) -> None:
    def ask(step: int, loss: float) -> tuple[float, int, int]:
        raise UserError("s/1: out of memory with this image alone (9 × 9 pixels); let the processor scale images down")

    run = Run(watching, tmp_path / "run", ask=ask)
    run.evaluate(10, 1.0)
    assert run.notes == [
        "step 10 of 50: loss on the validation set 1; no page of samples: s/1: out of memory with this image alone "
        "(9 × 9 pixels) (the best so far)"
    ]
    assert run.saved == [("best", 10)]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (OSError(errno.ENOSPC, "No space left on device"), "[Errno 28] No space left on device"),
        (ZeroDivisionError("a metric that divides"), "ZeroDivisionError: a metric that divides"),
    ],
)
def test_a_page_that_fails_ends_no_training(watching: Any, tmp_path: Path, error: Exception, said: str) -> None:
    def ask(step: int, loss: float) -> tuple[float, int, int]:
        raise error

    run = Run(watching, tmp_path / "run", ask=ask)
    with faults.collected(strict=False) as found:
        run.evaluate(10, 1.0)
    assert run.notes == [f"step 10 of 50: loss on the validation set 1; no page of samples: {said} (the best so far)"]
    assert run.saved == [("best", 10)]
    assert len(found.all()) == (not isinstance(error, OSError))


def test_the_best_adapter_is_the_one_whose_samples_look_right(watching: Any, tmp_path: Path) -> None:
    """A loss may rise while answers get better. Scores go into the history, which checkpoints keep."""
    scores = {10: 20.0, 20: 40.0, 30: 60.0, 40: 60.0, 50: 50.0}
    run = Run(watching, tmp_path / "run", "eval.patience=2", ask=lambda step, loss: (scores[step], 1, 2))
    for step, loss in ((10, 1.0), (20, 2.0), (30, 3.0), (40, 2.5), (50, 0.1)):
        run.evaluate(step, loss)
    assert run.saved == [("best", 10), ("best", 20), ("best", 30), ("best", 40)]
    assert [line["eval_score"] for line in run.folder.losses()] == list(scores.values())
    assert [line["eval_score"] for line in run.state.log_history] == list(scores.values())
    assert "Best: 2.5 at step 40" in (run.folder.path / "losses.svg").read_text()


def test_where_samples_were_not_read_once_the_loss_decides(watching: Any, tmp_path: Path) -> None:
    scores = {10: 60.0, 20: None, 30: 20.0}
    run = Run(watching, tmp_path / "run", ask=lambda step, loss: (scores[step], 1, 2))
    for step, loss in ((10, 3.0), (20, 2.0), (30, 1.0)):
        run.evaluate(step, loss)
    assert run.saved == [("best", 10), ("best", 20), ("best", 30)]


def test_without_patience_nothing_stops(watching: Any, tmp_path: Path) -> None:
    run = Run(watching, tmp_path / "run", "eval.patience=null")
    for step in range(10, 200, 10):
        run.evaluate(step, float(step))
    assert not run.control.should_training_stop


def test_what_was_logged_before_a_checkpoint_counts_after_it(watching: Any, tmp_path: Path) -> None:
    run = Run(watching, tmp_path / "run", "eval.patience=2")
    run.state.log_history = [{"step": 5, "loss": 2.0}, {"step": 10, "eval_loss": 1.0}, {"step": 20, "eval_loss": 2.0}]
    run.watch.on_train_begin(None, run.state, run.control)
    run.evaluate(30, 1.5)
    assert run.control.should_training_stop
    assert [line["step"] for line in run.folder.losses()] == [5, 10, 20, 30]


def test_of_several_processes_one_writes_and_all_stop(watching: Any, tmp_path: Path) -> None:
    run = Run(watching, tmp_path / "run", "eval.patience=1", first=False)
    run.evaluate(10, 1.0)
    run.evaluate(20, 2.0)
    assert run.control.should_training_stop
    assert run.saved == []
    assert not (run.folder.path / "losses.jsonl").exists()
