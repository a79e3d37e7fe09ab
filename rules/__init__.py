"""Finds what is wrong with labels, images, pairs and data sets. Frames in, frames out; no files, no network.

import rules
rules.check([r"\\frac{a}{b", r"x^2"])      # findings, with the row of the label
rules.fix([r"$x \\le 1$"])["fixed"]        # safe fixes, each proven not to change what is drawn
rules.visual_key([r"\\le", r"\\leq"])       # equal keys: the labels look the same
with rules.isolated():                      # labels from strangers: one that hangs or crashes native code is lost alone
    rules.check(labels)
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rules.api import LeftOutWarning, check, fix, visual_key
    from rules.latex.visual_key import KEY_VERSION
    from rules.registry import SelectionError
    from rules.score import Weights
    from rules.selection import Ruleset, select
    from rules.workers.spread import isolated

__all__ = [
    "KEY_VERSION",
    "LeftOutWarning",
    "Ruleset",
    "SelectionError",
    "Weights",
    "check",
    "fix",
    "isolated",
    "select",
    "visual_key",
]

_PLACES = {"KEY_VERSION": "latex.visual_key", "Ruleset": "selection", "SelectionError": "registry", "Weights": "score"}
_PLACES |= {"LeftOutWarning": "api", "check": "api", "fix": "api", "select": "selection", "visual_key": "api"}
_PLACES |= {"isolated": "workers.spread"}


def __dir__() -> list[str]:
    return __all__


def __getattr__(name: str) -> Any:
    # Loaded when first asked for: helper processes start with a module of this package, most do without the rules.
    if name in _PLACES:
        return getattr(import_module(f"rules.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
