"""The engine ray: a real cluster of this machine does the work, and the run is the same to the byte."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest

from curate.base.errors import UserError
from curate.base.ray_cluster import on_ray
from curate.images.opening import probe
from rules.workers import spread as workers

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'texsieve[ray]'")


def curate(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    code = "from curate.cli.main import main; main()"
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        capture_output=True,
        text=True,
        env=os.environ | environment,
        check=False,
    )


def test_a_run_made_on_ray_is_the_same_to_the_byte(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("".join(f"x _ {{ {n} }} + \\frac {{ {n % 7} }} {{ y\n" + f"x^{n}\n" for n in range(7_000)))
    for engine in ("local", "ray"):
        done = curate("audit", f"s=text:{labels}", "--out", str(tmp_path / engine), "--engine", engine)
        assert done.returncode == 0, done.stderr
    for name in ("samples.parquet", "findings.parquet"):
        assert (tmp_path / "ray" / name).read_bytes() == (tmp_path / "local" / name).read_bytes()


def test_rays_processes_do_the_work_in_order_and_errors_come_back(tmp_path: Path) -> None:
    with on_ray() as processors:
        done = list(spread_numbers(lambda numbers: (numbers[0], os.getpid()), range(20)))
        assert [number for number, _ in done] == list(range(20))
        assert os.getpid() not in {process for _, process in done}
        assert processors >= 1
        with pytest.raises(ZeroDivisionError):
            list(spread_numbers(lambda numbers: 1 / numbers[0], [1, 0]))
        ended = spread([[1, 2, 3, 4], [5]], lambda numbers: os._exit(1) if 3 in numbers else numbers)
        assert [number for part in ended for number in part] == [1, 2, -3, 4, 5]
        with pytest.raises(UserError, match="4 workers ended"):
            list(workers.spread_jobs(lambda number: os._exit(number), [1]))


def spread_numbers(work: Callable[[Sequence[int]], Any], numbers: Iterable[int]) -> Iterator[Any]:
    return spread([[number] for number in numbers], work)


def spread(batches: list[list[int]], work: Callable[[Sequence[int]], Any]) -> Iterator[Any]:
    return workers.spread(work, batches, 2, lost=lambda lost: [-lost.item], to="do")


def test_a_cluster_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("x\n")
    done = curate(
        *("audit", f"text:{labels}", "--out", str(tmp_path / "run"), "--engine", "ray"), RAY_ADDRESS="127.0.0.1:1"
    )
    assert done.returncode == 2
    assert done.stderr.startswith("curate: error: --engine ray: no cluster at 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_that_another_machine_has_not_is_no_missing_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.images.opening._WORTH_PROCESSES", -1.0)
    with pytest.raises(UserError, match="must lie in the same place everywhere"):
        probe(tmp_path / "nowhere", [f"{n}.png" for n in range(1000)], measures=True, workers=2)
