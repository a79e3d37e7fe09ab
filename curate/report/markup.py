"""Turns a label and its spans into safe HTML: clipped, hidden characters shown, spans marked. This is the only markup
made from data; all other text goes through the template's autoescape."""

from __future__ import annotations

import re
from collections.abc import Sequence

from markupsafe import Markup, escape

from curate.base.visible import clip, pieces, visible

#: How many characters of a label are shown, and how many of them at most before the first marked span.
SHOWN = 320
BEFORE = 90


def text(data: str, most: int = 200) -> str:
    """`data` for the page: clipped, hidden characters shown. Not escaped yet: the template does that."""
    return visible(clip(data, most))


def _draw(part: str) -> Markup:
    return Markup("").join(
        Markup('<span class="ctl">{}</span>').format(piece) if hidden else escape(piece)
        for piece, hidden in pieces(part)
    )


def code(part: str, most: int = SHOWN) -> Markup:
    """A label or a replacement without marks, clipped."""
    return _draw(clip(part, most))


def marked(label: str, spans: Sequence[tuple[int | None, int | None]]) -> Markup:
    """`label` with its spans in <mark>, cut to a window round the first span.

    Overlapping spans are joined; an empty span is drawn as an insertion point. Spans that are null or outside the label
    are left out: a report must not fail on a wrong offset.
    """
    good = sorted((max(a, 0), min(b, len(label))) for a, b in spans if a is not None and b is not None)
    good = [(a, b) for a, b in good if a <= b]
    start = max(good[0][0] - BEFORE, 0) if good and len(label) > SHOWN else 0
    if start < 12:
        start = 0  # cutting off a few characters makes it harder to read, not shorter
    end = min(start + SHOWN, len(label))
    out = [Markup('<span class="cut" title="cut">…</span>')] if start else []
    at = start
    for a, b in good:
        a, b = max(a, at), min(b, end)
        if a > end or b < a or (a == b and a < at):
            continue
        out.append(_draw(label[at:a]))
        out.append(
            Markup("<mark>{}</mark>").format(_draw(label[a:b])) if b > a else Markup('<mark class="here"></mark>')
        )
        at = b
    out.append(_draw(label[at:end]))
    if end < len(label):
        out.append(Markup('<span class="cut" title="cut">… {} more characters</span>').format(f"{len(label) - end:,}"))
    return Markup("").join(out)


def code_spans(sentence: str) -> Markup:
    """A sentence of ours or of a rule: escaped, with text between backticks in <code>."""
    parts = str(sentence).split("`")
    if len(parts) % 2 == 0:  # an odd backtick opens nothing
        parts[-2:] = ["`".join(parts[-2:])]
    return Markup("").join(
        Markup("<code>{}</code>").format(part) if place % 2 else escape(part.replace(" %", "\u00a0%"))
        for place, part in enumerate(parts)
    )


def unbroken(sentence: str) -> str:
    """A sentence of ours whose figures don't break over lines: `82.7 %`, `p < 0.001`. Not escaped yet."""
    return re.sub(r"\bp ([<=]) ", "p\u00a0\\1\u00a0", sentence.replace(" %", "\u00a0%"))
