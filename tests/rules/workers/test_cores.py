"""How many processes this process may keep busy."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from rules.workers import cores as module
from rules.workers.cores import cores


@pytest.fixture(autouse=True)
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A machine with eight cores and no limit. Its cgroups are the test's files."""
    monkeypatch.delenv(module.VARIABLE, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    monkeypatch.setattr(module, "_GROUPS", tmp_path / "cgroup")
    monkeypatch.setattr(module, "_MOUNT", tmp_path / "fs")
    return tmp_path


def group(machine: Path, lines: str, **files: str) -> None:
    (machine / "cgroup").write_text(lines)
    for name, text in files.items():
        path = machine / "fs" / name.replace("__", "/").replace("cpu_", "cpu.")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_without_a_limit_it_is_the_cores_that_may_be_used(machine: Path) -> None:
    assert cores() == 8
    assert cores(3) == 3
    group(machine, "0::/job\n", job__cpu_max="max 100000\n")
    assert cores() == 8


def test_a_quota_counts_rounded_up(machine: Path) -> None:
    group(machine, "0::/job/step\n", job__step__cpu_max="max 100000\n", job__cpu_max="250000 100000\n")
    assert cores() == 3


def test_the_group_of_a_container_is_what_is_mounted(machine: Path) -> None:
    group(machine, "0::/docker/abc\n", cpu_max="200000 100000\n")
    assert cores() == 2


def test_the_older_cgroups_count_too(machine: Path) -> None:
    lines = "9:name=systemd:/\n3:cpuset:/\n2:cpu,cpuacct:/job\n"
    (machine / "fs" / "cpu,cpuacct" / "job").mkdir(parents=True)
    folder = machine / "fs" / "cpu,cpuacct" / "job"
    (folder / "cpu.cfs_quota_us").write_text("150000\n")
    (folder / "cpu.cfs_period_us").write_text("100000\n")
    group(machine, lines)
    assert cores() == 2
    (folder / "cpu.cfs_quota_us").write_text("-1\n")
    assert cores() == 8


@pytest.mark.parametrize(("given", "found"), [("3", 3), ("12", 12), ("0", 8), ("many", 8), ("", 8)])
def test_a_person_may_say_how_many(given: str, found: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(module.VARIABLE, given)
    assert cores() == found
