"""Laws that hold for any label, however broken."""

from __future__ import annotations

import re
from itertools import pairwise

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latexlike import formulas, labels

import rules
from rules import engine, sieving
from rules.latex import lexer, reader, visual_key
from rules.registry import all_rules
from rules.selection import Ruleset, select

#: The sieve is the whole test, and the judge only writes the message.
WORDED_BY_SIEVE = {"CAN100", "LEN004", "NRM003", "SYN028"}
EVERY_RULE = select([code for code, rule in all_rules().items() if rule.scope == "label"])
#: For laws about canonical form and key, which no rule changes. For a single label, sieving takes most of the time.
NO_RULES = Ruleset(())
anything = labels | st.text(max_size=60) | st.text("\\{}_^&$#%'[]~ \n\tabcinrt01^", max_size=40)


@settings(max_examples=120)
@given(anything)
def test_no_label_makes_the_engine_raise_and_every_span_lies_within(label: str):
    judged = engine.judge([label], EVERY_RULE)
    for start, end in judged.findings.select("start", "end").iter_rows():
        assert (start is None) == (end is None)
        if start is not None:
            assert 0 <= start <= end <= len(label)
    assert judged.findings["message"].str.len_chars().min() != 0
    score = judged.labels["score"][0]
    assert 0 <= score <= 1
    assert (score == 1) or judged.findings.height


@settings(max_examples=100)
@given(anything)
def test_tokens_and_spans_agree(label: str):
    toks, spans = lexer.tokens(label), lexer.spans(label)
    assert [label[start:end] for start, end in spans] == toks
    assert all(before[1] <= after[0] for before, after in pairwise(spans))
    gaps = [
        label[a:b] for a, b in zip([0, *(end for _, end in spans)], [*(s for s, _ in spans), len(label)], strict=True)
    ]
    if "%" not in label:
        assert not "".join(gaps).strip(" \t\r\n")


@settings(max_examples=100)
@given(anything)
def test_the_readers_problems_point_at_tokens(label: str):
    toks = lexer.tokens(label)
    reading = reader.read(label, toks)
    for problem in reading.problems:
        assert 0 <= problem.start <= problem.end
        assert problem.start <= max(len(toks) - 1, 0)
    assert reading.fatal == any(problem.kind not in reader.HARMLESS for problem in reading.problems)
    assert reader.is_readable(label, toks) is not reading.fatal
    if reading.fatal:
        assert reading.canonical is None


@settings(max_examples=50)  # six labels on average: most of the time goes into each call of polars
@given(st.lists(anything, min_size=1, max_size=16))
def test_a_sieve_never_rejects_what_its_judge_would_find(texts: list[str]):
    failed = engine._Failed()
    read = [engine._read(text, failed, index) for index, text in enumerate(texts)]
    assert not failed.parts
    checked = [rule for rule in EVERY_RULE.rules("label") if rule.code not in WORDED_BY_SIEVE]
    # Like `sieving.sieved`, without a query plan, which takes far longer than sieving a few labels.
    rows = sieving.with_comments_left_out(engine._frame(texts, read).with_row_index())
    passed = rows.select("index", *(sieving.mask(rule).alias(rule.code) for rule in checked)).to_dict(as_series=False)
    for rule in checked:
        let_through = {row for row, taken in zip(passed["index"], passed[rule.code], strict=True) if taken}
        for row, (text, item) in enumerate(zip(texts, read, strict=True)):
            if row not in let_through or (rule.skips_canonical and item[1] is None):
                found = list(rule.judge(engine._label(text, item), EVERY_RULE.option_values(rule)))
                assert not found, (rule.code, text, found)


@settings(max_examples=100)
@given(formulas | labels)
def test_canonical_form_is_its_own_canonical_form_and_draws_the_same(label: str):
    first = engine.judge([label], NO_RULES).labels.row(0, named=True)
    if first["canonical"] is None:
        return
    second = engine.judge([first["canonical"]], NO_RULES).labels.row(0, named=True)
    assert second["canonical"] == first["canonical"]
    if first["visual_key"] is not None:
        assert second["visual_key"] == first["visual_key"]


@settings(max_examples=60)
@given(formulas, st.data())
def test_spaces_between_tokens_change_neither_key_nor_canonical_form(label: str, data: st.DataObject):
    # Not inside text, and not after a prime: white space means something there.
    if re.search(r"'|\\text|\\mbox", label):
        return
    spaced = "".join(token + " " * data.draw(st.integers(1, 3)) for token in lexer.tokens(label)).replace(
        "\\begin { m a t r i x }", "\\begin{matrix}"
    )
    spaced = re.sub(r"\\(begin|end) *\{( *[a-z])+ *\}", lambda found: found[0].replace(" ", ""), spaced)
    before, after = (engine.judge([text], NO_RULES).labels.row(0, named=True) for text in (label, spaced))
    assert after["visual_key"] == before["visual_key"]
    if before["canonical"] is not None and after["canonical"] is not None:
        assert after["canonical"] == before["canonical"]


@given(formulas)
def test_a_formula_has_no_unknown_command_and_nearly_always_a_key(label: str):
    kinds = {problem.kind for problem in reader.read(label, lexer.tokens(label)).problems}
    assert not kinds & {"unknown-command", "unclosed-brace", "missing-argument"}
    if not kinds - reader.HARMLESS:
        assert engine.visual_key_of(label) is not None, visual_key.mathml(label)


@settings(max_examples=15)
@given(st.lists(anything, max_size=4))
def test_labels_are_judged_apart(texts: list[str]):
    together = rules.check(texts)
    for row, text in enumerate(texts):
        alone = rules.check([text]).drop("row")
        assert together.filter(pl.col("row") == row).drop("row").equals(alone)


@pytest.mark.parametrize("opener", ["{", "\\sqrt{", "\\left(", "\\frac", "\\begin{matrix}", "x^{", "\\text{", "\\hat"])
def test_deep_nesting_is_a_finding_not_a_crash(opener: str):
    found = rules.check([opener * 5000])
    assert found.height
