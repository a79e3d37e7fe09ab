"""Tab-separated values of any data set."""

from __future__ import annotations

from curate.sources.delimited import DelimitedFormat


class Tsv(DelimitedFormat):
    name = "tsv"
    shape = "tab-separated values with a header"
    page = """
Many such files are written by joining fields with tabs. So a row whose quotes don't give the header's number of fields
is taken literally, quotes included.
"""
    example = (("train.tsv", 'id\tlabel\n1\tx ^ { 2 }\n2\ta "\n'),)
    endings = (".tsv",)
    delimiter = "\t"
    file_kind = "TSV file"


FORMAT = Tsv()
