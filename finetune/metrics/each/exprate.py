"""Exact match, and up to three wrong tokens. The distances are those of `finetune.metrics.strings`."""

from __future__ import annotations

from finetune.metrics import strings
from finetune.metrics.metric import PERCENT, Metric, percentage

EXPRATE = Metric(
    name="exprate",
    title="exact match",
    meaning="share of pairs whose tokens are the same (expression recognition rate)",
    unit=PERCENT,
    columns=("exact",),
    value=percentage("exact"),
    of_tokens=strings.measure,
    failed=strings.all_wrong,
    yes_or_no=True,
    order=20,
    hub_name="exact_match",
)


def _at_most(wrong: int) -> Metric:
    tokens = "token" if wrong == 1 else "tokens"
    return Metric(
        name=f"le{wrong}",
        title=f"at most {wrong} {tokens} wrong",
        meaning=f"share of pairs with at most {wrong} {tokens} to insert, delete or replace, including exact matches",
        unit=PERCENT,
        columns=(f"le{wrong}",),
        value=percentage(f"le{wrong}"),
        of_tokens=strings.measure,
        failed=strings.all_wrong,
        yes_or_no=True,
        order=20 + wrong,
    )


METRICS = (EXPRATE, *map(_at_most, (1, 2, 3)))
