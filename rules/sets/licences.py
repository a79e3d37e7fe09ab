"""Licences of data sets: normalised names, the licences of public sets, and which are compatible. Not legal advice.

Identifiers are those of the Hugging Face hub (lower-case SPDX). For public sets, only the statements of their
publishers count. A set that isn't listed is unknown, not free.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Literal

#: Public sets by a word in the name or path of the source: (pattern, licence, what the publishers say).
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
#: No licence was stated.
UNKNOWN = "unknown"
#: Licences that can't be named by a single identifier.
OTHER = "other"
#: The conditions of one licence that another may not grant.
Demand = Literal["no derivatives", "share alike", "no commerce", "attribution"]

_VERSIONS = ("2.0", "2.5", "3.0", "4.0")
#: A Creative Commons licence without a version, or adapted to a country.
_CC = re.compile(r"cc-(by(?:-nc)?(?:-(?:sa|nd))?)(?:-\d\.\d)?(?:-[a-z-]+)?")
#: Versions and spellings of licences that are not in the table, and that require derived works to have the same
#: licence.
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
    """The conditions of a licence.

    family: the licence without its version. after: other licences under which a share-alike work may be passed on.
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
    """parts: such as by-nc-sa. version: such as 4.0, or empty."""
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
    """What is known about a public set: its licence, if it has one, and a sentence that states it."""

    licence: str
    what: str


def known(*names: str) -> Known | None:
    """What is known about the public set in one of these names or paths. The first name that has one wins."""
    for name in names:
        for pattern, licence, what in _PATTERNS:
            if pattern.search(name):
                return Known(licence, what)
    return None


def standard(text: str | None) -> str:
    """The identifier of a licence as people write it ("CC BY-NC-SA 4.0"); an unknown licence in lower case."""
    name = re.sub(r"[\s_]+", "-", (text or "").strip().lower())
    name = re.sub(r"^licen[cs]e:?-?|-licen[cs]e$", "", name)
    name = name.replace("creative-commons-", "cc-").removesuffix("-unported").removesuffix("-international")
    return _ALIASES.get(name, name)


def is_clear(name: str) -> bool:
    """Are the conditions of this licence known here?"""
    return name in LICENCES


def clash(first: str, second: str) -> str | None:
    """Why no licence fits a data set made from two sets with these; None if one does or a licence is unknown here.

    A licence that forbids derivatives is compatible with none. Two licences that must be kept (share-alike, copyleft)
    clash unless they are the same, or versions of the same Creative Commons licence, whose later version may be used.
    If such a licence allows commercial use, it clashes with one that forbids it.
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
        return f"{one.id.upper()} and {two.id.upper()} each require derived works to keep their licence"
    for keeps, other in ((one, two), (two, one)):
        if keeps.share_alike and other.non_commercial and not keeps.non_commercial:
            return f"{keeps.id.upper()} requires that commercial use stays allowed, and {other.id.upper()} forbids it"
    return None


def _like(name: str) -> Licence | None:
    """The licence with that name, or one with the terms that the name implies; None if it implies none."""
    if name in LICENCES:
        return LICENCES[name]
    creative = _CC.fullmatch(name)
    if creative:
        return replace(_creative_commons(creative[1], ""), id=name)
    if _COPYLEFT.match(name):
        return Licence(name, name, share_alike=True)
    return Licence(name, name) if _OPEN.match(name) else None


def demand(name: str, target: str, *, alone: bool = False) -> Demand | None:
    """The condition of the licence `name` that forbids passing on a data set made with it under `target`; else None.

    alone: the data set contains nothing else, so it isn't a derivative. Also None if one of the licences is unknown
    here.
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
    """The licence for data sets with these licences together; None if they clash.

    If all have the same licence, it may be one that is unknown here. `unknown` if no licence is known, `other` if only
    some are.
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
