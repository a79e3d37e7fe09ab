"""SYN: scripts that LaTeX stops at or that hang on nothing. What slid into a script is in `scope` and `exponents`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.actions import ACTIONS, ORD, RELATION
from rules.latex.commands import COMMANDS
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has_problem


@rule("SYN005", "dangling-script", "error", has_problem("dangling-script"), spelling=True)
def dangling_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""`_` or `^` with nothing to write: at the end of the label, of a group or of a cell.

    Why: LaTeX can't render the label; a symbol is missing.
    Fires: ``a ^`` -> ``^``
    Fires: ``{ x _ } y`` -> ``_``
    Quiet: ``a ^ { }``
    Quiet: ``a ^ 2``
    Fix: None: what stood there is lost.
    """
    for problem in label.problems("dangling-script"):
        yield label.on(problem, f"nothing follows {label.tokens[problem.start]}")


@rule(
    "SYN006",
    "double-script",
    "error",
    has_problem("double-superscript", "double-subscript"),
    spelling=True,
)
def double_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two superscripts or two subscripts on one symbol; primes are superscripts too.

    Why: LaTeX stops with "Double superscript". One of them belongs to another symbol, or nests in the first.
    Fires: ``b ^ { 2 } ^ { 3 }`` -> ``^``
    Fires: ``F _ { l } _ { 1 }`` -> ``_``
    Fires: ``x ^ 2 '`` -> ``'``
    Fires: ``f ' '`` -> ``'``
    Quiet: ``f''``
    Quiet: ``f'^2``
    Quiet: ``{ b ^ { 2 } } ^ { 3 }``
    Quiet: ``x ^ 2 { } ^ 3``
    Fix: None: braces around the base, or nested scripts; only the picture shows which.
    """
    for problem in label.problems("double-superscript", "double-subscript"):
        which = "superscript" if problem.kind == "double-superscript" else "subscript"
        prime = (
            " (a space between primes, or between a prime and ^, ends the first)"
            if _spaced_prime(label, problem.start)
            else ""
        )
        yield label.on(problem, f"a second {which} on one symbol{prime}")


def _spaced_prime(label: Label, index: int) -> bool:
    return index > 0 and label.tokens[index - 1] == "'"


@rule("SYN007", "leading-script", "info", has_problem("leading-script"), spelling=True)
def leading_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label, or a group, that begins with a script: nothing stands there to carry it.

    Why: LaTeX draws it, but usually the base was cut off with the crop or lost by the annotator. Left-hand indices
    (`{}_a C`) are written with an empty base.
    Fires: ``^ { 2 } - ( 2 5`` -> ``^``
    Fires: ``_ { a } C`` -> ``_``
    Quiet: ``{} _ { a } C``
    Quiet: ``x ^ { 2 }``
    Fix: None: look at the picture.
    """
    for problem in label.problems("leading-script"):
        if problem.start == 0:
            yield label.on(problem, "the label begins with a script that has no base")


@rule("SYN022", "unbraced-script", "error", has_problem("unbraced-script"), fix="display", spelling=True)
def unbraced_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script that is a command which can't stand there without braces: `x^\sqrt{2}`, `x_\ldots`.

    Why: LaTeX stops with "Missing { inserted". KaTeX and MathJax draw it, so it slips through.
    Fires: ``x ^ \sqrt { 2 }`` -> ``^ \sqrt { 2 }``
    Fires: ``x_\ldots`` -> ``_\ldots``
    Fires: ``x _ \hat a`` -> ``_ \hat``
    Quiet: ``x ^ \frac 1 2``
    Quiet: ``x ^ \mathrm T``
    Quiet: ``x ^ { \sqrt { 2 } }``
    Fix: Display: braces around the whole of it, where its arguments have braces.
    """
    for problem in label.problems("unbraced-script"):
        message = f"{problem.detail} can't be a script without braces"
        end = _after_command(label, problem.end - 1)
        if end is None:
            yield label.on(problem, message)
        else:
            text = label.text
            gap = " " if text[label.place(problem.start)[1]].isspace() else ""
            body = label.shown(problem.end - 1, end, len(text))
            yield label.at(problem.start, end, message, f"{label.tokens[problem.start]}{gap}{{{gap}{body}{gap}}}")


def _after_command(label: Label, index: int) -> int | None:
    """The token after a command and its arguments; None where one has no braces, or it is no such command."""
    command = COMMANDS.get(label.tokens[index][1:])
    if command is None or not set(command.args) <= set("omt") or label.tokens[index] in ("\\left", "\\begin"):
        return None
    at = index + 1
    for _ in command.args.replace("o", ""):  # an optional one that stands there is no brace
        if at not in label.partners:
            return None
        at = label.partners[at] + 1
    return at


@rule("SYN023", "limits-misplaced", "error", has_problem("limits-misplaced"), fix="display", spelling=True)
def limits_misplaced(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` after something that is no operator: `x \limits _ a`.

    Why: LaTeX stops with "Limit controls must follow a math operator".
    Fires: ``x \limits _ a`` -> ``x \limits``
    Fires: ``\stackrel { a } { b } \limits _ c`` -> ``\limits``
    Quiet: ``\sum \limits _ a``
    Quiet: ``\mathop { f } \limits _ a``
    Quiet: ``\lim \limits _ { x }``
    Fix: Display: `\mathop{…}` around the base, where that is one symbol.
    """
    for problem in label.problems("limits-misplaced"):
        message = f"{problem.detail} must follow an operator such as \\sum"
        base = label.tokens[problem.start - 1] if problem.start else ""
        if (base.isalnum() or base[:1] == "\\") and ACTIONS.get(base) in (None, ORD, RELATION):
            gap = " " if label.text[label.place(problem.start)[0] - 1].isspace() else ""
            replacement = f"\\mathop{gap}{{{gap}{base}{gap}}}{gap}{problem.detail}"
            yield label.at(problem.start - 1, problem.start + 1, message, replacement)
        else:
            yield label.on(problem, message)
