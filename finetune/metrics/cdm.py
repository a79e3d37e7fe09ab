"""Character detection: checks whether the same marks are drawn in the same places, without making pictures.

This follows CDM (Wang et al. 2024, "Image over Text: Transforming Formula Recognition Evaluation with Character
Detection Matching", arXiv:2409.03643), which finds the boxes of characters in two coloured pictures. Here, the layout
engine gives the place of every glyph, so nothing is rasterised. docs/metrics.md defines each step.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Callable, Sequence
from functools import partial
from itertools import pairwise

from rapidfuzz.distance import Levenshtein

from curate.render import RenderError
from finetune.metrics import isolation
from finetune.metrics.glyphs import BAR, ROOT, Mark, marks
from rules.workers.helper import each
from rules.workers.pool import Lost
from rules.workers.spread import spread

#: The vertical distance, in thousandths of an em, up to which two marks are at the same height. Scripts are 300 or more
#: away.
NEAR = 120.0
#: From this distance on, a mark is in a row above or below the other. Accents are closer.
_ROW = 400.0
#: The least distance between two cells of a row, and the greatest between neighbours in a cell.
_COLUMN, _NO_COLUMN = 700.0, 350.0
#: The size of a script. For smaller marks, in scripts of scripts, all distances are smaller too.
_SCRIPT = 0.7
#: Sizes that differ by less than this are the same. A script has 0.7 of the size of its base.
SAME_SIZE = 0.1
#: The most marks of one kind for an optimal assignment; if there are more, they are paired in order.
MOST_OF_A_KIND = 80
#: The most marks to compare. A formula has fewer, but the output of a model that got stuck may have more.
MOST_MARKS = 1500
#: The number of pairs per batch, and the number from which starting processes is worthwhile.
_BATCH, _WORTH_PROCESSES = 50, 200


def score_all(
    pairs: Sequence[tuple[str, str]], workers: int = 1, progress: Callable[[int, int], None] | None = None
) -> list[float]:
    """`score` of many pairs, in order, with several processes. `progress` is called with (done, of)."""
    distinct = sorted(set(pairs))  # the answers of several models to one truth are adjacent, so it is drawn once
    batches = [distinct[start : start + _BATCH] for start in range(0, len(distinct), _BATCH)]
    found: list[float] = []
    number = workers if len(distinct) > _WORTH_PROCESSES else 1
    for batch in spread(_scores, batches, number, lost=_undrawn, to="draw and compare"):
        found += batch
        if progress is not None:
            progress(len(found), len(distinct))
    scores = dict(zip(distinct, found, strict=True))
    return [scores[pair] for pair in pairs]


def _scores(pairs: Sequence[tuple[str, str]]) -> list[float]:
    # Caught here, where the pair is drawn. Otherwise an error would end the processes and lose all that they drew.
    return [isolation.of_one(partial(score, *pair), 0.0, "the metric cdm", pair) for pair in each(pairs)]


def _undrawn(lost: Lost) -> list[float]:
    """A pair that ended its process counts as one that can't be drawn; the command reports how many there are."""
    return [0.0]


def score(truth: str, prediction: str) -> float:
    """F1 of the marks that are drawn at corresponding places in both, from 0 to 1; 0 if one can't be drawn."""
    try:
        return compare(marks(truth), marks(prediction))
    except RenderError:
        return 0.0


def compare(truth: Sequence[Mark], prediction: Sequence[Mark]) -> float:
    """F1 of two lists of marks."""
    number = len(truth) + len(prediction)
    if not truth or not prediction:
        return 0.0 if number else 1.0
    pairs = _in_order(_assigned(truth[:MOST_MARKS], prediction[:MOST_MARKS]))
    placed = _placed(truth, prediction, pairs)
    right = {pair for pair in placed if truth[pair[0]].kind != BAR} - _glued(truth, prediction, pairs)
    glyphs = [pair for pair in pairs if truth[pair[0]].kind != BAR]
    lines = [pair for pair in pairs if truth[pair[0]].kind == BAR]
    for line in lines:
        covered = _covered_alike(truth, prediction, line, glyphs)
        if covered is not None and (not right.isdisjoint(covered) if covered else line in placed):
            right.add(line)
            # The sign of a root is set before its line, and is as tall as its content.
            sign = (line[0] - 1, line[1] - 1)
            if sign in pairs and truth[sign[0]].kind == ROOT and _one_size(truth[sign[0]], prediction[sign[1]]):
                right.add(sign)
    return 2 * len(right) / number


def _assigned(truth: Sequence[Mark], prediction: Sequence[Mark]) -> list[tuple[int, int]]:
    """Pairs of marks of the same kind, assigned at the lowest total cost."""
    kinds: dict[str, tuple[list[int], list[int]]] = defaultdict(lambda: ([], []))
    for side, some in enumerate((truth, prediction)):
        for place, mark in enumerate(some):
            kinds[mark.kind][side].append(place)
    expected = _expected(truth, prediction)
    longer = max(len(truth), len(prediction))

    def cost(i: int, j: int) -> float:
        one, other = truth[i], prediction[j]
        size = 0 if _one_size(one, other) else 0.5
        return abs(expected[i] - j) / longer + size + min(abs(one.y - other.y) / 1000, 1.0)

    pairs: list[tuple[int, int]] = []
    for one, other in kinds.values():
        if not one or not other:
            continue
        if min(len(one), len(other)) > MOST_OF_A_KIND:
            pairs += zip(one, other, strict=False)
        elif len(one) <= len(other):
            chosen = _assignment([[cost(i, j) for j in other] for i in one])
            pairs += [(i, other[column]) for i, column in zip(one, chosen, strict=True)]
        else:
            chosen = _assignment([[cost(i, j) for i in one] for j in other])
            pairs += [(one[column], j) for j, column in zip(other, chosen, strict=True)]
    return sorted(pairs)


def _expected(truth: Sequence[Mark], prediction: Sequence[Mark]) -> list[int]:
    """Where to look in the prediction for each mark of the truth, from the Levenshtein alignment of the kinds.

    A share of the length would not work: it would stretch an unfinished prediction over the whole truth.
    """
    places: list[int] = []
    for step in Levenshtein.opcodes([mark.kind for mark in truth], [mark.kind for mark in prediction]):
        last = max(step.dest_end - 1, step.dest_start)
        places += [min(step.dest_start + n, last) for n in range(step.src_end - step.src_start)]
    return places


def _assignment(costs: list[list[float]]) -> list[int]:
    """A different column for each row, with the lowest sum of costs. There must be no more rows than columns.

    This is the Hungarian algorithm with potentials, in rows · rows · columns steps (Kuhn 1955, Munkres 1957).
    """
    rows, columns = len(costs), len(costs[0])
    row_level, column_level = [0.0] * (rows + 1), [0.0] * (columns + 1)
    row_of = [0] * (columns + 1)  # 0: the column is free
    for row in range(1, rows + 1):
        row_of[0] = row
        column = 0
        least = [float("inf")] * (columns + 1)
        came_from = [0] * (columns + 1)
        used = [False] * (columns + 1)
        while row_of[column]:
            used[column] = True
            here, gap, following = row_of[column], float("inf"), 0
            for other in range(1, columns + 1):
                if not used[other]:
                    now = costs[here - 1][other - 1] - row_level[here] - column_level[other]
                    if now < least[other]:
                        least[other], came_from[other] = now, column
                    if least[other] < gap:
                        gap, following = least[other], other
            for other in range(columns + 1):
                if used[other]:
                    row_level[row_of[other]] += gap
                    column_level[other] -= gap
                else:
                    least[other] -= gap
            column = following
        while column:
            row_of[column] = row_of[came_from[column]]
            column = came_from[column]
    chosen = [0] * rows
    for column in range(1, columns + 1):
        if row_of[column]:
            chosen[row_of[column] - 1] = column - 1
    return chosen


def _in_order(pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """The largest number of pairs that keep their order: a longest increasing subsequence."""
    ends: list[int] = []
    last: list[int] = []
    before: list[int] = []
    for place, (_, j) in enumerate(pairs):
        at = bisect_right(ends, j)
        before.append(last[at - 1] if at else -1)
        if at == len(ends):
            ends.append(j)
            last.append(place)
        else:
            ends[at], last[at] = j, place
    kept, place = [], last[-1] if last else -1
    while place >= 0:
        kept.append(pairs[place])
        place = before[place]
    return kept[::-1]


def _placed(truth: Sequence[Mark], prediction: Sequence[Mark], pairs: list[tuple[int, int]]) -> list[tuple[int, int]]:
    """Pairs with the same size and the same height.

    The height of a small mark is measured from the last larger mark, which is usually its base. A whole row may have
    moved, so a mark of full size may be as far off as the pair next to it.
    """
    rise = [prediction[j].y - truth[i].y for i, j in pairs]
    kept: list[tuple[int, int]] = []
    larger: list[tuple[float, float]] = []  # (size, rise) of kept pairs, each larger than the next
    last: tuple[int, int] | None = None  # the last kept pair of full size
    for place, (i, j) in enumerate(pairs):
        size = truth[i].size
        if not _one_size(truth[i], prediction[j]):
            continue
        base = [one for larger_size, one in larger if larger_size > size + SAME_SIZE]
        if base:
            near = base[-1:]
        elif size > 1 - SAME_SIZE and (last is None or _same_row_order(truth, prediction, last, (i, j))):
            near = [0.0, *(rise[other] for other in (place - 1, place + 1) if 0 <= other < len(pairs))]
        else:
            near = [0.0]
        if any(abs(rise[place] - one) <= NEAR * min(size / _SCRIPT, 1) for one in near):
            kept.append((i, j))
            if truth[i].kind != BAR:
                larger = [one for one in larger if one[0] > size + SAME_SIZE]
                larger.append((size, rise[place]))
                if size > 1 - SAME_SIZE:
                    last = (i, j)
    return kept


def _same_row_order(
    truth: Sequence[Mark], prediction: Sequence[Mark], one: tuple[int, int], other: tuple[int, int]
) -> bool:
    """Is the second pair in the same row as the first, above it or below it, and the same on both sides?"""
    falls = [some[b].y - some[a].y for some, a, b in zip((truth, prediction), one, other, strict=True)]
    rows = [0 if abs(fall) < _ROW else 1 if fall > 0 else -1 for fall in falls]
    return rows[0] == rows[1] or abs(falls[0] - falls[1]) <= NEAR


def _glued(truth: Sequence[Mark], prediction: Sequence[Mark], pairs: list[tuple[int, int]]) -> set[tuple[int, int]]:
    """Pairs that begin a cell right after another mark on one side, but are in one cell with it on the other side."""
    found = set()
    for (a, b), (c, d) in pairwise(pairs):
        if (c, d) == (a + 1, b + 1):
            sides = [
                (one.cell == other.cell, other.left - one.right)
                for one, other in (truth[a : c + 1], prediction[b : d + 1])
            ]
            (same, gap), (also, other_gap) = sorted(sides)
            if not same and also and gap >= _COLUMN and other_gap <= _NO_COLUMN:
                found.add((c, d))
    return found


def _covered_alike(
    truth: Sequence[Mark], prediction: Sequence[Mark], line: tuple[int, int], glyphs: list[tuple[int, int]]
) -> list[tuple[int, int]] | None:
    """The pairs of glyphs that two lines are above or below; None if they aren't the same ones on the same side.

    The length and height of a line follow from what it covers.
    """
    covered = []
    for pair in glyphs:
        sides = [_side(some[a], some[b]) for some, a, b in zip((truth, prediction), line, pair, strict=True)]
        if sides[0] != sides[1]:
            return None
        if sides[0]:
            covered.append(pair)
    return covered


def _side(line: Mark, glyph: Mark) -> int:
    """1 if a glyph is below a line, -1 if it is above, 0 if it is beside it."""
    if not line.left <= (glyph.left + glyph.right) / 2 <= line.right:
        return 0
    return 1 if glyph.y > line.y else -1


def _one_size(one: Mark, other: Mark) -> bool:
    return abs(one.size - other.size) <= SAME_SIZE
