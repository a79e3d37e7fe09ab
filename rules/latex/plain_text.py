r"""A label as plain text to read in one line and to search: `15.4 × 4 = 61.6`. Neither a drawing nor a rule.

pylatexenc parses the label and knows the Unicode of most symbols. What it writes badly in formulas (spaces, fractions,
scripts, roots, tables, M²E's lines) is written here. The text can't be read back: `\frac{a}{b}` and `a / b` are alike.
It takes about half a millisecond a label, so it is for labels that are shown, not for a whole data set.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from functools import cache
from typing import Any

from pylatexenc import latex2text, latexwalker, macrospec

from rules.latex import lexer, text_symbols
from rules.latex.commands import COMMANDS, ENVIRONMENTS

#: A longer label is shown as written, cut to this length: nobody reads it in one line.
MAX_LENGTH = 2000
#: How many tokens per character the parser may ask for before a label is given up; real labels need 1.
_MOST_TOKENS = 4

# Characters that no text has are placeholders for what is decided once the whole text is there: a space only between
# letters and digits, the next cell, the next row, a space of text, which stays, and the edge of a fraction.
_SOFT, _CELL, _ROW, _KEPT, _EDGE = "\ufdd0", "\ufdd1", "\ufdd2", "\ufdd3", "\ufdd4"
#: These, and characters that a terminal would obey.
_FORBIDDEN = re.compile(f"[\x00-\x1f\x7f-\x9f{_SOFT}-{_EDGE}]")

_FRACTIONS = frozenset({"frac", "dfrac", "tfrac", "cfrac"})
_BINOMIALS = frozenset({"binom", "dbinom", "tbinom"})
_LINE_ENDS = frozenset({"\\", "cr", "crcr", "newline", "tabularnewline"})
_WIDE = frozenset({"quad", "qquad", " ", "space"})
_ABOVE = frozenset({"overset", "stackrel"})
_UNSEEN = frozenset({"phantom", "hphantom", "vphantom", "label", "hspace", "vspace", "mspace"})
_SURROUNDED = {
    "pmatrix": "()",
    "matrix": "[]",
    "smallmatrix": "[]",
    "bmatrix": "[]",
    "Bmatrix": "{}",
    "vmatrix": "||",
    "Vmatrix": "‖‖",
    "cases": "{",
    "dcases": "{",
}
#: Tables whose cells are columns; the cells of other tables are parts of one line.
_TABLES = frozenset({*_SURROUNDED, "array", "tabular", "subarray"})
_OPERATOR_SIGNS = frozenset("+-=<>*")
_INFIX = {"over": "/", "choose": "binom", "atop": "binom", "brace": "binom", "brack": "binom"}
#: pylatexenc's letters for those of `rules.latex.commands`. An unbraced length (`l`) is removed before.
_ARGUMENTS = {"m": "{", "t": "{", "r": "{", "D": "{", "d": "{", "o": "[", "O": "[", "s": "*", "l": ""}
_LENGTH = re.compile(r"\\(?:[mh]?kern|[mhv]skip)(?![A-Za-z])\s*[-+]?[\d.\s]*(?:[a-z]\s*[a-z])?")


def plain_text(label: str) -> str:
    r"""A label as plain text.

    Lines are separated by `\n`. A label that can't be parsed, or is longer than MAX_LENGTH, is returned as written,
    with single spaces, and cut to MAX_LENGTH characters. Never raises; empty if the label draws nothing.
    """
    written = _FORBIDDEN.sub("\ufffd", " ".join(lexer.without_comments(label).split()))
    if len(written) > MAX_LENGTH:
        return f"{written[: MAX_LENGTH - 1]}…"
    try:
        walker = _Walker(
            _LENGTH.sub(" ", written), latex_context=_grammar(), tolerant_parsing=True, strict_braces=False
        )
        return _finished(_writer().nodelist_to_text(walker.get_latex_nodes()[0]))
    except Exception:  # pylatexenc is lenient but not fuzzed, and people see this only next to the label
        return written


class _Walker(latexwalker.LatexWalker):  # type: ignore[misc]  # pylatexenc has no types
    """Gives up on a label that is parsed again and again: each `\\frac{` that is never closed doubles the time."""

    def __init__(self, written: str, **options: Any) -> None:
        super().__init__(written, **options)
        self._left = _MOST_TOKENS * (len(written) + 50)

    def get_token(self, *given: Any, **options: Any) -> Any:
        self._left -= 1
        if self._left < 0:
            raise RecursionError("read too often")
        return super().get_token(*given, **options)


class _Writer(latex2text.LatexNodes2Text):  # type: ignore[misc]  # pylatexenc has no types
    """Math without spaces of its own, text with its spaces."""

    in_text = False

    def chars_node_to_text(self, node: Any, textcol: int = 0) -> str:
        if self.in_text:
            return str(re.sub(r"\s+", _KEPT, node.chars))
        return "".join(map(_character, "".join(node.chars.split())))

    def nodelist_to_text(self, nodelist: Any) -> str:
        for at, node in enumerate(nodelist or ()):
            if node.isNodeType(latexwalker.LatexMacroNode) and node.macroname in _INFIX:
                above, below = self.nodelist_to_text(nodelist[:at]), self.nodelist_to_text(nodelist[at + 1 :])
                return _fraction(above, below) if node.macroname == "over" else _binomial(above, below)
        texts: list[str] = []
        base, is_whole = "", False  # what the next script belongs to; a group and a fraction need brackets
        for node in nodelist or ():
            text = self.node_to_text(node)
            if node.isNodeType(latexwalker.LatexSpecialsNode) and node.specials_chars in ("^", "_"):
                if is_whole and _parted(base.strip(_AROUND)):
                    texts[-1] = f"({base.strip(_AROUND)})"
                elif base.endswith(_SOFT):  # `sin² x`: the space comes after the script
                    text += _SOFT
                is_whole = False
            elif text:
                base = text
                is_whole = not node.isNodeType(latexwalker.LatexCharsNode)
            texts.append(text)
        return "".join(texts)

    def math_node_to_text(self, node: Any) -> str:
        return self.as_text(node.nodelist, False)

    def macro_node_to_text(self, node: Any) -> str:
        name = node.macroname
        write = _WRITERS.get(name)
        if write is not None:
            return write(name, self, node)
        command = COMMANDS.get(name)
        symbol = _symbol(name)
        if symbol is not None:
            return symbol
        if command is None:
            return f"{_SOFT}\\{name}{_SOFT}"
        if not command.args:
            return f"{_SOFT}{name}{_SOFT}" if command.kind in ("func", "op") else ""
        shown = [
            self.argument(node, at, letter == "t")
            for at, letter in enumerate(command.args)
            if letter in ("m", "t", "d")
        ]
        return "".join(shown)

    def as_text(self, nodes: Any, in_text: bool) -> str:
        """Nodes in text mode or in math, whatever is around them."""
        before, self.in_text = self.in_text, in_text
        try:
            return self.nodelist_to_text(nodes)
        finally:
            self.in_text = before

    def argument(self, node: Any, at: int, in_text: bool = False) -> str:
        """The argument `at` of a command; empty where it isn't there."""
        arguments = node.nodeargd.argnlist if node.nodeargd is not None else None
        if not arguments or at >= len(arguments) or arguments[at] is None:
            return ""
        found = arguments[at]
        nodes = found.nodelist if found.isNodeType(latexwalker.LatexGroupNode) else [found]
        text = self.as_text(nodes, in_text)
        return f"{_SOFT}{text}{_SOFT}" if in_text and text else text


def _character(character: str) -> str:
    """A character of math."""
    if character in _OPERATOR_SIGNS:
        return f" {character} "
    return "′" if character == "'" else character


@cache
def _symbol(name: str) -> str | None:
    r"""A command without arguments as text, `\times` as ` × `, or None."""
    command = COMMANDS.get(name)
    kind = "" if command is None else command.kind
    found = _ROW if name in _LINE_ENDS else text_symbols.symbol(name)
    if found is None:
        return " " if kind == "space" and name in _WIDE else None
    if kind in ("bin", "rel"):
        return f" {found} "
    return f"{_SOFT}{found}{_SOFT}" if kind in ("func", "op") else found


def _fraction(above: str, below: str) -> str:
    above = above.strip(_AROUND)
    top = above if not _parted(above) or _is_bracketed(above) else f"({above})"
    return f"{_EDGE}{top}/{_one(below)}{_EDGE}"


def _binomial(above: str, below: str) -> str:
    return f"{_SOFT}binom({above}, {below})"


def _one(text: str) -> str:
    """The text, in brackets unless it is one number or one symbol with its scripts."""
    text = text.strip(_AROUND)
    return text if _ATOM.fullmatch(text) or _is_bracketed(text) else f"({text})"


_ATOM = re.compile(
    rf"\s*[√∛∜]?(?:[\d.]+|[^\W\d_]|[^\w\s/{_SOFT}]|[^\s][\u0300-\u036f\u20d0-\u20ff])[{re.escape(text_symbols.SCRIPTS)}]*\s*"
)


def _parted(text: str) -> bool:
    return any(mark in text.strip() for mark in (" ", "/", "\n", _SOFT, _KEPT))


#: What may be at the ends of a part and isn't shown there.
_AROUND = f" {_SOFT}{_EDGE}"


def _is_bracketed(text: str) -> bool:
    """Whether the whole text is in one pair of brackets."""
    text = text.strip(_AROUND)
    if text[:1] != "(" or text[-1:] != ")":
        return False
    depth = 0
    for at, character in enumerate(text):
        depth += (character == "(") - (character == ")")
        if depth == 0:
            return at == len(text) - 1
    return False


def _script(mark: str, writer: _Writer, node: Any) -> str:
    text = writer.argument(node, 0)
    table = text_symbols.SUPERSCRIPTS if mark == "^" else text_symbols.SUBSCRIPTS
    if not text:
        return "" if node.nodeargd is not None and node.len > 1 else mark  # `^{}` draws nothing
    tight = re.sub(rf"[\s{_SOFT}{_EDGE}]", "", text)
    if tight and all(character in table for character in tight):
        return "".join(table[character] for character in tight)
    return f"{mark}{tight}" if len(tight) <= 1 or _is_bracketed(tight) else f"{mark}({text})"


def _root(name: str, writer: _Writer, node: Any) -> str:
    index, text = writer.argument(node, 0), writer.argument(node, 1)
    sign = text_symbols.ROOTS.get(index.strip())
    if sign is None:
        raised = [text_symbols.SUPERSCRIPTS.get(character) for character in index.strip()]
        sign = f"{''.join(filter(None, raised))}√" if None not in raised else f"root({index})"
    return f"{sign}{_one(text)}"


def _accent(name: str, writer: _Writer, node: Any) -> str:
    text = writer.argument(node, 0)
    if len(text.strip(_AROUND)) == 1:
        return f"{text.strip(_AROUND)}{text_symbols.ACCENTS[name]}"
    return f"{_SOFT}{text_symbols.ACCENT_WORDS.get(name, name)}({text})" if text else ""


def _circled(name: str, writer: _Writer, node: Any) -> str:
    return text_symbols.circled(writer.argument(node, 0))


def _double_struck(name: str, writer: _Writer, node: Any) -> str:
    return "".join(map(text_symbols.double_struck, writer.argument(node, 0)))


def _not(name: str, writer: _Writer, node: Any) -> str:
    text = writer.argument(node, 0).strip(_AROUND)
    return f" {text[:1]}\u0338{text[1:]} " if text else ""


def _delimiter(name: str, writer: _Writer, node: Any) -> str:
    text = writer.argument(node, 0).strip()
    return "" if text == "." else text


def _upon(name: str, writer: _Writer, node: Any) -> str:
    mark = "^" if name in _ABOVE else "_"
    return f" {writer.argument(node, 1).strip()}{mark}({writer.argument(node, 0)}) "


def _operator(name: str, writer: _Writer, node: Any) -> str:
    return f"{_SOFT}{writer.argument(node, 1)}{_SOFT}"


def _table(name: str, text: str) -> str:
    """The text of a table's body, which has marks for cells and rows."""
    rows = [[cell.strip() for cell in row.split(_CELL)] for row in text.split(_ROW)]
    rows = [row for row in rows if any(row)]
    if name not in _TABLES:
        inner = "" if name in ENVIRONMENTS and ENVIRONMENTS[name].kind == "inner" else "\n"
        return (inner or "; ").join(" ".join(filter(None, row)) for row in rows)
    around = _SURROUNDED.get(name, "")
    return f"{around[:1]}{'; '.join(', '.join(row) for row in rows)}{around[1:]}"


def _environment(node: Any, l2tobj: _Writer) -> str:
    name = node.environmentname.rstrip("*")
    return _table(name, l2tobj.as_text(node.nodelist, name == "tabular"))


def _old_table(name: str, writer: _Writer, node: Any) -> str:
    return _table(name, writer.argument(node, 0))


def _stacked(name: str, writer: _Writer, node: Any) -> str:
    return ", ".join(filter(None, map(str.strip, writer.argument(node, 0).split(_ROW))))


_Write = Callable[[str, _Writer, Any], str]
_WRITERS: dict[str, _Write] = {
    **dict.fromkeys(_FRACTIONS - {"cfrac"}, lambda name, writer, node: _fraction(*_two(writer, node, 0))),
    "cfrac": lambda name, writer, node: _fraction(*_two(writer, node, 1)),
    **dict.fromkeys(_BINOMIALS, lambda name, writer, node: _binomial(*_two(writer, node, 0))),
    **dict.fromkeys(text_symbols.ACCENTS, _accent),
    **dict.fromkeys(("left", "right", "middle"), _delimiter),
    **dict.fromkeys((*_ABOVE, "underset"), _upon),
    **dict.fromkeys(_UNSEEN, lambda name, writer, node: ""),
    **dict.fromkeys(("matrix", "pmatrix", "cases"), _old_table),
    **dict.fromkeys(("mathbb", "Bbb"), _double_struck),
    "substack": _stacked,
    "sqrt": _root,
    "textcircled": _circled,
    "not": _not,
    "operatorname": _operator,
}


def _two(writer: _Writer, node: Any, first: int) -> tuple[str, str]:
    return writer.argument(node, first), writer.argument(node, first + 1)


@cache
def _grammar() -> Any:
    """Commands and environments with their arguments, and specials, for pylatexenc's parser."""
    db = macrospec.LatexContextDb()
    own = dict.fromkeys(("not", "left", "right", "middle", "matrix", "pmatrix", "cases"), "{")
    own |= {"\\": "*[", "n": "", "t": ""}  # \t is M²E's, not the tie
    spelled = {name: "".join(map(_ARGUMENTS.__getitem__, command.args)) for name, command in COMMANDS.items()} | own
    db.add_context_category(
        "labels",
        macros=[macrospec.MacroSpec(name, arguments) for name, arguments in spelled.items()],
        environments=[
            macrospec.EnvironmentSpec(name, "".join(map(_ARGUMENTS.__getitem__, environment.args)))
            for name, environment in ENVIRONMENTS.items()
        ],
        specials=[
            *(macrospec.SpecialsSpec(mark, macrospec.MacroStandardArgsParser("{")) for mark in "^_"),
            *(macrospec.SpecialsSpec(mark) for mark in "&~"),
        ],
    )
    db.set_unknown_macro_spec(macrospec.MacroSpec(""))
    db.set_unknown_environment_spec(macrospec.EnvironmentSpec(""))
    return db


@cache
def _writer() -> _Writer:
    db = macrospec.LatexContextDb()

    def script(node: Any, l2tobj: _Writer) -> str:
        return _script(node.specials_chars, l2tobj, node)

    db.add_context_category(
        "labels",
        environments=[latex2text.EnvironmentTextSpec(name, simplify_repl=_environment) for name in ENVIRONMENTS],
        specials=[
            latex2text.SpecialsTextSpec("^", simplify_repl=script),
            latex2text.SpecialsTextSpec("_", simplify_repl=script),
            latex2text.SpecialsTextSpec("&", simplify_repl=_CELL),
            latex2text.SpecialsTextSpec("~", simplify_repl=" "),
        ],
    )
    return _Writer(latex_context=db, math_mode="text", keep_comments=False, strict_latex_spaces=True)


_FINISH: tuple[tuple[re.Pattern[str], str], ...] = tuple(
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (_CELL, " "),
        (_ROW, "\n"),
        (" +", " "),
        # A sign before a number, not between two.
        (r"((?:^|[(\[{,;:/\n]) ?|[-+±∓=<>≤≥≠≈×÷·*∈→⇒⟹] )([-+±∓]) (?=\S)", r"\1\2"),
        (r"(?<=[(\[{\n]) +| +(?=[)\]},;\n])", ""),
        (r"(?<!\d),(?=\S)|,(?=[^\d\s])", ", "),
        (rf"(?<=[\w)\]}}′°%])[{_SOFT}]+(?=[^\W{re.escape(text_symbols.SCRIPTS)}_]|[√∛∜\\])", " "),
        (
            rf"(?<=[^\s(\[{{/⌊⌈⟨√+\-±∓{_SOFT}{_EDGE}])[{_SOFT}{_EDGE}]*{_EDGE}(?=[^\s)\]}}/,;:.!?⌋⌉⟩{_SOFT}{_EDGE}])",
            " ",
        ),
        (f"[{_SOFT}{_EDGE}]", ""),
        (_KEPT, " "),
        (r"[ \t]+", " "),
        (r" *\n[\n ]*", "\n"),
    )
)


def _finished(text: str) -> str:
    """The text with spaces as the marks say."""
    for pattern, replacement in _FINISH:
        text = pattern.sub(replacement, text)
    return unicodedata.normalize("NFC", text).strip()
