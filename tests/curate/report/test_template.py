"""All single-file pages share one template: policy, colours, light and dark, narrow screens, paper."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.report.template import open_template

ROOT = Path(__file__).parents[3]
PAGES = [
    path
    for package in ("curate", "finetune")
    for path in sorted((ROOT / package).rglob("*.html"))
    if path.name not in ("base.html", "parts.html", "page.html")  # page.html is served, with separate files
]


@pytest.mark.parametrize("page", PAGES, ids=lambda path: path.name)
def test_a_page_extends_the_frame(page: Path) -> None:
    source = page.read_text(encoding="utf-8")
    assert source.startswith('{% extends "base.html" %}')
    assert "<head>" not in source
    _, fixed = open_template(page)
    for words in ("prefers-color-scheme: dark", "@media print", "max-width: 560px"):
        assert words in fixed["style"]


def test_there_are_the_pages_that_are_known() -> None:
    assert {"report.html", "diff.html", "compare.html", "samples.html"} <= {page.name for page in PAGES}
