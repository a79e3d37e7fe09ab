"""Puts the rules between an array's columns in their places. mathra 1.5 draws them elsewhere, mostly outside.

Each rule comes in pieces, one per row, and row k's piece is drawn at minus twice its distance from the top (as if its
sign had been flipped twice); those at an edge are too far inside by half of the space beside a column. Everything
needed for the repair is known: which pieces belong together, the heights of the rows, and the array's baseline.
"""

from __future__ import annotations

from collections.abc import Sequence

from curate.render.engine import Element, RenderError, Rule

#: mathra's, in thousandths of an em: a rule's thickness, half of the space between columns, the height of the axis.
_THICK, _HALF, _AXIS = 40.0, 250.0, 258.0
#: LaTeX's distance between two adjacent rules: \doublerulesep and a rule's thickness.
_DOUBLE = 240.0
_SLACK = 0.5


def placed(elements: list[Element], specifications: Sequence[tuple[int, ...]]) -> list[Element]:
    """The elements with every column rule as one piece, in its place. specifications: of `tables.column_rules`.

    Raises RenderError if the drawn rules are not those in the specifications.
    """
    found: list[Element] = []
    at = 0
    for before_columns in specifications:
        number = sum(before_columns)
        start, pieces = at, []
        while start < len(elements) and not (pieces := _pieces(elements, start, number)):
            start += 1
        if not pieces:
            raise RenderError("the rules between its columns can't be placed")
        found += elements[at:start]
        found += _rules(pieces, before_columns)
        at = start + number * len(pieces[0])
    return found + elements[at:]


def _pieces(elements: Sequence[Element], start: int, number: int) -> list[list[Rule]]:
    """The pieces of this many rules from there on, by rule; empty if they aren't rules."""
    first = elements[start]
    if not isinstance(first, Rule) or not any(abs(first.width - _THICK * size) < 0.01 for size in (1, 0.7, 0.55)):
        return []
    rows = 1
    for one, other in zip(elements[start:], elements[start + 1 :], strict=False):
        if not (
            isinstance(one, Rule)
            and isinstance(other, Rule)
            and (other.x, other.width) == (one.x, one.width)
            and abs(one.y - one.height - other.height - other.y) < _SLACK
        ):
            break
        rows += 1
    some = elements[start : start + rows * number]
    rules = [piece for piece in some if isinstance(piece, Rule)]
    if len(rules) < rows * number:
        return []
    by_rule = [rules[n * rows : (n + 1) * rows] for n in range(number)]
    heights = [(piece.y, piece.height) for piece in by_rule[0]]
    alike = all([(piece.y, piece.height) for piece in rule] == heights for rule in by_rule)
    return by_rule if alike else []


def _rules(by_rule: Sequence[Sequence[Rule]], before_columns: Sequence[int]) -> list[Element]:
    first = by_rule[0]
    size = first[0].width / _THICK
    height = sum(piece.height for piece in first)
    bottom = first[0].y + first[0].height + _AXIS * size - height / 2
    found: list[Element] = []
    rules = iter(by_rule)
    last = len(before_columns) - 1
    for column, number in enumerate(before_columns):
        for n, rule in enumerate(list(zip(range(number), rules, strict=False))):
            piece = rule[1][0]
            wide = 20 * (number - 1)  # how far they are to the left of the middle of their common width
            if column == 0:
                moved = -_HALF - wide + n * _DOUBLE
            elif column == last:
                moved = _HALF + wide - (number - 1 - n) * _DOUBLE
            else:
                moved = (n - (number - 1) / 2) * _DOUBLE
            found.append(Rule(piece.x + moved * size, bottom, piece.width, height, piece.fill))
    return found
