"""Marks the differences between two labels for reading as text: `x^[-2-]{+3+}`. Not for diffs of files."""

from __future__ import annotations

import difflib
import re
from typing import Literal

#: A command, or one character, so that half a command is never marked.
_TOKENS = re.compile(r"\\[A-Za-z]+ ?|\\.|\s+|.", re.DOTALL)
#: difflib takes quadratic time, so in longer labels the differing part is found first and marked as a whole.
_LONGEST = 1500


#: What happens to a part of the old label: it stays, goes, or is new.
Part = tuple[Literal["same", "removed", "added"], str]


def marked(old: str, new: str | None) -> str:
    """`old` with `[-removed-]` and `{+added+}` where `new` differs; empty if it doesn't, or is None."""
    if new is None or new == old:
        return ""
    forms = {"same": "{}", "removed": "[-{}-]", "added": "{{+{}+}}"}
    return "".join(forms[kind].format(text) for kind, text in parts(old, new))


def parts(old: str, new: str, tokens: re.Pattern[str] = _TOKENS) -> list[Part]:
    """The two labels as one text, in parts that stay, go, or are new. tokens: what is marked as a whole."""
    a, b = tokens.findall(old), tokens.findall(new)
    start = 0
    while start < min(len(a), len(b)) and a[start] == b[start]:
        start += 1
    end = 0
    while end < min(len(a), len(b)) - start and a[-1 - end] == b[-1 - end]:
        end += 1
    middle = _middle(a[start : len(a) - end], b[start : len(b) - end])
    found: list[Part] = [("same", "".join(a[:start])), *middle, ("same", "".join(a[len(a) - end :]))]
    return [part for part in found if part[1]]


def _middle(a: list[str], b: list[str]) -> list[Part]:
    if len(a) + len(b) > _LONGEST:
        return _changed(a, b)
    out: list[Part] = []
    for kind, i, j, k, m in difflib.SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        out += [("same", "".join(a[i:j]))] if kind == "equal" else _changed(a[i:j], b[k:m])
    return out


def _changed(removed: list[str], added: list[str]) -> list[Part]:
    return [("removed", "".join(removed)), ("added", "".join(added))]
