"""A label laid out: prepared, drawn by mathra, and repaired where mathra is wrong. Every picture starts here."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import replace
from functools import cache

from curate.render import column_rules
from curate.render.engine import Character, Drawing, Element, Glyph, RenderError, layout
from curate.render.glyph_table import character, drawable
from curate.render.prepare import prepare
from curate.render.tables import column_rules as rules_of
from curate.render.tagged import tagged

#: Longer labels are refused: no picture of one is legible.
LABEL_LIMIT = 5_000
#: mathra takes ever longer for brackets that are not closed, and holds the interpreter meanwhile.
MOST_BRACKETS = 2_000
#: The most nested groups and environments. This is mathra's own limit, checked first where it may be exceeded.
MOST_DEPTH = 64
#: Stand-ins for characters that mathra's font lacks while mathra lays out the formula: signs of similar width that are
#: set like letters.
_NESTING = re.compile(r"\\(?:begin|end)(?![A-Za-z])|(?<!\\)[{}]")
_PRIME = re.compile(r"\\prime(?![A-Za-z])")
_WRITTEN = {"…": r"\ldots ", "⋯": r"\cdots "}
_WIDE, _NARROW = "▣▤▥▦▧▨▩◧◨◩◪◫◰◱◲◳⬒⬓⬔⬕", "⏑⏒⏓⏜⏠⏡⌯⌔⌐⌙⍩⍶⍺⌿"


def laid_out(label: str, *, tags: bool = False) -> Drawing:
    """What a label is drawn with, each element in its place. With `tags`, colours say what `tagged.tag` reads.

    Raises RenderError, saying what is wrong, for a label of more than LABEL_LIMIT characters, for one that mathra
    refuses, and for one with nothing to draw.
    """
    _look_at_size(label)
    tex = prepare(label)
    tex, lacking = (tex, {}) if tex.isascii() else _with_stand_ins(tex)
    drawing = layout(tagged(tex) if tags else tex)
    elements = drawing.elements
    if rules := rules_of(tex):
        elements = column_rules.placed(elements, rules)
    if lacking:
        elements = _without_stand_ins(elements, lacking)
    if _PRIME.search(tex):
        elements = [_as_in_scripts(element) for element in elements]
    return replace(drawing, elements=elements, speech="" if lacking else drawing.speech)


def _as_in_scripts(element: Element) -> Element:
    r"""A bare `\prime` as LaTeX's font has it, large and on the baseline: the glyph made for exponents."""
    small, large = _prime_glyphs()
    return element._replace(number=large) if isinstance(element, Glyph) and element.number == small else element


@cache
def _prime_glyphs() -> tuple[int, int]:
    """The glyphs of a prime by itself and of one in an exponent. Their outlines are known afterwards."""
    small, large = (layout(tex).elements[-1] for tex in (r"\prime", r"x^{{}\prime}"))
    assert isinstance(small, Glyph)
    assert isinstance(large, Glyph)
    return small.number, large.number


def _look_at_size(label: str) -> None:
    """Raise RenderError for a label that would take more than a twentieth of a second."""
    if len(label) > LABEL_LIMIT:
        raise RenderError(f"Label of {len(label):,} characters; at most {LABEL_LIMIT:,} are drawn")
    if label.count("(") + label.count("[") > MOST_BRACKETS:
        raise RenderError(f"Label of more than {MOST_BRACKETS:,} brackets")
    if label.count("{") > MOST_DEPTH or label.count(r"\begin") > MOST_DEPTH:
        depth = 0
        for token in _NESTING.findall(label):
            depth += 1 if token in ("{", r"\begin") else -1
            if depth > 2 * MOST_DEPTH:
                raise RenderError("nesting deeper than 64 levels")


def _with_stand_ins(tex: str) -> tuple[str, dict[str, list[str]]]:
    """The label without characters that mathra's font lacks, and which ones each stand-in replaces, in order."""
    have = drawable()
    pools = {True: [c for c in _WIDE if c not in tex], False: [c for c in _NARROW if c not in tex]}
    signs: dict[str, str] = {}
    standing: dict[str, list[str]] = {}
    text = []
    for c in tex:
        if c.isascii():
            text.append(c)
        elif c.isspace():
            text.append(" ")
        elif unicodedata.category(c) == "Cf":  # a mark without a picture
            continue
        elif c in have:
            text.append(_WRITTEN.get(c, c))
        else:
            if c not in signs:
                pool = pools[unicodedata.east_asian_width(c) in "WF"]
                signs[c] = pool[len(signs) % len(pool)] if pool else "□"
            standing.setdefault(signs[c], []).append(c)
            text.append(signs[c])
    return "".join(text), standing


def _without_stand_ins(elements: list[Element], lacking: dict[str, list[str]]) -> list[Element]:
    left = {sign: iter(characters) for sign, characters in lacking.items()}
    found: list[Element] = []
    for element in elements:
        sign = character(element.number) if isinstance(element, Glyph) else None
        text = next(left[sign], None) if sign in left else None
        found.append(element if text is None else Character(text, *element[1:]))
    if any(next(rest, None) for rest in left.values()):
        raise RenderError("a character that mathra's font lacks is somewhere it can't be drawn")
    return found
