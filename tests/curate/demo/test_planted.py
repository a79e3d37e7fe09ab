"""Defects planted in correct labels: each kind plants what it says, and the rules find it there."""

from __future__ import annotations

from pathlib import Path
from random import Random

import pytest

import rules
from benchmarks import measure_planted as measure
from curate.demo import planters
from curate.demo.grammar import grow
from curate.demo.handwritten import HME_KINDS
from curate.demo.planters import KINDS, Kind, spoiled
from curate.demo.printed import PRINTED_KINDS

BY_NAME = {kind.name: kind for kind in KINDS}


@pytest.fixture(scope="module")
def grown() -> list[str]:
    labels = [formula.label for kinds in (HME_KINDS, PRINTED_KINDS) for formula in grow(kinds, 300, Random(5))]
    return list(dict.fromkeys(labels))


def test_the_kinds_go_over_all_groups_of_the_catalogue():
    assert {kind.group for kind in KINDS} == set("ABCDEFG")
    assert len(BY_NAME) == len(KINDS)
    assert sum(not kind.style for kind in KINDS) >= 20


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_plant_is_another_label_and_marks_its_place(kind: Kind, grown):
    found = spoiled(kind, grown, 5, Random(1))
    assert found == spoiled(kind, grown, 5, Random(1))
    for plant in found:
        assert plant.label != plant.original
        assert 0 <= plant.start <= plant.end <= len(plant.label)
        assert "«" not in plant.label
        before, after = rules.visual_key([plant.original, plant.label])
        assert kind.style or before is None or before != after
    assert found or kind.name in ("eaten-escape-bell", "missing-argument", "glued-command")  # the demo can't have these


def test_a_brace_that_leaves_the_same_picture_is_planted_elsewhere():
    kind = Kind("braces", "C", planters.at_match(r"\{x\}|\{2\}", "«x»"))
    assert [plant.label for plant in spoiled(kind, ["{x} + y^{2}"], 1, Random(0))] == ["{x} + y^x"]
    assert spoiled(kind, ["{x} + y"], 1, Random(0)) == []


@pytest.mark.parametrize(
    ("name", "label", "marked"),
    [
        ("dropped-closing-brace", "a _ { b ^ { c } } d", {"a _ «{ b ^ { c » } d", "a _ «{ b ^ { c } » d"}),
        ("dropped-opening-brace", "a _ { b ^ { c } } d", {"a _ { b ^ « c } }» d", "a _ « b ^ { c } }» d"}),
        ("left-without-right", r"\left( \left[ a \right] \right)", None),
        ("html-entity", "a < b", {"a «&lt;» b"}),
        ("eaten-escape-tab", r"a \times b", {"a «\times» b"}),
        ("glued-command", r"\cdot s", set()),  # \cdots is a command
        ("glued-command", r"\alpha x", {r"«\alphax»"}),
        ("unknown-command", r"\alpha x", {r"«\aplha» x"}),
        ("citation", "a % b", set()),
        ("alignment-outside-environment", r"\begin{matrix} a = b \end{matrix}", set()),
    ],
)
def test_the_marked_part_is_where_the_defect_may_be(name, label, marked):
    found = set()
    for seed in range(12):
        for plant in spoiled(BY_NAME[name], [label], 1, Random(seed)):
            found.add(f"{plant.label[: plant.start]}«{plant.label[plant.start : plant.end]}»{plant.label[plant.end :]}")
    if marked is None:
        assert found
        assert all(text.startswith(r"«\left( \left[ a ") for text in found)
    else:
        assert found == marked


def test_what_counts_as_found():
    kind = "inner-dollar"
    labels = ["a = b", "c = d"]
    measured = measure.measure(labels, each=2)
    assert measured.planted[kind] == measured.found[kind] == 2
    assert measured.by_rule[kind] == ["DLM002"]
    assert measured.flagged_labels == 0
    assert measured.clean == 2
    # A label that already has the same defect proves nothing.
    already = measure.measure(["a \\foo \\alpha = b"], each=1)
    assert already.found["unknown-command"] == 1
    assert already.flagged == {"CMD001": 1}


def test_auc():
    assert measure.auc([1.0, 1.0], [0.2, 0.3]) == 1
    assert measure.auc([0.5], [0.5]) == 0.5
    assert measure.auc([0.1, 0.9], [0.5]) == 0.5


@pytest.mark.shared_data
def test_planted_defects_in_real_labels_are_found(shared_data: Path):
    measured = measure.measure(measure.right_labels(shared_data / "latex_verdicts.jsonl"))
    assert len(measured.planted) >= 20
    assert set(measured.planted.values()) == {200}
    missed = [(miss.plant.kind, miss.plant.label) for miss in measured.missed]
    assert measured.share_found >= 0.99, missed[:20]
    assert min(measured.found.values()) >= 0.95 * 200, missed[:20]
    assert measured.share_flagged <= 0.005, measured.flagged
    assert measured.auc_damaged >= 0.99
    assert measured.auc >= 0.99
