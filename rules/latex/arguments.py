"""Reads commands with their arguments: math, text, delimiters, lengths. Lists of atoms are read in `reader`."""

from __future__ import annotations

from rules.latex import tex_lengths
from rules.latex.actions import (
    ACTIONS,
    AMPERSAND,
    CLOSE,
    COMMAND,
    END,
    INFIX,
    OPERATOR,
    ORD,
    PRIME,
    RELATION,
    RIGHT,
    ROW,
    SPACE,
    SUB,
    SUP,
    SWITCH,
    UNKNOWN,
)
from rules.latex.bare_arguments import TAKES_NUCLEUS, may_stand_bare
from rules.latex.commands import COMMANDS, DELIMITERS, ENVIRONMENTS
from rules.latex.cursor import (
    ATOM_OPEN,
    MAX_DEPTH,
    TO_BRACE,
    TO_BRACKET,
    TO_CELL,
    TO_DOLLAR,
    TO_END,
    TO_ROWS,
    Cursor,
    TooDeep,
)
from rules.latex.gaps import class_of, is_relation, is_twice_accented
from rules.latex.synonyms import SYNONYMS
from rules.latex.text_marks import APART, firm_spaces, without_braces


class ArgumentReader(Cursor):
    """Reads what follows a command."""

    def read_single(self, token: str, action: int) -> list[str]:
        if action == UNKNOWN:
            self.problem("unknown-command", self.i, detail=token[1:])
        if len(token) > 1 or not token.isalnum():  # math-core spaces `x_\perp` and `\hat=` differently from `x_{\perp}`
            self.folds.append((self.i, self.i + 1, f"{{{token}}}"))
        self.i += 1
        return [SYNONYMS.get(token, token)]

    def read_command(self, token: str) -> list[str]:
        """A command and its arguments, canonical."""
        command = COMMANDS[token[1:]]
        start = self.i
        self.i += 1
        if command.mode == "text":
            self.problem("text-in-math", start, detail=token)
        sized = self.fold_command(token, start)
        if command.name == "buildrel":
            return self.read_buildrel(start)
        if command.name == "root":
            return self.read_root(start)
        self.depth += 1  # `\\frac \\frac \\frac …` nests without a brace
        if self.depth > MAX_DEPTH:
            raise TooDeep
        arguments = self.read_arguments(token, command.args)
        self.depth -= 1
        if token == "\\hbox" and self.toks[start + 1 : start + 2] == ["{"]:  # no size is given
            token = "\\mbox"
        if token == "\\mbox" and not (self.display or self.text_style):
            return [token, *arguments]
        if token == "\\stackrel" and (over := self.stacked(arguments, start)) is not None:
            return over
        if arguments[:1] == ["*"]:
            return [f"{token}*", *arguments[1:]]
        return [sized or SYNONYMS.get(token, token), *arguments]

    def stacked(self, arguments: list[str], start: int) -> list[str] | None:
        r"""`\stackrel{a}{=}` is `\overset{a}{=}`. Over anything else it makes a relation, and None is returned."""
        if is_relation(arguments):
            return ["\\overset", *arguments]
        self.folds.append((start, start + 1, "\\stackmark\\stackrel"))
        return None

    def fold_command(self, token: str, start: int) -> str | None:
        r"""Note spellings that math-core distinguishes, or doesn't know, though they draw the same here.

        Returns `\frac` for a `\dfrac` that is as large as `\frac` is here, and so on; None for anything else.
        """
        sized = None
        if self.display:
            sized = _LARGE.get(token)
        elif self.text_style and not self.cramped:
            sized = _SMALL.get(token)
        if sized is not None:
            self.folds.append((start, start + 1, sized))
        elif token in ("\\textnormal", "\\textrm"):
            self.folds.append((start, start + 1, "\\text"))
        elif token in ("\\mbox", "\\makebox") or (token == "\\hbox" and self.toks[start + 1 : start + 2] == ["{"]):
            as_large = self.display or self.text_style  # a box doesn't get smaller in a script
            self.folds.append((start, start + 1, "\\text" if as_large else "\\boxmark\\text"))
        elif token == "\\lefteqn":
            self.folds.append((start, start + 1, "\\lefteqnmark "))
        return sized

    def read_arguments(self, token: str, signature: str) -> list[str]:
        """The arguments that a signature of `rules.latex.commands` asks for, as canonical tokens."""
        out: list[str] = []
        start = self.i - 1
        display, text_style, cramped = self.display, self.text_style, self.cramped
        if token not in KEEPS_DISPLAY:
            self.text_style = token in _SET_LARGE or (display and token in ("\\frac", "\\binom"))
            self.display = False  # of `\dfrac` too: it is in display style, and what is above its bar in text style
        for letter in signature:
            if letter == "m":
                out += ["{", *self.read_argument(token, start), "}"]
                self.cramped = cramped or token in _FRACTIONS
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
                out.append(self.read_length(start))
        self.display, self.text_style, self.cramped = display, text_style, cramped
        return out

    def read_argument(self, token: str, start: int) -> list[str]:
        """One mandatory argument in math: a group, or one token that can stand alone."""
        if self.i < self.n:
            first = self.toks[self.i]
            if first == "{":
                self.i += 1
                opening = self.i - 1
                inner = self.read_group(opening, TO_ROWS if token in _ROW_ARGUMENTS else TO_BRACE)
                if token == "\\substack":  # math-core lacks it, and nothing else is written as its replacement
                    self.folds.append((start, opening + 1, "\\overset{}{\\overset{}{\\begin{matrix}"))
                    self.folds.append((self.i - 1, self.i, "\\end{matrix}}}"))
                if self.infix_at >= 0 and token in INFIX_INSIDE:
                    self.problem("ambiguous-infix", self.infix_at, detail=token)
                return inner
            action = ACTIONS.get(first, ORD if first[0] != "\\" else UNKNOWN)
            if action in _ATOMS and not may_stand_bare(token, first, action, after_option=self.toks[self.i - 1] == "]"):
                self.problem("unbraced-argument", start, self.i + 1, first)
            if action == COMMAND:
                if is_twice_accented([token, "", first, ""]):  # an accent on a bare accent has another place
                    self.folds.append((self.i, self.i + 1, f"\\groupmark{first}"))
                return self.read_command(first)
            if action in _ATOMS and not (action == SPACE and first[1:] in COMMANDS and COMMANDS[first[1:]].args):
                return self.read_single(first, action)
            if action == PRIME and not (token in TAKES_NUCLEUS and self.toks[self.i - 1] != "]"):
                self.i += 1
                return ["\\prime"]
            if action == ROW and token not in TAKES_NUCLEUS and self.at_line_break():
                self.i += 1  # TeX takes the line break itself as the argument, and draws nothing
                self.opaque = True
                return [first]
        self.problem("missing-argument", start, max(start + 1, min(self.i, self.n)), token)
        return []

    def read_text(self, token: str, start: int) -> list[str]:
        """An argument in text mode, kept as written: white space counts there."""
        if token in ("\\hbox", "\\vbox") and self.i < self.n and self.toks[self.i] != "{":
            self.skip_box_size()
            if self.i >= self.n or self.toks[self.i] != "{":
                self.problem("missing-argument", start, self.i, token)
                return []
        if self.i >= self.n or (ACTIONS.get(self.toks[self.i]) in _CLOSERS and not self.at_line_break()):
            self.problem("missing-argument", start, min(self.i, self.n), token)
            return []
        if self.toks[self.i] != "{":
            return self.read_bare_text(start)
        opening, closing = self.skip_group()
        if closing >= self.n:
            return []
        self.check_text(opening + 1, closing)
        marked = raw = self.between(opening, closing)
        if "{" in raw and (parts := without_braces(raw)) is not None:
            raw, marked = "{}".join(parts), APART.join(parts)
        marked = firm_spaces(marked)
        if marked != self.between(opening, closing):
            self.folds.append((opening, closing + 1, f"{{{marked}}}"))
        text = " ".join(raw.split())
        lead = " " if raw[:1] in _BLANK else ""
        trail = " " if raw[-1:] in _BLANK and text else ""
        return [f"{{{lead}{text}{trail}}}"]

    def at_line_break(self) -> bool:
        """Whether the token here is a line break that TeX takes as an argument. It does outside cells."""
        return self.toks[self.i] in ("\\\\", "\\newline") and TO_CELL not in self.open

    def read_bare_text(self, start: int) -> list[str]:
        """A text argument without braces: one token."""
        first = self.toks[self.i]
        command = COMMANDS.get(first[1:]) if first[0] == "\\" else None
        self.i += 1
        if command is not None and command.args:
            self.problem("unbraced-argument", start, self.i, first)
        else:
            self.check_text(self.i - 1, self.i)
        return [f"{{{first}}}"]

    def check_text(self, start: int, end: int) -> None:
        """Find what isn't allowed in text mode between two tokens; `$…$` inside is read as math."""
        i = start
        environment = False  # whether one for mathematics has begun, which is wrong already
        while i < end:
            token = self.toks[i]
            if token in ("$", "\\("):
                i = self.check_math_in_text(i, end)
                continue
            if token in ("^", "_"):
                self.problem("script-in-text", i)
            elif token == "&":
                if not environment:
                    self.problem("alignment-in-group", i)
            elif token == "\\begin" and (name := self.inner_environment(i)):
                environment = True
                self.problem("math-in-text", i, detail=f"\\begin{{{name}}}")
            elif token == "\\end" and environment:
                pass
            elif token == "#":
                self.problem("parameter-character", i)
            elif token[0] == "\\" and len(token) > 1:
                command = COMMANDS.get(token[1:])
                if command is None:
                    self.problem("unknown-command", i, detail=token[1:])
                elif token == "\\ensuremath" or (token == "\\begin" and self.is_tabular(i)):
                    return  # math again, and cells; rare, so not read
                elif command.mode == "math" and command.kind != "other":
                    self.problem("math-in-text", i, detail=token)
            i += 1

    def inner_environment(self, begin: int) -> str:
        """The name of the environment that begins here, if it is one for formulas."""
        closing = next((at for at in range(begin, min(self.n, begin + 40)) if self.toks[at] == "}"), begin)
        environment = ENVIRONMENTS.get(name := "".join(self.toks[begin + 2 : closing]))
        return name if environment is not None and environment.kind == "inner" else ""

    def is_tabular(self, begin: int) -> bool:
        return "".join(self.toks[begin + 1 : begin + 9]) == "{tabular"

    def check_math_in_text(self, dollar: int, end: int) -> int:
        """Read `$…$` inside text. Returns the token after the closing dollar."""
        mark = "$" if self.toks[dollar] == "$" else "\\)"
        closing = next((j for j in range(dollar + 1, end) if self.toks[j] == mark), None)
        if closing is None:
            self.problem("inner-dollar", dollar)
            return end
        saved = self.i, self.n, self.display, self.open
        self.i, self.n, self.display, self.open = dollar + 1, closing, False, []
        self.read_list(TO_DOLLAR)
        self.i, self.n, self.display, self.open = saved
        return closing + 1

    def skip_box_size(self) -> None:
        """`to 3pt` and `spread 3pt` after \\hbox."""
        while self.i < self.n and self.toks[self.i] != "{" and self.toks[self.i][0] != "\\":
            self.i += 1

    def read_optional(self) -> list[str]:
        opening = self.i
        self.i += 1
        inner = self.read_list(TO_BRACKET)
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
            if tex_lengths.match(text) is None:
                self.problem("illegal-length", opening, closing + 1, text.strip())
            return f"{{{''.join(text.split())}}}"
        self.problem("missing-argument", start, max(start + 1, min(self.i, self.n)), token)
        return ""

    def read_length(self, start: int) -> str:
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
        end = tex_lengths.match(self.label, begin)
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
        if unit in tex_lengths.UNITS:
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

    def read_space(self, token: str) -> list[str]:
        command = COMMANDS.get(token[1:])
        self.i += 1
        if command is None or not command.args:
            return [SYNONYMS.get(token, token)]
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
        over = self.next_place("\\over")
        if over is None or (
            any(t in ("}", "{") for t in self.toks[self.i : over]) and not _balanced(self.toks[self.i : over])
        ):
            self.problem("missing-argument", start, start + 1, "\\buildrel")
            return []
        n, self.n = self.n, over
        above = self.read_list(TO_END)
        self.n = n
        self.i = over + 1
        below = self.read_argument("\\buildrel", start)
        end = self.i
        arguments = ["{", *above, "}", "{", *below, "}"]
        command = "\\overset" if is_relation(arguments) else "\\stackrel"
        mark = "\\stackmark" * (command == "\\stackrel")
        base = ""
        if command == "\\stackrel" and len(below) == 1 and class_of(below[0]) == "ord":
            base = "{}"  # keeps `\\stackrel` from moving a single symbol to the middle of the line
            arguments = ["{", *above, "}", "{", ATOM_OPEN, "}", *below, "}"]
        text = f"{{{self.source(start + 1, over)}}}{{{base}{self.source(over + 1, end)}}}"
        self.folds.append((start, end, f"{mark}{command}{text}"))
        return [command, *arguments]

    def read_root(self, start: int) -> list[str]:
        """`\\root 3 \\of x`, which is `\\sqrt[3]{x}`."""
        of = self.next_place("\\of")
        if of is None:
            self.problem("missing-argument", start, start + 1, "\\root")
            return []
        n, self.n = self.n, of
        index = self.read_list(TO_END)
        self.n = n
        self.i = of + 1
        body = self.read_argument("\\sqrt", start)
        self.folds.append((start, self.i, f"\\sqrt[{self.source(start + 1, of)}]{{{self.source(of + 1, self.i)}}}"))
        return ["\\sqrt", "[", *index, "]", "{", *body, "}"]


#: Commands whose argument is set in the style around them.
KEEPS_DISPLAY = frozenset({"\\mathrm", "\\mathbf", "\\mathop", "\\underbrace", "\\overbrace", "\\boxed", "\\bm"})
#: Fractions in display style everywhere, so the parts above and below their bars are in text style.
_SET_LARGE = frozenset({"\\dfrac", "\\cfrac", "\\dbinom"})
#: Commands that set a size, and what has it in display style, and in text style.
_LARGE = {"\\dfrac": "\\frac", "\\dbinom": "\\binom"}
_SMALL = {"\\tfrac": "\\frac", "\\tbinom": "\\binom"}
_FRACTIONS = frozenset(["\\frac", "\\binom", *_SET_LARGE])
_BLANK = frozenset(" \t\r\n")
_CLOSERS = frozenset({CLOSE, RIGHT, END, AMPERSAND, ROW, SUB, SUP, INFIX})
_ATOMS = frozenset({ORD, RELATION, UNKNOWN, OPERATOR, SPACE, SWITCH, COMMAND})
_ROW_ARGUMENTS = frozenset({"\\substack", "\\shortstack", "\\displaylines", "\\ooalign", "\\eqalign"})
#: amsmath writes these with TeX's own \\over in the same group as the argument, so no other infix is allowed there.
INFIX_INSIDE = frozenset(
    f"\\{name}" for name in ["frac", "dfrac", "tfrac", "cfrac", "binom", "dbinom", "tbinom", "genfrac"]
)


def _balanced(toks: list[str]) -> bool:
    return toks.count("{") == toks.count("}")
