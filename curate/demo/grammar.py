"""Grows correct labels for the demo's data sets from a seed. Doesn't spoil them: that is `defects`.

The kinds of formula (`handwritten`, `printed`) take turns, so every defect finds a suitable label whatever the seed.
None is taken from a data set except the first row, which the report that started this project quotes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from random import Random


@dataclass(frozen=True)
class Formula:
    """A correct label, and what to draw for it if that differs (M²E's layout tokens draw nothing)."""

    label: str
    drawn: str


#: The row that started this project: M²E's label, and what its picture shows.
FIRST_ROW = Formula(
    r"1 5 . 4 \times 4 = 6 1 . 6 \t 1 5 . 4 \n \times 4 \n 6 1 . 6",
    "\\begin{tabular}{l}\n$15.4 \\times 4=61.6$ \\\\\n15.4 \\\\\n$\\times \\quad 4$ \\\\\n\\hline 61.6\n\\end{tabular}",
)


def _typeset(tokens: str) -> str:
    """What a handwritten label looks like on paper: lines below each other, and a rule above the result of a column."""
    if r"\t" not in tokens.split():
        lines = tokens.split(r" \n ")
        if len(lines) == 1:
            return tokens
        return r"\begin{aligned} & " + r" \\ & ".join(lines) + r" \end{aligned}"
    head, column = tokens.split(r" \t ")
    first, second, result = (line.replace(" ", "") for line in column.split(r" \n "))
    sign = r"\times" if second.startswith(r"\times") else second[0]
    second = second.removeprefix(sign)
    rows = (f"${head.replace(' . ', '.')}$", first, rf"${sign} \quad {second}$", rf"\hline {result}")
    return "\\begin{tabular}{l}\n" + " \\\\\n".join(rows) + "\n\\end{tabular}"


def grow(kinds: tuple[Callable[[Random], str], ...], count: int, rng: Random) -> list[Formula]:
    """`count` different formulas; the kinds take turns."""
    made: dict[str, Formula] = {}
    turn = tries = 0
    while len(made) < count:
        label = kinds[turn % len(kinds)](rng)
        tries += 1
        if label in made and tries < 50:
            continue
        turn, tries = turn + 1, 0
        made.setdefault(label, Formula(label, _typeset(label)))
    return list(made.values())
