"""`make gpu-check` with a stand-in for the command `finetune`: what it calls and what counts as a failure. No GPU."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]

#: Writes at once what the real commands would write. `drift`: the difference of a resumed training. `merged`: the
#: answers of merged models.
STAND_IN = """
import json, sys, time
from pathlib import Path
drift, merged, arguments = float(sys.argv[1]), sys.argv[2], sys.argv[3:]
command = arguments[0]
values = dict(part.split("=", 1) for part in arguments if "=" in part)
if command == "train":
    run = Path(values["out"])
    (run / "last").mkdir(parents=True, exist_ok=True)
    resumed = "--resume" in arguments
    killed = run.name == "killed" and not resumed
    steps = range(1, 16 if killed else int(values["train.max_steps"]) + 1)
    lines = [json.dumps({"step": s, "loss": 3 / s + (drift if resumed else 0)}) for s in steps]
    (run / "losses.jsonl").write_text("\\n".join(lines) + "\\n")
    if killed:
        time.sleep(60)
elif command == "predict":
    out = Path(arguments[arguments.index("--out") + 1])
    pred = merged if out.stem.startswith("merged") else "x ^ 2 + y ^ 2 = 1"
    rows = [{"sample_id": str(n), "gt": "x ^ 2 + y ^ 2 = 1", "pred": pred, "seconds": 0.5} for n in range(4)]
    out.write_text("".join(json.dumps(row) + "\\n" for row in rows))
elif command == "merge":
    if "merged_4bit" in arguments:
        print("needs     disk")
        print("finetune: error: no disk", file=sys.stderr)
        print("a library's last sigh", file=sys.stderr)
        sys.exit(2)
    Path(arguments[arguments.index("--out") + 1]).mkdir()
"""

#: The stand-in's answer, and the expected one.
FORMULA = "x ^ 2 + y ^ 2 = 1"


@pytest.fixture
def check(tmp_path: Path):
    def run(drift: float = 0.0, merged: str = FORMULA) -> tuple[int, dict[str, dict[str, object]], str]:
        (tmp_path / "finetune.py").write_text(STAND_IN)
        call = [sys.executable, str(tmp_path / "finetune.py"), str(drift), merged]
        command = [sys.executable, str(ROOT / "tools" / "gpu_check.py"), "--out", str(tmp_path / "out")]
        made = subprocess.run(
            [*command, "--call", *call],
            capture_output=True,
            text=True,
            timeout=300,
        )
        facts = json.loads((tmp_path / "out" / "gpu-check.json").read_text())
        return made.returncode, {row["step"]: row for row in facts["steps"]}, made.stdout

    return run


def test_every_step_is_reported_and_a_failed_one_is_a_failure(check, tmp_path: Path) -> None:
    status, steps, said = check()
    assert status == 1
    passed = [name for name, row in steps.items() if row["ok"]]
    assert passed == [
        "base: predict", "train 20 steps", "kill and resume", "adapter: predict", "one image at a time", "same answers",
        "merge in 16 bits",
    ]  # fmt: skip
    assert steps["merge in 4 bits"]["ok"] is False
    assert str(steps["merge in 4 bits"]["told"]).startswith("finetune: error: no disk (exit 2, ")
    assert steps["train 20 steps"]["told"] == "loss 1.833 to 0.158 (means of three steps)"
    assert "| merge in 4 bits | FAILED |" in said
    assert "\nFAILED: 1 of 8 steps failed\n" in said
    assert not (tmp_path / "out" / "run").exists()  # nothing large is left
    assert (tmp_path / "out" / "gpu-check.md").is_file()


def test_what_differs_too_much_is_a_failure(check) -> None:
    _, steps, _ = check(drift=0.2, merged="q")
    assert "differ by up to 0.200" in str(steps["kill and resume"]["told"])
    assert "0 of 4 answers are those of adapter, and all are 0% alike; at least 70% should be" in str(
        steps["merge in 16 bits"]["told"]
    )


def test_without_a_gpu_nothing_is_run_and_nothing_passes(tmp_path: Path) -> None:
    out = tmp_path / "out"
    command = [sys.executable, str(ROOT / "tools" / "gpu_check.py"), "--out", str(out)]
    made = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=300,
        env={**os.environ, "CUDA_VISIBLE_DEVICES": "", "PYTHONPATH": str(ROOT)},
        check=False,
    )
    steps = json.loads((out / "gpu-check.json").read_text())["steps"]
    assert made.returncode == 1
    assert [row["step"] for row in steps if row["ok"] is False] == ["environment"]
    assert "FAILED: 1 of 10 steps failed, and 9 were not run because of that" in made.stdout


def test_an_answer_that_differs_in_a_token_is_no_failure(check) -> None:
    _, steps, _ = check(merged=FORMULA.replace("y", "z"))
    assert str(steps["merge in 16 bits"]["told"]).endswith("0 of 4 answers are those of adapter, and all are 89% alike")
    assert steps["merge in 16 bits"]["ok"] is True
