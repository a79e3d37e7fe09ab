"""Merges an adapter and its base into one model. Checks that nothing is missing before the work begins.

merged_16bit: the adapter is added to the 16-bit weights of the base. It was trained on the rounded weights of the 4-bit
base, but the 16-bit ones are closer to the original model, and Unsloth merges into them too. merged_4bit: the adapter
is added to the 4-bit weights, and the sum is rounded to 4 bits (NF4) again. This is the smallest, but may lose fine
detail of the training. gguf: merged_16bit, then llama.cpp's own tools; see `gguf`.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, get_args

from curate.base.atomic_files import new_folder
from curate.base.errors import UserError
from curate.base.tables import size
from finetune.merge.gguf import LlamaCpp, convert, find_llama_cpp
from finetune.models.facts import ModelFacts, model_facts
from finetune.models.hub import QUANTIZED, check_id
from finetune.models.provenance import accompany, read_facts
from finetune.settings.config import Config, ModelConfig

Method = Literal["merged_16bit", "merged_4bit", "gguf"]
METHODS: tuple[str, ...] = get_args(Method)
#: Unsloth's names of the methods. It rejects "merged_4bit" with advice, since it doesn't know that this step is the
#: last.
_UNSLOTH = {"merged_16bit": "merged_16bit", "gguf": "merged_16bit", "merged_4bit": "merged_4bit_forced"}
_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")

Progress = Callable[[str, int, int], None]


@dataclass(frozen=True)
class MergePlan:
    """A merge that is possible. base: where the 16-bit weights come from; download: they aren't on this machine yet."""

    adapter: ModelFacts
    out: Path
    method: str
    base: str
    download: bool
    #: Size of the base's weights in bytes, None if unknown.
    weights: int | None
    quantization: str | None = None
    llama_cpp: LlamaCpp | None = None

    def needs(self) -> list[str]:
        """What the merge needs, one line each, to print before it begins."""
        lines = []
        if self.method != "merged_4bit":
            where = "to be downloaded" if self.download else "on this machine"
            known = f", {size(self.weights)}" if self.weights else ""
            lines.append(f"the base model's 16-bit weights: {self.base} ({where}{known})")
        if self.llama_cpp is not None:
            lines.append(f"llama.cpp: {self.llama_cpp.folder}")
        if self.weights:
            lines.append(f"disk: {size(self.disk())} in {self.out.absolute().parent}")
        return lines

    def disk(self) -> int:
        """The most bytes of disk that the merge takes, from the size of the base."""
        parts = {"merged_16bit": 1.05, "merged_4bit": 0.6, "gguf": 2.6}
        return int((self.weights or 0) * parts[self.method])


def plan_merge(
    adapter: str, out: Path, method: str, *, quantization: str | None = None, llama_cpp: Path | None = None
) -> MergePlan:
    """Find everything that a merge needs.

    Raises UserError if `adapter` isn't an adapter, `out` exists, the weights of the base can't be found, llama.cpp is
    missing for gguf, or the disk is too small.
    """
    if method not in METHODS:
        raise UserError(f"--method {method}: unknown; choose from {', '.join(METHODS)}")
    if out.exists() or out.is_symlink():
        raise UserError(f"{out}: already exists; finetune merge overwrites nothing, name another folder with --out")
    facts = model_facts(adapter)
    if facts.kind != "adapter":
        raise UserError(
            f"{adapter}: is a complete model, which needs no merging; name an adapter that `finetune train` wrote"
        )
    tools = find_llama_cpp(llama_cpp, quantization) if method == "gguf" else None
    base, download, weights = _base(facts, method)
    plan = MergePlan(facts, out, method, base, download, weights, quantization if tools else None, tools)
    parent = next(parent for parent in out.absolute().parents if parent.exists())
    if not os.access(parent, os.W_OK):
        raise UserError(f"{out}: can't be written: no permission to write in {parent}")
    free = shutil.disk_usage(parent).free
    if plan.disk() > free:
        raise UserError(
            f"{out}: the merge needs about {size(plan.disk())} of disk space there, but only {size(free)} are free; "
            "name an --out on another disk"
        )
    return plan


def merge(plan: MergePlan, *, progress: Progress = lambda stage, done, of: None) -> Path:
    """Carry out a plan: writes the folder `plan.out` completely or not at all, and returns it.

    Raises UserError if there is no GPU, the model can't be loaded, or a tool fails, with the end of its output.
    """
    from finetune.models.load import load_model
    from finetune.models.quiet import quiet

    config = plan.adapter.config or Config()
    model_config = _loaded_as(plan, config)
    progress("load", 0, 1)
    model, processor = load_model(
        model_config,
        max_length=config.data.max_length,
        min_pixels=config.data.min_pixels,
        max_pixels=config.data.max_pixels,
    )
    progress("load", 1, 1)
    progress("merge", 0, 1)
    with new_folder(plan.out) as folder:
        merged = folder / "merged" if plan.method == "gguf" else folder
        with quiet():
            _save(model, processor, merged, plan.method)
        progress("merge", 1, 1)
        if plan.llama_cpp is not None:
            del model
            convert(plan.llama_cpp, merged, folder, plan.quantization, progress=progress)
            shutil.rmtree(merged)
        _accompany(plan, folder)
    return plan.out


def _loaded_as(plan: MergePlan, config: Config) -> ModelConfig:
    """How the adapter and its base are loaded."""
    from finetune.models.load import library_of

    four_bits = plan.method == "merged_4bit"
    unsloth = library_of(replace(config.model, name=plan.adapter.name, revision=None)) == "unsloth"
    return replace(
        config.model,
        name=plan.adapter.name,
        revision=None,
        # 4 bits take the least memory, and Unsloth's 16-bit merge reads the weights of the base from disk anyway.
        load_in_4bit=four_bits or (unsloth and config.model.load_in_4bit),
        checkpointing="none",
        # The weights are written in the precision of the base, whatever this GPU has.
        dtype="auto" if config.model.dtype == "bfloat16" else config.model.dtype,
    )


def _save(model: Any, processor: Any, folder: Path, method: str) -> None:
    folder.mkdir(exist_ok=True)
    try:
        if not hasattr(model, "save_pretrained_merged"):  # Unsloth gives each of its models this method
            merged = model.merge_and_unload(safe_merge=method != "merged_4bit")
            if method != "merged_4bit":
                merged = merged.to(merged.config.dtype)
            merged.save_pretrained(folder)
            processor.save_pretrained(folder)
            return
        # None, not True: on a machine with two cores, Unsloth writes a pickle for True.
        model.save_pretrained_merged(str(folder), processor, save_method=_UNSLOTH[method], safe_serialization=None)
    except (OSError, ValueError, RuntimeError, TypeError) as error:
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(f"the adapter can't be merged: {first[:300]}") from error
    processor.save_pretrained(folder)  # once more: with the pixel budget it was trained with
    if not (folder / "config.json").is_file() or not any(folder.glob("*.safetensors")):
        raise UserError("the adapter can't be merged: no model was written; TEXSIEVE_VERBOSE=1 shows all output")


def _accompany(plan: MergePlan, folder: Path) -> None:
    """Add the provenance to the model's folder: settings and facts of its training, and its card."""
    facts = read_facts(Path(plan.adapter.name))
    # The scores of the adapter are not those of this model.
    accompany(folder, replace(facts, config=plan.adapter.config or facts.config, metrics=None), plan.method)


def _base(facts: ModelFacts, method: str) -> tuple[str, bool, int | None]:
    """Where the base's 16-bit weights are, whether they must be downloaded, and their size in bytes if known."""
    base = facts.base
    named = facts.config.model.name if facts.config else None
    if method != "merged_4bit":
        for ending in QUANTIZED:
            base = base.removesuffix(ending)
    folder = Path(base)
    if folder.is_dir():
        return base, False, sum(path.stat().st_size for path in folder.glob("*.safetensors"))
    if folder.is_absolute() or base.startswith("."):
        raise UserError(f"{facts.name}: its base model {base} is not there (any more); put it back")
    check_id(base)
    from huggingface_hub import try_to_load_from_cache

    if named and base.lower() == named.lower():
        base = named  # Unsloth writes ids in lower case, but the hub's cache is case-sensitive
    found = next((path for name in _WEIGHTS if isinstance(path := try_to_load_from_cache(base, name), str)), None)
    if found is None:
        if os.environ.get("HF_HUB_OFFLINE") == "1":
            raise UserError(f"{base}: the base model is not on this machine, and HF_HUB_OFFLINE prevents its "
                            "download")  # fmt: skip
        return base, True, None
    return base, False, sum(path.stat().st_size for path in Path(found).parent.glob("*.safetensors"))
