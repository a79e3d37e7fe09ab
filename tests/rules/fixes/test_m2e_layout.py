r"""The M²E layout repair: its grammar to the character, and what holds for every such label."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from latexlike import m2e_labels

import rules
from rules.fixes import m2e_layout

KNOWN_ROW = r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6"


def table(*rows: str, layout: str = "tabular") -> str:
    body = " \\\\\n".join(rows)
    return f"\\begin{{{layout}}}{{l}}\n{body}\n\\end{{{layout}}}"


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        (KNOWN_ROW, (r"$15.4 \times 4=61.6$", "15.4", r"$\times \quad 4$", r"\hline 61.6")),
        (
            r"1 2 \n \times 3 4 \n 4 8 \n 3 6 \n 4 0 8",
            ("12", r"$\times \quad 34$", r"\hline 48", "36", r"\hline 408"),
        ),
        (r"1 2 \n + 3 4 \n + 5 6 \n 1 0 2", ("12", r"$+ \quad 34$", r"$+ \quad 56$", r"\hline 102")),
        (r"3 x + 5 = 1 1 \n - 2 x \n x = 3", ("$3x+5=11$", "$-2x$", "$x=3$")),
        (r"解 ： 设 x 元 \n 答 ： 6 1 . 6 元", ("解：设$x$元", "答：61.6元")),
        (r"\frac { 1 } { 2 } \n 5 0 \% \n ( 2 )", (r"$\frac{1}{2}$", r"50\%", "$(2)$")),
        (r"1 7 \div 5 = 3 \cdots 2 \n = 3 & 2", (r"$17 \div 5=3 \cdots 2$", r"$=3\&2$")),
        # A calculation needs a number, then operators, then numbers, and something below the last operator.
        (r"1 2 \n + 3 4", ("12", "$+34$")),
        (r"1 2 \n + 3 4 \n x", ("12", "$+34$", "$x$")),
        (r"1 2 \n 3 4 \n 5", ("12", "34", "5")),
        (r"x \n + 3 4 \n 4 6", ("$x$", "$+34$", "46")),
        (r"1 2 \n \div 3 \n 4 \n 5", ("12", r"$\div \quad 3$", r"\hline 4", r"\hline 5")),
        (r"5 0 \% \n - 1 . 5 \% \n 4 8 . 5 \%", (r"50\%", r"$- \quad 1.5\%$", r"\hline 48.5\%")),
        # Blocks follow one another, and each is judged separately.
        (r"1 \n + 2 \n 3 \t 4 \n - 1 \n 3", ("1", r"$+ \quad 2$", r"\hline 3", "4", r"$- \quad 1$", r"\hline 3")),
        (r"x = 1 \n \t = 2", ("$x=1$", "$=2$")),
        (r"1 2 \t + 3 \n 1 5", ("12", "$+3$", "15")),
        # Control words keep one space, except at a brace, at a script or at an end.
        (r"\sqrt { 2 } \times \pi r ^ { 2 } \n x _ { 1 } \approx", (r"$\sqrt{2}\times \pi r^{2}$", r"$x_{1}\approx$")),
        (r"9 0 ^ { \circ } \n 3 \times 元", (r"$90^{\circ}$", r"$3 \times$元")),
        (r"\left( 1 + 2 \right) \times 3 \n 9", (r"$\left(1+2\right) \times 3$", "9")),
        # Not spaced, and with a fused delimiter.
        (r"\frac{1}{2}\n=0.5", (r"$\frac{1}{2}$", "$=0.5$")),
        # Numbers: no point at either end, one at most.
        (r"1 . \n . 5 \n 1 . 2 . 3 \n 3 \% 4", ("$1.$", "$.5$", "$1.2.3$", r"$3\%4$")),
        (r"① 3 x \n ▪ 5 0 ％", ("①$3x$", "▪50％")),
        # Text inside a formula's group stays with the formula.
        (
            r"\frac { 总 价 } { 2 } \n x ^ 元 \n \left( 元 \right)",
            (r"$\frac{\text{总价}}{2}$", r"$x^\text{元}$", r"$\left( \text{元}\right)$"),
        ),
    ],
)
def test_the_grammar_to_the_character(label, rows):
    assert m2e_layout.repair(label) == table(*rows)


@pytest.mark.parametrize(
    ("label", "rows"),
    [
        (KNOWN_ROW, (r"15.4 \times 4=61.6", "15.4", r"\times \quad 4", r"\hline 61.6")),
        (r"解 ： 设 x 元 \n 答 ： 6 1 . 6 元", (r"\text{解：设}x \text{元}", r"\text{答：}61.6 \text{元}")),
        (r"\frac { 1 } { 2 } \n 5 0 \% \n ( 2 )", (r"\frac{1}{2}", r"50\%", "(2)")),
        (r"[ 1 ] \n [ 2 ] \n * 3", ("[1]", "{}[2]", "{}*3")),
        (r"u v = 2 \n e q \n u \n a b", ("{}uv=2", "{}eq", "u", "ab")),
    ],
)
def test_rows_of_an_array_have_no_dollars(label, rows):
    assert m2e_layout.repair(label, "array") == table(*rows, layout="array")


@pytest.mark.parametrize(
    ("label", "reason", "place"),
    [
        (r"8 \DIV 9 6 \n 1 2", r"\DIV stands for", r"\DIV"),
        (r"8 \DIV 9 6", r"\DIV stands for", r"\DIV"),
        (r"a \n \n b", "row 2 is empty", r"\n"),
        (r"a \n", "row 2 is empty", r"\n"),
        (r"\t a", "row 1 is empty", r"\t"),
        (r"a \t \n b", "row 2 is empty", r"\t"),
        (r"a \n \n \t b", "row 2 is empty", r"\n"),
        (r"5 % \n 3", "% has a special meaning", "%"),
        (r"\frac { 1 \n 2 }", "LaTeX would also reject", None),
        (r"\foo 1 \n 2", "LaTeX would also reject", None),
    ],
)
def test_what_has_no_repair_says_why(label, reason, place):
    got = m2e_layout.attempt(label)
    assert got.text is None
    assert m2e_layout.repair(label) is None
    assert got.reason.startswith(reason)
    if place is not None:
        ((start, end),) = m2e_layout.spans(label)[got.at[0] : got.at[1]]
        assert label[start:end] == place
    found = rules.check([label], include=["ESC010"], profile="m2e").row(0, named=True)
    assert (found["severity"], found["fix"], found["replacement"]) == ("warning", None, None)


def test_longer_control_words_are_no_layout():
    label = r"\nu \neq \theta \times \tan x \notin \text { a } \DIVA"
    assert m2e_layout.repair(label) == label


def test_another_layout_is_refused():
    with pytest.raises(ValueError, match="choose from tabular, array"):
        m2e_layout.repair("a", "matrix")  # type: ignore[arg-type]


def test_the_rule_proposes_the_repair_in_its_profile_only():
    (found,) = rules.check([KNOWN_ROW], profile="m2e", include=["ESC010"]).to_dicts()
    assert (found["start"], found["end"], found["fix"]) == (0, len(KNOWN_ROW), "unsafe")
    assert found["replacement"] == m2e_layout.repair(KNOWN_ROW)
    assert "ESC010" in rules.select(profile="m2e").codes
    assert "ESC010" not in rules.select().codes
    chosen = rules.select(profile="m2e", include=["ESC010"], options={"ESC010": {"layout": "array"}})
    assert rules.check([KNOWN_ROW], ruleset=chosen)["replacement"].item() == m2e_layout.repair(KNOWN_ROW, "array")


# Properties -----------------------------------------------------------------------------------------------------------


def _harmless(label: str) -> list[dict]:
    return [found for found in rules.check([label], profile="m2e").to_dicts() if found["severity"] != "info"]


def _is_subsequence(wanted: list[str], held: list[str]) -> bool:
    rest = iter(held)
    return all(token in rest for token in wanted)


@given(m2e_labels, st.sampled_from(m2e_layout.LAYOUTS))
def test_a_repaired_label_is_clean_complete_and_stays(label, layout):
    assume({"\\n", "\\t"} & set(m2e_layout.tokens(label)))  # one row is not a layout: a lone `&` stays, and is wrong
    repaired = m2e_layout.repair(label, layout)
    assert repaired is not None, m2e_layout.attempt(label, layout).reason
    assert _harmless(repaired) == []
    toks = m2e_layout.tokens(repaired)
    assert not {"\\n", "\\t"} & set(toks)
    wanted = ["\\&" if token == "&" else token for token in m2e_layout.tokens(label) if token not in ("\\n", "\\t")]
    assert _is_subsequence(wanted, toks)
    assert m2e_layout.repair(repaired, layout) == repaired
    one_line = repaired.replace("\n", " ")
    assert rules.visual_key([one_line]).item() == rules.visual_key([repaired]).item()


@given(st.text("\\nt1x+={}%^_ 元DIV&"))
def test_any_text_is_repaired_or_refused(label):
    got = m2e_layout.attempt(label)
    assert (got.text is None) == (got.reason is not None)


#: The layout tokens, paired brackets and scripts need partners; they have cases of their own above.
_PARTNERED = {"{", "}", "^", "_", "\\left(", "\\right)", "\\frac", "\\n", "\\t", "\\DIV", "\\circ"}


def _vocabulary_labels(vocabulary: list[str]) -> list[str]:
    alone = [token for token in vocabulary if token and token not in _PARTNERED]
    rows = [f"{token} \\n 1 {token} 2 \\t {token} {token} \\n x ^ {{ {token} }}" for token in alone]
    return [*rows, " ".join(alone) + " \\n " + " ".join(reversed(alone)), *_PARTNERS]


_PARTNERS = [r"\left( 1 \right) \n \frac { 1 } { 2 } \t 9 0 ^ { \circ }", r"9 0 ^ \circ \n x _ 1 ^ 2"]

#: A similar vocabulary, if the real one is not available.
_OWN_VOCABULARY = [
    *"0123456789+-=<>()[]:;,.xyabkmgt",
    *"：；，【】％解设答验算元米钟①▪·",
    "\\times",
    "\\div",
    "\\%",
    "\\cdots",
    "\\approx",
    "\\pi",
    "\\quad",
    "&",
]


def _check_vocabulary(vocabulary: list[str]) -> None:
    written = []
    for label in _vocabulary_labels(vocabulary):
        for layout in m2e_layout.LAYOUTS:
            repaired = m2e_layout.repair(label, layout)
            assert repaired is not None, (label, m2e_layout.attempt(label, layout).reason)
            written.append(repaired)
    worse = rules.check(written, profile="m2e").filter(pl.col("severity") != "info")
    assert worse.height == 0, [written[row] for row in worse["row"]]


def test_every_token_of_a_vocabulary_is_repaired():
    _check_vocabulary(_OWN_VOCABULARY)


@pytest.mark.shared_data
def test_every_token_of_the_real_vocabulary_is_repaired(shared_data: Path):
    vocabulary = (shared_data / "m2e" / "dic.txt").read_text(encoding="utf-8").split("\n")
    unknown = set(vocabulary) & _PARTNERED - {"_"}
    assert {"\\n", "\\t", "\\DIV", "\\left(", "\\right)", "\\frac", "{", "}", "^", "\\circ"} == unknown
    _check_vocabulary(vocabulary)
