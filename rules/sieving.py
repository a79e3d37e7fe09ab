"""Finds which rules must look at which labels: runs the sieves of all rules over a frame of labels. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import polars as pl

from rules import faults
from rules.latex import lexer
from rules.registry import Rule
from rules.toolkit.sieves import pattern_of

#: How many regular expressions are joined into one search, which costs little more than searching for one of them.
_TOGETHER = 12
#: Joining pays if no larger share of the labels is remarkable, since few other labels match any expression.
_PLAIN = 0.25


def sieved(frame: pl.DataFrame, rules: Sequence[Rule], remarkable: list[bool]) -> Iterator[tuple[Rule, list[int]]]:
    """The rows that each rule must look at. Rules about spelling skip rows that are not remarkable: those are already
    canonical."""
    indexed = with_comments_left_out(
        frame.with_columns(
            # A label that is too long to be read is too long to be searched. The rule that reports it needs no text.
            pl.when(pl.col("label").str.len_bytes() > lexer.MAX_LENGTH)
            .then(pl.when(pl.col("label").str.len_chars() > lexer.MAX_LENGTH).then(pl.lit("x")).otherwise("label"))
            .otherwise("label")
            .alias("label"),
            pl.Series("remarkable", remarkable),
        ).with_row_index()
    )
    search = _passed_together if sum(remarkable) < _PLAIN * len(remarkable) else _passed_each
    for rows, here in (
        (indexed, [rule for rule in rules if not rule.skips_canonical]),
        (indexed.filter("remarkable"), [rule for rule in rules if rule.skips_canonical]),
    ):
        passed = _passed(rows, here, search)
        for rule in here:
            indices = sorted(set(passed.get(rule.code, ())))
            if indices:
                yield rule, indices


def with_comments_left_out(indexed: pl.DataFrame) -> pl.DataFrame:
    """The rows, followed by a copy of each row whose label has a comment, with the comment removed.

    A sieve sees text, but most judges see tokens. A comment is not a token: to a judge, the tokens on both sides of it
    are neighbours, and the token before it may be the last. A rule looks at a label if its sieve lets either text pass.
    """
    percent = indexed.filter(pl.col("label").str.contains("%", literal=True))
    if percent.is_empty():
        return indexed
    bare = pl.Series("label", [lexer.without_comments(label) for label in percent["label"]], pl.String)
    changed = bare != percent["label"]  # a percent sign behind a backslash starts no comment
    return pl.concat([indexed, percent.with_columns(bare).filter(changed)])


def mask(rule: Rule) -> pl.Expr:
    """Which rows a rule's sieve lets through."""
    if rule.sieve is None:
        raise ValueError(f"{rule.code} is a rule over labels and has no sieve")
    return rule.sieve


_Search = Callable[[pl.DataFrame, Sequence[Rule]], dict[str, list[int]]]


def _passed(rows: pl.DataFrame, rules: Sequence[Rule], search: _Search) -> dict[str, list[int]]:
    """By rule code, the `index` of the rows that its sieve lets through. Rules without any rows may be left out."""
    if rows.is_empty():
        return {}
    try:
        return search(rows, rules)
    except BaseException as error:  # one sieve is to blame; running each by itself shows which
        faults.check_ours(error)
    passed: dict[str, list[int]] = {}
    for rule in rules:
        try:
            passed |= _passed_each(rows, [rule])
        except BaseException as error:
            faults.caught(f"the sieve of rule {rule.code}", error, count=rows.height)
            passed[rule.code] = rows["index"].to_list()  # a sieve may let too much pass
    return passed


def _passed_each(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """The result of `_passed`, with each sieve run by itself."""
    return _by_code(rows.lazy().select("index", *(mask(rule).alias(rule.code) for rule in rules)).collect(), rules)


def _passed_together(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """The same, with regular expressions searched in groups, and one by one only in rows that match the group."""
    patterns = {rule.code: pattern for rule in rules if (pattern := pattern_of(mask(rule))) is not None}
    searched = [rule for rule in rules if rule.code in patterns]
    others = [rule for rule in rules if rule.code not in patterns]
    number = -(-len(searched) // _TOGETHER)
    groups = {f"{start}": searched[start::number] for start in range(number)}
    together = [
        pl.col("label").str.contains("|".join(f"(?:{patterns[rule.code]})" for rule in group)).alias(name)
        for name, group in groups.items()
    ]
    found = rows.lazy().select("index", *(mask(rule).alias(rule.code) for rule in others), *together).collect()
    passed = _by_code(found, others)
    for name, group in groups.items():
        hit = rows.filter(found[name])
        if not hit.is_empty():
            passed |= _passed_each(hit, group)
    return passed


def _by_code(found: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    return {
        rule.code: found["index"].filter(found[rule.code].fill_null(False)).to_list()
        for rule in rules
        if found[rule.code].any()
    }
