"""The ray engine without a cluster. tests/curate/audit/test_audit_on_a_cluster.py runs one."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.images.opening import probe

if os.environ.get("CI") != "true":
    pytest.importorskip("ray", reason="Ray is not installed: pip install 'texsieve[ray]'")


def test_a_cluster_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    labels = tmp_path / "labels.txt"
    labels.write_text("x\n")
    code = "from curate.cli.main import main; main()"
    done = subprocess.run(
        [sys.executable, "-c", code, "audit", f"text:{labels}", "--out", str(tmp_path / "run"), "--engine", "ray"],
        capture_output=True,
        text=True,
        env=os.environ | {"RAY_ADDRESS": "127.0.0.1:1"},
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("curate: error: --engine ray: no cluster at 127.0.0.1:1")
    assert done.stderr.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_folder_that_another_machine_has_not_is_no_missing_image(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("curate.images.opening._WORTH_PROCESSES", -1.0)
    with pytest.raises(UserError, match="must be at the same path on every machine"):
        probe(tmp_path / "nowhere", [f"{n}.png" for n in range(1000)], measures=True, workers=2)
