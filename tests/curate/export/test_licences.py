"""Which licence several data sets can have together."""

from __future__ import annotations

import pytest

from curate.export.decide.licences import clashes, combined, licence_of, standard


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
    ],
)
def test_names(text: str | None, name: str) -> None:
    assert standard(text) == name


@pytest.mark.parametrize(
    ("licences", "together"),
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
def test_what_they_leave_together(licences: list[str], together: str | None) -> None:
    assert combined(dict(enumerate(licences))) == together  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("licence", "target", "words"),
    [
        ("cc-by-nc-4.0", "mit", "not for commercial use, which MIT would allow"),
        ("cc-by-nc-sa-4.0", "cc-by-nc-4.0", "only be passed on under the same licence"),
        ("cc-by-nd-4.0", "cc-by-4.0", "allows no changed copies"),
        ("cc-by-4.0", "cc0-1.0", "asks for its authors' names"),
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
