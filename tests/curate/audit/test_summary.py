"""summary.json has correct counts in a fixed order, for empty and unusual frames too."""

from __future__ import annotations

import json
import re

import pytest
from report_fakes import fake_run, finding, frames, sample
from report_fakes import summary_of as summary_of_frames

from curate.audit.summary import UNREADABLE_KEPT, SourceFacts
from curate.report.overview import rules_text

LONG = "a + b = c \\times d - e + f"


def facts(name: str, rows: int = 0, **more) -> SourceFacts:
    return SourceFacts(name, "jsonl", f"{name}.jsonl", "..", rows, **more)


def summary_of(samples, findings, sources, **more):
    return summary_of_frames(*frames(samples, findings), sources, {}, {}, **more)


def test_counts_of_a_small_run():
    samples = [
        sample("a/1", "a", "x", score=0.4, visual_key=None),
        sample("a/2", "a", "y", score=0.9),
        sample("a/3", "a", "y", score=1.0),
        sample("a/4", "a", "z \\quad", score=0.99),
        sample("a/5", "a", "w", score=0.7),
    ]
    findings = [
        finding("a/1", "a", "SYN001", 0, 1),
        finding("a/1", "a", "SYN001", 0, 1),
        finding("a/1", "a", "CMD005", 0, 1),
        finding("a/4", "a", "WSP003", 2, 7),
        finding("a/5", "a", "CMD005", 0, 1),
        finding(None, "a", "DST001", None, None, severity="info"),
    ]
    summary = summary_of(samples, findings, [facts("a", 7, unreadable=2, unreadable_by_reason={"bad": 2})])
    assert summary["totals"] == {
        "samples": 5,
        "distinct_labels": 4,
        "unreadable": 2,
        "findings": 6,
        "samples_with_error": 1,
        "samples_with_warning": 1,
        "samples_with_info_only": 1,
        "clean": 3,  # no error and no warning: an info doesn't count against a label
    }
    assert summary["severities"] == {"error": 2, "warning": 2, "info": 2}
    assert [(r["rule"], r["findings"], r["samples"], r["fixable"]) for r in summary["rules"]] == [
        ("SYN001", 2, 1, 0),  # errors first, then by number of samples
        ("CMD005", 2, 2, 2),
        ("WSP003", 1, 1, 1),
        ("DST001", 1, 0, 0),
    ]
    (entry,) = summary["sources"]
    assert [rule["without_fix"] for rule in entry["rules"]] == [1, 0, 0, 0]
    fixes = [(rule["with_safe_fix"], rule["with_unsafe_fix"]) for rule in entry["rules"]]
    assert all(sum(ways) <= rule["samples"] for ways, rule in zip(fixes, entry["rules"], strict=True))
    assert sum(map(sum, fixes)) == 3
    assert (entry["rows"], entry["samples"], entry["unreadable"]) == (7, 5, 2)
    assert entry["duplicate_labels"] == 1
    assert (entry["no_visual_key"], entry["no_visual_key_without_error"]) == (1, 0)
    assert entry["mean_score"] == pytest.approx(0.798)
    assert (entry["errors_without_fix"], entry["warnings_without_safe_fix"]) == (1, 1)
    assert sum(summary["score_histogram"]) == 5
    assert summary["score_histogram"][19] == 2
    assert summary["score_histogram"][8] == 1


def test_warnings_that_something_mends_are_not_likely_wrong():
    samples = [sample(f"a/{at}", "a", f"x_{at}") for at in range(4)]
    findings = [
        finding("a/0", "a", "IMG006", None, None),
        finding("a/1", "a", "IMG006", None, None),
        finding("a/1", "a", "PAR007", None, None),
        finding("a/2", "a", "IMG007", None, None),
        finding("a/3", "a", "DLM001", 0, 1, fix="safe"),
    ]
    summary = summary_of(samples, [{**row, "severity": "warning"} for row in findings], [facts("a", 4)])
    assert summary["totals"]["samples_with_warning"] == 4
    (entry,) = summary["sources"]
    assert (entry["warnings_without_safe_fix"], entry["warnings_mended_by_export"]) == (1, 2)


@pytest.mark.parametrize("parts", [1, 3])
def test_what_a_rule_only_remarks_on_is_counted_apart_from_its_errors(parts):
    samples = [sample(f"{source}/{n}", source, f"x {n}") for source in "ab" for n in range(3)]
    findings = [finding(f"{source}/{n}", source, "ESC007", 0, 1, severity="info") for source in "ab" for n in range(3)]
    findings.append(finding("a/0", "a", "ESC007", 2, 3, severity="error", fix=None))
    summary = summary_of(samples, findings, [facts("a", 3), facts("b", 3)], parts=parts)
    (rule,) = summary["rules"]
    assert (rule["severity"], rule["samples"], rule["findings"], rule["fixable"]) == ("error", 1, 1, 0)
    assert rule["remarks"] == {"samples": 6, "findings": 6}
    assert summary["totals"]["findings"] == 7
    a, b = ([rule["severity"], rule["samples"], rule["remarks"]] for s in summary["sources"] for rule in s["rules"])
    assert a == ["error", 1, {"samples": 3, "findings": 3}]
    assert b == ["info", 3, None]
    text = rules_text(summary)
    assert re.search(r"^ESC007 +\S+ +error +1 +16\.7 % +1 +0$", text, re.MULTILINE)
    assert re.search(r"^a: 3 remarks \(ESC007 \S+ 3\)\nb: 3 remarks", text, re.MULTILINE)


@pytest.mark.parametrize(
    ("score", "place"), [(0.0, 0), (0.05, 1), (0.15, 3), (0.35, 7), (0.9499, 18), (0.95, 19), (1.0, 19)]
)
def test_a_score_on_an_edge_opens_the_upper_bin(score, place):
    summary = summary_of([sample("a/1", "a", "x", score=score)], [], [facts("a", 1)])
    assert summary["score_histogram"].index(1) == place


def test_layout_tokens_are_counted_apart_from_other_errors():
    samples = [sample("m/1", "m", r"1 \n 2"), sample("m/2", "m", r"1 \n {"), sample("m/3", "m", "\times 2")]
    findings = [
        finding("m/1", "m", "ESC001", 2, 4, fix=None),
        finding("m/2", "m", "ESC001", 2, 4),
        finding("m/2", "m", "SYN001", 5, 6),
        finding("m/3", "m", "ESC005", 0, 5),
    ]
    entry = summary_of(samples, findings, [facts("m", 3)])["sources"][0]
    assert entry["layout_tokens"] == 2
    assert entry["samples_with_error"] == 3
    assert (entry["errors_without_fix"], entry["errors_with_unsafe_fix"], entry["errors_with_safe_fix"]) == (1, 0, 1)


def test_a_broken_image_is_no_error_that_a_safe_fix_repairs():
    samples = [sample("a/1", "a", "x", image="1.png"), sample("a/2", "a", "\times 2", image="2.png", width=9)]
    samples += [sample("a/3", "a", "y", image="3.png", width=9)]
    findings = [
        finding("a/1", "a", "PAR002", None, None, name="missing-image", severity="error", fix=None),
        finding("a/2", "a", "ESC005", 0, 5),
        finding("a/3", "a", "IMG005", None, None, name="undecodable-image", severity="error", fix=None),
    ]
    entry = summary_of(samples, findings, [facts("a", 3, images_checked=True)])["sources"][0]
    assert (entry["samples_with_error"], entry["errors_with_safe_fix"], entry["errors_without_fix"]) == (3, 1, 0)
    assert entry["missing_image"] == 2  # includes a file with a readable header and unreadable pixels


def test_a_split_that_holds_training_labels_and_sources_that_share():
    samples = [
        sample("a/train/1", "a", LONG, split="train"),
        sample("a/test/1", "a", LONG, split="test"),
        sample("a/test/2", "a", "short", split="test"),
        sample("a/train/2", "a", "short", split="train"),
        sample("b/1", "b", LONG),
        sample("b/2", "b", LONG + " + 1"),
    ]
    first, second = summary_of(samples, [], [facts("a", 4), facts("b", 2)])["sources"]
    assert first["splits"] == {"test": 2, "train": 2}
    assert first["split_overlap"] == {"test": 1}
    assert first["shared_labels"] == {"b": 2}
    assert second["splits"] == {}
    assert second["shared_labels"] == {"a": 1}


def test_images_without_a_size_are_missing_only_where_images_were_opened():
    samples = [sample("a/1", "a", "x", image="1.png", width=9, height=9), sample("a/2", "a", "y", image="2.png")]
    opened = summary_of(samples, [], [facts("a", 2, images_checked=True)])["sources"][0]
    unopened = summary_of(samples, [], [facts("a", 2)])["sources"][0]
    assert (opened["missing_image"], unopened["missing_image"]) == (1, 0)
    assert opened["with_image"] == 2


def test_a_source_without_samples_stays_and_keeps_its_place():
    rows = [{"file": "x", "line": i, "reason": "bad", "excerpt": ""} for i in range(UNREADABLE_KEPT + 5)]
    empty = facts("z", len(rows), unreadable=len(rows), unreadable_by_reason={"bad": len(rows)}, unreadable_rows=rows)
    summary = summary_of([sample("a/1", "a", "x")], [], [empty, facts("a", 1)])
    assert [entry["name"] for entry in summary["sources"]] == ["z", "a"]
    assert summary["sources"][0]["verdict"] == "unfit"
    assert summary["sources"][0]["mean_score"] is None
    assert len(summary["unreadable"]) == UNREADABLE_KEPT
    assert summary["totals"]["unreadable"] == len(rows)


def test_nothing_at_all_is_a_summary_too():
    summary = summary_of([], [], [])
    assert summary["totals"]["samples"] == 0
    assert summary["score_histogram"] == [0] * 20
    json.dumps(summary)


def test_labels_without_a_score_have_no_mean():
    entry = summary_of([sample("a/1", "a", "x", score=None)], [], [facts("a", 1)])["sources"][0]
    assert entry["mean_score"] is None
    json.dumps(entry, allow_nan=False)


def test_a_stranger_among_the_samples_is_refused():
    with pytest.raises(ValueError, match="'b'"):
        summary_of([sample("b/1", "b", "x")], [], [facts("a")])


def test_the_order_of_rows_and_threads_doesn_t_show():
    run = fake_run(scale=300)
    facts_again = [facts(entry["name"], entry["rows"]) for entry in run.summary["sources"]]
    one = summary_of_frames(run.frame, run.found, facts_again, {"b": 1}, {"z": "1", "a": "2"})
    two = summary_of_frames(
        run.frame.sample(fraction=1, shuffle=True, seed=3),
        run.found.reverse(),
        facts_again,
        {"b": 1},
        {"a": "2", "z": "1"},
    )
    assert json.dumps(one) == json.dumps(two)


@pytest.mark.parametrize("parts", [2, 7, 1000])
def test_a_run_counted_in_parts_has_the_same_summary(parts):
    run = fake_run(scale=300)
    again = [facts(entry["name"], entry["rows"]) for entry in run.summary["sources"]]
    whole, cut = (summary_of_frames(run.frame, run.found, again, {}, {}, parts=number) for number in (1, parts))
    assert json.dumps(cut) == json.dumps(whole)
