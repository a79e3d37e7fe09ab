"""Names of licences, facts about public sets, and which licences go together."""

from __future__ import annotations

from collections import Counter
from itertools import combinations

import pytest

from rules.sets import licences
from rules.sets.licences import LICENCES

#: How often each licence is the result for a pair of the table; None: they clash. The numbers date from before the
#: rules and the export shared one table.
LEFT = {
    None: 346,
    "agpl-3.0": 13,
    "gpl-3.0": 13,
    "odbl": 13,
    "cdla-sharing-1.0": 13,
    "cdla-permissive-2.0": 10,
    "odc-by": 12,
    "mit": 11,
    "apache-2.0": 3,
    "bsd-2-clause": 4,
    "bsd-3-clause": 5,
    "pddl": 1,
    "unlicense": 2,
    "cc-by-2.0": 6,
    "cc-by-2.5": 7,
    "cc-by-3.0": 8,
    "cc-by-4.0": 9,
    "cc-by-nc-2.0": 13,
    "cc-by-nc-2.5": 14,
    "cc-by-nc-3.0": 15,
    "cc-by-nc-4.0": 16,
    "cc-by-sa-2.0": 13,
    "cc-by-sa-2.5": 14,
    "cc-by-sa-3.0": 15,
    "cc-by-sa-4.0": 16,
    "cc-by-nc-sa-2.0": 17,
    "cc-by-nc-sa-2.5": 18,
    "cc-by-nc-sa-3.0": 19,
    "cc-by-nc-sa-4.0": 20,
}


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("CC BY-NC-SA 4.0", "cc-by-nc-sa-4.0"),
        ("CC-BY-NC-SA-3.0-Unported", "cc-by-nc-sa-3.0"),
        ("MIT License", "mit"),
        ("Apache 2.0", "apache-2.0"),
        ("CC0", "cc0-1.0"),
        ("", "unknown"),
        (None, "unknown"),
        ("own terms", "own-terms"),
        ("Creative Commons BY 4.0 International", "cc-by-4.0"),
        ("Licence: MIT", "mit"),
    ],
)
def test_a_licence_has_one_spelling(text: str | None, name: str) -> None:
    assert licences.standard(text) == name


@pytest.mark.parametrize(
    ("names", "together"),
    [
        (["mit"], "mit"),
        (["mit", "apache-2.0"], "mit"),
        (["mit", "cc-by-4.0", "cc0-1.0"], "mit"),
        (["mit", "cc-by-nc-4.0"], "cc-by-nc-4.0"),
        (["cc-by-nc-sa-3.0", "cc-by-nc-sa-4.0"], "cc-by-nc-sa-4.0"),
        (["cc-by-nc-4.0", "cc-by-nc-sa-4.0"], "cc-by-nc-sa-4.0"),
        (["cc-by-sa-4.0", "cc-by-nc-4.0"], None),
        (["cc-by-sa-4.0", "cc-by-nc-sa-4.0"], None),
        (["gpl-3.0", "cc-by-sa-4.0"], None),
        (["gpl-3.0", "mit"], "gpl-3.0"),
        (["cc-by-nd-4.0", "mit"], None),
        (["unknown"], "unknown"),
        (["unknown", "own-terms"], "unknown"),
        (["own-terms"], "own-terms"),
        (["cc-by-nc-sa-4.0", "unknown"], "other"),
        (["cc-by-sa-4.0", "cc-by-nc-4.0", "unknown"], None),
    ],
)
def test_what_they_leave_together(names: list[str], together: str | None) -> None:
    assert licences.joint(names) == together


def test_every_pair_leaves_what_it_left() -> None:
    pairs = list(combinations(LICENCES, 2))
    assert len(pairs) == 666
    assert Counter(licences.joint(pair) for pair in pairs) == LEFT


@pytest.mark.parametrize("first", LICENCES)
def test_the_rule_and_the_export_agree_on_every_pair(first: str) -> None:
    for second in LICENCES:
        fits = first == second or licences.joint([first, second]) is not None
        assert (licences.clash(first, second) is None) == (licences.clash(second, first) is None) == fits


@pytest.mark.parametrize(
    ("first", "second", "fits"),
    [
        ("MIT", "Apache-2.0", True),
        ("MIT", "CC-BY-NC-SA-4.0", True),
        ("CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", True),
        ("CC-BY-NC-SA-3.0", "CC-BY-NC-SA-4.0", True),
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0", False),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0", False),
        ("CC-BY-ND-4.0", "MIT", False),
        ("GPL-3.0", "CC-BY-SA-4.0", False),
        ("GPL-3.0", "CC-BY-NC-4.0", False),
        ("anything", "CC-BY-SA-4.0", True),  # unknown, so nothing is claimed
    ],
)
def test_which_licences_clash(first: str, second: str, fits: bool) -> None:
    assert (licences.clash(first, second) is None) == fits
    assert (licences.clash(second, first) is None) == fits


@pytest.mark.parametrize("name", ["m2extra", "home100k", "rem2e", "neocrohmeans", "data"])
def test_a_word_inside_another_is_no_public_set(name: str) -> None:
    assert licences.known(name) is None
