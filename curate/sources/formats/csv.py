"""Comma-separated values of any data set."""

from __future__ import annotations

from curate.sources.delimited import DelimitedFormat


class Csv(DelimitedFormat):
    name = "csv"
    shape = "comma-separated values with a header"
    page = """
A field in quotes may hold commas, doubled quotes and line ends. A row with more or fewer fields than the header
is unreadable. If the header has semicolons and no comma, as spreadsheets write it in many countries, semicolons
separate the columns.
"""
    example = (
        ("train.csv", 'id,file_name,label\n1,1.png,x ^ { 2 }\n2,2.png,"( a , b )"\n'),
        ("images/1.png", ""),
        ("images/2.png", ""),
    )
    endings = (".csv",)
    delimiter = ","
    file_kind = "CSV file"


FORMAT = Csv()
