"""Small files that users name: read without waiting for ever, and refused in plain words."""

from __future__ import annotations

import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from curate.audit import AuditOptions, audit
from curate.base.errors import UserError
from curate.base.given_files import read_text, why_not_json
from curate.base.terminal import run
from curate.cli.main import main_group
from curate.findings.baseline import read_baseline
from curate.findings.label_lines import read_labels
from curate.predictions.rows import read_predictions
from curate.sources import parse_source
from finetune.cli.main import main_group as finetune_group
from rules import select

pytestmark = pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")


@pytest.fixture(autouse=True)
def _in_time() -> Iterator[None]:
    def late(*signalled: object) -> None:
        raise AssertionError("it waits")

    before = signal.signal(signal.SIGALRM, late)
    signal.alarm(30)
    yield
    signal.alarm(0)
    signal.signal(signal.SIGALRM, before)


@pytest.fixture
def odd(tmp_path: Path) -> Iterator[dict[str, Path]]:
    """What is no regular file, by what it is called: nothing, or without end, is in it."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with socket.socket(socket.AF_UNIX) as listening:
        listening.bind(str(tmp_path / "socket"))
        yield {
            "pipe": tmp_path / "pipe",
            "folder": tmp_path / "folder",
            "device": Path("/dev/zero"),
            "socket": tmp_path / "socket",
        }


@pytest.mark.parametrize("kind", ["pipe", "folder", "device", "socket"])
def test_what_is_no_regular_file_is_refused(kind: str, odd: dict[str, Path]) -> None:
    with pytest.raises(UserError) as raised:
        read_text(odd[kind])
    said = f"{odd[kind]}: is a {kind}"
    not_a_file = f"{said}, not a file; write what it holds to a file, and name that"
    assert str(raised.value) == (f"{said} that nobody writes to" if kind == "pipe" else not_a_file)


def test_what_a_shell_writes_into_a_pipe_is_read_and_the_null_device_is_an_empty_file() -> None:
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write("中".encode() * 100_000)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_text(Path(f"/dev/fd/{reader}")) == "中" * 100_000
    thread.join()
    os.close(reader)
    assert read_text(Path(os.devnull)) == ""


_CURATE = {
    "project file": ["check", "--latex", "x", "--config"],
    "baseline": ["check", "--latex", "x", "--baseline"],
    "predictions": ["audit", "labels.txt", "--out", "run", "--predictions"],
    "annotations": ["decisions", "--from", "label-studio", "made"],
}
_FINETUNE = {
    "training configuration": ["train"],
    "measurements": ["train", "16gb", "data.path=.", "--dry-run", "--measured"],
    "metrics": ["card", "model", "--metrics"],
    "prompts": ["prompts", "model", "data", "--prompts"],
    "answers": ["evaluate"],
    "a model's answers": ["compare", "answers.jsonl", "--out", "page.html"],
}


@pytest.mark.parametrize("kind", ["pipe", "device"])
@pytest.mark.parametrize(
    ("program", "given"), [*(("curate", key) for key in _CURATE), *(("finetune", key) for key in _FINETUNE)]
)
def test_every_option_that_takes_a_file_refuses_what_is_none(
    program, given, kind, odd, tmp_path, monkeypatch, capsys
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "labels.txt").write_text("x\ny\n")
    (tmp_path / "answers.jsonl").write_text('{"sample_id": "1", "gt": "x", "pred": "x"}\n')
    group, words = (main_group, _CURATE) if program == "curate" else (finetune_group, _FINETUNE)
    (tmp_path / "model").mkdir()
    (tmp_path / "model" / "merged.gguf").touch()
    if "made" in words[given]:
        audit([parse_source("labels.txt")], tmp_path / "made", AuditOptions(select()))
    assert run(program, group, [*words[given], str(odd[kind])]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert f"{odd[kind]}: " in line
    assert f"a {kind}" in line


@pytest.mark.parametrize(
    ("data", "why"),
    [
        (b'{"a": ', "Expecting value at column 7"),
        (b'{"a":\n', "Expecting value at line 2, column 1"),
        (b"\xff", "byte 1 is not UTF-8"),
        (b"[" * 100_000, "it is nested too deeply"),
        (b"9" * 5000, "a number in it has thousands of digits"),
    ],
)
def test_why_it_is_not_json_in_plain_words(data: bytes, why: str) -> None:
    with pytest.raises((ValueError, RecursionError)) as raised:
        json.loads(data.decode())
    assert why_not_json(raised.value) == why


@pytest.mark.parametrize("value", ["9" * 5000, "[" * 100_000])
def test_no_message_speaks_of_python(value: str, tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_text(f'{{"label": "x", "id": {value}\n')
    for read in (lambda: read_labels(str(path)), lambda: read_predictions(path), lambda: read_baseline(path)):
        with pytest.raises(UserError) as raised:
            read()
        assert "set_int_max" not in str(raised.value)
        assert "recursion" not in str(raised.value)
