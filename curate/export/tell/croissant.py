"""Writes croissant.json: describes the data set to search engines and loaders in Croissant 1.0. Counts nothing.

The specification: https://docs.mlcommons.org/croissant/docs/croissant-spec-1.0.html. Files are named relative to the
folder, as `mlcroissant` reads a description that is beside its data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from curate import __version__
from curate.base.tables import things
from curate.export.decide.plan import ExportPlan
from rules.sets.licences import LICENCES

CROISSANT = "croissant.json"

#: The context from the specification; readers warn about any other.
_CONTEXT: dict[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{
        name: f"cr:{name}"
        for name in (
            *("citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet"),
            *("format", "includes", "isLiveDataset", "jsonPath", "key", "md5", "parentField", "path", "recordSet"),
            *("references", "regex", "repeated", "replace", "samplingRate", "separator", "source", "subField"),
            "transform",
        )
    },
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "dct": "http://purl.org/dc/terms/",
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "sc": "https://schema.org/",
}


def write_croissant(folder: Path, plan: ExportPlan, facts: Mapping[str, Any], title: str) -> None:
    """Write croissant.json into `folder`, with a file set and a record set for each split that has samples."""
    form = plan.options.form
    there = [row for row in facts["splits"] if row["samples"]]
    files, records = [], []
    for row in there:
        split = row["split"]
        files.append(
            {
                "@type": "cr:FileSet",
                "@id": f"{split}-files",
                "name": f"{split}-files",
                "description": f"The files with the rows of {split}.",
                "encodingFormat": form.media_type,
                "includes": form.row_files(split),
            }
        )
        if form.fields:
            records.append(
                {
                    "@type": "cr:RecordSet",
                    "@id": split,
                    "name": split,
                    "description": f"{things(row['samples'], 'sample')} in {split}.",
                    "field": [_field(split, column, kind) for column, kind in form.fields.items()],
                }
            )
    kept = sum(row["samples"] for row in there)
    named = {"license": f"https://spdx.org/licenses/{plan.licence}"} if plan.licence in LICENCES else {}
    described = {
        "@context": _CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": re.sub(r"[^A-Za-z0-9_-]+", "-", title).strip("-") or "formulas",
        "description": f"{title}. {things(kept, 'picture')} of formulas with LaTeX labels"
        f"{', in canonical spelling' if plan.options.style == 'canonical' else ''}; made with texsieve {__version__}.",
        **named,
        "distribution": files,
        "recordSet": records,
    }
    text = json.dumps(described, ensure_ascii=False, indent=1) + "\n"
    (folder / CROISSANT).write_text(text, encoding="utf-8", newline="\n")


def _field(split: str, column: str, kind: str) -> dict[str, Any]:
    source: dict[str, Any] = {"fileSet": {"@id": f"{split}-files"}, "extract": {"column": column}}
    if kind == "sc:ImageObject":  # a column of bytes and path, as `datasets` writes it
        source["transform"] = {"jsonPath": "bytes"}
    return {"@type": "cr:Field", "@id": f"{split}/{column}", "name": column, "dataType": kind, "source": source}
