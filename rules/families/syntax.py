"""SYN: what TeX can't parse, or parses into something nobody meant. The reader meets them; here they get words."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator

from rules import lengths
from rules.findings import Finding
from rules.label import Label
from rules.registry import EVERY, Options, rule
from rules.sieves import has, has_problem, has_text
from rules.tokenclass import ACTIONS, COMMAND


@rule("SYN001", "unbalanced-brace", "error", has_problem("unclosed-brace", "extra-close-brace"), fix="display")
def unbalanced_brace(label: Label, options: Options) -> Iterator[Finding]:
    r"""A brace that is opened and never closed, or closed and never opened.

    Why: LaTeX can't render the label. A lost brace often moves everything behind it into a script or a root.
    Fires: ``\frac{a}{b`` -> ``{``
    Fires: ``a}b`` -> ``}``
    Fires: ``x ^ { 2`` -> ``{``
    Quiet: ``\{ a``
    Quiet: ``\frac{a}{b}``
    Fix: Display: where the brace belongs is a guess.
    """
    for problem in label.problems("unclosed-brace"):
        yield label.on(problem, "this brace is never closed")
    for problem in label.problems("extra-close-brace"):
        yield label.on(problem, "this brace closes nothing")


@rule(
    "SYN002",
    "left-right-mismatch",
    "error",
    has_problem("left-without-right", "right-without-left", "middle-outside-left-right"),
    fix="unsafe",
)
def left_right_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\left` without `\right`, `\right` without `\left`, or `\middle` outside both.

    Why: LaTeX can't render the label. `\left` and `\right` must pair within one group and one cell.
    Fires: ``\left( a`` -> ``\left(``
    Fires: ``a \right)`` -> ``\right)``
    Fires: ``a \middle| b`` -> ``\middle``
    Quiet: ``\left( a \right]``
    Quiet: ``\left. a \right|``
    Fix: Unsafe: `\right.` or `\left.` draws nothing, but where it stands decides the size of the other.
    """
    for problem in label.problems("left-without-right"):
        yield label.on(problem, r"\left has no \right in its group")
    for problem in label.problems("right-without-left"):
        yield label.on(problem, r"\right has no \left in its group")
    for problem in label.problems("middle-outside-left-right"):
        yield label.on(problem, r"\middle stands outside \left … \right")


@rule(
    "SYN003",
    "begin-end-mismatch",
    "error",
    has_problem("begin-without-end", "end-without-begin", "environment-mismatch"),
    fix="display",
)
def begin_end_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\begin` and `\end` that don't pair, or name different environments.

    Why: LaTeX can't render the label.
    Fires: ``\begin{matrix} a \end{array}`` -> ``\end{array}``
    Fires: ``\begin{matrix} a`` -> ``\begin{matrix}``
    Fires: ``a \end{matrix}`` -> ``\end{matrix}``
    Quiet: ``\begin{matrix} a \end{matrix}``
    Fix: Display.
    """
    for problem in label.problems("begin-without-end"):
        yield label.on(problem, f"\\begin{{{problem.detail}}} is never ended")
    for problem in label.problems("end-without-begin"):
        yield label.on(problem, f"\\end{{{problem.detail}}} ends nothing")
    for problem in label.problems("environment-mismatch"):
        opened, closed = problem.detail.split("\0")
        yield label.on(problem, f"\\end{{{closed}}} ends \\begin{{{opened}}}", f"\\end{{{opened}}}")


@rule(
    "SYN004",
    "missing-argument",
    "error",
    has_problem("missing-argument", "unclosed-optional", "unbraced-argument"),
)
def missing_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A command that lacks an argument: `\frac{a}`, `\sqrt` at the end.

    Why: LaTeX can't render the label, or takes what comes next for the argument. An earlier rewrite often lost a part.
    Fires: ``\frac{a}`` -> ``\frac{a}``
    Fires: ``x + \sqrt`` -> ``\sqrt``
    Fires: ``\sqrt[3{x}`` -> ``\sqrt[3{x}`` ``[``
    Fires: ``\bar \mathcal V`` -> ``\bar \mathcal``
    Quiet: ``\frac ab``
    Quiet: ``\sqrt \frac 1 2``
    Fix: None: what stood there is lost.
    """
    for problem in label.problems("missing-argument"):
        yield label.on(problem, f"{problem.detail} lacks an argument")
    for problem in label.problems("unclosed-optional"):
        yield label.on(problem, "this optional argument is never closed")
    for problem in label.problems("unbraced-argument"):
        first = label.tokens[problem.start]
        yield label.on(problem, f"{problem.detail} takes arguments itself, so {first} needs braces around it")


@rule("SYN005", "dangling-script", "error", has_problem("dangling-script"))
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


@rule("SYN006", "double-script", "error", has_problem("double-superscript", "double-subscript"), fix="display")
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
    Fix: Display: braces around the base, or nested scripts.
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


@rule("SYN007", "leading-script", "info", has_problem("leading-script"))
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


@rule(
    "SYN008",
    "alignment-outside-environment",
    "error",
    has_problem("alignment-outside-environment", "alignment-in-group", "row-break-in-group", "misplaced-cr"),
    fix="display",
)
def alignment_outside_environment(label: Label, options: Options) -> Iterator[Finding]:
    r"""An `&`, or a row break, where no cell can end: outside an environment, or inside a group in a cell.

    Why: LaTeX can't render the label. An environment was lost, or a brace closes too late.
    Fires: ``a & b`` -> ``&``
    Fires: ``\begin{matrix} { a & b } \end{matrix}`` -> ``&``
    Fires: ``\begin{matrix} { a \\ b } \end{matrix}`` -> ``\\``
    Quiet: ``a \& b``
    Quiet: ``\begin{matrix} a & b \end{matrix}``
    Quiet: ``a \\ b``
    Fix: Display: `\&` where the sign was meant.
    """
    for problem in label.problems("alignment-outside-environment"):
        yield label.on(problem, "& stands outside any environment with columns", r"\&")
    for problem in label.problems("alignment-in-group"):
        yield label.on(problem, "& stands inside a group, where no cell can end")
    for problem in label.problems("row-break-in-group"):
        yield label.on(problem, "a row break stands inside a group, where no row can end")
    for problem in label.problems("misplaced-cr"):
        yield label.on(problem, r"\cr stands outside rows", r"\\")


@rule(
    "SYN009", "too-many-columns", "error", has_problem("too-many-columns", "illegal-column-specification"), fix="unsafe"
)
def too_many_columns(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row with more cells than its environment has columns, or a column specification that LaTeX doesn't know.

    Why: LaTeX stops with "Extra alignment tab" or "Illegal character in array arg". What layout was meant is unclear.
    Fires: ``\begin{array}{c} a & b \end{array}`` -> ``&``
    Fires: ``\begin{cases} a & b & c \end{cases}`` -> ``&``
    Fires: ``\begin{array}{zz} a & b \end{array}`` -> ``{zz}``
    Quiet: ``\begin{array}{cc} a & b \end{array}``
    Quiet: ``\begin{array}{ccc} a & b \end{array}``
    Quiet: ``\begin{array}{*{3}{c}} a & b & c \end{array}``
    Fix: Unsafe: a wider specification.
    """
    for problem in label.problems("too-many-columns"):
        yield label.on(problem, f"this cell is one more than the {problem.detail} columns there are")
    for problem in label.problems("illegal-column-specification"):
        yield label.on(problem, f"LaTeX doesn't know the column specification {problem.detail!r}")


@rule("SYN010", "empty-cells", "info", has(r"(?:\{ ?\} ?& ?){4}|(?:& ?){5}"), options={"run": 5})
def empty_cells(label: Label, options: Options) -> Iterator[Finding]:
    r"""A long run of empty cells.

    Why: Normalisers and models that got stuck write `{ } & { } & { } & …`; nothing in the picture shows it.
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


@rule("SYN011", "single-cell-matrix", "info", has(r"\\begin *\{ *(?:small)?matrix"))
def single_cell_matrix(label: Label, options: Options) -> Iterator[Finding]:
    r"""A matrix of one cell: the environment is invisible.

    Why: The label has a structure that the picture doesn't show; a tokeniser wrapped a formula for no reason.
    Fires: ``E = \begin{matrix} x \end{matrix} m`` -> ``\begin{matrix} x \end{matrix}``
    Quiet: ``\begin{matrix} x & y \end{matrix}``
    Quiet: ``\begin{pmatrix} x \end{pmatrix}``
    Fix: None by itself.
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
            yield label.at(start, index + 9, "a matrix of one cell draws the cell alone")


@rule("SYN012", "empty-argument", "warning", has(r"\{\s*\}"), fix="display")
def empty_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty argument where something must be drawn: `\frac { } { 2 }`, `\sqrt { }`, `\underline { }`.

    Why: A part of the formula is missing, or the command is junk.
    Fires: ``\frac { } { 2 }`` -> ``{ }``
    Fires: ``x + \sqrt { }`` -> ``{ }``
    Quiet: ``{ } _ a C``
    Quiet: ``\sqrt { 2 }``
    Quiet: ``\mathrm { } x``
    Fix: None for a missing argument.
    """
    tokens = label.tokens
    for index, token in enumerate(tokens):
        if token in _MUST_DRAW:
            at = index + 1
            for _ in range(_MUST_DRAW[token]):
                if tokens[at : at + 2] == ["{", "}"]:
                    yield label.at(at, at + 2, f"an argument of {token} is empty", fix="display")
                at = _after(tokens, at)


_MUST_DRAW = {"\\frac": 2, "\\dfrac": 2, "\\tfrac": 2, "\\binom": 2, "\\sqrt": 1, "\\overline": 1, "\\underline": 1} | {
    f"\\{accent}": 1 for accent in ("hat", "bar", "vec", "tilde", "dot", "ddot", "widehat", "widetilde")
}


def _after(tokens: list[str], index: int) -> int:
    """The token after the group or single token at `index`."""
    depth = 0
    for at in range(index, len(tokens)):
        depth += (tokens[at] == "{") - (tokens[at] == "}")
        if depth <= 0:
            return at + 1
    return len(tokens)


@rule("SYN013", "redundant-braces", "info", has(r"\{\s*\{"), fix="safe", options={EVERY: False})
def redundant_braces(label: Label, options: Options) -> Iterator[Finding]:
    r"""Braces directly inside braces: `{ { a } }`.

    Why: They draw nothing; every second spelling of one formula costs the model capacity and the metric a hit.
    Fires: ``x ^ { { 2 } }`` -> ``{ { 2 } }``
    Quiet: ``\frac{{a} + b}{c}``
    Quiet: ``x ^ { 2 }``
    Fix: Safe: all pairs but the innermost go. One finding a label, at the first place; with `every = true` one at each,
    places inside others left out.
    """
    tokens = label.tokens
    stack: list[int] = []
    closes: dict[int, int] = {}
    for index, token in enumerate(tokens):
        if token == "{":
            stack.append(index)
        elif token == "}" and stack:
            closes[stack.pop()] = index
    doubled = sorted(opening for opening in closes if closes.get(opening + 1) == closes[opening] - 1)
    more = f", {len(doubled)} places" if len(doubled) > 1 else ""
    outer = -1
    for opening in doubled if options[EVERY] else doubled[:1]:
        if opening < outer:
            continue
        outer = closes[opening]
        replacement = _without(label, doubled, closes, opening)
        yield label.at(opening, outer + 1, f"a group directly inside a group{more}", replacement)


def _without(label: Label, doubled: list[int], closes: dict[int, int], opening: int) -> str:
    """The source of a group without the braces that stand directly around another group's, at any depth."""
    end = closes[opening]
    gone = {brace for place in doubled if opening <= place < end for brace in (place, closes[place])}
    text, gap = "", None
    for index in range(opening, end + 1):
        before = label.text[label.spans[index - 1][1] : label.spans[index][0]] if index > opening else ""
        if index not in gone:
            text += (before if gap is None else gap) + label.tokens[index]
            gap = None
        elif label.tokens[index] == "{" and gap is None:
            gap = before  # what stood before the outermost brace now stands before the innermost
    return text


@rule("SYN014", "trailing-row-break", "info", has(r"\\\\\s*\\end"), fix="safe")
def trailing_row_break(label: Label, options: Options) -> Iterator[Finding]:
    r"""A row break directly before `\end`.

    Why: It draws nothing, or an empty row, depending on the engine.
    Fires: ``\begin{array}{c} a \\ \end{array}`` -> ``\\``
    Quiet: ``\begin{array}{c} a \\ b \end{array}``
    Fix: Safe: it is dropped, where the picture stays the same.
    """
    for index in label.find("\\\\"):
        if label.tokens[index + 1 : index + 2] == ["\\end"]:
            yield label.at(index, index + 1, "a row break with no row behind it", "")


_BRACED_NAMES = "frac|sqrt|hat|bar|vec|tilde|ddot|dot|mathrm|mathbf"
_BRACED = frozenset(f"\\{name}" for name in _BRACED_NAMES.split("|"))
_TEX_SPACE = r"[ \t\r\n]"


@rule(
    "SYN015",
    "unbraced-argument",
    "info",
    has(rf"[\^_]{_TEX_SPACE}*[^ \t\r\n{{]|\\(?:{_BRACED_NAMES})(?:{_TEX_SPACE}+[^ \t\r\n{{]|[^ \t\r\n{{A-Za-z])")
    | has(rf"\\frac{_TEX_SPACE}*\{{[^{{}}]*\}}{_TEX_SPACE}*[^ \t\r\n{{]")
    | has_text("%"),
    fix="safe",
    options={EVERY: False},
)
def unbraced_argument(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script or an argument without braces: `x^2`, `\frac12`, `\hat\lambda`.

    Why: `x^2` and `x ^ { 2 }` are one formula in two spellings; a data set should use one.
    Fires: ``x^2`` -> ``2``
    Fires: ``\frac12`` -> ``1``
    Fires: ``\frac{1}2`` -> ``2``
    Fires: ``\hat\lambda`` -> ``\lambda``
    Quiet: ``x ^ { 2 } + \frac { 1 } { 2 }``
    Fix: Safe: braces, but none around a command that takes an argument of its own. One finding a label, at the first
    place; with `every = true` one at each.
    """
    tokens = label.tokens
    places = []
    for index, token in enumerate(tokens[:-1]):
        if token not in ("_", "^") and not (ACTIONS.get(token) == COMMAND and token in _BRACED):
            continue
        places.append(index + 1)
        if token == "\\frac":
            places.append(_denominator(tokens, index + 1))
    bare = [at for at in places if at < len(tokens) and tokens[at] not in ("{", "}", "[", "&", "^", "_")]
    more = f", {len(bare)} in this label" if len(bare) > 1 else ""
    for at in bare if options[EVERY] else bare[:1]:
        braced = None if ACTIONS.get(tokens[at]) == COMMAND else f"{{{tokens[at]}}}"
        yield label.at(at, at + 1, f"an argument without braces{more}", braced)


def _denominator(tokens: list[str], at: int) -> int:
    """Where the second argument is of a fraction whose first, a token or a group without groups, stands at `at`."""
    if tokens[at] != "{":
        return at + 1
    inner = at + 1
    while inner < len(tokens) and tokens[inner] not in ("{", "}"):
        inner += 1
    return inner + 1 if inner < len(tokens) and tokens[inner] == "}" else len(tokens)


@rule("SYN016", "unbalanced-parentheses", "info", has(r"[()\[\]]"))
def unbalanced_parentheses(label: Label, options: Options) -> Iterator[Finding]:
    r"""More opening than closing parentheses and brackets, or the other way round.

    Why: Often legitimate (a half-open interval, a step that goes on in the next line), sometimes a lost symbol.
    Fires: ``( a , b``
    Fires: ``f ( x ) )``
    Quiet: ``[ 0 , 1 )``
    Quiet: ``( a )``
    Fix: None: look at the picture.
    """
    counts = Counter(label.tokens)
    opened = counts["("] + counts["["]
    closed = counts[")"] + counts["]"]
    if opened != closed:
        yield Finding(f"{opened} opening and {closed} closing parentheses and brackets")


@rule("SYN017", "missing-delimiter", "error", has_problem("missing-delimiter"), fix="display")
def missing_delimiter(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\left`, `\right` or `\big` followed by something that is no delimiter.

    Why: LaTeX stops with "Missing delimiter". `\left{` lost the backslash of its brace.
    Fires: ``\left a b \right)`` -> ``\left a``
    Fires: ``\big x`` -> ``\big x``
    Quiet: ``\left\{ a \right\}``
    Quiet: ``\left. a \right|``
    Fix: Display: `\left\{` for `\left{`.
    """
    for problem in label.problems("missing-delimiter"):
        follows = label.tokens[problem.end - 1] if problem.end - problem.start > 1 else "the end"
        braced = follows in ("{", "}")
        yield label.on(
            problem,
            f"{problem.detail} needs a delimiter, and {follows} is none",
            f"{problem.detail}\\{follows}" if braced else None,
        )


@rule("SYN018", "ambiguous-infix", "error", has_problem("ambiguous-infix"))
def ambiguous_infix(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two of `\over`, `\atop`, `\choose` in one group; an argument of `\frac`, written so inside, counts as one.

    Why: LaTeX stops with "Ambiguous; you need another { and }".
    Fires: ``{ a \over b \over c }`` -> ``\over``
    Fires: ``\frac { a } { b \over c }`` -> ``\over``
    Quiet: ``{ a \over { b \over c } }``
    Quiet: ``\frac { a } { { b \over c } }``
    Fix: None: two fractions were meant, and which is unclear.
    """
    for problem in label.problems("ambiguous-infix"):
        infix = label.tokens[problem.start]
        if problem.detail:
            yield label.on(problem, f"{infix} directly inside an argument of {problem.detail} needs braces around it")
        else:
            yield label.on(problem, f"a second {infix} in one group")


@rule("SYN019", "misplaced-rule", "error", has_problem("misplaced-rule"), fix="display")
def misplaced_rule(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\hline` anywhere but at the start of a row.

    Why: LaTeX stops with "Misplaced \noalign". Normalisers move it into the first cell: `{ \hline a }`.
    Fires: ``\begin{array}{c} a \hline \end{array}`` -> ``\hline``
    Fires: ``\begin{array}{c} { \hline a } \end{array}`` -> ``\hline``
    Quiet: ``\begin{array}{c} \hline a \\ \hline \end{array}``
    Fix: Display.
    """
    for problem in label.problems("misplaced-rule"):
        yield label.on(problem, f"{label.tokens[problem.start]} must stand at the start of a row")


@rule("SYN020", "illegal-length", "error", has_problem("illegal-length"), fix="unsafe")
def illegal_length(label: Label, options: Options) -> Iterator[Finding]:
    r"""A length that TeX can't read: `\hspace { 1 . 5 c m }`, which a tokeniser made of `\hspace{1.5cm}`.

    Why: LaTeX stops with "Illegal unit of measure". It is the commonest fault in normalised im2latex.
    Fires: ``a \hspace { 1 . 5 c m } b`` -> ``{ 1 . 5 c m }``
    Fires: ``a \hspace{1} b`` -> ``{1}``
    Quiet: ``a \hspace{1.5cm} b``
    Quiet: ``a \hspace { -2 em } b``
    Fix: Unsafe: the length put together again; safe can't be proven on a label that doesn't compile.
    """
    for problem in label.problems("illegal-length"):
        shown = label.shown(problem.start, problem.end)
        joined = lengths.joined(problem.detail)
        yield label.on(problem, f"{shown} is no length for TeX", f"{{{joined}}}" if joined else None)


@rule("SYN021", "mode-mismatch", "error", has_problem("script-in-text", "math-in-text", "text-in-math"))
def mode_mismatch(label: Label, options: Options) -> Iterator[Finding]:
    r"""Mathematics in text, or a text accent in mathematics: `\text{a_b}`, `\mbox{\alpha}`, `\'e`.

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
        yield label.on(problem, f"{label.tokens[problem.start]} can't stand in text; it needs $…$ around it")
    for problem in label.problems("math-in-text"):
        yield label.on(problem, f"{problem.detail} can't stand in text; it needs $…$ around it")
    for problem in label.problems("text-in-math"):
        yield label.on(problem, f"{problem.detail} is a text accent and can't stand in mathematics")


@rule("SYN022", "unbraced-script", "error", has_problem("unbraced-script"), fix="display")
def unbraced_script(label: Label, options: Options) -> Iterator[Finding]:
    r"""A script that is a command which can't stand there without braces: `x^\sqrt{2}`, `x_\ldots`.

    Why: LaTeX stops with "Missing { inserted". KaTeX and MathJax draw it, so it slips through.
    Fires: ``x ^ \sqrt { 2 }`` -> ``^ \sqrt``
    Fires: ``x _ \hat a`` -> ``_ \hat``
    Quiet: ``x ^ \frac 1 2``
    Quiet: ``x ^ \mathrm T``
    Quiet: ``x ^ { \sqrt { 2 } }``
    Fix: Display: braces around the whole of it.
    """
    for problem in label.problems("unbraced-script"):
        yield label.on(problem, f"{problem.detail} can't be a script without braces")


@rule("SYN023", "limits-misplaced", "error", has_problem("limits-misplaced"), fix="display")
def limits_misplaced(label: Label, options: Options) -> Iterator[Finding]:
    r"""`\limits` after something that is no operator: `x \limits _ a`.

    Why: LaTeX stops with "Limit controls must follow a math operator".
    Fires: ``x \limits _ a`` -> ``\limits``
    Fires: ``\stackrel { a } { b } \limits _ c`` -> ``\limits``
    Quiet: ``\sum \limits _ a``
    Quiet: ``\mathop { f } \limits _ a``
    Quiet: ``\lim \limits _ { x }``
    Fix: Display: `\mathop{…}` around the base.
    """
    for problem in label.problems("limits-misplaced"):
        yield label.on(problem, f"{problem.detail} must follow an operator such as \\sum")


@rule("SYN024", "parameter-character", "error", has_problem("parameter-character"), fix="unsafe")
def parameter_character(label: Label, options: Options) -> Iterator[Finding]:
    r"""A bare `#`.

    Why: LaTeX stops at it: outside a definition it means nothing.
    Fires: ``a # b`` -> ``#``
    Quiet: ``a \# b``
    Fix: Unsafe: `\#`.
    """
    for problem in label.problems("parameter-character"):
        yield label.on(problem, "# can't stand in a formula", r"\#")


@rule("SYN025", "blank-line", "error", has(r"\n[ \t\r]*\n"), fix="safe")
def blank_line(label: Label, options: Options) -> Iterator[Finding]:
    r"""An empty line inside a label.

    Why: To TeX it ends a paragraph, and a formula can't hold one.
    Fires: ``a ␊␊ b`` -> ``␊␊``
    Quiet: ``a ␊ b``
    Fix: Safe: one space.
    """
    for match in re.finditer(r"\n[ \t\r]*\n[ \t\r\n]*?(?=[^ \t\r\n]|$| )", label.text):
        yield Finding("an empty line ends the formula", *match.span(), " ")


@rule("SYN026", "too-deep", "warning", has_problem("too-deep"))
def too_deep(label: Label, options: Options) -> Iterator[Finding]:
    r"""Groups nested so deeply that the label was not read to its end.

    Why: No formula nests 120 levels; a model that got stuck does. TeX itself gives up at 255.
    Quiet: ``{ { { a } } }``
    Fix: None.
    """
    for problem in label.problems("too-deep"):
        yield label.on(problem, "nested deeper than any formula; what follows was not read")


@rule("SYN029", "caret-notation", "warning", has_problem("caret-notation"), fix="display")
def caret_notation(label: Label, options: Options) -> Iterator[Finding]:
    r"""Two carets without a space between them: `x^^2`.

    Why: TeX reads `^^` and the character behind it as another character, 64 places away: `x^^2` draws "xr". It
    compiles, and draws something that nobody meant.
    Fires: ``x^^2`` -> ``^^2``
    Quiet: ``x^{^2}``
    Quiet: ``x ^ 2``
    Fix: Display: one caret.
    """
    for problem in label.problems("caret-notation"):
        character = chr(ord(problem.detail[2]) ^ 64)
        if character.isprintable() or character in "\t\r\n":
            message = f"{problem.detail!r} is TeX's notation for another character, {character!r}"
            yield label.on(problem, message, problem.detail[1:])
        else:
            message = f"{problem.detail!r} is TeX's notation for a control character, at which LaTeX stops"
            yield label.on(problem, message, problem.detail[1:], severity="error")


@rule("SYN028", "too-long", "warning", has_problem("too-long"))
def too_long(label: Label, options: Options) -> Iterator[Finding]:
    r"""A label of more than 100,000 characters: it was not read.

    Why: No formula is that long; a file was read as one label, or a model got stuck.
    Quiet: ``x``
    Fix: None.
    """
    yield Finding(f"a label of {len(label.text):,} characters was not read")


@rule("SYN027", "lone-backslash", "warning", has_text("\\") & has(r"\\$"), fix="display")
def lone_backslash(label: Label, options: Options) -> Iterator[Finding]:
    r"""A backslash at the very end of a label.

    Why: It is the start of a command whose rest is lost, or of a control space whose space was stripped.
    Fires: ``x = y \`` -> ``\``
    Quiet: ``x = 1 \\``
    Quiet: ``x = 1``
    Fix: Display.
    """
    if label.tokens and label.tokens[-1] == "\\":
        before = label.tokens[-2] if len(label.tokens) > 1 else ""
        if before.isdecimal():
            return  # NRM002 has it
        control_space = before in (".", ",", ")", "}", "|") or before[:1] == "\\"
        yield label.at(
            len(label.tokens) - 1,
            len(label.tokens),
            "a backslash with nothing behind it",
            "",
            severity="info" if control_space else None,
        )
