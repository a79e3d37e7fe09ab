"""report.html of a run: one self-contained file. What stands in it is counted in `curate.audit.summary`, not here."""

from curate.report.page import Describe, ReportedRun, write_report

__all__ = ["Describe", "ReportedRun", "write_report"]
