"""Training settings: defaults, files, overrides, and what is said of wrong ones."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.base.settings import flat
from finetune.settings.config import CONFIGS, Config, as_yaml, load_config
from finetune.settings.page import settings_markdown
from finetune.settings.yaml_files import ready


def test_defaults_are_the_ones_that_were_promised() -> None:
    config = load_config()
    assert config.model.name == "unsloth/Qwen2.5-VL-3B-Instruct"
    assert config.model.load_in_4bit is True
    assert (config.lora.vision, config.lora.language, config.lora.attention, config.lora.mlp) == (True,) * 4


def test_overrides_win_over_the_file(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("train: {learning_rate: 2e-4, epochs: 1}\nlora: {vision: false}\n")
    config = load_config(file, ["train.epochs=3", "eval.patience=null", "train.report_to=[wandb, tensorboard]"])
    assert config.train.learning_rate == 2e-4  # YAML 1.1 reads this as text; it wants 2.0e-4
    assert (config.train.epochs, config.lora.vision, config.eval.patience) == (3.0, False, None)
    assert config.train.report_to == ("wandb", "tensorboard")


def test_settings_written_are_read_back_to_the_same(tmp_path: Path) -> None:
    config = load_config(None, ["data.prompt='a: b # ü'", "train.report_to=[x]", "lora.r=7", "eval.every=5"])
    file = tmp_path / "a.yaml"
    file.write_text(as_yaml(config), encoding="utf-8")
    assert load_config(file) == config


@pytest.mark.parametrize(
    ("override", "said"),
    [
        ("train.learning_rat=1", "did you mean 'train.learning_rate'?"),
        ("learning_rate=1", "did you mean 'train.learning_rate'?"),
        ("model.load_in_4bits=true", "did you mean 'model.load_in_4bit'?"),
        ("lora.vison=true", "did you mean 'lora.vision'?"),
        ("data.xyzzy=train", "known keys in data: path"),
        ("zzz=1", "known keys: out, model, lora"),
        ("train=3", "train must be a section of keys, not 3"),
        ("train.epochs=many", "train.epochs must be a number, not 'many'"),
        ("lora.r=1.5", "lora.r must be a whole number, not 1.5"),
        ("lora.r=true", "lora.r must be a whole number, not True"),
        ("model.load_in_4bit=1", "model.load_in_4bit must be true or false, not 1"),
        ("train.optimizer=sgd", "must be one of adamw_8bit"),
        ("train.report_to=3", "train.report_to must be a list of texts, not 3"),
        ("data.path=null", "data.path must be text, not empty"),
        ("data.path", "isn't a setting; write KEY=VALUE"),
        ("train.epochs=[", "invalid YAML"),
        ("train.epochs=.nan", "train.epochs must be from"),
        ("train.batch_size=0", "train.batch_size must be at least 1"),
        ("data.max_length=512", "leaves no room for the answer"),
        ("data.min_pixels=9000000", "is more than data.max_pixels"),
        ("train.save_every=7", "must be a multiple of train.log_every"),
        ("data.validation=train", "is data.train"),
        ("data.prompt=' '", "data.prompt is empty"),
    ],
)
def test_wrong_settings_are_one_line_that_says_what_was_meant(override: str, said: str) -> None:
    with pytest.raises(UserError) as caught:
        load_config(None, [override])
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_home_folder_is_spelled_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """No shell expands it in `out=~/runs`, which would make a folder called ~."""
    monkeypatch.setenv("HOME", "/home/ann")
    config = load_config(None, ["out=~/runs/a", "data.path=~/data", "model.name=a/~b"])
    assert (config.out, config.data.path, config.model.name) == ("/home/ann/runs/a", "/home/ann/data", "a/~b")


def test_nothing_to_train_is_an_error() -> None:
    with pytest.raises(UserError, match="nothing would be trained"):
        load_config(None, ["lora.vision=false", "lora.language=false"])


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("- a\n", "has no settings"),
        ("a: [\n", "invalid YAML at line 2"),
        ("trian: {epochs: 1}", "unknown key 'trian'"),
        ("train.epochs: 3", "in a file, write the section as a mapping: `train: {epochs: …}`"),
        ("train: {epochs: 1}\nlora: {r: 8}\ntrain: {seed: 2}", "train is repeated at line 3, column 1"),
        ("train: {epochs: 1, 'epochs': 2}", "epochs is repeated"),
        ("out: 2026-13-01", "invalid YAML: month must be in 1..12"),
    ],
)
def test_a_bad_file_is_named(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "bad.yaml"
    file.write_text(text)
    with pytest.raises(UserError, match=r"bad\.yaml") as caught:
        load_config(file)
    assert said in str(caught.value)


def test_what_an_anchor_brings_may_be_replaced(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("lora: {<<: {r: 8, alpha: 8}, r: 4}\n")
    assert (load_config(file).lora.r, load_config(file).lora.alpha) == (4, 8)


def test_a_file_that_is_not_there_lists_the_ready_ones() -> None:
    with pytest.raises(
        UserError, match="no ready configuration; those are 16gb, 24gb, 24gb-16bit, 40gb, 80gb, 8gb, multi-gpu"
    ):
        load_config("9gb")


@pytest.mark.parametrize("name", ready(CONFIGS))
def test_ready_configurations_load_and_change_only_what_they_say(name: str) -> None:
    config = load_config(name)
    assert config.model.load_in_4bit == (name not in ("24gb-16bit", "40gb", "80gb"))
    assert config.data.max_pixels // 784 < config.data.max_length
    assert config.data.prompt == Config().data.prompt


def test_the_16gb_configuration_is_the_defaults() -> None:
    assert flat(load_config("16gb")) == flat(Config())


def test_every_setting_is_explained_on_its_page() -> None:
    page = settings_markdown()
    for name in flat(Config()):
        row = next(line for line in page.splitlines() if line.startswith(f"| `{name}` |"))
        assert len(row.split(" | ")[-1].strip(" |")) > 10, name


@pytest.mark.parametrize(
    ("override", "name", "value"),
    [
        ("data.prompt=Solve: a", "data.prompt", "Solve: a"),
        ("data.prompt={x}", "data.prompt", "{x}"),
        ("data.prompt=[", "data.prompt", "["),
        ("data.prompt='quoted'", "data.prompt", "quoted"),
        ("model.revision=2024", "model.revision", "2024"),
        ("model.revision=null", "model.revision", None),
        ("train.report_to=wandb", "train.report_to", ("wandb",)),
        ("train.report_to=[wandb, mlflow]", "train.report_to", ("wandb", "mlflow")),
        ("train.report_to=[]", "train.report_to", ()),
    ],
)
def test_text_on_the_command_line_is_meant_as_text(override: str, name: str, value: object) -> None:
    assert flat(load_config(None, [override]))[name] == value
