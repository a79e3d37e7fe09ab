"""Which level the edits of a label get, whatever other edits are next to them."""

from __future__ import annotations

import pytest

from rules.fixes.edits import Edit
from rules.fixes.proof import Text, achievable_levels


@pytest.mark.parametrize(("start", "end", "spaced"), [(0, 2, "$ q"), (13, 15, "} $")])
def test_delimiters_go_together_although_an_edit_is_in_the_way_of_one(start: int, end: int, spaced: str) -> None:
    text = Text(r"$q > A ^ { d }$")
    ends = [Edit(0, 1, "", "DLM001", "safe"), Edit(14, 15, "", "DLM001", "safe")]
    assert achievable_levels(text, [*ends, Edit(start, end, spaced, "NRM012", "safe")]) == ["safe"] * 3
    assert achievable_levels(text, ends[:1]) == ["display"]


def test_edits_of_a_rule_that_are_not_right_together_stay_refused() -> None:
    text = Text(r"$q > A ^ { d }$")
    ends = [Edit(0, 1, "", "DLM001", "safe"), Edit(14, 15, "x", "DLM001", "safe")]
    assert achievable_levels(text, [*ends, Edit(0, 2, "$ q", "NRM012", "safe")])[1] != "safe"
