"""Images that somebody waits for: made in another process, even if that process dies."""

from __future__ import annotations

import io
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from PIL import Image

from curate.browse.pictures import sketch
from curate.browse.pictures.sketch import Sketcher


@pytest.fixture
def sketcher(tmp_path: Path):
    made = Sketcher(tmp_path / "drawings", tmp_path / "photos")
    yield made
    made.stop()


def picture(png: bytes) -> Image.Image:
    return Image.open(io.BytesIO(png)).convert("L")


def test_a_label_that_cannot_be_drawn_has_a_picture_that_says_why(sketcher: Sketcher) -> None:
    drawn, wrong = (picture(sketcher.drawing(label)) for label in (r"\frac{a}{b}", r"\frac{a}{"))
    assert wrong.width == 840
    assert drawn.width < wrong.width


def test_a_photo_is_looked_at_again_when_its_file_changes(sketcher: Sketcher, tmp_path: Path) -> None:
    assert picture(sketcher.photo(tmp_path, "x.png")).width == 840  # the image doesn't exist
    for size in ((40, 30), (50, 30)):
        Image.new("RGB", size, "black").save(tmp_path / "x.png")
        assert picture(sketcher.photo(tmp_path, "x.png")).size == size


def test_when_the_process_dies_the_picture_says_so_and_the_next_is_made(
    sketcher: Sketcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sketcher.drawing("x")
    process = sketcher._process
    assert process is not None
    monkeypatch.setattr(process, "poll", lambda: None)  # it dies during the job, not before
    process.kill()
    process.wait()
    assert picture(sketcher.drawing("y")).width == 840
    monkeypatch.undo()
    assert picture(sketcher.drawing("y")).width < 840
    assert sketcher._process is not process


def test_a_process_that_hangs_is_ended_and_the_next_picture_is_made(
    sketcher: Sketcher, monkeypatch: pytest.MonkeyPatch
) -> None:
    sketcher.drawing("x")
    assert sketcher._process is not None
    os.kill(sketcher._process.pid, signal.SIGSTOP)
    monkeypatch.setattr(sketch, "LIMIT", 0.2)
    assert picture(sketcher.drawing("y")).width == 840
    monkeypatch.undo()
    assert picture(sketcher.drawing("y")).width < 840


def test_stopping_waits_for_no_picture(sketcher: Sketcher) -> None:
    sketcher.drawing("x")
    assert sketcher._process is not None
    os.kill(sketcher._process.pid, signal.SIGSTOP)
    waiting = threading.Thread(target=sketcher.drawing, args=("y",), daemon=True)
    waiting.start()
    while not sketcher._lock.locked():
        time.sleep(0.01)
    ending = threading.Thread(target=sketcher.stop, daemon=True)
    ending.start()
    ending.join(10)
    waiting.join(10)
    assert not ending.is_alive()
    assert not waiting.is_alive()


def test_files_of_the_working_folder_are_not_taken_for_modules(
    sketcher: Sketcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "queue.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert picture(sketcher.drawing("x")).width < 840
