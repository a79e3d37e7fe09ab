"""Opens the template of a one-file page, with its styles and scripts to write into it. Fills in no data.

Every page extends base.html and adds its own style sheet and script after those of base.html.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from curate import __version__
from curate.base.tables import count, share, size
from curate.report.markup import code_spans, text, unbroken

_HERE = Path(__file__).parent
_FILTERS: Mapping[str, Callable[..., Any]] = {
    "count": count,
    "share": share,
    "size": size,
    "text": text,
    "code_spans": code_spans,
    "unbroken": unbroken,
}


def open_template(page: Path) -> tuple[jinja2.Template, dict[str, Any]]:
    """A page's template, and the values that are the same for every page: version, style, script, and the hashes of
    both, with which the page's policy lets it run these and nothing else.

    page: its .css and .js, if it has any, are next to it.
    """
    templates = jinja2.Environment(
        loader=jinja2.FileSystemLoader([page.parent, _HERE]),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    templates.filters.update(_FILTERS)
    style, script = (
        "".join(
            path.read_text(encoding="utf-8")
            for path in (_HERE / f"base{kind}", page.with_suffix(kind))
            if path.is_file()
        )
        for kind in (".css", ".js")
    )
    return templates.get_template(page.name), {
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": _hash(style),
        "script_hash": _hash(script),
        "version": __version__,
    }


def is_page_of(command: str, start: bytes) -> bool:
    """Whether a file that begins with these bytes is a page that the command wrote, such as `finetune compare`."""
    return f'<meta name="generator" content="texsieve: {command}">'.encode() in start


def _hash(source: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(source.encode("utf-8")).digest()).decode("ascii")
