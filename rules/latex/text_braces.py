r"""Braces in the argument of `\text`: they draw nothing, but TeX neither kerns nor joins two letters across one."""

from __future__ import annotations

import re

#: For math-core, which ignores braces in text: a character that no label has, in place of an empty group.
APART = "\ue016"

_BRACES = re.compile(r"[{}]+")
#: Braces that keep two spaces apart, commands, formulas and comments, in which braces have other effects.
_UNKNOWN = re.compile(r"\s[{}]+\s|[\\$%]")


def without_braces(text: str) -> list[str] | None:
    """The parts of a text between which there are braces that have an effect; None if that isn't known."""
    if _UNKNOWN.search(text):
        return None
    parts, at = [""], 0
    for braces in _BRACES.finditer(text):
        parts[-1] += text[at : braces.start()]
        at = braces.end()
        if parts[-1][-1:] not in _BLANK and text[at : at + 1] not in _BLANK:
            parts.append("")
    return [*parts[:-1], parts[-1] + text[at:]]


_BLANK = ("", *" ~\t\r\n")
