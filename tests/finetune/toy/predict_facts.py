"""Asks and merges the toy model's adapter and returns the results as values for JSON. Asserts nothing.

facts = predict_facts(settings, data, folder)    # in a process that has the shim
python predict_facts.py FOLDER                   # a process of its own; FOLDER/facts.json comes last

The adapter of the training tests learns for 30 steps and can only guess, so the rounding of a merge may change its
answers. Here the toy memorises some formulas, as a trained model knows its training data. `train_driver` calls this,
so that all tests share one import of unsloth, which takes half a minute.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent
TOKENS = 16
#: Rows of the toy data whose pictures differ in their number of tokens: the toy hardly sees anything else.
KNOWN = (0, 1, 2, 5, 6, 7)
SPLIT = ("--split", "train", "--max-new-tokens", TOKENS)
LEARNING = (
    "train.max_steps=60", "data.validation=null", "train.learning_rate=0.01", "train.save_every=1000",
    "train.weight_decay=0",
)  # fmt: skip


def predict_facts(settings: Sequence[str], data: Path, folder: Path) -> dict[str, Any]:
    """settings: KEY=VALUE of the toy's training. data: the toy's data, a file of messages. folder: to work in."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = data.read_text(encoding="utf-8").splitlines(keepends=True)
    data = data.with_name("known.jsonl")
    data.write_text("".join(rows[place] for place in KNOWN), encoding="utf-8")
    (folder / "empty.yaml").write_text("")
    places = (f"data.path={data}", f"out={folder / 'run'}")
    status = _run("train", folder / "empty.yaml", *settings, *LEARNING, *places)
    adapter = folder / "run" / "last"
    return {
        "trained": status,
        "commands": _commands(adapter, data, folder),
        "asked": _asked(adapter, data),
        "sixteen": _predicted(adapter, data, folder / "sixteen.jsonl", "--16bit"),
        "merged": {method: _merged(adapter, data, folder, method) for method in ("merged_16bit", "merged_4bit")},
    }


def _predicted(model: Path, data: Path, out: Path, *more: object) -> list[dict[str, Any]]:
    if _run("predict", model, data, "--out", out, "--batch-size", 3, *SPLIT, *more):
        raise RuntimeError(f"finetune predict {model} failed")
    return _rows(out)


def _commands(adapter: Path, data: Path, folder: Path) -> dict[str, Any]:
    """What `finetune predict` writes: in one run, in two, and with another batch size."""
    statuses = {
        "whole": _run("predict", adapter, data, "--out", folder / "whole.jsonl", "--batch-size", 3, *SPLIT),
        "again": _run("predict", adapter, data, "--out", folder / "again.jsonl", "--batch-size", 3, *SPLIT),
        "single": _run("predict", adapter, data, "--out", folder / "single.jsonl", "--batch-size", 1, *SPLIT),
    }
    # As if it had been killed in the middle of a line of the second batch.
    torn = folder / "torn.jsonl"
    lines = (folder / "whole.jsonl").read_bytes().splitlines(keepends=True)
    (folder / "torn.jsonl.run.json").write_bytes((folder / "whole.jsonl.run.json").read_bytes())
    torn.write_bytes(b"".join(lines[:4]) + lines[4][:20])
    statuses["torn"] = _run("predict", adapter, data, "--out", torn, "--batch-size", 3, *SPLIT)
    statuses["other_prompt"] = _run("predict", adapter, data, "--out", torn, "--prompt", "?", *SPLIT)
    return {
        "status": statuses,
        **{name: _rows(folder / f"{name}.jsonl") for name in ("whole", "again", "single", "torn")},
        "facts": json.loads((folder / "whole.jsonl.run.json").read_text(encoding="utf-8")),
    }


def _asked(adapter: Path, data: Path) -> dict[str, Any]:
    """What a loaded model answers, and what generation returns if it is asked to keep everything."""
    import torch

    from finetune.data.pairs import read_pairs
    from finetune.models.facts import model_facts
    from finetune.models.quiet import quiet
    from finetune.predict.engines import Asking, predict_rows
    from finetune.predict.job import Asker
    from finetune.predict.questions import Questions

    facts = model_facts(str(adapter))
    assert facts.config is not None
    asker = Asker.of(facts)
    model, processor = asker.load(TOKENS)
    questions = list(Questions(read_pairs(str(data), "train").rows, resize="upscale"))
    prompt, asking = facts.config.data.prompt, Asking(batch_size=3, max_new_tokens=TOKENS)

    def answers(words: str = prompt, **more: Any) -> list[str]:
        from dataclasses import replace

        found = predict_rows(model, processor, questions, words, replace(asking, **more))
        made = {answer.sample_id: answer.pred for answer in found}
        return [made[row.sample_id] for row in questions]

    plain = answers()
    model.generation_config.update(repetition_penalty=1.8, do_sample=True, temperature=5.0, top_k=3)
    stubborn = answers()
    drawn = [answers(temperature=2.0, seed=seed) for seed in (1, 1, 2)]
    # One row alone, keeping the whole vocabulary for every token.
    (answer,) = predict_rows(model, processor, questions[:1], prompt, asking)
    text = processor.apply_chat_template(
        [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]}],
        add_generation_prompt=True,
        tokenize=False,
    )
    batch = processor(text=[text], images=[[questions[0].load()]], add_special_tokens=False, return_tensors="pt")
    with torch.inference_mode(), quiet():
        made = model.generate(
            **batch, max_new_tokens=TOKENS, do_sample=False, repetition_penalty=1.0, num_beams=1,
            output_logits=True, return_dict_in_generate=True,
        )  # fmt: skip
    tokens = made.sequences[0, batch["input_ids"].shape[1] :]
    chances = torch.stack(made.logits, dim=1)[0].float().log_softmax(-1).gather(1, tokens[:, None])
    return {
        "plain": plain,
        "stubborn": stubborn,
        "drawn": drawn,
        "other_prompt": answers("?"),
        "score": answer.score,
        "score_by_hand": chances.mean().item(),
        "tokens": [answer.tokens, len(tokens)],
    }


def _merged(adapter: Path, data: Path, folder: Path, method: str) -> dict[str, Any]:
    """A merge by the command, and the answers of the merged model, loaded as a user would load it."""
    out, pred = folder / method, folder / f"{method}.jsonl"
    status = _run("merge", adapter, "--out", out, "--method", method)
    again = _run("merge", adapter, "--out", out, "--method", method)
    rows = _predicted(out, data, pred)
    facts = json.loads((folder / f"{method}.jsonl.run.json").read_text(encoding="utf-8"))
    return {
        "status": [status, again],
        "files": sorted(path.name for path in out.iterdir()),
        "rows": rows,
        "load_in_4bit": facts["model"]["load_in_4bit"],
        "prompt": facts["prompt"],
        "config": json.loads((out / "config.json").read_text(encoding="utf-8")),
        "dtypes": _dtypes(out),
        "pixels": json.loads((out / "processor_config.json").read_text(encoding="utf-8"))["image_processor"]["size"],
        "card": (out / "README.md").read_text(encoding="utf-8"),
        "plain_transformers": _transformers(out, data) if method == "merged_16bit" else None,
    }


def _transformers(model: Path, data: Path) -> list[str]:
    """The answers of a merged model, loaded as others would: without Unsloth's loader and without this program."""
    import torch
    from transformers import AutoModelForImageTextToText, AutoProcessor

    from finetune.data.pairs import picture, read_pairs
    from finetune.models.facts import training_settings
    from finetune.models.quiet import quiet

    settings = training_settings(model)
    assert settings is not None
    with quiet():
        loaded = AutoModelForImageTextToText.from_pretrained(model, dtype=torch.float32).eval()
        processor = AutoProcessor.from_pretrained(model)
    asked = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": settings.data.prompt}]}]
    text = processor.apply_chat_template(asked, add_generation_prompt=True, tokenize=False)
    answers = []
    for row in read_pairs(str(data), "train").rows:
        batch = processor(text=[text], images=[[picture(row["image"])]], return_tensors="pt")
        with torch.inference_mode(), quiet():
            made = loaded.generate(**batch, max_new_tokens=TOKENS, do_sample=False)
        answers += processor.batch_decode(made[:, batch["input_ids"].shape[1] :], skip_special_tokens=True)
    return answers


def _dtypes(model: Path) -> dict[str, int]:
    """How many tensors of each type a model's files hold."""
    from collections import Counter

    from safetensors import safe_open

    found: Counter[str] = Counter()
    for path in model.glob("*.safetensors"):
        with safe_open(path, framework="pt") as file:
            found.update(str(file.get_slice(name).get_dtype()) for name in file.keys())  # noqa: SIM118
    return dict(found)


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def _run(*arguments: object) -> int:
    from curate.base.terminal import run
    from finetune.cli.main import main_group

    return run("finetune", main_group, [*map(str, arguments), "--debug"])


def main(arguments: Sequence[str]) -> None:
    sys.path[:0] = [str(HERE), str(HERE.parents[2])]
    import cpu_shim

    cpu_shim.apply()
    from tiny_model import make_tiny_model
    from toy_data import make_toy_data
    from train_driver import MACHINE, TOY

    folder = Path(arguments[0]).absolute()
    data, model = make_toy_data(folder / "data"), make_tiny_model(folder / "model")
    values = {**MACHINE, **TOY, "model.name": model, "data.path": data}
    facts = predict_facts([f"{name}={value}" for name, value in values.items()], data, folder / "predict")
    (folder / "facts.json").write_text(json.dumps(facts, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
