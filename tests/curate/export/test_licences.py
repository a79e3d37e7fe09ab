"""What an export says about the licences of its sources."""

from __future__ import annotations

import pytest

from curate.export.decide.licences import clashes, licence_of


@pytest.mark.parametrize(
    ("licence", "target", "words"),
    [
        ("cc-by-nc-4.0", "mit", "not for commercial use, which MIT would allow"),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", "only be passed on under the same licence"),
        ("cc-by-nd-4.0", "cc-by-4.0", "doesn't allow changed copies"),
        ("cc-by-4.0", "cc0-1.0", "requires attribution"),
    ],
)
def test_a_clash_names_the_source_and_the_reason(licence: str, target: str, words: str) -> None:
    (found,) = clashes({"a": licence, "b": target, "c": "unknown"}, target)
    assert found.startswith("a is under")
    assert words in found


def test_what_a_source_says_goes_before_what_is_known_of_its_kind() -> None:
    crohme = {"name": "a", "format": "crohme"}
    assert licence_of(crohme, {}) == "cc-by-nc-sa-3.0"
    assert licence_of({**crohme, "licence": {"given": "MIT", "public": "CC-BY-NC-SA-3.0"}}, {}) == "mit"
    assert licence_of({**crohme, "licence": {"given": None, "public": None}}, {}) == "cc-by-nc-sa-3.0"
    assert licence_of(crohme, {"a": "CC BY 4.0"}) == "cc-by-4.0"
    assert licence_of({"name": "b", "format": "jsonl"}, {}) == "unknown"
