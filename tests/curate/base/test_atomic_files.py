"""Files and folders are whole or absent, even if the writer dies halfway."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

from curate.base.atomic_files import new_file, new_folder
from curate.base.errors import UserError


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_a_file_appears_with_its_content_and_usual_rights(tmp_path):
    target = tmp_path / "deep" / "file.txt"
    with new_file(target) as temporary:
        temporary.write_text("whole", encoding="utf-8")
        assert not target.exists()
    assert target.read_text(encoding="utf-8") == "whole"
    plain = tmp_path / "plain"
    plain.write_text("x", encoding="utf-8")
    assert target.stat().st_mode == plain.stat().st_mode


def test_a_failure_leaves_the_old_file_and_no_litter(tmp_path):
    target = tmp_path / "file.txt"
    target.write_text("old", encoding="utf-8")

    def fail_half_way() -> None:
        with new_file(target) as temporary:
            temporary.write_text("half", encoding="utf-8")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        fail_half_way()
    assert target.read_text(encoding="utf-8") == "old"
    assert names(tmp_path) == ["file.txt"]


def test_a_folder_is_refused_before_any_work_where_it_exists(tmp_path):
    (tmp_path / "run").mkdir()
    with pytest.raises(UserError, match="run: already exists"), new_folder(tmp_path / "run"):
        pytest.fail("the block ran")


def test_a_folder_is_replaced_as_a_whole(tmp_path):
    for text in ("one", "two"):
        with new_folder(tmp_path / "run", replace=True) as folder:
            (folder / text).write_text(text, encoding="utf-8")
    assert names(tmp_path / "run") == ["two"]
    assert names(tmp_path) == ["run"]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs SIGKILL")
def test_a_killed_writer_leaves_no_folder_and_the_next_one_no_litter(tmp_path):
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        from curate.base.atomic_files import new_folder
        with new_folder(Path({str(tmp_path / "run")!r})) as folder:
            (folder / "half").write_text("half")
            print("ready", flush=True)
            time.sleep(60)
        """
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    (litter,) = tmp_path.iterdir()
    long_ago = time.time() - 3600
    os.utime(litter, (long_ago, long_ago))
    (tmp_path / ".other.abc.tmp").mkdir()
    os.utime(tmp_path / ".other.abc.tmp", (long_ago, long_ago))

    def give_up() -> None:
        with new_folder(tmp_path / "run"):
            raise RuntimeError

    with pytest.raises(RuntimeError):
        give_up()
    assert names(tmp_path) == [".other.abc.tmp", litter.name]  # its writer is alive
    process.kill()
    process.wait()
    assert not (tmp_path / "run").exists()
    with pytest.raises(RuntimeError):
        give_up()
    assert names(tmp_path) == [".other.abc.tmp"]


def test_what_a_killed_writer_of_a_file_left_goes_with_the_next_one(tmp_path, monkeypatch):
    script = (
        "import time; from pathlib import Path; from curate.base.atomic_files import new_file\n"
        f"with new_file(Path({str(tmp_path / 'file')!r})): print('ready', flush=True); time.sleep(60)"
    )
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout.readline().strip() == "ready"
    (litter,) = tmp_path.iterdir()
    others = [tmp_path / name for name in (".file.abcd.tmp", ".file.2.abcdefgh.tmp", ".other.abcdefgh.tmp")]
    long_ago = time.time() - 3600
    for path in (litter, *others):
        path.touch()
        os.utime(path, (long_ago, long_ago))

    def write_again() -> None:
        monkeypatch.setattr("curate.base.leftovers._unfinished", {})
        with new_file(tmp_path / "file") as temporary:
            temporary.write_text("new", encoding="utf-8")

    kept = sorted([litter.name, *(path.name for path in others), "file"])
    write_again()
    assert names(tmp_path) == kept  # its writer is alive
    process.kill()
    process.wait()
    os.utime(litter)
    write_again()
    assert names(tmp_path) == kept  # it may have just been made
    os.utime(litter, (long_ago, long_ago))
    write_again()
    assert names(tmp_path) == [name for name in kept if name != litter.name]
    assert (tmp_path / "file").read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP", "SIGINT"])
@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_a_command_that_is_asked_to_end_leaves_nothing(tmp_path, name):
    script = textwrap.dedent(
        f"""
        import sys, time
        from pathlib import Path
        import click
        from curate.base.atomic_files import new_folder
        from curate.base.terminal import run
        @click.command()
        def write():
            with new_folder(Path({str(tmp_path / "run")!r})) as folder:
                (folder / "half").write_text("half")
                print("ready", flush=True)
                time.sleep(60)
        sys.exit(run("curate", write, []))
        """
    )
    process = subprocess.Popen(
        [sys.executable, "-c", script],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.stdout.readline().strip() == "ready"
    process.send_signal(getattr(signal, name))
    assert process.communicate(timeout=60)[1].strip() == "curate: stopped"
    assert process.returncode == 128 + getattr(signal, name)
    assert names(tmp_path) == []


def test_a_signal_as_the_temporary_file_is_made_leaves_nothing(tmp_path, monkeypatch):
    made = os.open

    def made_and_stopped(*args, **options):
        os.close(made(*args, **options))
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "open", made_and_stopped)
    with pytest.raises(KeyboardInterrupt), new_file(tmp_path / "a"):
        raise AssertionError("not reached")
    monkeypatch.undo()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
def test_a_pipe_or_a_device_is_never_replaced(tmp_path: Path) -> None:
    """Whoever may write to /dev would replace /dev/null by a file, for everybody."""
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "link").symlink_to("pipe")
    for name in ("pipe", "link"):
        with (
            pytest.raises(UserError, match=f"{name}: is a (device|pipe|socket), not a file; name a file"),
            new_file(tmp_path / name),
        ):
            pass
    assert (tmp_path / "pipe").is_fifo()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "pipe"]
