"""An update equals a new audit of the same data, however data or settings have changed since the earlier run."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest
from test_audit_parts import in_parts_of, run_audit, same

import rules
from rules.score import Weights

Rows = list[tuple[str, str]]

LABELS = [
    r"\frac{a}{b",
    "x ^ 2 ^ 3",
    r"\foo",
    r"a \le b",
    r"a \leq b",
    "",
    "x",
    "  x",
    "{x}",
    "1 5 . 4",
    "12345",
    "\\\\",
]
LABELS += [rf"\sum _ {{ {n} }} ^ {{ {n} }} x _ {n} + y ^ {{ 2 }} - z" for n in range(12)]
LABELS += [rf"\sum_{n} {{x}} \ne y^{{2}}" for n in range(12)]


def changed(rows: Rows, rng: random.Random) -> Rows:
    """The rows with some of them deleted, given other labels or splits, moved, repeated, and new ones anywhere."""
    rows = [row for row in rows if rng.random() > 0.1]
    rows = [(rng.choice(LABELS), split) if rng.random() < 0.1 else (label, split) for label, split in rows]
    rows = [(label, "test" if rng.random() < 0.05 else split) for label, split in rows]
    start, end = sorted(rng.choices(range(len(rows) + 1), k=2))
    if rng.random() < 0.5:
        rows = rows[end:] + rows[start:end] + rows[:start] + rows[start:end][:3]
    for _ in range(rng.randrange(6)):
        rows.insert(rng.randrange(len(rows) + 1), (rng.choice(LABELS) + f" + {rng.randrange(99)}", "train"))
    return rows


def write(file: Path, rows: Rows) -> str:
    lines = (json.dumps({"label": label, "split": split}) + "\n" for label, split in rows)
    file.write_text("".join(lines), encoding="utf-8")
    return str(file)


def drawn(rng: random.Random) -> Rows:
    return [(rng.choice(LABELS), rng.choice(["train", "test"])) for _ in range(rng.randrange(1, 90))]


@pytest.mark.parametrize("seed", [0, 1, *(pytest.param(seed, marks=pytest.mark.long) for seed in (2, 3, 4))])
def test_an_update_of_changed_data_is_what_a_new_run_is(tmp_path, monkeypatch, seed):
    rng = random.Random(seed)
    first, second = drawn(rng), drawn(rng)
    names = [tmp_path / "first.jsonl", tmp_path / "second.jsonl"]
    in_parts_of(rng.choice([4, 25, 1000]), monkeypatch)
    for step in range(3):
        sources = [write(name, rows) for name, rows in zip(names, (first, second), strict=True)]
        sources = rng.choice([sources, sources[:1], sources[::-1]])
        updated = run_audit(tmp_path / "run", sources, update=step > 0)
        in_parts_of(rng.choice([4, 25, 1000]), monkeypatch)
        same(updated, run_audit(tmp_path / f"new{step}", sources))
        assert step == 0 or updated.summary["run"]["reused"]["same_rules"]
        first, second = changed(first, rng), changed(second, rng)


@pytest.mark.parametrize(
    ("settings", "kept"),
    [
        ({"ruleset": rules.select(["SYN", "CMD"])}, False),
        ({"weights": Weights(error=0.5)}, False),
        ({"limit": 20}, True),
        ({}, True),
    ],
)
def test_after_other_settings_an_update_is_what_a_new_run_is(tmp_path, settings, kept):
    source = write(tmp_path / "rows.jsonl", drawn(random.Random(3)))
    run_audit(tmp_path / "run", [source], **settings)
    updated = run_audit(tmp_path / "run", [source], update=True)
    same(updated, run_audit(tmp_path / "new", [source]))
    assert updated.summary["run"]["reused"]["same_rules"] == kept


def test_keys_of_another_version_are_not_reused(tmp_path, monkeypatch):
    source = write(tmp_path / "rows.jsonl", drawn(random.Random(3)))
    with monkeypatch.context() as earlier:
        earlier.setattr(rules, "KEY_VERSION", 1)
        run_audit(tmp_path / "run", [source])
    updated = run_audit(tmp_path / "run", [source], update=True)
    assert not updated.summary["run"]["reused"]["same_rules"]
    same(updated, run_audit(tmp_path / "new", [source]))


def test_a_label_judged_before_keeps_its_error_when_predictions_contradict_it(tmp_path):
    """Whether a label has an error counts in how likely it is that the label, and not the prediction, is wrong."""
    labels = [r"x ^ 2 ^ 3", *(f"a _ {n} + b" for n in range(9))]
    source = write(tmp_path / "rows.jsonl", [(label, "train") for label in labels])
    predictions = tmp_path / "predictions.jsonl"
    run_audit(tmp_path / "run", [source])
    ids = run_audit(tmp_path / "ids", [source]).samples.collect()["sample_id"].to_list()
    rows = (
        json.dumps({"sample_id": name, "gt": label, "pred": "x ^ { 2 3 }", "score": -0.01}) + "\n"
        for name, label in zip(ids, labels, strict=True)
    )
    predictions.write_text("".join(rows), encoding="utf-8")
    updated = run_audit(tmp_path / "run", [source], predictions=(predictions,), update=True)
    assert updated.summary["run"]["reused"]["labels"] == [10, 10]
    same(updated, run_audit(tmp_path / "new", [source], predictions=(predictions,)))
