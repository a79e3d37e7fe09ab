"""One pass over a label's tokens that reads it as LaTeX does in display math. Not a typesetter, and no rule decides here.

The pass follows what TeX and amsmath accept, down to cases where they surprise (a space between `f '` and a further
prime is a double superscript, `x^\\dfrac12` is an error and `x^\\frac12` is not), because `error` claims "LaTeX
rejects it". It gives the problems it met, by token, and while it goes it writes two things: the label in canonical
spelling, and the edits that `rules.key` needs before it hands the label to math-core.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property

from rules import columns, lengths, lexer
from rules.commands import COMMANDS, DELIMITERS, ENVIRONMENTS
from rules.outer import Wrapper, unwrap
from rules.spelling import SYNONYMS
from rules.tokenclass import (
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
    bare_script_allowed,
)

#: Deeper nesting than this is not read: no formula needs it, and Python's stack has an end. TeX itself stops at 255.
MAX_DEPTH = 120

#: Problems after which the label can still be spelled canonically and drawn.
HARMLESS = frozenset({"leading-script", "definition", "lone-backslash", "undefined-in-latex", "old-form"})


@dataclass(frozen=True, slots=True)
class Problem:
    """Something LaTeX rejects, or a rule wants to know of, from token `start` to token `end` (exclusive)."""

    kind: str
    start: int
    end: int
    detail: str = ""


@dataclass(slots=True)
class Reading:
    """What one pass found: problems, canonical tokens (None where the label can't be read), edits for the key."""

    problems: list[Problem] = field(default_factory=list)
    canonical: list[str] | None = None
    #: (first token, last token exclusive, replacement): see `rules.key`.
    folds: list[tuple[int, int, str]] = field(default_factory=list)
    wrapper: Wrapper | None = None
    #: LaTeX rejects the label in a way that leaves no canonical form and no key.
    fatal: bool = False


class TooDeep(Exception):
    """The label nests deeper than MAX_DEPTH."""


# What a list of atoms is read up to. A list also stops at a closer that belongs to a list further out; its opener then
# finds the wrong token there and reports itself unclosed.
_END, _BRACE, _BRACKET, _RIGHT, _CELL, _ROWS, _DOLLAR = range(7)

_NUMBER = re.compile(r"\d+")


class Reader:
    """Reads one label. Use `read`."""

    def __init__(self, label: str, toks: list[str]) -> None:
        self.label = label
        self.toks = toks
        self.n = len(toks)
        self.i = 0
        self.depth = 0
        self.display = True
        self.open: list[int] = []
        self.problems: list[Problem] = []
        self.folds: list[tuple[int, int, str]] = []
        self.fatal = False
        self.simple = False
        self.infix: tuple[str, int] | None = None
        self.labels = 0
        self.tags = 0
        self.opaque = False

    @cached_property
    def spans(self) -> list[tuple[int, int]]:
        return lexer.spans(self.label)

    def problem(self, kind: str, start: int, end: int | None = None, detail: str = "") -> None:
        self.problems.append(Problem(kind, start, start + 1 if end is None else end, detail))
        if kind not in HARMLESS:
            self.fatal = True

    def source(self, start: int, end: int) -> str:
        """The label's own text from token `start` to token `end` (exclusive)."""
        if start >= end:
            return ""
        return self.label[self.spans[start][0] : self.spans[end - 1][1]]

    def between(self, opening: int, closing: int) -> str:
        """The label's own text between two tokens, white space at both ends included."""
        return self.label[self.spans[opening][1] : self.spans[closing][0]]

    # Lists of atoms ---------------------------------------------------------------------------------------------------

    def read_list(self, closer: int) -> list[str]:
        """Read atoms up to a closer, which is left unread. Returns canonical tokens; sets `simple`: one plain atom."""
        toks, n, actions = self.toks, self.n, ACTIONS
        self.open.append(closer)
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise TooDeep
        display = self.display
        first = self.i
        out: list[str] = []
        atoms = 0  # atoms in the list; `plain` stays true while every one is an ordinary symbol
        plain = True
        base = False  # is there something here that a script would attach to?
        operator = False  # ... and does it take \limits?
        sub: list[str] | None = None
        sup: list[str] | None = None
        primes = False  # the superscript so far is primes, which may still take a `^` that follows at once
        numerator: tuple[str, list[str]] | None = None
        infix: tuple[str, int] | None = None

        while self.i < n:
            i = self.i
            token = toks[i]
            action = actions.get(token)
            if action is None:
                action = ORD if token[0] != "\\" else UNKNOWN

            # The plain symbols first: most tokens are one.
            if action <= RELATION:
                if closer == _BRACKET and token == "]":
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
                continue

            if action == SUB or action == SUP or action == PRIME:
                if not base and not out and atoms == 0 and numerator is None and closer != _ROWS:
                    self.problem("leading-script", i)
                if action == SUB:
                    if sub is not None:
                        self.problem("double-subscript", i)
                    self.i += 1
                    sub = self.read_script(i)
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
                    sup = before + self.read_script(i)
                    primes = False
                if len(token) > 1:  # \\sp and \\sb
                    self.folds.append((i, i + 1, "^" if action == SUP else "_"))
                base = True
                plain = False
                continue

            if action == LIMITS:
                if not operator:
                    self.problem("limits-misplaced", i, detail=token)
                elif self.display and token == "\\limits" and toks[i - 1] in DISPLAY_LIMITS:
                    self.folds.append((i, i + 1, ""))
                else:
                    self.flush_limits(out, token)
                self.i += 1
                continue

            # Everything below ends the scripts of the atom before it.
            if action == NOTHING:
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
                self.i += 1
                inner = self.read_group(i)
                if not inner and base and atoms and not self.script_follows():
                    self.folds.append((i, self.i, ""))
                elif self.simple and not (self.script_follows() and len(inner) > 1):
                    # Braces around one symbol draw nothing, but math-core spaces it differently after an operator.
                    if self.infix is None:
                        self.folds += ((i, i + 1, " "), (self.i - 1, self.i, " "))
                    else:
                        token, at = self.infix
                        self.folds += ((i, i + 1, f"{_AS_FRACTION[token]}{{"), (at, at + 1, "}{"))
                    out += inner
                else:
                    out += ["{", *inner, "}"]
                    plain = False
                atoms += 1
                base, operator = True, False
                continue
            if action == CLOSE:
                if closer in (_BRACE, _ROWS) or _BRACE in self.open or _ROWS in self.open:
                    break
                self.problem("extra-close-brace", i)
                self.i += 1
                continue
            if action == SPACE:
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
                operator = COMMANDS[token[1:]].kind in ("op", "func") or token in ("\\overbrace", "\\underbrace")
                out += self.read_command(token)
                atoms += 1
                plain = plain and COMMANDS[token[1:]].kind not in ("bin", "rel", "op", "func")
                base = True
                continue
            if action == LEFT:
                out += self.read_left()
                atoms += 1
                plain = False
                base, operator = True, False
                continue
            if action == RIGHT:
                if _RIGHT in self.open:
                    break
                self.problem("right-without-left", i, min(i + 2, n))
                self.i += 2
                continue
            if action == MIDDLE:
                if closer != _RIGHT:
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
                if _CELL in self.open:
                    break
                self.read_stray_end()
                continue
            if action == AMPERSAND:
                if closer == _CELL:
                    break
                self.problem("alignment-in-group" if _CELL in self.open else "alignment-outside-environment", i)
                self.i += 1
                continue
            if action == ROW:
                if closer == _CELL:
                    break
                out += self.read_row_break(closer)
                plain = base = operator = False
                continue
            if action == INFIX:
                if numerator is not None:
                    self.problem("ambiguous-infix", i)
                self.i += 1
                if COMMANDS[token[1:]].args:
                    start = self.i
                    self.read_arguments(token, COMMANDS[token[1:]].args)
                    token = f"{token}{self.source(start, self.i)}"
                numerator = (token, out)
                infix = (token, i)
                out = []
                atoms = 0
                plain = base = operator = False
                continue
            if action == SWITCH:
                if token == "\\displaystyle" and self.display:
                    if i == first and closer == _END:
                        self.folds.append((i, i + 1, ""))
                        self.i += 1
                        continue
                elif COMMANDS[token[1:]].kind == "style":
                    self.display = token == "\\displaystyle"
                out.append(token)
                self.i += 1
                plain = False
                if COMMANDS[token[1:]].kind == "style":
                    base = operator = False
                continue
            if action == DOLLAR:
                if closer == _DOLLAR:
                    break
                self.problem("inner-dollar", i)
                self.i += 1
                continue
            if action == RULE:
                self.problem("misplaced-rule", i)
                self.i += 1
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
            if action == HASH:
                self.problem("parameter-character", i)
                self.i += 1
                continue
            if action == BACKSLASH:
                self.problem("lone-backslash", i)
                self.i += 1
                continue
            if action == LAYOUT:
                self.problem("layout-token", i, detail=token)
                self.i += 1
                continue
            # Unknown commands stand for one atom, so that what follows is still judged.
            self.problem("unknown-command", i, detail=token[1:])
            out.append(token)
            self.i += 1
            atoms += 1
            plain = False
            base, operator = True, True

        _flush(out, sub, sup)
        if numerator is not None:
            out = _infix(*numerator, out)
            atoms, plain = 1, out[0] in ("\\frac", "\\binom")
            if out[0] not in ("\\frac", "\\binom"):
                infix = None
        self.infix = infix
        self.simple = atoms == 1 and plain
        self.display = display
        self.depth -= 1
        self.open.pop()
        return out

    def adjacent(self, i: int) -> bool:
        """Does token `i` follow the token before it without a space? Primes look ahead, and a space stops them."""
        return self.spans[i - 1][1] == self.spans[i][0]

    def script_follows(self) -> bool:
        return self.i < self.n and self.toks[self.i] in ("_", "^", "'", "\\sb", "\\sp")

    def flush_limits(self, out: list[str], token: str) -> None:
        out.append(token)

    # Scripts and groups -----------------------------------------------------------------------------------------------

    def read_script(self, operator: int) -> list[str]:
        """The argument of `_` or `^`, as canonical tokens without braces."""
        display, self.display = self.display, False
        try:
            if self.i < self.n:
                token = self.toks[self.i]
                if token == "{":
                    self.i += 1
                    return self.read_group(self.i - 1)
                action = ACTIONS.get(token, ORD if token[0] != "\\" else UNKNOWN)
                if action in (ORD, RELATION, UNKNOWN) and bare_script_allowed(token):
                    return self.read_single(token, action)
                if bare_script_allowed(token) and action in (COMMAND, OPERATOR):
                    self.i += 1 if action == OPERATOR else 0
                    return [token] if action == OPERATOR else self.read_command(token)
                if action in (COMMAND, OPERATOR, ORD, RELATION, LEFT, BEGIN):
                    self.problem("unbraced-script", operator, self.i + 1, token)
                    return self.read_one(token, action)
            self.problem("dangling-script", operator)
            return []
        finally:
            self.display = display

    def read_single(self, token: str, action: int) -> list[str]:
        if action == UNKNOWN:
            self.problem("unknown-command", self.i, detail=token[1:])
        self.i += 1
        return [SYNONYMS.get(token, token)]

    def read_one(self, token: str, action: int) -> list[str]:
        """Whatever atom stands here, for recovery after it was reported."""
        if action == COMMAND:
            return self.read_command(token)
        if action == LEFT:
            return self.read_left()
        if action == BEGIN:
            return self.read_environment()
        self.i += 1
        return [token]

    def read_primes(self) -> tuple[list[str], bool]:
        """A run of primes without spaces, as TeX gathers it; a second value of True: a `^` may follow at once."""
        start = self.i
        self.i += 1
        while self.i < self.n and self.toks[self.i] == "'" and self.adjacent(self.i):
            self.i += 1
        run = self.i - start
        if run > 1 or (self.i < self.n and self.toks[self.i] == "^" and self.adjacent(self.i)):
            self.fold_primes(start, run)
        return ["\\prime"] * run, True

    def fold_primes(self, start: int, run: int) -> None:
        """`f''` as `f^{\\prime\\prime}`, and `f''^2` as `f^{\\prime\\prime 2}`: math-core has one glyph for the first."""
        primes = "\\prime " * run
        end = start + run
        if end < self.n and self.toks[end] == "^" and self.adjacent(end):
            if end + 1 < self.n and self.toks[end + 1] == "{":
                self.folds.append((start, end + 2, f"^{{{primes}"))
            elif end + 1 < self.n and len(self.toks[end + 1]) == 1:
                self.folds.append((start, end + 2, f"^{{{primes}{self.toks[end + 1]}}}"))
        else:
            self.folds.append((start, end, f"^{{{primes}}}"))

    def read_group(self, opening: int, closer: int = _BRACE) -> list[str]:
        """The content of the group whose `{`, token `opening`, was just read; the `}` is read too."""
        inner = self.read_list(closer)
        if self.i < self.n and self.toks[self.i] == "}":
            self.i += 1
        else:
            self.problem("unclosed-brace", opening)
        return inner

    def skip_group(self) -> tuple[int, int]:
        """Pass over a group without reading it. Returns the tokens of its braces; the second is n where it is open."""
        opening = self.i
        depth = 0
        while self.i < self.n:
            depth += (self.toks[self.i] == "{") - (self.toks[self.i] == "}")
            self.i += 1
            if depth == 0:
                return opening, self.i - 1
        self.problem("unclosed-brace", opening)
        return opening, self.n

    # Commands ---------------------------------------------------------------------------------------------------------

    def read_command(self, token: str) -> list[str]:
        """A command and its arguments, canonical."""
        command = COMMANDS[token[1:]]
        start = self.i
        self.i += 1
        if command.mode == "text":
            self.problem("text-in-math", start, detail=token)
        self.fold_command(token, start)
        if command.name == "buildrel":
            return self.read_buildrel(start)
        if command.name == "root":
            return self.read_root(start)
        self.depth += 1  # `\\frac \\frac \\frac …` nests without a brace
        if self.depth > MAX_DEPTH:
            raise TooDeep
        arguments = self.read_arguments(token, command.args)
        self.depth -= 1
        if arguments[:1] == ["*"]:
            return [f"{token}*", *arguments[1:]]
        return [SYNONYMS.get(token, token), *arguments]

    def fold_command(self, token: str, start: int) -> None:
        """Spellings that math-core tells apart, or doesn't know, though they draw the same here."""
        if (token == "\\dfrac" and self.display) or (token == "\\tfrac" and not self.display):
            self.folds.append((start, start + 1, "\\frac"))
        elif token in ("\\mbox", "\\textnormal", "\\textrm", "\\makebox") or (
            token == "\\hbox" and start + 1 < self.n and self.toks[start + 1] == "{"
        ):
            self.folds.append((start, start + 1, "\\text"))

    def read_arguments(self, token: str, signature: str) -> list[str]:
        """The arguments that a signature of `rules.commands` asks for, as canonical tokens."""
        out: list[str] = []
        start = self.i - 1
        display = self.display
        if token not in ("\\mathrm", "\\mathbf", "\\mathop", "\\underbrace", "\\overbrace", "\\boxed", "\\bm"):
            self.display = token in ("\\dfrac", "\\cfrac")
        for letter in signature:
            if letter == "m":
                out += ["{", *self.read_argument(token, start), "}"]
            elif letter == "t":
                out += self.read_text(token, start)
            elif letter == "o":
                if self.i < self.n and self.toks[self.i] == "[":
                    out += self.read_optional()
            elif letter == "O":
                if self.i < self.n and self.toks[self.i] == "[":
                    out.append(self.read_raw_optional())
            elif letter == "s":
                if self.i < self.n and self.toks[self.i] == "*":
                    self.i += 1
                    out.append("*")
            elif letter == "d":
                out.append(self.read_delimiter(start))
            elif letter == "r":
                out.append(self.read_raw(token, start))
            elif letter == "D":
                out.append(self.read_braced_length(token, start))
            elif letter == "l":
                out.append(self.read_length(token, start))
        self.display = display
        return out

    def read_argument(self, token: str, start: int) -> list[str]:
        """One mandatory argument in math: a group, or one token that can stand alone."""
        if self.i < self.n:
            first = self.toks[self.i]
            if first == "{":
                self.i += 1
                return self.read_group(self.i - 1, _ROWS if token in _ROW_ARGUMENTS else _BRACE)
            action = ACTIONS.get(first, ORD if first[0] != "\\" else UNKNOWN)
            if action in (ORD, RELATION, UNKNOWN, OPERATOR, SPACE) and first != "}":
                if action != SPACE or not COMMANDS.get(first[1:]) or not COMMANDS[first[1:]].args:
                    return self.read_single(first, action)
            if action == SWITCH:
                self.i += 1
                return [first]
            if action == PRIME:
                self.i += 1
                return ["\\prime"]
            if action == COMMAND:
                if not _argument_may_be(token, first):
                    self.problem("unbraced-argument", start, self.i + 1, first)
                return self.read_command(first)
        self.problem("missing-argument", start, max(start + 1, min(self.i, self.n)), token)
        return []

    def read_text(self, token: str, start: int) -> list[str]:
        """An argument in text mode, kept as it is written: white space counts there."""
        if token in ("\\hbox", "\\vbox") and self.i < self.n and self.toks[self.i] != "{":
            self.skip_box_size()
            if self.i >= self.n or self.toks[self.i] != "{":
                self.problem("missing-argument", start, self.i, token)
                return []
        if self.i >= self.n or (ACTIONS.get(self.toks[self.i]) in _CLOSERS):
            self.problem("missing-argument", start, min(self.i, self.n), token)
            return []
        if self.toks[self.i] != "{":
            self.i += 1
            return ["{", self.toks[self.i - 1], "}"]
        opening, closing = self.skip_group()
        if closing >= self.n:
            return []
        self.check_text(opening + 1, closing)
        text = " ".join(self.between(opening, closing).split())
        raw = self.between(opening, closing)
        lead = " " if raw[:1] in _BLANK and text else ""
        trail = " " if raw[-1:] in _BLANK and text else ""
        return [f"{{{lead}{text}{trail}}}"]

    def check_text(self, start: int, end: int) -> None:
        """Find what can't stand in text mode between two tokens; `$…$` inside is read as math."""
        i = start
        while i < end:
            token = self.toks[i]
            if token in ("$", "\\("):
                i = self.check_math_in_text(i, end)
                continue
            if token in ("^", "_"):
                self.problem("script-in-text", i)
            elif token == "&":
                self.problem("alignment-in-group", i)
            elif token == "#":
                self.problem("parameter-character", i)
            elif token[0] == "\\" and len(token) > 1:
                command = COMMANDS.get(token[1:])
                if command is None:
                    self.problem("unknown-command", i, detail=token[1:])
                elif command.mode == "math":
                    if command.name in ("left", "right", "begin", "end") or command.kind != "other":
                        self.problem("math-in-text", i, detail=token)
                elif token == "\\ensuremath":
                    return  # its argument is math again; rare, and left unread
                elif token == "\\begin":
                    return
            i += 1

    def check_math_in_text(self, dollar: int, end: int) -> int:
        """Read `$…$` inside text. Returns the token after the closing dollar."""
        mark = "$" if self.toks[dollar] == "$" else "\\)"
        closing = next((j for j in range(dollar + 1, end) if self.toks[j] == mark), None)
        if closing is None:
            self.problem("inner-dollar", dollar)
            return end
        saved = self.i, self.n, self.display, self.open
        self.i, self.n, self.display, self.open = dollar + 1, closing, False, []
        self.read_list(_DOLLAR)
        self.i, self.n, self.display, self.open = saved
        return closing + 1

    def skip_box_size(self) -> None:
        """`to 3pt` and `spread 3pt` after \\hbox."""
        while self.i < self.n and self.toks[self.i] != "{" and self.toks[self.i][0] != "\\":
            self.i += 1

    def read_optional(self) -> list[str]:
        opening = self.i
        self.i += 1
        inner = self.read_list(_BRACKET)
        if self.i < self.n and self.toks[self.i] == "]":
            self.i += 1
        else:
            self.problem("unclosed-optional", opening)
        return ["[", *inner, "]"]

    def read_raw_optional(self) -> str:
        opening = self.i
        depth = 0
        while self.i < self.n:
            token = self.toks[self.i]
            depth += (token == "{") - (token == "}")
            if token == "]" and depth == 0:
                self.i += 1
                return f"[{''.join(self.toks[opening + 1 : self.i - 1])}]"
            if depth < 0:
                break
            self.i += 1
        self.problem("unclosed-optional", opening)
        return ""

    def read_raw(self, token: str, start: int) -> str:
        """An argument that is not typeset: a key, a colour, a column specification."""
        if self.i < self.n and self.toks[self.i] == "{":
            opening, closing = self.skip_group()
            return f"{{{self.between(opening, closing).strip()}}}" if closing < self.n else ""
        if self.i < self.n and ACTIONS.get(self.toks[self.i]) not in _CLOSERS and token != "\\label":
            self.i += 1
            return f"{{{self.toks[self.i - 1]}}}"
        self.problem("missing-argument", start, max(start + 1, min(self.i, self.n)), token)
        return ""

    def read_braced_length(self, token: str, start: int) -> str:
        if self.i < self.n and self.toks[self.i] == "{":
            opening, closing = self.skip_group()
            if closing >= self.n:
                return ""
            text = self.between(opening, closing)
            if lengths.match(text) is None:
                self.problem("illegal-length", opening, closing + 1, text.strip())
            return f"{{{''.join(text.split())}}}"
        self.problem("missing-argument", start, max(start + 1, min(self.i, self.n)), token)
        return ""

    def read_length(self, token: str, start: int) -> str:
        """An unbraced length, as `\\kern` takes it."""
        if self.i >= self.n:
            self.problem("illegal-length", start, self.i)
            return ""
        if self.toks[self.i] == "=":
            self.i += 1
        if self.i >= self.n:
            self.problem("illegal-length", start, self.i)
            return ""
        begin = self.spans[self.i][0]
        end = lengths.match(self.label, begin)
        if end is None:
            self.problem("illegal-length", start, min(self.i + 1, self.n))
            self.skip_shattered_length()
            return ""
        while self.i < self.n and self.spans[self.i][0] < end:
            self.i += 1
        return "".join(self.label[begin:end].split())

    def skip_shattered_length(self) -> None:
        while self.i < self.n and (self.toks[self.i].isdecimal() or self.toks[self.i] in "+-.,"):
            self.i += 1
        unit = "".join(self.toks[self.i : self.i + 2])
        if unit in lengths.UNITS:
            self.i += 2

    def read_delimiter(self, start: int) -> str:
        """The delimiter after \\left, \\right, \\middle or \\big."""
        if self.i < self.n:
            token = self.toks[self.i]
            if token in DELIMITERS:
                self.i += 1
                return SYNONYMS.get(token, token)
        self.problem("missing-delimiter", start, min(self.i + 1, self.n), self.toks[start])
        return "."

    def read_left(self) -> list[str]:
        start = self.i
        self.i += 1
        opening = self.read_delimiter(start)
        body = self.read_list(_RIGHT)
        if self.i < self.n and self.toks[self.i] == "\\right":
            self.i += 1
            closing = self.read_delimiter(self.i - 1)
        else:
            self.problem("left-without-right", start, min(start + 2, self.n))
            closing = "."
        return ["\\left", opening, *body, "\\right", closing]

    def read_space(self, token: str) -> list[str]:
        command = COMMANDS.get(token[1:])
        self.i += 1
        if command is None or not command.args:
            return [token]
        return ["".join([token, *self.read_arguments(token, command.args)])]

    def read_reference(self, token: str) -> None:
        """`\\label`, `\\tag`, `\\nonumber`: amsmath allows one label and one tag, and the label's key needs braces."""
        start = self.i
        self.i += 1
        if token == "\\label":
            self.labels += 1
            if self.labels > 1:
                self.problem("multiple-labels", start)
        elif token == "\\tag":
            self.tags += 1
            if self.tags > 1:
                self.problem("multiple-labels", start)
        self.read_arguments(token, COMMANDS[token[1:]].args)
        if token != "\\tag":
            self.folds.append((start, self.i, " "))

    def read_buildrel(self, start: int) -> list[str]:
        """`\\buildrel a \\over b`."""
        over = self.toks.index("\\over", self.i) if "\\over" in self.toks[self.i :] else None
        if over is None or (
            any(t in ("}", "{") for t in self.toks[self.i : over]) and not _balanced(self.toks[self.i : over])
        ):
            self.problem("missing-argument", start, start + 1, "\\buildrel")
            return []
        n, self.n = self.n, over
        above = self.read_list(_END)
        self.n = n
        self.i = over + 1
        below = self.read_argument("\\buildrel", start)
        end = self.i
        self.folds.append((start, end, f"\\overset{{{self.source(start + 1, over)}}}{{{self.source(over + 1, end)}}}"))
        return ["\\overset", "{", *above, "}", "{", *below, "}"]

    def read_root(self, start: int) -> list[str]:
        """`\\root 3 \\of x`, which is `\\sqrt[3]{x}`."""
        of = self.toks.index("\\of", self.i) if "\\of" in self.toks[self.i :] else None
        if of is None:
            self.problem("missing-argument", start, start + 1, "\\root")
            return []
        n, self.n = self.n, of
        index = self.read_list(_END)
        self.n = n
        self.i = of + 1
        body = self.read_argument("\\sqrt", start)
        self.folds.append((start, self.i, f"\\sqrt[{self.source(start + 1, of)}]{{{self.source(of + 1, self.i)}}}"))
        return ["\\sqrt", "[", *index, "]", "{", *body, "}"]

    # Rows and environments --------------------------------------------------------------------------------------------

    def read_row_break(self, closer: int) -> list[str]:
        """A row break outside cells: a new line at the top level, an error in a group inside an environment."""
        start = self.i
        token = self.toks[start]
        self.i += 1
        if token == "\\cr":
            if closer != _ROWS:
                self.problem("misplaced-cr", start)
            return ["\\\\"]
        if _CELL in self.open and closer != _ROWS:
            self.problem("row-break-in-group", start)
        self.read_row_options(spaces=False)
        if closer != _ROWS:
            self.folds.append((start, self.i, "\\newlinemark "))
        return ["\\\\"]

    def read_row_options(self, *, spaces: bool) -> None:
        """`*` and `[2pt]` after `\\\\`. amsmath takes `[` only where no space stands before it, array takes it always."""
        if self.i < self.n and self.toks[self.i] == "*" and (spaces or self.adjacent(self.i)):
            self.i += 1
        if self.i < self.n and self.toks[self.i] == "[" and (spaces or self.adjacent(self.i)):
            opening = self.i
            raw = self.read_raw_optional()
            if raw and lengths.match(self.source(opening + 1, self.i - 1)) is None:
                self.problem("illegal-length", opening, self.i, raw)

    def read_environment_name(self) -> tuple[str | None, int]:
        """The name after \\begin or \\end, exactly as written, and the token after it."""
        start = self.i
        self.i += 1
        if self.i >= self.n or self.toks[self.i] != "{":
            self.problem("missing-argument", start, start + 1, self.toks[start])
            return None, self.i
        opening = self.i
        closing = next((j for j in range(opening, min(self.n, opening + 40)) if self.toks[j] == "}"), None)
        if closing is None:
            self.problem("unclosed-brace", opening)
            self.i = self.n
            return None, self.n
        self.i = closing + 1
        return self.between(opening, closing), self.i

    def read_stray_end(self) -> None:
        start = self.i
        name, end = self.read_environment_name()
        self.problem("end-without-begin", start, end, name or "")

    def read_environment(self) -> list[str]:
        start = self.i
        name, after = self.read_environment_name()
        if name is None:
            return []
        environment = ENVIRONMENTS.get(name)
        if environment is None:
            self.problem("unknown-environment", start, after, name)
        elif environment.kind == "display" and len(self.open) > 1:
            self.problem("nested-display-environment", start, after, name)
        elif environment.kind == "display":
            self.problem("display-environment", start, after, name)
        elif environment.kind in ("text", "picture") and name not in _TABULARS:
            self.problem("text-environment", start, after, name)
        if name in _TABULARS:
            return self.read_tabular(start, name)
        out = [f"\\begin{{{name}}}"]
        limit = None
        if environment is not None:
            spec_at = self.i
            for letter in environment.args:
                if letter == "r":
                    spec = self.read_raw(f"\\begin{{{name}}}", start)
                    if name in ("array", "subarray"):
                        limit = columns.count(spec[1:-1])
                        if limit is None and not self.fatal:
                            self.problem("illegal-column-specification", spec_at, self.i, spec[1:-1])
                        out += ["{", *spec[1:-1].replace(" ", ""), "}"]
                    else:
                        out.append(spec)
                elif letter in "oO" and self.i < self.n and self.toks[self.i] == "[":
                    out.append(self.read_raw_optional())
            if limit is None and name not in ("array", "subarray"):
                limit = environment.max_columns
        display, self.display = self.display, name in _DISPLAY_CELLS
        body, one_cell = self.read_cells(start, name, limit)
        self.display = display
        if one_cell and name in ("matrix", "smallmatrix"):
            self.folds.append((start, after, "{" if name == "matrix" else "{\\textstyle "))
            self.folds.append((self.end_from, self.i, "}"))
        return [*out, *body, f"\\end{{{name}}}"]

    def read_cells(self, start: int, name: str, limit: int | None) -> tuple[list[str], bool]:
        """Rows and cells up to and with the matching \\end. Returns canonical tokens, and whether it is one cell."""
        out: list[str] = []
        rows = cells = 0
        empty = True
        n_toks = self.n
        spaced_options = name not in _AMSMATH_ROWS
        trailing: tuple[int, int] | None = None
        while True:
            if not cells:
                rules_from = self.i
                while self.i < n_toks and ACTIONS.get(self.toks[self.i]) == RULE:
                    out += self.read_rule()
                    trailing = None
                if self.i > rules_from:
                    empty = False
            before = self.i
            if self.i < n_toks and self.toks[self.i] == "\\multicolumn":
                cells += self.read_multicolumn() - 1
            cell = self.read_list(_CELL)
            out += cell
            if self.i > before:
                empty, trailing = False, None
            cells += 1
            if self.i >= n_toks:
                self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
                return out, False
            token = self.toks[self.i]
            if token == "&":
                if limit is not None and cells >= limit:
                    self.problem("too-many-columns", self.i, detail=f"{limit}")
                    limit = None
                out.append("&")
                self.i += 1
                empty, trailing = False, None
            elif ACTIONS.get(token) == ROW:
                row_at = self.i
                self.i += 1
                if token != "\\cr":
                    self.read_row_options(spaces=spaced_options)
                out.append("\\\\")
                rows += 1
                cells = 0
                trailing = (row_at, self.i)
            elif token == "\\end":
                break
            else:  # a closer that belongs to an outer list
                self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
                return out, False
        end_at = self.i
        closing, after = self.read_environment_name()
        if closing is not None and closing != name:
            self.problem("environment-mismatch", end_at, after, f"{name}\0{closing}")
        if trailing is not None and not empty:
            self.folds.append((trailing[0], trailing[1], ""))
            while out and out[-1] == "\\\\":
                out.pop()
                break
        self.end_from = end_at
        one_cell = "&" not in out and "\\\\" not in out and not any(t in _RULE_TOKENS for t in out)
        return out, one_cell

    def read_rule(self) -> list[str]:
        token = self.toks[self.i]
        self.i += 1
        if token in ("\\cline", "\\cmidrule"):
            return [token + self.read_raw(token, self.i - 1)]
        return [token]

    def read_multicolumn(self) -> int:
        start = self.i
        self.i += 1
        width = self.read_raw("\\multicolumn", start)
        self.read_raw("\\multicolumn", start)
        self.opaque = True  # the cell itself is read as an ordinary one; its span is not spelled canonically
        number = _NUMBER.search(width)
        return int(number[0]) if number else 1

    def read_tabular(self, start: int, name: str) -> list[str]:
        """A tabular's cells are text with `$…$` inside. For math-core it becomes an array of \\text cells."""
        spec_at = self.i
        for letter in ENVIRONMENTS[name].args:
            if letter == "r":
                spec = self.read_raw(f"\\begin{{{name}}}", start)
            elif letter in "oO" and self.i < self.n and self.toks[self.i] == "[":
                self.read_raw_optional()
        if columns.count(spec[1:-1]) is None:
            self.problem("illegal-column-specification", spec_at, self.i, spec[1:-1])
        limit = columns.count(spec[1:-1])
        self.folds.append((start, self.i, f"\\begin{{array}}{spec}"))
        out = [f"\\begin{{{name}}}", spec]
        cells, depth = 0, 0
        cell_from = self.i
        while self.i < self.n:
            token = self.toks[self.i]
            action = ACTIONS.get(token)
            depth += (token == "{") - (token == "}")
            if depth < 0:
                break
            if depth == 0 and (action in (AMPERSAND, ROW, END, RULE)):
                out += self.read_text_cell(cell_from, self.i)
                if action == END:
                    break
                if action == AMPERSAND:
                    cells += 1
                    if limit is not None and cells >= limit:
                        self.problem("too-many-columns", self.i, detail=f"{limit}")
                        limit = None
                    out.append("&")
                    self.i += 1
                elif action == ROW:
                    self.i += 1
                    self.read_row_options(spaces=True)
                    out.append("\\\\")
                    cells = 0
                else:
                    if self.i > cell_from:
                        self.problem("misplaced-rule", self.i)
                    out += self.read_rule()
                cell_from = self.i
                continue
            if token == "\\begin":
                self.problem("nested-display-environment", self.i, self.i + 1, "\\begin")
            self.i += 1
        if self.i >= self.n or self.toks[self.i] != "\\end":
            self.problem("begin-without-end", start, start + 3 + len(lexer.tokens(name)), name)
            return out
        end_at = self.i
        closing, after = self.read_environment_name()
        if closing is not None and closing != name:
            self.problem("environment-mismatch", end_at, after, f"{name}\0{closing}")
        self.folds.append((end_at, after, "\\end{array}"))
        return [*out, f"\\end{{{name}}}"]

    def read_text_cell(self, start: int, end: int) -> list[str]:
        """One cell of a tabular, from token `start` to `end`: checked, and turned into math for the key."""
        if start >= end:
            return []
        before = self.i
        self.check_text(start, end)
        self.i = before
        text = " ".join(self.source(start, end).split())
        self.folds.append((start, end, _text_as_math(text)))
        return [text]

    def read_old_form(self, token: str) -> list[str]:
        """plain TeX's `\\matrix{a & b \\cr}`; amsmath rejects it, what it draws is clear all the same."""
        start = self.i
        name = token[1:]
        self.i += 1
        self.problem("old-form", start, detail=name)
        if self.i >= self.n or self.toks[self.i] != "{":
            self.problem("missing-argument", start, start + 1, token)
            return []
        opening = self.i
        self.i += 1
        self.folds.append((start, opening + 1, f"\\begin{{{name}}}"))
        out: list[str] = []
        trailing: int | None = None
        display, self.display = self.display, False
        while True:
            before = self.i
            self.open.append(_BRACE)  # the cells end at this group's brace
            out += self.read_list(_CELL)
            self.open.pop()
            if self.i > before:
                trailing = None
            if self.i >= self.n:
                self.problem("unclosed-brace", opening)
                return []
            action = ACTIONS.get(self.toks[self.i])
            if action == AMPERSAND:
                out.append("&")
                self.i += 1
            elif action == ROW:
                trailing = self.i
                self.folds.append((self.i, self.i + 1, "\\\\"))
                out.append("\\\\")
                self.i += 1
            else:
                break
        self.display = display
        if self.toks[self.i] != "}":
            self.problem("unclosed-brace", opening)
            return []
        if trailing is not None:
            self.folds[-1] = (trailing, trailing + 1, "")
            out.pop()
        self.folds.append((self.i, self.i + 1, f"\\end{{{name}}}"))
        self.i += 1
        return [f"\\begin{{{name}}}", *out, f"\\end{{{name}}}"]

    end_from = 0


#: Commands that KaTeX, MathJax or a package knows, and LaTeX with amsmath and amssymb does not.
_FOREIGN = frozenset(f"\\{command.name}" for command in COMMANDS.values() if not command.latex)

#: Canonical tokens of the spaces that take a length.
_SPACED = ("\\hspace", "\\vspace", "\\hskip", "\\kern", "\\mkern", "\\mskip", "\\mspace")

_BLANK = (" ", "\t", "\r", "\n")
_TABULARS = frozenset({"tabular", "tabular*"})
_ROW_ARGUMENTS = frozenset({"\\substack", "\\shortstack", "\\displaylines", "\\ooalign", "\\eqalign"})
_DISPLAY_CELLS = frozenset(
    {"aligned", "gathered", "alignedat", "split", "align", "align*", "gather", "gather*", "multline"}
)
_AMSMATH_ROWS = frozenset(
    {*_DISPLAY_CELLS, "matrix", "pmatrix", "bmatrix", "vmatrix", "Vmatrix", "Bmatrix", "cases", "smallmatrix"}
)
_RULE_TOKENS = frozenset({"\\hline", "\\hdashline"})
_CLOSERS = frozenset({CLOSE, RIGHT, END, AMPERSAND, ROW, SUB, SUP, INFIX})
#: Accents whose argument may be another accent, or \frac after \sqrt, without braces: seen with pdfTeX 1.40 and amsmath.
_ACCENTS = frozenset(
    ["hat", "check", "breve", "acute", "grave", "tilde", "bar", "vec", "dot", "ddot", "dddot", "ddddot", "mathring"]
)


def _argument_may_be(token: str, argument: str) -> bool:
    """May the command `argument`, which takes arguments itself, be an unbraced argument of `token`?"""
    if token[1:] in _ACCENTS:
        return argument[1:] in _ACCENTS
    if token in (
        "\\sqrt",
        "\\mathop",
        "\\mathbin",
        "\\mathrel",
        "\\mathord",
        "\\mathopen",
        "\\mathclose",
        "\\mathinner",
    ):
        return bare_script_allowed(argument)
    return False


def _flush(out: list[str], sub: list[str] | None, sup: list[str] | None) -> None:
    """Write the scripts of an atom: subscript first, both braced."""
    if sub is not None:
        out += ["_", "{", *sub, "}"]
    if sup is not None:
        out += ["^", "{", *sup, "}"]


_AS_FRACTION = {"\\over": "\\frac", "\\choose": "\\binom"}
_INFIX: dict[str, Callable[[list[str], list[str]], list[str]]] = {
    "\\over": lambda a, b: ["\\frac", "{", *a, "}", "{", *b, "}"],
    "\\choose": lambda a, b: ["\\binom", "{", *a, "}", "{", *b, "}"],
}


def _infix(command: str, above: list[str], below: list[str]) -> list[str]:
    """`a \\over b` as `\\frac{a}{b}`; the rarer ones, and those with a font switch that reaches below, stay infix."""
    write = _INFIX.get(command)
    if write is None or any(ACTIONS.get(token) == SWITCH for token in above):
        return [*above, command, *below]
    return write(above, below)


def _balanced(toks: list[str]) -> bool:
    return toks.count("{") == toks.count("}")


def _text_as_math(text: str) -> str:
    """A text cell as math: `解$x$` becomes `\\text{解}x`."""
    parts = text.split("$")
    return "".join(part if index % 2 else (f"\\text{{{part}}}" if part else "") for index, part in enumerate(parts))


def spell(canonical: list[str]) -> str:
    """Canonical tokens as one string, a single space between every two."""
    return " ".join(canonical).replace("\\  ", "\\ ")


def read(label: str, toks: list[str]) -> Reading:
    """Read one label.

    `toks` are `rules.lexer.tokens(label)`. A wrapper of display math around the whole label (`$$…$$`, `\\[…\\]`,
    `equation`) is taken off first; `align` and its like are read as the outermost environment.
    """
    reader = Reader(label, toks)
    wrapper = unwrap(toks)
    if wrapper is not None:
        reader.i, reader.n = wrapper.start, wrapper.end
    try:
        out: list[str] | None = reader.read_list(_END)
        while out is not None and reader.i < reader.n:  # a closer nobody opened; reported where it was met
            reader.i += 1
            out = out + reader.read_list(_END)
    except TooDeep:
        reader.problem("too-deep", min(reader.i, reader.n - 1))
        out = None
    if not _FOREIGN.isdisjoint(toks):
        for index, token in enumerate(toks):
            if token in _FOREIGN:
                reader.problem("undefined-in-latex", index, detail=token[1:])
    if out is not None:
        while out and (ACTIONS.get(out[-1]) == SPACE or out[-1] == "\\\\" or out[-1].startswith(_SPACED)):
            out.pop()
    return Reading(reader.problems, None if reader.fatal or reader.opaque else out, reader.folds, wrapper, reader.fatal)
