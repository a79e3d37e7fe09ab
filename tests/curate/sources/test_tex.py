"""Formulas in documents: which ones there are, where they are, and that nothing else in a document changes."""

from __future__ import annotations

import json
import random
import re
import shutil
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest
from pylatexenc import latexwalker
from source_makers import ids, image, labels, read, write

from curate.base.errors import UserError
from curate.findings.locate import locate
from curate.fix.files import rewrite
from curate.sources import recognise
from curate.sources.documents import latex, markdown
from curate.sources.documents.definitions import Definitions
from curate.sources.documents.found import LEFT_OUT

# Which formulas a LaTeX document contains -----------------------------------------------------------------------------


def tex(text: str) -> list[tuple[str, str]]:
    return [(kind, text[start:end]) for start, end, kind in latex.find_formulas(text, Definitions()).formulas]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (r"a $x$ b \(y\) \[z\] $$w$$", [("inline", "x"), ("inline", "y"), ("display", "z"), ("display", "w")]),
        ("\\[\n  x  % one\n  + y\n\\]", [("display", "x  % one\n  + y")]),
        ("\\begin{equation}% why\n  x\n\\end{equation}", [("equation", "x")]),
        ("\\begin{equation*} x \\end{equation*}", [("equation*", "x")]),
        ("\\begin{align}a&=b\\\\c\\end{align}", [("align", "\\begin{align}a&=b\\\\c\\end{align}")]),
        (
            "\\begin{alignat*}{2}a&=b\\end{alignat*}",
            [("alignat*", "\\begin{alignat*}{2}a&=b\\end{alignat*}")],
        ),
        (r"\$5 $a\$b$ \\$c$ \\[2pt] \\(no) \\\(d\)", [("inline", r"a\$b"), ("inline", "c"), ("inline", "d")]),
        ("$a$$b$", [("inline", "a"), ("inline", "b")]),
        ("$x\\ $", [("inline", "x\\ ")]),
        ("% $x$\n$y$ %\n", [("inline", "y")]),
        (r"\verb|$x$| \verb*+\(x\)+ \lstinline{$x$} \mintinline{c}|$x$| $y$", [("inline", "y")]),
        ("\\begin{verbatim}\n$x$\n\\end{verbatim}\\begin{lstlisting}$x$\\end {lstlisting}$y$", [("inline", "y")]),
        (r"\iffalse $x$ \fi $y$ \url{a$b} \href{c$d}{$z$}", [("inline", "y"), ("inline", "z")]),
        (r"\begin{tabular}{>{$}c<{$}} $y$ \end{tabular}", [("inline", "y")]),
        (r"$a \text{ if $b$ and \mbox{$c$}}$", [("inline", r"a \text{ if $b$ and \mbox{$c$}}")]),
        (r"$$\text{d $e$}$$", [("display", r"\text{d $e$}")]),
        (r"\newcommand{\x}[1]{$#1$} \def\y#1{$#1$} \DeclareMathOperator{\z}{$z$} $a$", [("inline", "a")]),
        (r"\newenvironment{e}{\begin{equation}}{\end{equation}} \begin{e} x \end{e}", [("equation", "x")]),
        (r"\def\be{\begin{equation}}\def\ee{\end{equation}} \be x \ee", [("equation", "x")]),
        (r"\iffalse \ifx $a$ \else $b$ \fi $c \iff$ \else $d$ \fi", [("inline", "d")]),
        (r"\begin{tikzpicture}\draw ($(a)!.5!(b)$) node {$x$};\end{tikzpicture}", [("inline", "x")]),
        (r"\end{document} $x$", []),
        (r"$\newcommand{\R}{x}$ $\R$", [("inline", r"\R")]),
        ("$\\frac{a$ and $b$", [("inline", "\\frac{a"), ("inline", "b")]),
    ],
)  # fmt: skip
def test_the_formulas_of_a_latex_document(text: str, found: list[tuple[str, str]]) -> None:
    assert tex(text) == found


@pytest.mark.parametrize(
    ("text", "after", "reason"),
    [
        ("a $x and\n\n$y$", ["y"], "$ is not closed before the end of its paragraph"),
        (r"\[ x \begin{align}a\end{align}", [r"\begin{align}a\end{align}"], r"\[ is not closed before \begin{align}"),
        (r"\begin{equation} x \end{align} $y$", ["y"], r"\begin{equation} is not closed before \end{align}"),
        (r"$x \section{a} $y$", ["y"], r"$ is not closed before \section"),
        (r"$$x$ $y$", ["y"], "$$ is closed by a single $"),
        (r"\(x", [], r"\( is not closed before the end of the file"),
        (r"\begin{verbatim} $x$", [], r"\end{verbatim} is missing; nothing after its \begin is read"),
        (r"\begin{dmath}x\end{dmath} $y$", ["y"], f"{LEFT_OUT}dmath, an environment of a package"),
        (
            r"\def\ba{\begin{align}}\def\ea{\end{align}}\ba x\ea $y$",
            ["y"],
            f"{LEFT_OUT}\\ba, an environment of the document's own, for align",
        ),
        (r"$ $ $y$", ["y"], f"{LEFT_OUT}an empty formula"),
    ],
)  # fmt: skip
def test_what_is_not_closed_is_told_and_costs_nothing_else(text: str, after: list[str], reason: str) -> None:
    found = latex.find_formulas(text, Definitions())
    assert [unread.reason for unread in found.unread] == [reason]
    assert [text[start:end] for start, end, _ in found.formulas] == after


DOCUMENT = r"""\documentclass{article}
\usepackage{amsmath,verbatim}
\newcommand{\R}{\mathbf{R}}
\newcommand{\pa}{\mbox{$\partial$}}
\newcommand{\be}{\begin{equation}}
\newcommand{\ee}{\end{equation}}
\newenvironment{eqn}{\begin{equation}}{\end{equation}}
\begin{document}
Price \$5, $x \in \R$ and \(y\) % not $z$
\verb|$no$| and \verb+\(no\)+.
\begin{verbatim}
$no$ \[ no \]
\end{verbatim}
\[ a = b \]
$$ c = d \text{ if $e > f$} $$
\be
 g = h
\ee
\begin{eqn} i \end{eqn}
\begin{align}
 j &= k \\
 l &= m
\end{align}
\begin{gather*} n \\ o \end{gather*}
\begin{multline} p \\ q \end{multline}
\begin{eqnarray} r &=& s \end{eqnarray}
\begin{displaymath} t \end{displaymath}
\begin{math} u \end{math}
\iffalse $no$ \fi
\begin{comment}
$no$
\end{comment}
\begin{tabular}{c|c} $v$ & \(w\) \\ \end{tabular}
Two: $x$$y$, and \\[2pt] $z$ \\ \mbox{$aa$}
\begin{equation}
\begin{aligned} bb &= cc \\ dd &= \text{$ee$} \end{aligned}
\end{equation}
\end{document}
$no$
"""


@pytest.mark.skipif(shutil.which("latex") is None, reason="needs LaTeX")
def test_latex_is_in_math_mode_where_formulas_are_found(tmp_path: Path) -> None:
    hook = "\\everymath{\\typeout{MATH \\the\\inputlineno}}\\everydisplay{\\typeout{MATH \\the\\inputlineno}}"
    (tmp_path / "a.tex").write_text(DOCUMENT.replace("\\begin{document}", f"{hook}\\begin{{document}}"))
    command = ["latex", "-interaction=nonstopmode", "a.tex"]
    told = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False).stdout
    seen = {int(line) for line in re.findall(r"^MATH (\d+)", told, re.MULTILINE)}
    lines = [0, *(match.end() for match in re.finditer("\n", DOCUMENT))]
    ours: set[int] = set()
    for start, end, kind in latex.find_formulas(DOCUMENT, Definitions()).formulas:
        around = int(kind == "equation")  # LaTeX sets its number at the \\end
        first, last = (sum(at <= place for at in lines) for place in (start, end))
        here = set(range(first - around, last + around + 1))
        assert here & seen, DOCUMENT[start:end]
        ours |= here
    assert seen <= ours


def test_pylatexencs_walker_finds_the_same_formulas() -> None:
    body = re.sub(r"(?s)\\iffalse.*?\\fi|\\(?:newcommand|newenvironment|be|ee).*|\\end\{document\}.*", "", DOCUMENT)
    body = re.sub(r"(?s)\\begin\{(eqn|comment)\}.*?\\end\{\1\}", "", body).replace("$x$$y$", "$x$ $y$")
    walked: list[str] = []

    def walk(nodes: list[latexwalker.LatexNode]) -> None:
        for node in nodes or []:
            name = getattr(node, "environmentname", "")
            if node.isNodeType(latexwalker.LatexMathNode) or name in latex.SINGLE | latex.ROWS:
                whole = node.latex_verbatim()
                is_single = name in latex.SINGLE
                inner = re.fullmatch(r"(?s)\\begin\{\w+\*?\}(.*)\\end\{\w+\*?\}", whole) if is_single else None
                walked.append(
                    (
                        inner[1]
                        if inner
                        else whole
                        if name
                        else whole.strip("$")
                        .removeprefix("\\(")
                        .removeprefix("\\[")
                        .removesuffix("\\)")
                        .removesuffix("\\]")
                    ).strip()
                )
            elif name != "verbatim":
                walk(getattr(node, "nodelist", None) or [])
                arguments = getattr(node, "nodeargd", None)
                walk([n for n in (arguments.argnlist if arguments else None) or [] if n is not None])

    walk(latexwalker.LatexWalker(body).get_latex_nodes()[0])
    assert walked == [label for _, label in tex(body)]


HOSTILE = [
    *("$", "$ ", r"\[", r"\(", r"\begin{align}", r"$\text{", r"$\text{$", r"\def\x{", "{", r"\lstinline[", r"\url{"),
    *("$$", "$a\n\n", "`", "`` ` ", "<!--", "<pre>", "<a b='", "](a(", r"\\(", "> $$\n", "```\n", "$`a", "- $x\n"),
]


@pytest.mark.parametrize("find", [latex.find_formulas, markdown.find_formulas])
def test_time_grows_with_the_document_alone(find) -> None:
    for piece in HOSTILE:
        text = (piece * 40_000)[:40_000]
        began = time.process_time()
        find(text, Definitions())
        assert time.process_time() - began < 1.5, piece


# Markdown -------------------------------------------------------------------------------------------------------------


def marked(text: str) -> list[str]:
    return [text[start:end] for start, end, _ in markdown.find_formulas(text, Definitions()).formulas]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("It costs $5 and $6, but $x^2$ is", ["x^2"]),
        ("$HOME/$USER, $5-$10, ${A}, US$5/US$6, A$AP B$AP", []),
        ("| $5 | $6 |\n|----|----|\n| $x$ | $y$ |", ["x", "y"]),
        ("$n$th, $k$-means, ($x$), **$y$**", ["n", "k", "x", "y"]),
        ("$ a $ and \\$5 and $b\\$c$", ["b\\$c"]),
        ("`$x$` ``a `$y$` b`` $z$ `", ["z"]),
        ("```math\nx^2\n```\n\n```py\n$a$\n```\n~~~\n$b$\n~~~\n$c$", ["x^2", "c"]),
        ("- a\n  ```math\n  x\n  ```\n", ["x"]),
        ("$`a_b`$ and $$\nc\n$$ and $$d$$", ["a_b", "c", "d"]),
        (r"\[optional\] and file\(s\)", []),
        (r"so \(x^2\), \[ y \] and file\(s\)", ["x^2", "y"]),
        (r"\\(x_1\\) and \\[y^2\\]", ["x_1", "y^2"]),
        ("[$a$](http://x/$b$) <http://c$d$e> https://f/$g$h <i title='$x$'>$i$</i>", ["a", "i"]),
        ("text\n\n    $code$\n\ntext $x$", ["x"]),
        ("1. item\n\n    $x$\n", ["x"]),
        ("<!-- $a$ -->\n$b$\n<pre>\n$c$\n</pre>", ["b"]),
        ("\\begin{align}\na&=b\n\\end{align}", ["\\begin{align}\na&=b\n\\end{align}"]),
        ("---\ntitle: $x$\n---\n$y$", ["y"]),
        ("> $a$\n", ["a"]),
        ("$$\n\\newcommand{\\R}{\\mathbb{R}}\n$$\n$\\R$", ["\\R"]),
        ("process $$ is", []),
        ("记作$A$。等价", ["A"]),
        (r"\\( B ) en \\( C\\) y \\[ \hom \\\\[2pt] D\\]", ["C", r"\hom \\\\[2pt] D"]),
        ("3. $$\n   x\n   $$\n", ["x"]),
    ],
)
def test_the_formulas_of_markdown(text: str, found: list[str]) -> None:
    assert marked(text) == found


def test_what_markdown_leaves_open_is_told_or_counted() -> None:
    found = markdown.find_formulas("$$\na\n\nb\n\n> $$\n> c\n> $$\n\n$5 and \\[x\\]", Definitions())
    assert [unread.reason for unread in found.unread] == [markdown.NOT_CLOSED, markdown.QUOTED]
    assert (found.passed, found.brackets, found.formulas) == (1, 1, [])


LINES = ["Let $\\frac{a}{b}$\n", "\n", "$$\n", "\\alpha \u00e9 \\\\\n", "  + 1\n", "$$"]
NOTEBOOK: dict[str, Any] = {
    "cells": [
        {"cell_type": "code", "metadata": {}, "source": ["x = '$a$'\n"], "outputs": [], "execution_count": None},
        {"cell_type": "markdown", "metadata": {"a": [1]}, "source": LINES},
        {"cell_type": "markdown", "metadata": {}, "source": "one \"$y$\""},
    ],
    "metadata": {},
    "nbformat": 4,
    "nbformat_minor": 5,
}  # fmt: skip


@pytest.mark.parametrize("ascii_only", [True, False])
def test_notebooks_are_read_located_and_written_back(tmp_path: Path, ascii_only: bool) -> None:
    path = write(tmp_path / "a.ipynb", json.dumps(NOTEBOOK, indent=1, ensure_ascii=ascii_only))
    source = read(path)
    assert labels(source) == ["\\frac{a}{b}", "\\alpha \u00e9 \\\\\n  + 1", "y"]
    places = locate(source, range(3))
    for row, label in enumerate(labels(source)):
        place = places[row]
        assert place.label == label
        assert place.file.text[slice(*place.region(len(label) - 1, len(label)))] == label[-1]
    text = path.read_text(encoding="utf-8")
    assert places[1].line_and_column(places[1].start)[0] == text[: text.index("alpha")].count("\n") + 1
    rows = source.places.with_columns(label=source.frame["label"])
    new = rows.with_columns(fixed=rows["label"] + " \\beta").filter(rows["label"] != "y")
    files, written = rewrite(source, new, {})
    (file,) = files.values()
    again = json.loads(file.result())
    assert again["cells"][1]["source"] == [
        line.replace("{b}", "{b} \\beta").replace("+ 1", "+ 1 \\beta") for line in LINES
    ]
    again["cells"][1] = NOTEBOOK["cells"][1]
    assert again == NOTEBOOK
    assert written == new["fixed"].to_list()
    with pytest.raises(UserError, match="not a Jupyter notebook"):
        read(f"tex:{write(tmp_path / 'b.ipynb', '{')}")


# Files and folders ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "text", "is_a"),
    [
        ("a.tex", "\\documentclass{article}\n", "tex"),
        ("a.tex", "\\section{One}\nWords alone.\n", "tex"),
        ("a.tex", "Let $x$ be.\n", "tex"),
        ("a.tex", "\\frac{a}{b}\nx^2\n", "text"),
        ("a.tex", "$x$\n$y + 1$\n", "text"),
        ("a.tex", "\\begin{tabular}{l}\n$x$ \\\\\n\\end{tabular}\n", "text"),
        ("a.tex", "\\begin{align}\nx\n\\end{align}\n", "tex"),
        ("a.md", "# Title\n", "tex"),
        ("a.txt", "Let $x$ be.\n", "text"),
    ],
)
def test_documents_are_known_from_files_of_labels(tmp_path: Path, name: str, text: str, is_a: str) -> None:
    assert recognise(write(tmp_path / name, text)).name == is_a


def test_a_folder_is_a_paper_or_notes_but_no_data_set_with_a_readme(tmp_path: Path) -> None:
    write(tmp_path / "set" / "train.csv", "image,label\na.png,x\n")
    image(tmp_path / "set" / "a.png")
    write(tmp_path / "set" / "README.md", "A set with $x$.\n")
    assert recognise(tmp_path / "set").name == "csv"
    write(tmp_path / "notes" / "a.md", "$x$\n")
    assert recognise(tmp_path / "notes").name == "tex"
    image(tmp_path / "paper" / "fig.png")
    write(tmp_path / "paper" / "main.tex", "\\documentclass{article}\n\\input{parts/a}\n$x$\n")
    write(tmp_path / "paper" / "parts" / "a.tex", "\n  $y$ \\[ z \\]\n")
    write(tmp_path / "paper" / ".git" / "b.tex", "$no$\n")
    write(tmp_path / "paper" / "labels.csv", "label\nx\n")
    source = read(tmp_path / "paper")
    assert source.format == "tex"
    assert [number for note, number in source.notes.items() if "beside it" in note] == [1]
    assert ids(source) == ["paper/main.tex:3:2", "paper/parts/a.tex:2:4", "paper/parts/a.tex:2:10"]
    assert source.places.rows() == [("main.tex", 3), ("parts/a.tex", 2), ("parts/a.tex", 2)]
    assert source.frame["kind"].to_list() == ["inline", "inline", "display"]
    alone = read(tmp_path / "paper" / "main.tex")
    assert sum("were not read" in note for note in alone.notes) == 1


def test_macros_of_the_files_around_are_known_and_labels_stay_as_they_are(tmp_path: Path) -> None:
    write(tmp_path / "mine.sty", "\\newcommand{\\R}{\\mathbb{R}}\n\\DeclareMathOperator*{\\argmin}{arg\\,min}\n")
    write(tmp_path / "main.tex", "\\documentclass{article}\\usepackage{mine}\\def\\half{\\frac12}\\input{parts/a}\n")
    path = write(tmp_path / "parts" / "a.tex", "\\section{A}$\\R$ $\\argmin_x \\half$ $\\alpha$ $\\foo$\n")
    source = read(path)
    assert labels(source) == ["\\R", "\\argmin_x \\half", "\\alpha", "\\foo"]
    assert source.frame["macros"].to_list() == ["\\R", "\\argmin \\half", None, None]


def test_bytes_that_are_no_utf_8(tmp_path: Path) -> None:
    head = "\\documentclass{article}\\usepackage[latin1]{inputenc}\n"
    source = read(write(tmp_path / "a.tex", f"{head}Caf\u00e9 $\\text{{\u00e9}}$\n".encode("latin-1")))
    assert labels(source) == ["\\text{\u00e9}"]
    source = read(write(tmp_path / "b.tex", b"\\section{a} \xff $x$ $\\text{\xff}$\n"))
    assert labels(source) == ["x"]
    assert source.unreadable.by_reason == {"not valid UTF-8": 1}


# Writing back ---------------------------------------------------------------------------------------------------------

PIECES = ["Words \u00e9 ", "% $c$\n", "\\$5 ", "\n\n", "\\verb|$v$| ", "\\emph{a} ", "`$`", "\\section{s}\n"]
FORMULAS = ["$x$", "\\(y_1\\)", "\\[\n z \n\\]", "\\begin{equation}\\label{e}\r\n w\r\n\\end{equation}", "$x$"]


@pytest.mark.parametrize("seed", range(20))
def test_every_byte_outside_the_formulas_stays(tmp_path: Path, seed: int) -> None:
    chosen = random.Random(seed)
    text = "\\documentclass{a}\n" + "".join(chosen.choice(PIECES + FORMULAS) for _ in range(40))
    path = write(tmp_path / "a.tex", text.encode())
    found = latex.find_formulas(text, Definitions()).formulas
    if not found:
        return
    source = read(path)
    rows = source.places.with_columns(label=source.frame["label"])
    rows = rows.with_columns(fixed=rows["label"] + " + q")
    files, written = rewrite(source, rows, {})
    assert written == rows["fixed"].to_list()
    expected, at = "", 0
    for start, end, _ in found:
        expected, at = f"{expected}{text[at:end]} + q", end
        assert start < end
    assert next(iter(files.values())).result() == expected + text[at:]


@pytest.mark.parametrize(
    ("text", "new"),
    [
        ("$x$", "a $ b"),
        ("$x$", "a\n\nb"),
        ("$x$", "a \\) b \\end{document}"),
        ("\\begin{align}a\\end{align}", "\\begin{aligned}a\\end{aligned}"),
        ("\\begin{equation}a\\end{equation}", "a\\end{equation} b"),
        ("\\[a\\]", "a \\] b"),
        ("$x$", ""),
        ("\\renewcommand{\\leq}{\\leqslant} $a \\le b$", "a \\leq b"),
    ],
)
def test_a_label_that_could_not_stand_there_is_not_written(tmp_path: Path, text: str, new: str) -> None:
    path = write(tmp_path / "a.tex", f"Words {text} words.\n")
    source = read(path)
    rows = source.places.with_columns(
        label=source.frame["label"], fixed=source.frame["label"].replace(labels(source), [new])
    )
    files, written = rewrite(source, rows, {})
    assert written == labels(source)
    assert next(iter(files.values())).result() == path.read_text()
