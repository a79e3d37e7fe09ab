"""Says in words how a label's drawing differs from LaTeX's. Shown wherever the drawing is.

These are the kinds in docs/drawing.md that can't be repaired before drawing; `prepare` repairs the others.
"""

from __future__ import annotations

import re

_REMARKS = [
    (re.compile(pattern, re.DOTALL), words)
    for pattern, words in (
        (r"\\(?:mathscr|scr)(?![A-Za-z])", r"the letters of \mathscr are those of \mathcal"),
        (r"\\hslash(?![A-Za-z])", r"\hslash looks like \hbar"),
        (r"\\varnothing(?![A-Za-z])", r"\varnothing looks like \emptyset"),
        (r"\A(?=[^|]*\|).*\\multicolumn(?![A-Za-z])", r"a cell of \multicolumn has no rules of its own"),
        (r"\\begin\s*\{(?:array|tabular)\}\s*\{[^{}]*[pm]\{", "a column of paragraphs is not broken into lines"),
        (r"\\\\\*?\s*\[\s*-?[\d.]", r"the space that \\[…] asks for is left out"),
        (r"[_^]\s*\{[^{}]*\\begin\s*\{array\}", "an array in a script is as small as the script"),
        (
            r"\\(?:[lLoO]|ae|AE|oe|OE)(?![A-Za-z])",
            r"LaTeX has no letters such as \l in a formula, and sets other signs",
        ),
    )
]


def remark(label: str) -> str:
    """How the drawing of `label` is known to differ from LaTeX's; empty if it doesn't."""
    said = [words for pattern, words in _REMARKS if pattern.search(label)] if "\\" in label else []
    return f"Unlike LaTeX: {'; '.join(said)}." if said else ""
