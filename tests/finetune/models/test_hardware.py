"""What is said of a GPU or driver that torch can't use. Needs no GPU: the tests supply the driver's answers."""

from __future__ import annotations

import types

import pytest
from extra import require_finetune

from curate.base.errors import UserError
from finetune.models import hardware

#: As in torch 2.14's wheels for CUDA 13.
CUDA_13 = ["sm_75", "sm_80", "sm_86", "sm_90", "sm_100", "sm_120", "compute_120"]


@pytest.mark.parametrize(
    ("capability", "known", "fits"),
    [
        ((7, 0), CUDA_13, False),  # V100
        ((6, 1), CUDA_13, False),
        ((7, 5), CUDA_13, True),  # T4
        ((8, 9), CUDA_13, True),  # RTX 4090: sm_86 also runs on 8.7 to 8.9
        ((10, 3), CUDA_13, True),
        ((11, 0), CUDA_13, False),
        ((13, 0), CUDA_13, True),  # the driver translates compute_120
        ((9, 0), ["sm_90a"], True),
        ((9, 1), ["sm_90a"], False),
        ((8, 0), ["sm_86"], False),
        ((8, 0), ["nonsense"], False),
    ],
)
def test_code_for_a_gpu(capability: tuple[int, int], known: list[str], fits: bool) -> None:
    assert hardware.has_code(capability, known) is fits


@pytest.fixture
def torch(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    require_finetune()
    import torch

    monkeypatch.delenv("UNSLOTH_ALLOW_CPU", raising=False)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    monkeypatch.setattr(torch.version, "cuda", "13.0")
    return torch


def test_a_gpu_that_torch_has_no_code_for_is_named_with_the_remedy(
    torch: types.ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware, "sees_gpu", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_arch_list", lambda: CUDA_13)
    monkeypatch.setattr(hardware, "_listed", lambda: [("Tesla V100-SXM2-16GB", (7, 0))])
    with pytest.raises(UserError, match=r"V100-SXM2-16GB has compute capability 7\.0 \(sm_70\).*whl/cu126"):
        hardware.require_gpu()
    monkeypatch.setattr(hardware, "_listed", lambda: [("Tesla V100-SXM2-16GB", (7, 0)), ("Tesla T4", (7, 5))])
    hardware.require_gpu()
    monkeypatch.setattr(hardware, "_listed", list)  # nothing can be asked, so torch will say it
    hardware.require_gpu()


def test_an_old_driver_is_named_with_the_remedy(torch: types.ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    def init() -> None:
        raise RuntimeError("The NVIDIA driver on your system is too old (found version 11040). Please update your GPU")

    monkeypatch.setattr(hardware, "sees_gpu", lambda: False)
    monkeypatch.setattr(torch.cuda, "init", init)
    with pytest.raises(UserError, match=r"the NVIDIA driver is too old for torch .*built for CUDA 13\.0.*update the"):
        hardware.require_gpu()


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("NVIDIA H100, 80GB HBM3, 9.0\nTesla T4, 7.5\n", [("NVIDIA H100, 80GB HBM3", (9, 0)), ("Tesla T4", (7, 5))]),
        ("No devices were found\n", []),
        ("Tesla K80, [N/A]\n", []),
    ],
)
def test_what_the_drivers_program_lists(
    said: str, found: list[tuple[str, tuple[int, int]]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hardware.subprocess, "run", lambda *_, **__: types.SimpleNamespace(stdout=said))
    assert hardware._listed() == found


def test_attention_is_the_fastest_that_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    def best(capability: tuple[int, int], installed: bool, dtype: str) -> str:
        monkeypatch.setattr(hardware, "gpus", lambda: [hardware.Gpu("X", 1, capability)])
        monkeypatch.setattr(hardware, "find_spec", lambda name: object() if installed else None)
        return hardware.best_attention(dtype)

    assert best((8, 0), True, "torch.bfloat16") == "flash_attention_2"
    assert best((7, 5), True, "torch.float16") == "sdpa"
    assert best((9, 0), False, "torch.bfloat16") == "sdpa"
    assert best((9, 0), True, "torch.float32") == "sdpa"
