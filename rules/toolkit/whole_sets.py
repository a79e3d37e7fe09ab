"""One finding for a data set that is all of a kind, instead of one for each of its samples. Judges nothing itself."""

from __future__ import annotations

import polars as pl

from rules.options import share

#: A source of fewer judged samples is too small to speak of as a set.
SMALLEST = 20
#: Options of every rule that speaks of whole sets. Where more than this part of a source's samples would have a
#: finding, that is how the set is made, and one finding says so.
WHOLE = {"whole": share(0.5)}


def has_columns(samples: pl.LazyFrame, *columns: str) -> bool:
    """Do samples have all these columns?"""
    return set(columns) <= set(samples.collect_schema())


def none() -> pl.LazyFrame:
    """No findings."""
    return pl.LazyFrame(schema=dict.fromkeys(("sample_id", "source", "message"), pl.String))


def of_sets(found: list[tuple[str, str]]) -> pl.DataFrame:
    """Findings on whole data sets, from pairs of a source and a message."""
    schema = {"sample_id": pl.String, "source": pl.String, "message": pl.String}
    return pl.DataFrame([(None, *row) for row in found], schema=schema, orient="row")


def rows(samples: pl.LazyFrame, hit: pl.Expr, message: pl.Expr) -> pl.LazyFrame:
    """A finding for each sample of `samples` that `hit` (Boolean, null is no) holds for."""
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
    """`rows`, but one finding (sample_id null) for a source in which more than the part `whole` is hit.

    samples: those that were judged at all. about: what is said of the images of a set, as in "12 of 20 images …".
    rest: what follows where some of a set's images are not hit. alone: which samples may have a finding of their own,
    where not all may; the others only count for their set.
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
