"""What matters about a source if you want to train on it: each point with its share, the reason, and what to type.

Decides from the numbers in summary.json; looks at no label. `verdict` orders the points and derives a verdict from
them. A point's `weight` is how much of the source is lost by ignoring it: the share of samples times the harm done to
one of them. The harms are chosen, from 1 (the sample teaches something wrong) to 0.05 (it teaches the same thing once
more); each has its reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable

from curate.audit.advice import of_images, of_labels, of_sets, usable
from curate.audit.advice.point import Entry, Point
from curate.audit.thresholds import Thresholds


def points(entry: Entry, limits: Thresholds) -> list[Point]:
    """Every point about a source that has samples, in any order. entry: as in summary.json."""
    found = (check(entry, limits) for check in _CHECKS)
    return [*map(usable.of_the_set, entry["set_errors"]), *(point for point in found if point is not None)]


_CHECKS: tuple[Callable[[Entry, Thresholds], Point | None], ...] = (
    usable.no_images, usable.missing, usable.unreadable,
    of_labels.layout, of_labels.broken, of_labels.unsafe, of_labels.safe, of_labels.warnings, of_labels.residue,
    of_labels.spelling, of_labels.unkeyed,
    of_images.pages, of_images.inverted, of_images.small, of_images.unprepared,
    of_images.stretched,
    of_sets.held_out, of_sets.duplicates, of_sets.leaks, of_sets.shared, of_sets.few, of_sets.long,
)  # fmt: skip
