"""The table of commands and environments: spot checks, consistency, suggestions. A recheck if TeX is installed."""

from __future__ import annotations

import random
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from rules.latex.commands import (
    COMMANDS,
    DELIMITERS,
    ENVIRONMENTS,
    KINDS,
    nearest,
    split_glued,
)

#: The kinds of environments, and the letters of arguments: see the docstring of `rules.latex.commands`.
ENVIRONMENT_KINDS = frozenset({"inner", "display", "text", "picture"})
LETTERS = frozenset("mtrDoOsdl")

DATA = Path(__file__).parents[3] / "rules/latex/data"


@pytest.mark.parametrize(
    ("name", "kind", "args", "mode"),
    [
        ("frac", "fraction", "mm", "math"),
        ("sqrt", "radical", "om", "math"),
        ("over", "infix", "", "math"),
        ("above", "infix", "l", "math"),
        ("genfrac", "fraction", "rrrrmm", "math"),
        ("le", "rel", "", "math"),
        ("ne", "rel", "", "math"),
        ("cdot", "bin", "", "math"),
        ("langle", "open", "", "math"),
        ("sum", "op", "", "math"),
        ("sin", "func", "", "math"),
        ("lim", "op", "", "math"),
        ("operatorname", "op", "sm", "math"),
        ("alpha", "ord", "", "math"),
        ("hat", "accent", "m", "math"),
        ("mathbf", "font", "m", "math"),
        ("bf", "fontswitch", "", "both"),
        ("displaystyle", "style", "", "math"),
        ("big", "size", "d", "both"),
        ("left", "size", "d", "math"),
        ("hspace", "space", "sD", "both"),
        ("kern", "space", "l", "both"),
        (",", "space", "", "both"),
        ("text", "text", "t", "both"),
        ("mbox", "text", "t", "both"),
        ("textcircled", "accent", "t", "both"),
        ("not", "rel", "", "math"),
        ("stackrel", "stack", "mm", "math"),
        ("xrightarrow", "stack", "om", "math"),
        ("pmod", "other", "m", "math"),
        ("color", "colour", "r", "math"),
        ("label", "ref", "r", "both"),
        ("sp", "script", "m", "math"),
        ("'", "accent", "t", "text"),
        ("c", "accent", "t", "both"),
        ("{", "open", "", "both"),
        ("&", "ord", "", "both"),
    ],
)
def test_what_a_command_is(name: str, kind: str, args: str, mode: str) -> None:
    command = COMMANDS[name]
    assert (command.kind, command.args, command.mode) == (kind, args, mode)


@pytest.mark.parametrize(
    ("name", "engines"),
    [
        ("frac", "latex katex mathjax mathcore"),
        ("label", "latex mathjax"),
        ("mbox", "latex mathjax"),
        ("textcircled", "latex katex"),
        ("bm", "latex katex mathcore"),
        ("R", "katex mathcore"),
        ("lt", "katex mathjax mathcore"),
        ("dv", "mathjax"),
        ("coloneqq", "katex mathjax mathcore"),
        ("iiiint", "latex mathjax mathcore"),
    ],
)
def test_which_engine_takes_a_command(name: str, engines: str) -> None:
    command = COMMANDS[name]
    taking = [engine for engine in ("latex", "katex", "mathjax", "mathcore") if getattr(command, engine)]
    assert taking == engines.split()


@pytest.mark.parametrize("name", ["foobar", "DIV", "Comp", "lambdambda", "be", "beq", ""])
def test_unknown_commands_are_not_in_the_table(name: str) -> None:
    assert name not in COMMANDS


def test_limits_and_delimiters() -> None:
    assert [name for name in ("sum", "sin", "mathop", "underbrace", "alpha", "mathrm") if COMMANDS[name].limits] == [
        "sum",
        "sin",
        "mathop",
        "underbrace",
    ]
    assert {"(", ".", "\\{", "\\|", "\\langle", "\\vert", "\\uparrow", "\\backslash"} <= DELIMITERS
    assert not {"\\alpha", "x", "\\mid", "\\sum", "\\left"} & DELIMITERS


@pytest.mark.parametrize(
    ("name", "args", "kind", "cells", "columns"),
    [
        ("array", "Or", "inner", True, None),
        ("matrix", "", "inner", True, 10),
        ("pmatrix", "", "inner", True, 10),
        ("cases", "", "inner", True, 2),
        ("split", "", "inner", True, 2),
        ("aligned", "O", "inner", True, None),
        ("gathered", "O", "inner", True, 1),
        ("smallmatrix", "", "inner", True, None),
        ("align", "", "display", True, None),
        ("eqnarray", "", "display", True, 3),
        ("equation*", "", "display", False, None),
        ("alignat", "r", "display", True, None),
        ("tabular", "Or", "text", True, None),
        ("center", "", "text", False, None),
        ("picture", "", "picture", False, None),
    ],
)
def test_what_an_environment_is(name: str, args: str, kind: str, cells: bool, columns: int | None) -> None:
    found = ENVIRONMENTS[name]
    assert (found.args, found.kind, found.cells, found.max_columns) == (args, kind, cells, columns)


def test_engines_of_environments() -> None:
    assert not ENVIRONMENTS["dcases"].latex
    assert ENVIRONMENTS["dcases"].package == "mathtools"
    assert ENVIRONMENTS["eqnarray"].latex
    assert not ENVIRONMENTS["eqnarray"].katex
    assert "foo" not in ENVIRONMENTS


@pytest.mark.parametrize("file", ["commands.tsv", "environments.tsv"])
def test_a_table_is_sorted_and_rectangular(file: str) -> None:
    header, *rows = [line.split("\t") for line in (DATA / file).read_text(encoding="utf-8").split("\n")[:-1]]
    names = [row[0] for row in rows]
    assert names == sorted(set(names))
    assert {len(row) for row in rows} == {len(header)}


def test_every_row_speaks_the_documented_language() -> None:
    for command in COMMANDS.values():
        assert command.kind in KINDS, command
        assert set(command.args) <= LETTERS, command
        assert command.mode in ("math", "text", "both"), command
        assert not (command.latex and command.package), command
        assert command.latex or command.katex or command.mathjax or command.mathcore or command.package, command
    for environment in ENVIRONMENTS.values():
        assert environment.kind in ENVIRONMENT_KINDS, environment
        assert set(environment.args) <= LETTERS, environment
        assert environment.cells or environment.max_columns is None, environment
    assert {command.kind for command in COMMANDS.values()} == KINDS


@pytest.mark.parametrize(
    ("slip", "meant"),
    [
        ("alhpa", "alpha"),
        ("fracc", "frac"),
        ("lambd", "lambda"),
        ("thata", "theta"),
        ("infy", "infty"),
        ("lambdambda", "lambda"),
        ("deltalta", "delta"),
    ],
)
def test_nearest(slip: str, meant: str) -> None:
    assert nearest(slip) == meant


@pytest.mark.parametrize("name", ["foobar", "DIV", "Q", "frac", "scriptstylelambda", ""])
def test_nothing_is_near(name: str) -> None:
    assert nearest(name) is None


@pytest.mark.parametrize(
    ("name", "parts"),
    [
        ("gtM", ("gt", "M")),
        ("ltq", ("lt", "q")),
        ("mathbfx", ("mathbf", "x")),
        ("intf", ("int", "f")),
        ("pii", ("pi", "i")),
        ("munu", ("mu", "nu")),
        ("rmbf", ("rm", "bf")),
        ("leftlangle", ("left", "langle")),
        ("scriptstylelambda", ("scriptstyle", "lambda")),
    ],
)
def test_split_glued(name: str, parts: tuple[str, str]) -> None:
    assert split_glued(name) == parts


@pytest.mark.parametrize("name", ["lambdambda", "deltalta", "frac", "DIV", "Q", ""])
def test_nothing_to_split(name: str) -> None:
    assert split_glued(name) is None


@pytest.mark.skipif(shutil.which("pdflatex") is None, reason="needs pdflatex")
def test_latex_still_says_what_the_table_says(tmp_path: Path) -> None:
    cancel = {"cancel", "bcancel", "xcancel", "cancelto", "CancelColor"}  # cancel.sty is often not installed
    names = [name for name in COMMANDS if name.isalpha() and name != "of" and name not in cancel]
    chosen = [*random.Random(7).sample(names, 50), "frac", "iiiint", "R"]
    tests = "\n".join(rf"\typeout{{@@{name}=\ifcsname {name}\endcsname1\else0\fi}}" for name in chosen)
    preamble = r"\documentclass{article}\usepackage{amsmath,amssymb,mathrsfs,bm}"
    (tmp_path / "names.tex").write_text(f"{preamble}\\begin{{document}}\n{tests}\n\\end{{document}}")
    subprocess.run(
        ["pdflatex", "-draftmode", "-interaction=nonstopmode", "names.tex"], cwd=tmp_path, capture_output=True
    )
    log = (tmp_path / "names.log").read_text(encoding="latin-1")
    if "LaTeX Error: File" in log:
        pytest.skip("the reference preamble is not installed")
    said = {name: flag == "1" for name, flag in re.findall(r"^@@(\w+)=([01])", log, re.MULTILINE)}
    assert said == {name: COMMANDS[name].latex for name in chosen}
