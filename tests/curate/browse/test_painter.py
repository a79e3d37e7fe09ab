"""The painter's process: requests come first and are answered; queued work is done when there is time."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

from curate.browse.dataset import fields
from curate.browse.pictures.finding import job


def _job(folder: Path, name: str, number: int | None) -> dict[str, object]:
    sample = {fields.RENDERED: str(folder / f"t{name}.png"), fields.LABEL: f"x^{{{name}}}", fields.SOURCE: "s"}
    made = job("card", str(folder / f"{name}.jpg"), sample, {"drawings": str(folder / "drawings"), "roots": {}})
    return {**made, "id": number}


def test_a_listed_card_is_made_unanswered_and_the_process_ends_with_its_input(tmp_path: Path) -> None:
    painter = subprocess.Popen(
        [sys.executable, "-P", "-m", "curate.browse.pictures.painter", os.devnull],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert painter.stdin is not None
    assert painter.stdout is not None
    listed = [_job(tmp_path, str(number), None) for number in range(3)]
    lines = [*listed, _job(tmp_path, "9", 7)]
    painter.stdin.write("".join(json.dumps(one) + "\n" for one in lines))
    painter.stdin.flush()
    assert json.loads(painter.stdout.readline()) == {"id": 7, "error": ""}
    assert (tmp_path / "9.jpg").is_file()
    deadline = time.monotonic() + 60
    while not all(Path(str(one["path"])).is_file() for one in listed):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    rest, _ = painter.communicate(timeout=60)
    assert rest == ""
    assert painter.returncode == 0
