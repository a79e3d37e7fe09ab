"""SYN: rows, cells and horizontal rules of arrays and matrices. Wrong environments are in `environments`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.options import count
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_problem, has_text


@rule(
    "SYN008",
    "alignment-outside-environment",
    "error",
    has_problem("alignment-outside-environment", "alignment-in-group", "row-break-in-group", "misplaced-cr"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN8"],
)
def alignment_outside_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An `&` or a row break where no cell can end: outside an environment, or inside a group in a cell.

    Why: LaTeX can't render the label. An environment was lost, or a brace closes too late.
    Fires: ``a & b`` -> ``&`` => ``a \& b``
    Fires: ``\begin{matrix} { a & b } \end{matrix}`` -> ``&``
    Fires: ``\begin{matrix} { a \\ b } \end{matrix}`` -> ``\\``
    Quiet: ``a \& b``
    Quiet: ``\begin{matrix} a & b \end{matrix}``
    Quiet: ``a \\ b``
    Fix: Display: `\&`, if the sign was meant.
    """
    for problem in label.problems("alignment-outside-environment"):
        yield label.on(problem, "& is outside any environment with columns", r"\&")
    for problem in label.problems("alignment-in-group"):
        yield label.on(problem, "& is inside a group, where no cell can end")
    for problem in label.problems("row-break-in-group"):
        yield label.on(problem, "the row break is inside a group, where no row can end")
    for problem in label.problems("misplaced-cr"):
        yield label.on(problem, r"\cr is outside any rows", r"\\")


@rule(
    "SYN009",
    "too-many-columns",
    "error",
    has_problem("too-many-columns", "illegal-column-specification"),
    skips_canonical=True,
    covers=["SYN9"],
)
def too_many_columns(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row with more cells than its environment has columns, or a column specification that LaTeX doesn't know.

    Why: LaTeX stops with "Extra alignment tab" or "Illegal character in array arg".
    Fires: ``\begin{array}{c} a & b \end{array}`` -> ``&``
    Fires: ``\begin{cases} a & b & c \end{cases}`` -> ``&``
    Fires: ``\begin{array}{zz} a & b \end{array}`` -> ``{zz}``
    Quiet: ``\begin{array}{cc} a & b \end{array}``
    Quiet: ``\begin{array}{ccc} a & b \end{array}``
    Quiet: ``\begin{array}{*{3}{c}} a & b & c \end{array}``
    Fix: None: it needs a wider specification or another environment. Only the picture shows the layout.
    """
    for problem in label.problems("too-many-columns"):
        yield label.on(problem, f"this cell is one too many: there are only {problem.detail} columns")
    for problem in label.problems("illegal-column-specification"):
        yield label.on(problem, f"LaTeX doesn't know the column specification '{problem.detail}'")


#: The shortest run for SYN010, whose sieve passes only longer ones.
_SHORTEST_RUN = 5


@rule(
    "SYN010",
    "empty-cells",
    "info",
    has(r"(?:\{\s*\}\s*&\s*){4}|(?:&\s*){5}"),
    options={"run": count(_SHORTEST_RUN, at_least=_SHORTEST_RUN)},
    skips_canonical=True,
    covers=["SYN10"],
)
def empty_cells(label: Label, options: Options) -> Iterator[Finding]:
    r"""A long run of empty cells.

    Why: Normalisers and models that got stuck write `{ } & { } & { } & …`, which draws nothing.
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


@rule(
    "SYN011",
    "single-cell-matrix",
    "info",
    has(r"\\begin\s*\{\s*matrix"),
    fix="unsafe",
    fix_kind="style",
    skips_canonical=True,
    covers=["SYN11"],
)
def single_cell_matrix(label: Label, options: Options) -> Iterator[Finding]:
    r"""A matrix with a single cell.

    Why: The picture doesn't show the environment. A tokeniser wrapped a formula for no reason.
    Fires: ``E = \begin{matrix} x \end{matrix} m`` -> ``\begin{matrix} x \end{matrix}`` => ``E = x m``
    Quiet: ``\begin{matrix} x & y \end{matrix}``
    Quiet: ``\begin{pmatrix} x \end{pmatrix}``
    Fix: Unsafe: the content of the cell. A cell is in text style and has space on both sides, so fractions grow and a
    gap disappears.
    See: 69 labels of MathWriting's test set, such as `E = \begin{matrix} … \\ \end{matrix} m v ^ 2`.
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
            inner = label.text[label.spans[start + 8][1] : label.spans[index][0]].strip().removesuffix("\\\\").rstrip()
            yield label.at(start, index + 9, "a matrix with a single cell draws only its content", inner)


@rule(
    "SYN014",
    "trailing-row-break",
    "info",
    has(r"\\\\\s*\\end"),
    fix="safe",
    fix_kind="style",
    skips_canonical=True,
    covers=["SYN14"],
)
def trailing_row_break(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row break directly before `\end`.

    Why: It draws nothing, or an empty row, depending on the engine.
    Fires: ``\begin{array}{c} a \\ \end{array}`` -> ``\\`` => ``\begin{array}{c} a \end{array}``
    Quiet: ``\begin{array}{c} a \\ b \end{array}``
    Fix: Safe: it is dropped, if the picture stays the same.
    """
    for index in label.find("\\\\"):
        if label.tokens[index + 1 : index + 2] == ["\\end"]:
            yield label.at(index, index + 1, "a row break with no row after it", "")


@rule(
    "SYN019",
    "misplaced-rule",
    "error",
    has_problem("misplaced-rule"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers={"SYN-stops": "", "NRM9": r"if `\hline` is misplaced"},
)
def misplaced_rule(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\hline` that isn't at the start of a row.

    Why: LaTeX stops with "Misplaced \noalign". Normalisers move it into the first cell: `{ \hline a }`.
    Fires: ``\begin{array}{c} a \hline \end{array}`` -> ``\hline`` => ``\begin{array}{c} a \\ \hline \end{array}``
    Fires: ``\begin{array}{c} { \hline a } \end{array}`` -> ``\hline``
    Quiet: ``\begin{array}{c} \hline a \\ \hline \end{array}``
    Fix: Display: a row break before a rule at the very end. None elsewhere.
    """
    for problem in label.problems("misplaced-rule"):
        line = label.tokens[problem.start]
        last = line == "\\hline" and label.tokens[problem.end : problem.end + 1] == ["\\end"]
        yield label.on(problem, f"{line} must be at the start of a row", "\\\\ \\hline" if last else None)


_MATRICES = frozenset(["matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "array"])


@rule(
    "SYN041",
    "ragged-rows",
    "info",
    has(r"\\begin\s*\{\s*(?:[pbBvV]|small)?(?:matrix|array)") & has_text("&"),
    skips_canonical=True,
    covers=["SYN10"],
)
def ragged_rows(label: Label, options: Options) -> Iterator[Finding]:
    r"""A matrix or array whose rows have different numbers of cells.

    Why: LaTeX leaves the missing cells empty. In a matrix, an entry was lost or a row break is misplaced; in a layout
    built from an array, it may be intended.
    Fires: ``\begin{matrix} a & b \\ c \end{matrix}`` -> ``\begin``
    Fires: ``\begin{pmatrix} a & b & c \\ d & e \end{pmatrix}`` -> ``\begin``
    Quiet: ``\begin{matrix} a & b \\ c & d \end{matrix}``
    Quiet: ``\begin{matrix} a & b \\ c & d \\ \end{matrix}``
    Quiet: ``\begin{array}{cc} a & b \\ \hline c & d \\ \hline \end{array}``
    Quiet: ``\begin{array}{cc} \multicolumn{2}{c}{a} \\ b & c \end{array}``
    Quiet: ``\begin{aligned} a & b \\ c \end{aligned}``
    Fix: None: look at the picture.
    See: MathNet leaves such labels out.
    """
    opened: list[tuple[int, str, list[int], int]] = []  # place of \begin, name, cells by row, braces open
    tokens = label.tokens
    braces = 0
    empty = True
    for index, token in enumerate(tokens):
        if token in ("{", "}"):
            braces += 1 if token == "{" else -1
        elif token == "\\begin":
            closing = label.partners.get(index + 1, index)
            opened.append((index, "".join(tokens[index + 2 : closing]), [1], braces))
            empty = True
            continue
        elif token == "\\end":
            if not opened:
                return
            start, name, rows, _ = opened.pop()
            if empty and len(rows) > 1:
                rows = rows[:-1]
            if name in _MATRICES and min(rows) != max(rows) and "\\multicolumn" not in label.words:
                shown = ", ".join(map(str, rows[:8])) + (", …" if len(rows) > 8 else "")
                yield label.at(start, start + 1, f"the rows have {shown} cells")
        elif opened and braces == opened[-1][3]:
            if token == "&":
                opened[-1][2][-1] += 1
            elif token in ("\\\\", "\\cr"):
                opened[-1][2].append(1)
                empty = True
                continue
            elif token in ("\\hline", "\\cline"):
                continue
        empty = False
