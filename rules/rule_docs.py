"""The docstring of a rule: its sections, and its examples with what they must point at. Knows no rule."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import pairwise

_SECTION = re.compile(r"^(Why|Fires|Quiet|Fix|See):\s*", re.MULTILINE)
_QUOTED = re.compile(r"``(.+?)``(?!`)", re.DOTALL)
# A docstring can't hold control characters, so examples write their pictures: ␉ for TAB and so on.
_PICTURES = {0x2400 + code: code for code in range(32)} | {0x2421: 0x7F}


@dataclass(frozen=True)
class Example:
    """A label in a rule's docstring.

    `spans` are the substrings that the rule must point at; there are none where it is quiet. `fixed` is the label with
    every fix that the rule proposes for it, whatever their level: what `rules.fixing.proposed` gives.
    """

    label: str
    spans: tuple[str, ...] = ()
    fixed: str | None = None


@dataclass(frozen=True)
class RuleDoc:
    """The sections of a rule's docstring."""

    what: str
    why: str = ""
    fix: str = ""
    see: str = ""
    fires: tuple[Example, ...] = ()
    quiet: tuple[Example, ...] = ()


def _example_text(text: str) -> str:
    return text.translate(_PICTURES)


def _example(line: str) -> Example:
    """One example that fires, from its line."""
    found = list(_QUOTED.finditer(line))
    texts = [_example_text(match[1]) for match in found]
    before = [line[left.end() : right.start()] for left, right in pairwise(found)]
    arrows = [at for at, between in enumerate(before, 1) if "=>" in between]
    if not arrows:
        return Example(texts[0], tuple(texts[1:]))
    if arrows != [len(texts) - 1]:
        raise ValueError(f"an example has one fixed label, at its end: {line.strip()}")
    return Example(texts[0], tuple(texts[1:-1]), texts[-1])


def parse_doc(text: str) -> RuleDoc:
    """The sections of a docstring.

    `Fires:` lists ``label`` -> ``span`` ``span``… => ``fixed label``, one a line; spans and fixed label may be left
    out. `Quiet:` lists labels. Raises ValueError for a line that says more than one fixed label, or more after it.
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
    return RuleDoc(" ".join(parts[0].split()), prose["Why"], prose["Fix"], prose["See"], tuple(fires), tuple(quiet))
