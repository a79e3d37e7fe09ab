"""The canonical form's shortcuts are right: what math-core gets without a reading, and which braces are not tried."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from latexlike import formulas, labels

from rules import engine
from rules.latex import canonical_braces, lexer, reader
from rules.latex import visual_key as key
from rules.latex.canonical_braces import braces
from rules.latex.canonical_commands import fonts
from rules.latex.canonical_tokens import closing
from rules.latex.cursor import ATOM_OPEN

_PIECES = [
    *"ab12=-+.,~&^_{}{}'",
    *(r"\\", r"\,", r"\ ", r"\int", r"\sum", r"\hat{x}", r"\bf", r"\mathrm{d}", r"\left(", r"\right)", r"\cdots"),
    *(r"\rm", r"\displaystyle", r"\mathbf{a {bc}}", r"{\bf x {ab} y}", r"\int {\cal D}"),
    *(r"\frac{a}{b}", "(", ")", "{a}", "{ab}", "{x^2}", "{=}", "{-a}", "0.5"),
    *(r"\begin{array}{cc}", r"\end{array}", r"\begin{matrix}", r"\end{matrix}", r"\over", r"\text{if }"),
]
soup = st.lists(st.sampled_from(_PIECES), max_size=12).map(" ".join)
table = st.lists(soup, min_size=1, max_size=4).map(
    lambda cells: rf"\begin{{array}}{{cc}} {' & '.join(cells)} \end{{array}}"
)


def is_ready_as_read(label: str) -> bool:
    """Is math-core's input known without a reading? Then the reader must say the same."""
    tokens = reader.read(label, lexer.tokens(label)).canonical
    if tokens is None:
        return False
    spelled = reader.spell(tokens)
    ready = key.ready(tokens, spelled)
    if ready is None:
        return False
    toks = lexer.tokens(spelled)
    reading = reader.read(spelled, toks)
    assert reading.fatal or key.normalise(spelled, toks, reading) == reader.spell(ready)
    return True


def held_braces(label: str) -> int:
    """The number of braces in a label that are not tried. Without them, the label is drawn differently."""
    toks = lexer.tokens(label)
    reading = reader.read(label, toks)
    visual_key = key.of(label, toks, reading)
    tokens = reading.canonical
    if tokens is None or visual_key is None:
        return 0
    groups = [(at, closing(tokens, at)) for at, token in enumerate(tokens) if token == ATOM_OPEN]
    tried = {first for step in (fonts, braces) for first, _, _ in step(tokens)}
    held = 0
    for opening, end in groups:
        inner = tokens[opening + 1 : end]
        if opening in tried or not inner or canonical_braces._is_spaced(inner):
            continue
        held += 1
        bare = reader.spell([*tokens[:opening], *inner, *tokens[end + 1 :]])
        assert engine.visual_key_of(bare) != visual_key, bare
    return held


@settings(max_examples=600)
@given(formulas | labels | soup | table)
def test_what_math_core_gets_is_known(label: str):
    is_ready_as_read(label)


@pytest.mark.parametrize(
    ("label", "known"),
    [
        (r"\begin{array}{cc} a & b \\ {- c} & 0 \end{array}", True),
        (r"{a b}^2 \begin{matrix} 1 \\ 2 \end{matrix}", True),
        (r"x ~ y", True), (r"x ~ = y", True), (r"\frac{a ~ ,}{b} \left( ~ + c ~ \right)", True), (r"+ ~ {a b}", True),
        (r"\sqrt[~ = 3]{x}", False), (r"x ~ = y \hspace{1pt} z", False), (r"a ~ = b \atop c", False),
        (r"\begin{matrix} a ~ = \end{matrix}", False), (r"{}^2 x {}_i + {}", False), (r"= {}^2 x", True),
        (r"a \\ b", False), (r"\begin{matrix} a \\[2pt] b \end{matrix}", False),
        (r"\begin{matrix} a \\ [b] \end{matrix}", False), (r"\int {(a)}", False), (r"{x^2}_i", True), (r"{= a}", True),
        (r"{} + b", False), (r"\frac { \dfrac a b } c", False),
    ],
)  # fmt: skip
def test_what_is_known_and_what_the_reader_is_asked(label: str, known: bool):
    assert is_ready_as_read(label) is known


@settings(max_examples=300)
@given(formulas | soup | table)
def test_braces_that_are_not_tried_make_a_difference(label: str):
    held_braces(label)


@pytest.mark.parametrize(
    ("label", "held"),
    [
        (r"{d x}^2 + {x^2}^3", 2), (r"\int {\cal D} x", 1), (r"\begin{array}{cc} {- a} & {= } \end{array}", 2),
        (r"a + {b c} + d", 1), (r"\frac{{a b}}{c}", 0), (r"{0.5} x", 0), (r"{x_1} y", 0), (r"{a b}", 0),
    ],
)  # fmt: skip
def test_braces_that_are_not_tried(label: str, held: int):
    assert held_braces(label) == held


@pytest.mark.shared_data
def test_both_hold_for_shared_labels(shared_data: Path):
    lines = (shared_data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    found = [label for line in lines[::12] if "{" in (label := json.loads(line)["label"])]
    assert sum(map(is_ready_as_read, found)) > 0.9 * len(found)
    assert sum(map(held_braces, found)) > 30
