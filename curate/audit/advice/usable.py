"""What makes a source useless as it is: no rows, no images, errors of the whole set."""

from __future__ import annotations

from collections.abc import Mapping

from curate.audit.advice.point import DOUBTFUL, FIX, UNFIT, Entry, Point
from curate.audit.advice.words import codes_of, counts_of, have, of_samples, resaved, top_reason, worst_level
from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things
from rules.registry import all_rules, tagged
from rules.vocabulary import MENDERS


def nothing_read(entry: Entry) -> Point:
    """The only point about a source without samples."""
    if not entry["rows"]:
        return Point("nothing-read", UNFIT, 1, 0, "There is nothing in it", "no row was found")
    return Point(
        "nothing-read",
        UNFIT,
        1,
        entry["rows"],
        f"None of its {count(entry['rows'])} rows could be read{top_reason(entry)}",
        do=resaved(entry) or f"check that it really is {entry['format']}, or name another format",
    )


def labels_only(entry: Entry) -> bool:
    """Was no image of the source looked at? Then nothing is known about its pictures or pairs."""
    return not entry["with_image"] or not (entry.get("images") or entry["missing_image"])


def of_the_set(found: Mapping[str, str]) -> Point:
    """An error of the whole set: none of its samples can be trusted, however many look good."""
    mender = MENDERS.get(all_rules()[found["rule"]].mended_by or "")
    do = (
        f"`{mender} --diff` shows a repair: if it is right, write a copy with `--out`, and audit that" if mender else ""
    )
    if mender == MENDERS["columns"]:
        do = f"if another column or file holds them, read that: `{mender}`"
    what = f"{found['rule']} {found['name']}: {found['message']}"
    return Point("whole-set", UNFIT, 2, 0, what, do=do, rules=(found["rule"],))


def no_images(entry: Entry, limits: Thresholds) -> Point | None:
    if not labels_only(entry):
        return None
    named = entry["with_image"]
    why = (
        "this verdict is on the labels only; training needs the images, and so does a check that labels belong to them"
    )
    if not named:
        what = "No image was given"
        do = f"name the images' folder with `--images {entry['name']}=DIR`, and their column with `--columns`"
    else:
        what = f"None of its {things(named, 'image')} was opened"
        why = "this verdict is on the labels only, and doesn't say whether they belong to their images"
        do = "audit it without `--no-images` before you train on it"
    return Point("labels-only", FIX, 1, entry["samples"], what, why, do)


def missing(entry: Entry, limits: Thresholds) -> Point | None:
    whole = entry["samples"]
    part = entry["missing_image"] + whole - entry["with_image"]
    if labels_only(entry) or not part:
        return None
    rules = codes_of(counts_of(entry, tagged("unusable-image")))
    level = worst_level(part / whole, limits.missing_fix, limits.missing_doubtful, limits.missing_unfit)
    found = [rule for rule in counts_of(entry, tagged("unusable-image")) if rule["samples"]]
    right = f"check that `--images {entry['name']}=DIR` is the right folder"
    if found and all_rules()[found[0]["rule"]].family == "IMG":  # the files are there
        right = f"each finding of {found[0]['rule']} says what the file is, and what to do"
    if entry["missing_image"] == entry["with_image"]:
        what = f"None of its {things(entry['with_image'], 'image')} can be opened"
        return Point("missing-images", max(level, DOUBTFUL), 1, part, what, do=right, rules=rules)
    what = f"{of_samples(part, whole)} {have(part)} no image that can be opened"
    why = f"{have(part, 'it', 'they')} can't be trained on, and `curate export` leaves {have(part, 'it', 'them')} out"
    return Point("missing-images", level, part / whole, part, what, why, right if level >= DOUBTFUL else "", rules)


def unreadable(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["unreadable"], max(entry["rows"], entry["samples"] + entry["unreadable"])
    if not part:
        return None
    level = worst_level(part / whole, limits.unreadable_fix, limits.unreadable_doubtful, limits.unreadable_unfit)
    what = f"{count(part)} of {count(whole)} rows ({share(part, whole)}) could not be read{top_reason(entry)}"
    if level >= DOUBTFUL:
        return Point(
            "unreadable", level, part / whole, part, what,
            do=resaved(entry) or f"check that it really is {entry['format']} and that the file is whole",
        )  # fmt: skip
    if level == FIX:
        why = "a gap is the usual sign of pairs that have shifted"
        repair = resaved(entry) or "repair the file"
        return Point("unreadable", level, part / whole, part, what, why, f"{repair}, and look at the pairs")
    return Point("unreadable", level, part / whole, part, what, have(part, "it is left out", "they are left out"))
