"""A writer may die after any step: the old or the new version is whole, and no decision is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")

DYING = Path(__file__).parents[2] / "helpers" / "dying.py"
DEATHS = ("kill", "leave")


def every_step(folder: Path, task: str, way: str, deed: str, lines: str = "calls") -> list[dict[str, Any]]:
    """The state after a death at each step; the last entry is a writer that wasn't disturbed."""
    command = [sys.executable, str(DYING), str(folder), task, way, deed, lines]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=280)
    assert done.returncode == 0, done.stderr
    *found, undisturbed = map(json.loads, done.stdout.splitlines())
    assert undisturbed["step"] == ""
    return found


@pytest.mark.parametrize(
    ("deed", "lines"),
    [
        ("kill", "calls"),
        ("fail", "calls"),
        ("interrupt", "calls"),
        *(pytest.param(deed, "calls", marks=pytest.mark.long) for deed in ("leave", "end")),
        *(pytest.param(deed, "lines", marks=pytest.mark.long) for deed in ("kill", "interrupt")),
    ],
)
@pytest.mark.parametrize("way", ["exchange", "renames"])
def test_a_folder_that_is_replaced(tmp_path: Path, way: str, deed: str, lines: str) -> None:
    found = every_step(tmp_path, "folder", way, deed, lines)
    assert {"before rename", "after rename"} <= {one["step"] for one in found} or way == "exchange"
    assert way == "renames" or {"before exchange", "after exchange"} <= {one["step"] for one in found}
    absent = [one for one in found if one["died"] is None]
    # Only a writer killed between two renames leaves nothing in the folder's place.
    assert bool(absent) == (way == "renames" and deed in DEATHS)
    for one in found:
        assert one["died"] in ("old", "new", None), one
        assert one["opened"] == (one["died"] or "old"), one
        assert one["renewed"] == "next", one
        assert one["litter"] == [], one
        assert ("put back from" in one["notes"]) == (one["died"] is None), one
        assert "lacks" not in one["notes"], one
        assert (deed, one["step"]) != ("interrupt", "after mkdir") or one["left"] == [], one
    if deed != "fail":  # an error while a folder is locked or removed is no reason to stop
        assert [one["opened"] for one in found] == sorted((one["opened"] for one in found), reverse=True)


@pytest.mark.parametrize(
    ("deed", "lines"), [("kill", "calls"), ("fail", "calls"), pytest.param("kill", "lines", marks=pytest.mark.long)]
)
def test_a_folder_that_is_put_back(tmp_path: Path, deed: str, lines: str) -> None:
    found = every_step(tmp_path, "restore", "renames", deed, lines)
    assert {one["died"] for one in found} == {"old", None}
    for one in found:
        assert (one["opened"], one["renewed"], one["litter"]) == ("old", "next", []), one


@pytest.mark.parametrize(
    "deed", ["kill", "fail", *(pytest.param(deed, marks=pytest.mark.long) for deed in ("leave", "interrupt", "end"))]
)
def test_a_file_that_is_replaced(tmp_path: Path, deed: str) -> None:
    found = every_step(tmp_path, "file", "exchange", deed, "lines")
    assert {one["died"] for one in found} == {"old", "new"}
    assert all(one["renewed"] == "next" for one in found)
