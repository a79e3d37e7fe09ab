"""Licences of data sets: names made alike, what is known of public sets, which go together. No legal advice.

Identifiers are those of the Hugging Face hub (lower-case SPDX). Of public sets there is only what their own publishers
say; a set that isn't there is unknown, not free.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

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
#: A licence that nobody stated.
UNKNOWN = "unknown"
#: Licences that no single one stands for.
OTHER = "other"
#: What a licence may ask that another one doesn't grant.
Demand = Literal["no derivatives", "share alike", "no commerce", "attribution"]

_VERSIONS = ("2.0", "2.5", "3.0", "4.0")
#: A Creative Commons licence without its version, or as it was adapted to a country.
_CC = re.compile(r"cc-(by(?:-nc)?(?:-(?:sa|nd))?)(?:-\d\.\d)?(?:-[a-z-]+)?")
#: Versions and spellings of licences that are not in the table: these want what is made with them to be under the same.
_COPYLEFT = re.compile(r"(?:a?gpl|lgpl|odbl|cdla-sharing)")
_OPEN = re.compile(r"(?:mit|apache|bsd|isc|cc0|pddl|odc-by|cdla-permissive|unlicense|zlib)")
_ALIASES = {
    "cc-zero": "cc0-1.0",
    "cc0": "cc0-1.0",
    "apache-2": "apache-2.0",
    "gpl-3": "gpl-3.0",
    "none": UNKNOWN,
    "": UNKNOWN,
}


@dataclass(frozen=True)
class Licence:
    """What a licence asks of a data set.

    family: the licence whatever its version. after: other licences that a share-alike work may be passed on under.
    """

    id: str
    name: str
    non_commercial: bool = False
    share_alike: bool = False
    no_derivatives: bool = False
    attribution: bool = True
    after: tuple[str, ...] = ()
    family: str = ""


def _creative_commons(parts: str, version: str) -> Licence:
    """parts: such as by-nc-sa. version: with its hyphen, or empty."""
    later = [later for later in _VERSIONS if "sa" in parts and later > version] if version else []
    return Licence(
        f"cc-{parts}-{version}" if version else f"cc-{parts}",
        f"CC {parts.upper()} {version}".rstrip(),
        non_commercial="nc" in parts,
        share_alike="sa" in parts,
        no_derivatives="nd" in parts,
        after=tuple(f"cc-{parts}-{version}" for version in later),
        family=f"cc-{parts}",
    )


#: The licences whose terms are known, by identifier.
LICENCES: dict[str, Licence] = {
    item.id: item
    for item in (
        Licence("cc0-1.0", "CC0 1.0", attribution=False),
        *(
            _creative_commons(parts, version)
            for version in _VERSIONS
            for parts in ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
        ),
        Licence("mit", "MIT"),
        Licence("apache-2.0", "Apache 2.0"),
        Licence("bsd-2-clause", "BSD 2-Clause"),
        Licence("bsd-3-clause", "BSD 3-Clause"),
        Licence("odc-by", "ODC-By 1.0"),
        Licence("pddl", "PDDL 1.0", attribution=False),
        Licence("odbl", "ODbL 1.0", share_alike=True),
        Licence("cdla-permissive-2.0", "CDLA Permissive 2.0"),
        Licence("cdla-sharing-1.0", "CDLA Sharing 1.0", share_alike=True),
        Licence("gpl-3.0", "GPL 3.0", share_alike=True),
        Licence("agpl-3.0", "AGPL 3.0", share_alike=True),
        Licence("unlicense", "Unlicense", attribution=False),
    )
}


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


def standard(text: str | None) -> str:
    """A licence as people write it ("CC BY-NC-SA 4.0") as an identifier; what isn't known comes back in lower case."""
    name = re.sub(r"[\s_]+", "-", (text or "").strip().lower())
    name = re.sub(r"^licen[cs]e:?-?|-licen[cs]e$", "", name)
    name = name.replace("creative-commons-", "cc-").removesuffix("-unported").removesuffix("-international")
    return _ALIASES.get(name, name)


def is_clear(name: str) -> bool:
    """Is it known here what a licence asks for?"""
    return name in LICENCES


def clash(first: str, second: str) -> str | None:
    """Why no one licence fits a data set made of two such sets, or None where one does or a licence is not known here.

    A licence without derivatives goes with none. Two that each want their own kept (share-alike, copyleft) clash unless
    they are the same, or versions of the same Creative Commons licence: a later version may be taken. One of those that
    allows commercial use clashes with one that forbids it.
    """
    names = standard(first), standard(second)
    one, two = _like(names[0]), _like(names[1])
    if names[0] == names[1] or one is None or two is None:
        return None
    for item in (one, two):
        if item.no_derivatives:
            return f"{item.id.upper()} allows no derivatives"
    if one.share_alike and two.share_alike:
        if (one.family or one.id) == (two.family or two.id):
            return None
        return f"both {one.id.upper()} and {two.id.upper()} want what is made of them to be under the same licence"
    for keeps, other in ((one, two), (two, one)):
        if keeps.share_alike and other.non_commercial and not keeps.non_commercial:
            return f"{keeps.id.upper()} wants commercial use allowed, and {other.id.upper()} forbids it"
    return None


def _like(name: str) -> Licence | None:
    """The licence of that name, or one with the terms that its name speaks of; None where it speaks of none."""
    if name in LICENCES:
        return LICENCES[name]
    creative = _CC.fullmatch(name)
    if creative:
        return replace(_creative_commons(creative[1], ""), id=name)
    if _COPYLEFT.match(name):
        return Licence(name, name, share_alike=True)
    return Licence(name, name) if _OPEN.match(name) else None


def demand(name: str, target: str, *, alone: bool = False) -> Demand | None:
    """What the licence `name` asks that keeps a data set made with it from being passed on under `target`; else None.

    alone: the data set is made of nothing else, so that it is no derivative. None, too, where one isn't known here.
    """
    item, goal = LICENCES.get(name), LICENCES.get(target)
    if item is None or goal is None or (name == target and (alone or not item.no_derivatives)):
        return None
    if item.no_derivatives:
        return "no derivatives"
    if item.share_alike and target not in item.after:
        return "share alike"
    if item.non_commercial and not goal.non_commercial:
        return "no commerce"
    return "attribution" if item.attribution and not goal.attribution else None


def joint(names: Collection[str]) -> str | None:
    """The licence that data sets under these can have together; None where they clash.

    A licence that isn't known here, where all have it; `unknown` where nothing is known of any; `other` where something
    is known of some only.
    """
    known = sorted(name for name in set(names) if is_clear(name))
    if len(set(names)) == 1:
        return next(iter(names))
    if not known:
        return UNKNOWN
    fitting = [name for name in sorted(known, key=_strictness) if not any(demand(other, name) for other in names)]
    if not fitting:
        return None
    return fitting[-1] if len(known) == len(set(names)) else OTHER


def _strictness(name: str) -> tuple[int, str]:
    item = LICENCES[name]
    return 8 * item.no_derivatives + 4 * item.non_commercial + 2 * item.share_alike + item.attribution, name
