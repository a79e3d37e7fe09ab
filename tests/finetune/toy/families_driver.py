"""Trains, resumes, asks and merges a tiny model of each family with transformers alone. Asserts nothing.

python families_driver.py FOLDER FAMILY...

One process serves all families, since the imports take half a minute. FOLDER/FAMILY/facts.json holds the results.
"""

from __future__ import annotations

import json
import os
import sys
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]
os.environ.update({"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1",
                   "CUDA_VISIBLE_DEVICES": ""})  # fmt: skip

SETTINGS = {
    "model.library": "transformers",
    "model.dtype": "float32",
    "model.checkpointing": "torch",
    "model.load_in_4bit": False,
    "lora.r": 8,
    "data.max_length": 1024,
    "data.max_pixels": 200704,
    "train.max_steps": 4,
    "train.batch_size": 2,
    "train.accumulation": 1,
    "train.learning_rate": 0.02,
    "train.log_every": 1,
    "train.save_every": 2,
    "train.workers": 0,
    "train.group_by_length": True,
    "eval.every": 2,
    "eval.batch_size": 2,
    "eval.samples": 2,
    "eval.max_new_tokens": 6,
}
#: The stopped training stops after this step's checkpoint.
STOPPED_AT = 2
ASKED = ("--split", "validation", "--max-new-tokens", "6", "--batch-size", "4")


def main(folder: Path, families: list[str]) -> None:
    from bitsandbytes.nn import modules
    from tiny_families import make
    from toy_data import make_toy_data

    # On CPUs with AVX512-BF16, bitsandbytes packs 4-bit weights for an evaluation, and unpacking them rounds their
    # scales: a training that was interrupted would differ from the fourth digit on. A GPU packs nothing.
    modules.has_avx512bf16 = lambda: False
    data = make_toy_data(folder / "data", train=6, validation=4)
    (folder / "empty.yaml").write_text("")
    if "trouble" in families:
        families.remove("trouble")
        (folder / "trouble.json").write_text(json.dumps(_trouble(folder, data)))
    for family in families:
        started = time.monotonic()
        own = folder / family
        try:
            facts = _facts(make(family, own / "model"), own, data, family)
        except Exception:
            facts = {"failed": traceback.format_exc()}
        facts["seconds"] = round(time.monotonic() - started, 1)
        (own / "facts.json").write_text(json.dumps(facts))


def _run(*command: object) -> int:
    from curate.base.terminal import run
    from finetune.cli.main import main_group

    return run("finetune", main_group, [*map(str, command), "--debug"])


def _facts(model: Path, own: Path, data: Path, family: str) -> dict[str, Any]:
    four_bits = family == "Qwen2.5-VL"
    settings = {**SETTINGS, "model.name": model, "data.path": data, "model.load_in_4bit": four_bits}
    given = [f"{name}={value}" for name, value in settings.items()]
    command = ["train", own.parent / "empty.yaml", *given]
    facts: dict[str, Any] = {"whole": _run(*command, f"out={own / 'whole'}")}
    facts["stopped"] = _stopped(*command, f"out={own / 'stopped'}")
    facts["resumed"] = _run(*command, f"out={own / 'stopped'}", "--resume")
    adapter = own / "whole" / "last"
    for name, asked in (("adapter", adapter), ("again", adapter)):
        facts[name] = _run("predict", asked, data, "--out", own / f"{name}.jsonl", *ASKED)
    facts["merged"] = _run("merge", adapter, "--out", own / "merged")
    facts["asked_merged"] = _run("predict", own / "merged", data, "--out", own / "merged.jsonl", *ASKED)
    if four_bits:
        facts["merged_4bit"] = _run("merge", adapter, "--out", own / "small", "--method", "merged_4bit")
    return {**facts, **_looked_at(model, own, data, given)}


def _stopped(*command: object) -> int:
    """A training that Ctrl-C ends after a checkpoint."""
    from finetune.train.callbacks import Watch

    def stop(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == STOPPED_AT:
            raise KeyboardInterrupt

    Watch.on_save = stop
    try:
        return _run(*command)
    finally:
        del Watch.on_save


def _trouble(folder: Path, data: Path) -> dict[str, Any]:
    """Losses and gradients that are not finite, on 4-bit weights, and a vision encoder that overflows in float16."""
    from safetensors.torch import load_file
    from tiny_families import make

    model = make("SmolVLM", folder / "trouble" / "model")
    settings = {**SETTINGS, "model.name": model, "data.path": data, "model.load_in_4bit": True,
                "train.batch_size": 1, "train.max_steps": 6}  # fmt: skip
    command = ["train", folder / "empty.yaml", *(f"{name}={value}" for name, value in settings.items())]
    facts: dict[str, Any] = {}
    for name, broken, more in (
        ("loss", ("loss", "toy/train/2"), ()),
        ("gradient", ("gradient", "toy/train/2"), ()),
        ("judged", ("loss", "toy/validation/1"), ()),
        ("too many", ("loss", ""), ("train.max_left_out=2",)),
    ):
        out = folder / "trouble" / name
        with _broken(*broken):
            status = _run(*command, f"out={out}", *more)
        left = out / "left-out.jsonl"
        facts[name] = {
            "status": status,
            "left_out": [json.loads(line) for line in left.read_text().splitlines()] if left.is_file() else [],
            "losses": [json.loads(line) for line in (out / "losses.jsonl").read_text().splitlines()],
        }
    weights = load_file(folder / "trouble" / "loss" / "last" / "adapter_model.safetensors")
    facts["adapters"] = sorted({str(weight.dtype) for weight in weights.values()})
    return {**facts, "float16": _float16(folder / "trouble" / "overflowing")}


@contextmanager
def _broken(what: str, name: str) -> Iterator[None]:
    """Inside, batches with a sample whose id begins with `name` have an infinite loss or gradient."""
    import torch

    from finetune.train import collator, trainer

    loss, call = trainer.FormulaTrainer._loss, collator.AnswerCollator.__call__
    batches: dict[str, bool] = {}

    def named(self: Any, rows: Any) -> Any:
        made = call(self, rows)
        batches[str(made["input_ids"].tolist())] = any(row["sample_id"].startswith(name) for row in rows)
        return made

    def spoilt(self: Any, model: Any, inputs: Any, *arguments: Any, **options: Any) -> Any:
        found = loss(self, model, inputs, *arguments, **options)
        if not batches[str(inputs["input_ids"].tolist())]:
            return found
        if what == "loss":
            return found * float("inf")
        weight = next(weight for weight in model.parameters() if weight.requires_grad)
        return found + 0 * torch.sqrt(weight.sum() - weight.sum().detach())  # finite, but its derivative isn't

    trainer.FormulaTrainer._loss, collator.AnswerCollator.__call__ = spoilt, named
    try:
        yield
    finally:
        trainer.FormulaTrainer._loss, collator.AnswerCollator.__call__ = loss, call


def _float16(folder: Path) -> dict[str, Any]:
    """Losses of a tiny Qwen2.5-VL whose vision encoder leaves float16's range, as the 3B's does in its last layer."""
    import torch
    from PIL import Image
    from tiny_model import make_tiny_model
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from finetune.models.families import DEFAULT
    from finetune.models.precision import keep_vision_in_float32

    make_tiny_model(folder)
    processor = AutoProcessor.from_pretrained(folder)
    messages = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "?"}]},
        {"role": "assistant", "content": [{"type": "text", "text": "x^2"}]},
    ]
    image = Image.effect_noise((112, 56), 80).convert("RGB")
    text = DEFAULT.chat(processor, messages, answer=False)
    batch = dict(processor(text=[text], images=[[image]], return_tensors="pt"))
    batch["labels"] = batch["input_ids"].clone()
    found = {}
    for name, dtype, kept in (
        ("float32", torch.float32, False),
        ("float16", torch.float16, False),
        ("kept", torch.float16, True),
        ("kept, autocast", torch.float16, True),
    ):
        model = AutoModelForImageTextToText.from_pretrained(folder, dtype=dtype)
        with torch.no_grad():
            for block in model.model.visual.blocks[-1:]:
                block.mlp.down_proj.weight.mul_(30000)
        if kept:
            keep_vision_in_float32(model, DEFAULT)
        with torch.autocast("cpu", dtype=torch.float16, enabled="autocast" in name):
            loss = model(**batch).loss
        loss.backward()
        grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
        found[name] = [float(loss.detach()), all(bool(torch.isfinite(grad).all()) for grad in grads)]
    return found


def _looked_at(model: Path, own: Path, data: Path, given: list[str]) -> dict[str, Any]:
    """Facts about batches, adapters, merged weights and sizes."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForImageTextToText

    from finetune.data.pairs import picture, read_pairs
    from finetune.models.families import family_of
    from finetune.settings.config import load_config
    from finetune.train.collator import IGNORED, make_collator
    from finetune.train.loop import load_for_training
    from finetune.train.preflight import Template, check

    config = load_config(None, given)
    family = family_of(str(model))
    base = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32)
    merged = AutoModelForImageTextToText.from_pretrained(own / "merged", dtype=torch.float32)
    weights = load_file(own / "whole" / "last" / "adapter_model.safetensors")
    changes = {}
    olds, news = dict(base.named_modules()), dict(merged.named_modules())
    for key in weights:
        if ".lora_A." not in key:
            continue
        name = key.removeprefix("base_model.model.").removesuffix(".lora_A.weight")
        added = weights[key.replace("lora_A", "lora_B")] @ weights[key] * (config.lora.alpha / config.lora.r)
        off = (news[name].weight - olds[name].weight - added).abs().max() / (1 + news[name].weight.abs().max())
        changes[name] = [float(added.detach().abs().max()), float(off.detach())]
    loaded, processor = load_for_training(config)
    rows = read_pairs(str(data), "train").rows.select(range(4))
    processor.tokenizer.padding_side = "right"
    batch = make_collator(loaded, processor, config)([rows[place] for place in range(4)])
    answers = [
        processor.tokenizer.decode([token for token in labels.tolist() if token != IGNORED])
        for labels in batch["labels"]
    ]
    checked = check(rows, processor, config.data, family, decode=True).frame
    template = Template(processor, config.data.prompt, family)
    counted = [
        [row["label"], expected, _tokens(processor, template.text(row["label"]), picture(row["image"], "upscale",
                                                                                        family.images.min_side))]
        for row, expected in zip(rows, checked["tokens"].to_list(), strict=True)
    ]  # fmt: skip
    return {
        "parameters": [family.shape(base.config).parameters(), sum(weight.numel() for weight in base.parameters())],
        "linear": [name for name, part in base.named_modules() if isinstance(part, torch.nn.Linear)],
        "changes": changes,
        "labels": list(rows["label"]),
        "answers": answers,
        "counted": counted,
        "asked": family.chat(processor, [{"role": "user", "content": [{"type": "text", "text": "?"}]}], answer=True),
    }


def _tokens(processor: Any, text: str, image: Any) -> int:
    made = processor(text=[text], images=[[image]], add_special_tokens=False, return_tensors="pt")
    return int(made["input_ids"].shape[1])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2:])
