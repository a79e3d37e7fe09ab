"""PAR: does this label belong to this picture? Reads the columns that docs/pairs.md explains; computes none of them."""

from __future__ import annotations

import polars as pl

from rules.families.images.sizes import NO_FILE
from rules.options import Option, count, measure, share
from rules.registry import Options, samples_rule
from rules.sets.second_population import beyond_chance, wrong_pairs
from rules.sets.shifted_rows import LAGS, NOBODY, ShiftedFile, shifted_files
from rules.toolkit.whole_sets import has_columns, none

_WHERE = ("sample_id", "source")
_NEEDS = ("pixels", "pairs")
_SHIFT = {"rows": count(20, at_least=2), "sigmas": measure(6.0), "gain": share(0.05)}


@samples_rule(
    "PAR001",
    "shifted-pairs",
    "error",
    options=_SHIFT,
    needs=_NEEDS,
    mended_by="realign",
    columns=["split", "pair_lags"],
    covers=["PAR1"],
)
def shifted_pairs(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""In all or part of a file, the pictures belong to labels some rows further up or down. The file has one finding
    with the rows and the offset, and so has each of these rows. The rule finds offsets of up to 5 rows in stretches of
    at least 20 rows.

    Why: Labels and pictures were paired by their order, and one of them was left out. Every later pair is wrong,
    although each looks like a formula with its picture. The verdict on the source is `unfit`, and `curate export`
    leaves these rows out (`--keep PAR001` keeps them).
    Fix: None for a single label. `curate fix --unsafe-fixes` moves each label to the picture that it belongs to, if it
    can open the pictures. Rows whose label isn't known keep the one they have: those at the ends of the file, and those
    within 5 rows of a place where the offset changes. It is better to pair labels and pictures by name, or to remove
    the row that has no partner.
    See: LaTeX-OCR issue 170 (230,000 labels, 190,000 images).
    """
    if not has_columns(samples, "pair_lags", "split"):
        return none()
    found = [none()]
    for file in shifted_files(_compared(samples), options):
        found += [_of_file(file).lazy(), _of_rows(file).lazy()]
    return pl.concat(found)


def _compared(samples: pl.LazyFrame) -> pl.DataFrame:
    """All samples of the files in which some picture was compared with the labels of other rows."""
    side = ("source", "split")
    some = samples.filter(pl.col("pair_lags").is_not_null()).select(side).unique()
    rows = samples.select(*_WHERE, "split", "pair_lags").with_row_index("place")
    return rows.join(some, on=side, how="semi", nulls_equal=True).sort("place").drop("place").collect()


def _of_file(file: ShiftedFile) -> pl.DataFrame:
    """The finding on a file with shifted stretches."""
    ids = file.rows["sample_id"]
    texts = [
        f"from {ids[shift.start]} to {ids[shift.end - 1]} (rows {shift.start + 1:,} to {shift.end:,} of "
        f"{file.rows.height:,}) each picture belongs to the label {_further(shift.lag)}"
        for shift in file.stretches
    ]
    split = file.rows["split"][0]
    name = f"{split}: " if split else ""
    offsets = ", ".join(dict.fromkeys(f"{shift.lag:+d}" for shift in file.stretches))
    message = f"{name}pairs are shifted by {offsets}: {'; '.join(texts)}"
    row = {"sample_id": None, "source": file.rows["source"][0], "message": message}
    return pl.DataFrame([row], schema=dict.fromkeys((*_WHERE, "message"), pl.String))


def _further(lag: int) -> str:
    return f"{abs(lag)} row{'' if abs(lag) == 1 else 's'} further {'down' if lag > 0 else 'up'}"


def _of_rows(file: ShiftedFile) -> pl.DataFrame:
    """A finding on each row whose label doesn't belong to its picture, or may not."""
    rows = file.rows.with_columns(pl.Series("partner", file.partners), pl.int_range(pl.len()).alias("place"))
    lag = pl.col("partner") - pl.col("place")
    other = file.rows["sample_id"].gather(rows["partner"].clip(0))
    rows = rows.with_columns(
        other.alias("other"),
        lag.replace_strict({number: _further(number) for number in LAGS}, default="", return_dtype=pl.String).alias(
            "further"
        ),
    )
    return rows.filter(pl.col("partner") != pl.col("place")).select(
        *_WHERE,
        pl.when(pl.col("partner") == NOBODY)
        .then(pl.lit("at the edge of shifted pairs: the label of this picture isn't known"))
        .otherwise(pl.format("the picture belongs to the label of {}, {}", "other", "further"))
        .alias("message"),
    )


#: Commands that set a part of the formula above or below the rest, where handwriting leaves a gap.
_STACKED = r"\\(?:[dtc]?frac|[dt]?binom|over|sum|prod|lim|limits|underset|overset|stackrel|substack)(?:[^a-zA-Z]|$)"


@samples_rule(
    "PAR005",
    "more-lines-than-label",
    "info",
    options={"spare": count(1)},
    needs=_NEEDS,
    columns=["pair_lines", "ink_rows"],
    covers=["NRM5", "LEN5", "PAR5", "PAR6"],
)
def more_lines(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture has more lines of ink, one below the other, than the label. The rule allows `spare` more, since
    handwriting breaks formulas apart, and up to two more for fractions, limits and the like.

    Why: The crop contains something else, such as a neighbouring line or printed text, or the label lacks lines. The
    model learns to leave out what it sees.
    Fix: None: crop the picture, or complete the label.
    See: HME100K and M²E photos; KITAB-Bench issue 5.
    """
    if not has_columns(samples, "pair_lines", "ink_rows"):
        return none()
    stacked = pl.col("label").str.count_matches(_STACKED).fill_null(0).clip(0, 2)
    most = pl.col("pair_lines") + options["spare"] + stacked
    more = samples.filter((pl.col("pair_lines") > 0) & (pl.col("ink_rows") > most))
    return more.select(
        *_WHERE,
        pl.format("the picture seems to have {} lines, and the label {}", "ink_rows", "pair_lines").alias("message"),
    )


@samples_rule(
    "PAR006",
    "lines-not-in-picture",
    "warning",
    options={"wider": measure(1.5, at_least=1)},
    needs=_NEEDS,
    columns=["pair_rows", "ink_rows", "pair_wide"],
    covers=["LEN5", "PAR6"],
)
def lines_not_in_picture(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The label has several lines (`\\` at the top level, or in an environment around the whole label), and the
    picture fewer. For its height, the picture is at least `wider` times as wide as expected for such a label.

    Why: The picture doesn't have the break (`\\` has no effect inside `equation`), or it shows only a part of the
    formula.
    Fix: None: remove the break, or find the whole picture.
    """
    if not has_columns(samples, "pair_rows", "ink_rows", "pair_wide"):
        return none()
    fewer = samples.filter(
        (pl.col("pair_rows") > 1)
        & (pl.col("ink_rows") < pl.col("pair_rows"))
        & (pl.col("pair_wide") >= options["wider"])
    )
    return fewer.select(
        *_WHERE,
        pl.format("the label has {} lines, and the picture seems to have {}", "pair_rows", "ink_rows").alias("message"),
    )


@samples_rule(
    "PAR007",
    "doubtful-pair",
    "warning",
    options={"below": share(0.03), "budget": Option(True), **_SHIFT},
    needs=_NEEDS,
    tags=["doubt"],
    columns=["pair_score", "pair_off"],
    covers=["PAR3", "PAR-wrong"],
)
def doubtful_pair(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture doesn't look as this label would, in a set that seems to have wrong pairs.

    The `pair_score` is less than `below` (0.03), and among the lowest of the set. The scores of the set give an
    estimate of how many of its pairs are wrong, and the rule reports that many. It reports none if all of them may be
    right: 1 in 100 right pairs has such a low score.

    With 1 to 5 % of CROHME 2014's labels swapped, the rule finds three out of four of them, and three out of four of
    its findings are right. In CROHME and im2latex as published, it finds none. `budget = false` reports all pairs with
    such a score. The report lists the lowest scores of every set, without making them findings. The rule leaves out
    pictures without ink, labels that draw nothing, pairs that PAR001 reports as shifted, and data sets with fewer than
    60 pairs, which are too small to learn from.

    Why: A label that belongs to another picture teaches the model to read what isn't there.
    Fix: None: look at the picture.
    """
    if not has_columns(samples, "pair_score", "pair_off"):
        return none()
    # `pair_off` is known if the picture has ink, the label draws something, and the set is large enough.
    known = pl.col("pair_score").is_not_null() & pl.col("pair_off").is_not_null()
    compared = samples.filter(known).select(*_WHERE, "pair_score").collect()
    low = compared.filter(pl.col("pair_score") < options["below"])
    if low.height and has_columns(samples, "pair_lags", "split"):
        inside = [
            file.rows["sample_id"][shift.start : shift.end]
            for file in shifted_files(_compared(samples), options)
            for shift in file.stretches
        ]
        if inside:
            aligned = ~pl.col("sample_id").is_in(pl.concat(inside).implode())
            low, compared = low.filter(aligned), compared.filter(aligned)
    if options["budget"] and low.height:
        budgets = {source: wrong_pairs(set_["pair_score"]) for (source,), set_ in compared.group_by("source")}
        ranks = pl.col("pair_score").rank("ordinal").over("source")
        low = low.filter(ranks <= pl.col("source").replace_strict(budgets, return_dtype=pl.Int64))
    found = low.select(
        *_WHERE,
        pl.format("the picture may belong to another label: look at both (pair score {})", "pair_score").alias(
            "message"
        ),
    )
    return found.lazy()


_INK_BOX = ("ink_left", "ink_top", "ink_right", "ink_bottom")
#: Labels with a lower ratio of width to height are a single stroke, such as `1`, `i`, `l`, `j`. For most other single
#: symbols the expected ratio is 0.6 to 1.2.
_NARROW = 0.6


@samples_rule(
    "PAR008",
    "width-not-like-label",
    "info",
    options={"sigmas": measure(6.0), "times": measure(2.0, at_least=1)},
    needs=_NEEDS,
    columns=["pair_wide", "pair_off"],
    covers=["LEN4", "PAR6"],
)
def width_not_like_label(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""For its height, the ink is `times` wider or narrower than expected for the label, which is at least `sigmas`
    robust standard deviations of the data set. Only data sets with at least 60 pairs are judged. A label of one narrow
    symbol (`1`, `i`) is never too wide for its picture, since a stroke may be as thin as the pen.

    Why: The crop is cut off, the label covers only a part of the picture, or the pair is wrong.
    Fix: None: look at the picture.
    See: LaTeX-OCR issue 170.
    """
    if not has_columns(samples, "pair_wide", "pair_off"):
        return none()
    times = options["times"]
    narrow = pl.lit(False)
    if has_columns(samples, *_INK_BOX, "pair_lines"):
        left, top, right, bottom = map(pl.col, _INK_BOX)
        narrow = (pl.col("pair_lines") == 1) & ((right - left) / (bottom - top) / pl.col("pair_wide") < _NARROW)
    odd = samples.filter(
        (pl.col("pair_off").abs() >= options["sigmas"])
        & ((pl.col("pair_wide") >= times) | ((pl.col("pair_wide") <= 1 / times) & ~narrow.fill_null(False)))
    )
    return odd.select(
        *_WHERE,
        pl.format(
            "for its height, the ink is {} times as wide as expected for the label", pl.col("pair_wide").round(2)
        ).alias("message"),
    )


@samples_rule(
    "PAR009",
    "orphan-image",
    "info",
    needs=("orphans",),
    columns=["orphan_images", "orphan_example"],
    covers={"PAR2": "for images without a row"},
)
def orphan_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The image folder of a data set has files that no row names. One finding for the data set, with their number.

    Why: Labels were lost, or the folder also contains another split. If pictures and labels are paired by their order,
    one extra file shifts all pairs.
    Fix: None: find their labels, or move the files away.
    See: LaTeX-OCR issue 170.
    """
    if not has_columns(samples, "orphan_images", "orphan_example"):
        return none()
    found = samples.filter(pl.col("orphan_images") > 0).unique("source", keep="first", maintain_order=True)
    one = pl.col("orphan_images") == 1
    return found.select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.when(one)
        .then(pl.format("no row names the image file {}", "orphan_example"))
        .otherwise(pl.format("no row names {} image files, such as {}", "orphan_images", "orphan_example"))
        .alias("message"),
    )


_DIFFERS = ("pred_differ", "pred_count", "pred_agree", "pred_score", "pred_where")


def _disagreeing(samples: pl.LazyFrame) -> pl.LazyFrame:
    """The samples with a prediction that looks different from the label, and the messages for them."""
    surety = pl.when(pl.col("pred_score").is_not_null()).then(
        pl.format(" (mean token probability {})", pl.col("pred_score").exp().round(3))
    )
    return samples.filter(pl.col("pred_differ") > 0).with_columns(
        pl.format(
            "{} {}{}",
            pl.when(pl.col("pred_count") == 1)
            .then(pl.lit("the prediction reads"))
            .when(pl.col("pred_agree") == 1)
            .then(pl.format("1 of {} predictions reads", "pred_count"))
            .otherwise(pl.format("{} of {} predictions read", "pred_agree", "pred_count")),
            "pred_where",
            surety.otherwise(pl.lit("")),
        ).alias("message")
    )


_SURE = {"repeated": count(2, at_least=1), "confident": share(0.97)}


def _sure(options: Options) -> pl.Expr:
    confident = (pl.col("pred_score").exp() >= options["confident"]) & (pl.col("pred_agree") == pl.col("pred_count"))
    sure: pl.Expr = (pl.col("pred_agree") >= options["repeated"]) | confident.fill_null(False)
    return sure


@samples_rule(
    "PAR010",
    "likely-label-error",
    "warning",
    options=_SURE,
    tags=["doubt", "predictions"],
    columns=_DIFFERS,
    covers={"PAR-wrong": "if predictions are sure"},
)
def likely_label_error(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Predictions (`--predictions`) look different from the label, and they are sure: `repeated` of them (2) agree
    with each other, or the mean token probability is at least `confident` (0.97) and no other prediction disagrees.

    Why: Different models make different mistakes. If they agree against the label, the label is often wrong.
    Fix: None: look at the picture.
    """
    if not has_columns(samples, *_DIFFERS):
        return none()
    return _disagreeing(samples).filter(_sure(options)).select(*_WHERE, "message")


@samples_rule(
    "PAR011",
    "prediction-differs",
    "info",
    options=_SURE,
    tags=["predictions"],
    columns=_DIFFERS,
    covers={"PAR-wrong": "if they are not"},
)
def prediction_differs(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""A prediction (`--predictions`) looks different from the label, and nothing shows that it is sure: it is the only
    one, or the others read something else. PAR010 reports those that are sure.

    Why: Either the model or the label is wrong.
    Fix: None: look at the picture.
    """
    if not has_columns(samples, *_DIFFERS):
        return none()
    return _disagreeing(samples).filter(~_sure(options)).select(*_WHERE, "message")


@samples_rule(
    "PAR012",
    "turned-picture",
    "warning",
    options={"evidence": measure(3.5), "chance": share(0.004)},
    needs=_NEEDS,
    tags=["doubt"],
    columns=["pair_turned"],
    covers={"IMG6": "by 180 degrees, without an EXIF tag"},
)
def turned_picture(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture is upside down: the positions of its ink fit the label better when it is turned by 180 degrees.
    `evidence` is the logarithm of the likelihood ratio that is needed, 3.5.

    When CROHME's pictures are turned, the rule finds a third of them in sets of a thousand or more, and fewer in
    smaller sets or if many are turned. Of the unturned pictures, 1 in 300 looks turned. So the rule expects a share of
    `chance` (4 in 1,000) false findings, and reports only as many as there are above that, the surest ones. A handful
    of turned pictures in a thousand goes unreported. Only data sets with at least 60 pairs are judged. Pictures are
    compared with the others of their set, so none are found if most are turned.

    Why: The model learns symbols that don't exist.
    Fix: None: look at the picture, and turn it.
    """
    if not has_columns(samples, "pair_turned"):
        return none()
    compared = samples.filter(pl.col("pair_turned").is_not_null()).select(*_WHERE, "pair_turned").collect()
    found = compared.filter(pl.col("pair_turned") > options["evidence"])
    found = beyond_chance(found, compared, options["chance"], "pair_turned")
    return found.lazy().select(*_WHERE, pl.lit("the picture seems to be upside down").alias("message"))


@samples_rule(
    "PAR013",
    "part-of-the-picture",
    "info",
    options={"evidence": measure(5.0), "chance": share(0.006)},
    needs=_NEEDS,
    columns=["pair_lacks", "pair_lacks_gain"],
    covers={"PAR5": "if a part is cut off", "PAR6": ""},
)
def part_of_picture(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture doesn't fit its label, but would if a quarter or more of the formula were cut off at the left or
    right. `evidence` is the improvement that is needed, as a difference between the logits of the pair score, 5.

    When CROHME's pictures are cut in half, the rule finds half of them (986 pairs) to five in six (8,834 pairs); of
    those that lack 20 to 40 % at the left, it finds a quarter to a half. Of the whole pictures, 0.4 % look as if a part
    were missing. So the rule expects a share of `chance` (6 in 1,000) false findings, and reports only as many as there
    are above that, the surest ones. Only data sets with at least 60 pairs are judged.

    Why: The model learns to make up what it can't see.
    Fix: None: look at the picture, and crop it again. The picture may also belong to another label: a quarter of such
    pairs look as if a part were missing, and PAR007 finds most of them.
    """
    if not has_columns(samples, "pair_lacks", "pair_lacks_gain"):
        return none()
    compared = samples.filter(pl.col("pair_score").is_not_null()) if has_columns(samples, "pair_score") else samples
    judged = compared.select(*_WHERE, "pair_lacks", "pair_lacks_gain").collect()
    found = judged.filter(pl.col("pair_lacks_gain") > options["evidence"])
    found = beyond_chance(found, judged, options["chance"], "pair_lacks_gain")
    side = pl.when(pl.col("pair_lacks") < 0).then(pl.lit("left")).otherwise(pl.lit("right"))
    share = (100 * pl.col("pair_lacks").abs()).round(0).cast(pl.Int32)
    return found.lazy().select(
        *_WHERE, pl.format("the picture seems to lack the {} {} % of the formula", side, share).alias("message")
    )


@samples_rule(
    "PAR002",
    "missing-image",
    "error",
    tags=["unusable-image"],
    columns=["image", "image_error"],
    covers=["NRM11", "PAR2"],
)
def missing_image(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""A sample names an image file that doesn't exist, or that isn't in the image folder. The message has the path as
    the label file gives it. If a data set has none of its images, the set has one finding.

    Why: Training stops at it or silently skips it, so the data set is smaller than it seems.
    Fix: None: drop the sample, or find the file. `--images DIR` says where the images of a data set are.
    See: im2markup preprocess_filter.py.
    """
    if not has_columns(samples, "image_error"):
        return none()
    known = has_columns(samples, "image_not_found")
    path = pl.coalesce("image_not_found", "image") if known else pl.col("image")
    missing = (pl.col("image_error") == NO_FILE).fill_null(False)
    missing = missing | pl.col("image_not_found").is_not_null() if known else missing
    named = samples.filter(pl.col("image").is_not_null()).with_columns(missing.alias("missing"))
    whole = (
        named.group_by("source", maintain_order=True)
        .agg(pl.col("missing").all(), pl.len().alias("images"))
        .filter("missing")
    )
    every = whole.select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.format("none of its {} images exists; --images DIR says where they are", pl.col("images")).alias("message"),
    )
    single = named.filter("missing").join(whole, on="source", how="anti", maintain_order="left")
    return pl.concat([every, single.select(*_WHERE, pl.format("there is no image {}", path).alias("message"))])
