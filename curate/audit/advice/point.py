"""One thing to know about a source, and the verdicts. No checks."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

VERDICTS = ("ready", "fix first", "doubtful", "unfit")
READY, FIX, DOUBTFUL, UNFIT = range(4)

Entry = Mapping[str, Any]


@dataclass(frozen=True)
class Point:
    """One thing to know about a source.

    name: its kind, for programs. level: the best verdict that it allows. weight: see `curate.audit.advice.checks`.
    samples: how many it applies to. what, why: clauses without a full stop. do: what to do, with the command or flag in
    backticks; "" if there is nothing to do. rules: those whose findings show it, for links; named: the first of them
    with their counts, in words. export: flags of `curate export` that do it.
    """

    name: str
    level: int
    weight: float
    samples: int
    what: str
    why: str = ""
    do: str = ""
    rules: tuple[str, ...] = ()
    export: tuple[str, ...] = ()
    named: str = ""

    @property
    def sentence(self) -> str:
        text = self.what + (f" ({self.named})" if self.named else "") + (f": {self.why}" if self.why else "")
        return f"{text}; {self.do}." if self.do else f"{text}."

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "verdict": VERDICTS[self.level],
            "samples": self.samples,
            "what": self.what,
            "why": self.why,
            "do": self.do,
            "rules": list(self.rules),
            "named": self.named,
            "export": list(self.export),
        }
