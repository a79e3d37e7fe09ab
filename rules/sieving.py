"""Which rules have to look at which labels: runs the sieves of all rules over a frame of labels. Judges nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import polars as pl

from rules import faults
from rules.latex import lexer
from rules.registry import Rule
from rules.toolkit.sieves import pattern_of

#: Regular expressions that are looked for as one: that costs little more than looking for one of them.
_TOGETHER = 12
#: Where no more of the labels are remarkable, it is worth it: few others have a match of any.
_PLAIN = 0.25


def sieved(frame: pl.DataFrame, rules: Sequence[Rule], remarkable: list[bool]) -> Iterator[tuple[Rule, list[int]]]:
    """The rows that each rule has to look at; rules about spelling are spared those that are not remarkable, which are
    canonical already."""
    indexed = with_comments_left_out(
        frame.with_columns(
            # What is too long to be read is too long to be searched: the rule that says so asks for the problem.
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
    """The rows, and again those whose label holds a comment, with the same label without it.

    A sieve sees text, most judges see tokens. A comment is no token: for a judge, what stands on both sides of one are
    neighbours, and what stands before one may be the end. A rule looks at a label if its sieve takes either text.
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
    """By code, the column `index` of the rows that a rule's sieve lets through; rules without any may be left out."""
    if rows.is_empty():
        return {}
    try:
        return search(rows, rules)
    except BaseException as error:  # one is to blame, and it is told by itself
        faults.check_ours(error)
    passed: dict[str, list[int]] = {}
    for rule in rules:
        try:
            passed |= _passed_each(rows, [rule])
        except BaseException as error:
            faults.caught(f"the sieve of rule {rule.code}", error, count=rows.height)
            passed[rule.code] = rows["index"].to_list()  # a sieve may pass too much
    return passed


def _passed_each(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """What `_passed` gives, each sieve by itself."""
    return _by_code(rows.lazy().select("index", *(mask(rule).alias(rule.code) for rule in rules)).collect(), rules)


def _passed_together(rows: pl.DataFrame, rules: Sequence[Rule]) -> dict[str, list[int]]:
    """The same, with regular expressions looked for in groups, and one by one only where one of a group is found."""
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
