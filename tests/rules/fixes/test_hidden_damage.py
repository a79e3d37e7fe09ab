"""The law that no fix hides an error: damage that nothing can mend is still found in the fixed label."""

from __future__ import annotations

import json
import random
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latexlike import labels

import rules
from rules import engine, fixing
from rules.fixes.proof import Text
from rules.registry import all_rules, tagged
from rules.selection import select

TOKENS = [
    *(
        "<s>",
        "</s>",
        "<unk>",
        "<pad>",
        "<eos>",
        "<eol>",
        "<sep>",
        "<mask>",
        "[UNK]",
        "[PAD]",
        "[CLS]",
        "<image>",
        "<img>",
    ),
    *("<|im_start|>", "<|im_end|>", "<|endoftext|>", "<|image_pad|>", "<|eot_id|>", "undefined", "MathType!"),
    *("https://a.b/c.png", "www.x.org", "![](a.png)", "![x](b.jpg)", r"\includegraphics{a}"),
]
WHOLE = [
    "nan",
    "ERROR",
    "???",
    "illegible",
    "null",
    "None",
    "N U L L",
    "i l l e g i b l e",
    r"\text{unreadable}",
    "$nan$",
]


def spellings(token: str) -> list[str]:
    """A token as pipelines write it: in another case, and with its letters spaced out."""
    if token.startswith("\\"):
        return [token]
    apart = [] if token == "<s>" else [" ".join(token)]
    other = [] if token[0] == "[" or token == "<s>" else [token.upper(), token.lower()]
    return list(dict.fromkeys([token, *other, *apart]))


def damage_of(texts: list[str]) -> dict[int, set[str]]:
    """By label, the codes of the rules with the tag `damage` that find something."""
    found = engine.judge(texts, select(tagged("damage"))).findings
    codes: dict[int, set[str]] = {}
    for row, code in found.select("row", "rule").iter_rows():
        codes.setdefault(row, set()).add(code)
    return codes


def check_law(texts: list[str], level: fixing.Level, workers: int = 1) -> None:
    texts = list(dict.fromkeys(texts))
    fixed = fixing.fix(texts, select(), level, workers=workers)["fixed"].to_list()
    before = damage_of(texts)
    rows = list(before)
    after = damage_of([fixed[row] for row in rows])
    hidden = [(texts[row], fixed[row]) for at, row in enumerate(rows) if not before[row] <= after.get(at, set())]
    assert hidden == []


def test_special_tokens_are_found_in_any_case_and_spacing() -> None:
    planted = [f"x ^ {{ 2 }} {text} + 1" for token in TOKENS for text in spellings(token)]
    assert [text for row, text in enumerate([*planted, *WHOLE]) if row not in damage_of([*planted, *WHOLE])] == []


@pytest.mark.parametrize("level", fixing.LEVELS)
@pytest.mark.parametrize("token", [*TOKENS, "NaN", "[object Object]"])
def test_fixing_a_label_with_junk_leaves_it_to_be_found(token: str, level: fixing.Level) -> None:
    check_law(
        [
            shape.replace("@", text)
            for text in spellings(token)
            for shape in (
                r"\frac { 1 } { 2 } @",
                "a ^ { 2 } = @ x_1",
                r"$ @ x^2_i $",
                "@",
                r"\sum\limits_{i}@",
                "x % @",
            )
        ],
        level,
    )


@settings(max_examples=12)
@given(st.lists(st.tuples(labels, st.sampled_from([*TOKENS, "NaN", "5 \\"]), labels), min_size=1, max_size=8))
def test_no_fix_hides_junk_in_any_label(parts: list[tuple[str, str, str]]) -> None:
    for level in fixing.LEVELS:
        check_law([f"{head} {token} {tail}" for head, token, tail in parts], level)


def test_what_is_refused_says_why() -> None:
    (row,) = rules.fix([r"a ^ { 2 } = NaN"]).to_dicts()
    assert (row["fixed"], row["refused"], row["reasons"]) == (row["label"], ["NRM012"], ["hides-damage"])
    found = rules.check([r"a ^ { 2 } = NaN"])
    assert dict(found.select("rule", "fix").iter_rows())["NRM012"] == "display"


def test_the_guard_counts_as_the_rules_do() -> None:
    text = "<pad> x <pad> [object Object]"
    assert Text(text, True).damage == {"SEM005": 2, "NRM001": 1, "NRM002": 0}
    assert all(all_rules()[code].fix is None for code in tagged("damage"))


@pytest.mark.shared_data
@pytest.mark.parametrize("level", fixing.LEVELS)
def test_the_law_on_real_labels_with_junk_in_a_tenth_of_them(shared_data: Path, level: fixing.Level) -> None:
    rng = random.Random(17)
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    texts = [json.loads(line)["label"] for line in rng.sample(lines, 1000)]
    for place in range(0, len(texts), 10):
        words = texts[place].split(" ")
        at = rng.randrange(len(words) + 1)
        texts[place] = " ".join([*words[:at], rng.choice(spellings(rng.choice(TOKENS))), *words[at:]])
    assert len(damage_of(texts)) >= 100
    check_law(texts, level)


@pytest.mark.shared_data
def test_real_labels_raise_no_alarm(shared_data: Path) -> None:
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    found = rules.check([json.loads(line)["label"] for line in lines], include=["SEM005", "SEM024", "UNI010"])
    assert found.filter(pl.col("rule").is_in(["SEM005", "SEM024", "UNI010"])).is_empty()


@pytest.mark.parametrize(
    ("label", "applied", "row"),
    [
        ("4 \times 7 \\n 2 8", ["ESC005", "ESC010"], r"$4 \times 7$"),
        ("a &lt; b \\n c", ["ESC008", "ESC010"], "$a<b$"),
        ("a \\\\times b \\n c", ["ESC006", "ESC010"], r"$a \times b$"),
    ],
    ids=["eaten", "entity", "doubled"],
)
def test_a_table_of_lines_is_made_of_the_label_with_its_escapes_mended(
    label: str, applied: list[str], row: str
) -> None:
    made = rules.fix([label], level="unsafe", profile="m2e").row(0, named=True)
    assert made["applied"] == applied
    assert row in made["fixed"]


def test_no_table_is_made_where_an_escape_stays_damaged() -> None:
    label = "a \x00 b \\n c"
    assert rules.fix([label], level="unsafe", profile="m2e")["fixed"].to_list() == [label]
