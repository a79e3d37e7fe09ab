"""What the report and summary.json say about images, and which labels the report shows as likely errors."""

from __future__ import annotations

from typing import Any

import polars as pl
from report_fakes import describe, fake_run

from curate.audit.image_facts import image_facts
from curate.report.page import build
from curate.report.suspects import choose_suspects


def pictures(*rows: dict[str, Any]) -> pl.DataFrame:
    plain = {"source": "a", "image": "x.png", "width": 280, "height": 56, "format": "PNG", "polarity": "dark"}
    plain |= {"ink_ratio": 0.05, "ink_left": 3}
    made = [{**plain, "image": f"{at}.png", **row} for at, row in enumerate(rows)]
    return pl.DataFrame(made, infer_schema_length=None)


def test_images_are_counted_once_and_by_source() -> None:
    facts = image_facts(
        pictures(
            {},
            {"image": "0.png"},  # a second label for the first image
            {"width": 1654, "height": 2339, "polarity": "light", "ink_ratio": 0.001},
            {"width": 27, "height": 300, "format": "BMP"},
            {"ink_ratio": 0.0, "ink_left": None},
            {"width": None, "height": None},
            {"source": "b", "width": 560, "height": 28},
        )
    )
    a, b = facts["a"], facts["b"]
    assert (a["images"], a["blank"], a["inverted"]) == (4, 1, 1)
    assert a["formats"] == {"PNG": 3, "BMP": 1}
    assert (a["width"]["least"], a["width"]["most"], a["height"]["most"]) == (27, 1654, 2339)
    assert (a["ink_ratio"]["least"], a["ink_ratio"]["most"]) == (0.001, 0.05)
    assert (a["model"]["shrunk"], a["model"]["refused"]) == (1, 1)
    assert a["model"]["tokens"]["total"] == 20 + 20 + 30 * 42
    assert b["model"]["tokens"]["most"] == 20


def test_images_that_were_not_measured_say_nothing_of_ink() -> None:
    bare = pictures({}, {}).drop("polarity", "ink_ratio", "ink_left")
    facts = image_facts(bare)["a"]
    assert (facts["images"], facts["blank"], facts["inverted"], facts["ink_ratio"]) == (2, None, None, None)
    assert image_facts(bare.with_columns(pl.lit(None, pl.Int32).alias("width"))) == {}
    assert image_facts(bare.drop("width")) == {}


def test_the_page_says_who_refuses_small_images() -> None:
    run = fake_run()
    name = run.summary["sources"][0]["name"]
    run.summary["sources"][0]["images"] = image_facts(pictures({"source": name, "width": 27}))[name]
    page = " ".join(build(run, describe, None, 0).decode().split())
    assert "refuses those with one side more than 200 times the other. Those with a side under 28 pixels" in page
    assert "newer transformers scale them up" in page


def test_suspects_are_ranked_by_what_speaks_against_them() -> None:
    samples = pl.LazyFrame(
        {
            "sample_id": ["sure", "lone", "odd", "odder", "fine"],
            "source": "a",
            "image": "x.png",
            "label": "x",
            "pair_score": [0.9, 0.8, 0.02, 0.01, 1.0],
        }
    )
    findings = pl.LazyFrame(
        {"sample_id": ["sure", "lone", "odd", "odder"], "rule": ["PAR010", "PAR011"] + ["PAR007"] * 2}
    )
    ranked = [
        {"sample_id": name, "pred_label": "y", "pred_where": "`y` for `x`", "pred_agree": 1, "pred_count": 1}
        for name in ("lone", "sure")
    ]
    summary = {"predictions": {"likely_label_errors": ranked}}
    assert [one.sample_id for one in choose_suspects(samples, findings, summary)] == ["sure", "odder", "odd", "lone"]
    assert [one.sample_id for one in choose_suspects(samples, findings, {}, most=1)] == ["odder"]
    assert choose_suspects(samples, findings.clear(), {}) == []
