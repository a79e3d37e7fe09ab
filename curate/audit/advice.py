"""What matters about a source if you want to train on it: each point with its share, the reason, and what to type.

Decides from the numbers in summary.json; looks at no label. `verdict` orders the points and derives a verdict from
them. A point's `weight` is how much of the source is lost by ignoring it: the share of samples times the harm done to
one of them. The harms are chosen, from 1 (the sample teaches something wrong) to 0.05 (it teaches the same thing once
more); each has its reason beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePath
from typing import Any

from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things
from curate.sources.model import NOT_UTF8
from rules.registry import all_rules, mended_by, tagged
from rules.sets.split_names import standard
from rules.vocabulary import MENDERS

VERDICTS = ("ready", "fix first", "doubtful", "unfit")
READY, FIX, DOUBTFUL, UNFIT = range(4)

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One thing to know about a source.

    name: its kind, for programs. level: the best verdict that it allows. weight: see the module. samples: how many it
    applies to. what, why: clauses without a full stop. do: what to do, with the command or flag in backticks; "" if
    there is nothing to do. rules: those whose findings show it, for links; named: the first of them with their counts,
    in words. export: flags of `curate export` that do it.
    """

    name: str
    level: int
    weight: float
    samples: int
    what: str
    why: str = ""
    do: str = ""
    rules: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    named: str = ""

    @property
    def sentence(self) -> str:
        text = self.what + (f" ({self.named})" if self.named else "") + (f": {self.why}" if self.why else "")
        return f"{text}; {self.do}." if self.do else f"{text}."

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": VERDICTS[self.level],
            "samples": self.samples,
            "what": self.what,
            "why": self.why,
            "do": self.do,
            "rules": list(self.rules),
            "named": self.named,
            "export": list(self.export),
        }


def points(entry: Entry, limits: Thresholds) -> list[Point]:
    """Every point about a source that has samples, in any order. entry: as in summary.json."""
    found = (check(entry, limits) for check in _CHECKS)
    return [*map(_of_the_set, entry["set_errors"]), *(point for point in found if point is not None)]


def nothing_read(entry: Entry) -> Point:
    """The only point about a source without samples."""
    if not entry["rows"]:
        return Point("nothing-read", UNFIT, 1, 0, "There is nothing in it", "no row was found")
    return Point(
        "nothing-read",
        UNFIT,
        1,
        entry["rows"],
        f"None of its {count(entry['rows'])} rows could be read{_top_reason(entry)}",
        do=_resaved(entry) or f"check that it really is {entry['format']}, or name another format",
    )


def labels_only(entry: Entry) -> bool:
    """Was no image of the source looked at? Then nothing is known about its pictures or pairs."""
    return not entry["with_image"] or not_looked_at(entry)


def not_looked_at(entry: Entry) -> bool:
    """Does the source name images, but none was found or none was to be opened? Then only its labels can be judged.

    Missing or broken images are reported one by one only if some images exist.
    """
    one_by_one = any(rule["rule"] in tagged("unusable-image") and rule["samples"] for rule in entry["rules"])
    missing = bool(0 < entry["with_image"] == entry["missing_image"]) and not one_by_one
    return missing or bool(entry["with_image"] and not entry.get("images") and not entry["missing_image"])


# Words ----------------------------------------------------------------------------------------------------------------


def _level(part: float, *limits: float | None) -> int:
    """The worst level whose limit `part` exceeds; a None limit is never exceeded."""
    return max((i + 1 for i, limit in enumerate(limits) if limit is not None and part > limit), default=READY)


def _samples(part: int, whole: int) -> str:
    return f"{count(part)} of {count(whole)} samples ({share(part, whole)})"


def _have(part: int, one: str = "has", many: str = "have") -> str:
    return one if part == 1 else many


def _most(entry: Entry, severity: str, counted: str = "samples", *, without: Iterable[str] = ()) -> list[Any]:
    """The rules of a severity that have samples, most first; without those about missing images and shifted pairs,
    which have points of their own. counted: which of a rule's counts."""
    aside = {*tagged("unusable-image"), *mended_by("realign"), *without}
    found = [
        rule for rule in entry["rules"] if rule["severity"] == severity and rule[counted] and rule["rule"] not in aside
    ]
    return sorted(found, key=lambda rule: -int(rule[counted]))


def _named(found: list[Any], counted: str = "samples") -> str:
    """Rules for a sentence: `SYN001 unbalanced-brace (12), …`."""
    text = ", ".join(f"{rule['rule']} {rule['name']} ({count(rule[counted])})" for rule in found[:3])
    return text + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _codes(found: Iterable[Any]) -> tuple[str, ...]:
    return tuple(rule["rule"] for rule in found)


def _found(entry: Entry, codes: Iterable[str]) -> list[Any]:
    """The source's counts for these rules, most samples first. A finding about the whole set counts no samples."""
    wanted = set(codes)
    return sorted((rule for rule in entry["rules"] if rule["rule"] in wanted), key=lambda rule: -int(rule["samples"]))


# What makes a source useless as it is ---------------------------------------------------------------------------------


def _of_the_set(found: Mapping[str, str]) -> Point:
    """An error of the whole set: none of its samples can be trusted, however many look good."""
    mender = MENDERS.get(all_rules()[found["rule"]].mended_by or "")
    do = f"`{mender}` may repair it: look at the difference, and audit the fixed copy" if mender else ""
    if mender == MENDERS["columns"]:
        do = f"if another column or file holds them, read that: `{mender}`"
    what = f"{found['rule']} {found['name']}: {found['message']}"
    return Point("whole-set", UNFIT, 2, 0, what, do=do, rules=(found["rule"],))


def _no_images(entry: Entry, limits: Thresholds) -> Point | None:
    if not labels_only(entry):
        return None
    named = entry["with_image"]
    if not named:
        what = "No image was given"
        do = f"name the images' folder with `--images {entry['name']}=DIR`, and their column with `--columns`"
    elif entry["missing_image"]:
        what = f"None of its {things(named, 'image')} was found"
        do = f"get the images, and audit again with `--images {entry['name']}=DIR`, which says where they are"
    else:
        what = f"None of its {things(named, 'image')} was opened"
        do = "audit it without `--no-images` before you train on it"
    why = "this verdict is on the labels only; nobody can train on them, or tell whether they belong to their pictures"
    return Point("labels-only", FIX, 1, entry["samples"], what, why, do)


def _missing(entry: Entry, limits: Thresholds) -> Point | None:
    whole = entry["samples"]
    part = entry["missing_image"] + whole - entry["with_image"]
    if labels_only(entry) or not part:
        return None
    rules = _codes(_found(entry, tagged("unusable-image")))
    level = _level(part / whole, limits.missing_fix, limits.missing_doubtful, limits.missing_unfit)
    right = f"check that `--images {entry['name']}=DIR` is the right folder"
    if entry["missing_image"] == entry["with_image"]:
        what = f"None of its {things(entry['with_image'], 'image')} can be opened"
        return Point("missing-images", max(level, DOUBTFUL), 1, part, what, do=right, rules=rules)
    what = f"{_samples(part, whole)} {_have(part)} no image that can be opened"
    why = "they can't be trained on, and `curate export` leaves them out"
    return Point("missing-images", level, part / whole, part, what, why, right if level >= DOUBTFUL else "", rules)


def _unreadable(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["unreadable"], max(entry["rows"], entry["samples"] + entry["unreadable"])
    if not part:
        return None
    level = _level(part / whole, limits.unreadable_fix, limits.unreadable_doubtful, limits.unreadable_unfit)
    what = f"{count(part)} of {count(whole)} rows ({share(part, whole)}) could not be read{_top_reason(entry)}"
    if level >= DOUBTFUL:
        return Point(
            "unreadable", level, part / whole, part, what,
            do=_resaved(entry) or f"check that it really is {entry['format']} and that the file is whole",
        )  # fmt: skip
    if level == FIX:
        why = "a gap is the usual sign of pairs that have shifted"
        repair = _resaved(entry) or "repair the file"
        return Point("unreadable", level, part / whole, part, what, why, f"{repair}, and look at the pairs")
    return Point("unreadable", level, part / whole, part, what, "they are left out")


def _top(reasons: Mapping[str, int]) -> str | None:
    return max(reasons, key=lambda reason: (reasons[reason], reason), default=None)


def _top_reason(entry: Entry) -> str:
    reasons = entry["unreadable_by_reason"]
    top = _top(reasons)
    return "" if top is None else f" (most often: {top}, {count(reasons[top])})"


def _resaved(entry: Entry) -> str:
    """What to do if most unreadable rows are in another encoding, as spreadsheets write it; else ""."""
    return "save the file as UTF-8" if _top(entry["unreadable_by_reason"]) == NOT_UTF8 else ""


# What is wrong with labels --------------------------------------------------------------------------------------------

#: One label that is known to be broken stands for others that no rule sees (`Thresholds.broken_fix`), and a model
#: learns all of them as they are.
_BROKEN = 5.0


def _layout(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["layout_tokens"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    codes = _codes(_found(entry, tagged("layout")))
    menders = dict.fromkeys(MENDERS[mender] for code in tagged("layout") if (mender := all_rules()[code].mended_by))
    return Point(
        "layout-tokens",
        level,
        part / whole,
        part,
        f"{share(part, whole)} of labels ({count(part)}) hold layout tokens",
        "they are not LaTeX, nothing can render them, and deleting them would join lines that belong apart",
        "run "
        + " or ".join(f"`{mender}`" for mender in menders)
        + ", look at the difference, and audit the fixed copy",
        codes,
        named=", ".join(codes),
    )


def _broken(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_without_fix"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.broken_fix, limits.broken_doubtful, limits.broken_unfit)
    found = _most(entry, "error", "without_fix", without=(*tagged("layout"), *mended_by("export", "export-resize")))
    what = f"{_samples(part, whole)} {_have(part, 'is', 'are')} wrong and can't be repaired"
    if level >= DOUBTFUL:
        why = "whatever broke them has probably broken others that no rule can see"
        do = "go back to the raw labels, or compare a sample of the rest with its images before you trust it"
    else:
        why, do = "`curate export` leaves them out", ""
    return Point(
        "broken", level, _BROKEN * part / whole, part, what, why, do, _codes(found), (), _named(found, "without_fix")
    )


def _unsafe(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_with_unsafe_fix"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.fixable_fix, limits.unsafe_doubtful, limits.unsafe_unfit)
    found = [rule for rule in _most(entry, "error", without=tagged("layout")) if rule["without_fix"] < rule["samples"]]
    return Point(
        "unsafe-fixes",
        level,
        part / whole,
        part,
        f"{_samples(part, whole)} {_have(part)} errors that only an unsafe fix repairs",
        "it guesses what was meant",
        "look at `curate fix SOURCE --unsafe-fixes --diff` before you use it",
        _codes(found),
        ("--fix", "unsafe"),
        _named(found),
    )


def _safe(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["errors_with_safe_fix"], entry["samples"]
    if not part:
        return None
    found = [rule for rule in _most(entry, "error", without=tagged("layout")) if rule["without_fix"] < rule["samples"]]
    level = _level(part / whole, limits.fixable_fix)
    what = f"{_samples(part, whole)} {_have(part)} errors that a safe fix repairs"
    do = "run `curate fix SOURCE`, or export with `--fix safe`"
    return Point("safe-fixes", level, part / whole, part, what, "", do, _codes(found), ("--fix", "safe"), _named(found))


def _warnings(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["warnings_without_safe_fix"], entry["samples"]
    if not part:
        return None
    level = _level(part / whole, limits.warning_fix, limits.warning_doubtful)
    found = _most(entry, "warning")
    return Point(
        "warnings",
        level,
        part / whole / 2,  # every other warning is right
        part,
        f"{_samples(part, whole)} {_have(part, 'is', 'are')} likely wrong",
        "",
        "look at the examples, then fix or drop (`--drop CODE`) what the rules found rightly",
        _codes(found),
        named=_named(found),
    )


def _residue(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["residue"], entry["samples"]
    if not part:
        return None
    found = _found(entry, tagged("residue"))
    # Half the full harm: a model that learns to invent `\label{…}` still reads the formula.
    return Point(
        "residue",
        _level(part / whole, limits.fixable_fix),
        part / whole / 2,
        part,
        f"{share(part, whole)} of labels ({count(part)}) contain things that no picture shows",
        "the model learns to make them up",
        "remove them with `curate fix SOURCE`, or export with `--fix safe`",
        _codes(found),
        ("--fix", "safe"),
        _named(found),
    )


#: The share of differently spelled labels worth mentioning: below this, a model hardly notices.
_SPELLED = 0.02


def _spelling(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["respellable"], entry["samples"]
    if part / whole <= _SPELLED:
        return None
    found = [rule for rule in _most(entry, "info", without=tagged("residue")) if rule["without_fix"] < rule["samples"]]
    which = f"{share(part, whole)} of labels ({count(part)})"
    # A tenth: the model reads the picture correctly, but is scored as if it hadn't.
    return Point(
        "spelling",
        READY,
        part / whole / 10,
        part,
        f"{which} could be spelled differently and look the same",
        "a picture doesn't show which spelling its label has, so a model can't learn a mix of spellings",
        f"use one spelling for all with `{MENDERS['style']}`",
        _codes(found),
        ("--style", "canonical"),
        _named(found),
    )


def _unkeyed(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["no_visual_key_without_error"], entry["samples"]
    if part / whole <= limits.unkeyed_note:
        return None
    what = f"{_samples(part, whole)} {_have(part)} no error but no visual key"
    looks = _have(part, "it looks", "they look")
    why = f"texsieve can't tell what {looks} like, so it can't find duplicates and leaks among them"
    level = _level(part / whole, None, limits.unkeyed_doubtful)
    return Point("keyless", level, part / whole / 20, part, what, why, rules=_codes(_found(entry, tagged("keyless"))))


# What is wrong with images --------------------------------------------------------------------------------------------


def _images(part: int, whole: int) -> str:
    if part == whole:
        return f"All {things(whole, 'image')} are" if whole > 1 else "Its one image is"
    return f"{count(part)} of {count(whole)} images ({share(part, whole)}) {_have(part, 'is', 'are')}"


def _of_images(entry: Entry, key: str) -> tuple[int, int]:
    """How many of the source's images have a property, and how many were opened."""
    images = entry.get("images") or {}
    return images.get(key) or 0, images.get("images") or 0


def _pages(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = _of_images(entry, "pages")
    if not part:
        return None
    shrunk = entry["images"]["model"]["shrunk"]
    which = "all of them" if shrunk == whole else f"{share(shrunk, whole)} of them"
    smaller = f", and Qwen2.5-VL's processor shrinks {which}" if shrunk else ""
    return Point(
        "pages",
        _level(part / whole, limits.images_fix),
        part / whole,  # a formula a few pixels high can't be read
        part,
        f"{_images(part, whole)} mostly empty paper",
        f"the model's pixels are spent on paper{smaller}",
        "crop them to their ink: export with `--crop ink`",
        _codes(_found(entry, mended_by("export-crop"))),
        ("--crop", "ink"),
    )


def _inverted(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = _of_images(entry, "inverted")
    if not part:
        return None
    # Half the full harm: models learn it in time, at the expense of what they know about dark ink on light paper.
    return Point(
        "light-on-dark",
        _level(part / whole, limits.images_fix),
        part / whole / 2,
        part,
        f"{_images(part, whole)} light ink on dark paper",
        "models were trained on dark ink, most other sets have it, and margins are added in white",
        "make the images dark on light: export with `--invert`",
        _codes(_found(entry, mended_by("export-invert"))),
        ("--invert",),
    )


def _small(entry: Entry, limits: Thresholds) -> Point | None:
    found = [rule for rule in _found(entry, mended_by("export-resize")) if rule["samples"]]
    if not found:
        return None
    part, whole = max(rule["samples"] for rule in found), entry["samples"]
    what = f"{_samples(part, whole)} {_have(part)} an image too small or too long for the model"
    why = "training may stop at them"
    do = "`curate export` scales them (`--resize upscale`, its default)"
    return Point("image-size", READY, part / whole, part, what, why, do, _codes(found), (), _named(found))


def _stretched(entry: Entry, limits: Thresholds) -> Point | None:
    found = [rule for rule in _found(entry, mended_by("train-pixels")) if rule["samples"]]
    part, whole = sum(rule["samples"] for rule in found), entry["samples"]
    if part / whole <= limits.images_fix:
        return None
    return Point(
        "stretched",
        READY,
        part / whole / 10,
        part,
        f"{_samples(part, whole)} {_have(part)} an image that Qwen2.5-VL's processor stretches",
        "it rounds both sides to multiples of 28 pixels, which is visible on small images",
        f"train with `{MENDERS['train-pixels']}`",
        _codes(found),
        named=_named(found),
    )


# What to know about splits, duplicates and size -----------------------------------------------------------------------


def _held_out(entry: Entry, limits: Thresholds) -> Point | None:
    names = entry["splits"]
    if not names or sum(names.values()) < entry["samples"]:  # a sample without a split has its file's
        names = {**names, PurePath(entry["path"]).name: 0}
    kinds = {standard(name) or standard(entry["name"]) for name in names}
    if not kinds <= {"test", "validation"}:
        return None
    what = f"By its name, all of it is a test set ({', '.join(names)})"
    why = "results of a model trained on it can't be compared with others"
    return Point("held-out", READY, 1, entry["samples"], what, why, "keep it for that")


def _duplicates(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["duplicate_labels"], entry["samples"]
    if part / whole <= limits.duplicate_note:
        return None
    level = _level(part / whole, limits.duplicate_fix)
    what = f"{share(part, whole)} of labels ({count(part)}) look the same as an earlier one"
    if level == READY:
        why = "this is fine for training, but a random split puts answers into the test set"
        do = "split by label, as `curate export` does"
    else:
        why = "the model memorises the most frequent formulas"
        do = "limit how often one may occur: export with `--max-repeats 10`"
    flags = () if level == READY else ("--max-repeats", "10")
    rules = _codes(_found(entry, tagged("repeats")))
    return Point("duplicates", level, part / whole / 20, part, what, why, do, rules, flags)


def _leaks(entry: Entry, limits: Thresholds) -> Point | None:
    worst = [
        (part / entry["splits"][split], part, split)
        for split, part in entry.get("split_overlap", {}).items()
        if part / entry["splits"][split] > limits.overlap_note
    ]
    if not worst:
        return None
    named = ", ".join(f"{share(part, entry['splits'][split])} of {split} ({count(part)})" for _, part, split in worst)
    what = f"Labels of 10 tokens or more in its test splits also occur in its training split: {named}"
    do = "export with `--keep-splits test`, which removes them from training"
    part = sum(part for _, part, _ in worst)
    weight = max(worst)[0] / 5  # it spoils the test, not the training
    return Point("leaks", READY, weight, part, what, "scores will be too good", do, (), ("--keep-splits", "test"))


def _shared(entry: Entry, limits: Thresholds) -> Point | None:
    whole = entry["samples"]
    shared = sorted(
        ((part, other) for other, part in entry.get("shared_labels", {}).items() if part / whole > limits.overlap_note),
        key=lambda pair: (-pair[0], pair[1]),
    )
    if not shared:
        return None
    named = ", ".join(f"{other} ({share(part, whole)})" for part, other in shared[:4])
    more = f" and {len(shared) - 4} more" if len(shared) > 4 else ""
    what = f"Shares labels of 10 tokens or more with {named}{more}"
    return Point(
        "shared",
        READY,
        shared[0][0] / whole / 10,
        shared[0][0],
        what,
        do="don't train on one and test on the other",
    )


def _few(entry: Entry, limits: Thresholds) -> Point | None:
    if entry.get("drawn_from", entry["samples"]) >= limits.small:
        return None
    what = f"With {things(entry['samples'], 'sample')} it is too small to fine-tune on alone"
    return Point("small", READY, 0.01, entry["samples"], what)


def _long(entry: Entry, limits: Thresholds) -> Point | None:
    if entry["max_tokens"] is None or entry["max_tokens"] <= limits.long_tokens:
        return None
    what = f"The longest label has {count(entry['max_tokens'])} tokens"
    do = f"raise the sequence length, or export with `--max-tokens {limits.long_tokens}`"
    return Point("long-labels", READY, 0.001, 1, what, do=do, export=("--max-tokens", str(limits.long_tokens)))


_CHECKS: tuple[Callable[[Entry, Thresholds], Point | None], ...] = (
    _no_images, _missing, _unreadable, _layout, _broken, _unsafe, _safe, _warnings, _residue, _spelling, _unkeyed,
    _pages, _inverted, _small, _stretched, _held_out, _duplicates, _leaks, _shared, _few, _long,
)  # fmt: skip
