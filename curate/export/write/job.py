"""Makes an export: plans it, writes what isn't written yet, puts it in place. The parts are in the modules beside."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq

from curate.base.errors import UserError
from curate.base.no_room import room_for
from curate.base.tables import things
from curate.export.decide import plan as planning
from curate.export.decide.inputs import open_inputs, unchanged
from curate.export.decide.options import ExportOptions
from curate.export.decide.plan import DROPPED, ExportPlan, Progress, make_plan
from curate.export.decide.policy import REASONS
from curate.export.decide.rows import mapped
from curate.export.registry import FORMATS
from curate.export.tell import card, croissant, figures, manifest
from curate.export.write.pictures import PictureFile, PictureSettings, Studio, make, not_made
from curate.export.write.shards import Row, Shard, by_split, rows_of
from curate.export.write.work import WorkingFolder, check_out

DROPPED_FILE = "dropped.parquet"


@dataclass(frozen=True)
class Exported:
    """What was written, or would be: the folder, its plan and its counts; `reused` shards existed already."""

    out: Path
    plan: ExportPlan
    facts: dict[str, Any]
    reused: int = 0


def export(
    runs: Iterable[Path],
    out: Path,
    options: ExportOptions,
    *,
    workers: int = 1,
    dry_run: bool = False,
    progress: Progress | None = None,
) -> Exported:
    """Write a data set into the new folder `out`, whole or not at all; with `dry_run` only say what it would hold.

    An interrupted export continues where it was: finished shards are kept in a folder beside `out` and reused if runs
    and settings are the same. Raises UserError if `out` exists, nothing would be left, or licences conflict.
    """
    check_out(out)
    inputs = open_inputs(list(runs))
    if dry_run:
        from tempfile import TemporaryDirectory

        with unchanged(inputs), TemporaryDirectory(prefix="texsieve-") as folder:
            studio = Studio(images=0, workers=1)
            plan = make_plan(inputs, options, Path(folder), studio, workers=workers, progress=progress)
            return Exported(out, plan, planning.facts(plan))
    studio = Studio(images=sum(item.images for item in inputs), workers=workers)
    with unchanged(inputs), room_for(out), WorkingFolder(out) as work:
        plan = make_plan(inputs, options, work.tmp, studio, workers=workers, progress=progress)
        _check(plan)
        return _write(plan, work, studio, progress or (lambda stage, done, of: None))


def _check(plan: ExportPlan) -> None:
    """Raise UserError for a plan that must not, or can't, be carried out."""
    if not plan.kept:
        counts = planning.facts(plan)["dropped"]
        most = max(counts, key=lambda row: row["samples"], default=None)
        why = f"; most often: {REASONS[most['reason']]}" if most else ""
        hint = "; --allow-no-image keeps labels without images" if most and most["reason"] == "no-image" else ""
        raise UserError(f"nothing is left of {things(plan.frame.height, 'sample')}{why}{hint}")
    if plan.clashes and not plan.options.allow_licence_clash:
        raise UserError(
            f"licences conflict: {'; '.join(plan.clashes)}. Leave sources out, choose another --licence, or confirm "
            "with --allow-licence-clash"
        )
    if plan.options.form.only_with_images and plan.images < plan.kept:
        others = " or ".join(name for name, form in FORMATS.items() if not form.only_with_images)
        raise UserError(
            f"{things(plan.kept - plan.images, 'sample')} without an image can't be in "
            f"{plan.options.form.only_with_images}; use --format {others}, or leave out --allow-no-image"
        )


def _write(plan: ExportPlan, work: WorkingFolder, studio: Studio, report: Progress) -> Exported:
    done = work.begin(plan.hash())
    reused = len(done)
    _write_shards(plan, work, done, studio, report)
    late = [row for entry in done.values() for row in entry["late"]]
    plan = _without_late(plan, late)
    if not plan.kept:
        raise UserError(f"no image is as it was when audited ({late[-1][2]}); audit the source again")
    facts = planning.facts(plan)
    if any(row["labels"] or row["pictures"] for row in facts["leaks"]):
        raise AssertionError(f"a label or picture is in two splits: {facts['leaks']}")
    plan.options.form.finish(work.data, by_split(plan.shards), "texsieve")
    _write_dropped(plan, work.data / DROPPED_FILE)
    sizes = {
        split: sum(done[shard.name]["size"] for shard in shards) for split, shards in by_split(plan.shards).items()
    }
    plots = figures.write_plots(work.data, plan, facts["splits"])
    examples = figures.write_examples(work.data, plan)
    front = card.front_matter(plan, facts, sizes, sum(entry["bytes"] for entry in done.values()))
    card.write_card(work.data, plan, facts, front, plots, examples)
    croissant.write_croissant(work.data, plan, facts, card.title(plan))
    config = plan.options.as_config()
    manifest.write_manifest(work.data, config, plan.inputs, {"licence": plan.licence, **facts}, work.facts)
    for item in plan.inputs:
        item.check_unchanged()
    work.publish()
    return Exported(work.out, plan, facts, reused)


def _write_shards(
    plan: ExportPlan, work: WorkingFolder, done: dict[str, dict[str, Any]], studio: Studio, report: Progress
) -> None:
    """Write the shards that aren't done yet; `done` gets an entry for each."""
    todo = [shard for shard in plan.shards if shard.name not in done]
    of = plan.kept
    at = of - sum(shard.height for shard in todo)
    shape = PictureSettings.of(
        plan.options.resize, plan.options.crop, plan.options.form.endings, invert=plan.options.invert
    )

    def stream() -> Iterator[tuple[Shard, Row]]:
        for shard in todo:
            for row in rows_of(plan.inputs, plan.labels, shard.rows):
                yield shard, row

    def job(item: tuple[Shard, Row]) -> tuple[Path, str, int | None] | None:
        row = item[1]
        return None if row.ref is None else (row.root, row.ref, row.pixels)

    pairs = studio.work(partial(make, shape=shape), stream(), job, not_made)
    with closing(_Shards(plan, work, done)) as shards:
        for (shard, row), picture in pairs:
            shards.add(shard, row, picture or PictureFile(None))
            at += 1
            if at % 64 == 0 or at == of:
                report("write", at, of)


class _Shards:
    """Writes rows, shard after shard, and notes every finished one."""

    def __init__(self, plan: ExportPlan, work: WorkingFolder, done: dict[str, dict[str, Any]]) -> None:
        self._plan, self._work, self._done = plan, work, done
        self._shard: Shard | None = None
        self._seen = 0

    def add(self, shard: Shard, row: Row, picture: PictureFile) -> None:
        if shard is not self._shard:
            self._open = self._plan.options.form.open(self._work.data, shard, self._plan.options.prompt)
            self._shard, self._seen, self._late = shard, 0, list[list[Any]]()  # now there is something to close
        options = self._plan.options
        stays = not picture.error or (options.allow_no_image and not options.form.only_with_images)
        if picture.error:
            self._late.append([row.run, row.row, picture.error, stays])
        if stays:
            self._open.add(row, picture)
        self._seen += 1
        if self._seen == shard.height:
            files = self._open.close()
            self._done[shard.name] = self._work.finish(shard.name, files, size=self._open.size, late=self._late)

    def close(self) -> None:
        """Abandon a shard that was left unfinished; its files belong to nothing."""
        if self._shard is not None and self._seen < self._shard.height:
            self._open.close()


def _without_late(plan: ExportPlan, late: list[list[Any]]) -> ExportPlan:
    """The plan after some pictures could not be made. late: run, row, why, and whether the sample stays, image null."""
    if not late:
        return plan
    kinds = {"run": pl.UInt16, "row": pl.UInt32, "error": pl.String, "stays": pl.Boolean}
    found = pl.DataFrame(late, schema=kinds, orient="row")
    bad = ~pl.col("stays").fill_null(True)

    def without(window: pl.DataFrame, _: int) -> pl.DataFrame:
        return (
            window.join(found, on=["run", "row"], how="left", maintain_order="left")
            .with_columns(
                pl.when(bad).then(pl.lit("no-image")).otherwise("reason").alias("reason"),
                pl.when(bad).then("error").otherwise("detail").alias("detail"),
                (pl.col("has_image") & pl.col("error").is_null()).alias("has_image"),
            )
            .drop("error", "stays")
        )

    return replace(
        plan,
        frame=mapped(plan.frame, without),
        kept=plan.kept - found.filter(bad).height,
        notes=[*plan.notes, _late_note(found["error"])],
    )


def _late_note(errors: pl.Series) -> str:
    (most, _), *others = errors.value_counts(sort=True).sort("count", "error", descending=[True, False]).rows()
    which = f"{most}{'; …' if others else ''}"
    return f"{things(len(errors), 'image')} gone or changed since the audit ({which}): audit the source again."


def _write_dropped(plan: ExportPlan, path: Path) -> None:
    schema = pl.DataFrame(schema=dict.fromkeys(DROPPED, pl.String)).to_arrow().schema
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for frame in planning.dropped_rows(plan):
            writer.write_table(frame.to_arrow().cast(schema))
