"""What is wrong with the images of a source, from their measures and findings."""

from __future__ import annotations

from curate.audit.advice.point import READY, Entry, Point
from curate.audit.advice.words import codes_of, counts_of, have, named_rules, of_samples, worst_level
from curate.audit.thresholds import Thresholds
from curate.base.tables import count, share, things
from rules.registry import mended_by
from rules.vocabulary import MENDERS


def _images(part: int, whole: int) -> str:
    if part == whole:
        return f"All {things(whole, 'image')} are" if whole > 1 else "Its one image is"
    return f"{count(part)} of {count(whole)} images ({share(part, whole)}) {have(part, 'is', 'are')}"


def _of_images(entry: Entry, key: str) -> tuple[int, int]:
    """How many of the source's images have a property, and how many were opened."""
    images = entry.get("images") or {}
    return images.get(key) or 0, images.get("images") or 0


def pages(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = _of_images(entry, "pages")
    if not part:
        return None
    shrunk = entry["images"]["model"]["shrunk"]
    which = "all of them" if shrunk == whole else f"{share(shrunk, whole)} of them"
    smaller = f", and Qwen2.5-VL's processor shrinks {which}" if shrunk else ""
    return Point(
        "pages",
        worst_level(part / whole, limits.images_fix),
        part / whole,  # a formula a few pixels high can't be read
        part,
        f"{_images(part, whole)} mostly empty paper",
        f"the model's pixels are spent on paper{smaller}",
        "crop them to their ink: export with `--crop ink`",
        codes_of(counts_of(entry, mended_by("export-crop"))),
        ("--crop", "ink"),
    )


def inverted(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = _of_images(entry, "inverted")
    if not part:
        return None
    # Half the full harm: models learn it in time, at the expense of what they know about dark ink on light paper.
    return Point(
        "light-on-dark",
        worst_level(part / whole, limits.images_fix),
        part / whole / 2,
        part,
        f"{_images(part, whole)} light ink on dark paper",
        "models were trained on dark ink, most other sets have it, and margins are added in white",
        "make the images dark on light: export with `--invert`",
        codes_of(counts_of(entry, mended_by("export-invert"))),
        ("--invert",),
    )


def small(entry: Entry, limits: Thresholds) -> Point | None:
    found = [rule for rule in counts_of(entry, mended_by("export-resize")) if rule["samples"]]
    if not found:
        return None
    part, whole = max(rule["samples"] for rule in found), entry["samples"]
    what = f"{of_samples(part, whole)} {have(part)} an image too small or too long for the model"
    them = have(part, "it", "them")
    why = f"training may stop at {them}"
    do = f"`curate export` scales {them} (`--resize upscale`, its default)"
    return Point("image-size", READY, part / whole, part, what, why, do, codes_of(found), (), named_rules(found))


def unprepared(entry: Entry, limits: Thresholds) -> Point | None:
    part, whole = entry["warnings_mended_by_export"], entry["samples"]
    if not part:
        return None
    found = [rule for rule in counts_of(entry, mended_by("export")) if rule["samples"]]
    return Point(
        "unprepared",
        worst_level(part / whole, limits.images_fix),
        part / whole / 2,  # half of all training code reads such files rightly
        part,
        f"{of_samples(part, whole)} {have(part)} an image that training code often reads wrongly",
        "it ignores EXIF tags, or drops transparency and the depth of colours",
        "train on what `curate export` writes: upright, RGB, on white",
        codes_of(found),
        named=named_rules(found),
    )


def stretched(entry: Entry, limits: Thresholds) -> Point | None:
    found = [rule for rule in counts_of(entry, mended_by("train-pixels")) if rule["samples"]]
    part, whole = sum(rule["samples"] for rule in found), entry["samples"]
    if part / whole <= limits.images_fix:
        return None
    return Point(
        "stretched",
        READY,
        part / whole / 10,
        part,
        f"{of_samples(part, whole)} {have(part)} an image that Qwen2.5-VL's processor stretches",
        "it rounds both sides to multiples of 28 pixels, which is visible on small images",
        f"train with `{MENDERS['train-pixels']}`",
        codes_of(found),
        named=named_rules(found),
    )
