"""The stages that look at images: their measures, and how images and labels fit as pairs. Judges nothing."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from curate.archives.names import UNKNOWN, is_archive
from curate.audit.options import AuditOptions, Progress
from curate.base.errors import UserError
from curate.base.tables import things
from curate.base.visible import visible
from curate.images.endings import IMAGE_ENDINGS
from curate.images.errors import LEAVES, MISSING
from curate.images.measure_cache import measured
from curate.images.opening import MEASURED
from curate.pairs import PAIR_COLUMNS, with_pairs
from curate.pairs.orphans import ORPHANS, with_orphans
from curate.predictions.contradicted import PREDICTED
from curate.runs.folder import SAMPLES
from curate.sources import Source
from curate.sources.archived_images import NOT_READ
from curate.sources.image_paths import SEVERAL_HOLD
from curate.sources.model import NOT_FOUND

#: What is known about an image and its pair while rules run. Only the columns named in SAMPLES remain after that.
FACTS = [
    name
    for name in (*MEASURED, "image_error", *PAIR_COLUMNS, *PREDICTED, *ORPHANS)
    if name not in ("image", "pair_score")
]
#: Columns of the samples that exist only during an audit: their number, and their label's.
OWN = ("order", "label_row")
#: Facts that only pairs are computed from, and that are large: 1.5 kB per image.
ONCE = ("ink_thumb",)
#: How many folders, beside the labels' own or below the images', are searched for a hint.
_MOST_BESIDE = 60
#: The prefix of a source's own column while a fact about the image has its name.
ASIDE = "\0"


def join_images(
    samples: pl.DataFrame,
    sources: Sequence[Source],
    options: AuditOptions,
    report: Progress,
    cached: Callable[[int], Any] | None = None,
) -> pl.DataFrame:
    """What every image's header says, what its pixels say if a rule asks, and why some images can't be opened.

    Joins the columns of `curate.images.opening.PROBE`, `error` as `image_error`, and those of MEASURES. If images are
    not looked at, only the columns that samples.parquet has exist, all null. cached: called with how many of each
    source's images the cache knows.
    """
    nothing = [pl.lit(None, SAMPLES[name]).alias(name) for name in ("width", "height", "image_sha256", "image_phash")]
    needs = {need for rule in options.ruleset.rules("samples") for need in rule.needs}
    measures = "pixels" in needs
    # What no rule of this run reads is measured for the next one, if it is kept.
    strokes = "pairs" in needs or options.cache is not None
    samples = samples.rename({name: ASIDE + name for name in FACTS if name in samples.columns})
    if not options.probe_images:
        return samples.with_columns(nothing)
    refs = samples.lazy().select("source", "image").filter(pl.col("image").is_not_null()).unique(maintain_order=True)
    probed = []
    by_source = refs.collect().partition_by("source", as_dict=True, maintain_order=True)
    done, total = 0, sum(frame.height for frame in by_source.values())
    for source in sources:
        frame = by_source.get((source.name,))
        if frame is None:
            continue
        report("images", done, total)
        names = frame["image"].to_list()
        for found in measured(
            source.root,
            names,
            measures=measures,
            strokes=strokes,
            cache=options.cache,
            workers=options.workers,
            cached=cached,
        ):
            probed.append(found.with_columns(pl.lit(source.name).alias("source")))
            done += found.height
            report("images", done, total)
    if not probed:
        return samples.with_columns(*nothing, pl.lit(None, pl.String).alias("image_error"))
    facts = pl.concat(probed).rename({"error": "image_error"})
    samples = samples.join(facts, on=["source", "image"], how="left", maintain_order="left")
    return samples if measures else samples.with_columns(nothing[2:])


def check_found(samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions) -> None:
    """Raise UserError for a source that names images of which none was found: an audit would judge labels alone.

    Images that the source's reader didn't find are known before any image is opened (without `image_error`).
    """
    if not options.probe_images:
        return
    lost = pl.lit(False)
    if NOT_FOUND in samples.columns:
        lost |= pl.col(NOT_FOUND).is_not_null()
    if "image_error" in samples.columns:
        lost |= pl.col("image_error").is_in([MISSING, LEAVES]).fill_null(False)
    named = samples.filter(pl.col("image").is_not_null()).with_columns(lost=lost)
    counted = named.group_by("source").agg(
        pl.col("image").n_unique(), pl.col("lost").all(), pl.all().first().name.prefix("first_")
    )
    for source in sources:
        for row in counted.filter((pl.col("source") == source.name) & pl.col("lost")).iter_rows(named=True):
            first = row.get(f"first_{NOT_FOUND}") or row["first_image"]
            where = _elsewhere(source, first, row["first_image"])
            name = "" if len(sources) == 1 else f"{source.name}="
            raise UserError(_none_found(source, row["image"], first, where, name))


def _none_found(source: Source, images: int, first: str, folder: Path | None, name: str) -> str:
    """What was tried, and what to do. first: the first image; folder: where it is; name: of the source, if needed."""
    if source.notes.get(SEVERAL_HOLD):
        hint = "several folders hold images with these names, and nothing says which ones are meant: "
    elif folder is not None:
        hint = f"{visible(first)} is in {visible(folder.as_posix())}, which is not in that folder: "
    elif (other := _other_ending(source.root, first)) is not None:
        hint = f"{visible(other)} is there, with another ending: correct the names in the labels, "
    else:
        hint = "".join(f"{visible(said)}; " for said in _unread_archives(source))
    where = visible(source.root.as_posix())
    return (
        f"{visible(str(source.path))}: none of its {things(images, 'image')} was found (the first: {visible(first)}); "
        f"looked in {where} and its subfolders; {hint}say where they are with --images {name}DIR, "
        "or audit the labels alone with --no-images"
    )


def _unread_archives(source: Source) -> list[str]:
    """What is known about archives that may hold the images: damaged, refused, or of a kind that is not read."""
    said = [note.removeprefix(NOT_READ) for note in source.notes if note.startswith(NOT_READ)]
    try:
        names = sorted(entry.name for entry in os.scandir(source.base) if is_archive(entry.name, UNKNOWN))
    except OSError:
        names = []
    return [*said, *(f"{name} is not read: unpack it" for name in names)][:3]


def _other_ending(root: Path, first: str) -> str | None:
    """An image below the root that is named like the first one, but for its ending; only some folders are searched."""
    lost = PurePosixPath(first.replace("\\", "/").lower())
    wanted = {f"{lost.stem}{ending}" for ending in IMAGE_ENDINGS if ending != lost.suffix}
    for folder, _, names in islice(os.walk(root), _MOST_BESIDE):
        found = min((name for name in names if name.lower() in wanted), default=None)
        if found is not None:
            return Path(folder, found).relative_to(root).as_posix()
    return None


def _elsewhere(source: Source, first: str, image: str) -> Path | None:
    """The folder outside the image folder that holds an image: where its path leads, or one beside the labels'."""
    beside = source.base.parent
    places = [source.base / first, source.root / image]
    try:
        tops = sorted(entry.name for entry in os.scandir(beside) if entry.is_dir())[:_MOST_BESIDE]
        places += [beside / top / Path(first.replace("\\", "/")).name for top in tops]
        return next((place.parent.resolve() for place in places if place.is_file()), None)
    except (OSError, ValueError):  # no permission; a path that no file can have
        return None


def _note_orphans(samples: pl.DataFrame, sources: Sequence[Source]) -> None:
    """Say for each source how many images have no row: the finding is a remark, and this may be half of the set."""
    found = samples.filter(pl.col("orphan_images") > 0).unique("source").select("source", *ORPHANS)
    of_source = {name: (number, example) for name, number, example in found.iter_rows()}
    for source in sources:
        number, example = of_source.get(source.name, (0, ""))
        if number:
            named = f"that no row names ({example}): find their labels, or move them away"
            note = f"image file {named}" if number == 1 else f"image files {named}"
            source.notes[note] = source.notes.get(note, 0) + number


def join_pairs(
    samples: pl.DataFrame, sources: Sequence[Source], options: AuditOptions, report: Progress
) -> pl.DataFrame:
    """What is known about each sample's label and image as a pair, and about images without a row, if a rule asks."""
    needs = {need for rule in options.ruleset.rules("samples") for need in rule.needs}
    if "orphans" in needs and options.probe_images and options.limit is None and options.sample is None:
        samples = with_orphans(samples, [(source.name, source.root) for source in sources])
        _note_orphans(samples, sources)
    if "pairs" in needs:
        samples = with_pairs(
            samples, workers=options.workers, cache=options.cache, progress=lambda done, of: report("pairs", done, of)
        )
    else:
        samples = samples.with_columns(pl.lit(None, pl.Float64).alias("pair_score"))
    return samples.drop(ONCE, strict=False)
