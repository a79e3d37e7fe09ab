r"""Finds the formulas of a LaTeX document: where math mode begins and ends. Judges none.

One pass from delimiter to delimiter, in linear time. pylatexenc's walker would build a tree of the whole document: it
takes 4 s per megabyte, and gives up on a thousand nested groups or a single missing brace. The tests compare the two.

As in TeX, the end of a paragraph ends `$…$`, and dollar signs pair in order. Skipped are comments, `\verb` and
verbatim environments, `\iffalse…\fi`, addresses, definitions, column types such as `>{$}c<{$}`, and everything after
`\end{document}`.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from curate.sources.documents.definitions import DEFINING, Braces, Definitions, read_definition
from curate.sources.documents.found import EMPTY, LEFT_OUT, Formula, Found, Unread, trimmed

#: Environments that are a single formula: their content is the label, as with `\[…\]`.
SINGLE = frozenset({"equation", "equation*", "displaymath", "math"})
#: Environments of rows: the label includes `\begin` and `\end`, without which `&` and `\\` mean nothing.
_ROWS = ("align", "gather", "multline", "eqnarray", "flalign", "alignat", "xalignat", "xxalignat")
ROWS = frozenset({*_ROWS, *(f"{name}*" for name in _ROWS)})
#: Environments of packages with their own syntax: their content is not read.
_OTHERS = ("IEEEeqnarray", "dmath", "dgroup", "dseries", "empheq", "numcases", "subnumcases")
OTHERS = frozenset({*_OTHERS, *(f"{name}*" for name in _OTHERS)})
DISPLAYS = SINGLE | ROWS | OTHERS

_VERBATIM = (
    r"verbatim\*?|[BLS]?Verbatim\*?|lstlisting|minted|comment|alltt|filecontents\*?|spverbatim|verbatimtab|code|"
    "pycode|sagesilent|luacode\\*?|asy|gnuplot"
)
_OUTSIDE = re.compile(
    rf"""
    (?P<comment>%[^\n]*)
  | \\begin[ \t]*\{{(?P<verbatim>{_VERBATIM})\}}
  | \\(?:begin|end)[ \t]*\{{(?P<environment>[^{{}}\n]*)\}}
  | (?P<verb>\\verb\*?(?P<v>[^\sA-Za-z*])[^\n]{{0,999}}?(?P=v)
    | \\(?:lstinline|mintinline)(?:\[[^\]\n]{{0,300}}\])?(?:\{{\w+\}}(?=[|{{!]))?
      (?:(?P<w>[^\sA-Za-z\[{{])[^\n]{{0,999}}?(?P=w)|\{{[^{{}}\n]{{0,999}}\}})
    | \\(?:url|nolinkurl|path|href|hyperref|includegraphics|bibliography|usepackage|documentclass|lstset|tikzset)
      (?![A-Za-z])(?:\[[^\]\n]{{0,300}}\])?(?:\{{[^{{}}]*\}}|(?P<u>[|!/+])[^\n]{{0,999}}?(?P=u)))
  | (?P<off>\\iffalse)(?![A-Za-z])
  | \\(?P<defining>{DEFINING})(?![A-Za-z@])
  | (?P<command>\\[A-Za-z@]+)
  | (?P<open>\\[(\[])
  | (?P<escaped>\\.)
  | (?P<column>[<>]\{{[^{{}}\n]*\}})
  | (?P<dollar>\$\$?)
    """,
    re.VERBOSE | re.DOTALL,
)
_INSIDE = re.compile(
    r"""
    (?P<comment>%[^\n]*)
  | \\(?P<which>begin|end)[ \t]*\{(?P<environment>[^{}\n]*)\}
  | \\(?P<text>text(?:rm|bf|it|sf|tt|sc|sl|up|md|normal)?|[mhf]box|(?:short)?intertext|tag|footnote|parbox)(?![A-Za-z])
  | (?P<stop>\\(?:part|chapter|(?:sub)*section|paragraph|item|bibliography|maketitle|tableofcontents)(?![A-Za-z]))
  | (?P<command>\\[A-Za-z@]+)
  | (?P<delimiter>\\[()\[\]])
  | (?P<escaped>\\.)
  | (?P<dollar>\$\$?)
  | (?P<blank>\n(?=[ \t\r]*\n))
    """,
    re.VERBOSE | re.DOTALL,
)
_PICTURES = frozenset({"tikzpicture", "tikzcd", "scope", "circuitikz", "pgfonlayer"})
#: A coordinate that TikZ computes, `($(a)!.5!(b)$)`, from its dollar sign on.
_CALCULATED = re.compile(r"(?<=\()\$\s*\([^$\n]{0,300}\$\s*\)")
_CONDITION = re.compile(r"%[^\n]*|\\(if(?!f(?![A-Za-z@])|thenelse)[A-Za-z@]*|else|fi)(?![A-Za-z@])")
_BEFORE_GROUP = re.compile(r"\*?[ \t]*(?:\[[^\]\n]{0,99}\]|\{[^{}\n]{0,99}\}(?=\{))?[ \t]*(?=\{)")
_BLANK = re.compile(r"\n[ \t\r]*\n")
#: Environments that never occur in a formula: if one begins, a formula before it was not closed.
_NEVER_INSIDE = frozenset(
    [
        "document",
        "abstract",
        "figure",
        "figure*",
        "table",
        "table*",
        "itemize",
        "enumerate",
        "description",
        "theorem",
        "lemma",
        "proof",
        "definition",
        "corollary",
        "proposition",
        "remark",
        "thebibliography",
        "verbatim",
        "lstlisting",
        "center",
        "quote",
    ]
)


class _Close(NamedTuple):
    """Where a formula and its closing delimiter end; or why it can't be read, and where to go on."""

    end: int
    after: int
    reason: str | None = None


def find_formulas(text: str, definitions: Definitions, start: int = 0) -> Found:
    """The formulas of a document from `start` on. Adds the document's definitions to `definitions`."""
    return Scan(text, definitions).run(start)


class Scan:
    """A pass over a document; `found` is what it has found so far."""

    def __init__(self, text: str, definitions: Definitions) -> None:
        self.text = text
        self.definitions = definitions
        self.found = Found()
        self.braces = Braces(text)

    def run(self, at: int) -> Found:
        text = self.text
        search = _OUTSIDE.search
        pictures = 0
        while (match := search(text, at)) is not None:
            at = match.end()
            kind = match.lastgroup
            if kind == "dollar" and pictures and (calculated := _CALCULATED.match(text, match.start())) is not None:
                at = calculated.end()
            elif kind in ("dollar", "open"):
                at = self.formula(match.start(), match[0], at)
            elif kind == "environment":
                name = match["environment"].strip()
                is_end = match[0].startswith(r"\end")
                if name in _PICTURES:
                    pictures = max(0, pictures - 1) if is_end else pictures + 1
                elif is_end:
                    if name == "document":
                        break
                elif name in DISPLAYS or name in self.definitions.environments:
                    at = self.environment(match.start(), name, at)
            elif kind == "command":
                if self.definitions.begins.get(match[0]) in DISPLAYS:
                    at = self.environment(match.start(), match[0], at)
            elif kind == "defining":
                made = read_definition(text, match["defining"], at, self.braces)
                self.definitions.note(made)
                at = made.end
            elif kind == "verbatim":
                at = self.past(match["verbatim"], match.start(), at)
            elif kind == "off":
                at = self.past_condition(at)
        return self.found.in_order()

    def past(self, name: str, begin: int, at: int) -> int:
        close = re.compile(rf"\\end[ \t]*\{{{re.escape(name)}\}}").search(self.text, at)
        if close is None:
            self.found.unread.append(Unread(begin, rf"\end{{{name}}} is missing; nothing after its \begin is read"))
            return len(self.text)
        return close.end()

    def past_condition(self, at: int) -> int:
        r"""The position after the `\fi` or `\else` of an `\iffalse` that ends at `at`."""
        depth = 0
        for match in _CONDITION.finditer(self.text, at):
            word = match[1] or ""
            if depth == 0 and word in ("fi", "else"):
                return match.end()
            depth += word.startswith("if") - (word == "fi")
        return len(self.text)

    def formula(self, begin: int, opening: str, at: int) -> int:
        """A formula between delimiters, the first of which ends at `at`; returns where to go on."""
        closing = {r"\(": r"\)", r"\[": r"\]"}.get(opening, opening)
        kind = "inline" if opening in ("$", r"\(") else "display"
        close = self.close(at, opening, closing)
        self.note(begin, at, close, kind)
        return close.after

    def environment(self, begin: int, name: str, at: int) -> int:
        """A formula in an environment, or between macros that stand for one, whose opening ends at `at`."""
        is_macro = name.startswith("\\")
        meaning = self.definitions.begins[name] if is_macro else self.definitions.environments.get(name, name)
        opening = name if is_macro else rf"\begin{{{name}}}"
        close = self.close(at, opening, rf"\end{{{meaning if is_macro else name}}}", self.definitions.ends.get(meaning))
        if close.reason is None and meaning not in SINGLE and (meaning != name or name in OTHERS):
            why = "of a package" if name in OTHERS else f"of the document's own, for {meaning}"
            close = close._replace(reason=f"{LEFT_OUT}{name}, an environment {why}")
        if meaning in SINGLE:
            self.note(begin, at, close, meaning)
        else:
            self.note(begin, begin, close._replace(end=close.after), meaning)
        return close.after

    def note(self, begin: int, start: int, close: _Close, kind: str) -> None:
        if close.reason is not None:
            self.found.unread.append(Unread(begin, close.reason))
        else:
            self.in_delimiters(begin, start, close.end, kind)

    def in_delimiters(self, begin: int, start: int, end: int, kind: str) -> None:
        """Note the formula from `start` to `end`, whose delimiters begin at `begin`."""
        start, end = trimmed(self.text, start, end)
        if start == end:
            self.found.unread.append(Unread(begin, EMPTY))
        elif not self.only_defines(start, end):
            self.found.formulas.append(Formula(start, end, kind))

    def only_defines(self, start: int, end: int) -> bool:
        """Does a formula hold only definitions, as in a notebook? If so, they are noted."""
        if not _DEFINES.search(self.text, start, end):
            return False
        rest = start
        is_bare = True
        for match in _DEFINES.finditer(self.text, start, end):
            if match.start() < rest:
                continue
            is_bare = is_bare and not self.text[rest : match.start()].strip()
            made = read_definition(self.text, match[1], match.end(), self.braces)
            self.definitions.note(made)
            rest = max(rest, made.end)
        return is_bare and not self.text[rest:end].strip()

    def close(self, at: int, opening: str, closing: str, macros: Collection[str] | None = None) -> _Close:
        """Where the formula that begins at `at` ends, with `closing` or a macro for it; or why it doesn't."""
        text, search = self.text, _INSIDE.search
        dollars = opening[0] == "$"
        is_environment = dollars is False and opening not in (r"\(", r"\[")
        while (match := search(text, at)) is not None:
            at, kind = match.end(), match.lastgroup
            token = match[0]
            if kind == "dollar":
                if opening == "$":
                    return _Close(match.start(), match.start() + 1)
                if opening == "$$":
                    if token == "$$":
                        return _Close(match.start(), at)
                    return _Close(at, at, "$$ is closed by a single $")
                if opening == r"\(":
                    return _Close(at, match.start(), r"\( is not closed before the next $")
            elif kind == "environment":
                name = match["environment"].strip()
                if match["which"] == "end" and rf"\end{{{name}}}" == closing:
                    return _Close(match.start(), at)
                if name in DISPLAYS or name in _NEVER_INSIDE or name in self.definitions.environments:
                    resume = at if is_environment and match["which"] == "end" else match.start()
                    return _Close(at, resume, f"{opening} is not closed before {token}")
            elif kind == "command":
                if macros and token in macros:
                    return _Close(match.start(), at)
                if is_environment and token in self.definitions.begins:
                    return _Close(at, match.start(), f"{opening} is not closed before {token}")
            elif kind == "delimiter":
                if token == closing:
                    return _Close(match.start(), at)
                if token == r"\[" or (token == r"\(" and not is_environment):
                    return _Close(at, match.start(), f"{opening} is not closed before {token}")
            elif kind == "text":
                at = self.past_text(at)
            elif kind == "stop":
                return _Close(at, match.start(), f"{opening} is not closed before {token}")
            elif kind == "blank" and (dollars or opening == r"\("):
                return _Close(at, match.start(), f"{opening} is not closed before the end of its paragraph")
        return _Close(len(text), len(text), f"{opening} is not closed before the end of the file")

    def past_text(self, at: int) -> int:
        r"""The position after the group of a `\text{…}` whose name ends at `at`, which is part of this formula."""
        before = _BEFORE_GROUP.match(self.text, at)
        end = None if before is None else self.braces.group_end(before.end())
        return at if end is None or _BLANK.search(self.text, at, end) else end


_DEFINES = re.compile(rf"\\({DEFINING})(?![A-Za-z@])")
_DEFINITIONS = re.compile(rf"(?P<comment>%[^\n]*)|\\(?P<defining>{DEFINING})(?![A-Za-z@])|\\.", re.DOTALL)


def find_definitions(text: str, definitions: Definitions) -> None:
    """Add what a document or a style file defines to `definitions`."""
    braces = Braces(text)
    at = 0
    while (match := _DEFINITIONS.search(text, at)) is not None:
        at = match.end()
        if match.lastgroup == "defining":
            made = read_definition(text, match["defining"], at, braces)
            definitions.note(made)
            at = made.end
