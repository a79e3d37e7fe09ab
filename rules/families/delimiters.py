"""DLM: math delimiters, comments, equation numbers, references and other things around a formula."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from rules.findings import Finding
from rules.fixes.edits import Edit, apply
from rules.latex import lexer, wrapper
from rules.registry import Options, rule
from rules.toolkit.label import Label
from rules.toolkit.sieves import has, has_command, has_problem, has_text


def _wrapper_only(text: str, edits: Sequence[Edit]) -> bool:
    """Do the edits remove the outer delimiters and nothing else?"""
    toks = lexer.tokens(text)
    outer = wrapper.unwrap(toks)
    return outer is not None and lexer.tokens(apply(text, edits)) == toks[outer.start : outer.end]


@rule(
    "DLM001",
    "outer-delimiters",
    "warning",
    has(r"^\s*(?:\$|\\\[|\\\(|\\begin *\{ *(?:equation|displaymath|math))"),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    weight=0.02,
    proof=_wrapper_only,
    covers=["DLM1"],
    tags=["label-form", "residue"],
)
def outer_delimiters(label: Label, options: Options) -> Iterator[Finding]:
    r"""Math delimiters around the whole label: `$…$`, `$$…$$`, `\[…\]`, `\(…\)`, `equation`.

    Why: The picture doesn't show them. If some labels have them and some don't, a model has to guess, and the search
    for duplicates and leaks misses matches.
    Fires: ``$x$`` -> ``$`` ``$`` => ``x``
    Fires: ``$$ x = 1 $$`` -> ``$$`` ``$$`` => ``x = 1``
    Fires: ``\[ x \]`` -> ``\[`` ``\]`` => ``x``
    Fires: ``\begin{equation} x \end{equation}`` -> ``\begin{equation}`` ``\end{equation}`` => ``x``
    Quiet: ``x = 1``
    Quiet: ``\begin{matrix} x \end{matrix}``
    Fix: Safe: they are removed.
    """
    outer = label.reading.wrapper
    if outer is not None:
        message = f"{outer.name} around the whole label"
        yield label.at(0, outer.start, message, "")
        yield label.at(outer.end, len(label.tokens), message, "")


@rule(
    "DLM002",
    "inner-dollar",
    "error",
    has_problem("inner-dollar"),
    fix="display",
    fix_kind="repair",
    skips_canonical=True,
    covers=["DLM2"],
)
def inner_dollar(label: Label, options: Options) -> Iterator[Finding]:
    r"""A dollar sign, `\(` or the like inside a formula, where math mode can't begin or end.

    Why: LaTeX stops with "Display math should end with $$" or "Bad math environment delimiter". Often the label is
    prose with a formula in it, several formulas, or a price.
    Fires: ``a $ b`` -> ``$`` => ``a \$ b``
    Fires: ``cost $5 + x`` -> ``$`` => ``cost \$5 + x``
    Fires: ``\( a \) , \( b \)`` -> ``\(`` ``\)`` ``\(`` ``\)``
    Quiet: ``\$5``
    Quiet: ``\text{if $x$}``
    Quiet: ``\text{if \(x\)}``
    Quiet: ``\cases{1 & if $x$ \cr}``
    Quiet: ``$x$``
    Fix: Display: `\$`, if the sign was meant. Put prose into `\text{…}` by hand.
    """
    for problem in label.problems("inner-dollar"):
        token = label.tokens[problem.start]
        if token == "$":
            yield label.on(problem, "a dollar sign can't occur inside a formula", r"\$")
        else:
            yield label.on(problem, f"{token} can't occur inside a formula")


@rule(
    "DLM003",
    "comment",
    "warning",
    has_text("%"),
    fix="unsafe",
    fix_kind="repair",
    skips_canonical=True,
    covers=["DLM3"],
    tags=["label-form", "residue"],
)
def comment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An unescaped percent sign: the rest of its line is a comment.

    Why: LaTeX doesn't draw what follows: `50% + x` draws "50".
    Fires: ``a % todo`` -> ``% todo`` => ``a``
    Fires: ``5 0 % + x`` -> ``% + x`` => ``5 0 \% + x``
    Quiet: ``5 0 \% + x``
    Fix: Unsafe: `\%` after a digit, where the sign was probably meant; elsewhere the comment is dropped.
    """
    for start, end in lexer.comments(label.text):
        rest = label.text[start + 1 : end].strip()
        dropped = "everything after %" if end == len(label.text) else "the rest of the line after %"
        if not rest:
            yield Finding("a comment sign with nothing after it", start, end, "", severity="info")
        elif label.text[:start].rstrip()[-1:].isdigit():
            yield Finding(f"LaTeX drops {dropped}; \\% was probably meant", start, end, f"\\{label.text[start:end]}")
        else:
            yield Finding(f"LaTeX drops {dropped}, which starts a comment", start, end, "")


_NUMBERED = re.compile(
    r"(?:\\q?quad|\\hfill|\\hspace ?\{[^{}]*\}|~ ?~)\s*\(\s*(?:\d\s*)+(?:\.\s*(?:\d\s*)+)?[a-z']?\s*\)\s*$"
)


@rule(
    "DLM004",
    "equation-number",
    "info",
    has_command("tag", "eqno", "leqno") | has(r"\(\s*[\d. ]+[a-z']?\s*\)\s*$"),
    fix="unsafe",
    fix_kind="repair",
    covers=["DLM4"],
    tags=["label-form"],
)
def equation_number(label: Label, options: Options) -> Iterator[Finding]:
    r"""An equation number: `\tag{3}`, `\eqno(3)`, or a number in parentheses after a wide space at the end.

    Why: In about half of such pictures, the number is cut off, and the label has something that the picture lacks.
    Fires: ``x = 1 \tag{3}`` -> ``\tag``
    Fires: ``x = 1 \quad ( 1 2 )`` -> ``\quad ( 1 2 )`` => ``x = 1``
    Fires: ``x = 1 \eqno (3)`` -> ``\eqno``
    Quiet: ``f ( 2 )``
    Fix: Unsafe: the number is dropped; none for a command. Look at the picture.
    """
    for index in label.find("\\tag", "\\eqno", "\\leqno"):
        yield label.at(index, index + 1, f"{label.tokens[index]} numbers the equation")
    match = _NUMBERED.search(label.text)
    if match:
        yield Finding("this looks like an equation number", *match.span(), "")


_RESIDUE = ("\\label", "\\nonumber", "\\notag")
_REFERENCES = ("\\ref", "\\eqref", "\\cite", "\\pageref", "\\footnote", "\\footnotemark", "\\citep", "\\citet")


def _residue_only(text: str, edits: Sequence[Edit]) -> bool:
    r"""Does every edit remove one `\label{…}`, `\nonumber` or `\notag`? LaTeX draws nothing for them."""
    return all(
        not edit.replacement
        and (toks := lexer.tokens(text[edit.start : edit.end]))
        and (
            toks in (["\\nonumber"], ["\\notag"])
            or (toks[:2] == ["\\label", "{"] and toks.count("{") == 1 and toks.index("}") == len(toks) - 1)
        )
        for edit in edits
    )


@rule(
    "DLM005",
    "reference-residue",
    "info",
    has_command(*(name[1:] for name in (*_RESIDUE, *_REFERENCES))),
    fix="safe",
    fix_kind="repair",
    skips_canonical=True,
    weight=0.02,
    proof=_residue_only,
    covers=["DLM5"],
    tags=["label-form", "residue"],
)
def reference_residue(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that only makes sense in a paper: `\label{…}`, `\nonumber`, `\notag`, `\ref`, `\cite`, `\footnote`.

    Why: `\label` is invisible, so it can't be learnt. `\ref` and `\cite` draw a number that the label doesn't contain.
    Fires: ``x = 1 \label{eq:1}`` -> ``\label{eq:1}`` => ``x = 1``
    Fires: ``x = 1 \nonumber`` -> ``\nonumber`` => ``x = 1``
    Fires: ``x = \cite{a}`` -> ``\cite{a}``
    Quiet: ``x = 1``
    Fix: Safe for `\label`, `\nonumber` and `\notag`, which are dropped. None for the others, which are warnings: drop
    the sample.
    """
    for index in label.find(*_RESIDUE, *_REFERENCES):
        token = label.tokens[index]
        end = _after_group(label, index + 1) if token not in ("\\nonumber", "\\notag", "\\footnotemark") else index + 1
        if token in _RESIDUE:
            yield label.at(index, end, f"{token} draws nothing", "")
        else:
            yield label.at(
                index, end, f"the label doesn't contain what {token} draws", severity="warning", fix="display"
            )


def _after_group(label: Label, index: int) -> int:
    """The token after the group that starts at `index`, or `index` if none starts there."""
    depth = 0
    for at in range(index, len(label.tokens)):
        depth += (label.tokens[at] == "{") - (label.tokens[at] == "}")
        if depth <= 0:
            return at + 1 if label.tokens[at] == "}" else index
    return index


@rule(
    "DLM006",
    "trailing-punctuation",
    "info",
    has(r"[.,;]\s*$"),
    fix="display",
    fix_kind="repair",
    profiles=("default", "printed", "m2e"),
    weight=0.0,
    covers=["DLM6"],
    tags=["label-form"],
)
def trailing_punctuation(label: Label, options: Options) -> Iterator[Finding]:
    r"""A full stop, comma or semicolon at the end, which belongs to the sentence and not to the formula.

    Why: It may or may not be in the crop. A data set should be consistent.
    Fires: ``x = 1 .`` -> ``.`` => ``x = 1``
    Fires: ``x = 1 ,`` -> ``,`` => ``x = 1``
    Quiet: ``x = 1``
    Quiet: ``x = . . .``
    Fix: Display: it is dropped. Look at the picture.
    """
    if len(label.tokens) > 1 and label.tokens[-1] in (".", ",", ";") and label.tokens[-2] != ".":
        yield label.at(len(label.tokens) - 1, len(label.tokens), f"the label ends with '{label.tokens[-1]}'", "")


@rule("DLM007", "several-labels", "error", has_problem("multiple-labels"), skips_canonical=True, covers=["DLM5"])
def several_labels(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two `\label` or two `\tag` in one formula.

    Why: amsmath rejects it. Usually two equations were joined into one label.
    Fires: ``\label{a} x = 1 \label{b}`` -> ``\label``
    Quiet: ``x = 1 \label{b}``
    Fix: None: look at the picture.
    """
    for problem in label.problems("multiple-labels"):
        yield label.on(problem, f"a second {label.tokens[problem.start]} in one formula: amsmath rejects it")
