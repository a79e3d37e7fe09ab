"""`make demo-train`: the whole way from a curated export to a compared model, on a CPU, with a toy model.

The toy has the classes of Qwen2.5-VL, random weights and 340,000 parameters. It memorises some formulas and reads
nothing. The demo shows that the commands work together and that the loss falls, not how well a model reads.
The printed commands are those for a real model on a GPU, except for the values in TOY.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
import shutil
import sys
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "finetune" / "toy")]
os.environ.setdefault("OMP_NUM_THREADS", "1")  # the toy is too small to gain from threads

import cpu_shim  # noqa: E402
import tiny_model  # noqa: E402

#: Values that a real training doesn't have. float32 and this checkpointing are all that Unsloth takes on a CPU, and a
#: toy with random weights must change a lot in a few steps.
TOY = (
    "model.dtype=float32",
    "model.checkpointing=torch",
    "lora.r=32",
    "lora.alpha=64",
    "train.learning_rate=1e-2",
    "train.weight_decay=0",
    "train.batch_size=4",
    "train.accumulation=1",
    "train.workers=0",
    "data.max_pixels=100352",
    "data.max_length=1024",
)
SAMPLES = 8


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, default=Path("demo/dataset"), help="what `curate export` wrote")
    parser.add_argument("--out", type=Path, default=Path("demo/train"), help="folder to make anew")
    parser.add_argument("--steps", type=int, default=60)
    options = parser.parse_args()
    started = time.monotonic()
    if options.out.exists():
        if not (options.out / "tiny-model").is_dir():
            print(f"demo-train: {options.out}: is a folder of something else", file=sys.stderr)
            return 2
        shutil.rmtree(options.out)
    print("A toy model on this machine's CPU: it memorises formulas, reads none, and is good for nothing else.")
    print("Loading Unsloth (half a minute) ...", flush=True)
    cpu_shim.apply()
    base = tiny_model.make_tiny_model(options.out / "tiny-model")
    run = options.out / "run"
    trained = [
        "train", "24gb", f"model.name={base}", f"data.path={options.data}", f"out={run}", f"data.limit={SAMPLES}",
        f"train.max_steps={options.steps}", "train.log_every=10", "train.save_every=50", "eval.every=50",
        "eval.samples=2", "eval.max_new_tokens=48", "eval.limit=4", "eval.patience=null", *TOY,
    ]  # fmt: skip
    # Asks about its training data, since a toy can't read anything else.
    asked = [str(options.data), "--split", "train", "--limit", str(SAMPLES), "--max-new-tokens", "128"]
    before, after = options.out / "before.jsonl", options.out / "after.jsonl"
    commands = [
        trained,
        ["predict", str(base), *asked, "--dtype", "float32", "--max-pixels", "100352", "--out", str(before)],
        ["predict", str(run / "last"), *asked, "--save-images", str(options.out / "seen"), "--out", str(after)],
        ["evaluate", str(after), "--out", str(options.out / "scores")],
        ["card", str(run / "last"), "--metrics", str(options.out / "scores" / "metrics.json")],
        ["compare", str(before), str(after), "--out", str(options.out / "report.html")],
    ]
    for command in commands:
        code = finetune(command)
        if code:
            return code
    losses = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
    told = [line for line in losses if line.get("loss") is not None]
    first, last = told[0]["loss"], told[-1]["loss"]
    print(f"\nloss      {first:.2f} to {last:.2f} in {options.steps} steps ({run / 'losses.svg'})")
    print(f"card      {run / 'last' / 'README.md'}")
    print(f"time      {time.monotonic() - started:.0f} s")
    if last > first / 2:
        print("demo-train: the loss did not fall by half: something is wrong", file=sys.stderr)
        return 1
    return 0


def finetune(arguments: list[str]) -> int:
    """Run a command as the console script does, with the imports of the one before."""
    from curate.base.terminal import run
    from finetune.cli.main import main_group

    print(f"\n$ finetune {shlex.join(arguments)}", flush=True)
    return run("finetune", main_group, arguments)


if __name__ == "__main__":
    sys.exit(main())
