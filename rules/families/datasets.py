"""DST: problems of whole data sets: licences, splits that differ, wrong columns. Leaks are DUP, rare tokens LEN."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import polars as pl

from rules.families.duplicates import leaks_of, prepared
from rules.options import count, share
from rules.registry import Findings, Options, samples_rule
from rules.sets import licences, set_difference
from rules.sets.leaks import RANKS, rank, side_name
from rules.toolkit.whole_sets import has_columns, of_sets
from rules.toolkit.wording import clip, listed, percent


@samples_rule("DST001", "no-images", "info", columns=["image"], covers=["DST-images"])
def no_images(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set in which no sample names an image. One finding for the set.

    Why: No model can be trained on labels alone, and nobody can compare the labels with their pictures.
    Fix: None: `--images DIR` says where the images are, `--columns image:NAME` which column names them.
    """
    if not has_columns(samples, "image"):
        return of_sets([])
    counts = samples.group_by("source", maintain_order=True).agg(pl.col("image").count(), pl.len().alias("n")).collect()
    without = counts.filter(pl.col("image") == 0)
    return of_sets([(source, f"none of its {n:,} samples names an image") for source, _, n in without.iter_rows()])


# Licences -------------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Terms:
    source: str
    declared: str | None
    known: licences.Known | None

    @property
    def licence(self) -> str | None:
        return self.declared or (self.known.licence if self.known else None)


def _terms(samples: pl.LazyFrame) -> list[_Terms]:
    """What each source says about its licence, from the columns source_licence and source_path; empty without them."""
    if not has_columns(samples, "source_licence", "source_path"):
        return []
    terms = pl.col("source_licence", "source_path").first()
    rows = samples.group_by("source", maintain_order=True).agg(terms).collect()
    return [
        _Terms(source, licence or None, licences.known(source, path or ""))
        for source, licence, path in rows.iter_rows()
    ]


@samples_rule("DST002", "licence-missing", "info", columns=["source_licence", "source_path"], covers=["DST1"])
def licence_missing(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set without a stated licence.

    Why: You may not be allowed to publish what you train on it or make from it.
    Fix: None: state the licence in the project file, under `[licences]`: `NAME = "CC-BY-4.0"`.
    """
    found = []
    for terms in _terms(samples):
        if terms.declared is None:
            hint = f"; as far as is known, {terms.known.what}" if terms.known else ""
            found.append((terms.source, f"no licence is given{hint}"))
    return of_sets(found)


@samples_rule("DST003", "licence-differs", "warning", columns=["source_licence", "source_path"], covers=["DST1"])
def licence_differs(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A data set states a different licence from the public set of the same name.

    Why: People who copy a public set often publish it under a licence of their own choice: a mirror of UniMER says
    Apache-2.0, although it contains CROHME, which is for non-commercial use only.
    Fix: None: ask the publishers of the set. If it is a different set with the same name, use `--ignore DST003`.
    """
    found = []
    for terms in _terms(samples):
        if not terms.declared or not terms.known:
            continue
        if licences.standard(terms.declared) != licences.standard(terms.known.licence):
            found.append((terms.source, f"given as {terms.declared}, but as far as is known, {terms.known.what}"))
    return of_sets(found)


@samples_rule("DST004", "licence-clash", "warning", columns=["source_licence", "source_path"], covers=["DST1"])
def licence_clash(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Two data sets of a run have licences that don't allow a single data set made from both.

    Why: Such a set can't be published under any licence. Training on both while keeping the data apart may be allowed.
    Fix: None: export them separately. Only the Creative Commons licences and the common open licences are compared.
    This is not legal advice.
    """
    terms = [item for item in _terms(samples) if item.licence]
    found = []
    for place, second in enumerate(terms):
        for first in terms[:place]:
            why = licences.clash(str(first.licence), str(second.licence))
            if why:
                found.append(
                    (second.source, f"{second.licence} is not compatible with {first.source} ({first.licence}): {why}")
                )
    return of_sets(found)


# Splits ---------------------------------------------------------------------------------------------------------------


@samples_rule(
    "DST005",
    "split-by-row",
    "info",
    options={"share": share(0.5), "least": count(20)},
    columns=["split"],
    covers=["DST2"],
)
def split_by_row(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""A test or validation split shares as many labels with the training split as a split drawn row by row would.

    Why: Copies of one label were dealt out to both sides, and nobody can draw the split again without its list.
    Fix: None: split by label. `curate export` assigns all samples of a label to one side by a hash, so that samples
    keep their side when the set grows. A split is reported if a draw by row would share `least` labels or more, and it
    shares at least `share` of that number.
    See: Miffyli/im2latex-dataset issue 6.
    """
    found = []
    for pair in leaks_of(samples).iter_rows(named=True):
        expected = pair["random_labels"]
        if expected is None or expected < options["least"] or pair["labels"] < options["share"] * expected:
            continue
        there = side_name(pair["other_source"], pair["other_split"])
        found.append(
            (
                str(pair["source"]),
                f"{percent(pair['labels'], pair['samples'])} of the labels of split {pair['split']} are also in "
                f"{there}. A split drawn row by row would share {percent(expected, pair['samples'])}, so this one was "
                "not drawn by label",
            )
        )
    return of_sets(found)


@dataclass(frozen=True)
class _Compared:
    """A test or validation side, and the training data that belong to it: columns label, n_tokens; no label twice."""

    source: str
    name: str
    held_out: pl.DataFrame
    training: pl.DataFrame
    training_name: str


def _compared(samples: pl.LazyFrame) -> Iterator[_Compared]:
    """Every test or validation side with the training sides of its own source, or with all of them if it has none."""
    sides = samples.select("source", "split").unique().with_columns(rank()).collect()
    if sides["rank"].n_unique() < 2 or sides["rank"].min() != RANKS["training"]:
        return
    rows = (
        prepared(samples)
        .filter(pl.col("label_group").is_not_null())
        .with_columns(rank())
        .select("source", "split", "rank", "label_group", "label", "n_tokens")
        .unique(["source", "split", "label_group"], keep="first", maintain_order=True)
        .collect()
    )
    training = rows.filter(pl.col("rank") == RANKS["training"])
    if training.is_empty():
        return
    for (source, split), side in rows.filter(pl.col("rank") > 0).group_by("source", "split", maintain_order=True):
        own = training.filter(pl.col("source") == source)
        other = own if own.height else training
        names = other["source"].unique(maintain_order=True).to_list()
        name = "its training split" if own.height else names[0] if len(names) == 1 else "all training data"
        yield _Compared(
            str(source),
            side_name(str(source), None if split is None else str(split)),
            side,
            other.unique("label_group", keep="first", maintain_order=True),
            name,
        )


def _tokens(pair: _Compared) -> list[tuple[str, int, int]]:
    """(token, number of different labels that hold it on the held-out side, the same on the training side)."""
    parts = [
        frame.select(pl.lit(part).alias("part"), "label")
        for part, frame in (("one", pair.held_out), ("two", pair.training))
    ]
    counts = set_difference.token_counts(pl.concat(parts).lazy(), "part")
    wide = counts.group_by("token").agg(
        pl.col("labels").filter(pl.col("part") == part).sum().alias(part) for part in ("one", "two")
    )
    return list(wide.sort("token").iter_rows())


@samples_rule(
    "DST006",
    "token-shift",
    "info",
    options={"bits": share(0.01), "shown": count(8, at_least=1)},
    columns=["split"],
    covers=["DST3"],
)
def token_shift(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Tokens that a test or validation split uses far more or far less often than the training data.

    Why: The score on such a split measures the model on a kind of formula that it wasn't trained on.
    Fix: None: check whether both come from the same place, and draw the split again if they should be alike. Each label
    counts once. A token is reported if the Jensen-Shannon divergence is at least `bits` and larger than chance
    explains.
    """
    found = []
    for pair in _compared(samples):
        here, there = pair.held_out.height, pair.training.height
        tokens = _tokens(pair)
        shifted = sorted(
            (-bits, token, one, two)
            for token, one, two in tokens
            if one
            and two
            and token not in "{}"
            and (bits := set_difference.divergence(one, here, two, there)) >= options["bits"]
            and set_difference.differs(one, here, two, there, len(tokens))
        )
        if shifted:
            named = [f"`{token}` ({percent(one, here)}, {percent(two, there)})" for _, token, one, two in shifted]
            text = (
                f"{len(shifted)} of {len(tokens)} tokens are not as frequent in {pair.name} as in {pair.training_name} "
                f"(share of labels in each): {listed(named, options['shown'])}"
            )
            found.append((pair.source, text))
    return of_sets(found)


@samples_rule(
    "DST007", "unseen-tokens", "info", options={"shown": count(12, at_least=1)}, columns=["split"], covers=["DST3"]
)
def unseen_tokens(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Tokens of a test or validation split that no training label has, although the training data are large enough.

    Why: A model can't learn to write them. They are symbols from another set, or typing errors.
    Fix: None: correct the errors. For the symbols, add training labels, or leave their labels out of the score.
    """
    found = []
    for pair in _compared(samples):
        here, there = pair.held_out.height, pair.training.height
        unseen = sorted(
            (-one, token)
            for token, one, two in _tokens(pair)
            if one and not two and set_difference.missed(one, here, there)
        )
        if unseen:
            named = listed([f"`{token}` ({-one})" for one, token in unseen], options["shown"])
            one = len(unseen) == 1
            many = f"{len(unseen)} token{'' if one else 's'} of {pair.name} {'is' if one else 'are'}"
            found.append((pair.source, f"{many} not in {pair.training_name}: {named}"))
    return of_sets(found)


@samples_rule("DST008", "length-shift", "info", options={"distance": share(0.1)}, columns=["split"], covers=["DST3"])
def length_shift(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""Labels of a test or validation split are longer or shorter than those of the training data.

    Why: Long formulas are harder, so the score says as much about length as about the model. A split that was cut off a
    sorted list looks like this.
    Fix: None: draw the split again, or score by length. Each label counts once. A split is reported if the
    Kolmogorov-Smirnov distance is at least `distance` and larger than chance explains.
    """
    found = []
    for pair in _compared(samples):
        here, there = (frame["n_tokens"].drop_nulls() for frame in (pair.held_out, pair.training))
        distance, real = set_difference.length_distance(here, there)
        if real and distance >= options["distance"]:
            medians = [int(lengths.median() or 0) for lengths in (here, there)]  # type: ignore[arg-type]
            text = (
                f"labels of {pair.name} have a median of {medians[0]} tokens, those of {pair.training_name} "
                f"{medians[1]} (distance between the distributions: {distance:.2f})"
            )
            found.append((pair.source, text))
    return of_sets(found)


# Labels that are not formulas -----------------------------------------------------------------------------------------

_NUMBER = r"^\s*[+-]?\d[\d\s.,]*$"
_FILE = r"(?i)^\s*\S+\.(?:png|jpe?g|bmp|gif|tiff?|webp|svg|pdf|inkml|lg|npy|txt|tex)\s*$"
#: UUIDs and hashes, which files and records are named after.
_HASH = r"(?i)^\s*(?:[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}|[0-9a-f]{16,64})\s*$"


def _base(column: str) -> pl.Expr:
    """The last part of a path, without its extension."""
    return pl.col(column).str.extract(r"([^/\\]*)$").str.replace(r"\.\w{1,5}$", "")


@samples_rule(
    "DST009",
    "labels-no-formulas",
    "error",
    options={"share": share(0.98), "least": count(20, at_least=1)},
    mended_by="columns",
    covers=["DST-labels"],
)
def labels_no_formulas(samples: pl.LazyFrame, options: Options) -> Findings:
    r"""The labels of a split are not formulas: they are numbers, file names, the images' names, or all the same text.
    One finding for the split.

    Why: The wrong column or file was read: class numbers, ids, a prompt. Each of these labels is valid LaTeX, so no
    other rule reports it, and the model learns to write it.
    Fix: None: `--columns label:NAME` says which column holds the formulas. A split is judged if it has `least` labels,
    and reported if `share` of them are like this. If that is intended, as in a set of digits, use `--ignore DST009`.
    """
    text = pl.col("label").str.strip_chars()
    named = pl.lit(False)
    if has_columns(samples, "image") and samples.select(pl.col("image").is_not_null().any()).collect().item():
        named = ((text == pl.col("image")) | (_base("label") == _base("image"))).fill_null(False)
    side = ("source", "split")
    split_of = pl.col("split") if has_columns(samples, "split") else pl.lit(None, pl.String).alias("split")
    number = text.str.contains(_NUMBER)
    file = ~number & (text.str.contains(_FILE) | text.str.contains(_HASH) | named)
    texts = samples.filter(text.str.len_chars() > 0).select(
        "source", split_of, text.alias("text"), number.alias("number"), file.alias("file")
    )
    equal = texts.group_by(*side, pl.col("text").hash().alias("hash")).agg(pl.len().alias("same"))
    counts = (
        texts.group_by(side, maintain_order=True)
        .agg(pl.len().alias("all"), pl.col("number", "file").sum())
        .filter(pl.col("all") >= options["least"])
        .join(equal.group_by(side).agg(pl.col("same").max()), on=side, nulls_equal=True, maintain_order="left")
        .collect(engine="streaming")
    )
    found = []
    for source, split, number_of, numbers, files, same in counts.iter_rows():
        need = options["share"] * number_of
        if same >= need:
            own = texts.filter(pl.col("source") == source, pl.col("split").eq_missing(pl.lit(split, pl.String)))
            often = own.group_by("text").len().filter(pl.col("len") == same)
            most = often.select(pl.col("text").min()).collect(engine="streaming").item()
            what = f"are the same text, '{clip(most, 60)}'"
        elif numbers >= need:
            what = "are numbers"
        elif files >= need:
            what = "are names of files or records"
        else:
            continue
        name = f"{split}: " if split else ""
        part = max(same if same >= need else 0, numbers if numbers >= need else 0, files if files >= need else 0)
        found.append((source, f"{name}{part:,} of its {number_of:,} labels {what}, not formulas"))
    return of_sets(found)
