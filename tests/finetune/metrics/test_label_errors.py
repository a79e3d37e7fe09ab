"""How much of the error is the labels' fault: each reason once, the scores before and after, and the commands."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from curate.base.terminal import run
from curate.cli.main import main_group as curate_group
from curate.predictions.rows import Prediction
from curate.runs.decisions import DECISIONS_FILE, label_sha256
from finetune.cli.main import main_group
from finetune.metrics import label_errors, label_report
from finetune.metrics.pair_numbers import measure
from finetune.metrics.pairs import read_pairs

#: id, label, prediction, decision (action, label), and how the answer is judged.
CASES = [
    ("exact", "x + 1", "x + 1", None, ""),
    ("spelled", "x ^ { 2 }", "x^2", None, "spelling"),
    ("drawn", r"a ~ \ b", r"a\ ~b", None, "drawing"),
    ("eaten", "\x0crac { a } { b }", r"\frac{a}{b}", None, "safe fix"),  # an escape ate the command
    ("edited", "q _ { = } p", "q = p", ("edit", "q = p"), "decision"),
    ("to fix", r"x \le y \left( z", "x", ("fix", "x"), "decision"),
    ("gone", "a b c", "a", ("reject", None), "rejected"),
    ("kept", "[ B ]", "[ 8 ]", ("accept", None), "wrong"),
    ("broken", r"\frac { a } { b", r"\frac { a } { b }", None, "wrong"),
    ("plain", "u + v", "u - v", None, "wrong"),
    ("spoiled", "d s", "d s", ("edit", "d _ s"), ""),
]
IDS = [case[0] for case in CASES]


def lines(path: Path, rows: list[dict]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def decision(sample_id: str, label: str, action: str, new: str | None) -> dict:
    row = {"sample_id": sample_id, "action": action, "label": new, "label_sha256": label_sha256(label)}
    return {**row, "who": "me", "when": "2026-01-01T00:00:00Z"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    """A run of the labels with its decisions, and the predictions."""
    folder = tmp_path_factory.mktemp("labels")
    data = lines(folder / "set.jsonl", [{"id": name, "label": label} for name, label, *_ in CASES])
    arguments = ["audit", f"set=jsonl:{data}", "--out", str(folder / "run")]
    assert run("curate", curate_group, arguments) == 0
    lines(
        folder / "run" / DECISIONS_FILE,
        [decision(f"set/{name}", label, *decided) for name, label, _, decided, _ in CASES if decided],
    )
    lines(folder / "pred.jsonl", [{"sample_id": name, "gt": label, "pred": pred} for name, label, pred, *_ in CASES])
    return folder


def found_of(folder: Path, rows: list[Prediction]) -> label_errors.LabelErrors:
    truths = label_errors.truths_of(folder / "run", rows)
    numbers = measure(read_pairs([(row.gt, row.pred) for row in rows]), "text")
    return label_errors.label_errors(rows, numbers, truths)


@pytest.fixture(scope="module")
def found(folder) -> label_errors.LabelErrors:
    return found_of(folder, [Prediction(name, label, pred) for name, label, pred, *_ in CASES])


@pytest.mark.parametrize("case", CASES, ids=IDS)
def test_each_answer_has_its_reason(found, case) -> None:
    assert found.reasons[IDS.index(case[0])] == case[4]


def test_scores_before_and_after(found) -> None:
    said = {
        name: (one["n"], one["canonical_exprate"], one["exprate_render_equal"]) for name, one in found.states.items()
    }
    assert said == {
        "as they are": (11, pytest.approx(300 / 11), pytest.approx(400 / 11)),
        # Safe fixes are repairs: the spaces stay, and are another spelling of the answer's.
        "safe fixes": (11, pytest.approx(400 / 11), pytest.approx(500 / 11)),
        # Decisions make two more right and one wrong, and leave one out.
        "decided": (10, pytest.approx(50), pytest.approx(60)),
    }
    assert found.made_wrong == 1


def test_what_is_left_to_look_at(found) -> None:
    """A label that LaTeX rejects is worth a look. An accepted label is not, nor is one without any sign of a fault."""
    assert [entry["sample_id"] for entry in label_report.still_open(found)] == ["broken"]
    said = label_report.as_json(found)
    assert (said["accepted"], said["open"]["n"]) == (1, 1)
    assert said["not_exact"] == {"spelling": 1, "drawing": 1, "safe_fix": 1, "decision": 2, "rejected": 1, "wrong": 3}


def test_a_decision_about_another_label_is_none(folder) -> None:
    rows = [
        Prediction("edited", "q _ { = } r", "q = p"),  # the file and the run have different truths
        Prediction("edited too", "q_{=} p", "q = p"),
        Prediction("gone", "a  b c", "a"),  # the same label, spelled differently
    ]
    found = found_of(folder, rows)
    assert found.reasons == ["wrong", "wrong", "rejected"]
    assert (found.truths.other, found.truths.unknown) == (1, 1)


def test_likely_label_errors_come_in_the_runs_order(folder, tmp_path) -> None:
    """The audit ranks the labels that predictions contradict, and the report keeps that order."""
    data = lines(tmp_path / "set.jsonl", [{"id": f"{n}", "label": f"x + {n}"} for n in range(4)])
    models = [
        lines(tmp_path / f"{model}.jsonl", [{"sample_id": f"{n}", "gt": f"x + {n}", "pred": f"y + {n}"} for n in some])
        for model, some in (("a", (0, 1, 2)), ("b", (1, 2, 3)))
    ]
    arguments = [word for model in models for word in ("--predictions", str(model))]
    assert run("curate", curate_group, ["audit", f"set={data}", "--out", str(tmp_path / "run"), *arguments]) == 0
    rows = [Prediction(f"{n}", f"x + {n}", f"y + {n}") for n in (2, 0, 1)]
    entries = label_report.still_open(found_of(tmp_path, rows))
    assert [(entry["sample_id"], entry["rank"]) for entry in entries] == [("1", 1), ("2", 2)]
    assert entries[0]["rules"] == ["PAR010"]
    found = found_of(tmp_path, rows)
    doubts = label_report.doubts_of(found)  # of rows 1 and 2, which both models contradict
    assert {place: said.startswith("2 of 2 predictions read") for place, said in doubts.items()} == {0: True, 2: True}


def test_the_command_says_it_and_writes_it(folder, capsys, tmp_path) -> None:
    arguments = ["evaluate", str(folder / "pred.jsonl"), "--run", str(folder / "run"), "--out", str(tmp_path / "out")]
    assert run("finetune", main_group, arguments) == 0
    said = capsys.readouterr().out
    assert "9 of 11 answers are not exact matches" in said
    assert "2  right by the decided label" in said
    assert "60.0000 %" in said
    labels = json.loads((tmp_path / "out" / "metrics.json").read_text(encoding="utf-8"))["labels"]
    assert labels["states"]["decided"]["n"] == 10
    assert run("finetune", main_group, ["evaluate", str(folder / "pred.jsonl"), "--run", str(folder)]) == 2
    assert "not a run folder" in capsys.readouterr().err


def test_predictions_that_the_run_does_not_know_are_told(folder, capsys, tmp_path) -> None:
    """Or a run of other data would seem to say that no label is wrong."""
    strange = lines(tmp_path / "pred.jsonl", [{"sample_id": f"other/{n}", "gt": "x", "pred": "y"} for n in range(2)])
    told = "The decisions of run don't count for 2 predictions without a sample in it."
    for command in (["evaluate", str(strange)], ["compare", *[str(strange)] * 2, "--out", str(tmp_path / "page.html")]):
        assert run("finetune", main_group, [*command, "--run", str(folder / "run"), "--no-cdm"]) == 0
        assert told in capsys.readouterr().out
    assert told.replace("'", "&#39;") in (tmp_path / "page.html").read_text(encoding="utf-8")


def test_the_comparison_has_a_line_of_it(folder, capsys, tmp_path) -> None:
    files = [str(folder / "pred.jsonl")] * 2
    arguments = ["compare", *files, "--run", str(folder / "run"), "--out", str(tmp_path / "page.html"), "--no-cdm"]
    assert run("finetune", main_group, arguments) == 0
    out = capsys.readouterr().out
    html = (tmp_path / "page.html").read_text(encoding="utf-8")
    scores = (
        "Answers that render like the label: 36.36 % → 36.36 % with labels as they are, 45.45 % → 45.45 % with the safe"
        " fixes of the audit run, 60.00 % → 60.00 % with its decisions too, without 1 rejected sample."
    )
    # One count: nothing else on the page or in the terminal says how many labels are wrong.
    counted = (
        (4, "the label is wrong: it has a safe fix, or somebody corrected or rejected it"),
        (1, "somebody checked the label, and the answer is wrong by that, too"),
        (
            2,
            "the label may be wrong, and nobody has checked it: both models agree on another formula (2), "
            "the audit doubts it (1)",
        ),
    )
    assert "pred.jsonl (2)'s 7 wrong answers" in out
    assert sum(number for number, _ in counted) == 7
    for number, words in counted:
        assert re.search(rf"^ +{number}  {re.escape(words)}$", out, re.M)
        assert f"<dt>{number}</dt><dd>{words}</dd>" in html
    assert scores in out
    assert scores in html
    assert html.count("data-doubt>") == 6  # of four wrong labels and two doubtful ones
    assert "The label is wrong: by the decided label, this answer is right." in html
    assert "nothing speaks against the label" not in out
