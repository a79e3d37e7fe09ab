"""SYN: rows, cells and rules of arrays and matrices. Which environment it should be is in `environments`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.label import Label
from rules.registry import Options, rule
from rules.sieves import has, has_problem


@rule(
    "SYN008",
    "alignment-outside-environment",
    "error",
    has_problem("alignment-outside-environment", "alignment-in-group", "row-break-in-group", "misplaced-cr"),
    fix="display",
)
def alignment_outside_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An `&`, or a row break, where no cell can end: outside an environment, or inside a group in a cell.

    Why: LaTeX can't render the label. An environment was lost, or a brace closes too late.
    Fires: ``a & b`` -> ``&``
    Fires: ``\begin{matrix} { a & b } \end{matrix}`` -> ``&``
    Fires: ``\begin{matrix} { a \\ b } \end{matrix}`` -> ``\\``
    Quiet: ``a \& b``
    Quiet: ``\begin{matrix} a & b \end{matrix}``
    Quiet: ``a \\ b``
    Fix: Display: `\&` where the sign was meant.
    """
    for problem in label.problems("alignment-outside-environment"):
        yield label.on(problem, "& stands outside any environment with columns", r"\&")
    for problem in label.problems("alignment-in-group"):
        yield label.on(problem, "& stands inside a group, where no cell can end")
    for problem in label.problems("row-break-in-group"):
        yield label.on(problem, "a row break stands inside a group, where no row can end")
    for problem in label.problems("misplaced-cr"):
        yield label.on(problem, r"\cr stands outside rows", r"\\")


@rule(
    "SYN009", "too-many-columns", "error", has_problem("too-many-columns", "illegal-column-specification"), fix="unsafe"
)
def too_many_columns(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row with more cells than its environment has columns, or a column specification that LaTeX doesn't know.

    Why: LaTeX stops with "Extra alignment tab" or "Illegal character in array arg". What layout was meant is unclear.
    Fires: ``\begin{array}{c} a & b \end{array}`` -> ``&``
    Fires: ``\begin{cases} a & b & c \end{cases}`` -> ``&``
    Fires: ``\begin{array}{zz} a & b \end{array}`` -> ``{zz}``
    Quiet: ``\begin{array}{cc} a & b \end{array}``
    Quiet: ``\begin{array}{ccc} a & b \end{array}``
    Quiet: ``\begin{array}{*{3}{c}} a & b & c \end{array}``
    Fix: Unsafe: a wider specification.
    """
    for problem in label.problems("too-many-columns"):
        yield label.on(problem, f"this cell is one more than the {problem.detail} columns there are")
    for problem in label.problems("illegal-column-specification"):
        yield label.on(problem, f"LaTeX doesn't know the column specification {problem.detail!r}")


@rule("SYN010", "empty-cells", "info", has(r"(?:\{ ?\} ?& ?){4}|(?:& ?){5}"), options={"run": 5})
def empty_cells(label: Label, options: Options) -> Iterator[Finding]:
    r"""A long run of empty cells.

    Why: Normalisers and models that got stuck write `{ } & { } & { } & …`; nothing in the picture shows it.
    Fires: ``\begin{array}{cccccc} { } & { } & { } & { } & { } & a \end{array}`` -> ``{ } & { } & { } & { } & { } &``
    Quiet: ``\begin{array}{cc} { } & a \end{array}``
    Fix: None.
    See: harvardnlp/im2markup issue 24.
    """
    run_from: int | None = None
    cells = 0
    index = 0
    tokens = label.tokens
    while index < len(tokens):
        if tokens[index : index + 3] == ["{", "}", "&"] or tokens[index] == "&":
            run_from = index if run_from is None else run_from
            cells += 1
            index += 3 if tokens[index] == "{" else 1
            continue
        if run_from is not None and cells >= options["run"]:
            yield label.at(run_from, index, f"{cells} empty cells in a row")
        run_from, cells = None, 0
        index += 1


@rule("SYN011", "single-cell-matrix", "info", has(r"\\begin *\{ *(?:small)?matrix"))
def single_cell_matrix(label: Label, options: Options) -> Iterator[Finding]:
    r"""A matrix of one cell: the environment is invisible.

    Why: The label has a structure that the picture doesn't show; a tokeniser wrapped a formula for no reason.
    Fires: ``E = \begin{matrix} x \end{matrix} m`` -> ``\begin{matrix} x \end{matrix}``
    Quiet: ``\begin{matrix} x & y \end{matrix}``
    Quiet: ``\begin{pmatrix} x \end{pmatrix}``
    Fix: None by itself.
    """
    opened: list[int] = []
    for index in label.find("\\begin", "\\end"):
        if label.tokens[index] == "\\begin":
            opened.append(index)
            continue
        if not opened:
            return
        start = opened.pop()
        name = "".join(label.tokens[start + 2 : start + 8])
        if name != "matrix" or label.tokens[start + 8 : start + 9] != ["}"]:
            continue
        body = label.tokens[start + 9 : index]
        if body[-1:] == ["\\\\"]:
            body = body[:-1]
        if not {"&", "\\\\", "\\begin", "\\hline", "\\cr"} & set(body):
            yield label.at(start, index + 9, "a matrix of one cell draws the cell alone")


@rule("SYN014", "trailing-row-break", "info", has(r"\\\\\s*\\end"), fix="safe")
def trailing_row_break(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row break directly before `\end`.

    Why: It draws nothing, or an empty row, depending on the engine.
    Fires: ``\begin{array}{c} a \\ \end{array}`` -> ``\\``
    Quiet: ``\begin{array}{c} a \\ b \end{array}``
    Fix: Safe: it is dropped, where the picture stays the same.
    """
    for index in label.find("\\\\"):
        if label.tokens[index + 1 : index + 2] == ["\\end"]:
            yield label.at(index, index + 1, "a row break with no row behind it", "")


@rule("SYN019", "misplaced-rule", "error", has_problem("misplaced-rule"), fix="display")
def misplaced_rule(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\hline` anywhere but at the start of a row.

    Why: LaTeX stops with "Misplaced \noalign". Normalisers move it into the first cell: `{ \hline a }`.
    Fires: ``\begin{array}{c} a \hline \end{array}`` -> ``\hline``
    Fires: ``\begin{array}{c} { \hline a } \end{array}`` -> ``\hline``
    Quiet: ``\begin{array}{c} \hline a \\ \hline \end{array}``
    Fix: Display.
    """
    for problem in label.problems("misplaced-rule"):
        yield label.on(problem, f"{label.tokens[problem.start]} must stand at the start of a row")
