"""Writes report.html of a run, one self-contained file. Counts nothing: `curate.audit.summary` does."""

from curate.report.page import Describe, ReportedRun, write_report

__all__ = ["Describe", "ReportedRun", "write_report"]
