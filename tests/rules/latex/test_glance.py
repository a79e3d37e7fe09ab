"""A label that a glance accepts as canonical is spelled the same by the reader, without a problem or a fold."""

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
_PIECES = [*"ab1=+~([{}}{_^^_']", *_COMMON.split(), r"\displaystyle"]
soup = st.lists(st.sampled_from(_PIECES), max_size=14).map(" ".join)
anything = formulas | labels | soup | st.text("\\{}_^&$#%'[]~ \n\tabc01", max_size=30)


def agree(label: str) -> bool:
    """Does the glance accept the label as canonical? Then the reader must agree."""
    toks = glance.canonical_tokens(label)
    if toks is None:
        return False
    assert toks == lexer.tokens(label)
    full = reader.read(label, toks)
    assert reader.Reading([], toks, []) == full
    assert reader.spell(toks) == label
    if is_within(toks):
        assert visual_key.direct(label) == visual_key.of(label, toks, full)
    return True


@settings(max_examples=800)
@given(anything)
def test_what_is_canonical_at_a_glance_is_canonical_to_the_reader(label: str):
    agree(label)
    toks = lexer.tokens(label)
    agree(" ".join(toks))
    canonical = reader.read(label, toks).canonical
    if canonical is not None:
        agree(reader.spell(canonical))


@pytest.mark.parametrize(
    ("label", "canonical"),
    [
        (r"\frac { a } { b }", True), (r"x _ { 1 } ^ { 2 }", True), (r"\sqrt [ 3 ] { x }", True), ("解 = 1", True),
        (r"\left( x \right)", False), (r"\left ( x \right )", True), (r"x ^ { 2 } _ { 1 }", False), ("", False),
        ("X ^ { + ~ }", False), ("x ~ y", True),
        (r"x _ 1", False), ("a  b", False), ("{ a }", False), (r"a \,", False), (r"a \, b", True),
        (r"\, ^ { 2 }", False),
        (r"x \le y", False), (r"^ { 2 }", False), ("a & b", False), ("$ x $", False), (r"\[ x \]", False), ("}", False),
    ],
)  # fmt: skip
def test_a_canonical_label_is_seen_at_a_glance(label: str, canonical: bool):
    assert agree(label) is canonical


@pytest.mark.shared_data
def test_the_reader_agrees_on_every_shared_label(shared_data: Path):
    verdicts = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    hme = (shared_data / "hme100k" / "train_labels.txt").read_text(encoding="utf-8").splitlines()
    distinct = {json.loads(row)["label"] for row in verdicts} | {row.split("\t")[1].strip() for row in hme}
    assert sum(map(agree, distinct)) > 0.7 * len(distinct)  # otherwise the glance would be useless
