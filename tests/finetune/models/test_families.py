"""Families of models: the table, and a tiny model of each family's real classes, trained, resumed, asked and merged.

A model from another maker than Qwen's always runs; the others run with the long tests.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from extra import require_finetune

from curate.base.errors import UserError
from finetune.models.families import FAMILIES, coordinates_of, family_of
from finetune.settings.prompt_file import read_prompts
from rules.sets.model_images import LIMITS, limits_of

pytestmark = pytest.mark.finetune
DRIVER = Path(__file__).resolve().parents[1] / "toy" / "families_driver.py"
ALWAYS, LONG = ("SmolVLM",), ("Qwen2-VL", "Qwen2.5-VL", "Qwen3-VL", "Qwen3.5")


@pytest.fixture(scope="module")
def always(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _driven(tmp_path_factory.mktemp("families"), ("trouble", *ALWAYS))


@pytest.fixture(scope="module")
def often(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return _driven(tmp_path_factory.mktemp("families"), LONG)


def _driven(folder: Path, families: tuple[str, ...]) -> Path:
    require_finetune()
    made = subprocess.run(
        [sys.executable, str(DRIVER), str(folder), *families],
        capture_output=True,
        text=True,
        cwd=folder,
        env={**os.environ, "HF_HOME": str(folder / "hf"), "TEXSIEVE_CACHE": str(folder / "cache")},
        check=False,
    )
    if made.returncode:
        pytest.fail(f"the driver failed:\n{made.stderr[-5000:]}")
    return folder


@pytest.fixture(params=[*ALWAYS, *(pytest.param(name, marks=pytest.mark.long) for name in LONG)])
def trained(request: pytest.FixtureRequest) -> tuple[str, Path, dict[str, Any]]:
    """A family's name, its folder and its facts."""
    folder = request.getfixturevalue("always" if request.param in ALWAYS else "often") / request.param
    facts = json.loads((folder / "facts.json").read_text(encoding="utf-8"))
    assert "failed" not in facts, facts["failed"]
    return request.param, folder, facts


def _lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_every_family_is_trained_here() -> None:
    assert {*ALWAYS, *LONG} == set(FAMILIES) == set(LIMITS)


def test_commands_of_a_family(trained: tuple[str, Path, dict[str, Any]]) -> None:
    _, folder, facts = trained
    assert [facts[name] for name in ("whole", "stopped", "resumed", "adapter", "merged", "asked_merged")] == [
        0, 130, 0, 0, 0, 0,
    ]  # fmt: skip
    losses = _lines(folder / "whole" / "losses.jsonl")
    trained_on = [line["loss"] for line in losses if "loss" in line]
    judged = [line["eval_loss"] for line in losses if "eval_loss" in line]
    assert trained_on[-1] < 0.8 * trained_on[0]
    assert judged[-1] < judged[0]
    # It stopped in the first epoch and resumed into the second: the order of the samples is the same.
    assert _lines(folder / "stopped" / "losses.jsonl") == losses
    environment = json.loads((folder / "whole" / "environment.json").read_text(encoding="utf-8"))
    assert environment["library"] == "transformers"
    assert environment["attention"] == "sdpa"
    assert environment["dtype"] == "float32"


def test_answers_are_the_same_every_time_and_after_merging(trained: tuple[str, Path, dict[str, Any]]) -> None:
    family, folder, _ = trained
    answers = {name: _lines(folder / f"{name}.jsonl") for name in ("adapter", "again", "merged")}
    texts = {name: [row["pred"] for row in rows] for name, rows in answers.items()}
    assert texts["adapter"] == texts["again"]
    assert len(texts["adapter"]) == 4
    if family != "Qwen2.5-VL":  # this family's adapter is asked on 4-bit weights
        assert texts["merged"] == texts["adapter"]
        for one, other in zip(answers["merged"], answers["adapter"], strict=True):
            assert one["score"] == pytest.approx(other["score"], abs=1e-3)


def test_merged_weights_are_the_sums(trained: tuple[str, Path, dict[str, Any]]) -> None:
    _, _, facts = trained
    assert max(added for added, _ in facts["changes"].values()) > 1e-3
    assert max(off for _, off in facts["changes"].values()) < 1e-2  # of 16-bit weights


def test_adapters_are_on_every_matrix_of_the_layers_and_nowhere_else(
    trained: tuple[str, Path, dict[str, Any]],
) -> None:
    _, _, facts = trained
    inside = {name for name in facts["linear"] if re.search(r"\.(?:layers|blocks)\.\d+\.", name)}
    assert set(facts["changes"]) == inside


def test_only_the_answer_and_its_end_are_learnt(trained: tuple[str, Path, dict[str, Any]]) -> None:
    family, _, facts = trained
    end = "<end_of_utterance>" if family == "SmolVLM" else "<|im_end|>"
    assert [answer.lstrip() for answer in facts["answers"]] == [label + end for label in facts["labels"]]


def test_tokens_reckoned_are_those_of_the_families_processor(trained: tuple[str, Path, dict[str, Any]]) -> None:
    _, _, facts = trained
    assert [expected for _, expected, _ in facts["counted"]] == [made for _, _, made in facts["counted"]]


def test_sizes_reckoned_are_those_of_the_real_classes(trained: tuple[str, Path, dict[str, Any]]) -> None:
    """All but vectors, such as biases and norms, which are about 1 % of a tiny model."""
    _, _, facts = trained
    reckoned, real = facts["parameters"]
    assert reckoned == pytest.approx(real, rel=0.015)


def test_a_model_is_asked_not_to_think(trained: tuple[str, Path, dict[str, Any]]) -> None:
    family, _, facts = trained
    assert ("<think>" in facts["asked"]) == (family == "Qwen3.5")
    assert facts["asked"].endswith(FAMILIES[family].response)


@pytest.fixture
def trouble(always: Path) -> dict[str, Any]:
    return json.loads((always / "trouble.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize("what", ["loss", "gradient"])
def test_a_sample_without_a_finite_number_is_named_and_left_out(trouble: dict[str, Any], what: str) -> None:
    """Six samples, one a step, in one epoch: the model learns from those before the broken one and after it."""
    found = trouble[what]
    assert found["status"] == 0
    assert [(line["what"], line["sample_ids"]) for line in found["left_out"]] == [(what, ["toy/train/2"])]
    losses = [line["loss"] for line in found["losses"] if "loss" in line]
    assert len(losses) == 6
    assert all(isinstance(loss, float) for loss in losses)  # the weights are still numbers
    assert [line["eval_loss"] for line in found["losses"] if "eval_loss" in line]


def test_a_validation_sample_without_a_finite_loss_is_named_and_not_counted(trouble: dict[str, Any]) -> None:
    found = trouble["judged"]
    assert found["status"] == 0
    assert [line["what"] for line in found["left_out"]] == 3 * ["validation loss"]
    assert all("toy/validation/1" in line["sample_ids"] for line in found["left_out"])
    assert all(isinstance(line["eval_loss"], float) for line in found["losses"] if "eval_loss" in line)


def test_too_many_of_them_end_the_training(trouble: dict[str, Any]) -> None:
    found = trouble["too many"]
    assert found["status"] == 2
    assert [line["what"] for line in found["left_out"]].count("loss") == 3


def test_adapters_on_4_bit_weights_are_trained_in_32_bits(trouble: dict[str, Any]) -> None:
    """As Unsloth and a resumed training do; trl alone would train new ones in bfloat16."""
    assert trouble["adapters"] == ["torch.float32"]


def test_a_vision_encoder_that_overflows_in_float16_is_kept_in_32_bits(trouble: dict[str, Any]) -> None:
    """As Qwen2.5-VL-3B's on a T4: float16 alone gives no loss; with the encoder in 32 bits the loss is right."""
    found = trouble["float16"]
    assert found["float16"][0] != found["float16"][0]  # not a number
    right = found["float32"][0]
    for name in ("kept", "kept, autocast"):
        loss, finite = found[name]
        assert loss == pytest.approx(right, rel=0.05)
        assert finite


@pytest.mark.parametrize(
    ("name", "family"),
    [
        ("unsloth/Qwen2.5-VL-3B-Instruct", "Qwen2.5-VL"),
        ("Qwen/Qwen2-VL-2B-Instruct", "Qwen2-VL"),
        ("unsloth/Qwen3-VL-4B-Instruct-unsloth-bnb-4bit", "Qwen3-VL"),
        ("Qwen/Qwen3.5-9B", "Qwen3.5"),
        ("HuggingFaceTB/SmolVLM2-500M-Video-Instruct", "SmolVLM"),
        ("HuggingFaceM4/Idefics3-8B-Llama3", "SmolVLM"),
        ("google/paligemma2-3b-pt-224", None),
        ("Qwen/Qwen2.5-7B-Instruct", None),
    ],
)
def test_families_are_known_by_their_models_names(name: str, family: str | None) -> None:
    found = limits_of(name)
    assert (found and found.family) == family
    if family is not None:
        assert family_of(name).name == family


def test_boxes_are_asked_for_as_the_family_was_trained(tmp_path: Path) -> None:
    asked = {name: read_prompts("styles", coordinates_of(name))[-1].text for name in ("Qwen3-VL-8B", "qwen2.5-vl", "x")}
    assert "[x1, y1, x2, y2] in thousandths of the image's width and height)" in asked["Qwen3-VL-8B"]
    assert "[x1, y1, x2, y2] in pixels)" in asked["qwen2.5-vl"]
    assert asked["x"] == asked["qwen2.5-vl"]
    (tmp_path / "config.json").write_text('{"model_type": "qwen3_5"}')
    assert coordinates_of(str(tmp_path)) == "thousandths"


def test_a_folder_says_itself_what_it_is(tmp_path: Path) -> None:
    folder = tmp_path / "Qwen2.5-VL-mine"  # the name may suggest something else
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "qwen3_vl"}')
    assert family_of(str(folder)).name == "Qwen3-VL"
    (folder / "config.json").write_text('{"model_type": "llava"}')
    with pytest.raises(UserError, match=r"is a llava; the families supported here are Qwen2-VL, "):
        family_of(str(folder))
    (folder / "config.json").write_text("[]")
    with pytest.raises(UserError, match="has no model_type"):
        family_of(str(folder))
