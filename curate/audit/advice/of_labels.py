"""What is wrong with the labels of a source, from the counts of its findings."""

from __future__ import annotations

from typing import Any

from curate.audit.advice.point import DOUBTFUL, READY, Entry, Point
from curate.audit.advice.words import codes_of, counts_of, have, most, named_rules, of_samples, worst_level
from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share
from rules.registry import all_rules, fixing_as, mended_by, tagged
from rules.vocabulary import MENDERS, PREPARED

#: One label that is known to be broken stands for others that no rule sees (`Thresholds.broken_fix`), and a model
#: learns all of them as they are.
_BROKEN = 5.0


def layout(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["layout_tokens"], entry["samples"]
    if not part:
        return None
    level = worst_level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    codes = codes_of(counts_of(entry, tagged("layout")))
    menders = dict.fromkeys(MENDERS[mender] for code in tagged("layout") if (mender := all_rules()[code].mended_by))
    return Point(
        "layout-tokens",
        level,
        part / whole,
        part,
        f"{share(part, whole)} of labels ({count(part)}) hold layout tokens",
        "they are not LaTeX, nothing can render them, and deleting them would join lines that belong apart",
        "look at "
        + " or ".join(f"`{mender} --diff`" for mender in menders)
        + "; if it is right, write a copy (`--out PATH` for `--diff`), and audit that with `--profile m2e`",
        codes,
        named=", ".join(codes),
    )


def broken(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_without_fix"], entry["samples"]
    if not part:
        return None
    level = worst_level(part / whole, limits.broken_fix, limits.broken_doubtful, limits.broken_unfit)
    found = most(entry, "error", "without_fix", without=(*tagged("layout"), *mended_by("export", "export-resize")))
    what = f"{of_samples(part, whole)} {have(part, 'is', 'are')} wrong and can't be repaired"
    if level >= DOUBTFUL:
        why = f"whatever broke {have(part, 'it', 'them')} has probably broken others that no rule can see"
        do = "go back to the raw labels, or compare a sample of the rest with its images before you trust it"
    else:
        why, do = f"`curate export` leaves {have(part, 'it', 'them')} out", ""
    return Point(
        "broken",
        level,
        _BROKEN * part / whole,
        part,
        what,
        why,
        do,
        codes_of(found),
        (),
        named_rules(found, "without_fix"),
    )


def unsafe(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_with_unsafe_fix"], entry["samples"]
    if not part:
        return None
    level = worst_level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    found = most(entry, "error", "with_unsafe_fix", without=tagged("layout"))
    return Point(
        "unsafe-fixes",
        level,
        part / whole,
        part,
        f"{of_samples(part, whole)} {have(part)} errors that only an unsafe fix repairs",
        "it guesses what was meant",
        "look at `curate fix SOURCE --unsafe-fixes --diff` before you apply it",
        codes_of(found),
        ("--fix", "unsafe"),
        named_rules(found, "with_unsafe_fix"),
    )


def safe(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_with_safe_fix"], entry["samples"]
    if not part:
        return None
    found = most(entry, "error", "with_safe_fix", without=tagged("layout"))
    named = named_rules(found, "with_safe_fix")
    if named and sum(rule["with_safe_fix"] for rule in found) < part:  # `&` in `&lt;` is an error without a fix
        named += "; in the rest, the fix of another finding"
    level = worst_level(part / whole, limits.fixable_fix)
    what = f"{of_samples(part, whole)} {have(part)} errors that a safe fix repairs"
    do = "run `curate fix SOURCE --out PATH`, or export with `--fix safe`"
    return Point(
        "safe-fixes",
        level,
        part / whole,
        part,
        what,
        "",
        do,
        codes_of(found),
        ("--fix", "safe"),
        named,
    )


def warnings(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["warnings_without_safe_fix"], entry["samples"]
    if not part:
        return None
    level = worst_level(part / whole, limits.warning_fix, limits.warning_doubtful)
    found = [rule for rule in most(entry, "warning", without=mended_by(*PREPARED)) if _stays_open(rule)]
    return Point(
        "warnings",
        level,
        part / whole / 2,  # every other warning is right
        part,
        f"{of_samples(part, whole)} {have(part, 'is', 'are')} likely wrong",
        "",
        "look at the examples, then fix or drop (`--drop CODE`) what the rules found rightly",
        codes_of(found),
        named=named_rules(found),
    )


def _stays_open(rule: Any) -> bool:
    """Whether a rule has samples that no safe fix mends."""
    return bool(rule["without_fix"] or rule["with_unsafe_fix"])


def residue(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["residue"], entry["samples"]
    if not part:
        return None
    found = counts_of(entry, tagged("residue"))
    # Half the full harm: a model that learns to invent `\label{…}` still reads the formula.
    return Point(
        "residue",
        worst_level(part / whole, limits.fixable_fix),
        part / whole / 2,
        part,
        f"{share(part, whole)} of labels ({count(part)}) contain things that no picture shows",
        "the model learns to make them up",
        "remove them with `curate fix SOURCE --out PATH`, or export with `--fix safe`",
        codes_of(found),
        ("--fix", "safe"),
        named_rules(found),
    )


#: The share of differently spelled labels worth mentioning: below this, a model hardly notices.
_SPELLED = 0.02


def spelling(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["respellable"], entry["samples"]
    if part / whole <= _SPELLED:
        return None
    found = [rule for rule in most(entry, "info", "with_safe_fix") if rule["rule"] in fixing_as("style")]
    which = f"{share(part, whole)} of labels ({count(part)})"
    # A tenth: the model reads the picture correctly, but is scored as if it hadn't.
    return Point(
        "spelling",
        READY,
        part / whole / 10,
        part,
        f"{which} could be spelled differently and look the same",
        "a picture doesn't show which spelling its label has, so a model can't learn a mix of spellings",
        f"use one spelling for all: `{MENDERS['style']} --out PATH`",
        codes_of(found),
        ("--style", "canonical"),
        named_rules(found, "with_safe_fix"),
    )


def unkeyed(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["no_visual_key_without_error"], entry["samples"]
    if part / whole <= limits.unkeyed_note:
        return None
    what = f"{of_samples(part, whole)} {have(part)} no error but no visual key"
    looks = have(part, "it looks", "they look")
    why = f"texsieve can't tell what {looks} like, so it can't find duplicates and leaks among them"
    level = worst_level(part / whole, None, limits.unkeyed_doubtful)
    return Point(
        "keyless", level, part / whole / 20, part, what, why, rules=codes_of(counts_of(entry, tagged("keyless")))
    )
