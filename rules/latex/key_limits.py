r"""Which labels math-core can convert within limits of time and stack. Converts nothing, and judges no label.

math-core 0.9 holds the interpreter's lock while it converts, so nothing can stop it. Two things in it are unbounded.
Measured with each shape repeated, in a process of its own:

- **Time.** At every opening bracket it parses the rest of the row to find the closing one; if there is none, it parses
  the rest again. Each bracket that stays open doubles the time for everything after it in its row: `( ` 16 times takes
  2 ms, 20 times 35 ms, 24 times 560 ms; 12 times with 3,000 letters after them takes 1.3 s. `\bigl( `, `\mathrm{(} `,
  `\boldsymbol{(} `, `{ ( } ` cost as much, `\overset{a}{(} ` and `( \hat ) ` half as much again, `\pmod{(} ` three
  times as much: a group of one bracket is that bracket, and a closing bracket that is an argument closes nothing.
- **The stack.** It calls itself for each `\color`, `\displaystyle` and the like, for each `\not` or `\dots` in a run,
  for each large operator or named function in a run, for each command that is another's argument without braces, for
  each closing bracket that closes nothing, and for each bracket inside another. On a stack of 1 MB, which a thread may
  have, 670 switches kill the process, or 960 `\not` or `\dots`, or 2,940 of the others; on the main thread's 8 MB it
  takes eight times as many.

The limits are well below this: about 3 ms, and less than a third of the smallest stack with all the nesting that the
reader allows. For odd labels, both figures are too high rather than too low.
"""

from __future__ import annotations

import unicodedata
from functools import cache
from itertools import pairwise

from rules.latex.commands import COMMANDS

#: The most tokens that open brackets may make math-core look at: each token counts twice for every bracket before it.
MAX_STEPS = 1 << 15
#: The most tokens in a label for which math-core may call itself.
MAX_NESTED = 200

#: This many tokens are within MAX_STEPS in any case.
_FEW = 15

_OPEN, _CLOSE, _GROUP, _GROUP_END, _BEGIN, _END, _CELL, _SIZE, _SIZE_OPEN, _SIZE_CLOSE, _DEEPER = range(1, 12)

_DEEPER_KINDS = frozenset({"op", "func", "inner", "punct", "style", "colour", "limits", "fontswitch", "sizeswitch"})
_OPENING_COMMANDS = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "open")
_CLOSING_COMMANDS = frozenset(f"\\{command.name}" for command in COMMANDS.values() if command.kind == "close")

_ROLES: dict[str, int] = {
    **{f"\\{c.name}": _DEEPER for c in COMMANDS.values() if c.kind in _DEEPER_KINDS},
    **dict.fromkeys(("\\not", "\\begingroup", "\\Join", "\\prescript", "\\sideset", "!"), _DEEPER),
    **dict.fromkeys(_OPENING_COMMANDS, _OPEN),
    **dict.fromkeys(_CLOSING_COMMANDS, _CLOSE),
    **dict.fromkeys(("(", "["), _OPEN),
    **dict.fromkeys((")", "]"), _CLOSE),
    **{f"\\{c.name}": _SIZE for c in COMMANDS.values() if c.kind == "size"},
    **{f"\\{size}l": _SIZE_OPEN for size in ("big", "Big", "bigg", "Bigg")},
    **{f"\\{size}r": _SIZE_CLOSE for size in ("big", "Big", "bigg", "Bigg")},
    "\\left": _BEGIN,
    "\\right": _END,
    "\\begin": _BEGIN,
    "\\end": _END,
    "{": _GROUP,
    "}": _GROUP_END,
    **dict.fromkeys(("&", "\\\\", "\\cr"), _CELL),
}
_DELIMITED = frozenset({"\\left", "\\right"})
#: Commands that take arguments: how many, and whether the first may be in square brackets.
_ARGUMENTS = {
    f"\\{c.name}": (sum(letter in "mtrDl" for letter in c.args), "o" in c.args.lower())
    for c in COMMANDS.values()
    if c.args and c.kind not in ("size", "open", "close")
} | dict.fromkeys(("^", "_"), (1, False))


@cache
def _symbol_role(character: str) -> int:
    """What math-core does at a character beyond ASCII: it knows the brackets and the large operators among them."""
    category = unicodedata.category(character)
    if category in ("Ps", "Pi"):
        return _OPEN
    if category in ("Pe", "Pf"):
        return _CLOSE
    return _DEEPER if category[0] == "S" or category == "Po" else 0


def _role(token: str) -> int:
    return _ROLES.get(token, 0) if token.isascii() else _symbol_role(token[-1])


def is_within(toks: list[str]) -> bool:
    """Whether math-core can convert a label of these tokens in time, and on the stack of a thread."""
    if len(toks) <= _FEW:
        return True
    if len(toks) <= MAX_NESTED:  # nearly always there are too few brackets to matter
        opening = sum(map(_MAY_OPEN.__contains__, toks))
        if not "".join(toks).isascii():
            opening += sum(_symbol_role(token[-1]) == _OPEN for token in toks if not token.isascii())
        if opening < _FEW and len(toks) << opening <= MAX_STEPS:
            return True
    steps, nested = effort(toks)
    return steps <= MAX_STEPS and nested <= MAX_NESTED


_MAY_OPEN = frozenset(token for token, role in _ROLES.items() if role in (_OPEN, _SIZE_OPEN))


class _RowEffort:
    """A list that math-core parses as one: a group, a cell, the inside of `\\left … \\right`, an optional argument."""

    __slots__ = ("end", "left_open", "pending", "start")

    def __init__(self, start: int, end: int) -> None:
        self.start = start
        self.end = end
        #: The positions of brackets without a partner so far, as tokens of the label.
        self.left_open: list[int] = []
        #: How many of the next tokens or groups are arguments.
        self.pending = 0


class _Count:
    """The rows around a place in a label, and math-core's work up to there."""

    def __init__(self) -> None:
        self.rows = [_RowEffort(0, 0)]
        self.steps = 0
        #: The deepest nesting of brackets, and the number of other tokens for which math-core calls itself.
        self.deepest = 0
        self.deeper = 0

    def open(self, i: int) -> None:
        left_open = self.rows[-1].left_open
        left_open.append(i)
        self.deepest = max(self.deepest, len(left_open))

    def end_cell(self, i: int) -> None:
        """The list of the innermost row ends at token `i`, and another begins after it."""
        row = self.rows[-1]
        places = [row.start, *row.left_open, i]
        for times, (here, there) in enumerate(pairwise(places)):
            self.steps += (there - here) << min(times, _FEW)
        row.left_open.clear()
        row.start = i + 1

    def leave(self, i: int) -> None:
        """Leave the innermost row at token `i`; an open bracket in it is also open in the row around it."""
        if len(self.rows) > 1:
            is_open = bool(self.rows[-1].left_open)
            self.end_cell(i)
            self.rows.pop()
            if is_open:
                self.open(i)


def effort(toks: list[str]) -> tuple[int, int]:
    """How many tokens math-core looks at, repeats included, and how deep it may call itself."""
    count = _Count()
    rows = count.rows
    sized = 0
    last_takes_option = False
    for i, token in enumerate(toks):
        row = rows[-1]
        role = _role(token)
        takes_option, last_takes_option = last_takes_option, False
        if sized:  # a delimiter, whose role its size determines
            role, sized = sized if sized != _SIZE else 0, 0
        is_argument = row.pending > 0
        row.pending -= is_argument
        if role == 0:
            pass
        elif role == _OPEN:
            if token == "[" and takes_option:
                row.pending += is_argument
                rows.append(_RowEffort(i + 1, _CLOSE))
            else:
                count.open(i)
                count.deeper += is_argument  # if it isn't a bracket, what seems to close it closes nothing
        elif role == _CLOSE:
            if token == "]" and row.end == _CLOSE:
                count.leave(i)
            elif row.left_open and not is_argument:
                # Before an operator or a space, math-core sees no opening bracket, so it has a closing one too many.
                behind = toks[row.left_open.pop() + 1]
                count.deeper += not (behind.isalnum() or _role(behind) in (_OPEN, _CLOSE))
            else:
                count.deeper += 1
        elif role in (_GROUP, _BEGIN):
            rows.append(_RowEffort(i + 1, _GROUP_END if role == _GROUP else _END))
            sized = _SIZE if token in _DELIMITED else 0
        elif role in (_GROUP_END, _END):
            if row.end == _CLOSE:
                count.leave(i)
            count.leave(i)
            sized = _SIZE if token in _DELIMITED else 0
        elif role == _CELL:
            # A row break outside a table ends nothing: it becomes a mark, or the whole group becomes a table.
            if row.end == _END or token != "\\\\":
                count.end_cell(i)
        elif role == _DEEPER:
            count.deeper += 1
        else:
            row.pending += is_argument  # the delimiter is the argument's
            sized = {_SIZE: _SIZE, _SIZE_OPEN: _OPEN, _SIZE_CLOSE: _CLOSE}[role]
        arguments = _ARGUMENTS.get(token)
        if arguments is not None:
            count.deeper += is_argument  # `\\hat \\hat x`
            rows[-1].pending += arguments[0]
            last_takes_option = arguments[1]
    while len(rows) > 1:
        count.leave(len(toks))
    count.end_cell(len(toks))
    return count.steps, count.deeper + count.deepest
