"""From a label as written to what mathra reads: without delimiters, and with what it lacks or draws wrongly rewritten.

Doesn't judge labels. docs/drawing.md lists what is repaired here, and what should be repaired in mathra.
"""

from __future__ import annotations

import re

from curate.render.engine import RenderError
from curate.render.lacking import without_lacking
from curate.render.mended import mended
from curate.render.tables import STEP, arrays, split
from curate.render.texts import texts

_WRAPPERS = (("$$", "$$"), (r"\[", r"\]"), (r"\(", r"\)"), ("$", "$"))
_DISPLAY = re.compile(r"^\\begin\s*\{(displaymath|math|equation\*?)\}(.*)\\end\s*\{\1\}$", re.DOTALL)
_UNDRAWABLE = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*(?:\n[ \t]*|$)")
_TAG = re.compile(r"\\tag\s*(\*?)\s*\{((?:[^{}\\]|\\.|\{[^{}]*\})*)\}")
_LABEL = re.compile(r"\\label\s*\{[^{}]*\}")
_STARRED = re.compile(r"\\([hv]space)\s*\*")
_LAST_BACKSLASH = re.compile(r"(?<!\\)((?:\\\\)*)\\\s*$")
_MATRIX = re.compile(r"\\(?:(?:[pbvVB]|border)?matrix|cases|eqalign|displaylines|begin|substack)(?![A-Za-z])")


def prepare(label: str) -> str:
    """The engine's input for `label`. Raises RenderError for a character that no drawing can hold."""
    bad = _UNDRAWABLE.search(label)
    if bad:
        raise RenderError(f"control character U+{ord(bad.group()):04X} at position {bad.start()}")
    if "%" in label:
        label = _COMMENT.sub(r"\1", label)
    if "\\" not in label and "'" not in label:
        return _checked(_unwrapped(label.strip()))
    label = _STARRED.sub(r"\\\1", _LABEL.sub(" ", label))
    label = _LAST_BACKSLASH.sub(r"\1", _TAG.sub(_tag, _unwrapped(label.strip())))
    return _checked(mended(texts(arrays(without_lacking(label)))))


def _tag(found: re.Match[str]) -> str:
    """A tag is at the far edge of the page; a picture of a formula puts it nearby."""
    text = found.group(2)
    return rf" \qquad \text{{{text}}}" if found.group(1) else rf" \qquad \text{{({text})}}"


def _unwrapped(label: str) -> str:
    for opening, closing in _WRAPPERS:
        if label.startswith(opening) and label.endswith(closing) and len(label) >= len(opening) + len(closing):
            inner = label[len(opening) : -len(closing)]
            if opening[0] == "$" and (re.search(r"(?<!\\)\$", inner) or inner.endswith("\\")):
                continue  # `$a$ and $b$` is not one formula in dollars
            if opening[0] == "\\" and (opening in inner or closing in inner):
                continue
            return inner.strip()
    display = _DISPLAY.match(label)
    return display.group(2).strip() if display else label


def _checked(label: str) -> str:
    """Raise RenderError for what LaTeX refuses and mathra, even in strict mode, accepts."""
    if "&" in label:
        misplaced = len(split(label, frozenset({"&"}))) > 1
        if misplaced or (not _MATRIX.search(label) and any(step.group() == "&" for step in STEP.finditer(label))):
            raise RenderError("an & stands outside a table")
    return label
