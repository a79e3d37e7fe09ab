"""What the form says of a label while it is typed, as markdown. Judges nothing."""

from __future__ import annotations

from collections import Counter

from curate.base.visible import clip, visible
from curate.browse.dataset import fields
from curate.browse.deciding.state import JudgedSample

#: Findings that are listed; the worst come first.
MOST = 8
#: Characters of the label that a finding quotes.
QUOTED = 60
_MARKS = {"error": "◆", "warning": "▲", "info": "●"}


def findings_text(look: JudgedSample) -> str:
    """What the rules say of a label, as markdown."""
    score = "" if look.score is None else f" · score {look.score:.2f}"
    if not look.findings:
        return f"**✓ nothing found**{score}"
    counted = Counter(found.severity for found in look.findings)
    heads = [
        f"{_MARKS[name]} {counted[name]} {name}{'s' * (counted[name] > 1 and name != 'info')}"
        for name in _MARKS
        if counted[name]
    ]
    ranked = sorted(look.findings, key=lambda found: fields.SEVERITIES.index(found.severity))
    lines = [f"**{' · '.join(heads)}**{score}", ""]
    for found in ranked[:MOST]:
        place = look.label[found.start : found.end] if found.start is not None else ""
        quoted = f": {code(place)}" if place else ""
        lines.append(f"- {_MARKS[found.severity]} **{found.rule}** {found.name} — {_escape(found.message)}{quoted}")
    if len(ranked) > MOST:
        lines.append(f"- … and {len(ranked) - MOST} more")
    return "\n".join(lines)


def code(text: str, most: int = QUOTED) -> str:
    """Data as a markdown code span: shown as it is, at most so many characters, what can't be seen made visible."""
    shown = visible(clip(text, most))
    fence = "`"
    while fence in shown:
        fence += "`"
    return f"{fence} {shown} {fence}" if "`" in shown else f"`{shown}`"


def _escape(text: str) -> str:
    """A rule's message, which may quote data, so that markdown takes none of it for its own."""
    return "".join(f"\\{c}" if c in "\\`*_{}[]()#+-.!|<>~$" else c for c in visible(text))
