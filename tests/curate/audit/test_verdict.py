"""The verdicts that real data sets should get, and the sentences that explain them."""

from __future__ import annotations

import re

import pytest

from curate.audit.thresholds import Thresholds
from curate.audit.verdict import VERDICTS, export_command, verdict_text
from curate.audit.verdict import judge as judge_points
from curate.base.errors import UserError
from curate.base.settings import fill
from curate.sources.model import NOT_UTF8


def judge(entry: dict, thresholds: Thresholds | None = None) -> tuple[str, list[str]]:
    """The verdict and its points as sentences."""
    verdict, points = judge_points(entry, thresholds)
    return verdict, [point.sentence for point in points]


def entry(samples: int = 10_000, **more) -> dict:
    base = {
        "name": "set",
        "path": "set.jsonl",
        "format": "jsonl",
        "rows": samples,
        "samples": samples,
        "splits": {},
        "unreadable": 0,
        "unreadable_by_reason": {},
        "with_image": samples,
        "max_tokens": 90,
        "set_errors": [],
        "images": {"images": samples, "pages": 0, "inverted": 0, "model": {"shrunk": 0}},
        "rules": [],
    }
    zero = [f"errors_{way}" for way in ("without_fix", "with_unsafe_fix", "with_safe_fix")]
    zero += ["samples_with_error", "samples_with_warning", "layout_tokens", "duplicate_labels", "missing_image"]
    zero += [
        "warnings_without_safe_fix",
        "warnings_mended_by_export",
        "no_visual_key_without_error",
        "residue",
        "respellable",
    ]
    return {**base, **dict.fromkeys(zero, 0), **more}


def rule(code: str, name: str, samples: int, severity: str = "error", safe: int = 0, unsafe: int = 0) -> dict:
    counts = {"samples": samples, "without_fix": samples - max(safe, unsafe)}
    return {
        "rule": code,
        "name": name,
        "severity": severity,
        **counts,
        "with_safe_fix": safe,
        "with_unsafe_fix": unsafe,
    }


def test_a_clean_set_is_ready_and_says_so_in_numbers():
    assert judge(entry()) == ("ready", ["No error in 10,000 samples."])


def test_the_few_errors_of_a_ready_set_are_named():
    raw = entry(
        1_200, samples_with_error=2, errors_without_fix=2,
        rules=[rule("DLM005", "label-residue", 400, "info"), rule("SYN006", "double-superscript", 2)],
    )  # fmt: skip
    verdict, reasons = judge(raw)
    assert verdict == "ready"
    assert reasons[0] == (
        "2 of 1,200 samples (0.2 %) are wrong and can't be repaired (SYN006 double-superscript (2)): "
        "`curate export` leaves them out."
    )
    raw["rules"] += [{**rule("ESC005", "escape-eaten-command", 9), "without_fix": 1}]
    assert "(SYN006 double-superscript (2), ESC005 escape-eaten-command (1))" in judge(raw)[1][0]


#: The counts of the audit of raw im2latex: 1,200 rows with their pages.
RAW = {
    "images": {"images": 1_200, "pages": 1_198, "inverted": 0, "model": {"shrunk": 1_200}},
    "samples_with_error": 21, "errors_without_fix": 21, "residue": 710, "respellable": 1_100,
    "warnings_without_safe_fix": 46, "no_visual_key_without_error": 44,
    "rules": [
        rule("CMD016", "old-form-matrix", 11), rule("DLM005", "reference-residue", 672, "info"),
        rule("SYN015", "unbraced-argument", 843, "info", safe=840),
        rule("WSP004", "spacing-command", 595, "info", unsafe=595),
        {**rule("IMG011", "uncropped-page", 0, "warning")},
    ],
}  # fmt: skip


def test_of_raw_im2latex_the_pages_stand_first_and_then_the_residue():
    verdict, points = judge_points(entry(1_200, **RAW))
    assert verdict == "fix first"
    assert [point.name for point in points[:4]] == ["pages", "residue", "broken", "spelling"]
    assert points[0].sentence.startswith("1,198 of 1,200 images (99.8 %) are mostly empty paper")
    assert "`--crop ink`" in points[0].do
    assert points[0].rules == ("IMG011",)
    assert "(710) contain things that no picture shows (DLM005 reference-residue (672))" in points[1].sentence
    assert "look the same (SYN015 unbraced-argument (840)):" in points[3].sentence  # not without spaces


def test_a_fix_is_named_where_it_repairs():
    rules = [rule("SYN020", "illegal-length", 9, unsafe=8), rule("CMD016", "old-form-matrix", 7, safe=7)]
    raw = entry(1_200, errors_with_unsafe_fix=8, errors_with_safe_fix=7, samples_with_error=15, rules=rules)
    said = {point.name: point.sentence for point in judge_points(raw)[1]}
    assert "errors that only an unsafe fix repairs (SYN020 illegal-length (8)):" in said["unsafe-fixes"]
    assert "errors that a safe fix repairs (CMD016 old-form-matrix (7));" in said["safe-fixes"]


def test_of_crohme_the_light_ink_stands_first():
    images = {"images": 8_834, "pages": 0, "inverted": 8_834, "model": {"shrunk": 0}}
    verdict, points = judge_points(entry(8_834, images=images, duplicate_labels=4_002))
    assert verdict == "fix first"
    assert points[0].what == "All 8,834 images are light ink on dark paper"
    assert points[0].export == ("--invert",)
    assert points[1].name == "duplicates"


def test_a_verdict_without_images_says_so_in_its_first_line():
    for seen in (entry(with_image=0), entry(images=None)):
        verdict, points = judge_points(seen)
        assert points[0].name == "labels-only"
        assert verdict_text({**seen, "verdict": verdict}) == "fix first (labels only)"
    assert verdict_text({**entry(), "verdict": "ready"}) == "ready"


def test_a_set_to_test_on_says_so():
    assert judge(entry(splits={"test": 10_000}))[1][0].startswith("By its name, all of it is a test set (test)")
    assert judge(entry(splits={"val": 10_000}))[1][0].startswith("By its name, all of it is a validation set (val)")
    both = judge(entry(splits={"val": 5000, "test": 5000}))[1][0]
    assert both.startswith("By its name, all of it is for tests and validation (val, test)")
    by_file = entry(path="a/mathwriting_valid_captions.json")
    assert "(mathwriting_valid_captions.json)" in judge(by_file)[1][0]
    assert judge(entry(splits={"train": 9_000, "test": 1_000}))[1] == ["No error in 10,000 samples."]
    assert judge(entry(splits={"test": 9_000}))[1] == ["No error in 10,000 samples."]  # the rest doesn't matter


def test_the_point_that_makes_the_verdict_is_never_behind_heavier_ones():
    _, points = judge_points(entry(errors_without_fix=2_100, samples_with_error=2_100, duplicate_labels=10_000))
    assert [point.level for point in points] == sorted((point.level for point in points), reverse=True)


def _everything() -> list:
    """One point of every kind."""
    shifted = {"rule": "PAR001", "name": "shifted-pairs", "message": "m"}
    unread = {"rule": "DST009", "name": "labels-no-formulas", "message": "m"}
    numbers = dict.fromkeys(
        ("layout_tokens", "errors_without_fix", "errors_with_unsafe_fix", "errors_with_safe_fix", "residue",
         "warnings_without_safe_fix", "no_visual_key_without_error", "respellable", "unreadable"), 900,
    )  # fmt: skip
    rules = [
        rule(code, "name", 900, severity, safe=899, unsafe=899)
        for code, severity in [("ESC001", "error"), ("SYN001", "error"), ("CAN004", "warning"), ("DLM005", "info"),
                               ("CAN001", "info"), ("IMG001", "error"), ("IMG004", "info"), ("PAR002", "error")]
    ]  # fmt: skip
    images = {"images": 900, "pages": 500, "inverted": 500, "model": {"shrunk": 100}}
    all_bad = entry(
        900, **numbers, rules=rules, images=images, missing_image=3, set_errors=[shifted, unread], duplicate_labels=800,
        max_tokens=5_000, splits={"test": 450, "train": 450}, split_overlap={"test": 400}, shared_labels={"other": 100},
    )  # fmt: skip
    more = (entry(with_image=0), entry(images=None), entry(splits={"test": 10_000}))
    return [point for seen in (all_bad, *more) for point in judge_points(seen)[1]]


def test_every_command_and_flag_of_the_advice_exists():
    from curate.base.commands import CommandGroup
    from curate.cli.main import main_group
    from finetune.cli.main import main_group as finetune_group

    points = _everything()
    assert len({point.name for point in points}) >= 20
    groups: dict[str, CommandGroup] = {"curate": main_group, "finetune": finetune_group}

    def flags(command) -> set[str]:
        return {name for parameter in command.params for name in parameter.opts}

    every = {name: flags(main_group.get_command(None, name)) for name in ("audit", "fix", "export")}
    told = [part for point in points for text in (point.why, point.do) for part in text.split("`")[1::2]]
    assert len(told) > 15
    for text in told:
        words = [word.partition("=")[0] for word in text.split()]
        if words[0] in groups:
            command = groups[words[0]].get_command(None, words[1])
            assert command is not None, text
            there = flags(command)
        else:
            there = set().union(*every.values())
        assert {word for word in words if word.startswith("--")} <= there, text
    for point in points:
        assert {word for word in point.export if word.startswith("--")} <= every["export"], point.name


def test_the_export_command_has_every_flag_once_and_none_of_unfit_sources():
    def told(name: str, **more) -> dict:
        seen = entry(1_200, name=name, **more)
        verdict, points = judge_points(seen)
        return {**seen, "verdict": verdict, "advice": [point.as_json() for point in points]}

    inverted = {"images": 9, "pages": 0, "inverted": 9, "model": {"shrunk": 0}}
    sources = [told("raw", **RAW), told("crohme", images=inverted, errors_with_unsafe_fix=100)]
    assert export_command(sources, "my run") == (
        "curate export 'my run' --out dataset --crop ink --fix safe --invert --style canonical"
    )
    unfit = told("bad", errors_without_fix=900, images=inverted)
    assert export_command([unfit], "run") is None
    assert export_command([told("labels", with_image=0)], "run") is None
    assert export_command([told("clean")], "run") == "curate export run --out dataset"


def test_hme100k_is_ready_with_a_remark_on_duplicates_and_leaks():
    verdict, reasons = judge(
        entry(74_502, duplicate_labels=20_934, splits={"train": 50_000, "test": 24_502}, split_overlap={"test": 5_234})
    )
    assert verdict == "ready"
    assert "28.1 % of labels (20,934) look the same" in reasons[1]
    assert "21.4 % of test (5,234)" in reasons[0]


def test_raw_m2e_is_unfit_and_the_way_out_is_named():
    raw = entry(
        99_956, samples_with_error=80_000, layout_tokens=80_000,
        rules=[rule("ESC001", "layout-newline-token", 80_000), rule("ESC002", "layout-continuation-token", 9_000)],
    )  # fmt: skip
    verdict, reasons = judge(raw)
    assert verdict == "unfit"
    assert reasons[0].startswith("80 % of labels (80,000) hold layout tokens (ESC001, ESC002): they are not LaTeX")
    assert "`curate fix SOURCE --unsafe-fixes --profile m2e --diff`" in reasons[0]


def test_an_error_of_the_whole_set_makes_it_unfit_and_the_way_out_is_named():
    shifted = {"rule": "PAR001", "name": "shifted-pairs", "message": "pairs are shifted by +1: from a to b"}
    verdict, reasons = judge(entry(set_errors=[shifted], samples_with_error=30, rules=[rule("PAR001", "x", 30)]))
    assert verdict == "unfit"
    assert reasons[0].startswith("PAR001 shifted-pairs: pairs are shifted by +1: from a to b; `curate fix SOURCE")
    assert len(reasons) == 1


def test_a_set_none_of_whose_images_can_be_opened_is_never_ready():
    missing = entry(with_image=3, samples=10_000, missing_image=3, rules=[rule("PAR002", "missing-image", 3)])
    assert judge(missing)[0] == "unfit"
    lenient = fill(Thresholds(), {"missing_fix": 1, "missing_doubtful": 1, "missing_unfit": 1})
    assert judge(missing, lenient)[0] == "doubtful"
    assert any(
        text.startswith("None of its 3 images can be opened; check that `--images set=DIR`")
        for text in judge(missing)[1]
    )


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
    assert "run `curate fix SOURCE --out PATH`" in reasons[0]


def test_errors_that_the_fix_of_another_rule_repairs_are_not_left_unexplained():
    named = [rule("CMD016", "old-form-matrix", 7, safe=7)]
    (some,) = (text for text in judge(entry(errors_with_safe_fix=9, rules=named))[1] if "safe fix" in text)
    assert "(CMD016 old-form-matrix (7); in the rest, the fix of another finding); run" in some
    (all_of_them,) = (text for text in judge(entry(errors_with_safe_fix=7, rules=named))[1] if "safe fix" in text)
    assert "(CMD016 old-form-matrix (7)); run" in all_of_them


def test_every_fix_that_is_advised_says_where_its_result_goes():
    counted = {"errors_with_safe_fix": 900, "errors_with_unsafe_fix": 800, "layout_tokens": 700, "residue": 600}
    shifted = {"rule": "PAR001", "name": "shifted-pairs", "message": "pairs are shifted"}
    _, reasons = judge(entry(**counted, respellable=500, set_errors=[shifted], rules=[rule("PAR001", "x", 30)]))
    fixes = [found for reason in reasons for found in re.findall(r"`(curate fix [^`]*)`", reason)]
    assert len(fixes) == 6
    assert [found for found in fixes if "--out " not in found and "--diff" not in found] == []


@pytest.mark.parametrize(
    ("field", "parts"),
    [
        ("layout_tokens", {50: "ready", 1_500: "fix first", 3_000: "doubtful", 6_000: "unfit"}),
        ("errors_with_unsafe_fix", {50: "ready", 1_500: "fix first", 3_000: "doubtful", 6_000: "unfit"}),
        ("missing_image", {50: "ready", 500: "fix first", 2_000: "doubtful", 6_000: "unfit"}),
        ("warnings_without_safe_fix", {2_000: "ready", 4_000: "fix first", 9_999: "doubtful"}),
        ("warnings_mended_by_export", {400: "ready", 600: "fix first", 9_999: "fix first"}),
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
        "None of its 12 rows could be read (most often: no TAB, 12); "
        "check that it really is jsonl, or name another format."
    ]
    assert judge(entry(0))[1] == ["There is nothing in it: no row was found."]


@pytest.mark.parametrize("lost", [300, 3_000, 9_000])
def test_rows_of_another_encoding_are_to_be_saved_again(lost):
    reasons = judge(entry(10_000 - lost, rows=10_000, unreadable=lost, unreadable_by_reason={NOT_UTF8: lost}))[1]
    assert any("save the file as UTF-8" in reason for reason in reasons)
    assert not any("really is" in reason for reason in reasons)


def test_broken_labels_are_told_beside_missing_images():
    broken = entry(with_image=10_000, missing_image=10_000, samples_with_error=10_000, errors_without_fix=2)
    broken["rules"] = [rule("IMG005", "undecodable-image", 10_000), rule("SYN001", "unbalanced-brace", 2)]
    verdict, reasons = judge(broken)
    assert verdict == "unfit"
    assert reasons[0] == (
        "None of its 10,000 images can be opened; each finding of IMG005 says what the file is, and what to do."
    )
    assert "2 of 10,000 samples (<0.1 %) are wrong and can't be repaired (SYN001" in reasons[1]


def test_rows_without_an_image_count_as_missing_only_where_others_have_one():
    assert judge(entry(with_image=4_000))[0] == "unfit"
    verdict, reasons = judge(entry(with_image=0))
    assert verdict == "fix first"
    assert reasons[0].startswith("No image was given: this verdict is on the labels only")


def test_a_tiny_set_and_long_labels_are_remarks():
    verdict, reasons = judge(entry(40, max_tokens=3_000))
    assert verdict == "ready"
    assert reasons == [
        "With 40 samples it is too small to fine-tune on alone.",
        "The longest label has 3,000 tokens; raise the sequence length, or export with `--max-tokens 1024`.",
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


def test_images_none_of_which_can_be_opened_are_never_taken_for_unopened_ones():
    """Also if no rule asks about them."""
    lost = entry(with_image=10_000, missing_image=10_000, images=None)
    verdict, points = judge_points(lost)
    assert (verdict, points[0].name) == ("unfit", "missing-images")
    assert verdict_text({**lost, "verdict": verdict}) == "unfit"


def test_likely_wrong_names_only_rules_that_nothing_mends():
    found = [
        rule("DLM001", "outer-delimiters", 9_000, "warning", safe=9_000),
        rule("IMG006", "exif-rotated", 4_000, "warning"),
        rule("PAR007", "doubtful-pair", 400, "warning"),
    ]
    counted = entry(warnings_without_safe_fix=400, warnings_mended_by_export=4_000, rules=found)
    (wrong,) = (text for text in judge(counted)[1] if "likely wrong" in text)
    assert "400 of 10,000 samples (4 %) are likely wrong (PAR007 doubtful-pair (400));" in wrong
    (unprepared,) = (text for text in judge(counted)[1] if "EXIF" in text)
    assert "4,000 of 10,000 samples (40 %) have an image that training code often reads wrongly" in unprepared
    assert "IMG006 exif-rotated (4,000)" in unprepared
