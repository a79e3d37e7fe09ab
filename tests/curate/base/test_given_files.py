"""Small files that users name: read without waiting for ever, and refused in plain words."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from curate.base.errors import UserError
from curate.base.given_files import read_text, why_not_json
from curate.findings.baseline import read_baseline
from curate.findings.label_lines import read_labels
from curate.predictions.rows import read_predictions
from curate.project import load_project
from curate.tasks.label_studio_answers import _tasks
from finetune.models.provenance import read_metrics
from finetune.settings.config import load_config
from finetune.settings.prompt_file import read_prompts

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


def test_a_pipe_that_nobody_writes_to_is_empty_and_another_is_read_to_its_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert read_text(pipe) == ""
    reader, writer = os.pipe()

    def write() -> None:
        with os.fdopen(writer, "wb") as file:
            file.write("中".encode() * 100_000)

    thread = threading.Thread(target=write)
    thread.start()
    assert read_text(Path(f"/dev/fd/{reader}")) == "中" * 100_000
    thread.join()
    os.close(reader)


READERS: dict[str, Callable[[Path], Any]] = {
    "predictions": read_predictions,
    "baseline": read_baseline,
    "annotations": _tasks,
    "metrics": read_metrics,
    "prompts": read_prompts,
}


@pytest.mark.parametrize("read", READERS.values(), ids=READERS)
def test_no_reader_waits_for_a_pipe(read: Callable[[Path], Any], tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.json")
    with pytest.raises(UserError, match=r"pipe\.json: "):
        read(tmp_path / "pipe.json")
    load_project(tmp_path / "pipe.json")  # it has no settings
    load_config(tmp_path / "pipe.json")


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
