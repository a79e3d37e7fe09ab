"""Decisions made in the App, tested without it: what they write, what is shown next, what is refused and why."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import rules
from curate.audit import AuditOptions, audit
from curate.base.errors import UserError
from curate.browse.deciding.state import State
from curate.browse.deciding.taking import Desk, ShownSample
from curate.export.decide.options import ExportOptions
from curate.export.write.job import export
from curate.runs.decisions import append_decisions, decide, label_sha256, read_decisions
from curate.runs.folder import load_run
from curate.sources import parse_source

LABELS = {
    "good": r"\frac{a}{b}",
    "delimited": r"$\alpha + 1$",
    "open": r"\frac{a}{b",
    "spaced": r"x  ^{2}",
}


def audited(folder: Path, labels: dict[str, str], *, update: bool = False) -> Path:
    """An audited run with the ids `s/…`."""
    source = folder / "s.jsonl"
    source.write_text("".join(json.dumps({"id": k, "label": v}) + "\n" for k, v in labels.items()), encoding="utf-8")
    audit([parse_source(str(source))], folder / "run", AuditOptions(ruleset=rules.select(), update=update))
    return folder / "run"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    return audited(tmp_path, LABELS)


@pytest.fixture
def desk(run: Path) -> Desk:
    return Desk(run, who="ann")


def shown(name: str, proposed: str | None = None, label: str | None = None) -> ShownSample:
    return ShownSample(f"id-{name}", f"s/{name}", label or LABELS[name], proposed)


def on_disk(run: Path) -> dict[str, tuple[str, str | None]]:
    standing = read_decisions(run / "decisions.jsonl").standing
    return {key.removeprefix("s/"): (found.action, found.label) for key, found in standing.items()}


def state(outcome, name: str) -> State:
    return outcome.states[f"id-{name}"]


# What is decided ------------------------------------------------------------------------------------------------------


def test_a_fix_takes_the_proposal_and_shows_the_fixed_label(desk: Desk, run: Path) -> None:
    # If the App doesn't have the proposal yet, it comes from the rules.
    outcome = desk.decide("fix", [shown("delimited"), shown("good")])
    assert outcome.message == "1 fixed, 1 has no proposed fix."
    assert outcome.variant == "warning"
    assert on_disk(run) == {"delimited": ("fix", r"\alpha + 1")}
    now = state(outcome, "delimited")
    assert (now.decision, now.decided_label, now.label) == ("fix", r"\alpha + 1", LABELS["delimited"])
    assert now.in_force.label == r"\alpha + 1"
    assert "DLM001" not in now.in_force.rules
    assert now.change(None) == r"[-$-]\alpha + 1[-$-]"


def test_an_edit_is_judged_by_the_rules_of_the_run(desk: Desk, run: Path) -> None:
    before = desk.check([shown("open")]).states["id-open"]
    assert before.in_force.severity == "error"
    outcome = desk.decide("edit", [shown("open")], r"\frac{a}{b}")
    now = state(outcome, "open").in_force
    assert (now.severity, now.score, now.canonical) == ("clean", 1.0, r"\frac { a } { b }")
    assert now.visual_key == str(rules.visual_key([r"\frac{a}{b}"])[0])
    assert on_disk(run) == {"open": ("edit", r"\frac{a}{b}")}
    decision = read_decisions(run / "decisions.jsonl").standing["s/open"]
    assert (decision.who, decision.label_sha256) == ("ann", label_sha256(LABELS["open"]))


def test_accept_and_reject_keep_the_label_and_what_was_found(desk: Desk, run: Path) -> None:
    audited_score = load_run(run).samples.filter(pl.col("sample_id") == "s/open").collect()["score"].item()
    accepted = desk.decide("accept", [shown("open")])
    rejected = desk.decide("reject", [shown("spaced")])
    assert (accepted.message, rejected.message) == ("1 accepted as it is.", "1 rejected.")
    now = state(accepted, "open")
    assert (now.decision, now.decided_label, now.in_force.label) == ("accept", None, LABELS["open"])
    assert now.in_force.score == audited_score
    assert now.in_force.severity == "error"
    assert on_disk(run) == {"open": ("accept", None), "spaced": ("reject", None)}


def test_undo_lets_the_decision_before_stand(desk: Desk, run: Path) -> None:
    desk.decide("edit", [shown("open")], "a")
    desk.decide("reject", [shown("open")])
    outcome = desk.decide("undo", [shown("open"), shown("good")])
    assert outcome.message == "1 decision taken back, 1 has no decision to take back."
    assert (state(outcome, "open").decision, state(outcome, "open").decided_label) == ("edit", "a")
    outcome = desk.decide("undo", [shown("open")])
    assert (state(outcome, "open").decision, state(outcome, "open").decided_label) == ("undecided", None)
    assert state(outcome, "open").in_force.label == LABELS["open"]
    assert on_disk(run) == {}


def test_the_same_decision_twice_is_made_once(desk: Desk, run: Path) -> None:
    desk.decide("reject", [shown("open")])
    outcome = desk.decide("reject", [shown("open"), shown("good")])
    assert outcome.message == "1 rejected, 1 has that decision already."
    assert len((run / "decisions.jsonl").read_text(encoding="utf-8").splitlines()) == 2


def test_export_writes_what_was_shown(desk: Desk, run: Path, tmp_path: Path) -> None:
    desk.decide("fix", [shown("delimited", r"\alpha + 1")])
    desk.decide("edit", [shown("open")], r"\frac{a}{c}")
    desk.decide("reject", [shown("spaced")])
    made = export([run], tmp_path / "out", ExportOptions(allow_no_image=True))
    frames = [pl.read_parquet(path) for path in sorted((tmp_path / "out" / "data").glob("*.parquet"))]
    table = pl.concat(frames)
    texts = dict(table.select("sample_id", "label").iter_rows())
    assert texts == {"s/good": LABELS["good"], "s/delimited": r"\alpha + 1", "s/open": r"\frac{a}{c}"}
    assert made.facts["decisions"]["reject"] == 1


# What is refused ------------------------------------------------------------------------------------------------------


def test_a_label_that_changed_since_is_not_decided_on(desk: Desk, run: Path, tmp_path: Path) -> None:
    audited(tmp_path, {**LABELS, "open": r"\frac{c}{d"}, update=True)
    outcome = desk.decide("reject", [shown("open"), shown("good")])
    assert outcome.message == (
        "1 rejected, 1 has another label since the last audit of the run: check again, look, then decide."
    )
    assert on_disk(run) == {"good": ("reject", None)}
    again = desk.check([shown("open")])
    assert state(again, "open").label == r"\frac{c}{d"
    assert desk.decide("reject", [shown("open", label=r"\frac{c}{d")]).variant == "success"


def test_a_decision_about_an_older_label_is_not_applied_and_can_be_taken_back(
    desk: Desk, run: Path, tmp_path: Path
) -> None:
    desk.decide("edit", [shown("open")], r"\frac{a}{b}")
    audited(tmp_path, {**LABELS, "open": r"\frac{c}{d"}, update=True)
    now = state(desk.check([shown("open")]), "open")
    assert (now.decision, now.in_force.label) == ("undecided", r"\frac{c}{d")
    desk.decide("undo", [shown("open")])
    assert on_disk(run) == {}


def test_a_sample_that_is_gone_is_said_to_be(desk: Desk, tmp_path: Path) -> None:
    audited(tmp_path, {"good": LABELS["good"]}, update=True)
    outcome = desk.decide("accept", [shown("good"), shown("open")])
    assert outcome.message == "1 accepted as it is, 1 is no longer in the run."
    assert desk.check([shown("open")]).message == "1 is no longer in the run."


@pytest.mark.parametrize("text", ["", "  \t", None])
def test_an_edit_to_nothing_is_an_error(desk: Desk, run: Path, text: str | None) -> None:
    with pytest.raises(UserError, match="the new label is empty"):
        desk.decide("edit", [shown("open")], text)
    assert not (run / "decisions.jsonl").exists()


def test_an_edit_of_different_labels_is_an_error(desk: Desk, run: Path) -> None:
    with pytest.raises(UserError, match="edit one at a time"):
        desk.decide("edit", [shown("open"), shown("good")], "x")
    assert not (run / "decisions.jsonl").exists()


def test_an_edit_to_the_same_label_is_no_edit(desk: Desk, run: Path) -> None:
    assert desk.decide("edit", [shown("open")], LABELS["open"]).message == (
        "1 has that label already: accept it as it is."
    )
    assert not (run / "decisions.jsonl").exists()


def test_a_run_that_is_gone_is_one_clear_line(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such run folder"):
        Desk(tmp_path / "gone").decide("reject", [shown("open")])


# What is shown --------------------------------------------------------------------------------------------------------


def test_check_proposes_fixes_and_judges_the_label_in_force(desk: Desk) -> None:
    desk.decide("edit", [shown("open")], r"\frac{a}{b}  ")
    outcome = desk.check([shown("delimited"), shown("open"), shown("good")])
    assert outcome.message == "3 checked again."
    assert state(outcome, "delimited").proposed == r"\alpha + 1"
    assert state(outcome, "good").proposed is None
    assert all(found.proposes for found in outcome.states.values())
    assert state(outcome, "open").in_force.label == r"\frac{a}{b}  "


def test_a_look_at_a_label_writes_nothing(desk: Desk, run: Path) -> None:
    look = desk.look(r"\sqrt{", "s/open")
    assert look.severity == "error"
    assert [found.rule for found in look.findings if found.severity == "error"]
    assert not (run / "decisions.jsonl").exists()


def test_findings_about_the_sample_outlast_an_edit(tmp_path: Path) -> None:
    """The image is blank whatever the label says: an edit keeps that finding and drops those of the label."""
    Image.new("RGB", (60, 40), "white").save(tmp_path / "blank.png")
    row = {"id": "open", "label": LABELS["open"], "image": "blank.png"}
    source = tmp_path / "s.jsonl"
    source.write_text(json.dumps(row) + "\n", encoding="utf-8")
    audit([parse_source(str(source))], tmp_path / "run", AuditOptions(ruleset=rules.select()))
    before = load_run(tmp_path / "run").samples.collect()["score"].item()
    now = Desk(tmp_path / "run").decide("edit", [shown("open")], "x").states["id-open"].in_force
    assert "blank-image" in [found.name for found in now.findings]
    assert "SYN001" not in now.rules
    assert before < now.score < 1


def test_decisions_of_others_are_seen(desk: Desk, run: Path) -> None:
    append_decisions(run, [decide("s/open", "edit", LABELS["open"], "y", who="bob")])
    assert state(desk.check([shown("open")]), "open").decided_label == "y"


def test_a_models_reading_is_taken_by_a_click_and_never_before(run: Path, desk: Desk) -> None:
    summary = json.loads((run / "summary.json").read_text())
    ranked = [{"sample_id": "s/good", "pred_label": r"\frac{a}{c}"}, {"sample_id": "s/spaced", "pred_label": " "}]
    summary["predictions"] = {"files": [], "likely_label_errors": ranked}
    (run / "summary.json").write_text(json.dumps(summary))
    assert on_disk(run) == {}
    outcome = desk.take_readings([shown("good"), shown("spaced"), shown("open")])
    assert on_disk(run) == {"good": ("edit", r"\frac{a}{c}")}
    assert outcome.message == "1 edited, no model reads 2 differently."
    assert desk.take_readings([shown("open")]).message == "no model reads 1 differently."
