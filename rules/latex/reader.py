"""One pass over a label's tokens that reads it as LaTeX does in display math. Not a typesetter; no rule decides here.

The pass follows what TeX and amsmath accept, even where that is surprising (a space between `f '` and a further
prime is a double superscript, `x^\\dfrac12` is an error and `x^\\frac12` is not), because `error` claims "LaTeX
rejects it". It returns the problems by token, and on its way writes two things: the label in canonical spelling, and
the edits that `rules.latex.visual_key` needs before it gives the label to math-core.
"""

from __future__ import annotations

from functools import cached_property

from rules.latex.actions import (
    ACTIONS,
    AMPERSAND,
    BACKSLASH,
    BEGIN,
    CLOSE,
    COMMAND,
    DEFINITION,
    DISPLAY_LIMITS,
    DOLLAR,
    END,
    HASH,
    INFIX,
    LAYOUT,
    LEFT,
    LIMITS,
    MIDDLE,
    NOTHING,
    OLD_FORM,
    OPEN,
    OPERATOR,
    ORD,
    PRIME,
    REF,
    RELATION,
    RIGHT,
    ROW,
    RULE,
    SPACE,
    SUB,
    SUP,
    SWITCH,
    UNKNOWN,
)
from rules.latex.commands import COMMANDS
from rules.latex.cursor import (
    ATOM_OPEN,
    HARMLESS,
    MAX_DEPTH,
    SCRIPTS,
    TO_BRACE,
    TO_BRACKET,
    TO_CELL,
    TO_END,
    TO_RIGHT,
    TO_ROWS,
    Problem,
    Reading,
    TooDeep,
    Unreadable,
)
from rules.latex.gaps import NOT_PLAIN, holds_together, is_set_apart, operator_of, reads_ahead
from rules.latex.scripts import ScriptReader
from rules.latex.synonyms import FUNCTIONS, SYNONYMS
from rules.latex.wrapper import unwrap

__all__ = ["HARMLESS", "MAX_DEPTH", "Problem", "Reader", "Reading", "is_readable", "read", "spell"]


class Reader(ScriptReader):
    """Reads one label. Use `read`."""

    def read_list(self, closer: int) -> list[str]:
        """Read atoms up to a closer, which is left unread. Returns canonical tokens; sets `simple`: one plain atom."""
        toks, n, actions = self.toks, self.n, ACTIONS
        self.open.append(closer)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep
        display, text_style, cramped = self.display, self.text_style, self.cramped
        if (display or text_style) and self.has_infix and self.is_infix_list(closer):
            self.display, self.text_style = False, display  # above and below the bar
        above = self.display, self.text_style
        out: list[str] = []
        atoms = 0  # atoms in the list; `plain` stays true while all are ordinary symbols
        plain = True
        base = False  # whether there is something here that a script would attach to
        operator = False  # ... and whether it takes \limits
        sub: list[str] | None = None
        sup: list[str] | None = None
        primes = False  # the superscript so far is primes, after which a `^` may follow directly
        numerator: tuple[str, list[str]] | None = None
        infix: tuple[str, int] | None = None
        infix_at = -1

        while self.i < n:
            i = self.i
            token = toks[i]
            action = actions.get(token)
            if action is None:
                action = ORD if token[0] != "\\" else UNKNOWN

            # Plain symbols first, since most tokens are plain symbols.
            if action <= RELATION:
                if closer == TO_BRACKET and token == "]":
                    break
                if sub is not None or sup is not None:
                    _flush(out, sub, sup)
                    sub = sup = None
                    primes = False
                out.append(SYNONYMS.get(token, token))
                self.i += 1
                atoms += 1
                base, operator = True, False
                if action:
                    plain = False
                    if token in _FOLLOWED:
                        self.fold_followed(token, i)
                continue

            if SUB <= action <= PRIME:
                if not base and not out and atoms == 0 and numerator is None and closer != TO_ROWS:
                    self.problem("leading-script", i)
                if action == SUB:
                    if sub is not None:
                        self.problem("double-subscript", i)
                    self.i += 1
                    sub = self.read_script(i, operator)
                    primes = False
                elif action == PRIME:
                    if sup is not None:
                        self.problem("double-superscript", i)
                    sup, primes = self.read_primes()
                else:
                    if sup is not None and not (primes and self.adjacent(i)):
                        self.problem("double-superscript", i)
                    before = sup if primes and sup is not None else []
                    self.i += 1
                    sup = before + self.read_script(i, operator)
                    primes = False
                if len(token) > 1:  # \\sp and \\sb
                    self.folds.append((i, i + 1, "^" if action == SUP else "_"))
                base = True
                plain = False
                continue

            if action == LIMITS:
                self.i += 1
                if not operator:
                    self.problem("limits-misplaced", i, detail=token)
                elif (sub is None and sup is None and self.places_nothing()) or self.is_usual_place(token, out):
                    self.folds.append((i, i + 1, ""))
                else:
                    out.append(token)
                continue

            # Everything below ends the scripts of the atom before it.
            if action == NOTHING:
                self.folds.append((i, i + 1, ""))  # math-core draws \space, and \relax takes the base from a script
                self.i += 1
                continue
            if action == REF:
                self.read_reference(token)
                continue
            if sub is not None or sup is not None:
                _flush(out, sub, sup)
                sub = sup = None
                primes = False

            if action == OPEN:
                group, is_plain = self.read_braces(out, atoms if base else 0, after_operator=operator)
                out += group
                plain = plain and is_plain
                atoms += 1
                base, operator = True, False
                continue
            if action == CLOSE:
                if closer in (TO_BRACE, TO_ROWS) or TO_BRACE in self.open or TO_ROWS in self.open:
                    break
                self.problem("extra-close-brace", i)
                self.i += 1
                continue
            if action == SPACE:
                if token == "~" and is_set_apart(out, toks, i + 1, spaced=True):
                    self.folds.append((i, i + 1, "\\ {}"))
                out += self.read_space(token)
                plain = base = operator = False
                continue
            if action == OPERATOR:
                out.append(SYNONYMS.get(token, token))
                self.i += 1
                atoms += 1
                plain = False
                base = operator = True
                continue
            if action == COMMAND:
                operator = COMMANDS[token[1:]].kind in ("op", "func") or token in LIMIT_BRACES
                out += self.read_command(token)
                atoms += 1
                plain = plain and token not in NOT_PLAIN
                base = True
                continue
            if action == LEFT:
                out += self.read_left()
                atoms += 1
                plain = False
                base, operator = True, False
                continue
            if action == RIGHT:
                if TO_RIGHT in self.open:
                    break
                self.problem("right-without-left", i, min(i + 2, n))
                self.i += 2
                continue
            if action == MIDDLE:
                if closer != TO_RIGHT:
                    self.problem("middle-outside-left-right", i)
                self.i += 1
                out += [token, self.read_delimiter(i)]
                plain = base = operator = False
                continue
            if action == BEGIN:
                out += self.read_environment()
                atoms += 1
                plain = False
                base, operator = True, False
                continue
            if action == END:
                if TO_CELL in self.open:
                    break
                self.read_stray_end()
                continue
            if action == AMPERSAND:
                if closer == TO_CELL:
                    break
                self.problem("alignment-in-group" if TO_CELL in self.open else "alignment-outside-environment", i)
                self.i += 1
                continue
            if action == ROW:
                if closer == TO_CELL:
                    break
                out += self.read_row_break(closer)
                plain = base = operator = False
                continue
            if action == INFIX:
                if numerator is not None:
                    self.problem("ambiguous-infix", i)
                token = self.read_infix(token)
                numerator = (token, out)
                infix = (token, i)
                infix_at = i
                self.display, self.text_style = above  # a style switch ends at the bar
                self.cramped = True
                out = []
                atoms = 0
                plain = base = operator = False
                continue
            if action == SWITCH:
                if token == "\\displaystyle" and self.display:
                    if not out and numerator is None and closer == TO_END:
                        self.folds.append((i, i + 1, ""))
                        self.i += 1
                        continue
                elif COMMANDS[token[1:]].kind == "style":
                    self.display, self.text_style = token == "\\displaystyle", token == "\\textstyle"
                out.append(token)
                self.i += 1
                plain = False
                if COMMANDS[token[1:]].kind == "style":
                    base = operator = False
                continue
            if action == DEFINITION:
                self.problem("definition", i)
                self.opaque = True
                self.i = n
                break
            if action == OLD_FORM:
                out += self.read_old_form(token)
                atoms += 1
                plain = False
                base, operator = True, False
                continue
            if action in _PASSED_OVER:
                self.problem(_PASSED_OVER[action], i)
                self.i += 1
                continue
            if action == LAYOUT:
                self.problem("layout-token", i, detail=token)
                self.i += 1
                continue
            # Unknown commands count as one atom, so that what follows is still judged.
            self.problem("unknown-command", i, detail=token[1:])
            out.append(token)
            self.i += 1
            atoms += 1
            plain = False
            base, operator = True, True

        _flush(out, sub, sup)
        if numerator is not None:
            whole = _as_fraction(*numerator, out)
            atoms, plain = 1, whole is not None
            if whole is None:
                command, first = numerator
                whole = [*first, command, *out]
                infix = None
            if closer == TO_END and len(self.open) == 1:
                self.holds_end = ACTIONS.get(toks[n - 1]) == SPACE  # it is below the bar
            out = whole
        self.infix_at = infix_at
        self.infix = infix
        self.simple = atoms == 1 and plain
        self.display, self.text_style, self.cramped = display, text_style, cramped
        self.depth -= 1
        self.open.pop()
        return out

    def read_braces(self, before: list[str], atoms: int, *, after_operator: bool) -> tuple[list[str], bool]:
        """Read a group in a list, with so many atoms before it that it may follow directly.

        Returns its canonical tokens, and whether it may count as one plain atom of the list.
        """
        start = self.i
        self.i += 1
        inner = self.read_group(start)
        if not inner and atoms and not self.has_effect(before, atoms):
            self.folds.append((start, self.i, ""))
            return [], True
        scripts = self.script_follows()
        ahead = reads_ahead(before, inner)
        if self.simple and not (scripts and len(inner) > 1) and not ahead:
            # Braces around one symbol draw nothing, but math-core spaces it differently after an operator.
            if self.infix is None:
                self.folds += ((start, start + 1, " "), (self.i - 1, self.i, " "))
            else:
                token, at = self.infix
                self.folds += ((start, start + 1, f"{_AS_FRACTION[token]}{{"), (at, at + 1, "}{"))
            return inner, True
        if not inner and self.i > start + 2:
            self.folds.append((start, self.i, "{}"))  # of `{\\relax}`
        elif (
            ahead
            or holds_together(inner, after_operator=after_operator, scripts=scripts)
            or (inner and not without_trailing_space(inner) and is_set_apart(before, self.toks, self.i))
        ):
            self.folds.append((start, start + 1, "{\\groupmark "))
        return [ATOM_OPEN, *inner, "}"], False

    def read_infix(self, token: str) -> str:
        """Read an infix command. Returns it with its arguments: the length of `\\above`, the delimiters of others."""
        self.i += 1
        if COMMANDS[token[1:]].args:
            start = self.i
            self.read_arguments(token, COMMANDS[token[1:]].args)
            token = f"{token}{self.source(start, self.i)}"
        return token

    @cached_property
    def has_infix(self) -> bool:
        """Whether there is an infix command in the label."""
        return not _INFIX_COMMANDS.isdisjoint(self.toks)

    def is_infix_list(self, closer: int) -> bool:
        r"""Whether the list that begins here is a fraction with an infix command: `a \over b`."""
        depth, in_buildrel = 0, False  # `\buildrel` has an `\over` of its own
        for place in range(self.i, self.n):
            token = self.toks[place]
            action = ACTIONS.get(token)
            if action in (CLOSE, END, RIGHT):
                depth -= 1
                if depth < 0 and closer != TO_END:
                    return False
            elif action in (OPEN, BEGIN, LEFT):
                depth += 1
            elif depth == 0:
                if action in (AMPERSAND, ROW) and closer == TO_CELL:
                    return False
                if token == "\\buildrel":
                    in_buildrel = True
                elif in_buildrel:
                    in_buildrel = token != "\\over"
                elif action == INFIX:
                    return True
        return False

    def has_effect(self, before: list[str], atoms: int) -> bool:
        """Whether the empty group just read, with so many atoms before it, changes what is drawn.

        It does if it carries scripts, sets atoms apart, or makes two atoms of a letter under an accent or in a font.
        """
        alone = atoms == 1 and self.i < self.n and self.toks[self.i] == "}"
        return alone or self.script_follows() or is_set_apart(before, self.toks, self.i)

    def places_nothing(self) -> bool:
        r"""Whether no script follows the `\limits` or `\nolimits` just read."""
        at = self.i
        while at < self.n and ACTIONS.get(self.toks[at]) == NOTHING:
            at += 1
        return at == self.n or self.toks[at] not in SCRIPTS

    def is_usual_place(self, token: str, before: list[str]) -> bool:
        r"""Whether the scripts of the operator before are where `\limits` or `\nolimits` at this token puts them."""
        operator = operator_of(before)
        if token == "\\limits" and operator != "\\operatorname":
            return self.display and (operator in DISPLAY_LIMITS or operator == "\\operatorname*")
        return operator in _BESIDE

    def fold_followed(self, token: str, i: int) -> None:
        """`\\dots` has a thin space before a closing bracket; math-core makes one sign of `\\not` and a relation."""
        following = self.toks[i + 1] if i + 1 < self.n else ""
        if token == "\\not":
            if following not in NEGATED_ALIKE:
                self.folds.append((i, i + 1, "\\notmark "))
        elif following in DOTS_SPACED:
            self.folds.append((i, i + 1, "\\ldots\\,"))
        elif following in DOTS_LOW:
            self.folds.append((i, i + 1, "\\ldots "))

    def read_left(self) -> list[str]:
        start = self.i
        self.i += 1
        opening = self.read_delimiter(start)
        body = self.read_list(TO_RIGHT)
        if self.i < self.n and self.toks[self.i] == "\\right":
            self.i += 1
            closing = self.read_delimiter(self.i - 1)
        else:
            self.problem("left-without-right", start, min(start + 2, self.n))
            closing = "."
        return ["\\left", opening, *body, "\\right", closing]


#: Commands with arguments that take \\limits.
LIMIT_BRACES = frozenset({"\\overbrace", "\\underbrace"})
#: Operators whose scripts are beside them unless \\limits says otherwise.
_BESIDE = {f"\\{name}" for name in (*FUNCTIONS, "int", "iint", "iiint", "oint", "operatorname")} - DISPLAY_LIMITS
#: Kinds of commands whose atoms have space around them that braces would remove.
SPACED_KINDS = frozenset({"bin", "rel", "op", "func", "open", "close", "punct", "inner"})

#: Tokens that are a problem wherever the loop meets them, and are left out.
_PASSED_OVER = {
    DOLLAR: "inner-dollar",
    RULE: "misplaced-rule",
    HASH: "parameter-character",
    BACKSLASH: "lone-backslash",
}
#: Symbols that depend on what follows.
_FOLLOWED = frozenset({"\\dots", "\\not"})
#: Tokens before which amsmath's `\\dots` has a thin space: the list of `\\rightdelim@`, and the ends of a cell.
DOTS_SPACED = frozenset(
    [
        *(")", "]", "\\rbrack", "\\}", "\\rbrace", "\\rangle", "\\rceil", "\\rfloor", "\\rgroup", "\\rmoustache"),
        *("\\right", "\\bigr", "\\biggr", "\\Bigr", "\\Biggr", "&"),
    ]
)

#: Operators and relations before which amsmath's `\\dots` is `\\ldots`: they are made or declared so that amsmath can't
#: tell their kind.
DOTS_LOW = frozenset(
    f"\\{name}"
    for name in (
        *("ne", "neq", "notin", "cong", "models", "bowtie", "joinrel", "relbar", "Relbar", "bmod"),
        *("uparrow", "downarrow", "updownarrow", "Uparrow", "Downarrow", "Updownarrow"),
        *("lim", "limsup", "liminf", "injlim", "projlim", "varlimsup", "varliminf", "varinjlim", "varprojlim"),
        *("max", "min", "sup", "inf", "det", "gcd", "Pr", "intop", "ointop", "smallint"),
    )
)

#: Relations that `\\not` strikes through as their own sign does: `\\neq` is made so, `\\notin` nearly
#: (docs/visual-key.md).
NEGATED_ALIKE = frozenset({"=", "\\in"})

#: Characters at which LaTeX stops ("invalid character"; FF ends a paragraph). TAB, LF and CR are white space.
CONTROL = frozenset(chr(code) for code in (*range(9), 11, 12, *range(14, 32), 127))
#: Commands that KaTeX, MathJax or a package knows, but LaTeX with amsmath and amssymb doesn't.
FOREIGN = frozenset(f"\\{command.name}" for command in COMMANDS.values() if not command.latex)

#: Canonical tokens of line breaks and of the spaces that take a length.
_AT_END = ("\\\\", "\\hspace", "\\vspace", "\\hskip", "\\kern", "\\mkern", "\\mskip", "\\mspace")


def _flush(out: list[str], sub: list[str] | None, sup: list[str] | None) -> None:
    """Write the scripts of an atom: subscript first, both braced."""
    if sub is not None:
        out += ["_", "{", *sub, "}"]
    if sup is not None:
        out += ["^", "{", *sup, "}"]


_INFIX_COMMANDS = frozenset(token for token, action in ACTIONS.items() if action == INFIX)
_AS_FRACTION = {"\\over": "\\frac", "\\choose": "\\binom"}


def _as_fraction(command: str, above: list[str], below: list[str]) -> list[str] | None:
    """`a \\over b` as `\\frac{a}{b}`; None for rarer commands, and if a font switch above still acts below the bar."""
    written = _AS_FRACTION.get(command)
    if written is None or any(ACTIONS.get(token) == SWITCH for token in above):
        return None
    return [written, "{", *above, "}", "{", *below, "}"]


def without_trailing_space(canonical: list[str]) -> int:
    """Where the space and line breaks at the end of canonical tokens begin, which draw nothing."""
    end = len(canonical)
    while end and (ACTIONS.get(canonical[end - 1]) == SPACE or canonical[end - 1].startswith(_AT_END)):
        end -= 1
    return end


def spell(canonical: list[str]) -> str:
    """Canonical tokens as one string, separated by single spaces."""
    spelled = " ".join(canonical).replace("\0", "")
    return spelled.replace("\\  ", "\\ ") if "\\ " in canonical else spelled  # a control space already is a space


def read(label: str, toks: list[str]) -> Reading:
    """Read one label.

    `toks` are `rules.latex.lexer.tokens(label)`. A display math wrapper around the whole label (`$$…$$`, `\\[…\\]`,
    `equation`) is removed first; `align` and the like are read as the outermost environment.
    """
    return _reading(Reader(label, toks))


def is_readable(label: str, toks: list[str]) -> bool:
    """Whether the label can be read: the same as `read` says, which this does up to the first problem."""
    reader = Reader(label, toks)
    reader.hasty = True
    try:
        return not _reading(reader).fatal
    except Unreadable:
        return False


def _reading(reader: Reader) -> Reading:
    label, toks = reader.label, reader.toks
    wrapper = unwrap(toks)
    if wrapper is not None:
        reader.i, reader.n = wrapper.start, wrapper.end
    try:
        out: list[str] | None = reader.read_list(TO_END)
        while out is not None and reader.i < reader.n:  # a closer without an opener; already reported
            reader.i += 1
            out += reader.read_list(TO_END)
    except TooDeep:
        reader.problem("too-deep", min(reader.i, reader.n - 1))
        out = None
    if "^^" in label:
        for index, token in enumerate(toks):
            if token[:2] == "^^":
                reader.problem("caret-notation", index, detail=token)
    if not CONTROL.isdisjoint(toks):
        for index, token in enumerate(toks):
            if token in CONTROL:
                reader.problem("control-character", index)
    if not FOREIGN.isdisjoint(toks):
        for index, token in enumerate(toks):
            if token in FOREIGN:
                reader.problem("undefined-in-latex", index, detail=token[1:])
    if out is not None:
        del out[without_trailing_space(out) :]
    canonical = None if reader.fatal or reader.opaque else out
    spans: list[tuple[int, int]] | None = reader.__dict__.get("spans")  # made when first needed
    return Reading(reader.problems, canonical, reader.folds, wrapper, reader.fatal, reader.holds_end, spans)
