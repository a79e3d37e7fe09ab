"""Properties of the export plan that hold for any runs and options, on generated runs. Not how the plan is written."""

from __future__ import annotations

from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Any

import polars as pl
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from run_makers import make_run, table
from uniformity import mixed_keys

import rules
from curate.export.decide.options import ExportOptions
from curate.export.decide.policy import REASONS
from curate.export.write.job import Exported, export

#: Labels: some look the same, some are wrong, some have safe fixes, some have no key.
LABELS = [
    *("x ^ 2", "x^{2}", "{x}^2", "$x^2$", "a + b", r"\frac { a } { b }", r"{a \over b}", r"\dfrac ab"),
    *(r"\frac { a", "a & b", "[object Object]", " ", "设 x", r"\text { день } x", "x _ 1 ^ 2", r"\left ( x \right )"),
    *(rf"y _ {{ {n} }}" for n in range(20)),
]
FOUND = [None, None, None, "SYN001", "IMG004", "DUP001", "NRM012"]
SPLITS = [None, None, "train", "val", "test", "test_2014", "extra"]

samples = st.lists(
    st.fixed_dictionaries(
        {
            "label": st.sampled_from(LABELS),
            "split": st.sampled_from(SPLITS),
            "pixels": st.none() | st.integers(0, 15),
            "near": st.none() | st.integers(0, 9),
            "score": st.sampled_from([1.0, 0.7, 0.2]),
            "found": st.sampled_from(FOUND),
            "decision": st.sampled_from([None, None, None, "accept", "reject", "edit", "stale"]),
        }
    ),
    min_size=1,
    max_size=40,
)
options = st.fixed_dictionaries(
    {
        "fix": st.sampled_from(["none", "safe", "unsafe"]),
        "keep_splits": st.sampled_from([(), ("none",), ("all",)]),
        "near_duplicates": st.sampled_from(["leave", "keep"]),
        "max_repeats": st.sampled_from([None, 1, 2]),
        "min_score": st.sampled_from([None, 0.5]),
        "languages": st.sampled_from([None, (), ("zh",)]),
        "drop": st.sampled_from([(), ("warning",), ("IMG", "DUP001")]),
        "keep": st.sampled_from([(), ("SYN001",), ("error",)]),
        "min_tokens": st.sampled_from([None, 3]),
        "splits": st.sampled_from([{"train": 0.4, "validation": 0.3, "test": 0.3}, {"a": 0.5, "b": 0.5}, {"train": 1}]),
        "seed": st.integers(0, 3),
        "allow_no_image": st.just(True),
    }
)


def run_of(folder: Path, name: str, given_rows: list[dict[str, Any]]) -> Path:
    """A run of one source. Ids encode the content, so that a sample is the same wherever it is in the run."""
    rows, findings, decisions = [], [], []
    for row in given_rows:
        sample_id = f"{name}/{row['number']}"
        made = {"sample_id": sample_id, "label": row["label"], "split": row["split"], "score": row["score"]}
        made |= {"image_sha256": None if row["pixels"] is None else f"{row['pixels']:064x}".replace("0", "f")}
        rows.append(made | {"image_group": None if row["near"] is None else f"{row['near']:x}" * 24})
        if row["found"]:
            findings.append({"sample_id": sample_id, "rule": row["found"]})
        if row["decision"]:
            stale = row["decision"] == "stale"
            action = "reject" if stale else row["decision"]
            about = "another" if stale else row["label"]
            decisions.append({"sample_id": sample_id, "action": action, "about": about})
            if action == "edit":
                decisions[-1]["label"] = "z + " + row["label"]
    return make_run(folder / name, rows, findings, decisions=decisions)


def planned(sources: dict[str, list[dict[str, Any]]], given_options: dict[str, Any], workers: int = 1) -> Exported:
    with TemporaryDirectory() as folder:
        runs = [run_of(Path(folder), name, rows) for name, rows in sources.items()]
        made = export(runs, Path(folder) / "out", ExportOptions(**given_options), workers=workers, dry_run=True)
        ids = [pl.read_parquet(run / "samples.parquet")["sample_id"] for run in runs]
        made.plan.frame.insert_column(0, pl.concat(ids))
        return made


def fates(made: Exported) -> dict[str, tuple[str | None, str | None]]:
    return {
        name: (split, reason) for name, split, reason in made.plan.frame.select("sample_id", "split", "reason").rows()
    }


def numbered(rows: list[dict[str, Any]], first: int = 0) -> list[dict[str, Any]]:
    return [{**row, "number": first + number} for number, row in enumerate(rows)]


@settings(max_examples=25, deadline=None)
@given(samples, samples, options)
def test_nothing_is_lost_and_nothing_is_in_two_splits(
    one: list[dict[str, Any]], two: list[dict[str, Any]], given_options: dict[str, Any]
) -> None:
    made = planned({"one": numbered(one), "two": numbered(two)}, given_options)
    frame = made.plan.frame
    assert frame["sample_id"].n_unique() == frame.height == len(one) + len(two)
    assert set(frame["reason"].drop_nulls()) <= set(REASONS)
    assert (frame["reason"].is_null() == frame["split"].is_not_null()).all()  # in a split, or left out for one reason
    staying = frame.filter(pl.col("reason").is_null())
    columns = ["key", "pixels", *(["near"] if made.plan.options.near_duplicates == "leave" else [])]
    for column in columns:
        shared = staying.filter(pl.col(column).is_not_null()).group_by(column).agg(pl.col("split").n_unique())
        assert shared["split"].max() in (None, 1), column
    facts = made.facts
    assert sum(row["samples"] for row in facts["splits"]) == staying.height
    assert sum(row["samples"] for row in facts["dropped"]) == frame.height - staying.height
    assert sum(row["samples"] for row in facts["sources"]) == frame.height


@settings(max_examples=15, deadline=None)
@given(samples, samples, options, st.randoms(use_true_random=False))
def test_neither_the_order_of_samples_nor_that_of_runs_changes_anything(
    one: list[dict[str, Any]], two: list[dict[str, Any]], given_options: dict[str, Any], rng: Random
) -> None:
    first, second = numbered(one), numbered(two)
    straight = fates(planned({"one": first, "two": second}, given_options))
    rng.shuffle(first)
    assert fates(planned({"two": second[::-1], "one": first}, given_options)) == straight


@settings(max_examples=15, deadline=None)
@given(samples, samples, options)
def test_samples_that_are_added_move_none(
    old: list[dict[str, Any]], new: list[dict[str, Any]], given_options: dict[str, Any]
) -> None:
    """A later sample may exclude an old one, but never moves it to another split."""
    # Keeping all splits is an error if no sample has one.
    assume(given_options["keep_splits"] != ("all",) or any(row["split"] for row in old))
    added = [{**row, "split": None} for row in new]
    before = fates(planned({"s": numbered(old)}, given_options))
    after = fates(planned({"s": [*numbered(added, len(old)), *numbered(old)]}, given_options))
    for name, (split, _) in before.items():
        assert after[name][0] in (None, split) or split is None


@settings(max_examples=10, deadline=None)
@given(st.lists(st.sampled_from(LABELS), min_size=1, max_size=30), st.sampled_from(["none", "canonical"]))
def test_a_safe_fix_changes_no_visual_key(labels: list[str], style: str) -> None:
    with TemporaryDirectory() as folder:
        blank = {"split": None, "pixels": None, "near": None, "score": 1.0, "found": None, "decision": None}
        run = run_of(Path(folder), "s", numbered([{**blank, "label": label} for label in labels]))
        frame = pl.read_parquet(run / "samples.parquet")
        checked = rules.check(frame["label"].to_list())
        fixable = checked.filter(pl.col("fix").is_not_null()).select(
            "row", "rule", "fix", "replacement", "start", "end"
        )
        findings = pl.read_parquet(run / "findings.parquet")
        rows = [
            {**dict.fromkeys(findings.columns), **row, "sample_id": f"s/{row['row']}"} for row in fixable.to_dicts()
        ]
        kinds = {name: findings.schema[name] for name in findings.columns}
        pl.DataFrame([{key: row[key] for key in kinds} | {"severity": "info", "source": "s"} for row in rows],
                     schema=kinds).write_parquet(run / "findings.parquet")  # fmt: skip
        asked = ExportOptions(fix="safe", style=style, allow_no_image=True)  # type: ignore[arg-type]
        made = export([run], Path(folder) / "out", asked)
        written = table(Path(folder) / "out")["label"].to_list()
        assert mixed_keys(written) <= (0 if style == "canonical" else mixed_keys(labels))
        before = frame["visual_key"].str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64)
        keyed = before.is_not_null()
        assert made.plan.frame["key"].filter(keyed).to_list() == before.filter(keyed).to_list()
