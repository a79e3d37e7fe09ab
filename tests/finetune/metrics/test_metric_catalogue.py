"""The catalogue of metrics: every entry is complete, an incomplete one is refused, and a new one is in every table."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from curate.predictions.rows import Prediction
from finetune.compare import comparison, page, prompt_table, tell
from finetune.metrics import each, strings, summary
from finetune.metrics.catalogue import OTHER_KEYS, all_metrics, as_written, headline, ordered
from finetune.metrics.evaluation import as_metrics, evaluate
from finetune.metrics.metric import PERCENT, READS, Metric, Unit, mean
from finetune.metrics.page import as_help, as_markdown
from finetune.metrics.pair_numbers import measure
from finetune.metrics.pairs import read_pairs
from finetune.models import card
from finetune.settings.prompt_file import Prompt

ROWS = [Prediction("1", "a b", "a c"), Prediction("2", r"\frac { 1 } { 2 }", r"\frac12"), Prediction("3", "x", "x x")]
TOY = Metric(
    name="toy",
    title="toy",
    meaning="tokens of the predictions",
    unit=PERCENT,
    columns=("prediction_tokens", "truth_tokens"),
    value=lambda sums: sums["prediction_tokens"],
    of_tokens=strings.measure,
)
PAGE = Path(__file__).resolve().parents[3] / "docs" / "contributing" / "metric.md"
MODULE, TEST = re.findall(r"^```python\n(.*?)^```$", PAGE.read_text(encoding="utf-8"), re.MULTILINE | re.DOTALL)


@pytest.fixture
def added(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The name of the metric that docs/contributing/metric.md adds, as a file beside the others."""
    (tmp_path / "right_start.py").write_text(MODULE, encoding="utf-8")
    monkeypatch.setattr(each, "__path__", [*each.__path__, str(tmp_path)])
    all_metrics.cache_clear()
    yield "right_start"
    sys.modules.pop(f"{each.__name__}.right_start", None)
    all_metrics.cache_clear()


def test_the_names_of_the_contract_are_there() -> None:
    names = "exprate le1 le2 le3 bleu4 edit_score cer exprate_render_equal cdm parse_rate"
    assert set(names.split()) <= set(all_metrics())
    assert headline().name == "exprate_render_equal"


@pytest.mark.parametrize("metric", all_metrics().values(), ids=lambda metric: metric.name)
def test_an_entry_is_true(metric: Metric) -> None:
    """Its function returns its columns, the columns of a share are 0 or 1, and it gets only the sums it names."""
    pairs = read_pairs([(row.gt, row.pred) for row in ROWS])
    measured = pairs.raw if metric.of_tokens else pairs
    columns = metric.function(measured)
    assert set(metric.columns) <= set(columns)
    assert {np.shape(columns[name]) for name in metric.columns} == {(len(ROWS),)}
    if metric.failed:
        wrong = metric.failed(measured)
        assert {np.shape(wrong[name]) for name in metric.columns} == {(len(ROWS),)}
    if metric.yes_or_no:
        assert set(np.asarray(columns[metric.columns[0]], float)) <= {0.0, 1.0}
    sums = {name: np.asarray(columns[name], float).sum() for name in metric.columns}
    with np.errstate(divide="ignore"):
        assert np.shape(metric.value({**sums, "n": np.float64(len(ROWS))})) == ()
    assert not metric.meaning.endswith(".")
    assert "%" not in metric.title


def test_what_is_right_throughout_is_as_good_as_can_be() -> None:
    """The stated direction is right: right answers are never worse than wrong ones."""
    right, wrong = (
        measure(read_pairs([(row.gt, row.gt if good else row.pred) for row in ROWS]), "drawing").figures()
        for good in (True, False)
    )
    for name, value in right.items():
        metric = all_metrics()[name.rpartition("/")[2]]
        assert value >= wrong[name] if metric.higher_is_better else value <= wrong[name], name


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"name": "exprate"}, "another metric has this name"),
        ({"name": "ci"}, "not another key of metrics.json"),
        ({"name": "Length"}, "lower-case"),
        ({"of_tokens": None}, "name one function"),
        ({"of_pairs": lambda pairs: {}}, "name one function"),
        ({"reads": "drawing"}, "needs `of_pairs`"),
        ({"columns": ()}, "name the columns"),
        ({"columns": ("n",)}, "name the columns"),
        ({"yes_or_no": True}, "a single column"),
        ({"higher_is_better": False}, "`failed` says"),
        ({"failed": lambda pairs: {}}, "have the same `failed`"),
    ],
)
def test_an_entry_that_can_t_be_is_refused(changes: dict, problem: str) -> None:
    with pytest.raises(ValueError, match=problem):
        ordered([*all_metrics().values(), replace(TOY, **changes)])


def test_the_other_keys_of_metrics_json_are_known() -> None:
    """No metric may take one of these names, since it would be overwritten."""
    metrics = as_metrics(evaluate(ROWS))
    keys = {*metrics, *metrics["canonical"], *metrics["groups"]["length"][0]} - set(all_metrics())
    assert keys <= OTHER_KEYS


def test_the_order_of_metrics_json_is_by_what_a_metric_costs() -> None:
    metrics = as_written(all_metrics().values())
    assert [metric.of_both_spellings for metric in metrics] == sorted(
        (m.of_both_spellings for m in metrics), reverse=True
    )
    assert [READS.index(m.reads) for m in metrics] == sorted(READS.index(m.reads) for m in metrics)


def test_a_new_file_is_all_that_a_new_metric_needs(added: str) -> None:
    """Follows the contributor's page: the new metric is in every table, in metrics.json and in the docs."""
    metrics = as_metrics(evaluate(ROWS))
    assert metrics[added] == pytest.approx(100 * (1 / 2 + 0 + 1 / 2) / 3)
    low, high = metrics["ci"][added]
    assert low <= metrics[added] <= high
    assert metrics["groups"]["length"][0]["canonical"][added] > metrics[added]
    (line,) = [line for line in summary.as_text(metrics, 120).splitlines() if line.startswith(added)]
    assert line.split()[1:3] == ["33.3333", "%"]
    found = comparison.compare(("before", ROWS), ("after", [replace(row, pred=row.gt) for row in ROWS]))
    assert f"raw {added}" in tell.as_text(found, 120)
    assert f"canonical {added}" in page.build(found).decode()
    (change,) = [change for change in found.changes if change.name == added]
    assert change.difference == pytest.approx(200 / 3)
    scores = prompt_table.score_prompts([prompt_table.Asked(Prompt("plain", "Read it."), ROWS)])
    assert f"{added} (canonical)" in prompt_table.as_text(scores, 120)
    assert f"| `{added}` | mean over the pairs of tokens before" in as_markdown()
    assert "right_start           right from the start, %" in as_help()


def test_the_test_of_the_contributors_page_holds(added: str) -> None:
    names: dict[str, Any] = {}
    exec(TEST, names)
    tests = [function for name, function in names.items() if name.startswith("test_")]
    assert len(tests) == 2
    for test in tests:
        test()


def test_a_metric_on_the_card_is_one_with_a_name_on_the_hub() -> None:
    metrics = as_metrics(evaluate(ROWS))
    named = [metric.name for metric in all_metrics().values() if metric.hub_name]
    assert [metric.name for metric in card._metrics(metrics)] == [name for name in named if name != "cdm"]  # not drawn


def test_a_metric_of_its_own_unit_is_written_in_it() -> None:
    unit = Unit("tokens", " tokens", 1, 2, 0)
    assert (unit.value(3.14159), unit.value(None), unit.difference(-0.6)) == ("3.1 tokens", "–", "-1")
    assert (unit.interval([-0.2, 3.7]), unit.rounded(-0.2), unit.interval(None)) == ("[0, 4]", "0", "–")
    assert PERCENT.value(82.65720) == "82.6572 %"
    assert mean("a")({"a": np.array([3.0]), "n": np.array([2.0])}).tolist() == [1.5]
