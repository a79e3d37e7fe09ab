"""A merge checks what it needs first, drives llama.cpp's tools, and writes the card that the hub expects. No model."""

from __future__ import annotations

import json
import re
import stat
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from huggingface_hub import ModelCard

from curate.base.errors import UserError
from curate.base.terminal import run
from finetune.cli.main import main_group
from finetune.merge import merging
from finetune.merge.gguf import convert, find_llama_cpp
from finetune.models.card import model_card
from finetune.models.facts import model_facts, weights_sha256
from finetune.models.provenance import TrainingFacts, accompany, read_facts, read_kind, training_facts
from finetune.predict.engines import Answer
from finetune.predict.file import PredictionFile
from finetune.settings.config import Config, as_yaml

HASH = "0123456789abcdef" * 4
TRAINING = {
    "base": "unsloth/Qwen2.5-VL-3B-Instruct",
    "data": {
        "name": "dataset",
        "sha256": {"train": HASH},
        "manifest_sha256": HASH[::-1],
        "licence": "cc-by-nc-4.0",
        "sources": ["hme|100k"],
        "splits": {"train": 1500},
    },
    "steps": 120,
    "loss": {"first": 6.5, "last": 0.25},
    "eval_loss": 0.5,
    "gpus": ["NVIDIA A100"],
    "processes": 1,
    "packages": {"texsieve": "0.1.0", "torch": "2.14.1"},
}
METRICS = {
    "n": 50, "exprate_render_equal": 61.25, "exprate": 50.0, "cer": 0.1234, "runaway": {"n": 1},
    "ci": {"exprate": [40.0, 60.0], "cer": [0.1, 0.15]},
}  # fmt: skip


@pytest.fixture
def adapter(tmp_path: Path) -> Path:
    """The files of an adapter and of its base; the weights are placeholders."""
    base, folder = tmp_path / "base", tmp_path / "run" / "best"
    base.mkdir()
    folder.mkdir(parents=True)
    (base / "config.json").write_text("{}")
    (base / "model.safetensors").write_bytes(b"\0" * 4096)
    (folder / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": str(base)}))
    (folder / "adapter_model.safetensors").write_bytes(b"\1" * 64)
    (folder / "finetune.yaml").write_text(as_yaml(replace(Config(), data=replace(Config().data, prompt="Read it."))))
    return folder


@pytest.fixture
def llama(tmp_path: Path) -> Path:
    """A llama.cpp that writes its arguments instead of weights."""
    folder = tmp_path / "llama.cpp"
    (folder / "build" / "bin").mkdir(parents=True)
    (folder / "convert_hf_to_gguf.py").write_text(
        "import sys\n"
        "if 'fail' in sys.argv[1]: print('loading'); sys.exit('ValueError: unknown architecture')\n"
        "open(sys.argv[sys.argv.index('--outfile') + 1], 'w').write(' '.join(sys.argv[2:]))\n"
    )
    tool = folder / "build" / "bin" / "llama-quantize"
    tool.write_text('#!/bin/sh\necho "$3" > "$2"\n')
    tool.chmod(tool.stat().st_mode | stat.S_IXUSR)
    return folder


# What is said before the work begins -------------------------------------------------------------------------------


def test_a_merge_says_what_it_needs(adapter: Path, tmp_path: Path) -> None:
    found = CliRunner().invoke(main_group, ["merge", str(adapter), "--out", str(tmp_path / "m"), "--dry-run"])
    assert found.exit_code == 0
    assert re.search(r"needs +the base model's 16-bit weights: \S+/base \(on this machine, 4 KiB\)", found.output)
    assert not (tmp_path / "m").exists()


@pytest.mark.parametrize("method", merging.METHODS)
def test_no_output_is_written_over(adapter: Path, llama: Path, method: str) -> None:
    with pytest.raises(UserError, match="already exists; finetune merge overwrites nothing"):
        merging.plan_merge(str(adapter), adapter.parent, method, llama_cpp=llama)


def test_what_is_no_adapter_is_said(adapter: Path, tmp_path: Path) -> None:
    out = tmp_path / "m"
    with pytest.raises(UserError, match="is a complete model, which needs no merging"):
        merging.plan_merge(str(tmp_path / "base"), out, "merged_16bit")
    with pytest.raises(UserError, match=r"neither config.json nor adapter_config.json.*did you mean \S+/run/best\?"):
        merging.plan_merge(str(adapter.parent), out, "merged_16bit")
    with pytest.raises(UserError, match="no such folder, and not an id on the hub"):
        merging.plan_merge("a/b/c", out, "merged_16bit")


def test_a_base_that_is_gone_is_said(adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "base").rename(tmp_path / "elsewhere")
    with pytest.raises(UserError, match=r"its base model \S+/base is not there"):
        merging.plan_merge(str(adapter), tmp_path / "m", "merged_16bit")


def test_a_base_that_was_trained_in_4_bits_must_be_downloaded(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "empty"))
    quantized = "unsloth/qwen2.5-vl-3b-instruct-unsloth-bnb-4bit"
    (adapter / "adapter_config.json").write_text(json.dumps({"base_model_name_or_path": quantized}))
    monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
    plan = merging.plan_merge(str(adapter), tmp_path / "m", "merged_16bit")
    # The name that the training was given, with its own capitals, not the name of the 4-bit weights.
    assert (plan.base, plan.download) == ("unsloth/Qwen2.5-VL-3B-Instruct", True)
    assert plan.needs() == ["the base model's 16-bit weights: unsloth/Qwen2.5-VL-3B-Instruct (to be downloaded)"]
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    with pytest.raises(UserError, match="not on this machine, and HF_HUB_OFFLINE prevents its download"):
        merging.plan_merge(str(adapter), tmp_path / "m", "merged_16bit")


def test_a_full_disk_is_said_before(adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(merging.shutil, "disk_usage", lambda _: type("Usage", (), {"free": 4096})())
    with pytest.raises(UserError, match="needs about 4 KiB of disk space there, but only 4 KiB are free"):
        merging.plan_merge(str(adapter), tmp_path / "m", "merged_16bit")


def test_gguf_without_llama_cpp_says_how_to_get_it(
    adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("LLAMA_CPP", raising=False)
    assert run("finetune", main_group, ["merge", str(adapter), "--out", "g", "--method", "gguf"]) == 2
    said = capsys.readouterr().err
    assert "gguf needs llama.cpp, with git, cmake and a C++ compiler" in said
    assert "git clone https://github.com/ggml-org/llama.cpp" in said
    assert not Path("g").exists()


# llama.cpp ---------------------------------------------------------------------------------------------------------


def test_gguf_is_a_language_model_and_a_vision_encoder(llama: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    files = convert(find_llama_cpp(llama, "q5_k_m"), tmp_path / "merged", out, "q5_k_m")
    assert [path.name for path in files] == ["model-q5_k_m.gguf", "mmproj-model-bf16.gguf"]
    assert sorted(out.iterdir()) == sorted(files)  # the intermediate f16 file is gone
    assert files[0].read_text() == "Q5_K_M\n"
    assert "--mmproj" in files[1].read_text()
    assert "--outtype bf16" in files[1].read_text()  # Qwen2.5-VL's vision encoder overflows in float16


def test_gguf_that_the_converter_writes_itself_needs_no_quantizer(llama: Path, tmp_path: Path) -> None:
    (llama / "build" / "bin" / "llama-quantize").unlink()
    out = tmp_path / "out"
    out.mkdir()
    files = convert(find_llama_cpp(llama, "q8_0"), tmp_path / "merged", out, "q8_0")
    assert "--outtype q8_0" in files[0].read_text()
    with pytest.raises(
        UserError, match=r"q4_k_m needs llama-quantize, which isn't built there: cmake .*--quantization"
    ):
        find_llama_cpp(llama)


def test_an_unknown_quantization_is_said_before(llama: Path) -> None:
    with pytest.raises(UserError, match=r"--quantization q4_k_x: must be one of f16, .*q4_k_m"):
        find_llama_cpp(llama, "q4_k_x")


def test_a_tool_that_fails_has_the_last_word(llama: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"convert_hf_to_gguf.py failed: ValueError: unknown architecture"):
        convert(find_llama_cpp(llama), tmp_path / "fail", tmp_path)


# Files beside a model ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "relation", "library"),
    [
        ("adapter", "adapter", "peft"),
        ("merged_16bit", "finetune", "transformers"),
        ("merged_4bit", "quantized", "transformers"),
        ("gguf", "quantized", "gguf"),
    ],
)
def test_a_card_is_one_that_the_hub_reads(kind: str, relation: str, library: str) -> None:
    card = ModelCard(model_card(TrainingFacts(Config(), TRAINING, METRICS), kind))
    data = card.data.to_dict()
    assert (data["base_model"], data["base_model_relation"]) == ("unsloth/Qwen2.5-VL-3B-Instruct", relation)
    assert (data["library_name"], data["pipeline_tag"]) == (library, "image-text-to-text")
    assert (data["license"], data["license_name"]) == ("other", "qwen-research")
    assert [(one.metric_type, one.metric_value) for one in card.data.eval_results] == [
        ("exprate_render_equal", 61.25), ("exact_match", 50.0), ("cer", 0.1234)
    ]  # fmt: skip
    for wanted in (
        HASH,
        HASH[::-1],
        "hme\\|100k",
        "CC BY-NC 4.0",
        "50 predictions",
        "1 prediction ran away",
        "prompt:",
    ):
        assert wanted in card.text
    assert "\n| exact match, % | 50.0 | 40.0 to 60.0 |\n" in card.text


@pytest.mark.parametrize("library", ["unsloth", "transformers", None])
def test_a_card_names_unsloth_only_if_it_trained_the_model(library: str | None) -> None:
    card = ModelCard(model_card(TrainingFacts(Config(), {**TRAINING, "library": library}), "adapter"))
    by = "Trained with texsieve 0.1.0 (`finetune train`, Unsloth)." in card.text
    assert (by, "unsloth" in card.data.to_dict()["tags"]) == (library == "unsloth",) * 2


PREDICTED = {
    "model": {"name": "best", "sha256": HASH},
    "data": {"name": "dataset", "split": "test", "rows": 50, "sha256": HASH, "manifest_sha256": HASH[::-1]},
}


@pytest.mark.parametrize(
    ("data", "told"),
    [
        ({}, "On 50 predictions of split `test` of `dataset`. `finetune evaluate`"),
        ({"rows": 500}, "On 50 predictions (500 were to be made) of split `test`"),
        ({"split": "train"}, "of split `train` of `dataset`. **It was trained on these samples**"),
        ({"split": "validation"}, "Its training used this split to choose the best weights"),
        ({"split": "train", "manifest_sha256": HASH}, "of split `train` of `dataset`. `finetune evaluate`"),
        (None, "On 50 predictions; the data is unknown. `finetune evaluate`"),
    ],
)
def test_a_card_says_which_split_its_figures_are_of(data: dict[str, Any] | None, told: str) -> None:
    predicted = None if data is None else {**PREDICTED, "data": {**PREDICTED["data"], **data}}
    card = ModelCard(model_card(TrainingFacts(Config(), TRAINING, {**METRICS, "predicted": predicted}), "adapter"))
    assert told in card.text
    assert ("trained on these samples" in card.text) == ("trained on these samples" in told)
    result = card.data.eval_results[0]
    assert (result.dataset_name, result.dataset_split) == (
        ("unknown", None) if predicted is None else ("dataset", predicted["data"]["split"])
    )


def test_names_and_prompts_are_no_markup_on_a_card() -> None:
    data = {**TRAINING["data"], "name": "a`b|c", "sources": ["[free](https://x.example)", "_a|b_`c`"]}
    config = replace(
        Config(), data=replace(Config().data, prompt="Answer in\n```latex\nfences | pipes.", train="[x](y)")
    )
    text = model_card(TrainingFacts(config, {**TRAINING, "data": data}), "adapter")
    assert "- Data set: ``a`b|c``" in text
    assert r"- Sources: \[free\](https://x.example), \_a\|b\_\`c\`" in text
    assert "\n````yaml\n" in text  # longer than the prompt's own fence
    assert text.endswith("\n````\n")


def test_what_a_prediction_is_of_goes_into_the_metrics_and_onto_the_card_of_that_model_alone(
    adapter: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    predictions, out = tmp_path / "pred.jsonl", tmp_path / "scores"
    facts = {
        "model": model_facts(str(adapter)).identity,
        "data": {"path": str(tmp_path / "set"), "split": "test", "rows": 1, "sha256": HASH, "manifest_sha256": None},
        "prompt": "Read it.",
        "answers": {"max_new_tokens": 9, "temperature": 0.0},
    }
    with PredictionFile(predictions, [("a", "x")], facts) as file:
        file.add([Answer("a", "x", "x")])
    assert run("finetune", main_group, ["evaluate", str(predictions), "--out", str(out)]) == 0
    predicted = json.loads((out / "metrics.json").read_text())["predicted"]
    assert (predicted["data"]["name"], predicted["data"]["split"], predicted["data"]["rows"]) == ("set", "test", 1)
    assert str(tmp_path) not in json.dumps(predicted)
    assert run("finetune", main_group, ["card", str(adapter), "--metrics", str(out / "metrics.json")]) == 0
    assert "On 1 prediction of split `test` of `set`." in (adapter / "README.md").read_text()
    (adapter / "adapter_model.safetensors").write_bytes(b"\2" * 64)
    assert run("finetune", main_group, ["card", str(adapter), "--metrics", str(out / "metrics.json")]) == 2
    assert "has the scores of a different model than" in capsys.readouterr().err


def test_a_card_names_no_place_on_the_machine_and_no_model_of_somebody_else(tmp_path: Path) -> None:
    config = replace(Config(), model=replace(Config().model, name=str(tmp_path / "tiny")))
    accompany(tmp_path, TrainingFacts(config))
    text = (tmp_path / "README.md").read_text()
    front = text.split("---\n")[1]
    assert "base_model" not in front
    assert "license" not in front
    assert not any(str(tmp_path) in path.read_text() for path in tmp_path.iterdir())
    assert "Not known: the model came without training.json" in text
    assert "None here." in text


def test_a_run_folder_tells_where_an_adapter_comes_from(tmp_path: Path) -> None:
    data = tmp_path / "dataset"
    data.mkdir()
    (data / "manifest.json").write_text(json.dumps({"manifest_version": 1, "files": {}, "licence": "mit"}))
    run_folder = tmp_path / "run"
    run_folder.mkdir()
    config = replace(Config(), data=replace(Config().data, path=str(data)))
    (run_folder / "config.yaml").write_text(as_yaml(config))
    (run_folder / "environment.json").write_text(
        json.dumps(
            {"texsieve": "0.1.0", "packages": {"torch": "2"}, "gpus": [{"name": "T4"}], "data_sha256": {"train": HASH}}
        )
    )
    lines = [
        {"step": 5, "loss": 4.0},
        {"step": 10, "loss": None},
        {"step": 10, "eval_loss": 2.5},
        {"step": 15, "loss": 1.0},
    ]
    (run_folder / "losses.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    found = training_facts(run_folder).training
    assert found["loss"] == {"first": 4.0, "last": 1.0}
    assert (found["eval_loss"], found["steps"], found["gpus"]) == (2.5, 15, ["T4"])
    assert found["data"]["name"] == "dataset"
    assert found["data"]["sha256"] == {"train": HASH}
    assert re.fullmatch("[0-9a-f]{64}", found["data"]["manifest_sha256"])
    assert str(tmp_path) not in json.dumps(found)


def test_card_takes_metrics_along(adapter: Path, tmp_path: Path) -> None:
    accompany(adapter, TrainingFacts(read_facts(adapter).config, TRAINING))
    before, identity = (adapter / "README.md").read_text(), model_facts(str(adapter)).identity
    assert "puts them here" in before
    file = tmp_path / "metrics.json"
    file.write_text(json.dumps(METRICS))
    assert run("finetune", main_group, ["card", str(adapter), "--metrics", str(file)]) == 0
    assert "| exact match, % | 50.0 |" in (adapter / "README.md").read_text()
    assert run("finetune", main_group, ["card", str(adapter)]) == 0
    assert "| exact match, % | 50.0 |" in (adapter / "README.md").read_text()
    assert read_kind(adapter) == "adapter"
    assert model_facts(str(adapter)).identity == identity  # the card and the metrics are not part of the weights
    file.write_text("{}")
    assert run("finetune", main_group, ["card", str(adapter), "--metrics", str(file)]) == 2


# What a model is, before it is loaded ------------------------------------------------------------------------------


def test_an_adapter_knows_its_prompt_and_a_checkpoint_that_of_its_run(adapter: Path) -> None:
    facts = model_facts(str(adapter))
    assert facts.kind == "adapter"
    assert facts.config is not None
    assert facts.config.data.prompt == "Read it."
    checkpoint = adapter.parent / "checkpoints" / "checkpoint-5"
    checkpoint.mkdir(parents=True)
    (checkpoint / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    (adapter.parent / "config.yaml").write_bytes((adapter / "finetune.yaml").read_bytes())
    assert model_facts(str(checkpoint)).config is None  # any folder may have a config.yaml
    (adapter.parent / "state.json").write_text("{}")
    assert model_facts(str(checkpoint)).config == facts.config


def test_other_weights_are_another_model(adapter: Path) -> None:
    before = weights_sha256(adapter)
    (adapter / "README.md").write_text("words")
    assert weights_sha256(adapter) == before
    (adapter / "adapter_model.safetensors").write_bytes(b"\1" * 63 + b"\2")
    assert weights_sha256(adapter) != before
