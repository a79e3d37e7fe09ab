"""A run's samples as rows for the App, the worst first: plain columns, no FiftyOne. Writes nothing, draws nothing."""

from __future__ import annotations

import hashlib

import polars as pl

from curate.browse.dataset import fields
from curate.browse.deciding.state import readings
from curate.browse.pictures.cards import card_of
from curate.browse.pictures.drawings import path_of
from curate.browse.process.work import WorkingFiles
from curate.images import stored
from curate.runs.folder import FINDINGS_FILE, SAMPLES, SAMPLES_FILE, Run
from rules import KEY_VERSION
from rules.registry import tagged

#: A column beside the App's fields: whether rules propose a fix.
FIXABLE = "fixable"
#: Changes with the format that is written for a run, so that an older dataset isn't taken for a current one.
EDITION = "5"


def fingerprint(run: Run, work: WorkingFiles, most: int) -> str:
    """Changes with everything that the rows depend on except decisions, which are updated separately."""
    digest = hashlib.sha256(f"{EDITION} {KEY_VERSION} {most} {work.pictures}".encode())
    for name in (SAMPLES_FILE, FINDINGS_FILE):
        with (run.path / name).open("rb") as file:
            digest.update(hashlib.file_digest(file, "sha256").digest())
    return digest.hexdigest()[:32]


def rows(run: Run, work: WorkingFiles, most: int = fields.MOST) -> pl.DataFrame:
    """The samples that are shown, with the paths of their pictures; the columns are the App's fields.

    `filepath` is absolute: the image's own file, or one in `work` that is made on request. FINDINGS is a list of
    structs (label, severity, message, span). PROPOSED, CHANGE, TEXT and the decision are not filled in.
    """
    frame = listed(run, most).with_columns(_photo(run, work))
    of_drawings, of_cards = work.drawings, work.cards
    drawings = [path_of(label, key, of_drawings) for label, key in frame.select("label", "visual_key").iter_rows()]
    cards = [card_of(photo, drawing, of_cards) for photo, drawing in zip(frame["filepath"], drawings, strict=True)]
    return frame.with_columns(
        pl.Series(fields.RENDERED, map(str, drawings), pl.String),
        pl.Series(fields.SIDE_BY_SIDE, map(str, cards), pl.String),
    )


def listed(run: Run, most: int = fields.MOST) -> pl.DataFrame:
    """At most `most` samples, worst severity first, then in the order of the run."""
    samples = run.samples.select(*SAMPLES)  # not the source's own columns: one may be called `decision`
    rank = pl.col(fields.SEVERITY).replace_strict(
        {name: at for at, name in enumerate((*fields.SEVERITIES, fields.CLEAN))}, return_dtype=pl.Int8
    )
    return (
        samples.with_row_index("row")
        .join(_found(run), on="sample_id", how="left", maintain_order="left")
        .join(_read(run), on="sample_id", how="left", maintain_order="left")
        .with_columns(
            pl.col(fields.SEVERITY).fill_null(fields.CLEAN),
            pl.col(FIXABLE).fill_null(False),
            pl.col(fields.RULES).fill_null(pl.lit([], pl.List(pl.String))),
            *_groups(),
        )
        .sort(rank, "row")
        .head(most)
        .collect()
    )


def _read(run: Run) -> pl.LazyFrame:
    """What models read instead of the label."""
    read = {sample_id: str(row["pred_label"]) for sample_id, row in readings(run).items()}
    schema = {"sample_id": pl.String, fields.READING: pl.String}
    return pl.LazyFrame({"sample_id": list(read), fields.READING: list(read.values())}, schema)


def _found(run: Run) -> pl.LazyFrame:
    """The findings of each sample: its worst severity, its rules, the list of findings, worst first.

    If a rule found something in ten places of a label, it is listed once: its first place, and how many more there are.
    """
    rank = pl.col("severity").replace_strict(
        {name: at for at, name in enumerate(fields.SEVERITIES)}, return_dtype=pl.Int8
    )
    finding = pl.struct(
        pl.format("{} {}", "rule", "name").alias("label"),
        "severity",
        pl.when(pl.col("times") > 1)
        .then(pl.format(fields.MORE_OF_A_RULE, "message", pl.col("times") - 1))
        .otherwise("message")
        .alias("message"),
        pl.when(pl.col("start").is_not_null()).then(pl.concat_list("start", "end")).alias("span"),
    )
    is_fixable = pl.col("fix").is_in(["safe", "unsafe"]) & pl.col("replacement").is_not_null()
    return (
        run.findings.filter(pl.col("sample_id").is_not_null())
        .with_columns(rank.alias("rank"))
        .sort("rank", "start", maintain_order=True, nulls_last=True)
        .group_by("sample_id", "rule", maintain_order=True)
        .agg(
            pl.col("name", "severity", "rank", "message", "start", "end").first(),
            pl.len().alias("times"),
            is_fixable.any().alias(FIXABLE),
        )
        .sort("rank", "rule", maintain_order=True)
        .group_by("sample_id")
        .agg(
            pl.col("severity").first().alias(fields.SEVERITY),
            pl.col("rule").alias(fields.RULES),
            finding.alias(fields.FINDINGS),
            pl.col(FIXABLE).any(),
        )
    )


def _groups() -> tuple[pl.Expr, pl.Expr]:
    """DUPLICATES: the image occurs again, or, without images, the label. CONFLICT: its labels differ."""
    image, label = pl.col("image_group"), pl.col("label_group")
    again = (pl.len().over("image_group") > 1) & image.is_not_null()
    label_again = (pl.len().over("label_group") > 1) & label.is_not_null() & image.is_null()
    group = (
        pl.when(again)
        .then(pl.format("image {}", image.str.slice(0, 8)))
        .when(label_again)
        .then(pl.format("label {}", label.str.slice(0, 9)))
    )
    pixels = pl.col("image_sha256")
    differ = (pl.coalesce("label_group", "label").n_unique().over("image_sha256") > 1) & pixels.is_not_null()
    told = pl.col(fields.RULES).list.set_intersection(list(tagged("contradiction"))).list.len() > 0
    conflict = differ | told.fill_null(False)
    return group.alias(fields.DUPLICATES), conflict.alias(fields.CONFLICT)


def _photo(run: Run, work: WorkingFiles) -> pl.Expr:
    """`filepath`: the image's own file, or where a picture will be made (if it is inside a file, or missing)."""
    roots = {entry["name"]: str(run.root(entry["name"])) for entry in run.summary["sources"]}
    made = pl.format("{}/{}.png", pl.lit(str(work.photos)), pl.col("row").cast(pl.String).str.zfill(8))
    inside = pl.col("image").str.contains(stored.PATTERN)
    root = pl.col("source").replace_strict(roots, return_dtype=pl.String)
    return (
        pl.when(pl.col("image").is_null() | inside)
        .then(made)
        .otherwise(pl.format("{}/{}", root, "image"))
        .alias("filepath")
    )
