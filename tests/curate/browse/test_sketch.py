"""Cards of labels that are typed: made by another process, whatever becomes of that."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from curate.browse.pictures.sketch import Sketcher


@pytest.fixture
def sketcher(tmp_path: Path):
    made = Sketcher()
    yield made
    process = made._process
    if process is not None and process.poll() is None:
        process.kill()
        process.wait()


def picture(sketcher: Sketcher, folder: Path, label: str) -> Image.Image:
    jpeg = sketcher.card(label, None, None, None, folder / "drawings", folder / "cards")
    return Image.open(io.BytesIO(jpeg)).convert("L")


def test_every_label_has_a_card_of_one_size_and_none_is_kept(sketcher: Sketcher, tmp_path: Path) -> None:
    drawn, wrong = (picture(sketcher, tmp_path, label) for label in (r"\frac{a}{b}", r"\frac{a}{"))
    assert drawn.size == wrong.size
    assert drawn.tobytes() != wrong.tobytes()
    assert not [path for path in (tmp_path / "cards").rglob("*") if path.is_file()]


def test_when_the_process_dies_the_card_says_so_and_the_next_is_made(
    sketcher: Sketcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = picture(sketcher, tmp_path, "x")
    process = sketcher._process
    assert process is not None
    monkeypatch.setattr(process, "poll", lambda: None)  # it dies over the job, not before
    process.kill()
    process.wait()
    died = picture(sketcher, tmp_path, "y")
    assert died.size == good.size
    monkeypatch.undo()
    assert picture(sketcher, tmp_path, "x").tobytes() == good.tobytes()
    assert sketcher._process is not process


def test_files_of_the_working_folder_are_not_taken_for_modules(
    sketcher: Sketcher, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    good = picture(sketcher, tmp_path, "x")
    assert sketcher._process is not None
    sketcher._process.kill()
    sketcher._process.wait()
    (tmp_path / "queue.py").write_text("raise SystemExit('not this one')")
    monkeypatch.chdir(tmp_path)
    assert picture(sketcher, tmp_path, "x").tobytes() == good.tobytes()
