"""Models given by their id on the hub, which is a folder here. No network."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import httpx
import huggingface_hub
import pytest
from huggingface_hub.errors import (
    GatedRepoError,
    LocalEntryNotFoundError,
    RemoteEntryNotFoundError,
    RepositoryNotFoundError,
)

from curate.base.errors import UserError
from curate.base.terminal import run
from finetune.cli.main import main_group
from finetune.merge import merging
from finetune.models import hardware
from finetune.models.facts import model_facts
from finetune.predict.job import Asker
from finetune.settings.config import Config, as_yaml

COMMIT = "0123456789abcdef0123456789abcdef01234567"
ANSWER = httpx.Response(404, request=httpx.Request("HEAD", "https://huggingface.co"))


class Hub:
    """Models in folders, and a cache. calls: what was asked for over the network. down: the hub can't be reached."""

    def __init__(self, root: Path) -> None:
        self.models, self.cache = root / "models", root / "cache"
        self.calls: list[str] = []
        self.down = False
        self.gated: set[str] = set()

    def add(self, name: str, **files: str) -> Path:
        folder = self.models / name
        folder.mkdir(parents=True)
        for file, text in files.items():
            (folder / file.replace("__", ".")).write_text(text)
        return folder

    def _snapshot(self, name: str) -> Path:
        return self.cache / name / COMMIT

    def _ask(self, name: str) -> Path:
        self.calls.append(name)
        if self.down:
            raise LocalEntryNotFoundError("An error happened while trying to locate the file on the Hub")
        if name in self.gated:
            raise GatedRepoError("Cannot access gated repo", response=ANSWER)
        if not (self.models / name).is_dir():
            raise RepositoryNotFoundError("404 Client Error", response=ANSWER)
        return self.models / name

    def try_to_load_from_cache(self, name: str, file: str) -> str | None:
        found = self._snapshot(name) / file
        return str(found) if found.is_file() else None

    def hf_hub_download(self, name: str, file: str) -> str:
        if not (self._ask(name) / file).is_file():
            raise RemoteEntryNotFoundError("404 Client Error", response=ANSWER)
        self._snapshot(name).mkdir(parents=True, exist_ok=True)
        return str(shutil.copy(self.models / name / file, self._snapshot(name) / file))

    def snapshot_download(self, name: str, ignore_patterns: list[str]) -> str:
        assert "*/*" in ignore_patterns
        if self.down and self._snapshot(name).is_dir():  # like the real one
            return str(self._snapshot(name))
        for file in self._ask(name).iterdir():
            if file.is_file():
                self.hf_hub_download(name, file.name)
        return str(self._snapshot(name))


@pytest.fixture
def hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Hub:
    monkeypatch.chdir(tmp_path)
    one = Hub(tmp_path / "hub")
    for name in ("try_to_load_from_cache", "hf_hub_download", "snapshot_download"):
        monkeypatch.setattr(huggingface_hub, name, getattr(one, name))
    return one


SETTINGS = as_yaml(replace(Config(), data=replace(Config().data, prompt="Read it.", max_pixels=200704)))
BASE = json.dumps({"base_model_name_or_path": "unsloth/qwen2.5-vl-3b-instruct-unsloth-bnb-4bit"})


def _adapter(hub: Hub) -> None:
    hub.add("me/adapter", adapter_config__json=BASE, adapter_model__safetensors="weights", finetune__yaml=SETTINGS)


def test_an_adapter_on_the_hub_is_asked_as_it_was_trained(hub: Hub) -> None:
    _adapter(hub)
    facts = model_facts("me/adapter")
    assert (facts.kind, facts.base) == ("adapter", "unsloth/qwen2.5-vl-3b-instruct-unsloth-bnb-4bit")
    assert facts.config is not None
    assert facts.config.data.prompt == "Read it."
    assert (Path(facts.name) / "adapter_model.safetensors").is_file()
    assert facts.identity["name"] == "me/adapter"
    asker = Asker.of(facts)
    assert (asker.max_pixels, asker.model.name) == (200704, facts.name)
    shutil.copytree(hub.models / "me" / "adapter", "here")
    assert model_facts("here").identity["sha256"] == facts.identity["sha256"]


def test_a_base_model_on_the_hub_is_no_adapter(hub: Hub) -> None:
    hub.add("org/base", config__json="{}")
    facts = model_facts("org/base")
    assert (facts.kind, facts.name, facts.config) == ("hub", "org/base", None)
    assert facts.identity == {"id": "org/base", "revision": COMMIT}
    assert Asker.of(facts).model.load_in_4bit  # adapters are compared with this


@pytest.mark.parametrize("quantized", [True, False])
def test_a_merged_model_on_the_hub_is_asked_as_it_was_trained(hub: Hub, quantized: bool) -> None:
    config = json.dumps({"quantization_config": {"load_in_4bit": True}} if quantized else {})
    hub.add("me/merged", config__json=config, finetune__yaml=SETTINGS)
    facts = model_facts("me/merged")
    assert facts.config is not None
    assert (facts.config.data.prompt, Asker.of(facts).model.load_in_4bit) == ("Read it.", quantized)


def test_an_adapter_on_the_hub_can_be_merged(hub: Hub) -> None:
    _adapter(hub)
    plan = merging.plan_merge("me/adapter", Path("merged"), "merged_16bit")
    assert (plan.adapter.kind, plan.base, plan.download) == ("adapter", "unsloth/Qwen2.5-VL-3B-Instruct", True)
    hub.add("org/base", config__json="{}")
    with pytest.raises(UserError, match="org/base: is a complete model, which needs no merging; name an adapter"):
        merging.plan_merge("org/base", Path("merged"), "merged_16bit")


def test_what_was_fetched_is_found_without_the_hub(hub: Hub) -> None:
    _adapter(hub)
    hub.add("org/base", config__json="{}", finetune__yaml=SETTINGS)
    online = [model_facts(name) for name in ("me/adapter", "org/base")]
    hub.down = True
    assert [model_facts(name) for name in ("me/adapter", "org/base")] == online


def test_a_base_model_is_the_same_one_without_the_hub(hub: Hub) -> None:
    hub.add("org/base", config__json="{}")
    online = model_facts("org/base")
    hub.down = True
    assert model_facts("org/base") == online


def test_a_base_model_of_which_only_what_unsloth_loads_is_here_needs_no_hub(hub: Hub) -> None:
    """In 4 bits the weights come from another repository; nothing of the named one is on this machine."""
    hub.add("unsloth/Qwen2.5-VL-3B-Instruct-unsloth-bnb-4bit", config__json="{}")
    hub.hf_hub_download("unsloth/Qwen2.5-VL-3B-Instruct-unsloth-bnb-4bit", "config.json")
    hub.down = True
    for name in ("unsloth/Qwen2.5-VL-3B-Instruct", "Qwen/Qwen2.5-VL-3B-Instruct"):
        facts = model_facts(name)
        assert (facts.kind, facts.config, facts.name) == ("hub", None, name)
    hub.down = False
    hub.add("me/Qwen2.5-VL-3B-Instruct", adapter_config__json=BASE, adapter_model__safetensors="weights")
    assert model_facts("me/Qwen2.5-VL-3B-Instruct").kind == "adapter"  # it has the same name, but the hub is asked


def test_a_hub_that_can_not_be_asked_is_one_clear_line(
    hub: Hub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(hardware, "require_packages", lambda: None)
    monkeypatch.setattr(hardware, "sees_gpu", lambda: True)
    hub.down = True
    for command in (["predict", "me/adapter", "set", "--out", "a.jsonl"], ["prompts", "me/adapter", "set"]):
        assert run("finetune", main_group, command) == 2
        told = capsys.readouterr().err
        assert told == (
            "finetune: error: me/adapter: no such folder, and the hub can't be asked for a model with that name (no "
            "network, or HF_HUB_OFFLINE is set)\n"
        )


def test_what_the_hub_does_not_have_or_give_is_said(hub: Hub) -> None:
    hub.add("me/gguf", model__gguf="weights")
    hub.gated.add("org/gated")
    with pytest.raises(UserError, match=r"org/nothing: no such folder, and no such model on the hub .*hf auth login"):
        model_facts("org/nothing")
    with pytest.raises(UserError, match=r"accept its terms on https://huggingface\.co/org/gated"):
        model_facts("org/gated")
    with pytest.raises(UserError, match=r"me/gguf: has neither config\.json nor adapter_config\.json on the hub"):
        model_facts("me/gguf")


def test_nobody_is_asked_about_a_folder_or_about_what_is_no_id(hub: Hub) -> None:
    Path("a").mkdir()
    for name in ("a", "a/b/c", "../x"):
        with pytest.raises(UserError):
            model_facts(name)
    assert hub.calls == []
