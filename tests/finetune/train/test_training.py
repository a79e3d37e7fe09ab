"""The real path of a training, on the CPU, with a toy Qwen2.5-VL of real classes. Asserts the results.

`train_driver` runs it once in its own process, because Unsloth patches torch, transformers and trl for good.
"""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
from toy_data import LABELS, UNFIT, WIDE
from train_driver import MACHINE, PLACES, TOY

from curate.base.settings import flat
from finetune.settings.config import Config, load_config
from finetune.train import loop
from finetune.train.loop import arguments

pytestmark = pytest.mark.finetune
ROOT = Path(__file__).resolve().parents[3]


def test_images_are_opened_by_forks_or_by_nobody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """Unsloth's collator holds nested functions, which can't be sent to a process, only inherited."""

    def opened(workers: int) -> tuple[Any, ...]:
        made = arguments(load_config(None, [f"train.workers={workers}"]), Path("x"), 10, 10, evaluate=False)
        return made["dataloader_num_workers"], made["dataloader_multiprocessing_context"]

    assert (opened(2), opened(0)) == ((2, "fork"), (0, None))
    monkeypatch.setattr(loop, "get_all_start_methods", lambda: ["spawn"])
    assert opened(2) == (0, None)


@pytest.fixture
def facts(trained: tuple[Path, dict[str, Any]]) -> dict[str, Any]:
    return trained[1]


@pytest.fixture
def whole(trained: tuple[Path, dict[str, Any]]) -> Path:
    """The run folder of the uninterrupted training."""
    return trained[0] / "whole"


def _lines(run: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in (run / "losses.jsonl").read_text(encoding="utf-8").splitlines()]


def _base(name: str) -> str:
    """A module's name in the model without adapters."""
    return name.removesuffix(".base_layer")


def test_linear_layers_of_the_language_model_are_in_four_bits_and_no_others(facts: dict[str, Any]) -> None:
    four = {_base(name) for name in facts["modules"]["four_bit"]}
    language = {_base(name) for name in facts["modules"]["linear"] if ".language_model.layers." in name}
    assert four == language
    assert len(four) == 2 * 7  # q, k, v, o, gate, up and down of two layers


def test_adapters_are_on_vision_and_language_attention_and_mlp(facts: dict[str, Any]) -> None:
    adapted = set(facts["modules"]["adapted"])
    linear = {_base(name) for name in facts["modules"]["linear"]}
    assert adapted == {name for name in linear if ".layers." in name or ".blocks." in name}
    assert all(".lora_" in name for name in facts["modules"]["trained"])


@pytest.mark.parametrize(
    ("switch", "parts"), [("language attention", ("language_model", "self_attn")), ("vision MLP", ("visual", "mlp"))]
)
def test_adapters_are_only_where_the_settings_say(facts: dict[str, Any], switch: str, parts: tuple[str, str]) -> None:
    adapted = set(facts["switched"][switch]["adapted"])
    every = set(facts["modules"]["adapted"])
    assert adapted == {name for name in every if all(f".{part}." in name for part in parts)}
    assert adapted


def test_the_loss_falls_by_more_than_half(whole: Path) -> None:
    losses = [line["loss"] for line in _lines(whole) if "loss" in line]
    judged = [line["eval_loss"] for line in _lines(whole) if "eval_loss" in line]
    assert losses[-1] < 0.5 * losses[0]
    assert judged[-1] < 0.5 * judged[0]


def test_the_validation_loss_is_that_of_the_tokens_in_any_batches(facts: dict[str, Any]) -> None:
    losses = facts["losses"]
    assert len({round(loss, 2) for loss in losses["theirs"].values()}) > 1  # the fault that ours corrects
    for loss in losses["ours"].values():
        assert loss == pytest.approx(losses["by_hand"], rel=2e-3)


def test_the_trainer_gets_the_settings_that_were_meant(facts: dict[str, Any], whole: Path) -> None:
    """trl's settings from the checkpoint, after Unsloth's changes."""
    assert facts["arguments"] == {
        "output_dir": str(whole / "checkpoints"),
        "max_steps": 30,
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "gradient_accumulation_steps": 1,
        "learning_rate": 0.02,
        "lr_scheduler_type": "cosine",
        "warmup_steps": 1,
        "weight_decay": 0.01,
        "max_grad_norm": 1.0,
        "optim": "adamw_8bit",
        "gradient_checkpointing": True,
        "eval_strategy": "steps",
        "eval_steps": 15,
        "save_steps": 10,
        "save_total_limit": 2,
        "logging_nan_inf_filter": False,
        "prediction_loss_only": True,
        "remove_unused_columns": False,
        "dataset_kwargs": {"skip_prepare_dataset": True},
        "packing": False,
        "assistant_only_loss": False,
        "padding_free": False,
        "max_length": 1024,
        "seed": 3407,
        "data_seed": 3407,
        "dataloader_drop_last": False,
        "load_best_model_at_end": False,
        "report_to": [],
    }


def test_only_answers_are_in_the_loss(facts: dict[str, Any]) -> None:
    end = facts["tokens"]["<|im_end|>"]
    for sample in facts["batch"]:
        supervised = [place for place, label in enumerate(sample["labels"]) if label != -100]
        assert [sample["labels"][place] for place in supervised] == [*sample["answer"], end]
        assert [sample["ids"][place] for place in supervised] == [*sample["answer"], end]
        assert supervised == list(range(supervised[0], supervised[-1] + 1))


def test_a_wide_formula_keeps_its_width(facts: dict[str, Any]) -> None:
    wide = next(sample for sample in facts["batch"] if tuple(sample["size"]) == WIDE)
    assert wide["grid"] == [1, 4, 114]  # patches of 14 pixels: 1596 wide
    image = facts["tokens"]["<|image_pad|>"]
    assert wide["ids"].count(image) == 4 * 114 // 4


def test_tokens_reckoned_are_those_of_the_real_processor(facts: dict[str, Any]) -> None:
    assert [(wide, high, tokens) for wide, high, tokens, _ in facts["odd"]] == [
        (wide, high, made) for wide, high, _, made in facts["odd"]
    ]


def test_the_adapter_read_back_gives_the_same_answers(facts: dict[str, Any]) -> None:
    assert facts["reloaded"] == facts["in_memory"]  # texts and log-probabilities
    assert len({answer for _, answer, _ in facts["in_memory"]}) > 1  # it doesn't always say the same
    assert facts["reloaded_size"] == {"shortest_edge": 3136, "longest_edge": TOY["data.max_pixels"]}


def test_killed_and_resumed_gives_the_losses_of_one_that_was_not(trained: tuple[Path, dict[str, Any]]) -> None:
    folder, facts = trained
    assert facts["killed"]["status"] == -9
    assert facts["killed"]["state"]["state"] == "training"
    assert facts["killed"]["checkpoints"] == ["checkpoint-10"]
    assert facts["resumed_status"] == 0
    assert _lines(folder / "killed") == _lines(folder / "whole")
    assert "resumed    from checkpoint-10" in (folder / "stderr.txt").read_text(encoding="utf-8")


def test_what_does_not_fit_is_listed_and_not_trained_on(whole: Path) -> None:
    lines = [json.loads(line) for line in (whole / "unfit.jsonl").read_text(encoding="utf-8").splitlines()]
    assert {line["sample_id"]: line["reason"] for line in lines} == {f"toy/train/{k}": v for k, v in UNFIT.items()}


def test_the_run_folder_holds_what_was_promised(whole: Path, facts: dict[str, Any]) -> None:
    state = json.loads((whole / "state.json").read_text(encoding="utf-8"))
    assert (state["state"], state["steps"]) == ("finished", TOY["train.max_steps"])
    assert load_config(whole / "config.yaml") == load_config(None, [*facts["command"][2:], f"out={whole}"])
    environment = json.loads((whole / "environment.json").read_text(encoding="utf-8"))
    assert {"unsloth", "torch", "transformers", "trl"} <= set(environment["packages"])
    assert set(environment["data_sha256"]) == {"train", "validation"}
    for adapter in ("best", "last"):
        assert (whole / adapter / "adapter_model.safetensors").stat().st_size > 10_000
        assert load_config(whole / adapter / "finetune.yaml").lora.r == TOY["lora.r"]
    assert "Best:" in (whole / "losses.svg").read_text(encoding="utf-8")
    hidden = [path.name for path in whole.iterdir() if path.name.startswith(".")]
    assert not hidden


def test_every_evaluation_has_a_page_with_pictures(whole: Path) -> None:
    pages = sorted((whole / "samples").iterdir())
    assert [page.name for page in pages] == ["step-000015.html", "step-000030.html"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert text.count('<section class="read') == TOY["eval.samples"]
        # Each sample shows at least the image and its truth.
        assert text.count("data:image/") + text.count('<svg class="drawn"') >= 2 * TOY["eval.samples"]
    shown = re.findall(r"toy/validation/(\d+)", pages[0].read_text(encoding="utf-8"))
    assert sorted(set(shown)) == sorted(set(re.findall(r"toy/validation/(\d+)", pages[1].read_text(encoding="utf-8"))))


def test_a_training_leaves_nothing_in_the_folder_it_is_started_in(trained: tuple[Path, dict[str, Any]]) -> None:
    of_the_driver = {"config.yaml", "data", "facts.json", "killed", "model", "predict", "prompts", "whole"}
    of_this_module = {"cache", "ended", "hf", "lock", "stderr.txt", "stdout.txt"}
    assert {path.name for path in trained[0].iterdir()} <= of_the_driver | of_this_module


def test_commands_are_quiet(trained: tuple[Path, dict[str, Any]]) -> None:
    """Standard output has the results and nothing from the libraries."""
    lines = (trained[0] / "stdout.txt").read_text(encoding="utf-8").splitlines()
    of_train = ("trained", "best", "last", "losses", "samples", "left out", "next")
    of_others = ("predicted", "written", "needs", "merged")
    assert lines
    assert all(line.startswith(of_train + of_others) for line in lines), lines


def test_the_toys_settings_differ_from_a_gpus_only_in_what_is_listed(facts: dict[str, Any]) -> None:
    toy, defaults = flat(load_config(None, facts["command"][2:])), flat(Config())
    differs = {name for name in toy if toy[name] != defaults[name]}
    assert differs == {*MACHINE, *TOY, *PLACES} - {"out"}
    assert set(MACHINE) == {"model.dtype", "model.checkpointing"}


@pytest.mark.parametrize("name", [*MACHINE, *TOY])
def test_the_list_of_differences_stands_in_the_docs(name: str) -> None:
    page = (ROOT / "docs" / "training-cpu.md").read_text(encoding="utf-8")
    defaults = flat(Config())
    row = re.search(rf"^\| `{re.escape(name)}` \| `(.*?)` \| `(.*?)` \|", page, re.MULTILINE)
    assert row is not None, f"docs/training-cpu.md has no row for {name}"
    assert row.groups() == (_written(defaults[name]), _written({**MACHINE, **TOY}[name]))


def _written(value: Any) -> str:
    return "null" if value is None else str(value)


def test_the_toys_labels_are_short_enough_to_learn() -> None:
    assert len(set(LABELS)) == 8
