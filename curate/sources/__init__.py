"""Reads every data set format into one frame (`read_source`). Judges no label."""

from curate.sources.format import SourceFormat
from curate.sources.model import BadRow, Source, Unreadable
from curate.sources.read import read_source, recognise
from curate.sources.registry import FORMATS, format_list
from curate.sources.spec import (
    SourceSpec,
    default_name,
    parse_columns,
    parse_first_number,
    parse_images,
    parse_source,
)

__all__ = [
    "FORMATS",
    "BadRow",
    "Source",
    "SourceFormat",
    "SourceSpec",
    "Unreadable",
    "default_name",
    "format_list",
    "parse_columns",
    "parse_first_number",
    "parse_images",
    "parse_source",
    "read_source",
    "recognise",
]
