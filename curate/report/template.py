"""Opens the template of a page of one file, with its styles and scripts to write into it. Fills in no data."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup


def open_template(
    page: Path, styles: Sequence[Path], scripts: Sequence[Path], filters: Mapping[str, Callable[..., Any]]
) -> tuple[jinja2.Template, dict[str, Any]]:
    """A page's template, and the values that are the same whatever it shows: style, script, and the hash of each,
    by which the page's policy lets it run these and nothing else."""
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader(page.parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(filters)
    style, script = ("".join(path.read_text(encoding="utf-8") for path in paths) for paths in (styles, scripts))
    return templates.get_template(page.name), {
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": _hash(style),
        "script_hash": _hash(script),
    }


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
