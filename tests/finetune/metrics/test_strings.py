"""The vectorised numbers of pairs against plain loops that say the same thing."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from finetune.metrics import strings

TOKENS = st.lists(st.sampled_from(["a", "b", r"\alpha", "{", "中"]), max_size=14)


def plainly(truth: list[str], prediction: list[str]) -> list[float]:
    far = Levenshtein.distance(truth, prediction)
    there = [len(prediction) - n + 1 for n in (1, 2, 3, 4)]
    grams = [
        [Counter(tuple(side[i : i + n]) for i in range(len(side) - n + 1)) for side in (truth, prediction)]
        for n in (1, 2, 3, 4)
    ]
    return [
        *(far <= most for most in range(4)),
        1 - far / max(len(truth), len(prediction), 1),
        *((one & other).total() for one, other in grams),
        *(max(1, n) for n in there),
        len(truth),
        len(prediction),
        Levenshtein.distance(" ".join(truth), " ".join(prediction)),
        len(" ".join(truth)),
    ]


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=12))
def test_every_number_is_that_of_a_plain_loop(pairs) -> None:
    numbers = strings.measure(pairs)
    assert numbers.tolist() == [plainly(truth, prediction) for truth, prediction in pairs]


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=12))
def test_batches_and_new_vocabularies_change_nothing(pairs) -> None:
    whole = strings.measure(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strings, "_BATCH", 3)
        patch.setattr(strings, "_MOST_LETTERS", 1)
        assert (strings.measure(pairs) == whole).all()


def test_more_tokens_than_a_plane_of_characters() -> None:
    truth = [f"t{number}" for number in range(70_000)]  # past the surrogates, which are no characters
    numbers = strings.measure([(truth, [*truth[:-1], "x"])])
    assert numbers[0, strings.COLUMNS.index("le1")] == 1
    assert numbers[0, strings.COLUMNS.index("match4")] == 70_000 - 4


def test_no_pairs() -> None:
    assert strings.measure([]).shape == (0, len(strings.COLUMNS))
