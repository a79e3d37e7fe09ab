"""The one training that the tests of training, predicting and merging share."""

from __future__ import annotations

import fcntl
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from extra import require_finetune


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, dict[str, Any]]:
    """The folder of the driver's run, and its facts. The workers of one test run share it; the first one makes it."""
    require_finetune()
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if os.environ.get("PYTEST_XDIST_WORKER") else base) / "training"
    folder.mkdir(exist_ok=True)
    with (folder / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / "ended").exists():
            _drive(folder)
    if not (folder / "facts.json").is_file():
        said = [(folder / name).read_text(encoding="utf-8")[-5000:] for name in ("stdout.txt", "stderr.txt", "ended")]
        pytest.fail("the driver failed:\n" + "\n".join(said))
    return folder, json.loads((folder / "facts.json").read_text(encoding="utf-8"))


def _drive(folder: Path) -> None:
    driver = Path(__file__).parent / "toy" / "train_driver.py"
    settings = {"HF_HOME": str(folder / "hf"), "TEXSIEVE_CACHE": str(folder / "cache")}
    with (folder / "stdout.txt").open("w") as out, (folder / "stderr.txt").open("w") as errors:
        made = subprocess.run(
            [sys.executable, str(driver), str(folder)],
            stdout=out,
            stderr=errors,
            cwd=folder,
            env={**os.environ, **settings},
            check=False,
        )
    (folder / "ended").write_text(f"status {made.returncode}", encoding="utf-8")
