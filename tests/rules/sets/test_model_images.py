"""`--for MODEL`: a model family's limits in the rules and in what is said of images."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

import rules
from curate.audit.image_facts import image_facts
from curate.base.terminal import run
from curate.cli.main import main_group
from rules.sets.model_images import LIMITS

SIZES = pl.DataFrame({"sample_id": ["a", "b", "c"], "source": "s", "image": ["a", "b", "c"],
                      "width": [60, 60, 3000], "height": [30, 40, 12]})  # fmt: skip


@pytest.mark.parametrize(("family", "small"), [("Qwen2.5-VL", 1), ("Qwen3-VL", 2), ("Qwen3.5", 2)])
def test_a_side_is_too_small_by_the_familys_factor(family: str, small: int) -> None:
    ruleset = rules.select(["IMG001"]).for_model(LIMITS[family])
    assert ruleset.options["IMG001"]["min_side"] == LIMITS[family].min_side
    facts = image_facts(SIZES, LIMITS[family])["s"]["model"]
    assert facts["refused"] == small
    assert facts["family"] == family


def test_rules_about_limits_that_a_family_does_not_have_are_left_out() -> None:
    ruleset = rules.select(["IMG001", "IMG002", "IMG003", "IMG004", "IMG005"]).for_model(LIMITS["SmolVLM"])
    assert ruleset.codes == ("IMG001", "IMG005")
    facts = image_facts(SIZES, LIMITS["SmolVLM"])["s"]["model"]
    assert (facts["refused"], facts["shrunk"], facts["tokens"]) == (0, 0, None)


def test_tokens_are_counted_by_the_familys_factor() -> None:
    """For Qwen3-VL, a token is 32 by 32 pixels, and the smallest image has 256 by 256 pixels."""
    even = pl.DataFrame({"source": "s", "image": ["a"], "width": [1024], "height": [320]})
    assert image_facts(even, LIMITS["Qwen3-VL"])["s"]["model"]["tokens"]["total"] == 320
    assert image_facts(even)["s"]["model"]["tokens"]["total"] == 37 * 11


def test_what_the_project_says_stands() -> None:
    ruleset = rules.select(["IMG001"], options={"IMG001": {"min_side": 50}}).for_model(LIMITS["Qwen3-VL"])
    assert ruleset.options["IMG001"]["min_side"] == 50


def test_the_defaults_are_those_of_the_default_model() -> None:
    """Without `--for`, every option is as with the default model."""
    ruleset = rules.select(["IMG"])
    with_model = ruleset.for_model(LIMITS["Qwen2.5-VL"])
    for rule in ruleset.rules("samples"):
        assert ruleset.option_values(rule) == with_model.option_values(rule)


def test_an_unknown_model_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.txt").write_text("x\n")
    arguments = ["audit", str(tmp_path / "a.txt"), "--for", "gpt-2", "--out", str(tmp_path / "run")]
    assert run("curate", main_group, arguments) == 2
    assert "--for gpt-2: unknown family of models; the known ones are: Qwen3.5, Qwen3-VL" in capsys.readouterr().err
