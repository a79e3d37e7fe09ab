"""Rewards: what each gives for which answer, in TRL's signature, and the recipe, run for two steps on a toy."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
from extra import require_finetune

from finetune import rewards

#: Makes a tiny model and four images. TRL 1.15 calls a Triton kernel without checking for a GPU.
TOY = """
import trl.trainer.utils as kernels
class Plain:
    @staticmethod
    def apply(hidden, weight, bias, targets, temperature, chunk, softcap, scale, outputs):
        assert bias is None and softcap is None and scale == 1
        chances = (hidden @ weight.T / temperature).float().log_softmax(-1)
        entropy = -(chances.exp() * chances).sum(-1) if "entropy" in outputs else None
        return chances.gather(-1, targets[:, None])[:, 0], entropy, None, None, None
kernels._ChunkedLogProbFunction = Plain
from pathlib import Path
from PIL import Image
from tiny_model import make_tiny_model
folder = Path({folder!r})
make_tiny_model(folder / "model")
data = folder / "data" / "train"
data.mkdir(parents=True)
for place in range(4):
    Image.new("RGB", (56, 56), "white").save(data / f"{{place}}.png")
rows = (f'{{{{"file_name": "{{place}}.png", "label": "x"}}}}\\n' for place in range(4))
(data / "metadata.jsonl").write_text("".join(rows))
"""
TRUTH = r"\frac { a } { b } + x ^ { 2 }"
SAME, OTHER, BROKEN, NOTHING = r"\frac ab+x^2", r"\frac{a}{b}+x^3", r"\frac{a", ""
ANSWERS = [SAME, OTHER, BROKEN, NOTHING]


def talk(answer: str, parts: bool = False) -> list[dict]:
    return [{"role": "assistant", "content": [{"type": "text", "text": answer}] if parts else answer}]


@pytest.mark.parametrize("column", rewards.TRUTHS)
def test_looks(column: str) -> None:
    given = rewards.render_equal(ANSWERS, prompts=["?"] * 4, **{column: [TRUTH] * 4})
    assert given == [1, 0, 0, 0]


@pytest.mark.parametrize("wrap", [str, talk, lambda answer: talk(answer, parts=True)])
@pytest.mark.parametrize("around", ["{}", "```latex\n{}\n```", "${}$"])
def test_the_kinds_of_completion_and_what_stands_around_them(wrap, around: str) -> None:
    completions = [wrap(around.format(SAME)), wrap(around.format(OTHER))]
    assert rewards.render_equal(completions, label=[TRUTH] * 2) == [1, 0]


def test_marks() -> None:
    same, other, broken, nothing = rewards.cdm(ANSWERS, label=[TRUTH] * 4)
    assert same == 1
    assert 0.5 < other < 1
    assert broken == nothing == 0


def test_parses_and_needs_no_truth() -> None:
    assert rewards.parses(ANSWERS) == [1, 1, 0, 0]


def test_length_falls_to_nothing() -> None:
    answers = ["x", "x + y", "x + " * 10 + "x", "x + " * 200 + "x"]
    one, two, three, four = rewards.length(answers, label=["x + y"] * 4)
    assert one == two == 1
    assert 0 < three < 1
    assert four == 0


@pytest.mark.parametrize(
    ("columns", "said"),
    [({"text": ["x"]}, "no column has the ground truth"), ({"label": ["x", "y"]}, "label: 2 truths for 1 completions")],
)
def test_a_data_set_without_truths_is_told(columns: dict, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rewards.render_equal(["x"], **columns)


@pytest.mark.finetune
def test_the_recipe_runs_for_two_steps(tmp_path: Path) -> None:
    require_finetune()
    page = (Path(__file__).parents[2] / "docs" / "grpo.md").read_text(encoding="utf-8")
    program = re.search(r"```python\n(.*?)```", page, re.DOTALL)[1]
    small = {
        '"merged"': repr(str(tmp_path / "model")),
        '"dataset"': repr(str(tmp_path / "data")),
        '"runs/grpo"': repr(str(tmp_path / "out")),
        '"num_generations": 8': '"num_generations": 2',
        '"per_device_train_batch_size": 8': '"per_device_train_batch_size": 2',
        '"gradient_accumulation_steps": 4': '"gradient_accumulation_steps": 1',
        '"max_completion_length": 512': '"max_completion_length": 6',
        '"max_steps": 500': '"max_steps": 2',
        '"bf16": True': '"bf16": False, "use_cpu": True',
    }
    for words, other in small.items():
        assert words in program
        program = program.replace(words, other)
    end = "\nprint('rewards', [line for line in trainer.state.log_history if 'reward' in line])\n"
    script = tmp_path / "recipe.py"
    toy = f"import sys\nsys.path.insert(0, {str(Path(__file__).parent / 'toy')!r})\n{TOY.format(folder=str(tmp_path))}"
    script.write_text(toy + program + end, encoding="utf-8")
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "HF_HOME": str(tmp_path / "hf")}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    assert "rewards/render_equal/mean" in done.stdout
    assert (tmp_path / "out" / "model.safetensors").is_file()
