"""PAR: does this label belong to this picture? Reads what was worked out about the pairs (docs/pairs.md says how)."""

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
    r"""The pictures of a file, or of a part of it, belong to the labels some rows further up or down: one finding for
    the file, with the rows and the offset, and one for each of these rows. Offsets of up to 5 rows are seen, in
    stretches of at least 20 rows.

    Why: Labels and pictures were put together by their order, and one of them was left out. Every later pair is wrong,
    and each looks like a formula with its picture. So the source's verdict is `unfit`, and `curate export` leaves the
    rows out (`--keep PAR001` keeps them).
    Fix: None for one label. `curate fix --unsafe-fixes` moves each label to the picture that it belongs to, if it can
    open the pictures. A row whose label isn't known keeps the one it has: the rows at the ends of the file, and those
    within 5 rows of a place where the offset changes. Better: join labels and pictures by name, or take out the row
    that has no partner.
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
    """A finding on each row whose label isn't that of its picture, or may not be."""
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
        .then(pl.lit("it stands at the edge of shifted pairs: which label its picture has isn't known"))
        .otherwise(pl.format("the picture belongs to the label of {}, {}", "other", "further"))
        .alias("message"),
    )


#: What sets a part of a formula above or below the rest, where handwriting leaves a gap.
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
    r"""The picture holds more lines of ink, one below the other, than the label lays out. `spare` lines more are
    allowed, as handwriting tears a formula apart, and up to two where it has fractions, limits or the like.

    Why: The crop holds something else too (a neighbouring line, printed text), or the label lacks lines: the model
    learns to leave out what it sees.
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
        pl.format("the picture seems to have {} lines, the label lays out {}", "ink_rows", "pair_lines").alias(
            "message"
        ),
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
    r"""The label breaks into lines (`\\` at the top level or in the environment that is the whole label), the picture
    has fewer, and is `wider` times as wide for its height as such a label lets expect.

    Why: The break is not in the picture (`\\` has no effect inside `equation`), or the picture shows a part of it.
    Fix: None: take out the break, or find the whole picture.
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
        pl.format("the label has {} lines, the picture {}", "pair_rows", "ink_rows").alias("message"),
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
    r"""The picture does not look like one of this label, in a set that has pairs of wrong ones: its `pair_score` is
    `below` 0.03 and among the lowest of the set, of which as many are reported as the set's scores say are wrong. Where
    they may all be right none is, for the 1 in 100 right pairs that are so doubtful are odd pictures of right labels.

    With 1 to 5 % of CROHME 2014's labels swapped three of four of them are found, and three of four of those reported
    are swapped; of CROHME and im2latex as they are none is reported. `budget = false` reports all below. The report
    shows the lowest of every set, as an order and not as findings. A picture without ink, a label that draws nothing,
    the pairs that PAR001 reports as shifted, and data sets with fewer than 60 pairs, which can't be learnt from, are
    left out.

    Why: A label that belongs to another picture teaches the model to read what is not there.
    Fix: None: look at the picture.
    """
    if not has_columns(samples, "pair_score", "pair_off"):
        return none()
    # How far off a pair is, is known where both can be seen and there is a set to learn from.
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
        pl.format("the picture may be of another label: look at both (pair score {})", "pair_score").alias("message"),
    )
    return found.lazy()


_INK_BOX = ("ink_left", "ink_top", "ink_right", "ink_bottom")
#: Labels that are narrower for their height than this are a single stroke, as `1`, `i`, `l`, `j`: most others of one
#: symbol are expected to be 0.6 to 1.2 times as wide as high.
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
    r"""The ink is `times` as wide for its height as the label lets expect, or as narrow, and so `sigmas` robust
    standard deviations of its data set away. Asked of data sets with at least 60 pairs. A label of one narrow symbol
    (`1`, `i`) is never too wide for its picture: a stroke may be as thin as the pen.

    Why: A crop that is cut, a label that covers only a part of its picture, or a wrong pair.
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
            "for its height the ink is {} times as wide as the label lets expect", pl.col("pair_wide").round(2)
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
    r"""Image files lie beside those of a data set, and no row names them: one finding for a data set, with how many.

    Why: Labels were lost on the way, or the folder holds another split. Where pictures and labels are put together by
    their order, one file too many shifts all pairs.
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
    """The samples for which some prediction is drawn otherwise than the label, with their message."""
    surety = pl.when(pl.col("pred_score").is_not_null()).then(
        pl.format(" (probability of a token {})", pl.col("pred_score").exp().round(3))
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
    covers={"PAR-wrong": "where predictions are sure"},
)
def likely_label_error(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""Predictions (`--predictions`) are drawn otherwise than the label, and either `repeated` of them (2) agree on one
    other reading, or the model was `confident` (its mean token probability, 0.97) and none says otherwise.

    Why: Models that err do so each in its own way. Where they agree against the label, the label is often wrong.
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
    covers={"PAR-wrong": "where they are not"},
)
def prediction_differs(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""A prediction (`--predictions`) is drawn otherwise than the label, and nothing says how sure it is: it is the
    only one, or the others read something else. Those that are sure are PAR010.

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
    covers={"IMG6": "by 180 degrees, without a tag that says so"},
)
def turned_picture(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture is upside down: where its ink stands fits the label better when it is turned by 180 degrees, by so
    much `evidence` (logarithm of a likelihood ratio, 3.5). Of CROHME's pictures, turned, a third is found in sets of a
    thousand and more, and fewer in smaller sets or where many are turned; of those as they are, 1 in 300 looks turned.
    So a set has findings only if it has more than `chance` (4 in 1,000) makes, and only as many as it has more, the
    surest: a handful of turned pictures in a thousand goes unreported. Asked of data sets with at least 60 pairs, and
    of one picture against the others: where most are turned none is found.

    Why: The model learns symbols that don't exist.
    Fix: None: look at the picture, and turn it.
    """
    if not has_columns(samples, "pair_turned"):
        return none()
    compared = samples.filter(pl.col("pair_turned").is_not_null()).select(*_WHERE, "pair_turned").collect()
    found = compared.filter(pl.col("pair_turned") > options["evidence"])
    found = beyond_chance(found, compared, options["chance"], "pair_turned")
    return found.lazy().select(*_WHERE, pl.lit("the picture seems to be turned by 180 degrees").alias("message"))


@samples_rule(
    "PAR013",
    "part-of-the-picture",
    "info",
    options={"evidence": measure(5.0), "chance": share(0.006)},
    needs=_NEEDS,
    columns=["pair_lacks", "pair_lacks_gain"],
    covers={"PAR5": "where a part is cut off", "PAR6": ""},
)
def part_of_picture(samples: pl.LazyFrame, options: Options) -> pl.LazyFrame:
    r"""The picture doesn't fit its label, and would if a quarter or more of the formula were cut off at the left or the
    right: better by so much `evidence` (difference of the pair score's logits, 5). Of CROHME's pictures cut in half,
    a half (986 pairs) to five in six (8,834 pairs) are found, and of those that lack 20 to 40 % at the left a quarter
    to a half; 0.4 % of those that are whole look as if they lacked a part. So a set has findings only if it has more
    than `chance` (6 in 1,000) makes, and only as many as it has more, the surest. Asked of data sets with at least 60
    pairs.

    Why: The model learns to make up what it can't see.
    Fix: None: look at the picture, and cut it again. It may also be of another label: of such pairs a quarter look as
    if a part were missing, and PAR007 finds most.
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
    r"""A sample names an image file that isn't there, or that isn't in the image folder. The path is told as the label
    file has it. Where no image of a whole data set is there, that is one finding.

    Why: Training stops at it, or skips it without a word, so the data set is smaller than its numbers.
    Fix: None: drop the sample, or find the file; `--images DIR` says where a data set's images lie.
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
        pl.format("none of its {} images is there; --images DIR says where they lie", pl.col("images")).alias(
            "message"
        ),
    )
    single = named.filter("missing").join(whole, on="source", how="anti", maintain_order="left")
    return pl.concat([every, single.select(*_WHERE, pl.format("there is no image {}", path).alias("message"))])
