"""ENV: environments in the wrong place, of the wrong kind, or spelled in one of several ways. Pairs are in `syntax`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.commands import ENVIRONMENTS
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_problem, has_text


@rule(
    "ENV001",
    "lines-without-environment",
    "warning",
    has_text("\\\\") | has(r"\\newline(?:[^A-Za-z]|$)"),
    skips_canonical=True,
    covers=["ENV1"],
)
def lines_without_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""Several lines with no environment around them: `a = b \\ c = d`.

    Why: In display math LaTeX ignores the break and sets one line; normalisers turn it into a space. Either way the
    label says one line and the picture shows two.
    Fires: ``a = b \\ c = d`` -> ``\\``
    Quiet: ``\begin{aligned} a = b \\ c = d \end{aligned}``
    Quiet: ``a = b \\``
    Fix: None: `gathered`, or `aligned` with an `&` in each line; only the picture shows where the lines align.
    """
    depth = 0
    last = _meaningful_end(label) - 1
    for index, token in enumerate(label.tokens):
        if token in ("\\begin", "{", "\\left"):
            depth += 1
        elif token in ("\\end", "}", "\\right"):
            depth -= 1
        elif depth == 0 and token in ("\\\\", "\\newline") and index < last:
            yield label.at(index, index + 1, "a line break outside any environment: LaTeX sets one line")


def _meaningful_end(label: Label) -> int:
    """Where the label ends, trailing breaks, spaces and references left out."""
    end = len(label.tokens)
    while end and label.tokens[end - 1] in ("\\\\", "\\newline", "~", "\\ ", "\\nonumber", "\\notag", "."):
        end -= 1
    if end and label.tokens[end - 1] == "}":
        for index in label.find("\\label"):
            if "}" not in label.tokens[index : end - 1]:
                return index
    return end


@rule(
    "ENV002",
    "display-environment",
    "error",
    has_problem("nested-display-environment", "display-environment", "text-environment"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    weight=0.02,
    covers=["ENV2"],
    tags=["label-form"],
)
def display_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An environment that can't stand in a formula: `align`, `eqnarray`, `gather`, `center`.

    Why: `align` makes display math of its own, so a label with it can't be put into display math; inside a formula
    LaTeX stops. KaTeX rejects `eqnarray` everywhere.
    Fires: ``\begin{align*} a &= b \end{align*}`` => ``\begin{aligned} a &= b \end{aligned}``
    Fires: ``x \begin{gather} a \end{gather}`` -> ``\begin{gather} a \end{gather}``
    Fires: ``\begin{align} a \end{gather}`` -> ``\begin{align}``
    Fires: ``x \begin{center} a \end{center}`` -> ``\begin{center}``
    Quiet: ``\begin{aligned} a &= b \end{aligned}``
    Fix: Unsafe for one `align` or `gather` around the whole label (a warning only): `aligned`, `gathered`, at both
    ends. Display inside a formula. The label has no visual key before, so nothing can be proven.
    """
    for problem in label.problems("display-environment", "nested-display-environment"):
        inner = _INNER.get(problem.detail)
        end = _end_of(label, problem.start, problem.detail)
        whole = problem.start == 0 and end == len(label.tokens)
        hint = f"; {inner.partition('}')[0]} is what stands inside one" if inner else ""
        yield label.at(
            problem.start,
            problem.end if end is None else end,
            f"{problem.detail} makes a display of its own{hint}",
            _renamed(label, problem.start, inner) if inner and end is not None else None,
            severity="warning" if whole else None,
            fix=None if whole and inner else "display",
        )
    for problem in label.problems("text-environment"):
        yield label.on(problem, f"{problem.detail} is for text and can't stand in a formula", fix="display")


_INNER = {
    "align": "aligned",
    "align*": "aligned",
    "gather": "gathered",
    "gather*": "gathered",
    "alignat": "alignedat",
    "alignat*": "alignedat",
    "eqnarray": "array}{rcl}",
    "eqnarray*": "array}{rcl}",
    "flalign": "aligned",
    "flalign*": "aligned",
    "multline": "gathered",
    "multline*": "gathered",
}


def _end_of(label: Label, start: int, name: str) -> int | None:
    """The token after the `\\end{…}` of the environment at token `start`; None where its name is another."""
    index = label.environments.get(start)
    closing = None if index is None else label.partners.get(index + 1)
    if index is None or closing is None or "".join(label.tokens[index + 2 : closing]) != "".join(name.split()):
        return None
    return closing + 1


def _renamed(label: Label, start: int, inner: str) -> str:
    """The environment under another name at both ends; what `inner` has behind its `}` follows the first."""
    body = label.spans[label.partners[start + 1]][1]
    last = label.environments[start]
    name, _, columns = inner.partition("}")
    return f"\\begin{{{name}}}{columns}{label.text[body : label.spans[last][0]]}\\end{{{name}}}"


@rule(
    "ENV003",
    "delimited-matrix",
    "info",
    has(r"\\left\s*(?:[(\[|]|\\\{|\\\|)\s*\\begin\s*\{\s*(?:matrix|array)"),
    fix="display",
    fix_kind="style",
    skips_canonical=True,
    covers=["ENV3"],
)
def delimited_matrix(label: Label, options: Options) -> Iterator[Finding]:
    r"""A matrix with its delimiters written apart: `\left( \begin{matrix} … \end{matrix} \right)` for `pmatrix`.

    Why: There are three spellings of one matrix; a data set should use one.
    Fires: ``\left( \begin{matrix} a \\ b \end{matrix} \right)`` => ``\begin{pmatrix} a \\ b \end{pmatrix}``
    Fires: ``\left[ \begin{array}{c} a \\ b \end{array} \right]`` -> ``\left[ \begin{array}``
    Quiet: ``\begin{pmatrix} a \\ b \end{pmatrix}``
    Fix: Display, for `matrix` between like delimiters: the widths of the gaps differ a little between the spellings.
    """
    tokens = label.tokens
    for index in label.find("\\left"):
        if tokens[index + 1 : index + 2] and tokens[index + 1] not in ("(", "[", "|", "\\{", "\\|"):
            continue
        if tokens[index + 2 : index + 4] == ["\\begin", "{"]:
            name = "".join(tokens[index + 4 : index + 10])
            size = 6 if name == "matrix" else 5 if name[:5] == "array" else 0
            if size:
                message = f"delimiters written apart from {name[:size]}"
                end, joined = _delimited(label, index) if name == "matrix" else (None, None)
                yield label.at(index, index + 5 + size if end is None else end, message, joined)
                return


_DELIMITED = {
    ("(", ")"): "pmatrix",
    ("[", "]"): "bmatrix",
    ("\\{", "\\}"): "Bmatrix",
    ("|", "|"): "vmatrix",
    ("\\|", "\\|"): "Vmatrix",
}


def _delimited(label: Label, left: int) -> tuple[int | None, str | None]:
    r"""The token after the `\right` of a matrix that `\left` at token `left` opens, and the matrix with delimiters."""
    tokens = label.tokens
    end = _end_of(label, left + 2, "matrix")
    if end is None or tokens[end : end + 1] != ["\\right"] or end + 1 >= len(tokens):
        return None, None
    name = _DELIMITED.get((tokens[left + 1], tokens[end + 1]))
    return (end + 2, _renamed(label, left + 2, name)) if name else (None, None)


@rule(
    "ENV004",
    "unknown-environment",
    "error",
    has_problem("unknown-environment"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["ENV4"],
    tags=["unknown-name"],
)
def unknown_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An environment that LaTeX with amsmath doesn't know, or whose name holds spaces.

    Why: LaTeX stops with "Environment … undefined". Tokenisers write `\begin { m a t r i x }`.
    Fires: ``\begin{foo} a \end{foo}`` -> ``\begin{foo}``
    Fires: ``\begin{ matrix } a \end{ matrix }`` => ``\begin{matrix} a \end{matrix}``
    Quiet: ``\begin {matrix} a \end {matrix}``
    Fix: Display: the name without spaces, at both ends.
    """
    for problem in label.problems("unknown-environment"):
        joined = "".join(problem.detail.split())
        known = joined in ENVIRONMENTS and joined != problem.detail
        hint = f"; without its spaces it would be {joined}" if known else ""
        end = _end_of(label, problem.start, joined) if known else None
        message = f"LaTeX doesn't know the environment {problem.detail!r}{hint}"
        if end is None:
            yield label.on(problem, message)
        else:
            yield label.at(problem.start, end, message, _renamed(label, problem.start, joined))


@rule(
    "ENV005",
    "tabular",
    "warning",
    has(r"\\begin\s*\{\s*tabular"),
    profiles=("default", "handwritten", "printed"),
    skips_canonical=True,
    covers=["ENV5"],
)
def tabular(label: Label, options: Options) -> Iterator[Finding]:
    r"""A `tabular` among formulas.

    Why: It is a table of text, another task; KaTeX and MathJax don't know it. In the profile m2e it is the right label
    and this rule is off.
    Fires: ``\begin{tabular}{l} a \end{tabular}`` -> ``\begin``
    Quiet: ``\begin{array}{l} a \end{array}``
    Fix: None: put it into a set of its own.
    """
    for index in label.find("\\begin"):
        if "".join(label.tokens[index + 2 : index + 9]) == "tabular":
            yield label.at(index, index + 1, "a tabular is a table of text, not a formula")
