"""A rule is where its code says: in the file or the folder of its family's letters."""

from __future__ import annotations

import pytest

from rules.registry import FAMILIES, all_rules

#: The file or folder of each family, below rules/families/.
PLACES = {
    "ESC": "escapes",
    "WSP": "whitespace",
    "DLM": "delimiters",
    "SYN": "syntax",
    "CMD": "commands",
    "ENV": "environments",
    "CAN": "canonical_form",
    "NRM": "normalisers",
    "SEM": "meaning",
    "UNI": "characters",
    "LEN": "length",
    "DUP": "duplicates",
    "PAR": "pairs",
    "IMG": "images",
    "DST": "datasets",
}


def test_every_family_has_a_place():
    assert PLACES.keys() == FAMILIES.keys()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_rule_stands_in_the_place_of_its_family(family):
    place = f"rules.families.{PLACES[family]}"
    found = {rule.code: rule.module for rule in all_rules().values() if rule.family == family}
    assert found
    assert all(module == place or module.startswith(f"{place}.") for module in found.values()), found
