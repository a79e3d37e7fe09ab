"""An interrupted export leaves a whole data set or none, and the next attempt continues where it stopped."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import IO

import pytest
from run_makers import exported, labels_only, make_run

from curate.base.errors import UserError
from curate.export.decide.inputs import file_sha256
from curate.export.tell.manifest import check
from curate.export.write import work as working
from curate.export.write.parquet import ParquetShard

ROOT = Path(__file__).resolve().parents[3]
KILLS = 10

#: Exports argv[1] to argv[2] in shards of 20 rows, at a millisecond per row, so that there are many moments to stop it.
SCRIPT = """
import sys, time
from pathlib import Path
from curate.export.write import job, shards
from curate.export.decide.options import ExportOptions
shards.SHARD_ROWS = 20
make = job.make
def slowly(root, ref, seen, *, shape):
    time.sleep(0.001)
    return make(root, ref, seen, shape=shape)
job.make = slowly
print("ready", flush=True)
made = job.export([Path(sys.argv[1])], Path(sys.argv[2]), ExportOptions(format=sys.argv[3]))
print("reused", made.reused, flush=True)
"""


def start(run: Path, out: Path, form: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SCRIPT, str(run), str(out), form]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    return process


def hashes(folder: Path) -> dict[str, str]:
    return {path.relative_to(folder).as_posix(): file_sha256(path) for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return make_run(tmp_path / "run", labels_only(200), images=tmp_path / "images")


@pytest.mark.parametrize("form", ["hf", "sharegpt"])
def test_kill_9_leaves_no_data_set_or_a_whole_one(run: Path, tmp_path: Path, form: str) -> None:
    begin = time.monotonic()
    whole = start(run, tmp_path / "whole", form)
    assert whole.wait() == 0, whole.stderr
    takes = time.monotonic() - begin
    rng = random.Random(form)
    out = tmp_path / "out"
    started = killed = 0
    for _ in range(KILLS // 2):  # for each of the two formats: ten in all
        process = start(run, out, form)
        time.sleep(rng.uniform(0, 0.6 * takes))
        killed += process.poll() is None
        process.send_signal(signal.SIGKILL)
        process.wait()
        if out.exists():
            assert check(out)[0] == []
            assert hashes(out) == hashes(tmp_path / "whole")
            started += 1
            for path in sorted(out.rglob("*"), reverse=True):
                path.unlink() if path.is_file() else path.rmdir()
            out.rmdir()
    last = start(run, out, form)
    said, _ = last.communicate()
    assert last.returncode == 0
    assert said.startswith("reused")
    assert hashes(out) == hashes(tmp_path / "whole")
    assert killed
    assert {path.name for path in tmp_path.iterdir()} == {"run", "images", "whole", "out"}


class _Stop(Exception):
    """Simulates a crash."""


def stop_after(shards: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stop exports, with 20 rows per shard, when this many shards are finished."""
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 20)
    finish = working.WorkingFolder.finish
    done = 0

    def counted(self: working.WorkingFolder, *arguments: object, **facts: object) -> object:
        nonlocal done
        if done == shards:
            raise _Stop
        done += 1
        return finish(self, *arguments, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(working.WorkingFolder, "finish", counted)


@pytest.fixture
def stopped(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder of an export to `out` that was stopped after four of ten shards."""
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        with pytest.raises(_Stop):
            exported(run, tmp_path / "out", splits={"train": 1.0})
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 20)
    assert not (tmp_path / "out").exists()
    return tmp_path / ".out.part"


def written(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the shards that are written from now on."""
    names: list[str] = []
    init = ParquetShard.__init__

    def noted(self: ParquetShard, folder: Path, name: str, *more: object) -> None:
        names.append(Path(name).stem)
        init(self, folder, name, *more)  # type: ignore[arg-type]

    monkeypatch.setattr(ParquetShard, "__init__", noted)
    return names


def test_finished_shards_are_used_again(
    run: Path, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = written(monkeypatch)
    assert exported(run, tmp_path / "out", splits={"train": 1.0}).reused == 4
    assert names == [f"train-{n:05d}-of-00010" for n in range(4, 10)]
    assert not stopped.exists()
    assert check(tmp_path / "out")[0] == []
    exported(run, tmp_path / "whole", splits={"train": 1.0})
    assert hashes(tmp_path / "out") == hashes(tmp_path / "whole")


def test_a_finished_shard_that_was_damaged_is_written_anew(
    run: Path, stopped: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    shard = stopped / "data/data/train-00002-of-00010.parquet"
    shard.write_bytes(shard.read_bytes()[:-1] + b"?")
    (stopped / "data/data/stray.txt").write_text("?")
    lines = (stopped / "done.jsonl").read_text()
    (stopped / "done.jsonl").write_text(lines + lines.splitlines()[0][:40])  # cut off, as a crash leaves it
    names = written(monkeypatch)
    assert exported(run, tmp_path / "out", splits={"train": 1.0}).reused == 3
    assert names[0] == "train-00002-of-00010"
    assert check(tmp_path / "out")[0] == []


def test_another_configuration_starts_anew(run: Path, stopped: Path, tmp_path: Path) -> None:
    assert exported(run, tmp_path / "out", splits={"train": 1.0}, min_chars=1).reused == 0
    assert check(tmp_path / "out")[0] == []


@pytest.mark.parametrize("change", ["labels", "fewer", "gone"])
def test_a_run_that_changes_while_it_is_exported_is_an_error(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, change: str
) -> None:
    """`curate audit --update` replaces the run: half of each would be a mixture of two data sets."""
    import polars as pl

    begin = working.WorkingFolder.begin

    def meanwhile(self: working.WorkingFolder, plan: str) -> object:
        samples = pl.read_parquet(run / "samples.parquet")
        (run / "samples.parquet").unlink()
        if change != "gone":
            new = samples.reverse() if change == "labels" else samples.head(3)
            new.write_parquet(run / "samples.parquet")
        return begin(self, plan)

    monkeypatch.setattr(working.WorkingFolder, "begin", meanwhile)
    with pytest.raises(UserError, match="run: was changed while it was exported; export it again"):
        exported(run, tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_decisions_may_be_made_while_an_export_runs(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    begin = working.WorkingFolder.begin

    def meanwhile(self: working.WorkingFolder, plan: str) -> object:
        (run / "decisions.jsonl").write_text("{}\n")
        return begin(self, plan)

    monkeypatch.setattr(working.WorkingFolder, "begin", meanwhile)
    exported(run, tmp_path / "out")
    assert check(tmp_path / "out")[0] == []


def test_a_lock_on_a_folder_that_is_gone_is_no_lock(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An export that ends removes its folder while another may be waiting for the lock on it."""
    import shutil

    locked = working.try_lock

    def meanwhile(file: IO[str]) -> bool:
        shutil.rmtree(Path(file.name).parent)
        monkeypatch.setattr(working, "try_lock", locked)
        return locked(file)

    monkeypatch.setattr(working, "try_lock", meanwhile)
    with (
        working.WorkingFolder(tmp_path / "out"),
        pytest.raises(UserError, match="another export is being written there"),
    ):
        exported(run, tmp_path / "out")


def test_a_record_of_finished_shards_that_holds_anything_is_passed_over(
    run: Path, stopped: Path, tmp_path: Path
) -> None:
    lines = (stopped / "done.jsonl").read_bytes()
    (stopped / "done.jsonl").write_bytes(b'\xff\xfe\n\0\0\n{"shard": "x"}\n[]\n' + lines)
    assert exported(run, tmp_path / "out", splits={"train": 1.0}).reused == 4
    assert check(tmp_path / "out")[0] == []


def test_a_changed_run_starts_anew(run: Path, stopped: Path, tmp_path: Path) -> None:
    import polars as pl

    samples = pl.read_parquet(run / "samples.parquet")
    samples.with_columns(score=pl.lit(0.5)).write_parquet(run / "samples.parquet")
    assert exported(run, tmp_path / "out", splits={"train": 1.0}).reused == 0


def test_an_existing_folder_is_left_alone(run: Path, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out/mine.txt").write_text("mine")
    with pytest.raises(UserError, match="already exists; curate export overwrites nothing"):
        exported(run, tmp_path / "out")
    assert (tmp_path / "out/mine.txt").read_text() == "mine"


def test_a_folder_that_comes_to_be_there_meanwhile_is_left_alone(
    run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish = working.WorkingFolder.finish

    def meanwhile(self: working.WorkingFolder, *arguments: object, **facts: object) -> object:
        (tmp_path / "out").mkdir(exist_ok=True)
        return finish(self, *arguments, **facts)  # type: ignore[arg-type]

    monkeypatch.setattr(working.WorkingFolder, "finish", meanwhile)
    with pytest.raises(UserError, match="already exists and was left alone"):
        exported(run, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []


def test_two_exports_to_one_place_do_not_mix(run: Path, tmp_path: Path) -> None:
    with (
        working.WorkingFolder(tmp_path / "out"),
        pytest.raises(UserError, match="another export is being written there"),
    ):
        exported(run, tmp_path / "out")


def test_an_export_that_another_one_overtook_leaves_nothing(run: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    with working.WorkingFolder(out) as work:
        out.mkdir()  # between the first look and the lock
        with pytest.raises(UserError, match="out: already exists"):
            work.begin("plan")
    assert {path.name for path in tmp_path.iterdir()} == {"run", "images", "out"}


def test_an_error_before_any_shard_leaves_nothing_behind(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match="nothing is left"):
        exported(run, tmp_path / "out", min_chars=1000)
    assert {path.name for path in tmp_path.iterdir()} == {"run", "images"}


def test_a_place_without_permission_is_an_error(run: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="can't be written"):
        exported(run, tmp_path / "file" / "out")


def test_late_losses_survive_a_crash(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An image that can't be decoded is found when its shard is written; the next attempt must know about it."""
    picture = tmp_path / "images/3.png"
    picture.write_bytes(picture.read_bytes()[:40])
    with monkeypatch.context() as patch:
        stop_after(4, patch)
        with pytest.raises(_Stop):
            exported(run, tmp_path / "out", splits={"train": 1.0}, allow_no_image=False)
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 20)
    made = exported(run, tmp_path / "out", splits={"train": 1.0}, allow_no_image=False)
    assert made.reused == 4
    assert made.facts["dropped"] == [{"reason": "no-image", "rule": None, "source": "s", "samples": 1}]
    manifest = json.loads((tmp_path / "out/manifest.json").read_text())
    assert manifest["splits"][0]["samples"] == 199


def test_a_run_whose_images_are_gone_is_an_error(run: Path, tmp_path: Path) -> None:
    import shutil

    shutil.rmtree(tmp_path / "images")
    with pytest.raises(UserError, match=r"no image is as it was when audited \(no such file\); audit"):
        exported(run, tmp_path / "out", allow_no_image=False)
    assert not (tmp_path / "out").exists()
