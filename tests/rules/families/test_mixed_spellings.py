"""Rules over whole data sets: one finding for each source and kind, none for a set with one habit."""

from __future__ import annotations

import polars as pl

from rules.registry import find


def _judge(code, texts, **options):
    rule = find(code)
    samples = pl.DataFrame(
        {"sample_id": [str(i) for i in range(len(texts))], "source": "set", "label": texts}
    ).with_columns(pl.col("label").str.split(" ").list.len().cast(pl.Int32).alias("n_tokens"))
    found = rule.judge(samples, {**rule.options, **options})
    assert found.columns == ["sample_id", "source", "message"]
    assert found["sample_id"].null_count() == found.height
    return found["message"].to_list()


def test_homoglyphs_are_named_where_both_are_in_use():
    (message,) = _judge("CAN005", [r"\phi + 1", r"\phi", r"\varphi"])
    assert r"\phi (2 labels)" in message
    assert r"\varphi (1)" in message
    assert not _judge("CAN005", [r"\phi", r"\phi"])
    assert not _judge("CAN005", [r"\phi"] * 99 + [r"\varphi"])


def test_synonyms_are_named_where_both_are_in_use():
    assert _judge("CAN013", [r"a \le b", r"a \leq b"])
    assert not _judge("CAN013", [r"a \le b", r"a \le c"])
    assert not _judge("CAN013", [r"\lefteqn x", r"a \leq b"])


def test_a_large_set_without_short_labels_is_named():
    long = ["a + b = c + d"] * 500
    assert _judge("NRM010", long)
    assert not _judge("NRM010", [*long, "a"])
    assert not _judge("NRM010", long[:100])


def test_sources_are_judged_apart_and_in_order():
    rule = find("CAN013")
    samples = pl.DataFrame({"source": ["b", "b", "a", "a"], "label": [r"\le", r"\leq", r"\ge", r"\geq"]})
    assert rule.judge(samples, rule.options)["source"].to_list() == ["a", "b"]
