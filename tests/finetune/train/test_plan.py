"""What is known before a training: computed steps, memory and time, the dry run, and what stops it early."""

from __future__ import annotations

import types
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from stub_processor import StubProcessor
from toy_data import make_toy_data

from curate.base.errors import UserError
from curate.base.terminal import run
from finetune.cli import train
from finetune.cli.main import main_group
from finetune.models import hardware
from finetune.models.shapes import qwen_shape
from finetune.settings.config import Config, load_config
from finetune.train import plan
from finetune.train.estimate import GB, adapter_weights, estimate, steps_of
from finetune.train.loop import arguments
from finetune.train.run_folder import RunFolder, environment

#: The numbers that matter in config.json of Qwen2.5-VL-3B-Instruct and 7B-Instruct.
VISION = {
    "hidden_size": 1280,
    "intermediate_size": 3420,
    "depth": 32,
    "in_channels": 3,
    "patch_size": 14,
    "temporal_patch_size": 2,
    "spatial_merge_size": 2,
    "out_hidden_size": 2048,
}
QWEN_3B = {
    "hidden_size": 2048,
    "intermediate_size": 11008,
    "num_hidden_layers": 36,
    "num_attention_heads": 16,
    "num_key_value_heads": 2,
    "vocab_size": 151936,
}
QWEN_7B = {
    "hidden_size": 3584,
    "intermediate_size": 18944,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "vocab_size": 152064,
}


def _model(text: dict[str, int], tied: bool) -> Any:
    return types.SimpleNamespace(
        text_config=types.SimpleNamespace(**text),
        vision_config=types.SimpleNamespace(**VISION),
        tie_word_embeddings=tied,
    )


@pytest.mark.parametrize(
    # The parameters, from the models' safetensors files on the hub.
    ("text", "tied", "parameters"),
    [(QWEN_3B, True, 3_754_622_976), (QWEN_7B, False, 8_292_166_656)],
)
def test_parameters_are_those_of_the_published_models(text: dict[str, int], tied: bool, parameters: int) -> None:
    assert qwen_shape(_model(text, tied)).parameters() == pytest.approx(parameters, rel=0.002)


def test_memory_falls_with_every_setting_that_is_said_to_save_it() -> None:
    shape = qwen_shape(_model(QWEN_3B, True))
    lengths = [(700, 600)] * 10

    def needs(*settings: str) -> float:
        return estimate(shape, load_config(None, settings), lengths, 10).bytes

    plain = needs()
    assert needs("model.load_in_4bit=false") > plain + 3 * GB
    assert needs("model.checkpointing=torch") > plain
    assert needs("model.checkpointing=none") > needs("model.checkpointing=torch")
    assert needs("train.batch_size=1") < plain
    assert needs("lora.r=8") < plain
    assert needs("lora.vision=false") < plain
    assert needs("train.optimizer=adamw_torch") > plain


@pytest.mark.parametrize(
    ("name", "memory"),
    [("8gb", 8), ("16gb", 16), ("24gb", 24), ("24gb-16bit", 24), ("40gb", 40), ("80gb", 80), ("multi-gpu", 16)],
)
def test_ready_configurations_fit_by_the_estimate_with_the_longest_samples(name: str, memory: float) -> None:
    config = load_config(name)
    longest = [(config.data.max_length, config.data.max_pixels // 784)] * 8
    made = estimate(qwen_shape(_model(QWEN_3B, True)), config, longest, 10)
    assert made.bytes < 0.85 * memory * GB


def test_operations_grow_with_steps_and_fall_without_the_way_back_through_vision() -> None:
    shape = qwen_shape(_model(QWEN_3B, True))
    lengths = [(300, 200), (500, 300)]
    once = estimate(shape, Config(), lengths, 10)
    assert estimate(shape, Config(), lengths, 20).flop == pytest.approx(2 * once.flop)
    assert estimate(shape, load_config(None, ["lora.vision=false"]), lengths, 10).flop < once.flop
    assert once.hours("T4") > once.hours("A100") > once.hours("H100") > 0
    assert once.hours("T4", 2) == pytest.approx(once.hours("T4") / 2)


def test_adapters_have_r_times_inputs_and_outputs() -> None:
    shape = qwen_shape(_model(QWEN_3B, True))
    config = load_config(None, ["lora.vision=false", "lora.mlp=false", "lora.r=1"])
    assert adapter_weights(shape, config) == 36 * ((2048 + 2048 + 2 * 256) + (2048 + 2048))


@pytest.mark.parametrize(
    ("samples", "settings", "processes", "steps"),
    [
        (160, [], 1, 20),
        (161, [], 1, 22),  # 81 batches of 2, 8 samples a step: 11 steps an epoch
        (160, ["train.epochs=0.5"], 1, 5),
        (160, ["train.max_steps=7"], 1, 7),
        (160, [], 4, 6),
        (1, [], 1, 2),
    ],
)
def test_steps(samples: int, settings: list[str], processes: int, steps: int) -> None:
    assert steps_of(samples, load_config(None, settings), processes) == steps


@pytest.fixture
def no_model(monkeypatch: pytest.MonkeyPatch) -> None:
    """A processor and a configuration that need no package of the extra."""
    monkeypatch.setattr(hardware, "require_packages", lambda: None)
    monkeypatch.setattr(plan, "load_processor", lambda config, **pixels: StubProcessor(**pixels))
    monkeypatch.setattr(plan, "check_reachable", lambda name: None)
    monkeypatch.setattr(plan, "_shape", lambda config, family: qwen_shape(_model(QWEN_3B, True)))


@pytest.mark.usefixtures("no_model")
def test_a_dry_run_says_all_and_writes_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data, out = make_toy_data(tmp_path / "data"), tmp_path / "run"
    assert run("finetune", main_group, ["train", "16gb", "--dry-run", f"data.path={data}", f"out={out}"]) == 0
    told = capsys.readouterr().out
    assert "3.75 billion weights, its language model in 4 bits" in told
    assert "16 of 20 samples fit" in told
    assert "1 left out: the image can't be opened" in told
    assert "steps      2 of 16 samples each: every sample 2 times" in told
    assert "GB on each GPU" in told
    assert "not measured" in told
    assert not out.exists()


@pytest.mark.usefixtures("no_model")
def test_samples_that_do_not_fit_stop_the_training_where_the_policy_says_so(tmp_path: Path) -> None:
    data = make_toy_data(tmp_path)
    config = load_config(None, [f"data.path={data}", "data.unfit=error"])
    made = plan.make_plan(config)
    with pytest.raises(UserError, match=r"4 samples of 'train' don't fit the model .* such as toy/train/broken"):
        plan.check_policy(made)
    plan.check_policy(plan.make_plan(load_config(None, [f"data.path={data}"])))


@pytest.mark.usefixtures("no_model")
def test_a_file_without_splits_is_not_validated_on_what_was_trained(tmp_path: Path) -> None:
    Image.new("RGB", (56, 56), "white").save(tmp_path / "a.png")
    file = tmp_path / "a.jsonl"
    file.write_text('{"image": "a.png", "label": "x"}\n{"image": "a.png", "label": "y"}\n')
    with pytest.raises(UserError, match=r"its 'train' and 'validation' are the same samples, .* data.validation=null"):
        plan.make_plan(load_config(None, [f"data.path={file}"]))
    made = plan.make_plan(load_config(None, [f"data.path={file}", "data.validation=null"]))
    assert (len(made.train.rows), made.validation) == (2, None)


@pytest.mark.usefixtures("no_model")
def test_a_split_to_evaluate_with_that_is_not_there_says_how_to_do_without(tmp_path: Path) -> None:
    data = make_toy_data(tmp_path)
    with pytest.raises(UserError, match=r"has no split .dev.; there are .*; use data\.validation=NAME for"):
        plan.make_plan(load_config(None, [f"data.path={data}", "data.validation=dev"]))


def test_going_on_from_adapters_takes_their_size(tmp_path: Path) -> None:
    config = load_config(None, [f"model.name={tmp_path}", "lora.r=8"])
    (tmp_path / "adapter_config.json").write_text('{"base_model_name_or_path": "x", "r": 32, "lora_alpha": 16}')
    with pytest.raises(UserError, match=r"its adapters have lora\.r 32, which can't be changed; set lora\.r=32"):
        plan._check_adapters(tmp_path, config)
    plan._check_adapters(tmp_path, load_config(None, ["lora.r=32"]))
    (tmp_path / "adapter_config.json").unlink()
    plan._check_adapters(tmp_path, config)  # a whole model


@pytest.mark.usefixtures("no_model")
def test_resuming_with_other_samples_or_another_number_of_processes_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = plan.make_plan(load_config(None, [f"data.path={make_toy_data(tmp_path / 'data')}"]))
    folder = RunFolder(tmp_path / "run")
    folder.begin(made.config, environment(made.hashes()))
    train._same_data(folder, made)
    monkeypatch.setenv("WORLD_SIZE", "2")
    with pytest.raises(UserError, match="was trained by 1 processes together, but there are 2 now"):
        train._same_data(folder, made)
    fewer = plan.make_plan(load_config(None, [f"data.path={make_toy_data(tmp_path / 'fewer', train=15)}"]))
    with pytest.raises(UserError, match="the samples aren't those that"):
        train._same_data(folder, fewer)


@pytest.mark.usefixtures("no_model")
def test_no_sample_that_fits_is_an_error(tmp_path: Path) -> None:
    data = make_toy_data(tmp_path)
    with pytest.raises(UserError, match="no sample of 'train' fits the model: 1 × the sample has no image"):
        plan.make_plan(load_config(None, [f"data.path={data}", "data.max_length=40", "data.max_pixels=3136"]))


@pytest.mark.usefixtures("no_model")
def test_hashes_know_the_samples_and_their_order(tmp_path: Path) -> None:
    data = make_toy_data(tmp_path)
    first = plan.make_plan(load_config(None, [f"data.path={data}"])).hashes()
    assert first == plan.make_plan(load_config(None, [f"data.path={data}"])).hashes()
    fewer = plan.make_plan(load_config(None, [f"data.path={data}", "data.limit=5"])).hashes()
    assert fewer["train"] != first["train"]
    assert fewer["validation"] == first["validation"]


def _error(capsys: pytest.CaptureFixture[str], *arguments: str) -> str:
    assert run("finetune", main_group, ["train", *arguments]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.count("\n") == 1
    return told.err


def test_missing_packages_are_said_with_the_line_that_installs_them(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "find_spec", lambda name: None if name == "unsloth" else object())
    told = _error(capsys, "16gb")
    assert "unsloth is not installed: pip install 'texsieve[finetune]'" in told


def test_without_a_gpu_a_line_says_so_and_what_to_do(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    monkeypatch.setattr(hardware, "require_packages", lambda: None)
    monkeypatch.setattr(hardware, "sees_gpu", lambda: False)
    monkeypatch.setattr(hardware, "_why", lambda: "torch finds none")
    monkeypatch.delenv("UNSLOTH_ALLOW_CPU", raising=False)
    told = _error(capsys, "16gb", f"out={tmp_path / 'run'}")
    assert "no GPU to train on or predict with: torch finds none" in told
    assert "--dry-run" in told
    assert not (tmp_path / "run").exists()


def test_resuming_what_is_not_there_is_said_before_any_work(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    hardware_checked = "has no training to resume"
    assert hardware_checked in _error(capsys, "16gb", f"out={tmp_path / 'run'}", "--resume")


def test_a_wrong_setting_is_said_before_any_work(capsys: pytest.CaptureFixture[str]) -> None:
    assert "did you mean 'train.learning_rate'?" in _error(capsys, "16gb", "train.learning_rat=1")


@pytest.mark.parametrize(
    ("name", "said"),
    [("wandbb", "unknown 'wandbb'; choose from"), ("clearml", "clearml is not installed: pip install clearml")],
)
def test_where_losses_go_is_looked_at_before_any_work(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path, name: str, said: str
) -> None:
    monkeypatch.setattr(hardware, "require_packages", lambda: None)
    monkeypatch.setattr(hardware, "find_spec", lambda package: None)
    assert said in _error(capsys, "16gb", f"train.report_to=[{name}]", f"out={tmp_path / 'run'}")


@pytest.mark.usefixtures("no_model")
def test_a_plan_says_whether_the_gpu_that_is_there_is_large_enough(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    made = plan.make_plan(load_config(None, [f"data.path={make_toy_data(tmp_path)}"]))
    for memory, words in ((80, ": enough"), (2, ": not enough")):
        monkeypatch.setattr(plan, "gpus", lambda memory=memory: [hardware.Gpu("X1", memory * GB, (8, 0))])
        assert f"this machine has X1 of {memory}.0 GB{words}" in plan.as_text(made)


@pytest.mark.parametrize(("every", "steps"), [("0.25", 10), ("1e-6", 1), ("0.999", 40), ("1", 1), ("15", 15)])
def test_evaluations_are_a_number_of_steps_or_a_share_of_an_epoch(every: str, steps: int) -> None:
    made = arguments(load_config(None, [f"eval.every={every}"]), Path("x"), 80, 40, evaluate=True)
    assert (made["eval_strategy"], made["eval_steps"]) == ("steps", steps)


def test_half_a_step_is_refused() -> None:
    with pytest.raises(UserError, match=r"eval\.every must be a whole number of steps, or below 1, not 1\.5"):
        load_config(None, ["eval.every=1.5"])
