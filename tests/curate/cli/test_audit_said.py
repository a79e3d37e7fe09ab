"""What `curate audit` prints about sampling, updates and stages."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from commands import curate

from curate.render import render_png


def audited(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    code = curate("audit", *arguments)
    told = capsys.readouterr()
    return code, told.out, told.err


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    file = tmp_path / "labels.txt"
    file.write_text("".join(f"x _ {{ {n} }}\n" for n in range(100)), encoding="utf-8")
    return file


def test_an_update_says_what_it_did_not_judge_again(labels, tmp_path, capsys):
    code, told, _ = audited(capsys, labels, "--out", tmp_path / "run")
    assert code == 0
    assert "judged or measured again" not in told
    assert "rows/s" not in told
    more = tmp_path / "more.txt"
    more.write_text("y\nz\nx _ { 1 }\n", encoding="utf-8")
    code, told, _ = audited(capsys, labels, more, "--out", tmp_path / "run", "--update", "--timings")
    assert code == 0
    assert "not judged or measured again: 100 of 102 distinct labels (98 %)\n" in told
    stages = [line.split()[0] for line in told.partition("rows/s")[2].splitlines()[2:11]]
    assert stages == ["read", "images", "labels", "pairs", "duplicates", "collect", "summary", "write", "report"]
    assert "all processes together had at most" in told
    code, told, _ = audited(capsys, labels, "--out", tmp_path / "run", "--update", "--ignore", "SYN001")
    assert "0 of 100 distinct labels (0 %); rules, options or versions have changed" in told


def test_the_export_that_is_proposed_writes_to_a_free_place(tmp_path, capsys, monkeypatch):
    """`curate export` overwrites nothing, so a command that is pasted must not name what is there."""
    monkeypatch.chdir(tmp_path)
    formulas = [rf"\frac{{a_{{{n}}}}}{{{n} + b}} = {n} x ^ {{ {n} }}" for n in range(6)]
    for n, formula in enumerate(formulas):
        (tmp_path / f"{n}.png").write_bytes(render_png(formula, scale=4))
    rows = [json.dumps({"image": f"{n}.png", "label": formula}) + "\n" for n, formula in enumerate(formulas)]
    (tmp_path / "rows.jsonl").write_text("".join(rows))
    for name, free in ((None, "dataset"), ("dataset", "dataset-2")):
        if name:
            (tmp_path / name).mkdir()
        _, told, _ = audited(capsys, "rows.jsonl", "--out", f"run-{name}")
        (line,) = (line for line in told.splitlines() if line.startswith("export "))
        assert line.split()[line.split().index("--out") + 1] == free


def test_a_draw_says_of_how_many(labels, tmp_path, capsys):
    code, told, _ = audited(capsys, labels, "--out", tmp_path / "run", "--sample", "10", "--by", "length")
    assert code == 0
    assert "drawn: 10 samples of 100, in the same shares by length (seed 0);" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--sample", "3", "--by", "source,size"), "no group 'size'; there are: source, split, length"),
        (("--seed", "3"), "say how many with --sample N"),
        (("--sample", "0"), "0 is not in the range"),
    ],
)
def test_a_draw_that_can_not_be_made_is_an_error(labels, tmp_path, capsys, arguments, said):
    code, _, error = audited(capsys, labels, "--out", tmp_path / "run", *arguments)
    assert code == 2
    assert said in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()
