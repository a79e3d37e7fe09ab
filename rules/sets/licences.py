"""Licences of data sets: names made alike, what is known of public sets, which two don't go together. No legal advice.

Only what the sets' own publishers say is in the table; a set that isn't there is unknown, not free.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

#: Public sets by a word in the source's name or path: (pattern, licence, what the publishers say).
_KNOWN: tuple[tuple[str, str, str], ...] = (
    ("unimer", "mixed", "it holds CROHME (CC-BY-NC-SA-3.0) and HME100K (its publisher's own terms)"),
    ("crohme", "CC-BY-NC-SA-3.0", "CROHME is CC-BY-NC-SA-3.0"),
    ("math_?writing", "CC-BY-NC-SA-4.0", "MathWriting is CC-BY-NC-SA-4.0"),
    ("hme_?100k", "own terms", "HME100K comes under its publisher's own terms"),
    ("m2e|m²e", "CC-BY-NC-4.0", "M²E is CC-BY-NC-4.0"),
)
_PATTERNS = tuple(
    (re.compile(rf"(?i)(?:^|[^a-z0-9])(?:{word})(?![a-z])"), licence, what) for word, licence, what in _KNOWN
)
_CC = re.compile(r"CC-(BY(?:-NC)?(?:-(?:SA|ND))?)(?:-(\d\.\d))?(?:-[A-Z-]+)?")
#: Licences that want what is made with them to be under the same one.
_COPYLEFT = re.compile(r"(?:A?GPL|LGPL|ODBL|CDLA-SHARING)")
_OPEN = re.compile(r"(?:MIT|APACHE|BSD|ISC|CC0|CC-BY(?:-\d|$)|PDDL|ODC-BY|CDLA-PERMISSIVE|UNLICENSE|ZLIB)")


@dataclass(frozen=True)
class Known:
    """What is known of a public set: its licence as far as it has one, and a sentence that says so."""

    licence: str
    what: str


def known(*names: str) -> Known | None:
    """What is known of the set that one of these names or paths speaks of; the first name that says something wins."""
    for name in names:
        for pattern, licence, what in _PATTERNS:
            if pattern.search(name):
                return Known(licence, what)
    return None


def spelled(licence: str) -> str:
    """A licence's name in one spelling: `cc by-nc-sa 3.0` and `CC-BY-NC-SA-3.0` are one; others keep their words."""
    name = re.sub(r"[\s_]+", "-", licence.strip().upper())
    name = re.sub(r"^(?:LICEN[CS]E:?-?)|-LICEN[CS]E$", "", name)
    return name.replace("CREATIVE-COMMONS-", "CC-").removesuffix("-UNPORTED").removesuffix("-INTERNATIONAL")


def clash(first: str, second: str) -> str | None:
    """Why no one licence fits a data set made of two such sets, or None where one does or a licence is not known here.

    A licence without derivatives goes with none. Two that each want their own kept (share-alike, copyleft) clash unless
    they are the same, or versions of the same Creative Commons licence: a later version may be taken. One of those that
    allows commercial use clashes with one that forbids it.
    """
    one, two = spelled(first), spelled(second)
    if one == two:
        return None
    kinds = [_kind(name) for name in (one, two)]
    if None in kinds:
        return None
    for name, kind in zip((one, two), kinds, strict=True):
        if kind == "ND":
            return f"{name} allows no derivatives"
    keep = [name for name, kind in zip((one, two), kinds, strict=True) if kind in ("SA", "NC-SA", "copyleft")]
    if len(keep) == 2 and _family(one) != _family(two):
        return f"both {one} and {two} want what is made of them to be under the same licence"
    if "NC" in kinds and ("SA" in kinds or "copyleft" in kinds):
        return f"{keep[0]} wants commercial use allowed, and {two if keep[0] == one else one} forbids it"
    return None


def _kind(name: str) -> str | None:
    creative = _CC.fullmatch(name)
    if creative:
        parts = creative[1]
        if parts.endswith("ND"):
            return "ND"
        if parts.endswith("SA"):
            return "NC-SA" if "NC" in parts else "SA"
        return "NC" if "NC" in parts else "open"
    if _COPYLEFT.match(name):
        return "copyleft"
    return "open" if _OPEN.match(name) else None


def _family(name: str) -> str:
    creative = _CC.fullmatch(name)
    return creative[1] if creative else name
