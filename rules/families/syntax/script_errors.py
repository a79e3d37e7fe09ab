"""SYN: scripts that stop LaTeX, have no base or contain almost nothing. For too much content: `scope`, `exponents`."""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.actions import ACTIONS, ORD, RELATION
from rules.latex.commands import COMMANDS
from rules.registry import PUPILS_SLIP, Options, rule
from rules.toolkit.braces import base_of
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_problem


@rule("SYN005", "dangling-script", "error", has_problem("dangling-script"), skips_canonical=True, covers=["SYN5"])
def dangling_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""`_` or `^` with nothing after it: at the end of the label, of a group or of a cell.

    Why: LaTeX can't render the label; a symbol is missing.
    Fires: ``a ^`` -> ``^``
    Fires: ``{ x _ } y`` -> ``_``
    Quiet: ``a ^ { }``
    Quiet: ``a ^ 2``
    Fix: None: the script is lost.
    """
    for problem in label.problems("dangling-script"):
        yield label.on(problem, f"nothing follows {label.tokens[problem.start]}")


@rule(
    "SYN006",
    "double-script",
    "error",
    has_problem("double-superscript", "double-subscript"),
    skips_canonical=True,
    covers=["SYN6"],
)
def double_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two superscripts or two subscripts on one symbol. Primes are superscripts too.

    Why: LaTeX stops with "Double superscript". One of them belongs to another symbol, or inside the first.
    Fires: ``b ^ { 2 } ^ { 3 }`` -> ``^``
    Fires: ``F _ { l } _ { 1 }`` -> ``_``
    Fires: ``x ^ 2 '`` -> ``'``
    Fires: ``f ' '`` -> ``'``
    Quiet: ``f''``
    Quiet: ``f'^2``
    Quiet: ``{ b ^ { 2 } } ^ { 3 }``
    Quiet: ``x ^ 2 { } ^ 3``
    Fix: None: it needs braces around the base, or nested scripts. Only the picture shows which.
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
    """Is there a space, or a comment, between a prime and the prime or `^` at this token?"""
    return index > 0 and label.tokens[index - 1] == "'" and label.spans[index - 1][1] < label.spans[index][0]


@rule("SYN007", "leading-script", "info", has_problem("leading-script"), skips_canonical=True, covers=["SYN7"])
def leading_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label or group that begins with a script, which has no base.

    Why: LaTeX draws it, but usually the base was cut off in the crop or forgotten by the annotator. Indices on the left
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


@rule(
    "SYN022",
    "unbraced-script",
    "error",
    has_problem("unbraced-script"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers={"SYN15": "if LaTeX stops at it"},
)
def unbraced_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that can't be a script without braces: `x^\sqrt{2}`, `x_\ldots`.

    Why: LaTeX stops with "Missing { inserted". KaTeX and MathJax draw it, so it goes unnoticed.
    Fires: ``x ^ \sqrt { 2 }`` -> ``^ \sqrt { 2 }`` => ``x ^ { \sqrt { 2 } }``
    Fires: ``x_\ldots`` -> ``_\ldots`` => ``x_{\ldots}``
    Fires: ``x _ \hat a`` -> ``_ \hat``
    Quiet: ``x ^ \frac 1 2``
    Quiet: ``x ^ \mathrm T``
    Quiet: ``x ^ { \sqrt { 2 } }``
    Fix: Display: braces around the command and its arguments, if the arguments have braces.
    """
    for problem in label.problems("unbraced-script"):
        message = f"{problem.detail} can't be a script without braces"
        end = _after_command(label, problem.end - 1)
        if end is None:
            yield label.on(problem, message)
        else:
            text = label.text
            gap = " " if text[label.spans[problem.start][1]].isspace() else ""
            body = label.shown(problem.end - 1, end, len(text))
            yield label.at(problem.start, end, message, f"{label.tokens[problem.start]}{gap}{{{gap}{body}{gap}}}")


def _after_command(label: Label, index: int) -> int | None:
    """The token after a command and its arguments; None if an argument has no braces, or it isn't such a command."""
    command = COMMANDS.get(label.tokens[index][1:])
    if command is None or not set(command.args) <= set("omt") or label.tokens[index] in ("\\left", "\\begin"):
        return None
    at = index + 1
    for _ in command.args.replace("o", ""):  # a given optional argument has no brace
        if at not in label.partners:
            return None
        at = label.partners[at] + 1
    return at


@rule(
    "SYN023",
    "limits-misplaced",
    "error",
    has_problem("limits-misplaced"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["CMD11"],
)
def limits_misplaced(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` after something that isn't an operator: `x \limits _ a`.

    Why: LaTeX stops with "Limit controls must follow a math operator".
    Fires: ``x \limits _ a`` -> ``x \limits`` => ``\mathop { x } \limits _ a``
    Fires: ``\stackrel { a } { b } \limits _ c`` -> ``\limits``
    Quiet: ``\sum \limits _ a``
    Quiet: ``\mathop { f } \limits _ a``
    Quiet: ``\lim \limits _ { x }``
    Fix: Display: `\mathop{…}` around the base, if it is a single symbol.
    """
    for problem in label.problems("limits-misplaced"):
        message = f"{problem.detail} must follow an operator such as \\sum"
        base = label.tokens[problem.start - 1] if problem.start else ""
        if (base.isalnum() or base[:1] == "\\") and ACTIONS.get(base) in (None, ORD, RELATION):
            gap = " " if label.text[label.spans[problem.start][0] - 1].isspace() else ""
            replacement = f"\\mathop{gap}{{{gap}{base}{gap}}}{gap}{problem.detail}"
            yield label.at(problem.start - 1, problem.start + 1, message, replacement)
        else:
            yield label.on(problem, message)


@rule(
    "SYN031",
    "lone-relation-in-script",
    "warning",
    has(r"[\^_]\s*\{\s*[=,]\s*\}"),
    fix="display",
    fix_kind="repair",
    severity_in=PUPILS_SLIP,
    covers=["SYN-swallowed"],
)
def lone_relation_in_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script that contains only an equals sign or a comma: `V _ { = } \frac { E } { B }`, `F ( x _ { , } y )`.

    Why: The sign was written a little low or high and taken for a script.
    Fires: ``V _ { = } \frac { E } { B L }`` -> ``_ { = }`` => ``V = \frac { E } { B L }``
    Fires: ``F ( x _ { , } y )`` -> ``_ { , }`` => ``F ( x , y )``
    Quiet: ``V = \frac { E } { B L }``
    Quiet: ``x _ { + }``
    Quiet: ``\phi _ { < }``
    Quiet: ``\sum _ { i = 1 } i``
    Quiet: ``1 0 0 _ { , 0 }``
    Fix: Display: the sign on the baseline.
    """
    tokens = label.tokens
    for index, opening, closing in label.scripts:
        if closing - opening == 2 and tokens[opening + 1] in ("=", ",") and base_of(tokens, index) is not None:
            sign = tokens[opening + 1]
            yield label.at(index, closing + 1, f"a script that contains only {sign}", sign)


_OPERATORS = frozenset(["+", "-", "=", r"\times", r"\div"])


@rule(
    "SYN032", "script-on-operator", "info", has(r"(?:[-+=(,]|\\times|\\div)\s*[\^_]"), covers={"SYN7": "on an operator"}
)
def script_on_operator(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script on an operator, an opening parenthesis or a comma: `4 3 0 + ^ { 2 }`, `E ( _ { x } )`.

    Why: These don't take scripts. A symbol was lost, or the script belongs to the symbol before.
    Fires: ``4 3 0 + ^ { 2 } - 1`` -> ``+ ^``
    Fires: ``E ( _ { x } ) = 0`` -> ``( _``
    Quiet: ``x ^ { 2 } + 1``
    Quiet: ``r _ + ^ 2``
    Quiet: ``A : = _ { d e f } B``
    Quiet: ``\Gamma ^ + _ 1``
    Quiet: ``, ^ * F``
    Fix: None: look at the picture. Letters under `=` ("by definition") and indices before a symbol are not reported.
    """
    tokens = label.tokens
    for index in label.find("^", "_"):
        base = base_of(tokens, index)
        if base != index - 1 or index + 1 >= len(tokens):
            continue
        content = tokens[index + 2 : index + 3] if tokens[index + 1] == "{" else tokens[index + 1 : index + 2]
        if tokens[base] in _OPERATORS:
            worded = content[:1] and (
                content[0].isalpha() or content[0] in ("*", r"\prime", r"\mathrm", r"\text", r"\cdot")
            )
            if tokens[index] == "^" or not worded:
                yield label.at(base, index + 1, f"a script on {tokens[base]}")
        elif tokens[base] == "(" and tokens[index] == "_" and content and content[0].isalnum():
            yield label.at(base, index + 1, "a script on (")
