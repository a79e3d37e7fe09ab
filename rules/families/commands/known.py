"""CMD: commands that are unknown, left over from a document, or known to some engines only. Old ones are in
`habits`.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.findings import Finding
from rules.latex.commands import COMMANDS, nearest, split_glued
from rules.options import Option
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has_command, has_problem

#: Abbreviations that papers define for themselves. They occur undefined in im2latex and MathPile.
_USER_MACROS = frozenset(
    [
        "be",
        "ee",
        "beq",
        "eeq",
        "bea",
        "eea",
        "ben",
        "een",
        "bd",
        "ed",
        "ba",
        "ea",
        "nn",
        "nnb",
        "lab",
        "eqn",
        "bra",
        "ket",
    ]
)


def _glued(name: str) -> tuple[str, str] | None:
    r"""The command that `name` begins with, and the rest; None if it is a misspelling, as `\mathcl` is."""
    glued, meant = split_glued(name), nearest(name)
    return glued if glued is not None and meant in (None, glued[0]) else None


@rule(
    "CMD001",
    "unknown-command",
    "error",
    has_problem("unknown-command"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["ESC4", "CMD1"],
    tags=["unknown-name"],
)
def unknown_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command unknown to LaTeX with amsmath and amssymb, to KaTeX, to MathJax and to common packages.

    Why: The label doesn't render, and the model learns a token that draws nothing. Usually it is a spelling mistake.
    Fires: ``\foobar x`` -> ``\foobar``
    Fires: ``\aplha + 1`` -> ``\aplha`` => ``\alpha + 1``
    Fires: ``\mathcl { O }`` -> ``\mathcl`` => ``\mathcal { O }``
    Quiet: ``\alpha + 1``
    Quiet: ``\def \foobar { x } \foobar``
    Fix: Display: the nearest known name, if one letter is wrong.
    """
    for problem in label.problems("unknown-command"):
        name = problem.detail
        if name in _USER_MACROS or _glued(name) is not None:
            continue
        meant = nearest(name)
        hint = f"; did you mean \\{meant}?" if meant else ""
        yield label.on(problem, f"unknown command \\{name}{hint}", f"\\{meant}" if meant else None)


@rule(
    "CMD002",
    "glued-command",
    "error",
    has_problem("unknown-command"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["ESC8", "CMD2"],
    tags=["unknown-name"],
)
def glued_command(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command joined to the letters after it: `\intf` for `\int f`, `\gtM` for `\gt M`.

    Why: The label doesn't render. This happens when macros are expanded without a word boundary, or when the spaces
    between tokens are deleted.
    Fires: ``\intf ( x )`` -> ``\intf`` => ``\int f ( x )``
    Fires: ``\alphax`` -> ``\alphax`` => ``\alpha x``
    Quiet: ``\int f``
    Fix: Display: a space between the two.
    See: felix-schmitt/MathNet improve_tokens.py split_up_token_list; GAIR/MathPile discussion 1.
    """
    for problem in label.problems("unknown-command"):
        glued = _glued(problem.detail)
        if glued is None or problem.detail in _USER_MACROS:
            continue
        command, rest = glued
        tail = f"\\{rest}" if rest in COMMANDS and len(rest) > 1 else rest
        message = f"unknown command \\{problem.detail}: probably \\{command} joined to {rest!r}"
        yield label.on(problem, message, f"\\{command} {tail}")


@rule(
    "CMD003",
    "user-macro",
    "error",
    has_problem("unknown-command", "definition"),
    skips_canonical=True,
    covers=["CMD3"],
    tags=["unknown-name"],
)
def user_macro(label: Label, options: Options) -> Iterator[Finding]:
    r"""A macro of the paper's author (`\be`, `\beq`), or a definition inside the label (`\def`, `\newcommand`).

    Why: The macro is undefined outside its paper. A definition draws nothing and hides what the rest means.
    Fires: ``\be x = 1 \ee`` -> ``\be`` ``\ee``
    Fires: ``\def \x { y } \x`` -> ``\def``
    Quiet: ``\beta``
    Fix: None: expand the macro from the paper's source.
    See: LaTeX-OCR demacro.py; data-juicer expand_macro_mapper.
    """
    for problem in label.problems("unknown-command"):
        if problem.detail in _USER_MACROS:
            yield label.on(problem, f"\\{problem.detail} is an author's macro, undefined here")
    for problem in label.problems("definition"):
        yield label.on(
            problem, f"{label.tokens[problem.start]} defines a macro; what follows was not judged", severity="warning"
        )


_DOCUMENT_KINDS = frozenset({"document", "definition"})


_DOCUMENT_COMMANDS = sorted(
    command.name
    for command in COMMANDS.values()
    if command.kind in _DOCUMENT_KINDS and command.name.isalpha() and len(command.name) > 2
)


#: Without `\protect`, which does nothing in a formula.
_DOCUMENT_TOKENS = frozenset(f"\\{name}" for name in _DOCUMENT_COMMANDS) - {"\\protect"}


_REFERENCES = frozenset({"\\ref", "\\eqref", "\\cite", "\\pageref", "\\footnote", "\\footnotemark", "\\label"})


@rule("CMD004", "document-residue", "warning", has_command(*_DOCUMENT_COMMANDS), covers=["CMD4"])
def document_residue(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command for documents, not formulas: `\section`, `\includegraphics`, `\setlength`, `\put`.

    Why: It doesn't draw a formula, so the sample is a crop of something else.
    Fires: ``\setlength { \unitlength } { 1mm } x`` -> ``\setlength``
    Fires: ``\includegraphics { a }`` -> ``\includegraphics``
    Quiet: ``\frac { a } { b }``
    Fix: None: drop the sample.
    See: MathNet token type 6; LaTeX-OCR clean_matches.
    """
    places = [
        index for index, token in enumerate(label.tokens) if token in _DOCUMENT_TOKENS and token not in _REFERENCES
    ]
    for index in places[:1]:
        yield label.at(index, index + 1, f"{label.tokens[index]} belongs in a document, not in a formula")


def _lacking_engines() -> dict[str, frozenset[str]]:
    lacking = {}
    for command in COMMANDS.values():
        engines = {name for name, has_it in (("katex", command.katex), ("mathjax", command.mathjax)) if not has_it}
        if command.latex and engines and command.name.isalpha() and command.kind not in _DOCUMENT_KINDS:
            lacking[f"\\{command.name}"] = frozenset(engines)
    # The engines handle these as parts of environments or as layout, so their tables of commands don't list them.
    for name in (
        "left",
        "right",
        "middle",
        "begin",
        "end",
        "limits",
        "nolimits",
        "label",
        "nonumber",
        "notag",
        "n",
        "t",
    ):
        lacking.pop(f"\\{name}", None)
    return lacking


_LATEX_ONLY = _lacking_engines()


_ENGINES = ("katex", "mathjax")
_ENGINES_SAY = "katex, mathjax, or both separated by a comma"


def _known_engines(value: str) -> None:
    """Raises ValueError if an option names an unknown engine, or none."""
    for engine in value.split(","):
        if engine.strip() not in _ENGINES:
            raise ValueError(f"must be {_ENGINES_SAY}, not {value!r}")


@rule(
    "CMD013",
    "not-portable",
    "info",
    has_command(*(name[1:] for name in _LATEX_ONLY)),
    options={"engines": Option("katex,mathjax", valid=_known_engines, says=_ENGINES_SAY)},
    covers=["CMD13"],
)
def not_portable(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that LaTeX knows, but KaTeX or MathJax doesn't.

    Why: Web pages, previews and metrics that render with KaTeX or MathJax fail on the label.
    Fires: ``\textcircled { 1 }`` -> ``\textcircled``
    Quiet: ``\frac { a } { b }``
    Fix: None. The option `engines` names the engines that must know every command. Each command is reported once per
    label.
    """
    wanted = {engine.strip() for engine in options["engines"].split(",")}
    seen: set[str] = set()
    for index in label.find(*_LATEX_ONLY.keys() & label.words):
        token = label.tokens[index]
        if token in seen:
            continue
        seen.add(token)
        lacking = [
            name
            for name, engine in (("KaTeX", "katex"), ("MathJax", "mathjax"))
            if engine in wanted & _LATEX_ONLY[token]
        ]
        if lacking:
            yield label.at(index, index + 1, f"{token} is unknown to {' and '.join(lacking)}")


@rule(
    "CMD015",
    "not-in-latex",
    "error",
    has_problem("undefined-in-latex"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["ESC8", "CMD13"],
    tags=["unknown-name"],
)
def not_in_latex(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that KaTeX, MathJax or a package knows, but LaTeX with amsmath and amssymb doesn't: `\R`, `\lt`.

    Why: LaTeX stops with "Undefined control sequence". Such commands come with labels copied from web pages.
    Fires: ``x \in \R`` -> ``\R`` => ``x \in \mathbb{R}``
    Fires: ``a \lt b`` -> ``\lt`` => ``a < b``
    Fires: ``a \coloneqq b`` -> ``\coloneqq``
    Quiet: ``x \in \mathbb { R }``
    Fix: Display: the LaTeX spelling, for the commonest ones. A command from a known package is only a warning.
    """
    for problem in label.problems("undefined-in-latex"):
        command = COMMANDS[problem.detail]
        if f"\\{command.name}" in _DOCUMENT_TOKENS or command.kind == "colour":
            continue  # CMD004 and CMD014 report these
        replacement = {"lt": "<", "gt": ">", "R": r"\mathbb{R}", "Z": r"\mathbb{Z}", "N": r"\mathbb{N}"}.get(
            command.name
        )
        if command.package:
            yield label.on(
                problem, f"\\{command.name} needs the package {command.package}", replacement, severity="warning"
            )
        else:
            knows = " and ".join(n for n, has_it in (("KaTeX", command.katex), ("MathJax", command.mathjax)) if has_it)
            yield label.on(
                problem, f"LaTeX doesn't know \\{command.name}; {knows or 'another engine'} does", replacement
            )


@rule(
    "CMD016",
    "old-form-matrix",
    "error",
    has_problem("old-form"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["CMD13"],
)
def old_form_matrix(label: Label, options: Options) -> Iterator[Finding]:
    r"""Plain TeX's `\matrix{…\cr}`, `\pmatrix{…}` or `\cases{…}`.

    Why: amsmath stops with "Old form `\matrix' should be \begin{matrix}". The label may still match its picture: in all
    five cases that were checked by eye in im2latex's sample, it did.
    Fires: ``\pmatrix { a \cr b }`` -> ``\pmatrix { a \cr b }`` => ``\begin{pmatrix} a \\ b \end{pmatrix}``
    Fires: ``( \matrix{1&0\cr0&1\cr} )`` -> ``\matrix{1&0\cr0&1\cr}`` => ``( \begin{matrix}1&0\\ 0&1 \end{matrix} )``
    Fires: ``\cases { 1 & if x \cr 2 & else }`` -> ``\cases``
    Quiet: ``\begin { pmatrix } a & b \\ c & d \end { pmatrix }``
    Fix: Safe: the environment. None for `\cases`, whose second column is text.
    """
    for problem in label.problems("old-form"):
        message = f"plain TeX's \\{problem.detail}{{…}} is an error with amsmath"
        opening = problem.start + 1
        closing = label.partners.get(opening)
        if problem.detail == "cases" or closing is None or closing == opening + 1:
            yield label.on(problem, message)
        else:
            rows = _rows_of(label, opening + 1, closing)
            text = f"\\begin{{{problem.detail}}}{rows} \\end{{{problem.detail}}}"
            yield label.at(problem.start, closing + 1, message, text)


def _rows_of(label: Label, start: int, end: int) -> str:
    r"""The source of tokens `start` to `end` (exclusive), with `\\` for each `\cr` outside braces."""
    out, at, depth = [], label.spans[start - 1][1], 0
    for index in range(start, end):
        token = label.tokens[index]
        depth += (token == "{") - (token == "}")
        if token == r"\cr" and depth == 0:
            first, last = label.spans[index]
            out.append(label.text[at:first])
            if index + 1 < end:  # no row follows a `\cr` at the end
                out.append("\\\\" if label.text[last : last + 1].isspace() else "\\\\ ")
            at = last
    return "".join([*out, label.text[at : label.spans[end][0]]]).rstrip()
