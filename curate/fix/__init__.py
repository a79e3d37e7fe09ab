"""`curate fix`: fixes labels and writes the data set in its own format, with a journal. `rules` makes the fixes."""

from curate.fix.job import Fixed, check_out, fix_source, journal_of, report_lines, write

__all__ = ["Fixed", "check_out", "fix_source", "journal_of", "report_lines", "write"]
