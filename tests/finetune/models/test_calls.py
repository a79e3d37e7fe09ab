"""What Unsloth is given, and what is said of a training's errors. Uses stand-ins; test_training has the real ones."""

from __future__ import annotations

import errno
import sys
import types
from pathlib import Path
from typing import Any

import pytest
from extra import require_finetune
from stub_processor import StubProcessor

from curate.base.errors import UserError
from finetune.models import hardware, load
from finetune.settings.config import ModelConfig
from finetune.train import loop

pytestmark = pytest.mark.finetune


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """The arguments of every call of `FastVisionModel.from_pretrained`."""
    require_finetune()
    found: list[dict[str, Any]] = []

    def from_pretrained(name: str, **arguments: Any) -> tuple[Any, Any]:
        found.append({"name": name, **arguments})
        return types.SimpleNamespace(dtype=None), StubProcessor()

    fake = types.SimpleNamespace(FastVisionModel=types.SimpleNamespace(from_pretrained=from_pretrained))
    monkeypatch.setattr(load, "import_unsloth", lambda: fake)
    return found


def test_the_gpu_is_not_woken_before_unsloth_set_how_its_memory_is_shared_out(monkeypatch: pytest.MonkeyPatch) -> None:
    require_finetune()
    import torch

    monkeypatch.delenv("UNSLOTH_ALLOW_CPU", raising=False)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 1)
    for name in ("_lazy_init", "init", "get_device_properties", "mem_get_info"):
        monkeypatch.setattr(torch.cuda, name, lambda *_: pytest.fail("the GPU was woken"))
    hardware.require_gpu()


def test_what_unsloth_has_against_a_machine_is_one_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "unsloth.py").write_text("raise NotImplementedError('Unsloth: this GPU is too old\\nUpdate it')\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "unsloth", raising=False)
    monkeypatch.setattr(load, "require_gpu", lambda: None)
    with pytest.raises(UserError, match=r"on this machine: Unsloth: this GPU is too old; --debug shows more"):
        load.import_unsloth()


def _load(**settings: Any) -> Any:
    return load.load_model(ModelConfig(**settings), max_length=64, min_pixels=3136, max_pixels=200704, seed=7)[1]


def test_a_model_is_loaded_as_the_settings_say(calls: list[dict[str, Any]]) -> None:
    processor = _load()
    assert calls == [
        {
            "name": "unsloth/Qwen2.5-VL-3B-Instruct",
            "load_in_4bit": True,
            "max_seq_length": 64,
            "dtype": None,  # Unsloth decides: bfloat16 if the GPU has it, else float16
            "revision": None,
            "use_exact_model_name": False,
            "use_gradient_checkpointing": "unsloth",
            "random_state": 7,
        }
    ]
    assert processor.image_processor.size == {"shortest_edge": 3136, "longest_edge": 200704}


def test_a_revision_is_that_of_the_repository_that_was_named(calls: list[dict[str, Any]]) -> None:
    """In 4 bits, Unsloth loads another repository, which lacks the revision, and silently takes its newest one."""
    _load(revision="v1")
    assert (calls[0]["revision"], calls[0]["use_exact_model_name"]) == ("v1", True)


def test_the_cause_is_said_and_not_the_headline(calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch) -> None:
    def from_pretrained(name: str, **arguments: Any) -> Any:
        raise RuntimeError(
            "Unsloth: Failed to load model.\n\nAutoConfig error: no config.json\n\nPeftConfig error: none\n"
        )

    monkeypatch.setattr(load.import_unsloth().FastVisionModel, "from_pretrained", from_pretrained)
    with pytest.raises(UserError, match=r"the model can't be loaded: no config\.json$"):
        _load()


def test_bfloat16_is_not_silently_float16_on_an_old_gpu(
    calls: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(load, "gpus", lambda: [hardware.Gpu("Tesla T4", 10**9, (7, 5))])
    with pytest.raises(UserError, match="bfloat16, which Tesla T4 doesn't have; use auto or float16"):
        _load(dtype="bfloat16")
    _load()
    monkeypatch.setattr(load, "gpus", lambda: [hardware.Gpu("A100", 10**9, (8, 0))])
    _load(dtype="bfloat16")
    assert [str(call["dtype"]) for call in calls] == ["None", "torch.bfloat16"]


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (
            RuntimeError("CUDA error: out of memory"),
            "out of GPU memory after step 9. If it was evaluating, use --resume",
        ),
        (OSError(errno.ENOSPC, "No space left on device"), "the disk is full after step 9; make room, and --resume"),
        (
            RuntimeError("[enforce fail] PytorchStreamWriter failed writing file data/3"),
            "the disk is full after step 9",
        ),
        (ValueError("Error while serializing: No space left on device (os error 28)"), "the disk is full after step 9"),
        (
            FileNotFoundError(
                "Caught FileNotFoundError in DataLoader worker process 0.\nOriginal Traceback:\n  a.py\n"
                "FileNotFoundError: [Errno 2] No such file or directory: 'images/7.png'\n"
            ),
            "ended after step 9: FileNotFoundError: [Errno 2] No such file or directory: 'images/7.png'; fix this",
        ),
        (
            ValueError("Error while serializing: I/O error: Input/output error (os error 5)"),
            "ended after step 9: Error while serializing: I/O error: Input/output error (os error 5); fix this",
        ),
        (RuntimeError("mat1 and mat2 shapes cannot be multiplied"), None),
        (UserError("the loss is no number any more"), None),
    ],
)
def test_a_full_memory_and_a_full_disk_are_said(error: Exception, told: str | None) -> None:
    require_finetune()
    found = loop._why_it_ended(error, 9)
    assert found is None if told is None else str(found).startswith(told)
