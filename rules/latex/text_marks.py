r"""What math-core ignores in the argument of `\text`, and TeX doesn't: braces, and the width of a space.

Braces draw nothing, but TeX neither kerns nor joins two letters across one. A space is wider after the end of a
sentence, unless it is a `~` or `\ `.
"""

from __future__ import annotations

import re

#: For math-core, which ignores braces in text: a character that no label has, in place of an empty group.
APART = "\ue016"

#: In place of a `~` or `\\ ` where a space would be wider.
_FIRM = "\ue018"
#: TeX takes a full stop after a capital letter for that of an abbreviation.
_AFTER_STOP = re.compile(r"(?<![A-Z])[.?!:][)\]'{}]*(?:[~ \t\r\n{}\ue016]|\\[ \t\r\n])+")
_FIRM_SPACE = re.compile(r"~|\\[ \t\r\n]")

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


def firm_spaces(text: str) -> str:
    r"""The text with a mark for every `~` and `\ ` that is narrower than the space that could be there."""
    if "~" not in text and "\\" not in text:
        return text
    return _AFTER_STOP.sub(lambda spaces: _FIRM_SPACE.sub(_FIRM, spaces[0]), text)
