"""`curate check`, `fix`, `render` and `audit` on documents, and `check` on several files of any format."""

from __future__ import annotations

import io
import json
import re
import xml.etree.ElementTree as ET
from pathlib import Path

import polars as pl
import pytest
from source_makers import write

from curate.base.terminal import run
from curate.cli.main import main_group

PAPER = r"""\documentclass{article}
\newcommand{\R}{\mathbb{R}}
\newcommand{\norm}[1]{\lVert #1 \rVert}
\begin{document}
Let $x \in \R$ and $\frac{a$.
\begin{align}
  a &= \norm{b} \label{a} \\
  c &= d^{2}^{3} \label{b} % why
\end{align}
And $y^2$, $\lt$.
\end{document}
"""


@pytest.fixture
def call(capfdbinary: pytest.CaptureFixture[bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `curate` in an empty folder: (exit code, standard output, standard error)."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object, stdin: bytes | None = None) -> tuple[int, str, str]:
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run("curate", main_group, [str(argument) for argument in arguments])
        told = capfdbinary.readouterr()
        return code, told.out.decode(), told.err.decode()

    return run_it


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files of every kind, each with one label that has an unclosed brace at a known place."""
    write(tmp_path / "paper.tex", PAPER)
    write(tmp_path / "notes.md", "It costs $5.\n\nBut $x{$ is\n")
    write(tmp_path / "lines.txt", "x\ny{\n")
    write(tmp_path / "rows.jsonl", '{"id": "a", "latex": "x"}\n{"id": "b", "latex": "\\\\alpha{"}\n')
    write(tmp_path / "array.json", '[\n {"label": "x"},\n {"label": "y{"}\n]\n')
    write(tmp_path / "table.csv", 'image,label\na.png,x\nb.png,"1,{"\n')
    write(tmp_path / "table.tsv", "image\tlabel\na.png\tx\nb.png\ty{\n")
    write(tmp_path / "names.txt", "a.png\tx\nb.png\ty{\n")
    ink = '<annotation type="truth">$y{$</annotation>\n<trace>1 2</trace>\n'
    write(tmp_path / "one.inkml", f'<ink xmlns="http://www.w3.org/2003/InkML">\n{ink}</ink>\n')
    pl.DataFrame({"label": ["x", "y{"]}).write_parquet(tmp_path / "rows.parquet")
    return tmp_path


PLACES = {
    "paper.tex": "paper.tex:5:26:",
    "notes.md": "notes.md:3:7:",
    "lines.txt": "lines.txt:2:2:",
    "rows.jsonl": "rows.jsonl:b:7:",
    "array.json": "array.json:3:14:",
    "table.csv": "table.csv:3:10:",
    "table.tsv": "table.tsv:3:8:",
    "names.txt": "names.txt:2:8:",
    "one.inkml": "one.inkml:2:",
    "rows.parquet": "rows.parquet:2:2:",
}


@pytest.mark.usefixtures("files")
def test_every_format_is_checked_where_its_labels_stand(call) -> None:
    code, out, err = call("check", *PLACES, "--select", "SYN001")
    assert (code, err) == (1, "")
    told = [line for line in out.splitlines() if "SYN001" in line]
    assert len(told) == len(PLACES)
    for place, line in zip(PLACES.values(), told, strict=True):
        assert line.startswith(place), line
    assert out.splitlines()[-1].endswith(" labels in 10 files: 10 errors, 0 warnings, 0 remarks")


@pytest.mark.usefixtures("files")
def test_every_output_names_the_file_and_the_line(call) -> None:
    names = ("paper.tex", "table.csv", "rows.jsonl", "rows.parquet")
    places = [("paper.tex", 5), ("table.csv", 3), ("rows.jsonl", 2), ("rows.parquet", 2)]

    def out(form: str) -> str:
        code, text, _ = call("check", *names, "--select", "SYN001", "--format", form)
        assert code == 1
        return text

    rows = [json.loads(line) for line in out("jsonl").splitlines()]
    assert [row["file"] for row in rows if row["findings"]] == [name for name, _ in places]
    assert [(row["file"], row["line"]) for row in rows if row["file"] == "paper.tex"] == [
        ("paper.tex", line) for line in (5, 5, 6, 10, 10)
    ]
    assert [row["id"] for row in rows if row["file"] != "paper.tex"] == ["a.png", "b.png", "a", "b", "1", "2"]
    assert [row["line"] for row in rows if row["file"] != "paper.tex"] == [2, 3, 1, 2, 1, 2]
    results = json.loads(out("sarif"))["runs"][0]["results"]
    physical = [result["locations"][0]["physicalLocation"] for result in results]
    assert [place["artifactLocation"].get("uri") for place in physical] == [
        "paper.tex",
        "table.csv",
        "rows.jsonl",
        None,
    ]
    assert physical[0]["region"] | {"snippet": None} == {
        "startLine": 5, "startColumn": 26, "endLine": 5, "endColumn": 27,
        "charOffset": PAPER.index("frac{a$") + 4, "charLength": 1, "snippet": None,
    }  # fmt: skip
    github = out("github").splitlines()
    assert [line.split("title=")[0] for line in github[:3]] == [
        "::error file=paper.tex,line=5,col=26,",
        "::error file=table.csv,line=3,col=10,",
        "::error file=rows.jsonl,line=2,col=30,",
    ]
    gitlab = json.loads(out("gitlab"))
    assert [(item["location"]["path"], item["location"]["positions"]["begin"]["line"]) for item in gitlab] == places
    assert len({item["fingerprint"] for item in gitlab}) == 4
    suites = list(ET.fromstring(out("junit")))
    assert [(suite.get("name"), suite.get("failures")) for suite in suites] == [(name, "1") for name, _ in places]


@pytest.mark.usefixtures("files")
def test_services_know_files_below_the_working_folder(call, tmp_path: Path) -> None:
    out = call("check", "./lines.txt", tmp_path / "names.txt", "--select", "SYN001", "--format", "gitlab")[1]
    assert [item["location"]["path"] for item in json.loads(out)] == ["lines.txt", "names.txt"]
    out = call("check", "./lines.txt", "--select", "SYN001", "--format", "github")[1]
    assert out.startswith("::error file=lines.txt,line=2,")


def test_github_and_junit_hold_what_a_label_may_hold(call) -> None:
    out = call("check", "--latex", "a %\r\n::error::x \x01 <b> ]]> {", "--format", "github")[1]
    assert all(line.startswith("::") for line in out.splitlines())
    ET.fromstring(call("check", "--latex", "a %\r\n \x01 <b> ]]> {", "--format", "junit")[1])


def test_exit_codes(call, tmp_path: Path) -> None:
    write(tmp_path / "bad.txt", "{\n")
    write(tmp_path / "doubtful.txt", "a = = b\n")
    write(tmp_path / "broken.jsonl", '{"latex": \n')

    def code(*arguments: str) -> int:
        return call("check", *arguments)[0]

    assert code("bad.txt") == code("bad.txt", "doubtful.txt") == code("doubtful.txt", "--fail-on", "warning") == 1
    assert code("doubtful.txt") == code("bad.txt", "--fail-on", "never") == code("bad.txt", "--exit-zero") == 0
    assert code("bad.txt", "broken.jsonl", "--exit-zero") == code("bad.txt", "--fail-on", "info") == 2


def test_a_finding_is_explained_for_a_report(call) -> None:
    label = "x^{2}^3 ``` \u00e9\t"
    code, out, _ = call("check", "--latex", label, "--latex", "x", "--select", "SYN006,UNI", "--explain")
    assert code == 1
    first, *lines, last, _, where = out.splitlines()
    assert (first, last) == ("````text", "````")  # longer than any fence inside the label
    assert where.endswith("/issues/new?template=wrong-rule.md")
    facts = dict(line.split(None, 1) for line in lines if line)
    assert json.loads(facts["label"]) == label
    assert facts["tokens"].startswith("x ^ { 2 } ^ 3")
    assert facts["profile"] == "default"
    assert re.match(r"\S+, key version \d+, Python 3\.", facts["texsieve"])
    told = [line for line in lines if line.startswith(("rule ", "where ", "message "))]
    assert told[:3] == [
        "rule       SYN006 double-script (error)",
        "where      latex:1, characters 5 to 6: ^",
        "message    a second superscript on one symbol",
    ]
    # The block is enough to reproduce it.
    again = call("check", "--latex", json.loads(facts["label"]), "--select", "SYN006,UNI", "--explain")[1]
    assert again == out
    assert call("check", "--latex", "x", "--explain")[:2] == (0, "no findings to explain\n")
    assert call("check", "--latex", "x", "--explain", "--format", "jsonl")[0] == 2


@pytest.mark.usefixtures("files")
def test_a_file_that_cannot_be_read_hides_no_other(call, tmp_path: Path) -> None:
    write(tmp_path / "broken.csv", b"\x89PNG\r\n\x1a\n")
    write(tmp_path / "bad.jsonl", '{"latex": "x"}\n{"latex": \n')
    code, out, err = call("check", "none.txt", "lines.txt", "broken.csv", "bad.jsonl", "./lines.txt", "--select", "SYN")
    assert code == 2
    assert out.splitlines()[-1] == "2 labels: 1 error, 0 warnings, 0 remarks"  # the repeated file is read once
    told = err.splitlines()
    assert [line.partition(":")[0] for line in told] == ["curate"] * 3
    assert "none.txt: no such file" in told[0]
    assert "broken.csv" in told[1]
    assert "bad.jsonl: line 2 is not JSON" in told[2]


def test_a_fix_of_style_is_not_shown_as_a_repair(call) -> None:
    """`\\le` for `\\leq` is no error: a newcomer must see which marks mend something."""
    lines = call("check", "--latex", r"\label{a} x \le y^12", "--latex", r"\frac{a}")[1].splitlines()
    assert any(line.endswith(r"[safe style fix: \leq]") for line in lines if " CAN001 " in line)
    assert any(re.search(r"\[safe fix: ", line) for line in lines if " NRM" in line or " DLM" in line or " SEM" in line)


def test_a_formula_that_is_not_closed_is_told(call, tmp_path: Path) -> None:
    write(tmp_path / "a.tex", "\\section{a} $x$\n\n$y\n\n$z$ $ $\n")
    assert call("check", "a.tex") == (
        2,
        "2 labels: 0 errors, 0 warnings, 0 remarks\n",
        "a.tex:3: not read: $ is not closed before the end of its paragraph: $y\\n\\n$z$ $ $\\n\n",
    )
    write(tmp_path / "b.md", "No formula here.\n")
    assert call("check", "b.md") == (0, "0 labels: 0 errors, 0 warnings, 0 remarks\n", "")


def test_standard_input_and_folders_among_files(call, tmp_path: Path) -> None:
    write(tmp_path / "docs" / "a.md", "$x{$\n")
    write(tmp_path / "lines" / "b.txt", "x\n")
    code, out, _ = call("check", "-", "docs", "lines/*.txt", "--select", "SYN001", stdin=b"y{\n")
    assert code == 1
    assert [line.split(" ")[0] for line in out.splitlines()[:2]] == ["stdin:1:2:", "docs/a.md:1:3:"]
    assert out.splitlines()[-1].startswith("3 labels in 3 files")
    assert "none*.txt: no such file" in call("check", "none*.txt")[2]


@pytest.mark.usefixtures("files")
def test_macros_and_the_form_of_labels_are_no_errors_in_a_document(call, tmp_path: Path) -> None:
    out = call("check", "paper.tex")[1]
    found = [line.split(" ", 3)[:3] for line in out.splitlines()[:-1]]
    assert found == [
        ["paper.tex:5:12:", "info", "CMD015"],
        ["paper.tex:5:21:", "error", "SYN004"],
        ["paper.tex:5:26:", "error", "SYN001"],
        ["paper.tex:7:8:", "info", "CMD015"],
        ["paper.tex:8:13:", "error", "SYN006"],
        ["paper.tex:10:8:", "info", "SYN015"],
        ["paper.tex:10:13:", "error", "CMD015"],
    ]
    write(tmp_path / "proof.tex", "\\section{a} $\\qedhere$ $\\alhpa$\n")
    write(tmp_path / "proof.md", "$\\qedhere$\n")
    told = [line.split(" ", 3)[:3] for line in call("check", "proof.tex", "proof.md")[1].splitlines()[:-1]]
    assert told == [
        ["proof.tex:1:14:", "warning", "CMD001"],  # the document may load a package that defines it
        ["proof.tex:1:25:", "error", "CMD001"],
        ["proof.md:1:2:", "error", "CMD001"],
    ]
    # In a file of labels, the same text is a label.
    write(tmp_path / "labels.txt", "x \\in \\R\n")
    assert call("check", "labels.txt", "paper.tex")[1].startswith("labels.txt:1:7: error CMD015")


def test_an_audit_says_the_same_of_macros_also_when_it_is_updated(call, tmp_path: Path) -> None:
    write(tmp_path / "a.tex", "\\newcommand{\\R}{\\mathbb R}\\newcommand{\\foo}{x} $\\R$ $\\foo$ $y^{2}$ \\section{a}")
    write(tmp_path / "b.txt", "\\R\n\\foo\n")

    def severities() -> list[tuple[str, str, str]]:
        frame = pl.read_parquet(tmp_path / "run" / "findings.parquet").filter(pl.col("rule").str.starts_with("CMD"))
        return frame.select("sample_id", "rule", "severity").rows()

    expected = [
        ("a/1:49", "CMD015", "info"),
        ("a/1:54", "CMD001", "info"),
        ("b/1", "CMD015", "error"),
        ("b/2", "CMD001", "error"),
    ]
    assert call("audit", "a.tex", "b.txt", "--out", "run")[0] == 0
    assert severities() == expected
    scores = dict(pl.read_parquet(tmp_path / "run" / "samples.parquet").select("sample_id", "score").rows())
    assert scores["a/1:54"] > 0.9 > scores["b/2"]
    assert call("audit", "a.tex", "b.txt", "--out", "run", "--update")[0] == 0
    assert severities() == expected


def test_fixing_a_paper_changes_formulas_alone(call, tmp_path: Path) -> None:
    paper = (
        "\\documentclass{a}\r\n\\begin{document}\r\n$x^2$, \\verb|$x^2$| % $x^2$\r\n"
        "\\begin{equation}\\label{eq:1} % why\r\n  a  = \\frac12\r\n\\end{equation}\r\n"
        "\\begin{align}\r\n x &= y^2, \\\\\r\n \\end{align} caf\u00e9 $x^2$\r\n"
    )
    write(tmp_path / "a.tex", paper)
    assert call("fix", "a.tex", "--out", "b.tex", "--select", "SYN015,ESC007,DLM,ENV,WSP", "--style", "rules")[0] == 0
    assert (tmp_path / "b.tex").read_bytes().decode() == paper.replace("$x^2$,", "$x^{2}$,").replace(
        "\u00e9 $x^2$", "\u00e9 $x^{2}$"
    ).replace("\\frac12", "\\frac{1}{2}")
    untouched = call("fix", "a.tex", "--diff", "--select", "DLM,ESC,WSP,ENV", "--unsafe-fixes")
    assert untouched == (0, "", "a.tex: no label would change\n")


def test_rendering_a_document_draws_its_formulas(call, tmp_path: Path) -> None:
    write(tmp_path / "a.tex", "\\section{a} Let $x$.\n\n  \\[ y \\]\n")
    assert call("render", "a.tex", "--out", "out")[0] == 0
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["1_18.png", "3_6.png"]
    write(tmp_path / "t.csv", "image,label\na.png,x\nb.png,y\n")
    assert call("render", "t.csv", "--out", "csv", "--format", "svg")[0] == 0
    assert sorted(path.name for path in (tmp_path / "csv").iterdir()) == ["a.png.svg", "b.png.svg"]
    write(tmp_path / "one.tex", "\\frac{a}\n{b}\n")
    assert call("render", "one.tex", "--out", "one")[0] == 0
    assert [path.name for path in (tmp_path / "one").iterdir()] == ["one.png"]
