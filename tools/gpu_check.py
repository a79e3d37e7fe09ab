"""`make gpu-check`: runs the real model on a real GPU, and prints which steps passed. Exits with 1 if any didn't.

It checks what the tests can't, since they train a toy on a CPU: CUDA kernels, 16-bit arithmetic, Unsloth's
checkpointing, real memory, the real tokenizer and template. It trains 20 steps on the demo's export, kills and resumes
a training, asks the adapter, merges it both ways and asks the merged models. It downloads the model once, in 4 bits for
the training and in 16 for the merge (3B: about 11 GB), and writes about 25 GB to --out, which is removed unless --keep
is given.

`--lease FILE` is for a GPU that is available for a few minutes: no download, random weights in the shapes of the 3B
model, one process, a JSON line after each block; see `gpu_lease`. `--list` prints what it checks.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rapidfuzz.distance import Levenshtein  # noqa: E402

from curate.base.tables import Column, count, markdown_table  # noqa: E402

CALL = (
    "import sys; from {0}.cli.main import main_group; from curate.base.terminal import run; "
    "sys.exit(run('{0}', main_group))"
)
STEPS = 20


class Failed(Exception):
    """A step of the check failed; the message is one line."""


@dataclass
class Check:
    """Runs steps and records the results. A step is not run if one that it `needs` failed."""

    out: Path
    model: str
    data: Path
    prefix: list[str]
    settings: list[str]
    results: list[dict[str, Any]] = field(default_factory=list)

    def step(self, name: str, work: Callable[[], str], needs: Sequence[str] = ()) -> None:
        bad = [need for need in needs if not any(row["step"] == need and row["ok"] for row in self.results)]
        if bad:
            self.results.append({"step": name, "ok": None, "seconds": 0, "told": f"{bad[0]}: did not pass"})
            return
        print(f"{name} ...", flush=True)
        started, memory = time.monotonic(), Memory()
        try:
            with memory:
                told, ok = work(), True
        except Failed as error:
            told, ok = str(error), False
        except Exception as error:  # any error belongs in the table
            told, ok = f"{type(error).__name__}: {error}", False
        seconds = round(time.monotonic() - started, 1)
        self.results.append({"step": name, "ok": ok, "seconds": seconds, "told": told, "gpu_mib": memory.peak})
        print(f"  {'passed' if ok else 'FAILED'} in {seconds:.0f} s: {told}", flush=True)

    def finetune(self, *arguments: object, log: str) -> str:
        """Run a command of `finetune` and return what it printed."""
        return self._run([*self.prefix, *map(str, arguments)], log)

    def _run(self, command: Sequence[str], log: str) -> str:
        with (self.out / f"{log}.log").open("w", encoding="utf-8") as file:
            print(" ".join(command), file=file, flush=True)
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=file, text=True, cwd=ROOT, check=False)
            last = _last_words(self.out / f"{log}.log")  # before what it printed comes behind its errors
            file.write(done.stdout)
        if done.returncode:
            raise Failed(f"{last} (exit {done.returncode}, {self.out / log}.log)")
        return done.stdout

    # The steps ---------------------------------------------------------------------------------------------------

    def environment(self) -> str:
        code = (
            "import json, torch; from finetune.models.hardware import require_gpu, gpus; require_gpu(); "
            "print(json.dumps({'gpus': [[g.name, g.memory, g.capability] for g in gpus()], 'torch': torch.__version__, "
            "'cuda': torch.version.cuda, 'bf16': torch.cuda.is_bf16_supported(including_emulation=False)}))"
        )
        found = json.loads(self._run([sys.executable, "-c", code], "environment").splitlines()[-1])
        cards = ", ".join(f"{name} ({memory / 2**30:.0f} GiB)" for name, memory, _ in found["gpus"])
        return f"{cards}; torch {found['torch']}, CUDA {found['cuda']}, bfloat16 {'yes' if found['bf16'] else 'no'}"

    def load(self) -> str:
        found = json.loads(self._run([sys.executable, __file__, "--inspect", self.model], "load").splitlines()[-1])
        told = f"in 4 bits: {found['language']} layers of the language model, {found['vision']} of vision"
        if not found["language"]:
            raise Failed(told)
        return f"{told}; the rest {found['dtype']}; {found['mib']:,} MiB"

    def _settings(self, run: Path) -> list[object]:
        return [
            "train", "16gb", f"model.name={self.model}", f"data.path={self.data}", f"out={run}",
            f"train.max_steps={STEPS}", "train.log_every=1", "train.save_every=5", "train.warmup=0.1", "eval.every=10",
            "eval.samples=4", "eval.max_new_tokens=128", "eval.limit=8", *self.settings,
        ]  # fmt: skip

    def train(self) -> str:
        run = self.out / "run"
        self.finetune(*self._settings(run), log="train")
        losses = self._losses(run)
        first, last = sum(losses[:3]) / 3, sum(losses[-3:]) / 3
        if len(losses) != STEPS or not last < first:
            raise Failed(f"the loss went from {first:.3f} to {last:.3f} in {len(losses)} steps")
        return f"loss {first:.3f} to {last:.3f} (means of three steps)"

    def resume(self) -> str:
        run = self.out / "killed"
        command = [*self.prefix, *map(str, self._settings(run))]
        with (self.out / "killed.log").open("w") as log:
            process = subprocess.Popen(command, stdout=log, stderr=log, cwd=ROOT)
            while len(self._losses(run)) < 12:
                if process.poll() is not None:
                    raise Failed("the training ended before it could be killed (killed.log)")
                time.sleep(0.2)
            process.send_signal(signal.SIGKILL)
            process.wait()
        self.finetune(*self._settings(run), "--resume", log="resumed")
        resumed, whole = self._losses(run), self._losses(self.out / "run")
        if len(resumed) != len(whole):
            raise Failed(f"the resumed training wrote {len(resumed)} losses, and the uninterrupted one {len(whole)}")
        off = max(abs(a - b) for a, b in zip(resumed, whole, strict=True))
        if off > 0.05:
            raise Failed(f"losses differ by up to {off:.3f} from those of the uninterrupted training")
        return f"killed and resumed: losses within {off:.4f} of those of the uninterrupted training"

    def _losses(self, run: Path) -> list[float]:
        try:
            lines = [json.loads(line) for line in (run / "losses.jsonl").read_text().splitlines()]
        except (OSError, ValueError):  # missing, or being written
            return []
        return [line["loss"] for line in lines if line.get("loss") is not None]

    def predict(self, model: str | Path, name: str, *more: object) -> str:
        arguments = ["--split", "test", "--max-new-tokens", 256, *more]
        self.finetune("predict", model, self.data, "--out", self.out / f"{name}.jsonl", *arguments, log=name)
        rows = self._rows(name)
        seconds = sum(row["seconds"] for row in rows) / len(rows)
        right = sum(row["gt"].split() == row["pred"].split() for row in rows)
        return f"{len(rows)} answers, {seconds:.2f} s each, {right} exactly as labelled"

    def agree(self, name: str, other: str, least: float) -> str:
        """Are the answers alike? In 16 bits, a token of a long answer may differ, which is not a fault."""
        pairs = [(a["pred"], b["pred"]) for a, b in zip(self._rows(name), self._rows(other), strict=True)]
        same = sum(a == b for a, b in pairs)
        alike = sum(Levenshtein.normalized_similarity(a.split(), b.split()) for a, b in pairs) / len(pairs)
        told = f"{same} of {len(pairs)} answers are those of {other}, and all are {alike:.0%} alike"
        if alike < least:
            raise Failed(f"{told}; at least {least:.0%} should be")
        return told

    def merge(self, method: str) -> str:
        adapter, out = self.out / "run" / "last", self.out / method
        self.finetune("merge", adapter, "--out", out, "--method", method, log=f"merge-{method}")
        told = self.predict(out, method)
        return f"{told}; {self.agree(method, 'adapter', 0.7)}"

    def _rows(self, name: str) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.out / f"{name}.jsonl").read_text(encoding="utf-8").splitlines()]


def _last_words(log: Path) -> str:
    """The error line of a command, else the last line that it wrote."""
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines() or ["no word"]
    line = next((line for line in reversed(lines) if ": error: " in line), lines[-1])
    return line.removeprefix("curate.base.errors.UserError: ")[:300]


class Memory:
    """The most memory (MiB) in use on the GPU, by all programs, while the block runs; None if unknown."""

    def __init__(self) -> None:
        self.peak: int | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def _watch(self) -> None:
        first = os.environ.get("CUDA_VISIBLE_DEVICES", "0").split(",")[0] or "0"  # a number or a UUID: both work
        ask = ["nvidia-smi", "--query-gpu=memory.used", "--format=csv,noheader,nounits", f"--id={first}"]
        while not self._stop.wait(0.5):
            try:
                found = subprocess.run(ask, capture_output=True, text=True, check=True, timeout=10).stdout
                self.peak = max(self.peak or 0, int(found.split()[0]))
            except (OSError, ValueError, IndexError, subprocess.SubprocessError):
                return

    def __enter__(self) -> Memory:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join()


def inspect(model: str) -> None:
    """Load a model as a training does, and print its parts as JSON."""
    from finetune.models.load import load_model
    from finetune.settings.config import Config, ModelConfig

    data = Config().data
    limits = {"max_length": data.max_length, "min_pixels": data.min_pixels, "max_pixels": data.max_pixels}
    loaded, _ = load_model(ModelConfig(name=model), **limits)
    import torch

    four = [name for name, module in loaded.named_modules() if type(module).__name__ == "Linear4bit"]
    vision = sum(".visual." in f".{name}" for name in four)
    facts = {
        "language": len(four) - vision,
        "vision": vision,
        "dtype": str(loaded.dtype).removeprefix("torch."),
        "mib": torch.cuda.max_memory_allocated() >> 20,
    }
    print(json.dumps(facts))


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", default="unsloth/Qwen2.5-VL-3B-Instruct", help="the base model [%(default)s]")
    parser.add_argument("--data", type=Path, default=Path("demo/dataset"), help="a folder from `curate export`")
    parser.add_argument("--out", type=Path, default=Path("gpu-check"), help="folder to create [%(default)s]")
    parser.add_argument("--keep", action="store_true", help="keep models and predictions")
    parser.add_argument("--set", nargs="+", default=[], metavar="KEY=VALUE", help="settings of the training")
    parser.add_argument(
        "--lease",
        type=Path,
        metavar="FILE",
        help="for a GPU that is available for ten minutes: no download; see --list",
    )
    parser.add_argument("--minutes", type=float, default=9.0, help="minutes for --lease [%(default)s]")
    parser.add_argument("--tiny", action="store_true", help="for --lease: toy shapes, also on a CPU")
    parser.add_argument("--list", action="store_true", help="print what --lease checks")
    parser.add_argument("--inspect", metavar="MODEL", help=argparse.SUPPRESS)
    parser.add_argument("--call", nargs="+", help=argparse.SUPPRESS)  # what the tests call instead of finetune
    options = parser.parse_args()
    if options.inspect:
        inspect(options.inspect)
        return 0
    if options.list or options.lease:
        import gpu_lease

        if options.list:
            print(gpu_lease.told())
            return 0
        folder = Path(tempfile.mkdtemp(prefix="gpu-lease-", dir=options.out if options.out.is_dir() else None))
        try:
            return gpu_lease.lease(options.lease.absolute(), folder, options.minutes, tiny=options.tiny)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
    if options.out.exists():
        print(f"gpu-check: {options.out}: already exists; remove it, or name another --out", file=sys.stderr)
        return 2
    out = options.out.absolute()
    out.mkdir(parents=True)
    prefix = options.call or [sys.executable, "-c", CALL.format("finetune")]
    model = str(Path(options.model).absolute()) if Path(options.model).is_dir() else options.model
    check = Check(out, model, options.data.absolute(), prefix, options.set)
    adapter = out / "run" / "last"
    gpu = [] if options.call else ["environment"]
    if not options.call:
        check.step("environment", check.environment)
        check.step("load in 4 bits", check.load, gpu)
    check.step("base: predict", lambda: check.predict(model, "base"), gpu)
    check.step("train 20 steps", check.train, gpu)
    check.step("kill and resume", check.resume, ["train 20 steps"])
    check.step("adapter: predict", lambda: check.predict(adapter, "adapter"), ["train 20 steps"])
    check.step("one image at a time", lambda: check.predict(adapter, "single", "--batch-size", 1), ["adapter: predict"])
    check.step("same answers", lambda: check.agree("single", "adapter", 0.9), ["one image at a time"])
    check.step("merge in 16 bits", lambda: check.merge("merged_16bit"), ["adapter: predict"])
    check.step("merge in 4 bits", lambda: check.merge("merged_4bit"), ["adapter: predict"])
    report(check, out)
    if not options.keep:
        for name in ("run", "killed", "merged_16bit", "merged_4bit"):
            shutil.rmtree(out / name, ignore_errors=True)
    return 0 if all(row["ok"] for row in check.results) else 1


def report(check: Check, out: Path) -> None:
    """Print the table, and write it and the numbers to `out`."""
    words = {True: "passed", False: "FAILED", None: "not run"}
    rows = [
        [row["step"], words[row["ok"]], f"{row['seconds']:.0f} s", count(row.get("gpu_mib")), row["told"]]
        for row in check.results
    ]
    columns = [Column("step"), Column("result"), Column("time", "right"), Column("GPU MiB", "right"), Column("what")]
    table = markdown_table(columns, rows)
    facts = {"model": check.model, "machine": platform.platform(), "python": platform.python_version()}
    (out / "gpu-check.json").write_text(json.dumps({**facts, "steps": check.results}, indent=1) + "\n")
    told = verdict([row["ok"] for row in check.results])
    (out / "gpu-check.md").write_text(f"{table}\n\n{told}\n")
    print(f"\n{table}\n\n{told}\nwritten   {out / 'gpu-check.md'}, with gpu-check.json and the logs")


def verdict(results: Sequence[bool | None]) -> str:
    """One unambiguous line."""
    if all(results):
        return f"PASSED: all {len(results)} steps"
    failed, left = sum(ok is False for ok in results), sum(ok is None for ok in results)
    return f"FAILED: {failed} of {len(results)} steps failed" + (
        f", and {left} were not run because of that" if left else ""
    )


if __name__ == "__main__":
    sys.exit(main())
