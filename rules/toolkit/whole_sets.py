"""Gives a data set one finding if most of its samples have the same problem, instead of one for each. Judges nothing
itself.
"""

from __future__ import annotations

import polars as pl

from rules.options import share

#: A source with fewer judged samples is too small for a finding on the whole set.
SMALLEST = 20
#: The option of every rule that may report whole sets. If more than this share of the samples of a source would have a
#: finding, that is how the set was made, and it has one finding instead.
WHOLE = {"whole": share(0.5)}


def has_columns(samples: pl.LazyFrame, *columns: str) -> bool:
    """Do the samples have all these columns?"""
    return set(columns) <= set(samples.collect_schema())


def none() -> pl.LazyFrame:
    """No findings."""
    return pl.LazyFrame(schema=dict.fromkeys(("sample_id", "source", "message"), pl.String))


def of_sets(found: list[tuple[str, str]]) -> pl.DataFrame:
    """Findings on whole data sets, from pairs of a source and a message."""
    schema = {"sample_id": pl.String, "source": pl.String, "message": pl.String}
    return pl.DataFrame([(None, *row) for row in found], schema=schema, orient="row")


def rows(samples: pl.LazyFrame, hit: pl.Expr, message: pl.Expr) -> pl.LazyFrame:
    """A finding for each of the `samples` for which `hit` is true. Null counts as false."""
    return samples.filter(hit.fill_null(False)).select("sample_id", "source", message.alias("message"))


def rows_or_set(
    samples: pl.LazyFrame,
    hit: pl.Expr,
    message: pl.Expr,
    about: str,
    *,
    whole: float,
    rest: str = "",
    alone: pl.Expr | None = None,
) -> pl.LazyFrame:
    """Like `rows`, but with one finding (sample_id null) for a source in which more than the share `whole` is hit.

    samples: those that were judged. about: the message for a set, to follow "12 of 20 images". rest: what to add if
    some images of a set are not hit. alone: which samples may have a finding of their own, if not all may; the others
    only count for their set.
    """
    marked = samples.with_columns(hit.fill_null(False).alias("hit"))
    sets = (
        marked.group_by("source", maintain_order=True)
        .agg(pl.col("hit").sum().alias("hits"), pl.len().alias("all"))
        .filter((pl.col("all") >= SMALLEST) & (pl.col("hits") > whole * pl.col("all")))
    )
    whole_sets = sets.select(
        pl.lit(None, pl.String).alias("sample_id"),
        "source",
        pl.format(
            f"{{}} of {{}} images {about}{{}}",
            "hits",
            "all",
            pl.when(pl.col("hits") < pl.col("all")).then(pl.lit(rest)).otherwise(pl.lit("")),
        ).alias("message"),
    )
    others = marked.join(sets, on="source", how="anti", maintain_order="left")
    single = rows(others, pl.col("hit") if alone is None else pl.col("hit") & alone, message)
    return pl.concat([whole_sets, single])
