"""Half of a surrogate pair in a text: one helper finds it, and every reader of texts uses its words."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.base.surrogates import HALF_A_PAIR, check_characters, half_a_pair
from curate.findings.label_lines import read_labels
from curate.predictions.rows import read_predictions
from curate.runs.decisions import decide


@pytest.mark.parametrize(
    ("text", "at"), [("", None), ("x", None), ("😀中", None), ("\ud800", 0), ("ab\udfff", 2), ("\ud83d\ude00", 0)]
)
def test_the_first_half_is_found(text: str, at: int | None) -> None:
    assert half_a_pair(text) == at
    if at is None:
        check_characters(text, "here")
    else:
        with pytest.raises(UserError) as raised:
            check_characters(text, "here")
        assert str(raised.value) == f"here {HALF_A_PAIR} (position {at + 1})"


def test_all_readers_say_where_in_the_same_words(tmp_path: Path) -> None:
    rows = tmp_path / "rows.jsonl"
    rows.write_text('{"id": "1", "label": "ab\\ud800", "pred": "x"}\n', encoding="utf-8")
    for call, where in (
        (lambda: read_labels(str(rows)), f"{rows}: line 1: its label"),
        (lambda: read_predictions(rows), f"{rows}: line 1: label"),
        (lambda: decide("s/a", "edit", "x", "ab\ud800"), "s/a: the new label"),
        (lambda: decide("s/a", "accept", "ab\ud800"), "s/a: the label"),
        (lambda: decide("s/a", "accept", "x", None, "ab\ud800"), "s/a: the name of who decides"),
        (lambda: decide("ab\ud800", "accept", "x"), "'ab\\ud800': the sample's id"),
    ):
        with pytest.raises(UserError) as raised:
            call()
        assert str(raised.value) == f"{where} {HALF_A_PAIR} (position 3)"
