"""DUP: labels and images that occur twice: in one data set, on both sides of a split, or also in another data set.

The rules read columns that `curate.duplicates` joins to the samples: label_group, image_group, image_sha256, and the
lists against_labels and against_images. A rule finds nothing if a column that it needs is missing.
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
    """The samples with every column that these rules read, null if it was missing.

    If no image was checked for ink, none counts as blank.
    """
    samples = samples.lazy()
    there = samples.collect_schema()
    if "image_phash" not in there and "image_sha256" in there:
        samples = samples.with_columns(pl.col("image_sha256").alias("image_phash"))
        there = samples.collect_schema()
    missing = [pl.lit(None, kind).alias(name) for name, kind in _COLUMNS.items() if name not in there]
    samples = samples.with_columns(missing)
    samples = samples if "label_group" in there else with_label_groups(samples.collect()).lazy()
    return samples.with_columns(picture())


#: The samples whose leaks were computed last, the number of tokens that makes a label long, and the result.
_last: tuple[weakref.ref[pl.LazyFrame], int, pl.DataFrame] | None = None


def leaks_of(samples: pl.LazyFrame, long: int = LONG) -> pl.DataFrame:
    """`leaks.leakage` of samples as rules see them. Several rules and the summary need it, so it is computed once."""
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
    r"""A data set contains labels more than once, in whatever spelling. One finding for the set.

    Why: A label that occurs a hundred times is learnt a hundred times, and a random split puts copies on both sides.
    Repetition is often legitimate: many people wrote the same formula.
    Fix: None: limit how often a label may occur when you export the set, and split by label. Equal labels have the same
    `label_group` in samples.parquet. A set is reported if more than `share` of its labels repeat an earlier one.
    See: 28 % of HME100K's training labels, 45 % of CROHME's, 49 % of MathWriting's validation labels.
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
            f"`{clip(' '.join(label.split()), 40)}` {-n:,} times"
            for n, label in labels.collect(engine="streaming").iter_rows()
        )
        found.append(
            (
                str(source),
                f"{percent(total - distinct, total)} of {total:,} labels repeat an earlier one "
                f"({distinct:,} different labels); the most frequent: {named}",
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

    Why: One of the labels is wrong, or the image is a placeholder for a missing one. The model is taught that both are
    right.
    Fix: None: look at the image, and keep the label that matches it.
    """
    rows = prepared(samples).filter(pl.col("picture").is_not_null() & pl.col("label_group").is_not_null())
    return _contradictions(rows.filter(_labels("picture") > 1), "picture", "same image as")


def _labels(column: str) -> pl.Expr:
    """How many different labels there are of a value."""
    return pl.col("label_group").n_unique().over(column)


def _contradictions(rows: pl.LazyFrame, column: str, same: str) -> pl.LazyFrame:
    """Each sample with the first of another label and the same value of a column. same: the beginning of the
    message."""
    labels = rows.group_by(column, "label_group", maintain_order=True).agg(pl.col("sample_id", "label").first())
    # The first two different labels of each value. At least one of them differs from a sample's own.
    two = labels.group_by(column, maintain_order=True).agg(
        pl.len().alias("labels"),
        pl.col("label_group").first().alias("group"),
        *(pl.col(name).get(place).alias(f"{name}{place}") for name in ("sample_id", "label") for place in (0, 1)),
    )
    rows = rows.join(two, on=column, how="left", maintain_order="left").with_columns(
        pl.when(pl.col("label_group") != pl.col("group")).then(f"{name}0").otherwise(f"{name}1").alias(f"other_{name}")
        for name in ("sample_id", "label")
    )
    label = pl.col("other_label")
    shown = pl.when(label.str.len_chars() > 80).then(label.str.slice(0, 79) + "…").otherwise(label)
    more = (
        pl.when(pl.col("labels") > 2).then(pl.format(" ({} different labels in all)", "labels")).otherwise(pl.lit(""))
    )
    return _told(rows, pl.format(f"{same} {{}}, which has the label {{}}{{}}", "other_sample_id", shown, more))


@samples_rule(
    "DUP003",
    "copied-sample",
    "info",
    needs=["pixels"],
    columns=["image_sha256"],
    covers={"DUP1": "with its image"},
)
def copied_sample(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A sample has the same label and, to the pixel, the same image as an earlier sample.

    Why: A copy teaches nothing new, and may end up on the other side of a split.
    Fix: None: drop it (`curate export --drop DUP003`).
    See: 42 pairs among CROHME's 8,834 training images.
    """
    rows = prepared(samples).filter(pl.col("picture").is_not_null() & pl.col("label_group").is_not_null())
    key = ["picture", "label_group"]
    rows = rows.with_columns(
        pl.col("sample_id").first().over(key).alias("first"), pl.int_range(pl.len()).over(key).alias("place")
    )
    return _told(rows.filter(pl.col("place") > 0), pl.format("same image and label as {}", "first"))


@samples_rule(
    "DUP004",
    "split-leak",
    "warning",
    options={"share": share(0.01), "tokens": count(LONG)},
    columns=["split"],
    covers=["DUP4"],
)
def split_leak(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Labels or images of a test or validation split are also in a training split. One finding for each pair of
    splits.

    Why: A model that has seen the answers scores too high.
    Fix: None: split by label, as `curate export --splits` does, or drop the training samples that DUP005 and DUP007
    report. The name of a split says what it is for, or the name of the source if the split has none; `SOURCE#test`
    names it. A pair is reported if the splits share an image, a label of `tokens` tokens or more, or more than `share`
    of all labels. Short labels coincide by chance.
    See: 23 % of HME100K's test labels are also in its training split.
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
            f"are also in {there}, {pair['long_labels']:,} of them with {options['tokens']} tokens or more"
        )
        if pair["images"] is not None:
            near = f", and {pair['near_images']:,} nearly match one with the same label" if pair["near_images"] else ""
            text += f"; {images:,} of its images are also there{near}"
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
    r"""A training sample whose label, of 10 tokens or more, is also in a test or validation split.

    Why: Training on it makes that split easier than it is.
    Fix: None: drop it (`curate export --drop DUP005`). The test split then stays comparable with published results.
    `tokens` sets the length; shorter labels coincide by chance.
    """
    rows = seen_elsewhere(prepared(samples).filter(pl.col("n_tokens") >= options["tokens"]), "label_group")
    message = pl.format("same label as {} in a test or validation split", "above")
    return _told(rows.filter(pl.col("above").is_not_null()), message)


@samples_rule(
    "DUP006",
    "label-in-training-split",
    "info",
    options={"tokens": count(LONG)},
    columns=["split"],
    covers={"DUP4": "for the test samples"},
)
def label_in_training_split(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A test or validation sample whose label, of 10 tokens or more, is also in a training split.

    Why: The model has seen the answer. A score without these samples says more.
    Fix: None: score them separately, or drop the training samples with the same labels (DUP005). Don't do both.
    `tokens` sets the length.
    """
    rows = seen_elsewhere(prepared(samples).filter(pl.col("n_tokens") >= options["tokens"]), "label_group")
    message = pl.format("same label as {} in a training split", "below")
    return _told(rows.filter(pl.col("below").is_not_null()), message)


@samples_rule(
    "DUP007",
    "image-in-test-split",
    "warning",
    needs=["pixels"],
    columns=["split", "image_sha256"],
    covers={"DUP4": "for images"},
)
def image_in_test_split(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A training sample whose image is also in a test or validation split, to the pixel.

    Why: The model is tested on what it has memorised.
    Fix: None: drop it (`curate export --drop DUP007`).
    """
    rows = seen_elsewhere(prepared(samples), "picture")
    message = pl.format("same image as {} in a test or validation split", "above")
    return _told(rows.filter(pl.col("above").is_not_null()), message)


@samples_rule(
    "DUP008",
    "near-duplicate-image",
    "info",
    needs=["pixels"],
    columns=["image_sha256", "image_group"],
    covers=["DUP3"],
)
def near_duplicate_image(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""An image nearly matches an earlier image with the same label: it is scaled, padded, inverted or recompressed.

    Why: It is an augmented or rescanned copy. It counts twice, and may end up on the other side of a split.
    Fix: None: keep copies on one side of a split (they have the same `image_group` in samples.parquet), or drop them.
    Copies with different labels are DUP012. Images of a single symbol are not reported, since two people may write it
    alike.
    See: M²E's augmented images, which have `-ex` in their names.
    """
    rows = prepared(samples).filter(
        pl.col("image_group").is_not_null() & pl.col("label_group").is_not_null() & pl.col("picture").is_not_null(),
        pl.col("n_tokens") > 1,
    )
    key = ["image_group", "label_group"]
    rows = rows.with_columns(pl.col("sample_id", "picture").first().over(key).name.suffix("_first"))
    copies = pl.int_range(pl.len()).over([*key, "picture"])  # DUP003 reports copies to the pixel
    rows = rows.filter((copies == 0) & (pl.col("picture") != pl.col("picture_first")))
    return _told(rows, pl.format("nearly the same image as {}, and the same label", "sample_id_first"))


@samples_rule(
    "DUP009",
    "overlap-with-other-set",
    "warning",
    options={"share": share(0.01), "tokens": count(LONG)},
    columns=["against_labels"],
    covers=["DUP5"],
)
def overlap_with_other_set(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Labels or images are also in a data set named with `--against`. One finding for each split and set.

    Why: A benchmark measures nothing if the model was trained on it.
    Fix: None: before training, drop the samples that DUP010 and DUP011 report. The conditions are those of DUP004.
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
                f"({percent(row['labels'], row['samples'])}) are also in {row['name']}, "
                f"{row['long_labels']:,} of them with {options['tokens']} tokens or more"
                + (f"; {row['images']:,} of its images are also there" if row["images"] else ""),
            )
        )
    return _whole(found)


def overlaps(samples: pl.LazyFrame, *, long: int = LONG) -> pl.DataFrame:
    """What each side shares with each other set: source, split, name, labels, long_labels (`long` tokens), images.

    Needs the list columns against_labels and against_images, which name the sets that contain a sample's label or
    image.
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
    r"""A label of 10 tokens or more that is also in a data set named with `--against`.

    Why: If the other set is a test set, training on this sample makes it easier than it is.
    Fix: None: drop it (`curate export --drop DUP010`). `tokens` sets the length; shorter labels coincide by chance.
    """
    rows = prepared(samples).filter(
        (pl.col("n_tokens") >= options["tokens"]) & (pl.col("against_labels").list.len() > 0)
    )
    return _told(rows, pl.format("the label is also in {}", pl.col("against_labels").list.join(", ")))


@samples_rule(
    "DUP011",
    "image-in-other-set",
    "warning",
    needs=["pixels"],
    columns=["against_images"],
    covers={"DUP5": "for images"},
)
def image_in_other_set(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""An image that is also in a data set named with `--against`, to the pixel.

    Why: If the other set is a test set, the model is tested on what it has memorised.
    Fix: None: drop it (`curate export --drop DUP011`).
    """
    rows = prepared(samples).filter(pl.col("against_images").list.len() > 0)
    return _told(rows, pl.format("the image is also in {}", pl.col("against_images").list.join(", ")))


@samples_rule(
    "DUP012",
    "copy-with-another-label",
    "warning",
    needs=["pixels"],
    tags=["contradiction"],
    columns=["image_sha256", "image_group"],
    covers={"DUP2": "for scaled, padded, inverted or recompressed copies"},
)
def copy_with_another_label(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""An image nearly matches another one whose label looks different.

    Why: One of the labels is wrong. If the images are in different splits, a model is tested on an image that it was
    trained on, and checks for equal labels don't find it.
    Fix: None: look at the images, and keep the label that matches them. Formulas that differ in one letter or mark are
    told apart, but in blurred pictures with strokes about a pixel wide, a comma may pass for a period. Images with
    equal pixels are DUP002. Single symbols are not reported, as in DUP008.
    """
    rows = prepared(samples).filter(
        pl.col("image_group").is_not_null() & pl.col("label_group").is_not_null() & pl.col("picture").is_not_null(),
        pl.col("n_tokens") > 1,
    )
    rows = rows.with_columns(_labels("picture").alias("to_the_pixel")).filter(_labels("image_group") > 1)
    found = _contradictions(rows, "image_group", "nearly the same image as")
    return found.join(
        rows.filter(pl.col("to_the_pixel") > 1).select("sample_id", "source"),
        on=["sample_id", "source"],
        how="anti",
        maintain_order="left",
    )
