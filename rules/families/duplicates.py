"""DUP: labels and images that are there twice: in a data set, on both sides of a split, in another data set.

The rules read columns that `curate.duplicates` joins to the samples: label_group, image_group, image_sha256, and the
lists against_labels and against_images. Where one is missing, a rule that needs it is silent.
"""

from __future__ import annotations

import weakref

import polars as pl

from rules.options import count, share
from rules.registry import Findings, Options, samples_rule
from rules.sets.leaks import LONG, leakage, seen_elsewhere, side_name
from rules.sets.same_label import picture, with_label_groups
from rules.toolkit.wording import clip, percent

_COLUMNS: dict[str, pl.DataType] = {
    "split": pl.String(),
    "n_tokens": pl.Int32(),
    "canonical": pl.String(),
    "visual_key": pl.String(),
    "image_sha256": pl.String(),
    "image_phash": pl.String(),
    "image_group": pl.String(),
    "against_labels": pl.List(pl.String),
    "against_images": pl.List(pl.String),
}
_FOUND = {"sample_id": pl.String, "source": pl.String, "message": pl.String}


def prepared(samples: pl.DataFrame | pl.LazyFrame) -> pl.LazyFrame:
    """The samples with every column these rules read; those that are missing are null. Where no image was looked at for
    its ink, none is taken for blank."""
    samples = samples.lazy()
    there = samples.collect_schema()
    if "image_phash" not in there and "image_sha256" in there:
        samples = samples.with_columns(pl.col("image_sha256").alias("image_phash"))
        there = samples.collect_schema()
    missing = [pl.lit(None, kind).alias(name) for name, kind in _COLUMNS.items() if name not in there]
    samples = samples.with_columns(missing)
    samples = samples if "label_group" in there else with_label_groups(samples.collect()).lazy()
    return samples.with_columns(picture())


#: The samples whose leaks were asked for last, from how many tokens on a label is long, and the answer.
_last: tuple[weakref.ref[pl.LazyFrame], int, pl.DataFrame] | None = None


def leaks_of(samples: pl.LazyFrame, long: int = LONG) -> pl.DataFrame:
    """`leaks.leakage` of samples as rules see them. Several rules and the summary ask for it: it is made once."""
    global _last
    if _last is None or _last[0]() is not samples or _last[1] != long:
        _last = (weakref.ref(samples), long, leakage(prepared(samples), long=long))
    return _last[2]


def _whole(rows: list[tuple[str, str]]) -> pl.DataFrame:
    """Findings about whole sources from (source, message)."""
    return pl.DataFrame([(None, *row) for row in rows], schema=_FOUND, orient="row")


def _told(rows: pl.LazyFrame, message: pl.Expr) -> pl.LazyFrame:
    return rows.select("sample_id", "source", message.alias("message"))


@samples_rule(
    "DUP001",
    "repeated-labels",
    "info",
    options={"share": share(0.01), "shown": count(5, at_least=1)},
    tags=["repeats"],
    covers=["DUP1"],
)
def repeated_labels(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set in which the same label stands more than once, in whatever spelling: one finding for the set.

    Why: What stands there a hundred times is learnt a hundred times, and a split drawn at random puts copies on both
    sides. Much of it is right: many people wrote the same formula.
    Fix: None: cap how often a label may occur when the set is exported, and split by label. The column `label_group`
    of samples.parquet is equal for equal labels. Reported where more than `share` of the labels repeat an earlier one.
    See: HME100K's training labels: 28 %, CROHME's: 45 %, MathWriting's validation labels: 49 %.
    """
    rows = prepared(samples).select("source", "label_group", "label").with_row_index("row").drop_nulls("label_group")
    groups = rows.group_by("source", "label_group").agg(pl.len().alias("n"), pl.col("row").min())
    totals = (
        groups.group_by("source")
        .agg(pl.col("n").sum().alias("total"), pl.len().alias("distinct"), pl.col("row").min())
        .filter(pl.col("total") - pl.col("distinct") > options["share"] * pl.col("total"))
        .sort("row")
        .collect(engine="streaming")
    )
    found: list[tuple[str, str]] = []
    for source, total, distinct, _ in totals.iter_rows():
        own = groups.filter((pl.col("source") == source) & (pl.col("n") > 1))
        top = own.select(-pl.col("n").cast(pl.Int64), "row").bottom_k(options["shown"], by=["n", "row"])
        labels = rows.select("row", "label").join(top, on="row").sort("n", "row").select("n", "label")
        named = ", ".join(
            f"`{clip(label)}` {-n:,} times" for n, label in labels.collect(engine="streaming").iter_rows()
        )
        found.append(
            (
                str(source),
                f"{percent(total - distinct, total)} of {total:,} labels repeat an earlier one "
                f"({distinct:,} different labels); most often {named}",
            )
        )
    return _whole(found)


@samples_rule(
    "DUP002",
    "contradictory-labels",
    "warning",
    needs=["pixels"],
    tags=["contradiction"],
    columns=["image_sha256"],
    covers=["DUP2"],
)
def contradictory_labels(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Two samples have the same image, to the pixel, and labels that look different.

    Why: One of the labels is wrong, or a placeholder stands where an image is missing. The model is told that both are
    right.
    Fix: None: look at the image, and keep the label that it shows.
    """
    rows = prepared(samples).filter(pl.col("picture").is_not_null() & pl.col("label_group").is_not_null())
    rows = rows.filter(pl.col("label_group").n_unique().over("picture") > 1)
    labels = rows.group_by("picture", "label_group", maintain_order=True).agg(pl.col("sample_id", "label").first())
    # Of each picture its first two labels: one of them is another than a sample's own.
    two = labels.group_by("picture", maintain_order=True).agg(
        pl.len().alias("labels"),
        pl.col("label_group").first().alias("group"),
        *(pl.col(name).get(place).alias(f"{name}{place}") for name in ("sample_id", "label") for place in (0, 1)),
    )
    rows = rows.join(two, on="picture", how="left", maintain_order="left").with_columns(
        pl.when(pl.col("label_group") != pl.col("group")).then(f"{name}0").otherwise(f"{name}1").alias(f"other_{name}")
        for name in ("sample_id", "label")
    )
    label = pl.col("other_label")
    shown = pl.when(label.str.len_chars() > 80).then(label.str.slice(0, 79) + "…").otherwise(label)
    more = (
        pl.when(pl.col("labels") > 2).then(pl.format(" ({} different labels in all)", "labels")).otherwise(pl.lit(""))
    )
    return _told(rows, pl.format("the same image as {}, which is labelled {}{}", "other_sample_id", shown, more))


@samples_rule(
    "DUP003",
    "copied-sample",
    "info",
    needs=["pixels"],
    columns=["image_sha256"],
    covers={"DUP1": "with its image"},
)
def copied_sample(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A sample whose image (to the pixel) and label stand in the data already. The first of them has no finding.

    Why: A copy teaches nothing that the first doesn't, and may land on the other side of a split.
    Fix: None: drop it (`curate export --drop DUP003`).
    See: 42 pairs among CROHME's 8,834 training images.
    """
    rows = prepared(samples).filter(pl.col("picture").is_not_null() & pl.col("label_group").is_not_null())
    key = ["picture", "label_group"]
    rows = rows.with_columns(
        pl.col("sample_id").first().over(key).alias("first"), pl.int_range(pl.len()).over(key).alias("place")
    )
    return _told(rows.filter(pl.col("place") > 0), pl.format("the same image and label as {}", "first"))


@samples_rule(
    "DUP004",
    "split-leak",
    "warning",
    options={"share": share(0.01), "tokens": count(LONG)},
    columns=["split"],
    covers=["DUP4"],
)
def split_leak(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Labels or images of a test or validation split stand in a training split too: one finding for each two sides.

    Why: A model that has seen the answers is measured too good.
    Fix: None: split by label (`curate export --splits` does), or drop the training samples that DUP005 and DUP007 name.
    What a split is for is read from its name, and from the source's where it has none; `SOURCE#test` gives it one.
    Reported where an image or a label of `tokens` tokens or more stands on both sides, or more than `share` of all
    labels do: short ones meet by chance.
    See: 23 % of HME100K's test labels stand in its training split.
    """
    found: list[tuple[str, str]] = []
    for pair in leaks_of(samples, options["tokens"]).iter_rows(named=True):
        images = pair["images"] or 0
        if not (pair["long_labels"] or images or pair["labels"] > options["share"] * pair["samples"]):
            continue
        here = side_name(pair["source"], pair["split"])
        there = side_name(pair["other_source"], pair["other_split"])
        text = (
            f"{pair['labels']:,} of {pair['samples']:,} labels of {here} ({percent(pair['labels'], pair['samples'])}) "
            f"stand in {there} too, {pair['long_labels']:,} of them of {options['tokens']} tokens or more"
        )
        if pair["images"] is not None:
            near = (
                f"; {pair['near_images']:,} are nearly one there that has the same label" if pair["near_images"] else ""
            )
            text += f"; {images:,} of its images stand there too{near}"
        found.append((str(pair["source"]), text))
    return _whole(found)


@samples_rule(
    "DUP005",
    "label-in-test-split",
    "info",
    options={"tokens": count(LONG)},
    columns=["split"],
    covers={"DUP4": "for the training samples"},
)
def label_in_test_split(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A training sample whose label, of 10 tokens or more, stands in a test or validation split too.

    Why: Training on it makes that split easier than it is.
    Fix: None: drop it (`curate export --drop DUP005`), which leaves the test split as others have it. `tokens` sets the
    length; shorter labels meet by chance.
    """
    rows = seen_elsewhere(prepared(samples).filter(pl.col("n_tokens") >= options["tokens"]), "label_group")
    return _told(rows.filter(pl.col("above").is_not_null()), pl.format("{} has the same label, to test on", "above"))


@samples_rule(
    "DUP006",
    "label-in-training-split",
    "info",
    options={"tokens": count(LONG)},
    columns=["split"],
    covers={"DUP4": "for those that are tested on"},
)
def label_in_training_split(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A test or validation sample whose label, of 10 tokens or more, stands in a training split too.

    Why: The model has seen the answer. A score without these samples says more.
    Fix: None: score them apart; or drop their training twins (DUP005), never both. `tokens` sets the length.
    """
    rows = seen_elsewhere(prepared(samples).filter(pl.col("n_tokens") >= options["tokens"]), "label_group")
    return _told(rows.filter(pl.col("below").is_not_null()), pl.format("{} has the same label, to train on", "below"))


@samples_rule(
    "DUP007",
    "image-in-test-split",
    "warning",
    needs=["pixels"],
    columns=["split", "image_sha256"],
    covers={"DUP4": "for images"},
)
def image_in_test_split(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A training sample whose image, to the pixel, stands in a test or validation split too.

    Why: The model is tested on what it has memorised.
    Fix: None: drop it (`curate export --drop DUP007`).
    """
    rows = seen_elsewhere(prepared(samples), "picture")
    return _told(rows.filter(pl.col("above").is_not_null()), pl.format("{} has the same image, to test on", "above"))


@samples_rule(
    "DUP008",
    "near-duplicate-image",
    "info",
    needs=["pixels"],
    columns=["image_sha256", "image_group"],
    covers=["DUP3"],
)
def near_duplicate_image(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""An image that is nearly one that comes before it and has the same label: scaled, padded, inverted, recompressed.

    Why: It is an augmented or rescanned copy: it counts twice, and may land on the other side of a split.
    Fix: None: keep copies on one side of a split (the column `image_group` of samples.parquet is equal for them), or
    drop them. Images that are nearly the same and have different labels are left alone: formulas can be that alike. So
    are those of a single symbol, which two hands may write that alike.
    See: M²E's augmented images, told by `-ex` in their names.
    """
    rows = prepared(samples).filter(
        pl.col("image_group").is_not_null() & pl.col("label_group").is_not_null() & pl.col("picture").is_not_null(),
        pl.col("n_tokens") > 1,
    )
    key = ["image_group", "label_group"]
    rows = rows.with_columns(pl.col("sample_id", "picture").first().over(key).name.suffix("_first"))
    copies = pl.int_range(pl.len()).over([*key, "picture"])  # of one picture: those are DUP003's
    rows = rows.filter((copies == 0) & (pl.col("picture") != pl.col("picture_first")))
    return _told(rows, pl.format("nearly the same image as {}, with the same label", "sample_id_first"))


@samples_rule(
    "DUP009",
    "overlap-with-other-set",
    "warning",
    options={"share": share(0.01), "tokens": count(LONG)},
    columns=["against_labels"],
    covers=["DUP5"],
)
def overlap_with_other_set(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Labels or images that stand in a data set named with `--against` too: one finding for each split and set.

    Why: A benchmark that was trained on measures nothing.
    Fix: None: drop what DUP010 and DUP011 name before training. Reported as DUP004 is.
    See: A leakage audit found all of HME100K's test labels in the handwritten part of one 80-million-sample set.
    """
    samples = prepared(samples)
    sizes = samples.group_by("source", "split", maintain_order=True).agg(pl.len().alias("samples")).collect()
    shared = overlaps(samples, long=options["tokens"])
    found: list[tuple[str, str]] = []
    for row in sizes.join(shared, on=["source", "split"], nulls_equal=True, maintain_order="left").iter_rows(
        named=True
    ):
        if not (row["long_labels"] or row["images"] or row["labels"] > options["share"] * row["samples"]):
            continue
        found.append(
            (
                str(row["source"]),
                f"{row['labels']:,} of {row['samples']:,} labels of {side_name(row['source'], row['split'])} "
                f"({percent(row['labels'], row['samples'])}) stand in {row['name']} too, "
                f"{row['long_labels']:,} of them of {options['tokens']} tokens or more"
                + (f"; {row['images']:,} of its images do" if row["images"] else ""),
            )
        )
    return _whole(found)


def overlaps(samples: pl.LazyFrame, *, long: int = LONG) -> pl.DataFrame:
    """What each side shares with each other set: source, split, name, labels, long_labels (`long` tokens), images.

    Needs the list columns against_labels and against_images, which name the sets that hold a sample's label and image.
    """
    where = ("source", "split")
    labels = (
        samples.select(*where, (pl.col("n_tokens") >= long).fill_null(False).alias("long"), name="against_labels")
        .explode("name")
        .drop_nulls("name")
        .group_by(*where, "name")
        .agg(pl.len().cast(pl.Int64).alias("labels"), pl.col("long").sum().cast(pl.Int64).alias("long_labels"))
    )
    images = (
        samples.select(*where, name="against_images")
        .explode("name")
        .drop_nulls("name")
        .group_by(*where, "name")
        .agg(pl.len().cast(pl.Int64).alias("images"))
    )
    return (
        labels.join(images, on=[*where, "name"], how="full", coalesce=True, nulls_equal=True)
        .with_columns(pl.col("labels", "long_labels", "images").fill_null(0))
        .sort(*where, "name")
        .collect()
    )


@samples_rule(
    "DUP010",
    "label-in-other-set",
    "info",
    options={"tokens": count(LONG)},
    columns=["against_labels"],
    covers={"DUP5": "for labels"},
)
def label_in_other_set(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A label of 10 tokens or more that stands in a data set named with `--against` too.

    Why: If the other set is there to test on, training on this sample makes it easier than it is.
    Fix: None: drop it (`curate export --drop DUP010`). `tokens` sets the length; shorter labels meet by chance.
    """
    rows = prepared(samples).filter(
        (pl.col("n_tokens") >= options["tokens"]) & (pl.col("against_labels").list.len() > 0)
    )
    return _told(rows, pl.format("the label stands in {} too", pl.col("against_labels").list.join(", ")))


@samples_rule(
    "DUP011",
    "image-in-other-set",
    "warning",
    needs=["pixels"],
    columns=["against_images"],
    covers={"DUP5": "for images"},
)
def image_in_other_set(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""An image that stands, to the pixel, in a data set named with `--against` too.

    Why: If the other set is there to test on, the model is tested on what it has memorised.
    Fix: None: drop it (`curate export --drop DUP011`).
    """
    rows = prepared(samples).filter(pl.col("against_images").list.len() > 0)
    return _told(rows, pl.format("the image stands in {} too", pl.col("against_images").list.join(", ")))
