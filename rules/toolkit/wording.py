"""Formats numbers and names for messages about whole data sets. Tables are in `curate.base.tables`."""

from __future__ import annotations

from collections.abc import Sequence


def percent(part: float, whole: float) -> str:
    """`26.4 %`; `<0.1 %` for a share that would be rounded to zero."""
    if not whole or not part:
        return "0 %"
    value = 100 * part / whole
    return "<0.1 %" if value < 0.05 else f"{value:.1f} %".replace(".0 %", " %")


def clip(text: str, most: int = 40) -> str:
    """`text` on one line, cut to `most` characters with an ellipsis."""
    line = " ".join(text.split())
    return line if len(line) <= most else line[: most - 1] + "…"


def listed(names: Sequence[str], most: int) -> str:
    """The first `most` names, separated by commas, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
