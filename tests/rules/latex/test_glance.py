"""The fast reader says exactly what the full one says, or leaves the label to it."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latexlike import formulas, labels

from rules.latex import glance, lexer, reader, visual_key
from rules.latex.key_limits import is_within

_COMMON = (
    r"\frac \sqrt \sum \limits \left( \right) \le \hat \over \dfrac \bf \, \\ \label{x} \operatorname * \big & { }"
)
_PIECES = [*"ab1=([{}}{_^^_']", *_COMMON.split(), r"\displaystyle"]
soup = st.lists(st.sampled_from(_PIECES), max_size=14).map(" ".join)
anything = formulas | labels | soup | st.text("\\{}_^&$#%'[]~ \n\tabc01", max_size=30)


def agree(label: str) -> None:
    for text in (label, " ".join(lexer.tokens(label))):
        toks = lexer.tokens(text)
        full = reader.read(text, toks)
        fast = glance.read(toks)
        assert toks == lexer.tokens(text)
        if fast is not None:
            assert fast == full
            if toks and is_within(toks):
                assert visual_key.of_plain(toks, fast.folds) == visual_key.of(text, toks, full)
        canonical = glance.canonical_tokens(text)
        if canonical is not None:
            assert canonical == toks
            assert reader.Reading([], toks, []) == full
            assert reader.spell(toks) == text
            if is_within(toks):
                assert visual_key.direct(text) == visual_key.of(text, toks, full)


@settings(max_examples=800)
@given(anything)
def test_the_fast_reader_agrees_with_the_full_one(label: str):
    agree(label)


@pytest.mark.parametrize(
    "label",
    [
        r"x_i^2", r"x^2_i", r"\frac12", r"{\cal L}", r"{a\over b}^2", r"{{a}}", r"a{}b", r"\sum\limits_i", r"f'",
        r"\left(\frac ab\right]", r"\sqrt[3]{x}", r"\sqrt[n]2", r"\dfrac{\dfrac12}3", r"\label{e}x", r"a\\b", r"x\,",
        r"\operatorname*{lim}_x", r"\big(x\big)", r"\displaystyle\sum", r"{\bf x\over y}", r"x\le y\quad", r"\hat x^2",
        r"\Delta*x", r"{\over\displaystyle x}",
    ],
)  # fmt: skip
def test_the_fast_reader_takes_what_is_common(label: str):
    agree(label)
    if "{\\bf x\\over" not in label:  # a font switch reaches below the bar: the full reader's case
        assert glance.read(lexer.tokens(label)) is not None


@pytest.mark.parametrize(
    ("label", "canonical"),
    [
        (r"\frac { a } { b }", True), (r"x _ { 1 } ^ { 2 }", True), (r"\sqrt [ 3 ] { x }", True), ("解 = 1", True),
        (r"\left( x \right)", False), (r"\left ( x \right )", True), (r"x ^ { 2 } _ { 1 }", False), ("", False),
        (r"x _ 1", False), ("a  b", False), ("{ a }", False), (r"a \,", False), (r"a \, b", True),
        (r"\, ^ { 2 }", False),
        (r"x \le y", False), (r"^ { 2 }", False), ("a & b", False), ("$ x $", False), (r"\[ x \]", False), ("}", False),
    ],
)  # fmt: skip
def test_a_canonical_label_is_seen_at_a_glance(label: str, canonical: bool):
    agree(label)
    assert (glance.canonical_tokens(label) is not None) is canonical


@pytest.mark.shared_data
def test_both_readers_agree_on_every_shared_label(shared_data: Path):
    verdicts = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    hme = (shared_data / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()
    distinct = {json.loads(row)["label"] for row in verdicts} | {row.split("\t")[1] for row in hme}
    read = [label for label in distinct if glance.read(lexer.tokens(label)) is not None]
    for label in distinct:
        agree(label)
    assert len(read) > 0.95 * len(distinct)  # it would be of no use otherwise
