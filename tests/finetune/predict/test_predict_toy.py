"""The real path of predicting and merging, with a toy that has memorised six formulas: see `predict_facts`."""

from __future__ import annotations

import re
from typing import Any

import pytest
from huggingface_hub import ModelCard
from predict_facts import KNOWN
from toy_data import LABELS

pytestmark = pytest.mark.finetune


@pytest.fixture
def facts(trained: tuple[Any, dict[str, Any]]) -> dict[str, Any]:
    return trained[1]["predict"]


def preds(rows: list[dict[str, Any]]) -> list[str]:
    return [row["pred"] for row in rows]


def without_time(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{name: value for name, value in row.items() if name != "seconds"} for row in rows]


def test_the_toy_knows_its_formulas(facts: dict[str, Any]) -> None:
    """Otherwise the tests below would compare guesses."""
    rows = facts["commands"]["whole"]
    assert [row["gt"] for row in rows] == [LABELS[place] for place in KNOWN]
    assert sum(row["pred"] == row["gt"] for row in rows) >= len(KNOWN) - 1
    assert [row["image"] for row in rows] == [f"../data/images/train-{place}.png" for place in KNOWN]


def test_twice_the_same_is_the_same_file(facts: dict[str, Any]) -> None:
    assert without_time(facts["commands"]["whole"]) == without_time(facts["commands"]["again"])


def test_one_that_was_stopped_ends_with_the_same_file(facts: dict[str, Any]) -> None:
    assert facts["commands"]["status"]["torn"] == 0
    assert without_time(facts["commands"]["torn"]) == without_time(facts["commands"]["whole"])
    assert facts["commands"]["status"]["other_prompt"] == 2


def test_the_batch_size_changes_no_answer_in_32_bits(facts: dict[str, Any]) -> None:
    together, single = facts["commands"]["whole"], facts["commands"]["single"]
    assert preds(together) == preds(single)
    assert [row["score"] for row in together] == pytest.approx([row["score"] for row in single], abs=1e-4)


def test_the_score_is_that_of_the_kept_logits(facts: dict[str, Any]) -> None:
    asked = facts["asked"]
    assert asked["score"] == pytest.approx(asked["score_by_hand"], abs=1e-5)
    assert asked["tokens"][0] == asked["tokens"][1]


def test_what_a_model_comes_with_bends_no_answer(facts: dict[str, Any]) -> None:
    """The model's own settings have a repetition penalty of 1.8 and a temperature of 5."""
    asked = facts["asked"]
    assert asked["stubborn"] == asked["plain"] == preds(facts["commands"]["whole"])
    assert asked["other_prompt"] != asked["plain"]


def test_a_temperature_draws_by_the_seed(facts: dict[str, Any]) -> None:
    first, again, other = facts["asked"]["drawn"]
    assert first == again
    assert first != other


@pytest.mark.parametrize("method", ["merged_16bit", "merged_4bit"])
def test_a_merged_model_answers_as_the_adapter_does(facts: dict[str, Any], method: str) -> None:
    merged = facts["merged"][method]
    assert merged["status"] == [0, 2]  # the second call finds the folder there
    assert preds(merged["rows"]) == preds(facts["commands"]["whole"])
    assert merged["load_in_4bit"] is (method == "merged_4bit")


def test_merged_in_16_bits_is_the_adapter_on_the_16_bit_base(facts: dict[str, Any]) -> None:
    """Equal except for rounding the sums to bfloat16."""
    rows, wanted = facts["merged"]["merged_16bit"]["rows"], facts["sixteen"]
    assert preds(rows) == preds(wanted)
    assert [row["score"] for row in rows] == pytest.approx([row["score"] for row in wanted], abs=0.02)


def test_merged_weights_are_what_they_are_called(facts: dict[str, Any]) -> None:
    sixteen, four = facts["merged"]["merged_16bit"], facts["merged"]["merged_4bit"]
    assert set(sixteen["dtypes"]) == {"BF16"}
    assert "quantization_config" not in sixteen["config"]
    assert four["dtypes"]["U8"] > 0
    assert four["config"]["quantization_config"]["bnb_4bit_quant_type"] == "nf4"


def test_a_merged_model_is_read_by_transformers_alone(facts: dict[str, Any]) -> None:
    merged = facts["merged"]["merged_16bit"]
    assert merged["plain_transformers"] == preds(merged["rows"])


@pytest.mark.parametrize("method", ["merged_16bit", "merged_4bit"])
def test_a_merged_model_knows_how_it_was_trained(facts: dict[str, Any], method: str) -> None:
    merged = facts["merged"][method]
    assert merged["prompt"] == facts["commands"]["facts"]["prompt"]
    assert merged["pixels"] == {"shortest_edge": 3136, "longest_edge": 200704}
    assert {"README.md", "finetune.yaml", "training.json", "config.json", "tokenizer.json"} <= set(merged["files"])
    card = ModelCard(merged["card"])
    assert card.data.library_name == "transformers"
    assert "a toy for tests" in card.text
    assert re.search(r"split `train`: `[0-9a-f]{64}`", card.text)
