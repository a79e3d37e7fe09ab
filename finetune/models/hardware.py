"""Checks that there is a GPU and that the packages are installed, and says what to do if not. Trains nothing."""

from __future__ import annotations

import os
import re
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from curate.base.errors import UserError
from curate.base.extras import install

#: Packages from the extra [finetune] that a training imports.
PACKAGES = ("unsloth", "torch", "torchvision")
#: The names for `train.report_to`, each with packages of which it needs one.
REPORTERS = {
    "clearml": ("clearml",),
    "comet_ml": ("comet_ml",),
    "mlflow": ("mlflow",),
    "swanlab": ("swanlab",),
    "tensorboard": ("tensorboard", "tensorboardX"),
    "trackio": ("trackio",),
    "wandb": ("wandb",),
}
#: Torch wheels for CUDA 12.6 have code for sm_50 and later GPUs; those for CUDA 13, which PyPI has, for sm_75 and
#: later.
_WHEELS = "pip install torch --index-url https://download.pytorch.org/whl/cu126"
INSTALL = install("finetune")
#: Set by the tests alone: their shim lets Unsloth run without a GPU on a toy model.
_TESTS_ONLY = "UNSLOTH_ALLOW_CPU"
#: The lowest compute capability of NVIDIA's GPUs that calculate in bfloat16 and can run FlashAttention 2.
BFLOAT16 = (8, 0)


@dataclass(frozen=True)
class Gpu:
    """One GPU: its name, its memory in bytes, its compute capability."""

    name: str
    memory: int
    capability: tuple[int, int]


def processes() -> int:
    """How many processes train together, according to torchrun or accelerate; else 1."""
    return max(int(os.environ.get("WORLD_SIZE") or 1), 1)


def is_first_process() -> bool:
    """Of several processes that train together, whether this is the one that writes and prints."""
    return (os.environ.get("RANK") or "0") == "0"


def require_packages() -> None:
    """Raises UserError if a package of the extra [finetune] is missing, with the install command. Imports nothing."""
    missing = [name for name in PACKAGES if find_spec(name) is None]
    if missing:
        raise UserError(f"{', '.join(missing)} {'is' if len(missing) == 1 else 'are'} not installed: {INSTALL}")


def sees_gpu() -> bool:
    """Whether torch can use a GPU. Doesn't initialise it: Unsloth configures the memory allocator before that."""
    if find_spec("torch") is None or os.environ.get(_TESTS_ONLY) == "1":
        return False
    import torch

    return bool(torch.cuda.is_available()) and torch.cuda.device_count() > 0


def gpus() -> list[Gpu]:
    """The GPUs that torch can use, in its order; none without torch. Imports torch, which takes a second or two."""
    if not sees_gpu():
        return []
    import torch

    found = [torch.cuda.get_device_properties(place) for place in range(torch.cuda.device_count())]
    return [Gpu(one.name, int(one.total_memory), (one.major, one.minor)) for one in found]


def has_bfloat16() -> bool:
    """Whether the first GPU supports bfloat16 in hardware. A CPU counts as yes, though it is slow."""
    first = next(iter(gpus()), None)
    return first is None or first.capability >= BFLOAT16


def best_attention(dtype: Any) -> str:
    """The fastest available attention for this precision, by its name in transformers.

    FlashAttention 2 if its package is installed and the GPU supports it (Ampere or later, 16 bits), else torch's own.
    """
    first = next(iter(gpus()), None)
    flash = first is not None and first.capability >= BFLOAT16 and find_spec("flash_attn") is not None
    return "flash_attention_2" if flash and str(dtype) in ("torch.bfloat16", "torch.float16") else "sdpa"


def require_reporters(names: Sequence[str]) -> None:
    """Raises UserError for a name that `train.report_to` doesn't know, or whose package is missing."""
    for name in names:
        if name not in REPORTERS:
            raise UserError(f"train.report_to: unknown {name!r}; choose from {', '.join(REPORTERS)}, or [] for none")
        if all(find_spec(package) is None for package in REPORTERS[name]):
            raise UserError(f"train.report_to: {name} is not installed: pip install {REPORTERS[name][0]}")


def require_gpu() -> None:
    """Raises UserError if torch sees no GPU or has no code for it, with what to do about it.

    Call it before `import unsloth`.
    """
    require_packages()
    if os.environ.get(_TESTS_ONLY) == "1":
        return
    if sees_gpu():
        _require_code()
        return
    raise UserError(
        f"no GPU to train on or predict with: {_why()}. Only `finetune train`, `predict` and `merge` need "
        "one. `finetune train CONFIG --dry-run` says what a training needs"
    )


def has_code(capability: tuple[int, int], architectures: Sequence[str]) -> bool:
    """Whether a build of torch has code for a GPU of this compute capability.

    architectures: what it was compiled for, from torch.cuda.get_arch_list. sm_86 runs on 8.6 and later with the same
    major number, sm_90a only on 9.0, and compute_90, which the driver compiles, on 9.0 and everything later.
    """
    for name in architectures:
        found = re.fullmatch(r"(sm|compute)_(\d+)(\d)([af]?)", name)
        if found is None:
            continue
        kind, major, minor, exact = found[1], int(found[2]), int(found[3]), bool(found[4])
        if capability == (major, minor) or (not exact and capability > (major, minor)
                                            and (kind == "compute" or capability[0] == major)):  # fmt: skip
            return True
    return False


def _require_code() -> None:
    """Raises UserError if torch has no code for any of the GPUs. Asks nvidia-smi, since torch would initialise the
    GPU.
    """
    import torch

    known = torch.cuda.get_arch_list()
    there = _listed()
    if not known or not there or any(has_code(capability, known) for _, capability in there):
        return
    name, (major, minor) = there[0]
    raise UserError(
        f"{name} has compute capability {major}.{minor} (sm_{major}{minor}), and torch {torch.__version__} has code "
        f"only for {', '.join(known)}: install a torch for an older CUDA ({_WHEELS}), or use a newer GPU"
    )


def _listed() -> list[tuple[str, tuple[int, int]]]:
    """Name and compute capability of each GPU from `nvidia-smi`; empty if it can't be run."""
    command = ["nvidia-smi", "--query-gpu=name,compute_cap", "--format=csv,noheader"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=20).stdout
        rows = [line.rpartition(",") for line in said.splitlines() if line.strip()]
        return [(name.strip(), _numbers(capability)) for name, _, capability in rows]
    except (OSError, ValueError, subprocess.SubprocessError):
        return []


def _numbers(capability: str) -> tuple[int, int]:
    major, _, minor = capability.strip().partition(".")
    return int(major), int(minor)


def _why() -> str:
    """Why torch sees no GPU, and what to do."""
    import torch

    if os.environ.get("CUDA_VISIBLE_DEVICES") in ("", "-1"):
        return "CUDA_VISIBLE_DEVICES hides all of them; unset it"
    if torch.version.cuda is None and getattr(torch.version, "hip", None) is None:
        return (
            f"torch {torch.__version__} is a build for CPUs; install a CUDA build (https://pytorch.org/get-started) "
            "on a machine with an NVIDIA GPU"
        )
    try:
        torch.cuda.init()
    except (RuntimeError, AssertionError) as error:
        if "too old" in str(error):
            return (
                f"the NVIDIA driver is too old for torch {torch.__version__}, which is built for CUDA "
                f"{torch.version.cuda} (`nvidia-smi` shows the driver's CUDA version); update the driver, or install a "
                f"torch for an older CUDA ({_WHEELS})"
            )
    return "torch finds no NVIDIA GPU with a working driver (does `nvidia-smi` list a GPU?); use a machine that has one"
