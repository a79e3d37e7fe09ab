"""SYN: groups, delimiters and environments that are not closed or not opened. Groups that close too late are in
`scope`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.braces import RELATIONS
from rules.toolkit.label import Label
from rules.toolkit.sieves import LABEL, has, has_problem


@rule(
    "SYN001",
    "unbalanced-brace",
    "error",
    has_problem("unclosed-brace", "extra-close-brace"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers={"SYN1": "", "SYN-swallowed": "shows where an unclosed script probably ends", "NRM7": ""},
)
def unbalanced_brace(label: Label, options: Options) -> Iterator[Finding]:
    r"""A brace that is never closed, or that closes nothing.

    Why: LaTeX can't render the label. A lost brace often moves everything after it into a script or a root.
    Fires: ``\frac{a}{b`` -> ``{``
    Fires: ``a}b`` -> ``}``
    Fires: ``x ^ { 5 = y`` -> ``{ 5`` => ``x ^ { 5 } = y``
    Fires: ``a ^ { 2 + b ^ { 2 = c`` -> ``{ 2`` ``{ 2`` => ``a ^ { 2 } + b ^ { 2 } = c``
    Quiet: ``\{ a``
    Quiet: ``\frac{a}{b}``
    Fix: Display: a closing brace before the first operator or relation, if a script or root begins with a number or a
    letter and then has such a sign. None elsewhere, since the place of the brace can't be known.
    See: 609 of 2,300 CROHME 2023 test labels in a public copy.
    """
    for problem in label.problems("unclosed-brace"):
        end = _early_end(label.tokens, problem.start)
        message = "this brace is never closed"
        if problem.start in label.partners:
            message = "this brace is closed outside the environment or the delimiters that it is in"
        if end is None:
            yield label.on(problem, message)
            continue
        gap = " " if label.text[label.spans[problem.start][1]].isspace() else ""
        shown = label.text[label.spans[problem.start][0] : label.spans[end - 1][1]]
        yield label.at(problem.start, end, message, f"{shown}{gap}}}")
    for problem in label.problems("extra-close-brace"):
        inside = problem.start in label.partners.values()
        why = ": its partner is inside an environment or delimiters that have ended" if inside else ""
        yield label.on(problem, f"this brace closes nothing{why}")


_SIGNS = RELATIONS | {"+", "-", ",", ")", r"\times", r"\cdot", ""}


def _early_end(tokens: list[str], opening: int) -> int | None:
    """The token before which the script or root that opens here probably ends, or None if that can't be known."""
    if opening == 0 or tokens[opening - 1] not in ("^", "_", r"\sqrt"):
        return None
    end = opening + 1
    while end < len(tokens) and tokens[end].isdecimal():
        end += 1
    if end == opening + 1 and end < len(tokens) and tokens[end].isalpha():
        end += 1
    after = tokens[end] if end < len(tokens) else ""
    return end if end > opening + 1 and after in _SIGNS else None


@rule(
    "SYN002",
    "left-right-mismatch",
    "error",
    has_problem("left-without-right", "right-without-left", "middle-outside-left-right"),
    skips_canonical=True,
    covers=["SYN2"],
)
def left_right_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\left` without `\right`, `\right` without `\left`, or `\middle` outside both.

    Why: LaTeX can't render the label. `\left` and `\right` must pair within one group and one cell.
    Fires: ``\left( a`` -> ``\left(``
    Fires: ``a \right)`` -> ``\right)``
    Fires: ``a \middle| b`` -> ``\middle``
    Quiet: ``\left( a \right]``
    Quiet: ``\left. a \right|``
    Fix: None: `\right.` or `\left.` draws nothing, but its place decides the size of the other delimiter.
    """
    for problem in label.problems("left-without-right"):
        yield label.on(problem, r"\left has no \right in its group")
    for problem in label.problems("right-without-left"):
        yield label.on(problem, r"\right has no \left in its group")
    for problem in label.problems("middle-outside-left-right"):
        yield label.on(problem, r"\middle is outside \left … \right")


@rule(
    "SYN003",
    "begin-end-mismatch",
    "error",
    has_problem("begin-without-end", "end-without-begin", "environment-mismatch"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN3", "ENV4"],
)
def begin_end_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\begin` and `\end` that don't pair, or name different environments.

    Why: LaTeX can't render the label.
    Fires: ``\begin{matrix} a \end{array}`` -> ``\end{array}`` => ``\begin{matrix} a \end{matrix}``
    Fires: ``\begin{matrix} a`` -> ``\begin{matrix}``
    Fires: ``a \end{matrix}`` -> ``\end{matrix}``
    Quiet: ``\begin{matrix} a \end{matrix}``
    Fix: Display: the name of the `\begin`.
    """
    for problem in label.problems("begin-without-end"):
        yield label.on(problem, f"\\begin{{{problem.detail}}} has no \\end")
    for problem in label.problems("end-without-begin"):
        yield label.on(problem, f"\\end{{{problem.detail}}} has no \\begin")
    for problem in label.problems("environment-mismatch"):
        opened, closed = problem.detail.split("\0")
        yield label.on(problem, f"\\end{{{closed}}} ends \\begin{{{opened}}}", f"\\end{{{opened}}}")


#: Counting is cheap, and rejects almost every balanced label. Escaped brackets are different tokens.
_UNBALANCED = LABEL.str.count_matches(r"[(\[]") != LABEL.str.count_matches(r"[)\]]")


@rule(
    "SYN016", "unbalanced-parentheses", "info", has(r"(?:\\|\^\^)[()\[\]]") | _UNBALANCED, weight=0.0, covers=["SYN16"]
)
def unbalanced_parentheses(label: Label, options: Options) -> Iterator[Finding]:
    r"""More opening than closing parentheses and brackets, or vice versa.

    Why: This is often legitimate, as in a half-open interval or a step that continues on the next line. Sometimes a
    symbol was lost.
    Fires: ``( a , b``
    Fires: ``f ( x ) )``
    Quiet: ``[ 0 , 1 )``
    Quiet: ``( a )``
    Fix: None: look at the picture.
    """
    count = label.tokens.count
    opened = count("(") + count("[")
    closed = count(")") + count("]")
    if opened != closed:
        yield Finding(f"{opened} opening and {closed} closing parentheses and brackets")


@rule(
    "SYN017",
    "missing-delimiter",
    "error",
    has_problem("missing-delimiter"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN2", "NRM7"],
)
def missing_delimiter(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\left`, `\right` or `\big` followed by something that isn't a delimiter.

    Why: LaTeX stops with "Missing delimiter". In `\left{`, the brace lost its backslash.
    Fires: ``\left a b \right)`` -> ``\left a``
    Fires: ``\big x`` -> ``\big x``
    Fires: ``\left{ a \right\}`` -> ``\left{`` => ``\left\{ a \right\}``
    Quiet: ``\left\{ a \right\}``
    Quiet: ``\left. a \right|``
    Fix: Display: `\left\{` for `\left{`.
    """
    for problem in label.problems("missing-delimiter"):
        follows = label.tokens[problem.end - 1] if problem.end - problem.start > 1 else "the end"
        braced = follows in ("{", "}")
        yield label.on(
            problem,
            f"{problem.detail} needs a delimiter, not {follows}",
            f"{problem.detail}\\{follows}" if braced else None,
        )


@rule("SYN026", "too-deep", "warning", has_problem("too-deep"), skips_canonical=True, covers=["SYN-stops"])
def too_deep(label: Label, options: Options) -> Iterator[Finding]:
    r"""Groups nested so deeply that the label was not read to the end.

    Why: No formula has 120 levels of nesting, but the output of a model that got stuck may. TeX itself gives up at 255.
    Quiet: ``{ { { a } } }``
    Fix: None.
    """
    for problem in label.problems("too-deep"):
        yield label.on(problem, "nested too deeply: the rest of the label was not read")
