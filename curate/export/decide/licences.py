"""Which licence a data set made of several can have. Not legal advice, and not a registry of data sets.

Identifiers are those of the Hugging Face hub (lower-case SPDX).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from curate.sources import FORMATS

#: A licence that nobody stated.
UNKNOWN = "unknown"
#: Licences that no single one stands for.
OTHER = "other"


@dataclass(frozen=True)
class Licence:
    """What a licence asks of a data set. `after`: other licences that a share-alike work may be passed on under."""

    id: str
    name: str
    non_commercial: bool = False
    share_alike: bool = False
    no_derivatives: bool = False
    attribution: bool = True
    after: tuple[str, ...] = ()


def _creative_commons() -> list[Licence]:
    made = [Licence("cc0-1.0", "CC0 1.0", attribution=False)]
    for version in ("2.0", "2.5", "3.0", "4.0"):
        later = [v for v in ("2.0", "2.5", "3.0", "4.0") if v > version]
        for parts in ("by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd"):
            alike = "sa" in parts
            made.append(
                Licence(
                    f"cc-{parts}-{version}",
                    f"CC {parts.upper()} {version}",
                    non_commercial="nc" in parts,
                    share_alike=alike,
                    no_derivatives="nd" in parts,
                    after=tuple(f"cc-{parts}-{v}" for v in later) if alike else (),
                )
            )
    return made


LICENCES: dict[str, Licence] = {
    item.id: item
    for item in (
        *_creative_commons(),
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

_ALIASES = {
    "cc-zero": "cc0-1.0",
    "cc0": "cc0-1.0",
    "apache-2": "apache-2.0",
    "gpl-3": "gpl-3.0",
    "none": UNKNOWN,
    "": UNKNOWN,
}


def standard(text: str | None) -> str:
    """A licence as people write it ("CC BY-NC-SA 4.0") as an identifier; what isn't known comes back in lower case."""
    name = (text or "").strip().lower().replace("_", "-").replace(" ", "-")
    name = name.removesuffix("-license").removesuffix("-licence")
    if name.startswith("cc-") and name.endswith(("-international", "-unported")):
        name = name.rsplit("-", 1)[0]
    return _ALIASES.get(name, name)


def licence_of(source: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """The licence of a source (an entry of a summary's `sources`): as given, else what is known of its kind."""
    if source["name"] in given:
        return standard(given[source["name"]])
    stated = source.get("licence") or {}
    found = standard(stated.get("given") or stated.get("public"))
    kind = FORMATS.get(str(source.get("format", "")))
    return (kind.licence if kind else None) or UNKNOWN if found == UNKNOWN else found


def is_clear(name: str) -> bool:
    """Is it known here what a licence asks for?"""
    return name in LICENCES


def combined(licences: Mapping[str, str]) -> str | None:
    """The licence that the sources' own (by source) leave for all of them together; None where they clash.

    A licence that isn't known here, where all have it; `unknown` where nothing is known of any source; `other` where
    something is known of some only.
    """
    names = sorted(set(licences.values()))
    known = [name for name in names if is_clear(name)]
    if len(names) == 1:
        return names[0]
    if not known:
        return UNKNOWN
    fitting = [name for name in sorted(known, key=_strictness) if not clashes(licences, name)]
    if not fitting:
        return None
    return fitting[-1] if len(known) == len(names) else OTHER


def _strictness(name: str) -> tuple[int, str]:
    item = LICENCES[name]
    return 8 * item.no_derivatives + 4 * item.non_commercial + 2 * item.share_alike + item.attribution, name


def clashes(licences: Mapping[str, str], target: str) -> list[str]:
    """Why sources (licence by source) can't be passed on together under `target`: one sentence each; none if they can.

    Only what is known to clash: a licence that isn't known here asks for a person's eye, not for an error.
    """
    found: list[str] = []
    goal = LICENCES.get(target)
    for source, name in sorted(licences.items()):
        item = LICENCES.get(name)
        together = len(licences) > 1
        if item is None or goal is None or (name == target and not (item.no_derivatives and together)):
            continue
        if item.no_derivatives:
            found.append(f"{source} is under {item.name}, which allows no changed copies to be passed on")
        elif item.share_alike and target not in item.after:
            found.append(
                f"{source} is under {item.name}, which may only be passed on under the same licence, not {goal.name}"
            )
        elif item.non_commercial and not goal.non_commercial:
            found.append(f"{source} is under {item.name}, not for commercial use, which {goal.name} would allow")
        elif item.attribution and not goal.attribution:
            found.append(f"{source} is under {item.name}, which asks for its authors' names; {goal.name} doesn't")
    return found
