"""Reads every data set format into one frame (`read_source`). Judges no label."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
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

_PLACES = {
    "FORMATS": "registry",
    "BadRow": "model",
    "Source": "model",
    "SourceFormat": "format",
    "SourceSpec": "spec",
    "Unreadable": "model",
    "default_name": "spec",
    "format_list": "registry",
    "parse_columns": "spec",
    "parse_first_number": "spec",
    "parse_images": "spec",
    "parse_source": "spec",
    "read_source": "read",
    "recognise": "read",
}


def __getattr__(name: str) -> Any:
    # Looked up at first use: the formats take 0.4 s to import, and a helper process that reads a table needs none.
    if name not in _PLACES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"curate.sources.{_PLACES[name]}"), name)
