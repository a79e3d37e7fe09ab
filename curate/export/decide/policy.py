"""Decides which samples are left out, with one reason each. Decides no split, reads no image.

A sample that a person accepted, edited or had fixed stays whatever rules and filters say; a rejected one goes. Reasons
are tried in the order of REASONS, and the first that applies is the sample's.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import polars as pl

from curate.base.errors import UserError
from curate.export.decide.inputs import Input
from curate.export.decide.languages import LANGUAGES, language
from curate.export.decide.options import SEVERITIES, ExportOptions
from curate.export.decide.relabel import CHANGED, WINNING, Relabelled
from curate.export.decide.rows import Rows, settled
from rules.registry import SelectionError, expand, fixing_as, mended_by, tagged
from rules.score import scores

#: Why a sample is not in the data set, in words for tables.
REASONS: dict[str, str] = {
    "rejected": "rejected by a person",
    "empty": "the label is empty",
    "no-image": "no image, or one that can't be opened or has changed",
    "rule": "a rule's finding",
    "score": "score too low",
    "language": "text in an unwanted language",
    "length": "label too short or too long",
    "repeated": "the label occurs often enough already",
    "leak-label": "the same label is in a split used for testing",
    "leak-image": "the same picture is in a split used for testing",
    "leak-near": "a copy of the picture is in a split used for testing",
}
REASON = pl.Enum(list(REASONS))
DECIDED = pl.Enum((*WINNING, "reject"))

#: Reasons that apply whatever a person decided.
_UNDENIABLE = ("rejected", "empty", "no-image")


@dataclass(frozen=True)
class Names:
    """The names in the samples' columns source and own_split, stored as numbers instead of texts."""

    source: pl.Enum
    own_split: pl.Enum
    #: Each source with each of its splits: the columns source and own_split.
    sides: pl.DataFrame

    @classmethod
    def of(cls, inputs: Iterable[Input]) -> Names:
        """All names in the samples of these runs."""
        frames = [item.run.samples.select("source", "split").unique() for item in inputs]
        found = pl.concat(frames).collect(engine="streaming").unique().sort("source", "split", nulls_last=True)
        source, own = (pl.Enum(found[column].drop_nulls().unique().sort()) for column in ("source", "split"))
        return cls(
            source, own, found.select(pl.col("source").cast(source), pl.col("split").cast(own).alias("own_split"))
        )


def base(item: Input, labels: Relabelled, names: Names, found: pl.DataFrame, start: int) -> pl.DataFrame:
    """One narrow row per sample of the window from row `start` on: what policy and splits need, without its texts.

    found: the window's findings, see `Input.findings`.

    Columns: run, row (in samples.parquet), source, own_split, has_image, width, height, n_tokens, n_chars, language,
    score, key (UInt64, of the visual key, or of the text if there is none), pixels and near (UInt64, of image_sha256
    and image_group, null without), decided (action or null), changed (the label differs from the one read).
    """
    rows = item.window(start)
    # Before the joins, which would carry whole hashes along.
    pixels = _as_number("image_sha256").alias("pixels")
    # Single symbols look alike whoever wrote them: as for DUP008, that is no evidence of a copy.
    near = pl.when(pl.col("n_tokens") > 1).then(_as_number("image_group")).alias("near")
    rows = rows.with_columns(pixels, near, pl.col("visual_key").str.slice(0, 16))
    here = item.within(start)
    changed = (
        pl.scan_parquet(labels.changed)
        .filter(here)
        .select("row", *(pl.col(name).alias(f"new_{name}") for name in CHANGED if name != "row"))
    )
    decided = pl.LazyFrame(
        {"row": list(labels.decided), "decided": list(labels.decided.values())},
        schema={"row": pl.UInt32, "decided": DECIDED},
    ).filter(here)
    is_new = pl.col("new_label").is_not_null()
    label = pl.coalesce("new_label", "label")
    checked = item.run.summary.get("config", {}).get("images", False)
    unusable = found.filter(pl.col("rule").is_in(tagged("unusable-image")))["row"].unique()
    kept = _kept_by_samples(item, found if labels.n_changed else found.clear())
    frame = (
        rows.join(changed, on="row", how="left", maintain_order="left")
        .join(decided, on="row", how="left", maintain_order="left")
        .join(kept.lazy(), on="row", how="left", maintain_order="left")
        .select(
            pl.lit(item.number, pl.UInt16).alias("run"),
            "row",
            pl.col("source").cast(names.source),
            pl.col("split").cast(names.own_split).alias("own_split"),
            # A header may be whole where the pixels aren't: the audit found that.
            (
                pl.col("image").is_not_null()
                & (pl.col("width").is_not_null() | pl.lit(not checked))
                & ~pl.col("row").is_in(unusable.implode())
            ).alias("has_image"),
            "width",
            "height",
            pl.when(is_new).then("new_n_tokens").otherwise("n_tokens").alias("n_tokens"),
            label.str.strip_chars().str.len_chars().cast(pl.Int32).alias("n_chars"),
            language(label).cast(pl.Enum(LANGUAGES)).alias("language"),
            pl.when(is_new)
            .then((pl.col("new_label_score") * pl.col("kept").fill_null(1.0)).round(4))
            .otherwise("score")
            .alias("score"),
            pl.when(is_new).then("new_visual_key").otherwise("visual_key").alias("visual_key"),
            pl.when(pl.when(is_new).then("new_visual_key").otherwise("visual_key").is_null()).then(label).alias("text"),
            "pixels",
            "near",
            "decided",
            is_new.alias("changed"),
        )
        .collect()
    )
    key = frame["visual_key"].str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64)
    unkeyed = frame["visual_key"].is_null().arg_true()
    if unkeyed.len():  # labels without a key that read the same do look the same
        texts = frame["text"].gather(unkeyed).fill_null("").to_list()
        key = key.scatter(unkeyed, pl.Series([_hash(f"text/{text}") for text in texts], dtype=pl.UInt64))
    return frame.drop("visual_key", "text").with_columns(key.alias("key"))


def _as_number(column: str) -> pl.Expr:
    return pl.col(column).str.slice(0, 16).str.to_integer(base=16, dtype=pl.UInt64, strict=False)


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "big")


def _kept_by_samples(item: Input, found: pl.DataFrame) -> pl.DataFrame:
    """By row, the factor that a sample's score keeps with another label: from rules that look at no label."""
    findings = found.filter(~pl.col("rule").is_in(item.label_rules))
    return scores(findings, "row", item.weights).rename({"score": "kept"})


# Rules ----------------------------------------------------------------------------------------------------------------


def dropping(options: ExportOptions) -> pl.Expr:
    """Does a finding (columns rule, severity) drop its sample? Raises UserError for an unknown rule.

    A finding of a rule named in `drop` always does. The severity is ignored for findings that `keep` names, and for
    those that preparing the picture repairs.
    """
    severities = {"error"} | {name for name in options.drop if name in SEVERITIES}
    severities -= {name for name in options.keep if name in SEVERITIES}
    drop = _codes(options.drop, "--drop")
    keep = _codes(options.keep, "--keep")
    menders = ["export"]
    if options.resize != "none":
        menders.append("export-resize")
    if options.crop == "ink":
        menders.append("export-crop")
    if options.invert:
        menders.append("export-invert")
    keep |= {*mended_by(*menders), *(tagged("unusable-image") if options.allow_no_image else ())}
    rule = pl.col("rule")
    return (pl.col("severity").is_in(sorted(severities)) | rule.is_in(sorted(drop))) & ~rule.is_in(sorted(keep - drop))


def _codes(names: Iterable[str], flag: str) -> set[str]:
    try:
        return set(expand(name for name in names if name not in SEVERITIES))
    except SelectionError as error:
        raise UserError(f"{flag}: {error}") from error


def matters(item: Input, options: ExportOptions) -> pl.Expr:
    """Can a finding drop its sample, be fixed, or count in the score of a changed label?"""
    return dropping(options) | pl.col("fix").is_not_null() | ~pl.col("rule").is_in(item.label_rules)


def worst_findings(
    item: Input, labels: Relabelled, options: ExportOptions, found: pl.DataFrame, start: int
) -> pl.DataFrame:
    """The worst dropping finding of each sample of a window that has one: row, rule, detail. found: its findings.

    A changed label is judged by the findings of the new one and, if it was fixed by rule, by damage of the old one that
    nothing repairs; a person who wrote a new label has seen the old one.
    """
    here = item.within(start)
    stays = ~pl.col("rule").is_in(item.label_rules)
    stays |= pl.col("rule").is_in(tagged("damage")) & ~pl.col("row").is_in(list(labels.decided))
    changed = pl.scan_parquet(labels.changed).filter(here).select("row", pl.lit(True).alias("changed"))
    stated = (
        found.lazy()
        .filter(dropping(options))
        .join(changed, on="row", how="left")
        .filter(pl.col("changed").is_null() | stays)
        .select("row", "rule", "severity", "message")
    )
    anew = pl.scan_parquet(labels.judged).filter(here & dropping(options))
    rank = pl.col("severity").replace_strict({name: at for at, name in enumerate(SEVERITIES)}, return_dtype=pl.Int8)
    return (
        pl.concat([stated, anew])
        .with_columns(rank.alias("rank"))
        .sort("row", "rank", "rule", "message")
        .unique("row", keep="first", maintain_order=True)
        .select("row", "rule", pl.col("message").alias("detail"))
        .collect()
    )


def curable(frame: pl.DataFrame, found: pl.DataFrame) -> dict[str, int]:
    """How many samples of a window are dropped for a rule that proposed a repair, by its level."""
    dropped = frame.filter(pl.col("reason") == "rule").select("row", "rule")
    repairs = found.filter(pl.col("rule").is_in(fixing_as("repair")))
    return {
        level: dropped.join(repairs.filter(pl.col("fix") == level), on=["row", "rule"], how="semi").height
        for level in ("safe", "unsafe")
    }


def damaged(frame: pl.DataFrame, found: pl.DataFrame, frozen: pl.Expr) -> dict[str, int]:
    """How many frozen samples of a window keep damage that a safe repair would mend, by rule; "" for all."""
    stay = frame.filter(frozen & pl.col("reason").is_null() & ~pl.col("changed")).select("row")
    repairs = found.filter(pl.col("rule").is_in(fixing_as("repair")), pl.col("fix") == "safe")
    left = stay.join(repairs.select("row", "rule").unique(), on="row", how="inner")
    return {**dict(left.group_by("rule").len().iter_rows()), "": left["row"].n_unique()}


# Reasons --------------------------------------------------------------------------------------------------------------


def with_reasons(frame: pl.DataFrame, worst: pl.DataFrame, options: ExportOptions, frozen: pl.Expr) -> pl.DataFrame:
    """The frame of `base` with reason, rule and detail; reason is null for samples that stay.

    worst: from `worst_findings`. frozen: true for samples that no rule or filter may drop.
    """
    tests = _tests(options)
    free = (~pl.col("decided").is_in(WINNING)).fill_null(True) & ~frozen.fill_null(False)
    reason, detail = pl.lit(None, REASON), pl.lit(None, pl.String)
    for name, (holds, words) in reversed(tests.items()):
        applies = holds.fill_null(False) & (pl.lit(True) if name in _UNDENIABLE else free)
        reason = pl.when(applies).then(pl.lit(name)).otherwise(reason)
        detail = pl.when(applies).then(words).otherwise(detail)
    joined = frame.join(worst, on="row", how="left", maintain_order="left").rename({"rule": "found", "detail": "said"})
    return (
        joined.with_columns(reason.alias("reason"), detail.alias("detail"))
        .with_columns(pl.when(pl.col("reason") == "rule").then("found").alias("rule"))
        .drop("found", "said")
    )


def _tests(options: ExportOptions) -> dict[str, tuple[pl.Expr, pl.Expr]]:
    """For each reason that depends on the sample alone: does it apply, and what to say."""
    never = (pl.lit(False), pl.lit(None, pl.String))
    tests: dict[str, tuple[pl.Expr, pl.Expr]] = {
        "rejected": (pl.col("decided") == "reject", pl.lit("rejected")),
        "empty": (pl.col("n_chars") == 0, pl.lit("nothing but white space")),
        "no-image": (
            pl.lit(not options.allow_no_image) & ~pl.col("has_image"),
            pl.lit("no image that can be opened"),
        ),
        "rule": (pl.col("found").is_not_null(), pl.col("said")),
        "score": never,
        "language": never,
        "length": never,
    }
    if options.min_score is not None:
        least = options.min_score
        tests["score"] = (
            pl.col("score").fill_null(0.0) < least,
            pl.format("score {}, under {}", pl.col("score").cast(pl.String).fill_null("not known"), pl.lit(least)),
        )
    if options.languages is not None:
        tests["language"] = (
            pl.col("language").is_not_null() & ~pl.col("language").is_in(list(options.languages)),
            pl.format("language {}", pl.col("language")),
        )
    tests["length"] = _length(options)
    return tests


def _length(options: ExportOptions) -> tuple[pl.Expr, pl.Expr]:
    holds, words = pl.lit(False), pl.lit(None, pl.String)
    limits: list[tuple[str, str, int | None, bool]] = [
        ("n_tokens", "tokens", options.min_tokens, True),
        ("n_tokens", "tokens", options.max_tokens, False),
        ("n_chars", "characters", options.min_chars, True),
        ("n_chars", "characters", options.max_chars, False),
    ]
    for column, unit, limit, least in limits:
        if limit is None:
            continue
        out: Any = pl.col(column) < limit if least else pl.col(column) > limit
        out = out.fill_null(False)
        said = pl.format(f"{{}} {unit}, {'under' if least else 'over'} {limit}", pl.col(column))
        words = pl.when(out & ~holds).then(said).otherwise(words)
        holds = holds | out
    return holds, words


def with_caps(
    rows: Rows,
    ids_of: Callable[[pl.DataFrame], Iterable[str]],
    options: ExportOptions,
    frozen: pl.Expr,
) -> Rows:
    """Leave at most `max_repeats` samples of each visual key: decided ones first, then by a hash of their id.

    ids_of: the sample ids of rows (columns run, row). A hash instead of the order: the same samples stay when files are
    sorted differently.
    """
    most = options.max_repeats
    if most is None:
        return rows
    stays = pl.col("reason").is_null()
    free = stays & (~pl.col("decided").is_in(WINNING)).fill_null(True) & ~frozen.fill_null(False)

    def count(window: pl.DataFrame) -> pl.DataFrame:
        return window.filter(stays).group_by("key").agg(pl.len().alias("times"), (~free).sum().alias("bound"))

    def too_many(said: pl.DataFrame) -> pl.DataFrame:
        room = (most - pl.col("bound").cast(pl.Int64)).alias("room")
        totals = said.with_columns(pl.col("times", "bound").sum().over("key"))
        return totals.filter(pl.col("times") > most, pl.col("times") > pl.col("bound")).with_columns(room).drop("bound")

    def draw(window: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        """Give a lot to the samples of keys that are too frequent."""
        often = window.join(told, on="key", how="left", maintain_order="left")
        places = often.select(free & pl.col("times").is_not_null()).to_series().arg_true()
        lots = pl.Series([_hash(f"{options.seed}/{name}") for name in ids_of(often[places])], dtype=pl.UInt64)
        none = pl.repeat(None, often.height, dtype=pl.UInt64, eager=True)
        return often.with_columns(none.scatter(places, lots).alias("lot"))

    def low(window: pl.DataFrame) -> pl.DataFrame:
        drawn = window.filter(pl.col("lot").is_not_null()).select("key", "room", "lot")
        return drawn.filter(pl.col("lot").rank("ordinal").over("key") <= most)

    def last(said: pl.DataFrame) -> pl.DataFrame:
        """The last lot that stays, null if none does."""
        is_last = pl.col("lot").rank("ordinal").over("key") == pl.col("room")
        found = said.select("key", "window", pl.col("lot").filter(is_last).first().over("key").alias("last"))
        return found.unique()

    def leave(window: pl.DataFrame, told: pl.DataFrame) -> pl.DataFrame:
        leaves = pl.col("lot").is_not_null() & (pl.col("lot") > pl.col("last")).fill_null(True)
        said = pl.format("occurs {} times, {} stay", pl.col("times"), pl.lit(most))
        return (
            window.join(told, on="key", how="left", maintain_order="left")
            .with_columns(
                pl.when(leaves).then(pl.lit("repeated")).otherwise("reason").alias("reason"),
                pl.when(leaves).then(said).otherwise("detail").alias("detail"),
            )
            .drop("times", "room", "lot", "last")
        )

    drawn = settled(rows, count, "key", too_many, draw)
    return drawn if drawn is rows else settled(drawn, low, "key", last, leave)
