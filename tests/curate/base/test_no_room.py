"""A full disk gives one line that names the place and says what to do, whichever code runs into it."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from file_limits import no_file_over
from run_makers import make_run

from curate.base.atomic_files import new_file, new_folder
from curate.base.no_room import NoRoom, room_for

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of processes")

ROOT = Path(__file__).resolve().parents[3]


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
@pytest.mark.parametrize(
    "error",
    [
        lambda number: OSError(number, os.strerror(number)),
        lambda number: pl.exceptions.ComputeError(f"{os.strerror(number)} (os error {number})"),
        lambda number: OSError(f"Error writing bytes to file. Detail: [errno {number}] {os.strerror(number)}"),
    ],
)
def test_whatever_says_it(number: int, error: object, tmp_path: Path) -> None:
    with pytest.raises(NoRoom) as said, new_folder(tmp_path / "run") as folder, new_file(folder / "inner"):
        raise error(number)  # type: ignore[operator]
    text = str(said.value)
    assert text.startswith(f"{tmp_path / 'run'}: can't be written: {os.strerror(number).lower()}; ")
    assert "name a place" in text
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("size", [0, 5_000, 20_000])
@pytest.mark.parametrize("in_folder", [False, True])
def test_a_wide_table_whose_writer_hides_the_reason(size: int, in_folder: bool, tmp_path: Path) -> None:
    frame = pl.DataFrame({f"column_{c}": [f"x{n * c}" for n in range(20)] for c in range(60)})

    def write() -> None:
        with new_folder(tmp_path / "run") if in_folder else new_file(tmp_path / "samples.parquet") as place:
            frame.lazy().sink_parquet(place / "samples.parquet" if in_folder else place)

    with no_file_over(size), pytest.raises(NoRoom, match="file too large; raise the limit"):
        write()
    assert list(tmp_path.iterdir()) == []


def test_other_errors_stay() -> None:
    with pytest.raises(FileNotFoundError), room_for(Path("x")):
        raise FileNotFoundError(errno.ENOENT, "No such file", "y")


@pytest.mark.parametrize("size", [2000, pytest.param(100, marks=pytest.mark.long)])
def test_commands_under_a_limit_on_the_size_of_files(size: int, tmp_path: Path) -> None:
    (tmp_path / "set.jsonl").write_text('{"id": "a", "latex": "$x$"}\n' * 200, encoding="utf-8")
    rows = [{"sample_id": f"s/{n}", "label": f"x_{{{n}}}"} for n in range(300)]
    made = make_run(tmp_path / "run", rows, images=tmp_path / "pictures")
    commands = {
        "audit": ["audit", str(tmp_path / "set.jsonl"), "--no-cache"],
        "fix": ["fix", str(tmp_path / "set.jsonl")],
        "export": ["export", str(made)],
    }
    for name, command in commands.items():
        out = tmp_path / f"out-{name}"
        code = (
            "import resource, sys; from curate.base.terminal import run; from curate.cli.main import main_group\n"
            f"resource.setrlimit(resource.RLIMIT_FSIZE, ({size}, {size}))\n"
            f"sys.exit(run('curate', main_group, {[*command, '--out', str(out)]!r}))"
        )
        # -B: Python wouldn't notice that the compiled copy of a module that it writes is cut short.
        done = subprocess.run([sys.executable, "-B", "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
        (line,) = [line for line in done.stderr.splitlines() if "error" in line]
        assert line.startswith(f"curate: error: {out}"), done.stderr
        assert "can't be written: file too large; raise the limit on the size of files (`ulimit -f`)" in line
        assert done.returncode == 2
        assert not out.exists()
