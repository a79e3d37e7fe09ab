"""`curate audit`: from sources to a run folder. `stages` runs the stages in order; each is a module beside it."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from curate.audit.facts import peak_memory
    from curate.audit.folder import describe
    from curate.audit.options import AuditOptions, Progress
    from curate.audit.stages import audit

__all__ = ["AuditOptions", "Progress", "audit", "describe", "peak_memory"]

_PLACES = {"AuditOptions": "options", "Progress": "options", "audit": "stages", "describe": "folder"}
_PLACES |= {"peak_memory": "facts"}


def __getattr__(name: str) -> Any:
    # Loaded on first use: the project file needs the thresholds in this package, not the whole audit.
    if name in _PLACES:
        return getattr(import_module(f"curate.audit.{_PLACES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
