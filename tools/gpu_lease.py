"""Checks what a short loan of a GPU can settle: `gpu_check.py --lease FILE` writes a JSON line after each block.

It runs in one process and downloads nothing: a Qwen2.5-VL in the shapes of the real 3B model, with random weights, is
trained and asked through the same functions as a real one. If a block fails, it says why, and the next one runs. Blocks
for which there is no time are recorded as left out. `finetune train --dry-run --measured FILE` reads the file for its
estimates. Random weights say nothing about how well a model reads. Without a GPU only `--tiny` runs, on toy shapes: it
shows that the blocks work; its times are those of a CPU, as every line says.
"""

from __future__ import annotations

import gc
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "finetune" / "toy")]

#: The sizes in config.json of Qwen2.5-VL-3B-Instruct.
TEXT_3B = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
    "rope_parameters": {"rope_type": "default", "rope_theta": 1e6, "mrope_section": [16, 24, 24]},
}
VISION_3B = {
    "depth": 32,
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "num_heads": 16,
    "window_size": 112,
    "out_hidden_size": 2048,
    "fullatt_block_indexes": [7, 15, 23, 31],
}
#: Width and height of images in pixels: 64, 256 and 1,024 tokens.
IMAGES = ((448, 112), (896, 224), (1792, 448))
BATCHES, ASKED = (1, 2, 8), (1, 8, 32, 128)
ANSWER = r"\frac{a}{b} + x^{2} = \sqrt{y_{1}} \int_0^1 \alpha \beta \sum " * 2

#: Each block, and what it must show on a GPU.
BLOCKS = {
    "machine": "which GPU, driver, torch and packages the lines below are of",
    "load": "the language model goes into NF4 on a GPU; seconds and memory of it",
    "finite bfloat16": "a forward and a backward pass in bfloat16 give finite numbers",
    "finite float16": "the same in float16, as on a T4, with the vision encoder in 32 bits",
    "steps unsloth": "seconds and memory of a step with Unsloth's checkpointing, beside the estimate",
    "steps torch": "the same with torch's checkpointing",
    "steps none": "the same without checkpointing",
    "attention": "seconds of a forward pass with each attention that is installed",
    "generate": "tokens a second at batch sizes from 1 to 128",
    "batches": "how many answers are the same in a batch and alone",
    "turns": "training, asking and training again in one process, as an evaluation does",
    "resume": "a stopped and resumed training writes the losses of one that wasn't",
    "merge": "a 16-bit merge is written, loaded and asked",
}


@dataclass
class Lease:
    """The blocks of one loan, and what they share. until: when the loan ends, by time.monotonic()."""

    folder: Path
    file: Path
    until: float
    tiny: bool
    model: Path | None = None
    ok: dict[str, bool | None] = field(default_factory=dict)

    def settings(self, **more: Any) -> list[str]:
        """The KEY=VALUE settings of a training; keys of `more` have `__` instead of the dot."""
        library = "transformers" if self.tiny else "auto"
        values: dict[str, Any] = {
            "model.name": self.model, "model.library": library, "train.workers": 0, "lora.r": 16,
            "model.dtype": "float32" if self.tiny else "bfloat16", "model.load_in_4bit": not self.tiny,
            "model.checkpointing": "torch" if self.tiny else "unsloth", "train.batch_size": 2, "train.accumulation": 1,
            "train.learning_rate": 1e-3, "train.log_every": 1, "train.save_every": 2, "train.max_steps": 4,
            "eval.every": 2, "eval.samples": 2, "eval.max_new_tokens": 8, "eval.patience": "null",
        }  # fmt: skip
        values |= {name.replace("__", "."): value for name, value in more.items()}
        return [f"{name}={value}" for name, value in values.items()]

    def write(self, block: str, ok: bool | None, seconds: float = 0.0, **facts: Any) -> None:
        self.ok[block] = ok
        line = {"block": block, "ok": ok, "seconds": round(seconds, 2), "device": _device(), **facts}
        with self.file.open("a", encoding="utf-8") as lines:
            lines.write(json.dumps(line) + "\n")
            lines.flush()
            os.fsync(lines.fileno())
        words = {True: "ok", False: "FAILED", None: "left out"}[ok]
        print(f"{block:<16} {words:<9} {seconds:6.1f} s  {json.dumps(facts)[:150]}", flush=True)

    def run(self, block: str, work: Callable[[], dict[str, Any]]) -> None:
        left = self.until - time.monotonic()
        if left <= 0 or (block != "machine" and not self.ok.get("machine")):
            self.write(block, None, told="no time left" if left <= 0 else "machine did not pass")
            return
        started = time.monotonic()
        _forget()
        try:
            facts, ok = work(), True
            # A block may say whether it passed; one that doesn't has passed.
            ok = bool(facts.pop("ok", True))
        except Exception as error:  # any error goes into the block's line
            facts, ok = {"error": f"{type(error).__name__}: {error}"[:500]}, False
        self.write(block, ok, time.monotonic() - started, peak_bytes=_peak(), **facts)


def lease(file: Path, folder: Path, minutes: float, *, tiny: bool) -> int:
    """Run all blocks within so many minutes. Exit status 0 if at least one was run and all that were run passed.

    file: where the lines are appended. folder: for models, some 25 GB unless tiny.
    """
    made = Lease(folder, file, time.monotonic() + 60 * minutes, tiny)
    work = {
        "machine": _machine,
        "load": _load,
        "finite bfloat16": lambda it: _finite(it, "bfloat16"),
        "finite float16": lambda it: _finite(it, "float16"),
        "steps unsloth": lambda it: _steps(it, "unsloth"),
        "steps torch": lambda it: _steps(it, "torch"),
        "steps none": lambda it: _steps(it, "none"),
        "attention": _attention,
        "generate": _generate,
        "batches": _batches,
        "turns": _turns,
        "resume": _resume,
        "merge": _merge,
    }
    for block in BLOCKS:
        made.run(block, lambda block=block: work[block](made))  # type: ignore[misc]
    left = [block for block, ok in made.ok.items() if ok is None]
    failed = [block for block, ok in made.ok.items() if ok is False]
    told = [f"{word}: {', '.join(names)}" for word, names in (("failed", failed), ("left out", left)) if names]
    print("; ".join([f"{len(made.ok) - len(left) - len(failed)} blocks passed", *told]))
    print(f"written   {file}; finetune train CONFIG --dry-run --measured {file} reads it")
    return 1 if failed or len(left) == len(made.ok) else 0


# The blocks ----------------------------------------------------------------------------------------------------------


def _machine(made: Lease) -> dict[str, Any]:
    from finetune.models.hardware import gpus, require_gpu
    from finetune.train.run_folder import environment

    if not made.tiny:
        require_gpu()
        from finetune.models.load import import_unsloth

        import_unsloth()
    import torch
    from tiny_model import make_tiny_model
    from toy_data import make_toy_data

    sizes = {} if made.tiny else {"text": TEXT_3B, "vision": VISION_3B}
    made.model = make_tiny_model(made.folder / "model", **sizes)
    make_toy_data(made.folder / "data", train=8, validation=4)
    (made.folder / "empty.yaml").write_text("")
    found = environment({})
    return {
        "gpus": found["gpus"] if not made.tiny else [],
        "packages": found["packages"],
        "cuda": torch.version.cuda,
        "platform": platform.platform(),
        "bfloat16": bool(gpus()) and torch.cuda.is_bf16_supported(including_emulation=False),
        "shapes": "toy" if made.tiny else "Qwen2.5-VL-3B",
    }


def _load(made: Lease) -> dict[str, Any]:
    with _loaded(made) as (model, _, _):
        four = [name for name, part in model.named_modules() if type(part).__name__ == "Linear4bit"]
        vision = sum(".visual." in f".{name}" for name in four)
        return {
            "language_layers_in_4_bits": len(four) - vision,
            "vision_layers_in_4_bits": vision,
            "ok": bool(len(four) - vision) or made.tiny,
        }


def _finite(made: Lease, dtype: str) -> dict[str, Any]:
    """Here the toy also calculates in 16 bits: a CPU can, slowly."""
    import torch

    with _loaded(made, model__dtype=dtype) as (model, processor, config):
        batch = _batch(model, processor, config, 1, IMAGES[0])
        loss = _loss(model, batch)
        loss.backward()
        grads = [weight.grad for weight in model.parameters() if weight.grad is not None]
        norm = float(torch.nn.utils.get_total_norm(grads))
        return {
            "loss": float(loss.detach()),
            "gradient": norm,
            "ok": bool(torch.isfinite(loss)) and norm < float("inf"),
        }


def _steps(made: Lease, checkpointing: str) -> dict[str, Any]:
    """Seconds and memory of a step by batch and image: the second of two, beside the estimate."""
    from transformers import AutoConfig

    from finetune.models.families import DEFAULT
    from finetune.train.estimate import estimate

    if made.tiny and checkpointing == "unsloth":
        return {"told": "Unsloth's checkpointing needs a GPU", "steps": []}
    shape = DEFAULT.shape(AutoConfig.from_pretrained(made.model))
    steps: list[dict[str, Any]] = []
    with _loaded(made, model__checkpointing=checkpointing) as (model, processor, config):
        step = _stepper(model)
        for size in IMAGES[: 1 if made.tiny else None]:
            for batch in BATCHES[: 2 if made.tiny else None]:
                if made.until < time.monotonic():
                    break
                given = _batch(model, processor, config, batch, size)
                tokens = int(given["input_ids"].shape[1])
                row: dict[str, Any] = {"batch": batch, "image": list(size), "tokens": tokens}
                _forget()
                try:
                    step(given)
                    row["seconds"] = round(step(given), 4)
                except Exception as error:  # most likely out of memory: larger batches of this image won't fit either
                    steps.append({**row, "error": str(error)[:200]})
                    break
                asked = replace(config, train=replace(config.train, batch_size=batch))
                image = size[0] * size[1] // 784
                reckoned = estimate(shape, asked, [(tokens, image)] * batch, 1)
                row |= {"peak_bytes": _peak(), "estimated_bytes": round(reckoned.bytes), "flop": reckoned.flop,
                        "launches": reckoned.launches}  # fmt: skip
                steps.append(row)
    return {"steps": steps, "ok": any("seconds" in row for row in steps)}


def _attention(made: Lease) -> dict[str, Any]:
    import torch

    found: dict[str, Any] = {}
    with _loaded(made) as (model, processor, config), torch.no_grad():
        model.eval()
        batch = _batch(model, processor, config, 2, IMAGES[0 if made.tiny else 2])
        for name in ("sdpa", "flash_attention_2", "eager"):
            try:
                model.set_attn_implementation(name)
                model(**batch)
                found[name] = round(_timed(lambda: model(**batch)), 4)
            except Exception as error:  # not installed, or not for this GPU
                found[name] = f"{type(error).__name__}: {str(error)[:120]}"
    return {"seconds_of_a_forward_pass": found, "ok": isinstance(found["sdpa"], float)}


def _generate(made: Lease) -> dict[str, Any]:
    found: dict[str, Any] = {}
    tokens = 8 if made.tiny else 64
    with _loaded(made) as (model, processor, _):
        for batch in ASKED[: 2 if made.tiny else None]:
            if made.until < time.monotonic():
                break
            try:
                _answers(model, processor, batch, batch, 4)
                seconds = _timed(lambda batch=batch: _answers(model, processor, batch, batch, tokens))  # type: ignore[misc]
                found[str(batch)] = round(batch * tokens / seconds, 1)
            except Exception as error:  # no memory
                found[str(batch)] = f"{type(error).__name__}: {str(error)[:120]}"
                break
    return {"tokens_a_second": found, "ok": any(isinstance(value, float) for value in found.values())}


def _batches(made: Lease) -> dict[str, Any]:
    with _loaded(made) as (model, processor, _):
        many = 4 if made.tiny else 16
        together = _answers(model, processor, many, 8, 8 if made.tiny else 48)
        alone = _answers(model, processor, many, 1, 8 if made.tiny else 48)
    same = sum(one == other for one, other in zip(together, alone, strict=True))
    # With random weights all tokens are almost equally likely, so many may differ: this is a figure, not a verdict.
    return {"same": same, "of": many}


def _turns(made: Lease) -> dict[str, Any]:
    run = made.folder / "turns"
    status = _finetune(made, run)
    losses = _losses(run)
    return {"losses": losses, "ok": status == 0 and len(losses) == 4 and all(map(_is_number, losses))}


def _resume(made: Lease) -> dict[str, Any]:
    """Stop as by Ctrl-C, since a process can't kill itself and go on; `gpu_check.py` without --lease kills it."""
    from finetune.train.callbacks import Watch

    def stop(self: Any, args: Any, state: Any, control: Any, **_: Any) -> None:
        if state.global_step == 2:
            raise KeyboardInterrupt

    run = made.folder / "stopped"
    Watch.on_save = stop
    try:
        stopped = _finetune(made, run)
    finally:
        del Watch.on_save
    status = _finetune(made, run, "--resume")
    whole, resumed = _losses(made.folder / "turns"), _losses(run)
    off = max((abs(one - other) for one, other in zip(whole, resumed, strict=False)), default=None)
    same = off is not None and len(whole) == len(resumed) and off < 0.05
    return {"stopped": stopped, "status": status, "largest_difference": off, "ok": status == 0 and same}


def _merge(made: Lease) -> dict[str, Any]:
    from curate.base.terminal import run
    from finetune.cli.main import main_group

    adapter, out = made.folder / "turns" / "last", made.folder / "merged"
    if run("finetune", main_group, ["merge", str(adapter), "--out", str(out)]):
        raise RuntimeError("finetune merge failed; its output is above")
    rows: dict[str, list[str]] = {}
    data, most = str(made.folder / "data" / "data.jsonl"), "8"
    for name, model in (("adapter", adapter), ("merged", out)):
        file = made.folder / f"{name}.jsonl"
        asked = ["predict", str(model), data, "--split", "validation", "--max-new-tokens", most, "--out", str(file)]
        if run("finetune", main_group, asked):
            raise RuntimeError(f"finetune predict failed for the {name}; its output is above")
        rows[name] = [json.loads(line)["pred"] for line in file.read_text(encoding="utf-8").splitlines()]
    same = sum(one == other for one, other in zip(rows["adapter"], rows["merged"], strict=True))
    return {"same_answers": same, "of": len(rows["merged"])}


# What they share -----------------------------------------------------------------------------------------------------


@contextmanager
def _loaded(made: Lease, **settings: Any) -> Iterator[tuple[Any, Any, Any]]:
    """The model with adapters, its processor and the settings; the memory is free again afterwards."""
    from finetune.settings.config import load_config
    from finetune.train.loop import load_for_training

    config = load_config(None, made.settings(**settings))
    model, processor = load_for_training(config)
    try:
        if config.model.checkpointing != "none" and not hasattr(model, "for_training"):
            model.gradient_checkpointing_enable({"use_reentrant": False})
        model.for_training() if hasattr(model, "for_training") else model.train()
        yield model, processor, config
    finally:
        del model, processor
        _forget()


def _batch(model: Any, processor: Any, config: Any, batch: int, size: tuple[int, int]) -> dict[str, Any]:
    from PIL import Image

    from finetune.train.collator import NAMES, make_collator

    processor.tokenizer.padding_side = "right"
    row = {"image": Image.new("RGB", size, "white"), "label": ANSWER, "sample_id": "s"}
    made = make_collator(model, processor, config)([row] * batch)
    return {name: value.to(model.device) for name, value in made.items() if name != NAMES}


def _stepper(model: Any) -> Callable[[dict[str, Any]], float]:
    """A function that makes a step with a batch and returns its seconds."""
    import bitsandbytes

    trained = [weight for weight in model.parameters() if weight.requires_grad]
    optimizer = bitsandbytes.optim.AdamW8bit(trained, lr=1e-5)

    def step(batch: dict[str, Any]) -> float:
        def work() -> None:
            _loss(model, batch).backward()
            optimizer.step()
            optimizer.zero_grad()

        return _timed(work)

    return step


def _loss(model: Any, batch: dict[str, Any]) -> Any:
    """Runs in the mixed precision that a trainer uses."""
    import torch

    with torch.autocast(model.device.type, dtype=model.dtype, enabled=model.dtype != torch.float32):
        return model(**batch).loss


def _answers(model: Any, processor: Any, many: int, batch: int, tokens: int) -> list[str]:
    """Answers of exactly so many tokens, in the order of the questions."""
    from PIL import Image

    from finetune.predict.engines import Asking, Question, predict_rows

    def question(at: int) -> Question:
        shade = (at * 37) % 256
        return Question(f"{at:04d}", "", lambda: Image.new("RGB", (448, 112), (shade, shade, 255 - shade)), (448, 112))

    model.generation_config.min_new_tokens = tokens
    found = predict_rows(model, processor, map(question, range(many)), "Read this.", Asking(batch, tokens))
    return [answer.pred for answer in sorted(found, key=lambda answer: answer.sample_id)]


def _finetune(made: Lease, run: Path, *more: str) -> int:
    from curate.base.terminal import run as call
    from finetune.cli.main import main_group

    places = [f"data.path={made.folder / 'data' / 'data.jsonl'}", f"out={run}"]
    return call("finetune", main_group, ["train", str(made.folder / "empty.yaml"), *made.settings(), *places, *more])


def _losses(run: Path) -> list[float]:
    lines = [json.loads(line) for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def _is_number(value: Any) -> bool:
    return isinstance(value, float) and value == value and abs(value) != float("inf")


def _timed(work: Callable[[], object]) -> float:
    import torch

    if torch.cuda.is_available():
        torch.cuda.synchronize()
    started = time.perf_counter()
    work()
    if torch.cuda.is_available():
        torch.cuda.synchronize()
    return time.perf_counter() - started


def _device() -> str:
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available():
        return "cpu"
    return str(torch.cuda.get_device_name(0)) if torch.cuda.is_initialized() else "cuda"


def _forget() -> None:
    gc.collect()
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available() and torch.cuda.is_initialized():
        torch.cuda.empty_cache()
        torch.cuda.reset_peak_memory_stats()


def _peak() -> int | None:
    """The most bytes of the GPU in use since `_forget`; None on a CPU."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_available() or not torch.cuda.is_initialized():
        return None
    return int(torch.cuda.max_memory_allocated())


def told(blocks: Sequence[str] = tuple(BLOCKS)) -> str:
    """The list of checks that need a GPU."""
    return "\n".join(f"{block:<16} {BLOCKS[block]}" for block in blocks)
