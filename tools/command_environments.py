"""Makes rules/latex/data/environments.tsv, for make_commands.py."""

from __future__ import annotations

import re
from pathlib import Path

from command_probes import DISPLAY, PREAMBLE, Katex, Latex, MathCore, MathJax

HERE = Path(__file__).parent
# One column by design: `&` is an error there, but a line break isn't.
ONE_COLUMN = {
    "gather",
    "gather*",
    "gathered",
    "multline",
    "multline*",
    "multlined",
    "lgathered",
    "rgathered",
    "subarray",
    "crampedsubarray",
}
KINDS_BY_HAND = {
    "tabular": "text",
    "minipage": "text",
    "picture": "picture",
    "spreadlines": "text",
    "numcases": "display",
    "subnumcases": "display",
}
NOT_MEANT = {
    "L",
    "R",
    "csname",
    "input",
    "line",
    "mathdisplay",
    "lrbox",
    "filecontents",
    "filecontents*",
    "document",
    "list",
    "trivlist",
    "eqnnum",
}
COUNTED = {"alignat", "alignat*", "alignedat", "xalignat", "xalignat*", "xxalignat"}
COLUMNS = ["name", "args", "kind", "cells", "max_columns", "latex", "katex", "mathjax", "mathcore", "package", "note"]


def signatures() -> dict[str, str]:
    """Arguments by environment, from environments_by_hand.txt."""
    lines = (HERE / "environments_by_hand.txt").read_text(encoding="utf-8").splitlines()
    return {name: line.split()[0] for line in lines if not line.startswith("#") for name in line.split()[1:]}


def defined(latex: Latex, names: set[str]) -> set[str]:
    """Which of these are environments: \\NAME and \\endNAME exist."""
    both = names | {f"{name}*" for name in names if not name.endswith("*")}
    ends = latex.defined({f"end{name}" for name in both})
    return {n for n in latex.defined(both) if f"end{n}" in ends and not n.startswith(("end", "if"))} - NOT_MEANT


def call(name: str, body: str, args: str) -> str:
    """The environment as a probe uses it."""
    braced = "{3cm}" if name == "minipage" else "{2}" if name in COUNTED else "{cc}"
    return f"\\begin{{{name}}}{braced * args.count('r')}{body}\\end{{{name}}}"


def widest(latex: Latex, name: str, args: str, template: str) -> str:
    """The most columns that compile; "" if 24 do, or if an argument sets the number."""
    if name in ONE_COLUMN:
        return "1"
    errors = latex.errors([call(name, "&".join("x" * n), args) for n in range(1, 25)], template)
    good = [n for n, error in enumerate(errors, 1) if error is None]
    return str(max(good)) if good and max(good) < 24 and "r" not in args else ""


def table(
    names: set[str], latex: Latex, katex: Katex, mathjax: MathJax, mathcore: MathCore, texmf: str, known: set[str]
) -> list[list[str]]:
    """The rows: `names` are the engines' environments and those seen, `known` all of LaTeX's control words."""
    args = signatures()
    mine = defined(latex, names | known)
    more = defined(Latex(PREAMBLE + r"\usepackage{mathtools}", texmf=texmf), names) - mine
    every = sorted((names | mine | more | set(args)) - NOT_MEANT)
    plain = [call(n, r"\alpha", args.get(n, "")) for n in every]
    cells = [call(n, r"x&y\\z&w", args.get(n, "")) for n in every]
    inner, inner_cells = latex.errors(plain, DISPLAY), latex.errors(cells, DISPLAY)
    outer, outer_cells = latex.errors(plain, "%s"), latex.errors(cells, "%s")
    others = [(engine.errors(plain), engine.errors(cells)) for engine in (katex, mathjax, mathcore)]
    rows = []
    for i, name in enumerate(every):
        ok_inner, ok_outer = inner[i] is None or inner_cells[i] is None, outer[i] is None
        renders = [engine[0][i] is None or engine[1][i] is None for engine in others]
        if name in mine:
            kind = "inner" if ok_inner and not ok_outer else "display" if ok_outer and not ok_inner else "text"
            has_cells = inner_cells[i] is None or outer_cells[i] is None
        else:
            kind = "inner" if renders[0] or renders[1] else "text"
            has_cells = others[0][1][i] is None or others[1][1][i] is None
        kind = KINDS_BY_HAND.get(name, kind)
        has_cells = has_cells or name in ONE_COLUMN
        note = f"LaTeX inside equation*: {inner[i] or inner_cells[i]}" if name in mine and not ok_inner else ""
        if name == "tabular":
            note = "works inside a formula too; its cells are text"
        if not (name in mine or name in more or any(renders) or name in args):
            continue
        measured = name in mine or name in ONE_COLUMN
        columns = (
            widest(latex, name, args.get(name, ""), DISPLAY if kind == "inner" else "%s")
            if has_cells and measured
            else ""
        )
        package = "" if name in mine else "mathtools" if name in more else "amscd" if name == "CD" else ""
        flags = [str(int(flag)) for flag in (name in mine, *renders)]
        rows.append(
            [name, args.get(name, ""), kind, str(int(has_cells)), columns, *flags, package, re.sub(r"\s+", " ", note)]
        )
    return rows
