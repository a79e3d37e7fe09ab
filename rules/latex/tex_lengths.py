"""TeX lengths (`1.5cm`, `-.2 em`) as TeX itself scans them. Not for arithmetic with lengths."""

from __future__ import annotations

import re

UNITS = ("pt", "pc", "in", "bp", "cm", "mm", "dd", "cc", "sp", "em", "ex", "mu")

# There may be spaces around signs and before the unit, but not inside a number or unit: `1 . 5 c m`, which a tokeniser
# makes of `1.5cm`, is "Illegal unit of measure" for TeX.
_SIGNS = r"[ \t\r\n]*(?:[+-][ \t\r\n]*)*"
_NUMBER = r"(?:\d+(?:[.,]\d*)?|[.,]\d+)"
_UNIT = rf"[ \t\r\n]*(?:true[ \t\r\n]*)?(?:{'|'.join(UNITS)})"
# Registers that LaTeX itself declares; any other command ends the number and leaves its unit missing.
_REGISTERS = (
    "arraycolsep arrayrulewidth baselineskip bigskipamount columnsep columnwidth doublerulesep fboxrule fboxsep hsize "
    "jot lineskip linewidth marginparsep mathindent mathsurround medskipamount medmuskip normalbaselineskip parindent "
    "parskip smallskipamount tabcolsep textheight textwidth thickmuskip thinmuskip topsep unitlength vsize"
)
_MACRO = rf"\\(?:{'|'.join(_REGISTERS.split())})(?![A-Za-z])"
_LENGTH = re.compile(rf"{_SIGNS}(?:{_NUMBER}(?:{_UNIT}|[ \t\r\n]*{_MACRO})|{_MACRO})", re.IGNORECASE)
_GLUE = re.compile(rf"{_LENGTH.pattern}(?:[ \t\r\n]*(?:plus|minus){_SIGNS}{_NUMBER}(?:{_UNIT}|fil+))*", re.IGNORECASE)
_SHATTERED_UNIT = "|".join(" *".join(unit) for unit in UNITS)
_SHATTERED = re.compile(rf"[ \t\r\n]*(?:[-+] *)?(?:\d *)*(?:[.,] *)?(?:\d *)+(?:t *r *u *e *)?(?:{_SHATTERED_UNIT}) *$")


def match(text: str, start: int = 0) -> int | None:
    """The offset after the length (with `plus` and `minus` parts) that starts at `start`, or None if there is none."""
    found = _GLUE.match(text, start)
    return found.end() if found else None


def joined(text: str) -> str | None:
    """`1.5cm` for `1 . 5 c m`: the length that a tokeniser took apart, or None for any other text."""
    return re.sub(r"\s+", "", text) if _SHATTERED.match(text) else None
