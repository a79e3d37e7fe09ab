"""Which samples are left out and why: rules, score, filters, caps, fixes and people's decisions."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from run_makers import decide, dropped, exported, labels_only, make_run, picture, table

import rules
from curate.audit import AuditOptions, audit
from curate.base.errors import UserError
from curate.export.decide.options import ExportOptions
from curate.sources import parse_source

BROKEN = r"\frac { a } { b"


@pytest.fixture
def run(tmp_path: Path) -> Path:
    """Six labels: one with an error, one with a warning, one with an info, one with a low score, and two clean ones."""
    labels = [BROKEN, r"\text { }", r"\sum \limits _ { i }", "a + b", r"设 x", "x"]
    rows = [{"sample_id": f"s/{n}", "label": label} for n, label in enumerate(labels)]
    rows[3]["score"] = 0.4
    findings = [
        {"sample_id": "s/0", "rule": "SYN001"},
        {"sample_id": "s/0", "rule": "CMD010"},
        {"sample_id": "s/1", "rule": "SYN012"},
        {"sample_id": "s/2", "rule": "CMD010"},
    ]
    return make_run(tmp_path / "run", rows, findings)


def kept(out: Path) -> set[str]:
    return set(table(out)["sample_id"])


@pytest.mark.parametrize(
    ("options", "reasons"),
    [
        ({}, {"s/0": "rule"}),
        ({"drop": ("warning",)}, {"s/0": "rule", "s/1": "rule"}),
        ({"drop": ("CMD",)}, {"s/0": "rule", "s/2": "rule"}),
        ({"drop": ("needless-limits",)}, {"s/0": "rule", "s/2": "rule"}),
        ({"drop": ("CMD",), "keep": ("SYN001", "CMD010")}, {"s/0": "rule", "s/2": "rule"}),
        ({"keep": ("error",)}, {}),
        ({"keep": ("SYN",)}, {}),
        ({"keep": ("error",), "min_score": 0.5}, {"s/3": "score"}),
        ({"min_score": 0.4}, {"s/0": "rule"}),
        ({"languages": ("none",)}, {"s/0": "rule", "s/4": "language"}),
        ({"languages": ("ko", "zh")}, {"s/0": "rule"}),
        ({"min_tokens": 2}, {"s/0": "rule", "s/5": "length"}),
        ({"max_tokens": 4}, {"s/0": "rule", "s/2": "length"}),
        ({"min_chars": 2}, {"s/0": "rule", "s/5": "length"}),
        ({"max_chars": 5}, {"s/0": "rule", "s/1": "length", "s/2": "length"}),
    ],
    ids=str,
)
def test_what_is_left_out(run: Path, tmp_path: Path, options: dict[str, Any], reasons: dict[str, str]) -> None:
    exported(run, tmp_path / "out", **options)
    assert dropped(tmp_path / "out") == reasons
    assert kept(tmp_path / "out") == {f"s/{n}" for n in range(6)} - set(reasons)


def test_a_dropped_sample_has_one_reason_with_its_rule_and_its_words(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out", min_score=0.9, max_chars=3, drop=("CMD",))
    found = {row["sample_id"]: row for row in pl.read_parquet(tmp_path / "out/dropped.parquet").to_dicts()}
    assert found["s/0"] == {
        "sample_id": "s/0",
        "source": "s",
        "split": None,
        "label": BROKEN,
        "reason": "rule",
        "rule": "SYN001",
        "detail": "wrong",
    }
    assert (found["s/3"]["reason"], found["s/3"]["rule"]) == ("score", None)
    assert found["s/3"]["detail"] == "score 0.4, under 0.9"
    assert found["s/1"]["detail"] == "9 characters, over 3"


def test_an_error_that_a_baseline_knows_is_still_an_error(run: Path, tmp_path: Path) -> None:
    findings = pl.read_parquet(run / "findings.parquet")
    known = pl.col("rule") == "SYN001"
    findings.filter(known).write_parquet(run / "suppressed.parquet")
    findings.filter(~known).write_parquet(run / "findings.parquet")
    first = exported(run, tmp_path / "out")
    assert dropped(tmp_path / "out") == {"s/0": "rule"}
    exported(run, tmp_path / "kept", keep=("SYN001",))
    assert dropped(tmp_path / "kept") == {}
    assert first.plan.inputs[0].hashes.keys() == {"samples.parquet", "findings.parquet", "suppressed.parquet"}


def test_an_unknown_rule_is_an_error_before_any_work(run: Path, tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"--drop: no rule is called 'SYN999'; did you mean 'SYN"):
        exported(run, tmp_path / "out", drop=("SYN999",))
    assert not (tmp_path / "out").exists()


def test_an_empty_label_goes_whatever_is_allowed(tmp_path: Path) -> None:
    rows = [*labels_only(3), {"sample_id": "s/blank", "label": " \t "}]
    run = make_run(tmp_path / "run", rows, decisions=[{"sample_id": "s/blank", "action": "accept", "about": " \t "}])
    exported(run, tmp_path / "out", keep=("error",))
    assert dropped(tmp_path / "out") == {"s/blank": "empty"}


def test_a_sample_without_an_image_goes_unless_that_is_allowed(tmp_path: Path) -> None:
    rows = [{**row, "image": f"{n}.png"} for n, row in enumerate(labels_only(4))]
    for n in range(2):
        picture(tmp_path / "images" / f"{n}.png", n)
    run = make_run(tmp_path / "run", rows[:3], images=tmp_path / "images")
    exported(run, tmp_path / "strict", allow_no_image=False)
    assert dropped(tmp_path / "strict") == {"s/2": "no-image"}
    exported(run, tmp_path / "out")
    images = dict(table(tmp_path / "out").select("sample_id", pl.col("image").struct.field("bytes")).iter_rows())
    assert {key: data is None for key, data in images.items()} == {"s/0": False, "s/1": False, "s/2": True}


def test_an_image_with_a_header_and_no_pixels_is_none(tmp_path: Path) -> None:
    found = [{"sample_id": "s/1", "rule": code, "severity": "error"} for code in ("CMD005", "IMG005")]
    run = make_run(tmp_path / "run", labels_only(3), found, images=tmp_path / "images")
    exported(run, tmp_path / "strict", allow_no_image=False)
    assert dropped(tmp_path / "strict") == {"s/1": "no-image"}  # the reasons' order, whatever else is wrong
    exported(run, tmp_path / "kept", keep=("error",))
    images = dict(table(tmp_path / "kept").select("sample_id", pl.col("image").struct.field("bytes")).iter_rows())
    assert {key: data is None for key, data in images.items()} == {"s/0": False, "s/1": True, "s/2": False}


def test_missing_images_as_errors_drop_nothing_where_they_are_allowed(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", labels_only(3), [{"sample_id": "s/0", "rule": "PAR002", "severity": "error"}])
    exported(run, tmp_path / "out")
    assert dropped(tmp_path / "out") == {}


@pytest.mark.parametrize(
    ("options", "lost"),
    [
        ({}, ""),
        ({"resize": "pad"}, ""),
        ({"resize": "none"}, "s/0"),
        ({"drop": ("IMG001",)}, "s/0"),
        ({"drop": ("warning",)}, "s/2"),
        ({"drop": ("warning",), "crop": "ink"}, ""),
        ({"drop": ("IMG",)}, "s/0 s/1 s/2"),
    ],
    ids=str,
)
def test_what_making_pictures_ready_mends_drops_nothing(tmp_path: Path, options: dict[str, Any], lost: str) -> None:
    findings = [{"sample_id": f"s/{n}", "rule": code} for n, code in enumerate(("IMG001", "IMG006", "IMG011"))]
    exported(make_run(tmp_path / "run", labels_only(4), findings), tmp_path / "out", **options)
    assert set(dropped(tmp_path / "out")) == set(lost.split())


def test_nothing_left_is_an_error_that_says_why(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", labels_only(3))
    with pytest.raises(UserError, match=r"nothing is left of 3 samples; most often: no image.*--allow-no-image"):
        exported(run, tmp_path / "out", allow_no_image=False)
    assert list(tmp_path.iterdir()) == [run]


# Caps -----------------------------------------------------------------------------------------------------------------


def test_caps_count_labels_that_look_the_same_and_do_not_depend_on_order(tmp_path: Path) -> None:
    spelled = ["x ^ { 2 }", "x^2", "{x}^2"]
    rows = [{"sample_id": f"s/{n}", "label": spelled[n % 3]} for n in range(30)] + labels_only(5, "t")
    forward = make_run(tmp_path / "one", rows)
    backward = make_run(tmp_path / "two", rows[::-1])
    for run in (forward, backward):
        exported(run, tmp_path / f"out-{run.name}", max_repeats=7)
    found = dropped(tmp_path / "out-one")
    assert found == dropped(tmp_path / "out-two")
    assert len(found) == 23
    assert set(found.values()) == {"repeated"}


def test_a_sample_that_was_decided_on_is_not_capped(tmp_path: Path) -> None:
    rows = [{"sample_id": f"s/{n}", "label": "x"} for n in range(10)]
    accepted = [{"sample_id": f"s/{n}", "action": "accept", "about": "x"} for n in (2, 3, 4)]
    run = make_run(tmp_path / "run", rows, decisions=accepted)
    exported(run, tmp_path / "out", max_repeats=2)
    assert kept(tmp_path / "out") == {"s/2", "s/3", "s/4"}


# Fixes and decisions --------------------------------------------------------------------------------------------------


@pytest.fixture
def wrapped(tmp_path: Path) -> Path:
    """A label with a safe fix, one whose error has an unsafe fix, and a clean one."""
    labels = ["$x+1$", r"x ^ a ^ b", "y"]
    rows = [{"sample_id": f"s/{n}", "label": label, "score": 0.5} for n, label in enumerate(labels)]
    findings = [
        {"sample_id": "s/0", "rule": "DLM001", "start": 0, "end": 5, "fix": "safe", "replacement": "x+1"},
        {"sample_id": "s/1", "rule": "SYN006"},
    ]
    return make_run(tmp_path / "run", rows, findings)


def labels_of(out: Path) -> dict[str, str]:
    return dict(table(out).select("sample_id", "label").iter_rows())


def test_labels_stay_as_read_without_a_fix(wrapped: Path, tmp_path: Path) -> None:
    exported(wrapped, tmp_path / "out")
    assert labels_of(tmp_path / "out") == {"s/0": "$x+1$", "s/2": "y"}


def test_a_fixed_label_is_judged_again(wrapped: Path, tmp_path: Path) -> None:
    made = exported(wrapped, tmp_path / "out", fix="safe", drop=("DLM001",))
    assert labels_of(tmp_path / "out") == {"s/0": "x+1", "s/2": "y"}
    scores = dict(table(tmp_path / "out").select("sample_id", "score").iter_rows())
    assert scores == {"s/0": 1.0, "s/2": 0.5}
    assert made.facts["fixed"] == {"DLM001": 1}
    assert "DLM001" in (tmp_path / "out/README.md").read_text()


def test_an_error_that_a_fix_cures_is_kept_and_one_that_it_does_not_cure_is_dropped(tmp_path: Path) -> None:
    eaten = "\frac { a } { b }"  # a form feed, which an escape has made of \f
    rows = [{"sample_id": "s/0", "label": eaten}, {"sample_id": "s/1", "label": BROKEN}, *labels_only(2)[1:]]
    rows[2]["sample_id"] = "s/2"
    replaced = {"start": 0, "end": 1, "fix": "safe", "replacement": "\\f"}
    findings = [{"sample_id": "s/0", "rule": "ESC005", **replaced}, {"sample_id": "s/1", "rule": "SYN001"}]
    run = make_run(tmp_path / "run", rows, findings)
    exported(run, tmp_path / "plain")
    assert set(dropped(tmp_path / "plain")) == {"s/0", "s/1"}
    exported(run, tmp_path / "out", fix="safe")
    assert labels_of(tmp_path / "out")["s/0"] == r"\frac { a } { b }"
    assert dropped(tmp_path / "out") == {"s/1": "rule"}


def test_findings_of_the_image_survive_a_fix(wrapped: Path, tmp_path: Path) -> None:
    findings = pl.read_parquet(wrapped / "findings.parquet")
    image = findings.head(1).with_columns(
        rule=pl.lit("IMG012"), name=pl.lit("x"), severity=pl.lit("error"), fix=None, replacement=None
    )
    pl.concat([findings, image], how="vertical_relaxed").write_parquet(wrapped / "findings.parquet")
    exported(wrapped, tmp_path / "out", fix="safe")
    assert dropped(tmp_path / "out") == {"s/0": "rule", "s/1": "rule"}


def test_decisions_win(run: Path, tmp_path: Path) -> None:
    decide(
        run,
        [
            {"sample_id": "s/0", "action": "accept", "about": BROKEN},
            {"sample_id": "s/3", "action": "reject", "about": "a + b"},
            {"sample_id": "s/5", "action": "edit", "label": "z ^ 2", "about": "x"},
        ],
    )
    made = exported(run, tmp_path / "out", min_score=0.9, max_chars=12, drop=("warning",))
    assert dropped(tmp_path / "out") == {"s/1": "rule", "s/2": "length", "s/3": "rejected"}
    assert labels_of(tmp_path / "out")["s/5"] == "z ^ 2"
    assert "1 sample stayed by people's decision despite findings that would drop them." in made.facts["notes"]
    assert made.facts["decisions"] == {
        "accept": 1,
        "edit": 1,
        "fix": 0,
        "reject": 1,
        "stale": 0,
        "unknown_sample": 0,
    }


def test_an_edited_label_has_the_score_and_the_place_of_its_new_text(tmp_path: Path) -> None:
    rows = [*labels_only(200), {"sample_id": "s/bad", "label": BROKEN, "score": 0.1}]
    edit = {"sample_id": "s/bad", "action": "edit", "label": "x _ { 7 } + 1", "about": BROKEN}
    run = make_run(tmp_path / "run", rows, [{"sample_id": "s/bad", "rule": "SYN001"}], decisions=[edit])
    exported(run, tmp_path / "out", splits={"train": 0.5, "test": 0.5})
    found = {row["sample_id"]: row for row in table(tmp_path / "out").to_dicts()}
    assert found["s/bad"]["score"] == 1.0
    assert found["s/bad"]["split"] == found["s/7"]["split"]


def test_a_decision_about_another_label_is_not_applied_but_reported(run: Path, tmp_path: Path) -> None:
    decide(
        run,
        [
            {"sample_id": "s/5", "action": "reject", "about": "an older label"},
            {"sample_id": "s/gone", "action": "reject", "about": "x"},
        ],
    )
    made = exported(run, tmp_path / "out")
    assert dropped(tmp_path / "out") == {"s/0": "rule"}
    assert made.facts["decisions"]["stale"] == 1
    assert made.facts["decisions"]["unknown_sample"] == 1
    notes = made.facts["notes"]
    assert any("1 decision not applied: made about a label that has changed since" in note for note in notes)


def test_an_accepted_label_is_not_fixed_and_a_fix_without_a_text_is_made(wrapped: Path, tmp_path: Path) -> None:
    decide(wrapped, [{"sample_id": "s/0", "action": "accept", "about": "$x+1$"}])
    exported(wrapped, tmp_path / "one", fix="safe")
    assert labels_of(tmp_path / "one")["s/0"] == "$x+1$"
    decide(wrapped, [{"sample_id": "s/0", "action": "fix", "about": "$x+1$"}])
    exported(wrapped, tmp_path / "two")
    assert labels_of(tmp_path / "two")["s/0"] == "x+1"


def test_undone_decisions_count_for_nothing(run: Path, tmp_path: Path) -> None:
    decide(run, [{"sample_id": "s/5", "action": action, "about": "x"} for action in ("reject", "undo")])
    exported(run, tmp_path / "out")
    assert "s/5" in kept(tmp_path / "out")


# Options --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"min_score": 1.5}, "min_score must be from 0 to 1, not 1.5"),
        ({"max_repeats": 0}, "max_repeats must be at least 1, not 0"),
        ({"splits": {"train": 0.5, "test": 0.4}}, "add up to 0.9, not to 1"),
        ({"splits": {"my split": 1.0}}, "can't be the name of a split"),
        ({"splits": {"train": 1.5, "test": -0.5}}, "must be a number, 0 or more"),
        ({"splits": {}}, "no split is named"),
        ({"splits": {"all": 1.0}}, "'all' can't be the name of a split: .*takes it for all of them"),
        ({"splits": {"train": 0.5, "Assets": 0.5}}, "'Assets' can't be the name of a split: .*card"),
        ({"splits": {"train": 0.5, "manifest.json": 0.5}}, "'manifest.json' can't be the name of a split"),
        ({"splits": {"train": 0.5, "Train": 0.5}}, "'Train' and 'train' differ only in case"),
        ({"splits": {"x" * 300: 1.0}}, "can't be the name of a split: .* 100 "),
        ({"prompt": "Read <image>!"}, "the prompt holds <image>"),
        ({"prompt": "\udcff"}, "prompt = .* isn't text"),
        ({"licence": "mine\n---"}, "licence = .* isn't the name of a licence"),
        ({"name": "a\nb"}, "name = .* line"),
        ({"fix": "all"}, "fix must be one of none, safe, unsafe, not 'all'"),
        ({"languages": ("klingon",)}, "unknown language 'klingon'"),
    ],
    ids=str,
)
def test_options_that_can_not_be(options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        ExportOptions(**options)


JUNK = [
    *(
        r"\frac { 1 } { 2 } </s>",
        "x ^ { 2 } <unk>",
        "a _ { 1 } undefined",
        "y ^ { 2 } = NaN",
        "z ^ { 2 } https://a.b/c",
    ),
    *("x ^ { 2 } <pad> <pad>", r"$ \text{illegible} $", "null", "???", "x ^ { 2 } <|im_end|>"),
]


@pytest.mark.parametrize("fix", ["none", "safe", "unsafe"])
def test_no_fix_brings_junk_into_the_data_set(tmp_path: Path, fix: str) -> None:
    rows = [{"id": str(n), "label": label} for n, label in enumerate([*JUNK, "a + b"])]
    source = tmp_path / "rows.jsonl"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    run = audit([parse_source(str(source))], tmp_path / "run", AuditOptions(rules.select()))
    exported(run.path, tmp_path / "out", fix=fix, splits={"train": 1.0})
    assert kept(tmp_path / "out") == {"rows/10"}
