"""The pages and tables of a run: report.html, one self-contained file. Counts nothing: `curate.audit.summary` does."""
