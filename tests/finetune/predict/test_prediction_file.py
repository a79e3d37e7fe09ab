"""A stopped prediction continues where it stopped, and another file is left alone. Uses a stub model."""

from __future__ import annotations

import errno
import json
import multiprocessing
import os
import random
import re
import time
from dataclasses import replace
from pathlib import Path

import pytest
from extra import require_finetune
from file_limits import no_file_over
from stub_model import StubModel
from stub_predict import BATCH, ROWS, Rows, predict

from curate.base.errors import UserError
from curate.predictions.rows import read_predictions

pytestmark = pytest.mark.finetune
TOY = Path(__file__).resolve().parents[1] / "toy"


@pytest.fixture(scope="module", autouse=True)
def packages() -> None:
    require_finetune()


def content(path: Path) -> bytes:
    """A prediction file without its timings."""
    return re.sub(rb'"seconds": [0-9.e-]+', b'"seconds": 0', path.read_bytes())


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """What an uninterrupted prediction writes."""
    path = tmp_path_factory.mktemp("whole") / "pred.jsonl"
    predict(path)
    return content(path)


def test_rows_are_complete_in_the_datas_order_and_as_read_elsewhere(tmp_path: Path) -> None:
    path = tmp_path / "pred.jsonl"
    made = predict(path)
    rows = read_predictions(path)
    assert [(row.sample_id, row.gt) for row in rows] == Rows().rows
    assert all(row.score is not None and row.score < 0 for row in rows)
    assert all(row.seconds is not None and row.seconds > 0 for row in rows)
    assert (made.rows, made.new, made.runaways) == (ROWS, ROWS, ())
    facts = json.loads((tmp_path / "pred.jsonl.run.json").read_text())
    assert facts["prompt"] == "Read this."
    assert facts["model"]["sha256"] == "abc"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["pred.jsonl", "pred.jsonl.run.json"]


def test_killed_at_random_moments_it_ends_with_the_same_file(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pred.jsonl"
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(TOY.parents[2]), str(TOY)]))
    server = multiprocessing.get_context("forkserver")
    server.set_forkserver_preload(["torch", "stub_predict"])  # so that all processes share one import of torch
    killed_at = []
    for _ in range(2):
        size = path.stat().st_size if path.exists() else 0
        until = size + random.randint(1, (len(whole) - size) // 2)
        process = server.Process(target=predict, args=(path, StubModel(sleep=0.03)))
        process.start()
        deadline = time.monotonic() + 120
        while (path.stat().st_size if path.exists() else 0) < until and process.is_alive():
            assert time.monotonic() < deadline
            time.sleep(0.001)
        process.kill()
        process.join()
        assert process.exitcode == -9, "it was done before it was killed"
        killed_at.append(path.stat().st_size)
    predict(path)
    assert content(path) == whole, f"killed when the file had {killed_at} bytes"


def test_a_torn_last_line_is_healed_wherever_it_was_torn(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    lines = path.read_bytes().splitlines(keepends=True)
    start = sum(map(len, lines[:-2]))
    for end in range(start, sum(map(len, lines)), 7):
        path.write_bytes(b"".join(lines)[:end])
        model = StubModel()
        predict(path, model)
        assert content(path) == whole
        assert 1 <= len(model.calls) <= 2  # only the batches of the lost rows


def test_nothing_is_asked_twice(tmp_path: Path, whole: bytes) -> None:
    path, model = tmp_path / "pred.jsonl", StubModel()
    predict(path)
    made = predict(path, model)
    assert (made.rows, made.new, model.calls) == (ROWS, 0, [])
    assert content(path) == whole


def test_stopped_by_an_error_it_keeps_whole_batches(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "pred.jsonl"

    class Broken(StubModel):
        def generate(self, **asked: object) -> object:
            if len(self.calls) == 3:
                raise RuntimeError("the GPU fell off the bus")
            return super().generate(**asked)

    with pytest.raises(RuntimeError):
        predict(path, Broken())
    assert len(read_predictions(path)) == 3 * BATCH
    assert predict(path).new == ROWS - 3 * BATCH
    assert content(path) == whole


def test_the_batch_size_may_be_another_when_it_goes_on(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:50]))
    predict(path, batch_size=9)
    assert content(path) == whole


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"prompt": "Read that."}, 'prompt was "Read this." and is "Read that."'),
        ({"weights": "xyz"}, 'model sha256 was "abc" and is "xyz"'),
        ({"data": {"path": "d", "sha256": "2"}}, 'data sha256 was "1" and is "2"'),
        ({"max_new_tokens": 9}, "answers max_new_tokens was 512 and is 9"),
        ({"temperature": 0.5}, "answers temperature was 0.0 and is 0.5"),
    ],
)
def test_answers_to_something_else_are_left_alone(tmp_path: Path, changed: dict[str, object], told: str) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    before = {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()}
    with pytest.raises(UserError, match=re.escape(f"is from a different prediction: {told}")):
        predict(path, **changed)
    assert {entry.name: entry.read_bytes() for entry in tmp_path.iterdir()} == before


def test_the_datas_name_may_be_another(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    assert predict(path, data={"path": "/elsewhere/d", "sha256": "1"}).new == 0


@pytest.mark.parametrize("text", ['{"sample_id": "a", "gt": "b", "pred": "c"}\n', '{"sample_id": "a', "[]"])
def test_a_file_of_another_program_is_left_alone(tmp_path: Path, text: str) -> None:
    path = tmp_path / "pred.jsonl"
    path.write_text(text)
    with pytest.raises(UserError, match=r"pred\.jsonl"):
        predict(path)
    assert path.read_text() == text
    assert [entry.name for entry in tmp_path.iterdir()] == ["pred.jsonl"]


def test_rows_that_are_not_of_the_data_are_an_error(tmp_path: Path) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    with pytest.raises(UserError, match="s/0119 is not in the data"):
        predict(path, rows=Rows(ROWS - 1))
    text = path.read_text()
    path.write_text(text.replace(r"\\gt_{7}", r"\\gt_{8}"))
    with pytest.raises(UserError, match="s/0007 has another gt"):
        predict(path)


def test_a_second_process_is_turned_away(tmp_path: Path) -> None:
    path = tmp_path / "pred.jsonl"

    class Meanwhile(StubModel):
        def generate(self, **asked: object) -> object:
            with pytest.raises(UserError, match="another `finetune predict` is writing it"):
                predict(path)
            return super().generate(**asked)

    assert predict(path, Meanwhile(), rows=Rows(3)).new == 3


def test_where_nothing_came_of_it_nothing_is_left(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="out of memory"):
        predict(tmp_path / "new" / "pred.jsonl", StubModel(at_most=0))
    assert list((tmp_path / "new").iterdir()) == []


def test_runaways_are_marked_in_the_file(tmp_path: Path) -> None:
    path = tmp_path / "pred.jsonl"
    made = predict(path, StubModel(endless=True), rows=Rows(2), max_new_tokens=6)
    assert made.runaways == ("s/0001", "s/0000")  # in the order of the batches
    assert [json.loads(line)["runaway"] for line in path.read_text().splitlines()] == [True, True]


@pytest.mark.parametrize("size", [300, 2000, 4001])
def test_on_a_full_disk_whole_batches_are_kept_and_it_goes_on_with_them(
    tmp_path: Path, whole: bytes, size: int
) -> None:
    path = tmp_path / "pred.jsonl"
    with (
        no_file_over(size),
        pytest.raises(UserError, match=r"can't be written: "),
    ):
        predict(path)
    if path.exists():
        assert path.read_bytes().endswith(b"\n")
        assert len(read_predictions(path)) % BATCH == 0
    model = StubModel()
    predict(path, model)
    assert content(path) == whole
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.startswith(".")] == []


def test_where_the_rows_cant_be_put_in_order_they_stay_as_they_are(
    tmp_path: Path, whole: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "pred.jsonl"
    predict(path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[::-1]))

    def broken(path: Path) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    with monkeypatch.context() as patched:
        patched.setattr("finetune.predict.file.new_file", broken)
        with pytest.raises(UserError, match="Input/output error; what is answered is kept"):
            predict(path)
    assert sorted(path.read_bytes().splitlines(keepends=True)) == sorted(lines)
    predict(path)
    assert content(path) == whole


def test_rows_whose_image_cant_be_opened_are_left_out_until_it_can(tmp_path: Path, whole: bytes) -> None:
    path = tmp_path / "pred.jsonl"
    rows = Rows()
    bad = [rows._questions[at].sample_id for at in (0, 57, 58)]
    good = rows._questions

    def broken() -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    rows._questions = [replace(row, load=broken) if row.sample_id in bad else row for row in good]  # type: ignore[arg-type]
    made = predict(path, rows=rows)
    assert dict(made.unopened) == dict.fromkeys(bad, "[Errno 5] Input/output error")
    assert (made.rows, made.new) == (ROWS - 3, ROWS - 3)
    lines = [line for line in whole.splitlines() if json.loads(line)["sample_id"] not in bad]
    assert content(path).splitlines() == lines
    rows._questions = good
    made = predict(path, rows=rows)
    assert (made.rows, made.new, dict(made.unopened)) == (ROWS, 3, {})
    assert content(path) == whole
    rows._questions = [replace(row, load=broken) for row in good]  # type: ignore[arg-type]
    with pytest.raises(UserError, match=r"no image can be opened; .*: its image can't be opened: .*Input/output error"):
        predict(tmp_path / "none.jsonl", rows=rows)
    assert not (tmp_path / "none.jsonl").exists()
