"""SYN: characters and modes that TeX stops at or reads as something else, and labels that are too long to read."""

from __future__ import annotations

import re
from collections.abc import Iterator

from rules.findings import Finding
from rules.registry import Options, rule
from rules.toolkit.cuts import is_cut_at_percent
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_problem, has_text


@rule(
    "SYN021",
    "mode-mismatch",
    "error",
    has_problem("script-in-text", "math-in-text", "text-in-math"),
    skips_canonical=True,
    covers=["SYN-stops"],
)
def mode_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""Mathematics in text, or a text accent in math mode: `\text{a_b}`, `\mbox{\alpha}`, `\'e`.

    Why: LaTeX stops with "Missing $ inserted" or "Please use \mathaccent".
    Fires: ``\text{a_b}`` -> ``_``
    Fires: ``\mbox{\alpha}`` -> ``\alpha``
    Fires: ``f i x { \' e }`` -> ``\'``
    Quiet: ``\text{$a_b$}``
    Quiet: ``\text{\'e}``
    Quiet: ``\mathrm{a_b}``
    Fix: None.
    """
    for problem in label.problems("script-in-text"):
        yield label.on(problem, f"{label.tokens[problem.start]} isn't allowed in text without $…$ around it")
    for problem in label.problems("math-in-text"):
        yield label.on(problem, f"{problem.detail} isn't allowed in text without $…$ around it")
    for problem in label.problems("text-in-math"):
        yield label.on(problem, f"{problem.detail} is a text accent and isn't allowed in math mode")


@rule(
    "SYN024",
    "parameter-character",
    "error",
    has_problem("parameter-character"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN-stops"],
)
def parameter_character(label: Label, options: Options) -> Iterator[Finding]:
    r"""A bare `#`.

    Why: LaTeX stops at it. It has a meaning only inside definitions.
    Fires: ``a # b`` -> ``#`` => ``a \# b``
    Quiet: ``a \# b``
    Fix: Unsafe: `\#`.
    """
    for problem in label.problems("parameter-character"):
        yield label.on(problem, "# isn't allowed in a formula", r"\#")


@rule(
    "SYN025",
    "blank-line",
    "error",
    has(r"\n[ \t\r]*\n"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN-stops"],
)
def blank_line(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty line inside a label.

    Why: To TeX it is the end of a paragraph, which isn't allowed inside a formula.
    Fires: ``a ␊␊ b`` -> `` ␊␊ `` => ``a b``
    Quiet: ``a ␊ b``
    Fix: Safe: one space.
    """
    for match in re.finditer(r"(?<![ \t\r\n])[ \t\r]*\n[ \t\r]*\n[ \t\r\n]*", label.text):
        yield Finding("an empty line, which TeX takes for the end of a paragraph", *match.span(), " ")


@rule(
    "SYN029",
    "caret-notation",
    "warning",
    has_problem("caret-notation"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN-stops"],
)
def caret_notation(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two carets without a space between them: `x^^2`.

    Why: TeX reads `^^` and the next character as another character, 64 code points away. `x^^2` compiles, but draws
    "xr".
    Fires: ``x^^2`` -> ``^^2`` => ``x^2``
    Quiet: ``x^{^2}``
    Quiet: ``x ^ 2``
    Fix: Display: one caret.
    """
    for problem in label.problems("caret-notation"):
        end = label.spans[problem.end - 1][1]
        if _HEXADECIMAL.match(label.text, end - 1):  # `^^e9`
            code = label.text[end - 1 : end + 1]
            message = f"'^^{code}' is TeX's notation for the character with the hexadecimal code {code}"
            yield label.on(problem, message, problem.detail[1:])
            continue
        character = chr(ord(problem.detail[2]) ^ 64)
        if character.isprintable() or character in "\t\r\n":
            message = f"{problem.detail!r} is TeX's notation for another character, {character!r}"
            yield label.on(problem, message, problem.detail[1:])
        else:
            message = f"{problem.detail!r} is TeX's notation for a control character, at which LaTeX stops"
            yield label.on(problem, message, problem.detail[1:], severity="error")


#: After two carets: two digits, with small letters, are a code.
_HEXADECIMAL = re.compile("[0-9a-f]{2}")


@rule("SYN028", "too-long", "warning", has_problem("too-long"), covers=["SYN-stops"])
def too_long(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label of more than 20,000 characters, which was not read.

    Why: No formula is that long. A whole file was read as one label, or a model got stuck.
    Quiet: ``x``
    Fix: None.
    """
    yield Finding(f"a label of {len(label.text):,} characters was not read")


@rule(
    "SYN027",
    "lone-backslash",
    "warning",
    has_text("\\") & has(r"\\$"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["SYN-stops"],
)
def lone_backslash(label: Label, options: Options) -> Iterator[Finding]:
    r"""A single backslash at the end of a label.

    Why: It is the start of a command whose rest is lost, or of a control space whose space was stripped.
    Fires: ``x = y \`` -> ``\`` => ``x = y``
    Fires: ``x \ = \ 1 \`` -> ``\`` => ``x \ = \ 1``
    Quiet: ``x = 1 \\``
    Quiet: ``x = 1``
    Fix: Display: it is dropped.
    """
    if label.tokens and label.tokens[-1] == "\\":
        if is_cut_at_percent(label.tokens):
            return  # NRM002 reports it
        before = label.tokens[-2] if len(label.tokens) > 1 else ""
        control_space = before in (".", ",", ")", "}", "|") or before[:1] == "\\" or "\\ " in label.tokens
        yield label.at(
            len(label.tokens) - 1,
            len(label.tokens),
            "a backslash with nothing after it",
            "",
            severity="info" if control_space else None,
        )
