"""Reads the arguments of `_`, `^` and primes. `reader` decides which atom they belong to."""

from __future__ import annotations

from rules.latex.actions import ACTIONS, BEGIN, COMMAND, LEFT, OPERATOR, ORD, RELATION, UNKNOWN
from rules.latex.bare_arguments import bare_script_allowed, brings_limits
from rules.latex.environments import RowReader


class ScriptReader(RowReader):
    """Reads scripts."""

    def read_script(self, at: int, on_operator: bool) -> list[str]:
        """The argument of `_` or `^`, token `at`, as canonical tokens without braces."""
        display, self.display = self.display, False
        text_style, self.text_style = self.text_style, False
        try:
            while self.i < self.n and self.toks[self.i] in ("\\relax", "\\protect"):
                self.folds.append((self.i, self.i + 1, " "))
                self.i += 1  # TeX skips these before a script
            if self.i < self.n:
                token = self.toks[self.i]
                if token == "{":
                    self.i += 1
                    return self.read_group(self.i - 1)
                action = ACTIONS.get(token, ORD if token[0] != "\\" else UNKNOWN)
                if action in (ORD, RELATION, UNKNOWN) and bare_script_allowed(token):
                    return self.read_single(token, action)
                if (bare_script_allowed(token) or (on_operator and brings_limits(token))) and action in (
                    COMMAND,
                    OPERATOR,
                ):
                    return self.read_single(token, action) if action == OPERATOR else self.read_command(token)
                if action in (COMMAND, OPERATOR, ORD, RELATION, LEFT, BEGIN):
                    self.problem("unbraced-script", at, self.i + 1, token)
                    return self.read_one(token, action)
            self.problem("dangling-script", at)
            return []
        finally:
            self.display, self.text_style = display, text_style

    def read_one(self, token: str, action: int) -> list[str]:
        """Whatever atom comes here, to recover after a problem was reported."""
        if action == COMMAND:
            return self.read_command(token)
        if action == LEFT:
            return self.read_left()
        if action == BEGIN:
            return self.read_environment()
        self.i += 1
        return [token]

    def read_primes(self) -> tuple[list[str], bool]:
        """A run of primes without spaces, as TeX collects it; second value: whether a `^` may follow directly."""
        start = self.i
        self.i += 1
        while self.i < self.n and self.toks[self.i] == "'" and self.adjacent(self.i):
            self.i += 1
        run = self.i - start
        if run > 1 or (self.i < self.n and self.toks[self.i] == "^" and self.adjacent(self.i)):
            self.fold_primes(start, run)
        return ["\\prime"] * run, True

    def fold_primes(self, start: int, run: int) -> None:
        """`f''` as `f^{\\prime\\prime}`, `f''^2` as `f^{\\prime\\prime 2}`: math-core has one glyph for the first."""
        primes = "\\prime " * run
        end = start + run
        if end < self.n and self.toks[end] == "^" and self.adjacent(end):
            if end + 1 < self.n and self.toks[end + 1] == "{":
                self.folds.append((start, end + 2, f"^{{{primes}"))
            elif end + 1 < self.n and len(self.toks[end + 1]) == 1:
                self.folds.append((start, end + 2, f"^{{{primes}{self.toks[end + 1]}}}"))
        else:
            self.folds.append((start, end, f"^{{{primes}}}"))

    def read_left(self) -> list[str]:
        """`\\left … \\right`."""
        raise NotImplementedError
