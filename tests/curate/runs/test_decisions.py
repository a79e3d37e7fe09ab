"""Which decision applies to a sample, and what can still be read from a damaged file of decisions."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.runs.decisions import label_sha256, read_decisions


def row(sample_id: str, action: str, label: str | None = None, **more: object) -> str:
    given = {"sample_id": sample_id, "action": action, "label": label, "label_sha256": label_sha256("x"), **more}
    return json.dumps(given, ensure_ascii=False) + "\n"


def standing(tmp_path: Path, *rows: str) -> dict[str, tuple[str, str | None]]:
    path = tmp_path / "decisions.jsonl"
    path.write_text("".join(rows), encoding="utf-8")
    return {key: (found.action, found.label) for key, found in read_decisions(path).standing.items()}


def test_no_file_is_no_decision(tmp_path: Path) -> None:
    found = read_decisions(tmp_path / "decisions.jsonl")
    assert (found.standing, found.rows, found.unreadable) == ({}, 0, ())


def test_the_latest_decision_stands(tmp_path: Path) -> None:
    assert standing(tmp_path, row("a", "reject"), row("b", "accept"), row("a", "edit", "y")) == {
        "a": ("edit", "y"),
        "b": ("accept", None),
    }


@pytest.mark.parametrize(
    ("actions", "left"),
    [
        (["edit", "undo"], None),
        (["edit", "reject", "undo"], "edit"),
        (["edit", "reject", "undo", "undo"], None),
        (["edit", "undo", "undo", "reject"], "reject"),
        (["undo", "accept"], "accept"),
    ],
)
def test_undo_takes_back_the_latest_that_stands(tmp_path: Path, actions: list[str], left: str | None) -> None:
    rows = [row("a", action, "y" if action == "edit" else None) for action in actions]
    found = standing(tmp_path, *rows)
    assert (found["a"][0] if found else None) == left


def test_lines_that_are_no_decisions_are_passed_over_and_counted(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    bad = ['{"sample_id": "b", "act\n', "[1]\n", row("c", "explode"), row("d", "edit"), '{"action": "reject"}\n']
    bad += ["[" * 100_000 + "\n", '{"sample_id": "f", "action": "edit", "label": "\\ud800"}\n']
    bad += ['{"sample_id": "\\udfff", "action": "reject"}\n', '{"sample_id": "g", "action": ["edit"], "label": "y"}\n']
    torn = row("e", "reject")[:-20]
    path.write_bytes((row("a", "reject") + "\n" + "".join(bad)).encode() + b"\xff\n" + torn.encode())
    found = read_decisions(path)
    assert list(found.standing) == ["a"]
    assert found.rows == 1
    assert found.unreadable == tuple(range(3, 14))


def test_a_decision_names_the_label_it_is_about(tmp_path: Path) -> None:
    path = tmp_path / "decisions.jsonl"
    path.write_text(row("a", "reject"), encoding="utf-8")
    decision = read_decisions(path).standing["a"]
    assert decision.is_about("x")
    assert not decision.is_about("x ")


def test_a_folder_in_its_place_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "decisions.jsonl").mkdir()
    with pytest.raises(UserError, match=r"decisions\.jsonl: can't be read"):
        read_decisions(tmp_path / "decisions.jsonl")
