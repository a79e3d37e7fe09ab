"""ENV: environments in the wrong place, of the wrong kind, or in an unusual spelling. Unpaired ones are in `syntax`."""

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
    r"""Several lines without an environment around them: `a = b \\ c = d`.

    Why: In display math, LaTeX ignores the break and sets one line; normalisers turn it into a space. Either way the
    label has one line and the picture two.
    Fires: ``a = b \\ c = d`` -> ``\\``
    Quiet: ``\begin{aligned} a = b \\ c = d \end{aligned}``
    Quiet: ``a = b \\``
    Fix: None: write `gathered`, or `aligned` with an `&` in each line. Only the picture shows how the lines align.
    """
    depth = 0
    last = _meaningful_end(label) - 1
    for index, token in enumerate(label.tokens):
        if token in ("\\begin", "{", "\\left"):
            depth += 1
        elif token in ("\\end", "}", "\\right"):
            depth -= 1
        elif depth == 0 and token in ("\\\\", "\\newline") and index < last:
            yield label.at(index, index + 1, "a line break outside any environment: LaTeX ignores it")


def _meaningful_end(label: Label) -> int:
    """Where the label ends, without trailing breaks, spaces and references."""
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
    r"""An environment that isn't allowed inside a formula: `align`, `eqnarray`, `gather`, `center`.

    Why: `align` starts display math itself, so LaTeX stops if the label is put into display math. KaTeX rejects
    `eqnarray` everywhere.
    Fires: ``\begin{align*} a &= b \end{align*}`` => ``\begin{aligned} a &= b \end{aligned}``
    Fires: ``x \begin{gather} a \end{gather}`` -> ``\begin{gather} a \end{gather}``
    Fires: ``\begin{align} a \end{gather}`` -> ``\begin{align}``
    Fires: ``x \begin{center} a \end{center}`` -> ``\begin{center}``
    Quiet: ``\begin{aligned} a &= b \end{aligned}``
    Fix: Unsafe for one `align` or `gather` around the whole label, which is only a warning: `aligned` or `gathered` at
    both ends. Display inside a formula. The label has no visual key, so nothing can be proven.
    """
    for problem in label.problems("display-environment", "nested-display-environment"):
        inner = _INNER.get(problem.detail)
        end = _end_of(label, problem.start, problem.detail)
        whole = problem.start == 0 and end == len(label.tokens)
        hint = f"; inside a formula, use {inner.partition('}')[0]}" if inner else ""
        yield label.at(
            problem.start,
            problem.end if end is None else end,
            f"{problem.detail} starts display math itself{hint}",
            _renamed(label, problem.start, inner) if inner and end is not None else None,
            severity="warning" if whole else None,
            fix=None if whole and inner else "display",
        )
    for problem in label.problems("text-environment"):
        if problem.detail in _BOXES:
            yield label.on(
                problem,
                f"{problem.detail} is a box for text or a drawing, not for a formula",
                fix="display",
            )
        else:
            yield label.on(problem, f"{problem.detail} is for text and isn't allowed in a formula", fix="display")


#: LaTeX takes these in a formula.
_BOXES = frozenset(["minipage", "picture"])


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
    """The token after the `\\end{…}` of the environment at token `start`; None if the names differ."""
    index = label.environments.get(start)
    closing = None if index is None else label.partners.get(index + 1)
    if index is None or closing is None or "".join(label.tokens[index + 2 : closing]) != "".join(name.split()):
        return None
    return closing + 1


def _renamed(label: Label, start: int, inner: str) -> str:
    """The environment with another name at both ends. The part of `inner` after its `}` follows the first name."""
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
    r"""A matrix with separate delimiters: `\left( \begin{matrix} … \end{matrix} \right)` for `pmatrix`.

    Why: One matrix has three spellings. A data set should use one of them.
    Fires: ``\left( \begin{matrix} a \\ b \end{matrix} \right)`` => ``\begin{pmatrix} a \\ b \end{pmatrix}``
    Fires: ``\left[ \begin{array}{c} a \\ b \end{array} \right]`` -> ``\left[ \begin{array}``
    Quiet: ``\begin{pmatrix} a \\ b \end{pmatrix}``
    Quiet: ``\left( \begin{matrix} a \\ b \end{matrix} + c \right)``
    Fix: Display, for a `matrix` between matching delimiters. The widths of the gaps differ a little.
    """
    tokens = label.tokens
    for index in label.find("\\left"):
        if tokens[index + 1 : index + 2] and tokens[index + 1] not in ("(", "[", "|", "\\{", "\\|"):
            continue
        if tokens[index + 2 : index + 4] == ["\\begin", "{"]:
            name = "".join(tokens[index + 4 : index + 10])
            size = 6 if name == "matrix" else 5 if name[:5] == "array" else 0
            if size and _fills(label, index):
                message = f"separate delimiters around {name[:size]}"
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


def _fills(label: Label, left: int) -> bool:
    r"""Does the `\right` of the `\left` at token `left` follow the environment after it?"""
    last = label.environments.get(left + 2)
    closing = None if last is None else label.partners.get(last + 1)
    return closing is not None and label.tokens[closing + 1 : closing + 2] == ["\\right"]


def _delimited(label: Label, left: int) -> tuple[int | None, str | None]:
    r"""The token after the `\right` that pairs with the `\left` at token `left`, and the matrix with its delimiters."""
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
    r"""An environment that LaTeX with amsmath doesn't know, or whose name contains spaces.

    Why: LaTeX stops with "Environment … undefined". Tokenisers write `\begin { m a t r i x }`.
    Fires: ``\begin{foo} a \end{foo}`` -> ``\begin{foo}``
    Fires: ``\begin{ matrix } a \end{ matrix }`` => ``\begin{matrix} a \end{matrix}``
    Quiet: ``\begin {matrix} a \end {matrix}``
    Fix: Display: the name without spaces, at both ends.
    """
    for problem in label.problems("unknown-environment"):
        joined = "".join(problem.detail.split())
        known = joined in ENVIRONMENTS and joined != problem.detail
        hint = f"; did you mean {joined}, without spaces?" if known else ""
        end = _end_of(label, problem.start, joined) if known else None
        message = f"LaTeX doesn't know the environment '{problem.detail}'{hint}"
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
    r"""A `tabular` environment in a label.

    Why: It is a table of text, which is a different task, and KaTeX and MathJax don't know it. The rule is off in the
    profile m2e, whose labels are tables.
    Fires: ``\begin{tabular}{l} a \end{tabular}`` -> ``\begin``
    Quiet: ``\begin{array}{l} a \end{array}``
    Fix: None: move such samples to a set of their own.
    """
    for index in label.find("\\begin"):
        if "".join(label.tokens[index + 2 : index + 9]) == "tabular":
            yield label.at(index, index + 1, "a tabular is set in text mode: a table, not a formula")
