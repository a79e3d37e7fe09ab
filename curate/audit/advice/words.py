"""Counts and rules in words, and the verdict that a share allows. No checks."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from curate.audit.advice.point import READY, Entry
from curate.base.tables import count, share
from curate.sources.model import NOT_UTF8
from rules.registry import mended_by, tagged


def worst_level(part: float, *limits: float | None) -> int:
    """The worst level whose limit `part` exceeds; a None limit is never exceeded."""
    return max((i + 1 for i, limit in enumerate(limits) if limit is not None and part > limit), default=READY)


def of_samples(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)} samples ({share(part, whole)})"


def have(part: int, one: str = "has", many: str = "have") -> str:
    return one if part == 1 else many


def most(entry: Entry, severity: str, counted: str = "samples", *, without: Iterable[str] = ()) -> list[Any]:
    """The rules of a severity that have samples, most first; without those about missing images and shifted pairs,
    which have points of their own. counted: which of a rule's counts."""
    aside = {*tagged("unusable-image"), *mended_by("realign"), *without}
    found = [
        rule for rule in entry["rules"] if rule["severity"] == severity and rule[counted] and rule["rule"] not in aside
    ]
    return sorted(found, key=lambda rule: -int(rule[counted]))


def named_rules(found: list[Any], counted: str = "samples") -> str:
    """Rules for a sentence: `SYN001 unbalanced-brace (12), …`."""
    text = ", ".join(f"{rule['rule']} {rule['name']} ({count(rule[counted])})" for rule in found[:3])
    return text + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def codes_of(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(rule["rule"] for rule in found)


def counts_of(entry: Entry, codes: Iterable[str]) -> list[Any]:
    """The source's counts for these rules, most samples first. A finding about the whole set counts no samples."""
    wanted = set(codes)
    return sorted((rule for rule in entry["rules"] if rule["rule"] in wanted), key=lambda rule: -int(rule["samples"]))


def _top(reasons: Mapping[str, int]) -> str | None:
    return max(reasons, key=lambda reason: (reasons[reason], reason), default=None)


def top_reason(entry: Entry) -> str:
    reasons = entry["unreadable_by_reason"]
    top = _top(reasons)
    return "" if top is None else f" (most often: {top}, {count(reasons[top])})"


def resaved(entry: Entry) -> str:
    """What to do if most unreadable rows are in another encoding, as spreadsheets write it; else ""."""
    return "save the file as UTF-8" if _top(entry["unreadable_by_reason"]) == NOT_UTF8 else ""
