"""An evaluation's page: what it shows, and that no data in it becomes markup."""

from __future__ import annotations

from PIL import Image

from finetune.predict.engines import Answer
from finetune.train.samples_page import build, look_alike


def _answer(name: str, gt: str, pred: str, *, runaway: bool = False) -> Answer:
    return Answer(name, gt, pred, runaway=runaway)


def test_what_looks_alike_counts_as_right() -> None:
    rows = [_answer("a", "x^2", "x^{2}"), _answer("b", "x^2", "x_2"), _answer("c", r"\frac{", r"\frac{ "),
            _answer("d", r"\frac{", r"\frac{x")]  # fmt: skip
    assert look_alike(rows) == [True, False, True, False]


def test_the_page_shows_image_truth_and_prediction() -> None:
    rows = [_answer("s/1", "x^2", "x^{2}"), _answer("s/2", "x", "y", runaway=True)]
    page = build(1200, 0.5, rows, {"s/1": Image.new("RGB", (64, 32), "white")}).decode()
    assert "What the model reads after 1,200 steps" in page
    assert "1 of 2 samples" in page
    assert "loss on the validation set 0.5" in page
    assert page.count("data:image/") == 1
    assert page.count('<svg class="drawn"') == 4  # two truths, two predictions
    assert "Not shown." in page
    assert "cut at the limit" in page


def test_data_is_escaped_and_broken_latex_is_said() -> None:
    page = build(1, None, [_answer("<b>&", "</script><script>", r"\frac{")], {}).decode()
    assert page.count("<script>") == 1  # the page's own
    assert "<b>&" not in page
    assert "Can&#39;t be drawn" in page or "Can't be drawn" in page
    assert "loss on the validation set" not in page
