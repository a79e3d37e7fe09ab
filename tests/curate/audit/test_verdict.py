"""The verdicts that real data sets should get, and the sentences they come with."""

from __future__ import annotations

import pytest

from curate.audit.thresholds import Thresholds
from curate.audit.verdict import VERDICTS, judge
from curate.base.errors import UserError
from curate.base.settings import fill


def entry(samples: int = 10_000, **more) -> dict:
    base = {
        "name": "set",
        "format": "jsonl",
        "rows": samples,
        "samples": samples,
        "splits": {},
        "unreadable": 0,
        "unreadable_by_reason": {},
        "with_image": samples,
        "max_tokens": 90,
        "set_errors": [],
        "rules": [],
    }
    zero = [f"errors_{way}" for way in ("without_fix", "with_unsafe_fix", "with_safe_fix")]
    zero += ["samples_with_error", "samples_with_warning", "layout_tokens", "duplicate_labels", "missing_image"]
    zero += ["warnings_without_safe_fix", "no_visual_key_without_error"]
    return {**base, **dict.fromkeys(zero, 0), **more}


def rule(code: str, name: str, samples: int, severity: str = "error") -> dict:
    return {"rule": code, "name": name, "severity": severity, "samples": samples, "without_fix": samples}


def test_a_clean_set_is_ready_and_says_so_in_numbers():
    assert judge(entry()) == ("ready", ["No error in 10,000 samples."])


def test_raw_im2latex_is_ready_and_its_few_errors_are_named():
    raw = entry(
        1_200, samples_with_error=2, errors_without_fix=2, samples_with_warning=60, warnings_without_safe_fix=60,
        rules=[rule("DLM005", "label-residue", 400, "info"), rule("SYN006", "double-superscript", 2)],
    )  # fmt: skip
    verdict, reasons = judge(raw)
    assert verdict == "ready"
    assert "2 of 1,200 samples (0.2 %) are wrong" in reasons[0]
    assert "SYN006 double-superscript (2)" in reasons[0]
    assert "SYN006 double-superscript (2)): leave them out" in reasons[0]
    raw["rules"] += [{**rule("ESC005", "escape-eaten-command", 9), "without_fix": 1}]
    assert "(most often SYN006 double-superscript (2), ESC005 escape-eaten-command (1))" in judge(raw)[1][0]


def test_hme100k_is_ready_with_a_remark_on_duplicates_and_leaks():
    verdict, reasons = judge(
        entry(74_502, duplicate_labels=20_934, splits={"train": 50_000, "test": 24_502}, split_overlap={"test": 5_234})
    )
    assert verdict == "ready"
    assert "28.1 % of labels (20,934) look the same" in reasons[1]
    assert "21.4 % of split test (5,234)" in reasons[2]


def test_raw_m2e_is_unfit_and_the_way_out_is_named():
    raw = entry(
        99_956, samples_with_error=80_000, layout_tokens=80_000,
        rules=[rule("ESC001", "layout-newline-token", 80_000), rule("ESC002", "layout-continuation-token", 9_000)],
    )  # fmt: skip
    verdict, reasons = judge(raw)
    assert verdict == "unfit"
    assert reasons[0].startswith("80 % of labels (80,000) hold layout tokens (ESC001, ESC002): they are not LaTeX")
    assert "`curate fix --unsafe-fixes --profile m2e`" in reasons[0]


def test_an_error_of_the_whole_set_makes_it_unfit_and_the_way_out_is_named():
    shifted = {"rule": "PAR001", "name": "shifted-pairs", "message": "pairs are shifted by +1: from a to b"}
    verdict, reasons = judge(entry(set_errors=[shifted], samples_with_error=30, rules=[rule("PAR001", "x", 30)]))
    assert verdict == "unfit"
    assert reasons[0].startswith("PAR001 shifted-pairs: pairs are shifted by +1: from a to b; `curate fix --unsafe-f")
    assert len(reasons) == 1


def test_a_set_none_of_whose_images_can_be_opened_is_never_ready():
    missing = entry(with_image=3, samples=10_000, missing_image=3, rules=[rule("IMG005", "undecodable-image", 3)])
    assert judge(missing)[0] == "unfit"
    lenient = fill(Thresholds(), {"missing_fix": 1, "missing_doubtful": 1, "missing_unfit": 1})
    assert judge(missing, lenient)[0] == "doubtful"
    assert "None of its 3 images can be opened: is `--images` the right folder?" in judge(missing)[1]


def test_layout_tokens_that_a_profile_calls_info_are_still_not_latex():
    known = entry(100, layout_tokens=90, rules=[rule("ESC001", "layout-newline-token", 90, "info")])
    assert judge(known)[0] == "unfit"


@pytest.mark.parametrize(
    ("broken", "verdict"),
    [(0, "ready"), (100, "ready"), (101, "fix first"), (501, "doubtful"), (2_001, "unfit"), (2_600, "unfit")],
)
def test_broken_labels_weigh_more_the_more_there_are(broken, verdict):
    found, reasons = judge(
        entry(samples_with_error=broken, errors_without_fix=broken, rules=[rule("SYN001", "unbalanced-brace", broken)])
    )
    assert found == verdict
    assert ("no rule can see" in reasons[0]) == (verdict in ("doubtful", "unfit"))


def test_what_a_safe_fix_repairs_is_never_worse_than_fix_first():
    verdict, reasons = judge(entry(samples_with_error=9_000, errors_with_safe_fix=9_000))
    assert verdict == "fix first"
    assert "run `curate fix`" in reasons[0]


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("layout_tokens", {50: "ready", 1_500: "fix first", 3_000: "doubtful", 6_000: "unfit"}),
        ("errors_with_unsafe_fix", {50: "ready", 1_500: "fix first", 3_000: "doubtful", 6_000: "unfit"}),
        ("missing_image", {50: "ready", 500: "fix first", 2_000: "doubtful", 6_000: "unfit"}),
        ("warnings_without_safe_fix", {2_000: "ready", 4_000: "fix first", 9_999: "doubtful"}),
        ("no_visual_key_without_error", {100: "ready", 500: "ready", 3_000: "doubtful", 10_000: "doubtful"}),
        ("duplicate_labels", {4_870: "ready", 7_000: "fix first"}),
    ],
)
def test_each_kind_of_damage_has_its_limits(field, parts):
    assert {part: judge(entry(**{field: part}))[0] for part in parts} == parts


@pytest.mark.parametrize(
    ("lost", "verdict"), [(10, "ready"), (500, "fix first"), (3_000, "doubtful"), (20_000, "unfit")]
)
def test_unreadable_rows_are_measured_against_all_rows(lost, verdict):
    found, reasons = judge(entry(rows=10_000 + lost, unreadable=lost, unreadable_by_reason={"no label": lost}))
    assert found == verdict
    assert any("could not be read (most often: no label" in reason for reason in reasons)


def test_nothing_read_is_unfit_and_points_at_the_format():
    verdict, reasons = judge(entry(0, rows=12, unreadable=12, unreadable_by_reason={"no TAB": 12}))
    assert verdict == "unfit"
    assert reasons == [
        "None of its 12 rows could be read (most often: no TAB, 12): "
        "check that it really is jsonl, or name another format."
    ]
    assert judge(entry(0))[1] == ["There is nothing in it: no row was found."]


def test_broken_labels_are_told_beside_missing_images():
    broken = entry(with_image=10_000, missing_image=10_000, samples_with_error=10_000, errors_without_fix=2)
    broken["rules"] = [rule("IMG005", "undecodable-image", 10_000), rule("SYN001", "unbalanced-brace", 2)]
    verdict, reasons = judge(broken)
    assert verdict == "unfit"
    assert reasons[0] == "None of its 10,000 images can be opened: is `--images` the right folder?"
    assert "2 of 10,000 samples (<0.1 %) are wrong and can't be repaired (most often SYN001" in reasons[1]


def test_rows_without_an_image_count_as_missing_only_where_others_have_one():
    assert judge(entry(with_image=4_000))[0] == "unfit"
    verdict, reasons = judge(entry(with_image=0))
    assert verdict == "ready"
    assert "No images were given: this is a verdict on the labels alone." in reasons


def test_a_tiny_set_and_long_labels_are_remarks():
    verdict, reasons = judge(entry(40, max_tokens=3_000))
    assert verdict == "ready"
    assert reasons[1:] == [
        "With 40 samples it is too small to fine-tune on alone.",
        "The longest label has 3,000 tokens: raise the sequence length or drop such labels.",
    ]


def test_the_heaviest_reason_stands_first():
    _, reasons = judge(entry(errors_with_safe_fix=9_000, errors_without_fix=600, samples_with_error=9_600))
    assert "can't be repaired" in reasons[0]
    assert "safe fix" in reasons[1]


def test_thresholds_can_be_replaced_and_bad_ones_are_refused():
    strict = fill(Thresholds(), {"broken_fix": 0})
    assert judge(entry(samples_with_error=1, errors_without_fix=1), strict)[0] == "fix first"
    for bad in ({"brokn": 0.1}, {"broken_fix": 2}, {"broken_fix": "a"}, {"small": 0.5}, {"small": True}, {"small": -1}):
        with pytest.raises(UserError, match=r"brokn|must be"):
            fill(Thresholds(), bad)


def test_every_limit_gets_looser_towards_the_worse_verdict():
    limits = Thresholds()
    for kind in ("broken", "unreadable", "missing"):
        steps = [getattr(limits, f"{kind}_{name}") for name in ("fix", "doubtful", "unfit")]
        assert steps == sorted(steps)
    assert VERDICTS == ("ready", "fix first", "doubtful", "unfit")


def test_a_set_whose_images_all_lie_elsewhere_is_judged_by_its_labels_and_never_ready():
    verdict, reasons = judge(entry(with_image=10_000, missing_image=10_000))
    assert verdict == "fix first"
    assert any("None of its 10,000 images was found" in reason for reason in reasons)
    worse = entry(with_image=10_000, missing_image=10_000, samples_with_error=6_000, errors_without_fix=6_000)
    assert judge(worse)[0] == "unfit"
