"""The glyph table has every glyph used to draw a symbol, at every size and level."""

from __future__ import annotations

from importlib.metadata import version
from itertools import product

import pytest

from curate.render import RenderError
from curate.render.engine import Glyph
from curate.render.glyph_table import _TABLE, character, piece_of
from curate.render.laid_out import laid_out
from rules.latex.commands import COMMANDS, DELIMITERS

LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
LEVELS = ("{}", "x_{{ {} }}", "x_{{x_{{ {} }} }}")
TALL = r"\left{0}\begin{{array}}{{c}}{1}x\end{{array}}\right{0}"


def labels() -> list[str]:
    symbols = [f"\\{c.name}" for c in COMMANDS.values() if not c.args and c.kind not in ("definition", "document")]
    fonts = [
        rf"\{font}{{{LETTERS}}}"
        for font in (
            "mathrm",
            "mathbf",
            "mathit",
            "mathsf",
            "mathtt",
            "mathbb",
            "mathcal",
            "mathfrak",
            "boldsymbol",
            "text",
        )
    ]
    accents = [
        f"\\{c.name}{{{'x' * n}}}" for c in COMMANDS.values() if c.kind in ("accent", "stack") for n in (1, 4, 30)
    ]
    plain = [*symbols, *fonts, *accents, *"!\"'()*+,-./:;<=>?@[]`|"]
    sized = [TALL.format(d, r"x\\" * rows) for d in sorted(DELIMITERS) for rows in range(1, 9)]
    sized += [rf"\sqrt{{\begin{{array}}{{c}}{'x' + chr(92) * 2}{'x' * rows}\end{{array}}}}" for rows in range(3)]
    sized += [rf"\{size} {d}" for size, d in product(("big", "Big", "bigg", "Bigg"), sorted(DELIMITERS))]
    return [level.format(label) for level, label in product(LEVELS, plain)] + sized


def test_every_glyph_is_known() -> None:
    unknown: dict[int, str] = {}
    drawn = 0
    for label in labels():
        try:
            elements = laid_out(label).elements
        except RenderError:
            continue
        drawn += 1
        numbers = {element.number for element in elements if isinstance(element, Glyph)}
        unknown |= {n: label for n in numbers if character(n) is None and not piece_of(n)}
    assert drawn > 3_000
    assert unknown == {}


def test_the_table_is_of_the_version_that_is_installed() -> None:
    first = _TABLE.read_text(encoding="ascii").splitlines()[0]
    minor = version("mathra").rpartition(".")[0]
    assert f"mathra {minor}." in first, "run tools/make_glyph_table.py"


@pytest.mark.parametrize(
    ("label", "characters"),
    [
        ("x^x_x", "𝑥𝑥𝑥"),
        (r"( \big( \Big( \bigg( \Bigg(", "((((("),
        (r"\sum x_{\sum}", "∑𝑥∑"),
        (r"\mathbb{R}\mathcal{L}\mathfrak{g}", "ℝℒ𝔤"),
        (r"\ne \in \infty", "≠∈∞"),
    ],
)
def test_sizes_and_levels_are_folded(label: str, characters: str) -> None:
    assert [character(e.number) for e in laid_out(label).elements if isinstance(e, Glyph)] == list(characters)
