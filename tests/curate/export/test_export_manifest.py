"""The manifest: the same runs give the same bytes, and any later change to a file is found."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import pytest
from run_makers import decide, exported, labels_only, make_run

import rules
from curate.base.errors import UserError
from curate.export.tell.manifest import check, read_manifest


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = [*labels_only(80), {"sample_id": "s/bad", "label": r"\frac{"}]
    return make_run(tmp_path / "run", rows, [{"sample_id": "s/bad", "rule": "SYN001"}], images=tmp_path / "images")


@pytest.fixture
def out(run: Path, tmp_path: Path) -> Path:
    return exported(run, tmp_path / "out", format="sharegpt").out


def contents(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("form", ["hf", "messages", "sharegpt"])
def test_two_exports_are_the_same_to_the_byte(
    run: Path, tmp_path: Path, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported(run, tmp_path / "one", format=form, fix="safe")
    monkeypatch.setattr("curate.export.write.pictures.MIN_PARALLEL", 4)
    from curate.export.decide.options import ExportOptions
    from curate.export.write.job import export

    options = ExportOptions(format=form, fix="safe", allow_no_image=True)
    export([run], tmp_path / "deeper" / "two", options, workers=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "deeper/two")


def test_a_run_that_was_moved_gives_the_same_data_set(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "one")
    shutil.copytree(run, tmp_path / "elsewhere" / "run")
    exported(tmp_path / "elsewhere" / "run", tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    assert str(tmp_path).encode() not in b"".join(contents(tmp_path / "one").values())


def test_runs_of_one_name_are_told_apart(tmp_path: Path) -> None:
    """By numbers: where they are is no part of a data set."""
    places = (("a", "run", "s"), ("b", "run", "t"), ("b", "other", "u"))
    runs = [make_run(tmp_path / place / name, labels_only(10, source)) for place, name, source in places]
    exported(runs, tmp_path / "out")
    inputs = read_manifest(tmp_path / "out")["inputs"]
    assert [(one["run"], one["sources"][0]["name"]) for one in inputs] == [
        ("run (1)", "s"),
        ("run (2)", "t"),
        ("other", "u"),
    ]


def test_the_manifest_lists_every_file_and_what_it_was_made_of(run: Path, out: Path) -> None:
    decide(run, [])
    manifest = json.loads((out / "manifest.json").read_text(encoding="utf-8"))
    files = contents(out)
    del files["manifest.json"]
    assert {name: facts["sha256"] for name, facts in manifest["files"].items()} == {
        name: hashlib.sha256(data).hexdigest() for name, data in files.items()
    }
    assert manifest["inputs"][0]["sha256"] == {
        name: hashlib.sha256((run / name).read_bytes()).hexdigest() for name in ("findings.parquet", "samples.parquet")
    }
    assert manifest["config"]["seed"] == 0
    assert manifest["key_version"] == rules.KEY_VERSION
    assert manifest["texsieve"]
    assert manifest["dropped"] == [{"reason": "rule", "rule": "SYN001", "source": "s", "samples": 1}]


def test_other_settings_are_another_configuration(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "one")
    exported(run, tmp_path / "two", seed=1)
    one, two = (read_manifest(tmp_path / name) for name in ("one", "two"))
    assert one["config_sha256"] != two["config_sha256"]


# Checking -------------------------------------------------------------------------------------------------------------


def test_a_data_set_as_it_was_written_is_whole(out: Path) -> None:
    assert check(out) == ([], len(contents(out)) - 1)


def test_every_missing_changed_and_extra_file_is_a_line(out: Path) -> None:
    (out / "train/metadata.jsonl").write_bytes((out / "train/metadata.jsonl").read_bytes() + b"\n")
    picture = out / "train/images/00000/000001.png"
    data = bytearray(picture.read_bytes())
    data[-1] ^= 1
    picture.write_bytes(bytes(data))
    (out / "train/images/00000/000002.png").unlink()
    (out / "notes.txt").write_text("mine")
    size = (out / "train/metadata.jsonl").stat().st_size
    wrong, _ = check(out)
    assert wrong == [
        "changed  train/images/00000/000001.png (same size, other content)",
        "missing  train/images/00000/000002.png",
        f"changed  train/metadata.jsonl ({size:,} bytes, not {size - 1:,})",
        "extra    notes.txt",
    ]


def test_what_is_no_file_is_extra_too_and_names_are_shown_not_obeyed(out: Path) -> None:
    os.mkfifo(out / "pipe")
    (out / "folder").symlink_to(out / "train")
    (out / "bad\n\x1b[31mname").write_text("")
    assert check(out)[0] == ["extra    bad⟨LF⟩⟨ESC⟩[31mname", "extra    folder", "extra    pipe"]


def test_what_the_hub_adds_is_no_extra_file(out: Path) -> None:
    (out / ".gitattributes").write_text("*.parquet filter=lfs\n")
    (out / ".cache/huggingface").mkdir(parents=True)
    (out / ".cache/huggingface/x").write_text("")
    assert check(out)[0] == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (None, "holds no manifest.json; is it a folder that `curate export` wrote"),
        ("{", "can't be read"),
        ("[" * 100_000, "can't be read"),
        ("[]", "not a manifest that this texsieve can read"),
        ('{"manifest_version": 99}', r"not a manifest .*wanted version 1"),
        ('{"manifest_version": 1, "files": {"a": 1}}', "lists no files"),
        ('{"manifest_version": 1, "files": {"../a": {"bytes": 1, "sha256": ""}}}', r"outside the folder: \.\./a"),
        ('{"manifest_version": 1, "files": {"/etc/passwd": {"bytes": 1, "sha256": ""}}}', "outside the folder"),
    ],
)
def test_a_bad_manifest_is_one_clear_line(tmp_path: Path, text: str | None, message: str) -> None:
    if text is not None:
        (tmp_path / "manifest.json").write_text(text)
    with pytest.raises(UserError, match=message):
        check(tmp_path)


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such folder"):
        check(tmp_path / "gone")
