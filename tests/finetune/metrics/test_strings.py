"""The vectorised numbers of pairs, checked against plain loops."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from finetune.metrics import strings

TOKENS = st.lists(st.sampled_from(["a", "b", r"\alpha", "{", "中"]), max_size=14)


def plainly(truth: list[str], prediction: list[str]) -> dict[str, float]:
    far = Levenshtein.distance(truth, prediction)
    there = [len(prediction) - n + 1 for n in (1, 2, 3, 4)]
    grams = [
        [Counter(tuple(side[i : i + n]) for i in range(len(side) - n + 1)) for side in (truth, prediction)]
        for n in (1, 2, 3, 4)
    ]
    return {
        **{("le" + str(most) if most else "exact"): far <= most for most in range(4)},
        "edit": 1 - far / max(len(truth), len(prediction), 1),
        **{f"matches{n}": (one & other).total() for n, (one, other) in enumerate(grams, 1)},
        **{f"possible{n}": max(1, number) for n, number in enumerate(there, 1)},
        "long": len(truth) >= 4,
        "truth_tokens": len(truth),
        "prediction_tokens": len(prediction),
        "wrong_characters": Levenshtein.distance(" ".join(truth), " ".join(prediction)),
        "characters": len(" ".join(truth)),
    }


def by_pair(pairs) -> list[dict[str, float]]:
    numbers = strings.measure(pairs)
    return [{name: column[place] for name, column in numbers.items()} for place in range(len(pairs))]


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=12))
def test_every_number_is_that_of_a_plain_loop(pairs) -> None:
    assert by_pair(pairs) == [plainly(truth, prediction) for truth, prediction in pairs]


@given(st.lists(st.tuples(TOKENS, TOKENS), min_size=1, max_size=12))
def test_batches_and_new_vocabularies_change_nothing(pairs) -> None:
    whole = by_pair(pairs)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(strings, "_BATCH", 3)
        patch.setattr(strings, "_MOST_LETTERS", 1)
        assert by_pair(pairs) == whole


def test_more_tokens_than_a_plane_of_characters() -> None:
    truth = [f"t{number}" for number in range(70_000)]  # past the surrogates, which are not characters
    numbers = strings.measure([(truth, [*truth[:-1], "x"])])
    assert numbers["le1"].tolist() == [True]
    assert numbers["matches4"].tolist() == [70_000 - 4]


def test_no_pairs() -> None:
    assert strings.measure([])["exact"].shape == (0,)
