"""`curate diff`: which samples match, what changed, and how it is printed."""

from __future__ import annotations

import json
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_fakes import FakeRun, run_of, sample

from curate.base.errors import UserError
from curate.diff.changes import KINDS, changes
from curate.diff.tell import as_json, as_text, write_page
from curate.runs.decisions import Decisions, decide


def run(*rows: dict) -> FakeRun:
    made = run_of(list(rows), [])
    made.summary["key_version"] = 4
    return made


def kinds(found, sample_id: str) -> set[str]:
    (row,) = (row for row in found.rows.iter_rows(named=True) if sample_id in (row["sample_id"], row["sample_id_b"]))
    return {kind for kind in KINDS if row[kind]}


def test_each_kind_of_change_is_told():
    before = run(
        sample("a/1", "a", "x", image_sha256="p1", split="train"),
        sample("a/2", "a", r"\le", image_sha256="p2", split="train", visual_key="le"),
        sample("a/3", "a", "y", image_sha256="p3", split="train"),
        sample("a/4", "a", "z", image_sha256="p4", split="train"),
        sample("a/5", "a", "w {", image_sha256="p5", split="train", visual_key=None),
        sample("a/6", "a", "v", image_sha256="p6", split="train"),
        sample("a/train/7", "a", "u", image_sha256="p7", split="train"),
    )
    after = run(
        sample("a/1", "a", "x", image_sha256="p1", split="train"),
        sample("a/2", "a", r"\leq", image_sha256="p2", split="train", visual_key="le"),
        sample("a/3", "a", "y + 1", image_sha256="p3", split="train"),
        sample("a/5", "a", "w", image_sha256="p5", split="train"),
        sample("a/6", "a", "v", image_sha256="other", split="train"),
        sample("a/test/7", "a", "u", image_sha256="p7", split="test"),
        sample("a/8", "a", "t", image_sha256="p8", split="test"),
    )
    found = changes(before, after)
    assert found.counts == {
        "added": 1, "gone": 1, "respelled": 1, "redrawn": 1, "changed": 1, "repictured": 1, "moved": 1,
    }  # fmt: skip
    told = {name: kinds(found, name) for name in ("a/2", "a/3", "a/4", "a/5", "a/6", "a/train/7", "a/8")}
    assert told == {
        "a/2": {"respelled"}, "a/3": {"redrawn"}, "a/4": {"gone"}, "a/5": {"changed"}, "a/6": {"repictured"},
        "a/train/7": {"moved"}, "a/8": {"added"},
    }  # fmt: skip
    assert found.moves == {("train", "test"): 1}


def test_a_row_put_in_moves_numbers_and_changes_nothing_else():
    labels = [f"x + {number}" for number in range(50)]
    before = run(*(sample(f"a/{place}", "a", label) for place, label in enumerate(labels)))
    after = run(*(sample(f"a/{place}", "a", label) for place, label in enumerate(["new", *labels])))
    assert {kind: number for kind, number in changes(before, after).counts.items() if number} == {"added": 1}


def test_copies_are_paired_one_to_one():
    one = [sample(f"a/{place}", "a", "x", image_sha256="same") for place in range(3)]
    found = changes(run(*one), run(*one[:2]))
    assert found.counts["gone"] == 1
    assert found.rows.height == 1


_ROWS = st.lists(
    st.tuples(*map(st.sampled_from, ("abc", "xyz", [None, "p", "q"], ["train", "test"]))),
    max_size=8,
)  # fmt: skip


def _of(rows) -> FakeRun:
    return run(
        *(
            sample(f"s/{place}-{name}", "s", label, image_sha256=image, split=split)
            for place, (name, label, image, split) in enumerate(rows)
        )
    )


@settings(max_examples=60)
@given(_ROWS, _ROWS)
def test_every_sample_is_told_once_and_the_other_way_round_is_the_mirror(one, two):
    there, back = changes(_of(one), _of(two)), changes(_of(two), _of(one))
    assert len(two) - len(one) == there.counts["added"] - there.counts["gone"]
    assert (there.counts["added"], there.counts["gone"]) == (back.counts["gone"], back.counts["added"])
    for column in ("sample_id", "sample_id_b"):
        ids = there.rows[column].drop_nulls()
        assert ids.n_unique() == ids.len()
    assert changes(_of(one), _of(one)).rows.is_empty()


def test_decisions_that_hold_no_more_are_named():
    before = run(*(sample(f"a/{n}", "a", "x", image_sha256=f"p{n}") for n in range(5)))
    after = run(
        sample("a/0", "a", "x", image_sha256="p0"),
        sample("a/1", "a", "y", image_sha256="p1"),
        sample("b/2", "a", "x", image_sha256="p2"),
        sample("a/3", "a", "mended", image_sha256="p3"),
    )
    standing = {f"a/{n}": decide(f"a/{n}", "accept", "x", who="me") for n in (0, 1, 2, 4)}
    standing["a/3"] = decide("a/3", "edit", "x", "mended", who="me")
    found = changes(before, after, Decisions(standing))
    assert dict(found.stale.select("sample_id", "why").iter_rows()) == {
        "a/1": "its label has changed",
        "a/2": "the sample is now called b/2",
        "a/4": "the sample is gone",
    }


def test_keys_of_other_versions_are_refused():
    old = run(sample("a/1", "a", "x"))
    new = replace(old, summary={**old.summary, "key_version": 5}, path=Path("new"))
    with pytest.raises(UserError, match=r"have version 4, those of new version 5; audit fake again"):
        changes(old, new)


def test_text_json_and_page_say_the_same(tmp_path):
    before = run(sample("a/1", "a", "x"), sample("a/2", "a", r"\le", image_sha256="p", visual_key="k"))
    after = run(sample("a/2", "a", "<b>", image_sha256="p"), sample("a/3", "a", "z"))
    found = changes(before, after)
    names = ("one", "t\x1bwo")
    text = as_text(found, names, width=60)
    assert "redrawn        1   50 %  another label that looks different" in text
    assert "    - \\le\n    + <b>" in text
    assert "\x1b" not in text
    told = json.loads(as_json(found, names))
    assert told["counts"] == {**found.counts, "stale_decisions": 0}
    assert [row["kinds"] for row in told["samples"]] == [["gone"], ["redrawn"], ["added"]]
    assert told["samples"][1]["after"]["label"] == "<b>"
    write_page(found, names, tmp_path / "diff.html")
    page = (tmp_path / "diff.html").read_text()
    ids, links = [], []

    class Collect(HTMLParser):
        def handle_starttag(self, tag, attrs):
            ids.extend(value for name, value in attrs if name == "id")
            links.extend(value[1:] for name, value in attrs if name == "href")

    Collect().feed(page)
    assert set(links) <= set(ids)
    assert "&lt;b&gt;" in page
    assert "<b>" not in page
    assert as_text(changes(before, before), ("a", "b")).endswith("Nothing changed.")


def test_the_command_compares_two_audits(tmp_path):
    from click.testing import CliRunner

    from curate.cli.main import main_group

    runs = []
    for name, labels in (("one", ["x ^ 2", r"\le", "y"]), ("two", ["x ^ 2", r"\leq", "y + 1", "z"])):
        file = tmp_path / name / "set.txt"
        file.parent.mkdir()
        file.write_text("\n".join(labels) + "\n")
        runs.append(tmp_path / f"run-{name}")
        audited = CliRunner().invoke(main_group, ["audit", str(file), "--no-cache", "--out", str(runs[-1])])
        assert audited.exit_code == 0, audited.output
    result = CliRunner().invoke(main_group, ["diff", *map(str, runs), "--page", str(tmp_path / "d.html")])
    assert result.exit_code == 0, result.output
    counted = {line.split()[0]: line.split()[1] for line in result.output.splitlines() if len(line.split()) > 2}
    assert {kind: counted.get(kind) for kind in ("added", "gone", "respelled", "redrawn")} == {
        "added": "1", "gone": None, "respelled": "1", "redrawn": "1",
    }  # fmt: skip
    assert "<use " in (tmp_path / "d.html").read_text()
    assert pl.read_parquet(runs[0] / "samples.parquet").height == 3
