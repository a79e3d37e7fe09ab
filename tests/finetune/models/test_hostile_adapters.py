"""Untrusted adapters: whatever their files and names hold, each command says one line or does its work."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from curate.base.terminal import run
from finetune.cli.main import main_group

SCRIPT = "<script>alert(1)</script>"
DEEP = "[" * 100_000
#: Code in Markdown, between fences or inline, whose text is shown as it is.
CODE = re.compile(r"^(`{3,})[^\n]*\n.*?^\1`*[ ]*$|(`+)(?!`).*?(?<!`)\2(?!`)", re.DOTALL | re.MULTILINE)
GOOD = {"base_model_name_or_path": "BASE", "peft_type": "LORA", "r": 8, "lora_alpha": 8}
TRAINING = {
    "base": "BASE", "data": {"name": "d", "sha256": {"train": "0"}}, "steps": 3, "loss": {"first": 2.0, "last": 1.0},
    "gpus": ["g"], "packages": {"torch": "2"}, "kind": "adapter",
}  # fmt: skip


@pytest.fixture
def adapter(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An adapter with its base beside it; its folder's name has control characters and a script."""
    monkeypatch.chdir(tmp_path)
    base = tmp_path / "base"
    base.mkdir()
    (base / "config.json").write_text(json.dumps({"model_type": "qwen2_5_vl", "num_hidden_layers": 2}))
    folder = tmp_path / f"a\x1b[31m\n{SCRIPT.replace('/', '')}`|"
    folder.mkdir()
    put(folder, "adapter_config.json", GOOD)
    put(folder, "training.json", TRAINING)
    (folder / "adapter_model.safetensors").write_bytes(b"x" * 100)
    return folder


def put(folder: Path, name: str, value: object) -> None:
    text = value if isinstance(value, str) else json.dumps(value)
    (folder / name).write_text(text.replace("BASE", str(folder.parent / "base")), encoding="utf-8")


def said(capsys: pytest.CaptureFixture[str], *command: str) -> tuple[int, str]:
    """The exit code and the output, which has no control characters for a terminal."""
    code = run("finetune", main_group, list(command))
    got = capsys.readouterr()
    told = got.out + got.err
    assert "a fault in texsieve" not in told, told
    assert not [char for char in told if not char.isprintable() and char != "\n"], told
    if code:
        assert got.err.startswith("finetune: error: ")
        assert got.err.count("\n") == 1
    return code, told


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("adapter_config.json", DEEP),
        ("adapter_config.json", "null"),
        ("adapter_config.json", "[1]"),
        ("adapter_config.json", {"r": 8}),
        *(("adapter_config.json", {**GOOD, "base_model_name_or_path": base}) for base in (None, 7, ["x"], {}, "")),
        ("adapter_config.json", {**GOOD, "base_model_name_or_path": "../../../etc/passwd"}),
        ("adapter_config.json", {**GOOD, "base_model_name_or_path": f"x\x1b[2J\n---\nlicense: mit\n{SCRIPT}"}),
        ("adapter_config.json", {**GOOD, "base_model_name_or_path": "x" * 100_000}),
        ("training.json", DEEP),
        ("training.json", "[]"),
        ("training.json", {**TRAINING, "kind": "none"}),
        ("training.json", {**TRAINING, "kind": ["adapter"]}),
        ("training.json", {**TRAINING, "data": "text"}),
        ("training.json", {**TRAINING, "data": {"sha256": 3}}),
        ("training.json", {**TRAINING, "data": {"name": SCRIPT, "licence": ["mit"], "sources": 7}}),
        ("training.json", {**TRAINING, "data": {"splits": {"train": "many"}}}),
        ("training.json", {**TRAINING, "loss": [1, 2]}),
        ("training.json", {**TRAINING, "loss": {"first": "a"}}),
        ("training.json", {**TRAINING, "steps": {}}),
        ("training.json", {**TRAINING, "gpus": [1]}),
        ("training.json", {**TRAINING, "packages": "torch"}),
        ("training.json", {**TRAINING, "answer_tokens": True}),
        ("training.json", {**TRAINING, "answer_tokens": 10**30}),
        ("finetune.yaml", "model: !!python/object/apply:os.system [touch stolen]"),
        ("finetune.yaml", "a: &a [*a]"),
        ("finetune.yaml", "[" * 5000),
        ("finetune.yaml", "data: {prompt: \"\\x1b[2J\"}"),
        ("metrics.json", "[]"),
        ("metrics.json", {"n": 3, "ci": {}, "exprate": 10**400}),
        ("metrics.json", {"n": "3", "ci": [], "exprate": 5.0}),
        ("metrics.json", {"n": 3, "ci": {"exprate": "ab"}, "exprate": 5.0, "predicted": [1]}),
    ],
)  # fmt: skip
def test_a_card_is_made_or_one_line_says_why_not(
    adapter: Path, capsys: pytest.CaptureFixture[str], name: str, value: object
) -> None:
    put(adapter, name, value)
    before = {path.name: path.read_bytes() for path in adapter.iterdir()}
    code, _ = said(capsys, "card", str(adapter))
    if code:
        assert {path.name: path.read_bytes() for path in adapter.iterdir()} == before
    else:
        card = (adapter / "README.md").read_text(encoding="utf-8")
        assert "<script" not in CODE.sub("", card)
        assert card.count("\n---\n") == 1
    assert not (adapter.parent / "stolen").exists()
    assert not (adapter / "stolen").exists()
    said(capsys, "merge", str(adapter), "--out", "merged", "--dry-run")
