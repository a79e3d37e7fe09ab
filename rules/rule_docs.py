"""Parses the docstrings of rules: the sections, and the examples with their expected findings. Knows no rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_SECTION = re.compile(r"^(Why|Fires|Quiet|Fix|See):\s*", re.MULTILINE)
_QUOTED = re.compile(r"``(.+?)``(?!`)", re.DOTALL)
# Docstrings can't contain control characters, so examples use their Unicode pictures, such as ␉ for TAB.
_PICTURES = {0x2400 + code: code for code in range(32)} | {0x2421: 0x7F}


@dataclass(frozen=True)
class Example:
    """A label in the docstring of a rule.

    `spans` are the substrings that the rule must report; there are none if it must be quiet. `fixed` is the label with
    every fix that the rule proposes for it, whatever its level, as `rules.fixing.proposed` returns it.
    """

    label: str
    spans: tuple[str, ...] = ()
    fixed: str | None = None


@dataclass(frozen=True)
class RuleDoc:
    """The sections of the docstring of a rule. The first of the paragraphs is its summary."""

    paragraphs: tuple[str, ...]
    why: str = ""
    fix: str = ""
    see: str = ""
    fires: tuple[Example, ...] = ()
    quiet: tuple[Example, ...] = ()

    @property
    def what(self) -> str:
        return " ".join(self.paragraphs)


def _example_text(text: str) -> str:
    return text.translate(_PICTURES)


def _example(line: str) -> Example:
    """The example in a `Fires:` line."""
    found = list(_QUOTED.finditer(line))
    texts = [_example_text(match[1]) for match in found]
    before = [line[left.end() : right.start()] for left, right in pairwise(found)]
    arrows = [at for at, between in enumerate(before, 1) if "=>" in between]
    if not arrows:
        return Example(texts[0], tuple(texts[1:]))
    if arrows != [len(texts) - 1]:
        raise ValueError(f"an example can have only one fixed label, at the end: {line.strip()}")
    return Example(texts[0], tuple(texts[1:-1]), texts[-1])


def parse_doc(text: str) -> RuleDoc:
    """The sections of a docstring.

    `Fires:` is followed by ``label`` -> ``span`` ``span``… => ``fixed label``, one per line; the spans and the fixed
    label are optional. `Quiet:` is followed by labels. Raises ValueError for a line with more than one fixed label, or
    with more after it.
    """
    parts = _SECTION.split(text)
    sections: dict[str, str] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        sections[name] = f"{sections[name]}\n{body.strip()}" if name in sections else body.strip()
    fires = [_example(line) for line in sections.get("Fires", "").splitlines() if _QUOTED.search(line)]
    quiet = [
        Example(_example_text(found))
        for line in sections.get("Quiet", "").splitlines()
        for found in _QUOTED.findall(line)
    ]
    prose = {name: " ".join(sections.get(name, "").split()) for name in ("Why", "Fix", "See")}
    paragraphs = tuple(" ".join(part.split()) for part in parts[0].strip().split("\n\n"))
    return RuleDoc(paragraphs, prose["Why"], prose["Fix"], prose["See"], tuple(fires), tuple(quiet))
