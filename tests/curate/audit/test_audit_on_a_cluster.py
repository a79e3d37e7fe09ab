"""An audit on a cluster of two workers equals the local run, and losing a worker costs only time."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Event, Thread

import pytest

from curate.base.errors import UserError
from curate.base.ray_cluster import on_ray
from curate.duplicates import copies
from rules.workers import spread as workers
from rules.workers.spread import isolated, spread_jobs
from tests.curate.audit.test_audit_parts import KNOWN, in_parts_of, run_audit, same, sources, whole  # noqa: F401
from tests.helpers import deadly

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'texsieve[ray]'")


@pytest.fixture(scope="module", autouse=True)
def cluster() -> Iterator[str]:
    """The address of the cluster. Everything in this process runs on it."""
    import ray

    with on_ray():
        yield ray.get_runtime_context().gcs_address


def test_the_run_is_the_local_one_row_for_row(sources, whole, tmp_path, monkeypatch):  # noqa: F811
    in_parts_of(20, monkeypatch)
    monkeypatch.setattr(copies, "_WORTH_PROCESSES", 1)
    monkeypatch.setattr(copies, "_BATCH", 1)
    assert whole.summary["near_duplicates"]["compared"] > 1
    same(run_audit(tmp_path / "run", sources, known=KNOWN, workers=2), whole)
    updated = run_audit(tmp_path / "run", sources, known=KNOWN, workers=2, update=True)
    same(updated, whole)
    distinct = whole.summary["totals"]["distinct_labels"]
    assert distinct - 5 < updated.summary["run"]["reused"]["labels"][0] <= distinct  # except labels with own macros


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="looks for processes in /proc")
def test_a_worker_that_is_killed_repeats_its_part(tmp_path, monkeypatch):
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"x _ {{ {n} }} + \\frac {{ {n % 7} }} {{ y\n" for n in range(6_000)))
    in_parts_of(1_000, monkeypatch)
    local = run_audit(tmp_path / "local" / "run", [f"text:{labels}"], known=KNOWN)
    killed, over = [], Event()

    def kill_a_worker() -> None:
        """Kill the first cluster process that has started a helper, that is, one that begins to judge a part."""
        while not killed and not over.is_set():
            parents = {parent for parent, line in processes() if "texsieve-helper" in line}
            for worker in parents - {os.getpid()}:
                os.kill(worker, signal.SIGKILL)
                killed.append(worker)
                break
            time.sleep(0.002)

    killer = Thread(target=kill_a_worker)
    killer.start()
    try:
        far = run_audit(tmp_path / "far" / "run", [f"text:{labels}"], known=KNOWN, workers=2)
    finally:
        over.set()
        killer.join()
    assert killed
    same(far, local)


def processes() -> Iterator[tuple[int, str]]:
    """(parent, command line) of all processes that descend from this one."""
    parents, lines = {}, {}
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            status = (folder / "stat").read_text(errors="replace").rpartition(")")[2].split()
            lines[int(folder.name)] = (folder / "cmdline").read_text(errors="replace")
            parents[int(folder.name)] = int(status[1])
        except OSError:  # it has just ended
            continue
    for process, line in lines.items():
        above = process
        while above in parents and above != os.getpid():
            above = parents[above]
        if above == os.getpid():
            yield parents[process], line


def test_work_is_done_in_order_and_what_is_raised_comes_back() -> None:
    items = [str(number) for number in range(20)]
    done = [part[0] for part in spread([[item] for item in items])]
    assert [item for item, _ in done] == items
    assert os.getpid() not in {process for _, process in done}
    with pytest.raises(ValueError, match="fail is no good"):
        list(spread([["x"], ["fail"]]))
    with pytest.raises(OSError, match="No space left"):
        list(spread_jobs(deadly.write_to_full_disk, ["x"]))


def test_an_item_that_ends_its_process_is_lost_alone_and_a_job_that_does_is_an_error(monkeypatch) -> None:
    ended = spread([["a", "kill", "b"], ["c"]])
    assert [item for part in ended for item, _ in part] == ["a", "lost: kill", "b", "c"]
    with isolated() as lost:
        assert list(spread_jobs(deadly.apart, [["a", "kill", "b"]])) == [["a", "lost: kill", "b"]]
    assert [(to, gone.item) for to, gone in lost] == [("do", "kill")]
    monkeypatch.setattr("curate.base.ray_cluster._AGAIN", 1)
    with pytest.raises(UserError, match="2 workers ended, one after the other, over the same part"):
        list(spread_jobs(os._exit, [1]))


def spread(batches: list[list[str]]) -> Iterator[list[tuple[str, int]]]:
    return workers.spread(deadly.untold, batches, 2, lost=deadly.named, to="do")


def test_the_command_uses_the_cluster_that_is_named_and_says_who_does_what(tmp_path, cluster):
    labels = tmp_path / "labels.txt"
    labels.write_text("x\nx^2^3\n")
    code = "from curate.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "audit", "text:labels.txt", "--out", "run", "--engine", "ray"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        env=os.environ | {"RAY_ADDRESS": cluster},
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "judged labels" in done.stdout
    local = run_audit(tmp_path / "local", [f"text:{labels}"])
    for name in ("samples.parquet", "findings.parquet"):
        assert (tmp_path / "run" / name).read_bytes() == (local.path / name).read_bytes()


def test_a_file_that_a_worker_has_not_is_said_in_one_line(tmp_path):
    from curate.audit.parts import PartFile

    with pytest.raises(UserError, match="--out must be on a file system that all its machines share"):
        PartFile(tmp_path / "nowhere.parquet", {}).read()
