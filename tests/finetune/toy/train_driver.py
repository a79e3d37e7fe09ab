"""Trains the toy model in a process of its own and writes the facts for the tests as JSON. Asserts nothing.

python train_driver.py FOLDER

FOLDER/facts.json is written last, so a failed run has none. One import of unsloth, which takes half a minute, serves
three trainings by the command: one that is killed, its continuation, and one without interruption. The first two run
in forks, made before this process computes anything.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time
import traceback
from contextlib import redirect_stdout
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parents[2])]
#: Forks and threads don't mix, and the toy is too small to gain from threads.
os.environ.update({"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"})

#: How the toy's training differs from the defaults, which are for a GPU. docs/training-cpu.md has the list, and a test
#: compares it with this one. The first two are for the machine, the others for the toy: its size, and few steps.
MACHINE = {"model.dtype": "float32", "model.checkpointing": "torch"}
TOY = {
    "lora.r": 32,
    "lora.alpha": 64,
    "data.max_length": 1024,
    "data.max_pixels": 200704,
    "train.max_steps": 30,
    "train.batch_size": 4,
    "train.accumulation": 1,
    "train.learning_rate": 0.02,
    "train.save_every": 10,
    "train.workers": 0,
    "eval.every": 15,
    "eval.batch_size": 4,
    "eval.samples": 3,
    "eval.max_new_tokens": 12,
}
PLACES = ("out", "model.name", "data.path")
#: Other choices of where adapters go. These are only inspected.
SWITCHES = {
    "language attention": {"vision": False, "mlp": False},
    "vision MLP": {"language": False, "attention": False},
}
#: The settings of trl's trainer that decide what a training does.
ARGUMENTS = (
    "output_dir", "max_steps", "per_device_train_batch_size", "per_device_eval_batch_size",
    "gradient_accumulation_steps", "learning_rate", "lr_scheduler_type", "warmup_steps", "weight_decay",
    "max_grad_norm", "optim", "gradient_checkpointing", "eval_strategy", "eval_steps", "save_steps",
    "save_total_limit", "logging_nan_inf_filter", "prediction_loss_only", "remove_unused_columns", "dataset_kwargs",
    "packing", "assistant_only_loss", "padding_free", "max_length", "seed", "data_seed", "dataloader_drop_last",
    "load_best_model_at_end", "report_to",
)  # fmt: skip
#: The killed training is killed when it has logged this step, after the checkpoint of step 10.
KILLED_AT = 15


def main(folder: Path) -> None:
    import cpu_shim
    from predict_facts import predict_facts
    from tiny_model import make_tiny_model
    from toy_data import make_toy_data

    cpu_shim.apply()
    data = make_toy_data(folder / "data")
    model = make_tiny_model(folder / "model")
    settings = [
        f"model.name={model}",
        f"data.path={data}",
        *(f"{name}={value}" for name, value in {**MACHINE, **TOY}.items()),
    ]
    config = folder / "config.yaml"
    config.write_text("", encoding="utf-8")
    command = ["train", str(config), *settings]
    facts: dict[str, Any] = {"command": command}
    facts["killed"] = _killed(folder / "killed", [*command, f"out={folder / 'killed'}"])
    facts["resumed_status"] = _wait(_forked([*command, f"out={folder / 'killed'}", "--resume"]))
    facts.update(_whole(folder / "whole", [*command, f"out={folder / 'whole'}"]))
    facts["predict"] = predict_facts(settings, data, folder / "predict")
    facts["prompts"] = _prompts(model, folder / "prompts")
    temporary = folder / "facts.tmp"
    temporary.write_text(json.dumps(facts), encoding="utf-8")
    temporary.rename(folder / "facts.json")


def _run(command: list[str]) -> int:
    from curate.base.terminal import run
    from finetune.cli.main import main_group

    return run("finetune", main_group, [*command, "--debug"])


def _prompts(model: Path, folder: Path) -> int:
    """Two prompts to the base model, by the command. Its output is in said.txt."""
    from toy_data import make_questions

    command = ["prompts", str(model), str(make_questions(folder)), "--16bit", "--dtype", "float32"]
    command += ["--prompts", str(folder / "p.yaml"), "--out", str(folder / "out"), "--max-new-tokens", "4"]
    with (folder / "said.txt").open("w", encoding="utf-8") as said, redirect_stdout(said):
        return _run(command)


def _forked(command: list[str]) -> int:
    """The id of a child that runs the command."""
    child = os.fork()
    if child:
        return child
    try:
        os._exit(_run(command))
    except BaseException:
        traceback.print_exc()
        os._exit(99)


def _wait(child: int) -> int:
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _killed(out: Path, command: list[str]) -> dict[str, Any]:
    """Start a training, and kill it without warning once it has logged KILLED_AT."""
    child = _forked(command)
    losses = out / "losses.jsonl"
    while not (losses.is_file() and f'"step": {KILLED_AT},' in losses.read_text(encoding="utf-8")):
        found, status = os.waitpid(child, os.WNOHANG)
        if found:
            raise RuntimeError(f"the training that was to be killed ended by itself: {status}")
        time.sleep(0.02)
    os.kill(child, signal.SIGKILL)
    return {
        "status": _wait(child),
        "checkpoints": sorted(path.name for path in (out / "checkpoints").glob("checkpoint-*")),
        "state": json.loads((out / "state.json").read_text(encoding="utf-8")),
    }


def _whole(out: Path, command: list[str]) -> dict[str, Any]:
    """A training from beginning to end, and facts about its model."""
    from finetune.train import loop

    kept: list[tuple[Any, Any]] = []
    load = loop.load_for_training

    def remembering(config: Any) -> tuple[Any, Any]:
        kept.append(load(config))
        return kept[-1]

    loop.load_for_training = remembering
    status = _run(command)
    loop.load_for_training = load
    if status:
        raise RuntimeError(f"finetune train ended with {status}")
    model, processor = kept[0]
    return {
        "modules": _modules(model),
        **_batch(model, processor, command),
        **_answers(model, processor, out, command),
        "losses": _losses(model, processor, out, command),
        "switched": {name: _modules(_switched(command, setting)) for name, setting in SWITCHES.items()},
        "odd": _odd_sizes(processor, command),
        "arguments": _arguments(out),
    }


def _arguments(out: Path) -> dict[str, Any]:
    """Settings of trl's trainer, as it kept them with its last checkpoint."""
    import torch

    checkpoint = max((out / "checkpoints").glob("checkpoint-*"), key=lambda path: int(path.name.rpartition("-")[2]))
    kept = torch.load(checkpoint / "training_args.bin", weights_only=False)
    found = {name: getattr(kept, name, None) for name in ARGUMENTS}
    return {name: getattr(value, "value", value) for name, value in found.items()}


def _switched(command: list[str], switches: dict[str, bool]) -> Any:
    """A model whose adapters are in other places."""
    from dataclasses import replace

    from finetune.train import loop

    config = _config(command)
    return loop.load_for_training(replace(config, lora=replace(config.lora, **switches)))[0]


def _odd_sizes(processor: Any, command: list[str]) -> list[list[Any]]:
    """Images of odd sizes: width, height, the computed tokens of the sample, and those of the real processor."""
    import datasets
    from PIL import Image

    from finetune.data.pairs import picture
    from finetune.train.preflight import Template, check

    sizes = [
        (1, 1),
        (20, 20),
        (27, 300),
        (300, 27),
        (28, 5600),
        (5700, 30),
        (1600, 64),
        (2000, 1500),
        (42, 42),
        (71, 69),
    ]
    names = [f"{wide}x{high}" for wide, high in sizes]
    images = [Image.new("RGB", size, "white") for size in sizes]
    columns = {"image": images, "label": names, "sample_id": names, "source": names}
    rows = datasets.Dataset.from_dict(columns).cast_column("image", datasets.Image())
    config = _config(command).data
    frame = check(rows, processor, config, decode=False).frame
    template = Template(processor, config.prompt)
    found = []
    for size, label, image, tokens in zip(sizes, names, images, frame["tokens"].to_list(), strict=True):
        made = processor(text=[template.text(label)], images=[[picture(image)]], return_tensors="pt")
        found.append([*size, tokens, int(made["input_ids"].shape[1])])
    return found


def _config(command: list[str]) -> Any:
    from finetune.settings.config import load_config

    return load_config(command[1], [part for part in command[2:] if "=" in part])


def _modules(model: Any) -> dict[str, Any]:
    """The names of the modules that matter, without the prefix of adapters."""
    names = {name: type(module).__name__ for name, module in model.named_modules()}
    return {
        "four_bit": [name for name, kind in names.items() if kind == "Linear4bit"],
        "adapted": sorted({name.split(".lora_A")[0] for name in names if name.endswith(".lora_A")}),
        "linear": [name for name, kind in names.items() if kind in ("Linear", "Linear4bit") and ".lora_" not in name],
        "trained": [name for name, weight in model.named_parameters() if weight.requires_grad],
    }


def _batch(model: Any, processor: Any, command: list[str]) -> dict[str, Any]:
    """What the collator makes of the first rows, and the expected tokens of the answers."""
    from finetune.data.pairs import read_pairs
    from finetune.train.collator import make_collator

    config = _config(command)
    rows = read_pairs(config.data.path, "train").rows.select(range(8))
    processor.tokenizer.padding_side = "right"
    batch = make_collator(model, processor, config)([rows[place] for place in range(len(rows))])
    samples = [
        {
            "label": row["label"],
            "size": row["image"].size,
            "ids": ids.tolist(),
            "labels": labels.tolist(),
            "answer": processor.tokenizer(row["label"], add_special_tokens=False)["input_ids"],
            "grid": grid.tolist(),
        }
        for row, ids, labels, grid in zip(
            rows, batch["input_ids"], batch["labels"], batch["image_grid_thw"], strict=True
        )
    ]
    tokens = {name: processor.tokenizer.convert_tokens_to_ids(name) for name in ("<|im_end|>", "<|image_pad|>")}
    return {"batch": samples, "tokens": tokens}


def _losses(model: Any, processor: Any, out: Path, command: list[str]) -> dict[str, Any]:
    """The validation loss by batch size, of our trainer and of trl's, and the mean over tokens, computed row by row."""
    from dataclasses import replace

    import torch
    from transformers import PrinterCallback
    from trl import SFTConfig, SFTTrainer

    from finetune.data.pairs import read_pairs
    from finetune.models.quiet import quiet
    from finetune.train.collator import IGNORED, make_collator
    from finetune.train.loop import arguments
    from finetune.train.trainer import FormulaTrainer

    config = _config(command)
    rows = read_pairs(config.data.path, "validation").rows.select(range(7))
    processor.tokenizer.padding_side = "right"
    model.for_training()
    model.eval()
    collator = make_collator(model, processor, config)
    found: dict[str, Any] = {"ours": {}, "theirs": {}}
    for name, kind, sizes in (("ours", FormulaTrainer, (1, 3)), ("theirs", SFTTrainer, (1, len(rows)))):
        for size in sizes:
            sized = replace(config, eval=replace(config.eval, batch_size=size))
            settings = arguments(sized, out / "judged", 1, 1, evaluate=True)
            with quiet():
                trainer = kind(
                    model=model,
                    processing_class=processor,
                    data_collator=collator,
                    train_dataset=rows,
                    eval_dataset=rows,
                    args=SFTConfig(**settings),
                )
                trainer.remove_callback(PrinterCallback)
                found[name][str(size)] = trainer.evaluate()["eval_loss"]
    summed = tokens = 0.0
    with torch.no_grad():
        for place in range(len(rows)):
            batch = collator([rows[place]])
            many = int((batch["labels"][:, 1:] != IGNORED).sum())
            summed += float(model(**batch).loss) * many
            tokens += many
    return {**found, "by_hand": summed / tokens}


def _answers(model: Any, processor: Any, out: Path, command: list[str]) -> dict[str, Any]:
    """The answers of the model in memory, and of its adapter loaded onto a fresh base model."""
    from dataclasses import replace

    from finetune.data.pairs import read_pairs
    from finetune.models.load import load_model
    from finetune.predict.engines import Asking, predict_rows
    from finetune.predict.questions import Questions

    config = _config(command)
    questions = Questions(read_pairs(config.data.path, "validation").rows, resize=config.data.resize)

    def asked(one: Any, other: Any) -> list[list[Any]]:
        found = predict_rows(one, other, questions, config.data.prompt, Asking(batch_size=4, max_new_tokens=16))
        return sorted([answer.sample_id, answer.pred, answer.score] for answer in found)

    reloaded = load_model(
        replace(config.model, name=str(out / "last")),
        max_length=config.data.max_length,
        min_pixels=config.data.min_pixels,
        max_pixels=config.data.max_pixels,
    )
    size = dict(reloaded[1].image_processor.size)
    return {"in_memory": asked(model, processor), "reloaded": asked(*reloaded), "reloaded_size": size}


if __name__ == "__main__":
    main(Path(sys.argv[1]))
