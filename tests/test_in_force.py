"""Export, the App, the counts and `finetune evaluate --run` agree on which label is in force."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from run_makers import dropped, exported, make_run, table

from curate.browse.deciding.state import states
from curate.predictions.rows import Prediction
from curate.runs import decision_counts
from curate.runs.decisions import read_decisions
from curate.runs.folder import load_run
from curate.runs.in_force import in_force
from finetune.metrics.label_errors import truths_of

READ = r"$\alpha x$"
#: Name: the decisions in order; the action and the label in force (None: rejected).
CASES: dict[str, tuple[list[dict[str, str | None]], str | None, str | None]] = {
    "undecided": ([], None, READ),
    "accepted": ([{"action": "accept"}], "accept", READ),
    "edited": ([{"action": "edit", "label": r"\beta + 1"}], "edit", r"\beta + 1"),
    "emptied": ([{"action": "edit", "label": ""}], "edit", ""),
    "fixed": ([{"action": "fix", "label": r"\gamma + 2"}], "fix", r"\gamma + 2"),
    "fixed to nothing": ([{"action": "fix", "label": ""}], "fix", ""),
    "left to the fixer": ([{"action": "fix", "label": None}], "fix", r"\alpha x"),
    "rejected": ([{"action": "reject"}], "reject", None),
    "accepted with a label": ([{"action": "accept", "label": "y"}], "accept", READ),
    "taken back": ([{"action": "edit", "label": "y"}, {"action": "undo"}], None, READ),
    "taken back once": (
        [{"action": "edit", "label": "y"}, {"action": "reject"}, {"action": "undo"}],
        "edit",
        "y",
    ),
    "stale": ([{"action": "edit", "label": "y", "about": "another"}], None, READ),
    "stale and rejected": ([{"action": "reject", "about": "another"}], None, READ),
    "without a hash": ([{"action": "edit", "label": "y", "about": None}], None, READ),
    "stale above what holds": (
        [{"action": "edit", "label": "y"}, {"action": "reject", "about": "another"}],
        None,
        READ,
    ),
}


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with one sample per case."""
    samples = [{"sample_id": f"s/{name}", "label": READ} for name in CASES]
    decisions = [
        {"sample_id": f"s/{name}", "about": READ, **decision} for name, (made, *_) in CASES.items() for decision in made
    ]
    return make_run(tmp_path_factory.mktemp("force") / "run", samples, decisions=decisions)


def names(found: dict[str, object]) -> dict[str, object]:
    return {name.removeprefix("s/"): value for name, value in found.items()}


def test_the_one_answer(run: Path) -> None:
    standing = read_decisions(run / "decisions.jsonl").standing
    held = {name: in_force(standing, f"s/{name}", READ) for name in CASES}
    fixed = {READ: r"\alpha x"}
    assert {name: (one.action, one.label(fixed)) for name, one in held.items()} == {
        name: (action, label) for name, (_, action, label) in CASES.items()
    }
    stale = {
        name for name, (made, action, _) in CASES.items() if action is None and made and made[-1]["action"] != "undo"
    }
    assert {name for name, one in held.items() if one.stale} == stale


def test_what_an_export_writes(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out")
    rows = table(tmp_path / "out")
    kept = names(dict(rows.select("sample_id", "label").iter_rows()))
    gone = names(dropped(tmp_path / "out"))
    assert gone == {"emptied": "empty", "fixed to nothing": "empty", "rejected": "rejected"}
    assert kept == {name: label for name, (_, _, label) in CASES.items() if name not in gone}


def test_what_the_app_shows(run: Path) -> None:
    loaded = load_run(run)
    found = names(states(loaded, [f"s/{name}" for name in CASES]))  # type: ignore[arg-type]
    assert {name: state.decision for name, state in found.items()} == {
        name: action or "undecided" for name, (_, action, _) in CASES.items()
    }
    shown = {name: state.in_force.label for name, state in found.items() if CASES[name][2] is not None}
    assert shown == {name: label for name, (_, _, label) in CASES.items() if label is not None}


def test_what_is_counted(run: Path) -> None:
    samples = load_run(run).samples.select("sample_id", "source", pl.col("label"))
    counts = decision_counts.by_source(read_decisions(run / "decisions.jsonl"), samples)["s"]
    actions = [action for _, action, _ in CASES.values() if action]
    assert {kind: counts[kind] for kind in counts if kind != "stale"} == {
        kind: actions.count(kind) for kind in counts if kind != "stale"
    }
    assert counts["stale"] == 4


def test_what_answers_are_scored_by(run: Path) -> None:
    truths = truths_of(run, [Prediction(f"s/{name}", READ, "x") for name in CASES])
    assert dict(zip(CASES, truths.action, strict=True)) == {
        name: action or "" for name, (_, action, _) in CASES.items()
    }
    # Without a decision, answers are scored against the label with its safe fixes.
    held = {name: new for name, new in zip(CASES, truths.decided, strict=True) if CASES[name][1]}
    assert held == {name: label for name, (_, action, label) in CASES.items() if action}
