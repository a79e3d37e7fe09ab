"""Makes text from data safe to look at: control, bidi and invisible characters are shown. Not for HTML escaping.

People look at a label to find out what is wrong with it, so a TAB must not look like a space, and a right-to-left
override must not reverse the rest of the line (or a control character move the terminal's cursor).
"""

from __future__ import annotations

import json
import unicodedata
from typing import Any

from rules.toolkit.wording import clip as clip

#: Categories that draw nothing or act on their neighbours: control, format, surrogate, private, unassigned.
_HIDDEN = frozenset(("Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"))
#: The names of the control characters. Their pictures (U+2400 and on) are missing from most fonts.
_NAMES = ["NUL", "SOH", "STX", "ETX", "EOT", "ENQ", "ACK", "BEL", "BS", "TAB", "LF", "VT", "FF", "CR", "SO", "SI"]
_NAMES += ["DLE", "DC1", "DC2", "DC3", "DC4", "NAK", "SYN", "ETB", "CAN", "EM", "SUB", "ESC", "FS", "GS", "RS", "US"]
#: Spaces other than U+0020, which look like it.
_SPACES = {"\u00a0": "⍽", "\u3000": "⟨U+3000⟩"}


def show(character: str) -> str | None:
    """What to draw for a character that can't be seen as it is, or None if it can."""
    code = ord(character)
    if 0x20 <= code < 0x7F:
        return None
    if code < 0x20:
        return f"⟨{_NAMES[code]}⟩"
    if code == 0x7F:
        return "⟨DEL⟩"
    if character in _SPACES:
        return _SPACES[character]
    category = unicodedata.category(character)
    if category in _HIDDEN or category == "Zs":
        return f"⟨U+{code:04X}⟩"
    return None


def pieces(text: str) -> list[tuple[str, bool]]:
    """Cut `text` into runs `(what to draw, whether it stands for hidden characters)`."""
    out: list[tuple[str, bool]] = []
    plain: list[str] = []
    hidden: list[str] = []
    for character in text:
        shown = show(character)
        if shown is None:
            if hidden:
                out.append(("".join(hidden), True))
                hidden.clear()
            plain.append(character)
        else:
            if plain:
                out.append(("".join(plain), False))
                plain.clear()
            hidden.append(shown)
    if hidden:
        out.append(("".join(hidden), True))
    if plain:
        out.append(("".join(plain), False))
    return out


def visible(text: str) -> str:
    """`text` with every hidden character replaced by something that can be seen."""
    if text.isascii() and text.isprintable():
        return text
    return "".join(piece for piece, _ in pieces(text))


def quoted(value: Any) -> str:
    """A value of JSON for a message: short, and with nothing in it that could control a terminal."""
    return clip(visible(json.dumps(value, ensure_ascii=False)), 60)
