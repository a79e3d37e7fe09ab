"""An audit in parts: any split into parts gives the same run, and an interrupted audit leaves a whole run or none."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from PIL import Image

import rules
from curate.audit import AuditOptions, audit
from curate.audit.parts import Parts
from curate.findings.baseline import SCHEMA, subject_of
from curate.runs.folder import Run
from curate.sources import parse_source

TABLES = ("samples", "findings", "suppressed", "places")


def run_audit(out: Path, sources: list[str], **options: object) -> Run:
    given = {"ruleset": rules.select(), **options}
    return audit([parse_source(source) for source in sources], out, AuditOptions(**given))  # type: ignore[arg-type]


def in_parts_of(rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.audit.sources.part_rows", lambda height, machines: rows)


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """Three sources: labels that recur in later parts and other splits, images, extra columns, formulas of a document
    with macros."""
    folder = tmp_path_factory.mktemp("sources")
    rng = random.Random(0)
    labels = [
        r"\frac{a}{b",
        r"x ^ 2 ^ 3",
        r"\foo",
        "1 5 . 4 \\n 3",
        r"\le",
        r"\leq",
        "a + b + c + d + e + f = g",
        "",
        "x",
    ]
    labels += [rf"\sum _ {{ {n} }} ^ {{ {n} }} x _ {n} + y ^ {{ 2 }} - z" for n in range(30)]
    rows = [
        {"id": f"n{n}", "label": rng.choice(labels), "split": rng.choice(["train", "test"]), "order": n}
        for n in range(120)
    ]
    (folder / "rows.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "images").mkdir()
    for n in range(8):
        picture = Image.new("L", (60 + n, 40), 255)
        picture.paste(0, (10, 10, 20 + n % 3, 30))
        picture.save(folder / "images" / f"{n}.png")
    lines = [f"{n}.png\t{rng.choice(labels[4:])}\n" for n in (*range(8), 99)]
    (folder / "pictured.txt").write_text("".join(lines), encoding="utf-8")
    document = r"\newcommand{\R}{x} $a \in \R$ and $\frac{a}{b$ and $\le$ and $a \in \R$ and $\unknown$"
    (folder / "paper.tex").write_text(rf"\begin{{document}}{document}\end{{document}}", encoding="utf-8")
    return [
        str(folder / "rows.jsonl"),
        f"hme100k:{folder / 'pictured.txt'}",
        f"tex:{folder / 'paper.tex'}",
    ]


@pytest.fixture(scope="module")
def whole(sources: list[str], tmp_path_factory: pytest.TempPathFactory) -> Run:
    return run_audit(tmp_path_factory.mktemp("whole") / "run", sources, known=KNOWN)


KNOWN = pl.DataFrame([(subject_of(r"\frac{a}{b"), "SYN001"), (subject_of(r"\foo"), "CMD001")], SCHEMA, orient="row")


def same(one: Run, other: Run) -> None:
    assert {path.name for path in one.path.iterdir()} == {path.name for path in other.path.iterdir()}
    for name in (name for name in TABLES if (one.path / f"{name}.parquet").exists()):
        first, second = (pl.read_parquet(run.path / f"{name}.parquet") for run in (one, other))
        assert first.equals(second), name
    texts = [json.dumps({**run.summary, "run": None}).replace(str(run.path), "") for run in (one, other)]
    assert texts[0] == texts[1]


@pytest.mark.parametrize("rows", [1, pytest.param(7, marks=pytest.mark.long), 60])
def test_the_run_does_not_depend_on_its_parts(sources, whole, tmp_path, monkeypatch, rows):
    assert whole.findings.collect().height > 50
    assert whole.suppressed.collect().height > 0
    assert whole.samples.collect()["image_group"].null_count() < whole.samples.collect().height
    in_parts_of(rows, monkeypatch)
    cut = run_audit(tmp_path.parent / f"cut{rows}" / "run", sources, known=KNOWN)
    same(cut, whole)


@pytest.mark.parametrize("rows", [5, 1000])
def test_an_update_in_parts_is_what_a_new_run_is(sources, whole, tmp_path, monkeypatch, rows):
    in_parts_of(rows, monkeypatch)
    run_audit(tmp_path / "run", [sources[0]], known=KNOWN)
    updated = run_audit(tmp_path / "run", sources, known=KNOWN, update=True)
    same(updated, whole)
    reused = updated.summary["run"]["reused"]
    assert reused["same_rules"]
    assert reused["labels"][0] >= 30  # the whole first source, and the labels that the others share with it
    assert reused["labels"][0] < reused["labels"][1] == updated.summary["totals"]["distinct_labels"]
    assert whole.summary["run"]["reused"] is None


def test_parts_hold_rows_in_order_and_fill_in_what_some_lack(tmp_path):
    parts = Parts(tmp_path / "parts")
    parts.append(pl.DataFrame({"a": [1, 2]}))
    parts.append(pl.DataFrame({"a": [3], "b": ["x"]}))
    parts.fill({"c": pl.Int8})
    assert parts.scan().collect().rows() == [(1, None, None), (2, None, None), (3, "x", None)]
    assert parts.spans() == [(0, 2), (2, 3)]
    parts.put(0, parts.read(0).with_columns(c=pl.lit(5, pl.Int8)))
    assert parts.scan().select("c").collect()["c"].to_list() == [5, 5, None]
    parts.remove()
    assert not (tmp_path / "parts").exists()


#: Runs `curate` with parts of 20 rows. Kills itself while it writes the n-th part, or limits every file to n bytes, as
#: on a full disk.
DRIVER = """
import os, resource, signal, sys
from curate.audit import parts, sources
from curate.cli.main import main

what, number, *sys.argv[1:] = sys.argv[1:]
sources.part_rows = lambda height, machines: 20
write, left = parts._write, int(number)

def write_or_die(frame, path):
    global left
    left -= 1
    write(frame, path)
    if not left:
        path.write_bytes(path.read_bytes()[:100])
        os.kill(os.getpid(), signal.SIGKILL)

if what == "kill":
    parts._write = write_or_die
else:
    resource.setrlimit(resource.RLIMIT_FSIZE, (int(number), int(number)))
sys.exit(main())
"""


STOPS = [("kill", 3), ("kill", 18), ("kill", 30), ("full", 1500)]


def driven(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    done = [sys.executable, "-B", "-c", DRIVER, *arguments]
    environment = {**os.environ, "TEXSIEVE_CACHE": str(folder / "cache")}
    return subprocess.run(done, cwd=folder, capture_output=True, text=True, check=False, timeout=300, env=environment)


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
@pytest.mark.parametrize(
    ("what", "number", "update"),
    [
        *((what, number, False) for what, number in STOPS),
        *(pytest.param(*stop, True, marks=[pytest.mark.long] * (stop[1] in (3, 30))) for stop in STOPS),
    ],
)
def test_stopped_in_a_part_the_run_is_whole_or_absent(sources, tmp_path, what, number, update):
    before = run_audit(tmp_path / "run", [sources[0]]) if update else None
    held = {path.name: path.read_bytes() for path in before.path.iterdir()} if before else {}
    more = ["--update"] if update else []
    stopped = driven(tmp_path, what, str(number), "audit", sources[0], "--out", "run", "--workers", "1", *more)
    if what == "kill":
        assert stopped.returncode == -signal.SIGKILL, stopped.stderr
    else:
        assert stopped.returncode == 2
        assert stopped.stderr.startswith("curate: error: ")
        assert stopped.stderr.count("\n") == 1
        assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".run")] == []
    there = tmp_path / "run"
    assert there.exists() == update
    assert held == ({path.name: path.read_bytes() for path in there.iterdir()} if update else {})
    for litter in tmp_path.glob(".run.*"):  # new leftovers may belong to another process that hasn't locked them yet
        os.utime(litter, (0, 0))
    again = run_audit(tmp_path / "run", [sources[0]], update=update)
    assert again.samples.collect().height == 120
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".run")] == []
