"""Aligns the layouts of truth and prediction: confused symbols, lost layout, two scores. No files.

The nodes of both trees, in reading order, are aligned at the lowest cost. A pair of nodes costs 0 if mark and path
agree, 1 for a different path, 2 for a different mark, and 3 for both; a node without a partner costs 2. Symbols pair
with symbols, and layout with layout. docs/metrics.md defines the scores.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field

from rapidfuzz.distance import Levenshtein

from finetune.metrics.layout_tree import Node

#: Above this product of lengths, without common beginnings and ends, nodes are aligned by Levenshtein distance, mark
#: and path together. That is a thousand times faster, and good enough for a model that got stuck.
MOST_CELLS = 60_000

_ALONE, _OTHER_PATH, _OTHER_MARK, _NEVER = 2, 1, 2, 9

Step = tuple[Node | None, Node | None]


@dataclass(frozen=True)
class Compared:
    """`structure` and `symbols` from 0 to 1.

    confused: (truth, prediction) symbols, "" for none, with counts. layout: (kind of error, what) with counts.
    """

    structure: float
    symbols: float
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)
    layout: Counter[tuple[str, str]] = field(default_factory=Counter)


#: For a pair that looks the same.
ALIKE = Compared(1.0, 1.0)


def compare(truth: Sequence[Node], prediction: Sequence[Node]) -> Compared:
    """Scores and errors for a pair of layouts from `finetune.metrics.layout_tree.read`."""
    if truth == prediction:
        return ALIKE
    steps = align(truth, prediction)
    confused: Counter[tuple[str, str]] = Counter()
    layout: Counter[tuple[str, str]] = Counter()
    aligned = in_place = same_symbol = same_layout = 0
    moved_from: tuple[str, str] | None = None
    told = False  # has the layout around the current symbol been reported as wrong?
    for one, other in steps:
        if one is not None and other is not None and one.symbol:
            aligned += 1
            in_place += one.path == other.path
            same_symbol += one.mark == other.mark
            if one.mark != other.mark:
                confused[one.mark, other.mark] += 1
            moved = None if one.path == other.path else _parts_that_differ(one.path, other.path)
            if moved is not None and moved != moved_from and not told:
                layout["moved", f"{moved[0]} → {moved[1]}"] += 1
            told = told and moved is not None
            moved_from = moved
            continue
        node = one or other
        assert node is not None
        if node.symbol:
            confused[(node.mark, "") if one is not None else ("", node.mark)] += 1
            continue
        if one is not None and other is not None and one.mark == other.mark:
            same_layout += one.path == other.path
            continue
        told = True
        if one is not None and other is not None:
            layout["changed", f"{one.mark} → {other.mark}"] += 1
        else:
            layout["lost" if one is not None else "extra", node.mark] += 1
    symbols = max(sum(node.symbol for node in truth), sum(node.symbol for node in prediction))
    pieces = max(sum(not node.symbol for node in truth), sum(not node.symbol for node in prediction))
    places = aligned + pieces
    return Compared(
        (in_place + same_layout) / places if places else 0.0,
        same_symbol / symbols if symbols else 1.0,
        confused,
        layout,
    )


def _parts_that_differ(one: str, other: str) -> tuple[str, str]:
    """The innermost parts of two paths that differ. Common inner parts moved along and don't count."""
    parts, others = one.split("/"), other.split("/")
    while parts and others and parts[-1] == others[-1]:
        parts.pop()
        others.pop()
    return (parts[-1] if parts else "") or "line", (others[-1] if others else "") or "line"


def align(truth: Sequence[Node], prediction: Sequence[Node]) -> list[Step]:
    """The nodes of both sides in order, each with its partner or None."""
    most = min(len(truth), len(prediction))
    before = next((place for place in range(most) if truth[place] != prediction[place]), most)
    rest = range(most - before)
    behind = next((place for place in rest if truth[-1 - place] != prediction[-1 - place]), most - before)
    one, other = truth[before : len(truth) - behind], prediction[before : len(prediction) - behind]
    middle = _quickly(one, other) if len(one) * len(other) > MOST_CELLS else _aligned(one, other)
    end = truth[len(truth) - behind :]
    return [*((node, node) for node in truth[:before]), *middle, *((node, node) for node in end)]


def _cost(one: Node, other: Node) -> int:
    if one.symbol != other.symbol:
        return _NEVER
    return (_OTHER_PATH if one.path != other.path else 0) + (_OTHER_MARK if one.mark != other.mark else 0)


def _aligned(one: Sequence[Node], other: Sequence[Node]) -> list[Step]:
    """The alignment with the lowest cost; among equals, the one that pairs nodes from the end."""
    columns = len(other)
    table = [[_ALONE * column for column in range(columns + 1)]]
    for place, node in enumerate(one, 1):
        above, row = table[-1], [_ALONE * place]
        for column, with_node in enumerate(other):
            paired = above[column] + _cost(node, with_node)
            alone = min(above[column + 1], row[column]) + _ALONE
            row.append(paired if paired < alone else alone)
        table.append(row)
    steps: list[Step] = []
    i, j = len(one), columns
    while i or j:
        here = table[i][j]
        if i and j and here == table[i - 1][j - 1] + _cost(one[i - 1], other[j - 1]):
            i, j = i - 1, j - 1
            steps.append((one[i], other[j]))
        elif i and here == table[i - 1][j] + _ALONE:
            i -= 1
            steps.append((one[i], None))
        else:
            j -= 1
            steps.append((None, other[j]))
    return steps[::-1]


def _quickly(one: Sequence[Node], other: Sequence[Node]) -> list[Step]:
    steps: list[Step] = []
    for code in Levenshtein.opcodes(list(one), list(other)):
        left, right = one[code.src_start : code.src_end], other[code.dest_start : code.dest_end]
        if len(left) == len(right) and all(a.symbol == b.symbol for a, b in zip(left, right, strict=True)):
            steps.extend(zip(left, right, strict=True))
        else:
            steps.extend((node, None) for node in left)
            steps.extend((None, node) for node in right)
    return steps
