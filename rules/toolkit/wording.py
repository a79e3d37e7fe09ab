"""Formats numbers, names and quoted texts for messages of rules. Tables are in `curate.base.tables`."""

from __future__ import annotations

from collections.abc import Sequence


def percent(part: float, whole: float) -> str:
    """`26.4 %`; `<0.1 %` for a share that would be rounded to zero."""
    if not whole or not part:
        return "0 %"
    value = 100 * part / whole
    return "<0.1 %" if value < 0.05 else f"{value:.1f} %".replace(".0 %", " %")


def clip(text: str, most: int) -> str:
    """`text` cut to `most` characters, the last an ellipsis if something was cut."""
    return text if len(text) <= most else text[: most - 1] + "…"


def listed(names: Sequence[str], most: int) -> str:
    """The first `most` names, separated by commas, and the number of the others."""
    more = f" and {len(names) - most} more" if len(names) > most else ""
    return ", ".join(names[:most]) + more
