"""Fixes: which are made, proven or left alone, and that fixing a fixed label changes nothing."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from uniformity import mixed_keys

import rules
from rules import batches, fixing
from rules.fixes import proof
from rules.fixes.edits import Edit
from rules.registry import SelectionError, all_rules, fixing_as


def fix(labels, level="safe", **options) -> pl.DataFrame:
    """Fix with the rules' style fixes, which are made and proven like repairs."""
    return rules.fix(labels, level, **{"style": "rules", **options})


def fixed(label: str, level: str = "safe", **options) -> dict:
    (row,) = fix([label], level, **options).to_dicts()
    assert row["label"] == label
    assert row["visual_key_before"] == rules.visual_key([label]).item()
    assert row["visual_key_after"] == rules.visual_key([row["fixed"]]).item()
    again = fix([row["fixed"]], level, **options).to_dicts()[0]
    assert (again["fixed"], again["applied"]) == (row["fixed"], [])
    return row


@pytest.mark.parametrize(
    ("label", "after", "codes"),
    [
        (r"$x \leq 1$", r"x \leq 1", ["DLM001"]),
        (r"x = 1 \label{a} \quad", "x = 1", ["DLM005", "WSP003"]),
        ("x  +  1  -  2", "x + 1 - 2", ["WSP001"]),
        ("x^2_i", "x_{i}^{2}", ["CAN002", "SYN015"]),
        ("a\tb\n+ c", "a b + c", ["ESC007"]),
        (r"\frac12 + \frac{1}2 + \frac 1x", r"\frac{1}{2} + \frac{1}{2} + \frac {1}{x}", ["SYN015"]),
        ("{{{a}}} + { { b ^ {{ 2 }} } }", "{a} + { b ^ { 2 } }", ["SYN013"]),
    ],
)
def test_safe_fixes_keep_what_is_drawn(label, after, codes):
    row = fixed(label)
    assert (row["fixed"], row["applied"], row["refused"]) == (after, codes, [])
    assert row["visual_key_before"] == row["visual_key_after"] is not None


@pytest.mark.parametrize(
    ("style", "after"),
    [
        ("none", r"\sum\limits_i x^2_i"),
        ("rules", r"\sum_{i} x_{i}^{2}"),
        ("canonical", r"\sum _ { i } x _ { i } ^ { 2 }"),
    ],
)
def test_style_is_made_only_where_it_is_asked_for(style, after):
    row = fixed(r"$\sum\limits_i x^2_i \label{a} \nonumber$", style=style)
    assert row["fixed"] == after
    assert fixed(after, style=style)["fixed"] == after


def test_a_style_that_is_none_is_refused():
    with pytest.raises(ValueError, match="unknown style 'plain'; choose from none, canonical, rules"):
        rules.fix(["x"], style="plain")  # type: ignore[arg-type]


def test_every_fix_says_what_it_is_for():
    for rule in all_rules().values():
        assert (rule.fix is None) == (rule.fix_kind is None), rule.code
    residue = {"DLM001", "DLM003", "DLM005"}
    assert residue <= set(fixing_as("repair"))
    errors = {rule.code for rule in all_rules().values() if rule.severity == "error"}
    assert errors.isdisjoint(fixing_as("style"))


def test_a_label_with_nothing_to_fix_is_itself():
    assert fixed("x + 1") == {
        "label": "x + 1",
        "fixed": "x + 1",
        "applied": [],
        "refused": [],
        "reasons": [],
        "visual_key_before": rules.visual_key(["x + 1"]).item(),
        "visual_key_after": rules.visual_key(["x + 1"]).item(),
    }


@pytest.mark.parametrize("label", [r"\( a \) , \( b \)", r"\[ a \] \[ b \]", "$a$ , $b$"])
def test_delimiters_of_two_formulas_are_not_taken_off(label):
    assert fixed(label, "unsafe")["fixed"] == label


def test_the_order_of_labels_duplicates_nulls_and_ids_stay():
    frame = pl.DataFrame({"sample_id": ["a", "b", "c", "d"], "label": ["$x$", None, "y", "$x$"], "more": [1, 2, 3, 4]})
    got = fix(frame)
    assert got.columns == ["sample_id", *fixing.SCHEMA]
    assert got["sample_id"].to_list() == ["a", "b", "c", "d"]
    assert got["fixed"].to_list() == ["x", "", "y", "x"]
    assert fix([]).schema == pl.Schema(fixing.SCHEMA)


@pytest.mark.parametrize(
    ("label", "code"),
    [
        ("a\times b", "ESC005"),  # TAB and letters can be read, but something else is drawn afterwards
        (r"\begin{matrix} a & b &lt; c \end{matrix}", "ESC008"),
    ],
)
def test_a_safe_fix_that_changes_the_picture_is_refused_and_is_unsafe(label, code):
    row = fixed(label)
    assert (row["fixed"], row["applied"], row["refused"]) == (label, [], [code])
    assert code in fixed(label, "unsafe")["applied"]


@pytest.mark.parametrize(
    ("label", "after", "codes"),
    [
        ("a &lt; b", "a < b", ["ESC008"]),
        (r"a &lt; b &amp;lt; c", None, ["ESC008"]),
    ],
)
def test_without_a_key_listed_fixes_are_proven_otherwise(label, after, codes):
    row = fixed(label)
    assert row["visual_key_before"] is None
    if after is not None:
        assert (row["fixed"], row["applied"]) == (after, codes)
        assert row["visual_key_after"] is not None


@pytest.mark.parametrize(
    ("edits", "code", "proven"),
    [
        ((r"$ x $", [(0, 1, ""), (4, 5, "")]), "DLM001", True),
        ((r"$ x y $", [(0, 1, ""), (4, 7, "")]), "DLM001", False),
        ((r"$ x $", [(0, 1, "")]), "DLM001", False),
        ((r"x \label{a_1}", [(2, 13, "")]), "DLM005", True),
        ((r"x \nonumber", [(2, 11, "")]), "DLM005", True),
        ((r"x \label{a}}", [(2, 12, "")]), "DLM005", False),
        ((r"x \ref{a}", [(2, 9, "")]), "DLM005", False),
        ((r"a &lt; b", [(2, 6, "<")]), "ESC008", True),
        ((r"a &lt; b", [(2, 6, ">")]), "ESC008", False),
        (("\x0crac", [(0, 4, r"\frac")]), "ESC005", True),
        (("\x0crac", [(0, 4, r"\brac")]), "ESC005", False),
        (("xrac", [(0, 4, r"\frac")]), "ESC005", False),
    ],
)
def test_the_proofs_without_a_key(edits, code, proven):
    text, places = edits
    made = [Edit(*place, code, "safe") for place in places]
    assert all_rules()[code].proof(text, made) is proven


def test_a_label_without_a_key_gets_no_other_safe_fix():
    label = r"a & b  + \frac{1}{2} x^2"
    row = fixed(label)
    assert row["fixed"] == label
    assert row["visual_key_before"] is None
    assert "WSP001" in row["refused"]


def test_an_unreadable_label_is_only_changed_by_what_makes_it_readable():
    assert fixed(r"$ \frac{a $", "unsafe")["fixed"] == r"$ \frac{a $"
    assert fixed(r"\frac{a \quad b", "unsafe")["fixed"] == r"\frac{a \quad b"
    row = fixed(r"a \n b \n c", "unsafe")
    assert (row["fixed"], row["applied"]) == (r"a \\ b \\ c", ["ESC001"])
    assert row["visual_key_after"] is not None


@pytest.mark.parametrize(
    ("label", "code", "reason"),
    [
        ("a\times b", "ESC005", "changes-picture"),
        ("a & b  + 1", "WSP001", "no-key"),
        (r"$ x \foo $", "DLM001", "not-readable"),
    ],
)
def test_a_refused_fix_says_why(label, code, reason):
    row = fixed(label)
    assert dict(zip(row["refused"], row["reasons"], strict=True))[code] == reason


@pytest.mark.parametrize(
    ("label", "words"),
    [
        # A key before and after: the rule's own level holds.
        (r"$ x^2_i $", {"DLM001": "safe", "CAN002": "safe", "SYN015": "safe"}),
        # No key, and LaTeX rejects the label. Nothing mends it, so nothing is made.
        (r"\frac{a}{b} + x^2^3", {"SYN015": "display"}),
        (r"$ \frac{a $", {"DLM001": "display"}),
        # No key, but LaTeX reads the label when all fixes are made.
        (r"a \n x^2", {"ESC001": "unsafe", "SYN015": "unsafe"}),
        ("a\times b", {"ESC005": "unsafe"}),
        # Another proof than the key's. If it lets a fix be made, the fixes that follow build on that proof.
        ("$$ x^2_i &lt; 1 $$", {"DLM001": "safe", "CAN002": "safe", "SYN015": "safe", "ESC008": "safe"}),
        # One of the two is in the way.
        ("a  +\times b", {"WSP001": "safe", "ESC005": "unsafe"}),
    ],
)
def test_a_finding_says_how_its_fix_may_be_made_in_its_label(label, words):
    found = rules.check([label], include=list(words))
    assert set(found.select("rule", "fix").iter_rows()) == set(words.items())  # the same at each of a rule's places
    for level, permitted in (("safe", {"safe"}), ("unsafe", {"safe", "unsafe"})):
        row = fixed(label, level, include=list(words))
        assert set(row["applied"]) == {code for code, word in words.items() if word in permitted}


def test_no_size_stays_behind_its_space():
    assert fixed(r"a \hspace{1cm} b \hspace * { 2 em } c \hskip 1em plus 2pt d \, e", "unsafe")["fixed"] == "a b c d e"
    assert fixed(r"a \hskip \foolength b", "unsafe")["fixed"] == r"a \hskip \foolength b"


def test_a_command_with_an_argument_is_not_braced_alone():
    assert rules.check([r"x^\frac12"], include=["SYN015"])["replacement"].to_list() == [None]
    row = fixed(r"x^\frac12 + y^2")
    assert (row["fixed"], row["refused"]) == (r"x^\frac{1}{2} + y^{2}", [])


@pytest.mark.parametrize(
    ("label", "level", "codes"),
    [
        ("x^2  + " * 60 + r"\frac12 + {{{b}}} + {{c}}", "safe", ["SYN013", "SYN015", "WSP001"]),
        ("x " + r"\hspace { 1 cm } \, " * 60, "safe", ["WSP001", "WSP003"]),
        ("s i n l o g " * 60 + "x", "unsafe", ["CMD007"]),
    ],
)
def test_many_places_need_one_pass(monkeypatch, label, level, codes):
    calls = []
    judge = fixing.engine.judge

    def counted(labels, *arguments, **options):
        calls.append(len(labels))
        return judge(labels, *arguments, **options)

    monkeypatch.setattr(fixing.engine, "judge", counted)
    (row,) = fix([label], level).to_dicts()
    assert row["applied"] == codes
    assert len(calls) == 2  # the second call finds nothing left to do


def test_one_place_that_cannot_be_proven_holds_up_no_other():
    edits = [Edit(at, at + 1, "{2}", "SYN015", "safe") for at in range(1, 60, 2)]
    wrong = Edit(61, 62, "{3}", "SYN015", "safe")
    before = proof.Text("".join("+2" for _ in range(31)))
    good = proof.proven(before, [*edits, wrong])
    assert good == edits


def test_delimiters_go_together_or_not_at_all():
    row = fixed(r"$ x \foo $")
    assert row["fixed"] == r"$ x \foo $"
    assert row["refused"] == ["DLM001"]


def test_what_a_refused_edit_stood_in_the_way_of_gets_its_turn():
    before = proof.Text("x  +  y")
    wrong = Edit(0, 7, "z", "AAA001", "safe")
    right = Edit(1, 3, " ", "WSP001", "safe")
    assert proof.choose(before, [right, wrong], proof.proven) == ([right], [wrong])


def test_a_circle_ends_at_its_first_spelling():
    case = fixing._Case(["a"])
    there = [Edit(0, 1, "b", "AAA001", "unsafe")]
    back = [Edit(0, 1, "a", "AAA001", "unsafe")]
    assert case.step(there, "unsafe")
    assert not case.step(back, "unsafe")
    assert (case.spellings, case.applied, case.key_after) == (["a"], [], rules.visual_key(["a"]).item())


def test_a_proof_says_which_label_it_is_at(monkeypatch):
    """Otherwise, thousands of proofs in a row look like one label that hangs, and their process is killed."""
    at, proving = [], []
    real = proof.proven
    monkeypatch.setattr(fixing, "now_at", at.append)
    monkeypatch.setattr(fixing, "proven", lambda before, edits: proving.append(at[-1]) or real(before, edits))
    labels = ["x", "$x$", "y", r"${}\frac {1} {2} \quad\quad$"]
    fixed = fix(labels)
    assert fixed["fixed"].to_list()[1::2] != labels[1::2]
    assert proving[:2] == [1, 3]
    assert set(proving) == {1, 3}
    assert at[-1] == -1


def test_a_label_that_is_not_done_in_time_keeps_its_text(monkeypatch):
    monkeypatch.setattr(fixing, "MAX_PASSES", 1)
    label = "x  " * 9
    (row,) = fix([label]).to_dicts()
    assert (row["fixed"], row["applied"], row["refused"]) == (label, [], ["WSP001"])
    assert row["reasons"] == ["never-done"]
    assert row["visual_key_before"] == row["visual_key_after"] == rules.visual_key([label]).item()


def test_nothing_is_fixed_away():
    label = r"\label{a}"[1:]
    assert fixed(label)["fixed"] == label
    assert fixed("% all of it", "unsafe")["fixed"] == "% all of it"


def test_levels_can_be_promoted_and_demoted():
    assert fix(["a \\, b"])["fixed"].item() == "a \\, b"
    demoted = rules.select(fixes={"DLM001": "unsafe", "WSP001": "display"})
    assert fix(["$x  y$"], ruleset=demoted)["fixed"].item() == "$x  y$"
    assert fix(["$x  y$"], "unsafe", ruleset=demoted)["fixed"].item() == "x  y"
    # A promoted fix is proven like any other. The first changes the picture, the second doesn't.
    promoted = rules.select(fixes={"spacing-command": "safe", "trailing-punctuation": "safe"})
    assert fix(["a \\, b"], ruleset=promoted)["refused"].to_list() == [["WSP004"]]
    promoted = rules.select(fixes={"trailing-punctuation": "unsafe"})
    assert fix(["x = 1 ."], "unsafe", ruleset=promoted)["fixed"].item() == "x = 1"


def test_a_place_less_sure_than_its_rule_is_not_promoted():
    label = "x\n etau"
    (found,) = rules.check(["x\netau"], include=["ESC005"]).to_dicts()
    assert found["fix"] == "display"
    chosen = rules.select(["ESC005"], fixes={"ESC005": "safe"})
    assert fix(["x\netau", label], "unsafe", ruleset=chosen)["applied"].to_list() == [[], []]


def test_wrong_levels_are_refused():
    with pytest.raises(ValueError, match="choose from safe, unsafe"):
        fix(["x"], "display")  # type: ignore[arg-type]
    with pytest.raises(SelectionError, match="must be one of safe, unsafe, display"):
        rules.select(fixes={"DLM001": "certain"})
    with pytest.raises(SelectionError, match="no rule is called"):
        rules.select(fixes={"DLM999": "safe"})


M2E_ROW = r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6"
M2E_TABLE = (
    "\\begin{tabular}{l}\n$15.4 \\times 4=61.6$ \\\\\n15.4 \\\\\n$\\times \\quad 4$ \\\\\n\\hline 61.6\n\\end{tabular}"
)


def test_a_layout_label_becomes_its_table_and_stays_it():
    row = fixed(M2E_ROW, "unsafe", profile="m2e")
    assert (row["fixed"], row["applied"]) == (M2E_TABLE, ["ESC010"])
    one_line = M2E_TABLE.replace("\n", " ")
    assert fixed(one_line, "unsafe", profile="m2e")["fixed"] == one_line
    assert fixed(M2E_ROW, profile="m2e")["fixed"] == M2E_ROW


@pytest.mark.parametrize("label", [r"a \n \n b", r"a \n", r"8 \DIV 9 6 \n 1 2"])
def test_a_layout_label_that_no_table_can_be_made_of_is_left(label):
    assert fixed(label, "unsafe", profile="m2e")["fixed"] == label


# Properties -----------------------------------------------------------------------------------------------------------

_MATHS = [r"\frac{a}{b}", r"\frac12", "x^2", "x_i^2", r"\quad", r"\,", "{{a}}", r"\le", "+", "$", r"\label{q}", "&lt;"]
_MARKS = ["&", r"\\", r"\n", r"\t", r"\left(", r"\right)", "{", "}", "^", "%", "1", r"\begin{matrix}", r"\end{matrix}"]
_MORE = [r"\operatorname{sin}", r"\sum\limits_{i}", r"{a\over{}b}", "~", r"\neq", r"\alpha", r"\text{a }", r"\ "]
_PIECE = st.sampled_from([*_MATHS, *_MARKS, *_MORE, " ", "  ", "\n", "\timex", "\x0crac{1}{2}"])


@settings(max_examples=40)
@given(st.lists(st.lists(_PIECE, max_size=8).map("".join), min_size=1, max_size=8), st.sampled_from(["default", "m2e"]))
def test_no_label_breaks_it_and_safe_is_safe(labels, profile):
    for level in fixing.LEVELS:
        got = fix(labels, level, profile=profile)
        assert got["label"].to_list() == labels
        _check_invariants(got, level, profile)


_SPELLED = [
    "x^2",
    "x ^ 2",
    "x^{2}",
    "x^{2}  ",
    "$x^2$",
    r"x^2 \label{a}",
    r"a \le b",
    r"a\leq b",
    r"\sum\limits_i",
    r"\sum_i",
]


@settings(max_examples=60)
@given(st.lists(st.sampled_from(_SPELLED) | _PIECE, max_size=12), st.sampled_from(fixing.STYLES))
def test_a_set_is_never_spelled_less_uniformly_than_before(labels, style):
    got = rules.fix(labels, style=style)
    before, after = got["visual_key_before"], got["visual_key_after"]
    readable = got.filter(before.is_not_null() & after.is_not_null())
    assert mixed_keys(readable["fixed"]) <= mixed_keys(readable["label"])
    if style == "canonical":
        assert mixed_keys(readable["fixed"]) == 0


@pytest.mark.shared_data
@pytest.mark.parametrize("style", ["none", "canonical"])
def test_real_sets_are_never_spelled_less_uniformly_than_before(shared_data: Path, style):
    """All of each set, but only a part of HME100K, whose first 15,000 rows show all of its pairs."""
    hme = (shared_data / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()[:15_000]
    sets = {
        "hme100k": [line.split("\t", 1)[1] for line in hme],
        "crohme": [
            line.split("\t", 1)[1] for line in (shared_data / "crohme/train/caption.txt").read_text().splitlines()
        ],
        "mathwriting": json.loads((shared_data / "mathwriting/mathwriting_valid_captions.json").read_text()),
        "im2latex": (shared_data / "im2latex/im2markup_sample/formulas.lst").read_bytes().decode("latin-1").split("\n"),
    }
    for name, labels in sets.items():
        got = rules.fix(labels, style=style, workers=2)
        was = mixed_keys(got["label"], got["visual_key_before"])
        now = mixed_keys(got["fixed"], got["visual_key_after"])
        assert now <= was, name
        if name == "mathwriting":
            assert was > 50
        if style == "canonical":
            assert now <= 1, name  # a matrix and an array in brackets share a key but have two canonical forms


def _check_invariants(got: pl.DataFrame, level: str, profile: str = "default") -> None:
    """Safe fixes keep the key, `applied` says whether the label changed, and fixing again changes nothing."""
    changed = got.filter(pl.col("fixed") != pl.col("label"))
    assert (got["applied"].list.len() > 0).to_list() == (got["fixed"] != got["label"]).to_list()
    if level == "safe":
        keyed = changed.filter(pl.col("visual_key_before").is_not_null())
        assert keyed["visual_key_before"].to_list() == keyed["visual_key_after"].to_list()
        codes = set(changed.filter(pl.col("visual_key_before").is_null())["applied"].explode().to_list())
        if changed.filter(pl.col("visual_key_after").is_null()).height == changed.height:
            assert codes <= {code for code, rule in all_rules().items() if rule.proof}
    assert got["visual_key_after"].to_list() == rules.visual_key(got["fixed"]).to_list()
    again = fix(changed["fixed"], level, profile=profile)
    assert again["fixed"].to_list() == changed["fixed"].to_list()
    assert again["applied"].explode().drop_nulls().len() == 0


def _real_labels(folder: Path) -> list[str]:
    found = {json.loads(line)["label"] for line in (folder / "latex_verdicts.jsonl").read_text().splitlines()}
    hme = (folder / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()
    found |= {line.split("\t", 1)[1] for line in hme}
    formulas = (folder / "im2latex" / "im2markup_sample" / "formulas.lst").read_bytes().decode("latin-1")
    return sorted(found | set(formulas.split("\n")))


@pytest.mark.shared_data
def test_safe_fixes_of_real_labels(shared_data: Path):
    labels = _real_labels(shared_data)
    assert len(labels) >= 50_000
    got = fix(labels, workers=2)
    assert (got["fixed"] != got["label"]).sum() > 3000
    _check_invariants(got, "safe")


@pytest.mark.shared_data
def test_unsafe_fixes_of_real_labels(shared_data: Path):
    got = fix(random.Random(7).sample(_real_labels(shared_data), 3000), "unsafe")
    assert (got["fixed"] != got["label"]).sum() > 100
    _check_invariants(got, "unsafe")


@pytest.mark.shared_data
@pytest.mark.parametrize("level", fixing.LEVELS)
def test_real_findings_say_how_their_fixes_are_made(shared_data: Path, level):
    formulas = (shared_data / "im2latex" / "im2markup_sample" / "formulas.lst").read_bytes().decode("latin-1")
    labels = list(dict.fromkeys(formulas.split("\n")))
    said = rules.check(labels).join(fix(labels, level).with_row_index("row"), on="row")
    permitted = said.filter(pl.col("fix").is_in(fixing.LEVELS[: fixing.LEVELS.index(level) + 1]))
    applied, refused = (pl.col(name).list.contains(pl.col("rule")) for name in ("applied", "refused"))
    assert permitted.height > 2000
    assert permitted.filter(refused & ~applied).is_empty()
    others = said.filter(pl.col("replacement").is_not_null()).join(permitted, on=["row", "rule"], how="anti")
    assert others.height > 20
    # Only a rule's other places in the label, and what one fix opens up for another, may still be made.
    assert others.filter(applied).height <= 4


@pytest.mark.shared_data
def test_processes_change_nothing(shared_data: Path, monkeypatch):
    labels = _real_labels(shared_data)[:3000]
    alone = fix(labels)
    monkeypatch.setattr(batches, "MIN_PARALLEL", 100)
    assert fix(labels, workers=2).equals(alone)
