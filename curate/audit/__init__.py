"""`curate audit`: from sources to a run folder. The stages are in order in `stages`, one module each beside it."""

from curate.audit.facts import peak_memory
from curate.audit.folder import describe
from curate.audit.options import AuditOptions, Progress
from curate.audit.stages import audit

__all__ = ["AuditOptions", "Progress", "audit", "describe", "peak_memory"]
