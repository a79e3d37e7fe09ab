"""Numbers and tables for human readers."""

from __future__ import annotations

import pytest

from curate.base.tables import Column, count, display_width, fit, markdown_table, markdown_text, share, size, text_table
from curate.base.visible import clip, visible


@pytest.mark.parametrize(
    ("part", "whole", "text"),
    [
        (0, 10, "0 %"),
        (1, 0, "0 %"),
        (1, 10**6, "<0.1 %"),
        (123, 1000, "12.3 %"),
        (5, 100, "5 %"),
        (999_999, 10**6, ">99.9 %"),
        (7, 7, "100 %"),
    ],
)
def test_a_share_never_rounds_something_to_nothing_or_all(part, whole, text):
    assert share(part, whole) == text


def test_numbers_have_separators():
    assert count(1234567) == "1,234,567"
    assert count(None) == "–"
    assert size(3 * 2**30) == "3.0 GiB"
    assert size(512) == "512 B"


def test_width_counts_terminal_cells():
    assert display_width("公式a") == 5
    assert display_width("e\u0301") == 1
    assert fit("公式公式", 5) == "公式…"


def test_columns_go_by_weight_and_the_first_is_cut_last():
    columns = [Column("name"), Column("keep", "right"), Column("less", drop=1), Column("least", drop=2)]
    rows = [["a" * 30, "1", "less-cell", "the least-cell"]]
    wide = text_table(columns, rows, width=100)
    assert "least-cell" in wide
    middle = text_table(columns, rows, width=48)
    assert "least-cell" not in middle
    assert "less-cell" in middle
    assert all(len(line) <= 48 for line in middle.splitlines())
    assert "  name: " not in middle
    assert text_table(columns, rows, width=30).splitlines()[1] == "  keep: 1"


@pytest.mark.parametrize(
    ("text", "escaped"),
    [
        ("[free](https://evil.example)", r"\[free\](https://evil.example)"),
        ("![x](y)", r"!\[x\](y)"),
        ("a|b`c`", r"a\|b\`c\`"),
        ("~~no~~ $x$", r"\~\~no\~\~ \$x\$"),
        ("hme_100k_v2", "hme_100k_v2"),  # no markup inside words
        ("_loud_ __x__", r"\_loud\_ \_\_x\_\_"),
        ("<b>&amp;", "&lt;b&gt;&amp;amp;"),
    ],
)
def test_nothing_of_a_name_is_markup(text, escaped):
    assert markdown_text(text) == escaped
    assert markdown_table([Column("a")], [[text]]).endswith(f"| {escaped} |")


def test_markdown_alignment():
    assert markdown_table([Column("a"), Column("n", "right")], [["x", "1"]]) == "| a | n |\n| --- | ---: |\n| x | 1 |"


@pytest.mark.parametrize(
    ("data", "shown"),
    [
        ("\times", "⟨TAB⟩imes"),
        ("a\x00b", "a⟨NUL⟩b"),
        ("\u202ex", "⟨U+202E⟩x"),
        ("\x7f", "⟨DEL⟩"),
        ("a\u00a0b", "a⍽b"),
        ("\u200b", "⟨U+200B⟩"),
        ("é公", "é公"),
    ],
)
def test_hidden_characters_are_shown(data, shown):
    assert visible(data) == shown


def test_clip_counts_the_ellipsis():
    assert clip("abcdef", 4) == "abc…"
    assert clip("abcd", 4) == "abcd"
