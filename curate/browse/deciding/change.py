"""Marks what differs between two labels, to be read as text: `x^[-2-]{+3+}`. Not for diffs of files."""

from __future__ import annotations

import difflib
import re

#: A command, or one character: what is marked is never half a command.
_TOKENS = re.compile(r"\\[A-Za-z]+ ?|\\.|\s+|.", re.DOTALL)
#: difflib takes quadratic time: longer labels are cut to where they differ first, and that part marked as a whole.
_LONGEST = 1500


def marked(old: str, new: str | None) -> str:
    """`old` with `[-removed-]` and `{+added+}` where `new` differs; empty where it doesn't, or is None."""
    if new is None or new == old:
        return ""
    a, b = _TOKENS.findall(old), _TOKENS.findall(new)
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    head, tail = a[:start], a[len(a) - end :]
    a, b = a[start : len(a) - end], b[start : len(b) - end]
    return "".join(head) + _middle(a, b) + "".join(tail)


def _middle(a: list[str], b: list[str]) -> str:
    if len(a) + len(b) > _LONGEST:
        return _marks(a, b)
    out = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        out.append("".join(a[i:j]) if kind == "equal" else _marks(a[i:j], b[k:m]))
    return "".join(out)


def _marks(removed: list[str], added: list[str]) -> str:
    return (f"[-{''.join(removed)}-]" if removed else "") + (f"{{+{''.join(added)}+}}" if added else "")
