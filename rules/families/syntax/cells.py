"""SYN: rows, cells and horizontal rules of arrays and matrices. Wrong environments are in `environments`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex import tex_lengths
from rules.latex.actions import ACTIONS, RULE
from rules.latex.commands import ENVIRONMENTS
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
        yield label.on(problem, f"this cell is one too many: there {_columns(problem.detail)}")
    for problem in label.problems("illegal-column-specification"):
        yield label.on(problem, f"LaTeX doesn't know the column specification '{problem.detail}'")


def _columns(most: str) -> str:
    return "is only 1 column" if most == "1" else f"are only {most} columns"


#: The shortest run for SYN010, whose sieve passes only longer ones.
_SHORTEST_RUN = 5


@rule(
    "SYN010",
    "empty-cells",
    "info",
    has(r"(?:&\s*(?:\{\s*\}\s*)*){4}"),
    options={"run": count(_SHORTEST_RUN, at_least=_SHORTEST_RUN)},
    skips_canonical=True,
    covers=["SYN10"],
)
def empty_cells(label: Label, options: Options) -> Iterator[Finding]:
    r"""A long run of empty cells.

    Why: Normalisers and models that got stuck write `{ } & { } & { } & …`, which draws nothing.
    Fires: ``\begin{array}{cccccc} { } & { } & { } & { } & { } & a \end{array}`` -> ``{ } & { } & { } & { } & { } &``
    Fires: ``\begin{matrix} a & & & & & \\ b \end{matrix}`` -> ``& & & &``
    Quiet: ``\begin{array}{cc} { } & a \end{array}``
    Quiet: ``\begin{matrix} a & & & & & b \end{matrix}``
    Fix: None.
    See: harvardnlp/im2markup issue 24.
    """
    tokens = label.tokens
    firsts = {_first_cell(label, begin) for begin in label.find("\\begin")}
    run_from, cells = 0, 0  # the first token of the run, and its cells that have ended
    cell_from, empty = 0, True  # the first token of this cell, and whether it has nothing but empty groups so far
    index = 0
    while index <= len(tokens):
        token = tokens[index] if index < len(tokens) else "\\end"
        if index in firsts:
            run_from, cells, cell_from, empty = index, 0, index, True
        if token in ("&", "\\\\", "\\cr", "\\end"):
            cells += empty
            if token != "&":
                if cells >= options["run"]:
                    yield label.at(run_from, index, f"{cells} empty cells in a row")
                cells = 0
            if not cells:
                run_from = index + 1
            cell_from, empty = index + 1, token != "\\end"
        elif tokens[index : index + 2] == ["{", "}"]:
            index += 1
        elif empty:
            empty = False
            if cells >= options["run"]:
                yield label.at(run_from, cell_from, f"{cells} empty cells in a row")
            cells = 0
        index += 1


def _first_cell(label: Label, begin: int) -> int:
    r"""The first token of the first cell after a `\begin`."""
    closing = label.partners.get(begin + 1, begin)
    environment = ENVIRONMENTS.get("".join(label.tokens[begin + 2 : closing]))
    at = closing + 1
    for letter in environment.args if environment is not None else "":
        if letter in "oO":
            at = label.brackets.get(at, at - 1) + 1
        else:
            at = label.partners.get(at, at - 1) + 1
    return at


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
    Fires: ``a \begin{matrix} b \begin{matrix} x \\ \end{matrix} c \end{matrix}`` => ``a b x c``
    Fires: ``E = \begin{matrix} x \end{matrix} m`` -> ``\begin{matrix} x \end{matrix}`` => ``E = x m``
    Quiet: ``\begin{matrix} x & y \end{matrix}``
    Quiet: ``\begin{pmatrix} x \end{pmatrix}``
    Fix: Unsafe: the content of the cell. A cell is in text style and has space on both sides, so fractions grow and a
    gap disappears.
    See: 69 labels of MathWriting's test set, such as `E = \begin{matrix} … \\ \end{matrix} m v ^ 2`.
    """
    tokens = label.tokens
    opened: list[int] = []
    several: set[int] = set()  # the environments with more than one cell, or with another environment inside
    singles: dict[int, int] = {}  # the `\\end` of each matrix with one cell, by its `\\begin`
    for index in label.find("\\begin", "\\end", "&", "\\\\", "\\hline", "\\cr"):
        if tokens[index] == "\\begin":
            opened.append(index)
        elif tokens[index] == "\\end":
            if not opened:
                break
            start = opened.pop()
            if start not in several and "".join(tokens[start + 1 : start + 9]) == "{matrix}":
                singles[start] = index
            elif opened:
                several.add(opened[-1])
        elif opened and not (tokens[index] == "\\\\" and tokens[index + 1 : index + 2] == ["\\end"]):
            several.add(opened[-1])
    outer = -1
    for start in sorted(singles):
        if start > outer:
            outer = singles[start]
            inner = _unwrapped(label, singles, start)
            yield label.at(start, outer + 9, "a matrix with a single cell draws only its content", inner)


def _unwrapped(label: Label, singles: dict[int, int], outer: int) -> str:
    """The source in a matrix with a single cell, without those that are in it."""
    text, spans = "", label.spans
    at = None  # where the source goes on
    places = sorted(
        place for start, end in singles.items() if outer <= start <= singles[outer] for place in (start, end)
    )
    for place in places:
        if label.tokens[place] == "\\begin":
            text += "" if at is None else label.text[at : spans[place][0]]
            at = spans[place + 9][0]
        else:
            last = place - 2 if label.tokens[place - 1] == "\\\\" else place - 1
            text += label.text[at : max(at or 0, spans[last][1])]
            at = spans[place + 8][1] if place + 8 < len(spans) else len(label.text)
    return text


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
    Quiet: ``\begin{matrix} a & b \\ c & d \\[2pt] \end{matrix}``
    Quiet: ``\begin{array}{cc} a & b \\ c & d \\* \cline{1-2} \end{array}``
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
    after = 0  # where a row begins
    for index, token in enumerate(tokens):
        if index < after:
            continue
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
                after = _row_start(label, index + 1)
                continue
            elif token in ("\\hline", "\\cline"):
                continue
        empty = False


def _row_start(label: Label, at: int) -> int:
    r"""The first token of a row, after the options of the `\\\\` before it and the lines above it."""
    tokens = label.tokens
    if tokens[at : at + 1] == ["*"]:
        at += 1
    if tokens[at : at + 1] == ["["] and tex_lengths.match(label.text, label.spans[at][1]) is not None:
        at = label.brackets.get(at, at - 1) + 1
    while at < len(tokens) and ACTIONS.get(tokens[at]) == RULE:
        at = label.partners.get(at + 1, at) + 1
    return at
