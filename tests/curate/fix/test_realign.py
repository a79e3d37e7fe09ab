"""`curate fix --unsafe-fixes` on shifted pairs: labels move to the images that they belong to."""

from __future__ import annotations

import json
from pathlib import Path
from random import Random

import pytest

import rules
from curate import fix as fixing
from curate.audit import AuditOptions, audit
from curate.demo.grammar import grow
from curate.demo.printed import PRINTED_KINDS
from curate.export.decide.options import ExportOptions
from curate.export.write.job import export
from curate.render import render_png
from curate.sources import parse_source

COUNT = 70


@pytest.fixture(scope="module")
def drawn(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """A folder of images, and the label of each."""
    folder = tmp_path_factory.mktemp("drawn")
    rng = Random(4)
    pieces = [formula.label for formula in grow(PRINTED_KINDS, 200, rng)]
    texts = list(dict.fromkeys(r" \quad ".join(rng.sample(pieces, rng.randint(1, 3))) for _ in range(2 * COUNT)))[
        :COUNT
    ]
    for number, text in enumerate(texts):
        (folder / f"{number}.png").write_bytes(render_png(text))
    return folder, texts


def written(path: Path, labels: list[str]) -> Path:
    rows = [{"id": n, "image": f"{n}.png", "label": label} for n, label in enumerate(labels)]
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def fixed(path: Path, level: str = "unsafe", *select: str) -> fixing.Fixed:
    return fixing.fix_source(parse_source(str(path)), rules.select(select), level)  # type: ignore[arg-type]


def labels_of(done: fixing.Fixed) -> list[str]:
    (file,) = done.files.values()
    return [json.loads(line)["label"] for line in file.result().splitlines()]


@pytest.mark.parametrize("lag", [1, -2])
def test_labels_move_to_the_pictures_they_belong_to_and_the_ends_are_left_and_said(drawn, lag: int) -> None:
    folder, right = drawn
    shifted = right[-lag:] + right[:-lag]  # row n has the label of image n - lag
    path = written(folder / "shifted.jsonl", shifted)
    done = fixed(path, "unsafe", "PAR001")
    ends = [COUNT - 1] if lag > 0 else [0, 1]
    for row, label in enumerate(labels_of(done)):
        assert label == (shifted[row] if row in ends else right[row])
    assert done.applied == {"PAR001": COUNT - len(ends)}
    assert done.refused == {"PAR001": {"no-partner": len(ends)}}
    moved = next(row for row in done.journal if row["sample_id"] == f"shifted/{10}")
    assert moved["rules"] == ["PAR001"]
    assert moved["label_of"] == f"shifted/{10 + lag}"
    assert any(f"{len(ends)} of shifted pairs keep their label" in line for line in fixing.report_lines(done, 200))


def test_pairs_that_are_right_and_fixes_that_are_safe_move_nothing(drawn) -> None:
    folder, right = drawn
    assert fixed(written(folder / "right.jsonl", right), "unsafe", "PAR001").journal == []
    shifted = written(folder / "safe.jsonl", [*right[1:], right[0]])
    assert fixed(shifted, "safe").applied.get("PAR001") is None


def test_a_label_is_not_moved_past_a_row_that_could_not_be_read(drawn) -> None:
    folder, right = drawn
    path = written(folder / "torn.jsonl", [*right[-1:], *right[:-1]])
    lines = path.read_text(encoding="utf-8").splitlines()
    lines[30] = '{"id": 30, "label": '
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    done = fixed(path, "unsafe", "PAR001")
    kept = {row["sample_id"] for row in done.journal if row["before"] == row["after"]}
    assert kept == {"torn/29", "torn/69"}


def test_an_audit_calls_it_unfit_and_an_export_leaves_the_rows_out(drawn, tmp_path: Path) -> None:
    folder, right = drawn
    path = written(folder / "audited.jsonl", [*right[:30], *right[31:], right[30]])
    run = audit([parse_source(str(path))], tmp_path / "run", AuditOptions(rules.select()))
    [source] = run.summary["sources"]
    assert source["verdict"] == "unfit"
    assert source["reasons"][0].startswith("PAR001 shifted-pairs: pairs are shifted by -1: from audited/")
    done = export([run.path], tmp_path / "out", ExportOptions())
    dropped = {row["rule"]: row["samples"] for row in done.facts["dropped"]}
    assert 38 <= dropped["PAR001"] <= 50
    assert done.facts["notes"][0].startswith("audited is unfit as it is: pairs are shifted by -1: ")
    everything = export([run.path], tmp_path / "all", ExportOptions(keep=("PAR001",)))
    assert "PAR001" not in {row["rule"] for row in everything.facts["dropped"]}
