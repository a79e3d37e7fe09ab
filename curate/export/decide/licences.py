"""What an export says about its sources' licences. `rules.sets.licences` knows what they require."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from curate.sources import FORMATS
from rules.sets.licences import LICENCES, UNKNOWN, Demand, demand, standard

_SAID: dict[Demand, str] = {
    "no derivatives": "which doesn't allow changed copies to be passed on",
    "share alike": "which may only be passed on under the same licence, not {goal}",
    "no commerce": "not for commercial use, which {goal} would allow",
    "attribution": "which requires attribution; {goal} doesn't",
}


def licence_of(source: Mapping[str, Any], given: Mapping[str, str]) -> str:
    """The licence of a source (an entry of a summary's `sources`): as given, else what is known about its kind."""
    if source["name"] in given:
        return standard(given[source["name"]])
    stated = source.get("licence") or {}
    found = standard(stated.get("given") or stated.get("public"))
    kind = FORMATS.get(str(source.get("format", "")))
    return (kind.licence if kind else None) or UNKNOWN if found == UNKNOWN else found


def clashes(licences: Mapping[str, str], target: str) -> list[str]:
    """Why sources (licence by source) can't be passed on together under `target`: one sentence each; none if they can.

    Reports only known conflicts: a licence that isn't known here needs a person's eye, not an error.
    """
    found: list[str] = []
    for source, name in sorted(licences.items()):
        asked = demand(name, target, alone=len(licences) == 1)
        if asked is not None:
            found.append(f"{source} is under {LICENCES[name].name}, {_SAID[asked].format(goal=LICENCES[target].name)}")
    return found
