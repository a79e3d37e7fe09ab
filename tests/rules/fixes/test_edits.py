"""Which of several overlapping edits are made, and the text after them."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rules.fixes.edits import Edit, apply, disjoint, in_order


def edit(start: int, end: int, text: str = "", rule: str = "SYN001") -> Edit:
    return Edit(start, end, text, rule, "safe")


def chosen(size: int, *edits: Edit) -> list[Edit]:
    return disjoint(in_order(edits, size), size)


def test_an_edit_of_the_whole_label_goes_first():
    whole = edit(0, 9, "new", "WSP001")
    assert chosen(9, edit(0, 3), whole, edit(9, 9, "x"), edit(4, 5)) == [whole]


def test_then_the_first_then_the_longer_then_the_lower_code():
    first, longer, code = edit(1, 3), edit(4, 8), edit(9, 10, "a", "CMD001")
    others = [edit(2, 5), edit(4, 6), edit(9, 10, "b", "DLM001")]
    assert chosen(20, *others, code, longer, first) == [first, longer, code]


def test_neighbours_do_not_overlap_and_insertions_have_one_place():
    left, right, between = edit(0, 2), edit(2, 4), edit(4, 4, "x")
    assert chosen(20, between, right, left, edit(4, 4, "y")) == [left, right, between]
    assert chosen(20, edit(1, 4), edit(2, 2, "x")) == [edit(1, 4)]


@pytest.mark.parametrize(
    ("text", "edits", "after"),
    [
        (r"x = 1 \quad", [edit(6, 11)], "x = 1"),
        (r"a \, b", [edit(2, 4)], "a b"),
        (r"\quad a", [edit(0, 5)], "a"),
        ("$ x $", [edit(0, 1), edit(4, 5)], "x"),
        (r"a\ \, b", [edit(3, 5)], "a\\  b"),
        (r"a\ \,", [edit(3, 5)], "a\\ "),
        (r"\alpha{}b", [edit(6, 8)], r"\alpha b"),
        (r"a<b", [edit(1, 2, r"\lt")], r"a\lt b"),
        (r"\\a{}b", [edit(3, 5)], r"\\ab"),
        ("x  +  1", [edit(1, 3, " "), edit(4, 6, " ")], "x + 1"),
        ("abc", [edit(1, 1, "-"), edit(2, 3, "d")], "a-bd"),
        ("abc", [], "abc"),
    ],
)
def test_making_edits(text, edits, after):
    assert apply(text, edits) == after
    assert apply(text, edits[::-1]) == after


@given(
    st.text("ab \\{}", max_size=12),
    st.lists(st.tuples(st.integers(0, 12), st.integers(0, 4), st.text("x ", max_size=2))),
)
def test_what_no_edit_names_stays(text, places):
    edits = [edit(min(start, len(text)), min(start + size, len(text)), new) for start, size, new in places]
    kept = chosen(len(text), *edits)
    for one, other in pairwise(kept):
        assert one.end <= other.start
    touched = {at for one in kept for at in range(one.start, one.end)}
    stays = [char for at, char in enumerate(text) if at not in touched and char != " "]
    rest = iter(apply(text, kept))
    assert all(char in rest for char in stays)
