"""Settings of Sphinx for `make site`: the pages of docs/ as a static site with search. Nothing leaves the page.

The pages are written for GitHub. What a site needs besides is added while it is built: the list of pages at the side,
and addresses of files outside docs/.
"""

from __future__ import annotations

import os
import re
import tomllib
from pathlib import Path
from typing import Any

DOCS = Path(__file__).resolve().parent
_PROJECT = tomllib.loads((DOCS.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
_REPOSITORY = _PROJECT["urls"]["Source"]
#: The sides' sections and their pages, in order. A page that is in none is in the last.
SECTIONS = {
    "First steps": ("tutorial", "python", "data-formats", "project-file"),
    "Judging": ("verdicts", "score", "defects", "pairs", "duplicates", "hash-packs", "visual-key", "baselines"),
    "Repairing": ("fixing", "canonical-form", "browse", "export"),
    "Training": ("training", "training-settings", "prompts", "serving", "locating", "grpo", "training-cpu"),
    "Scoring": ("metrics", "cdm-differences"),
    "Look up": ("rules/README", "cli", "machine-formats", "drawing"),
    "About": ("architecture", "compared-with", "scale", "speed", "reliability"),
}
_LAST = "About"

project = "texsieve"
author = "the texsieve authors"
project_copyright = "2026, the texsieve authors"
release = _PROJECT["version"]
extensions = ["myst_parser"]
exclude_patterns = ["templates"]
root_doc = "index"
html_theme = "furo"
html_title = f"texsieve {release}"
html_copy_source = False
html_show_sphinx = False
html_theme_options = {"navigation_with_keys": True}
myst_heading_anchors = 4
myst_links_external_new_tab = False
# Code of a terminal, of no one language: what Pygments makes of it is no news.
suppress_warnings = ["misc.highlighting_failure"]


def _toctree(title: str, names: list[str]) -> str:
    return f"\n```{{toctree}}\n:hidden:\n:caption: {title}\n\n" + "\n".join(names) + "\n```\n"


def _added(page: str) -> str:
    """The lists of pages below a page."""
    if page == "index":
        placed = {name for names in SECTIONS.values() for name in names} | {"index"}
        others = sorted(path.stem for path in DOCS.glob("*.md") if path.stem not in placed)
        guides = sorted(f"contributing/{path.stem}" for path in (DOCS / "contributing").glob("*.md"))
        sections = {title: [*names, *(others if title == _LAST else [])] for title, names in SECTIONS.items()}
        return "".join(_toctree(title, names) for title, names in {**sections, "Add something": guides}.items())
    if page == "rules/README":
        return _toctree("Rules", sorted(path.stem for path in (DOCS / "rules").glob("*.md") if path.stem != "README"))
    return ""


def _outside(page: str, text: str) -> str:
    """A page's text with links to files outside docs/ leading to the repository."""
    folder = (DOCS / page).parent

    def leads(link: re.Match[str]) -> str:
        target, mark, anchor = link[1].partition("#")
        path = Path(os.path.normpath(folder / target))
        inside = path.is_relative_to(DOCS) and path.suffix in (".md", ".png", ".svg")
        if "://" in target or not target or inside:
            return link[0]
        return f"]({_REPOSITORY}/blob/main/{path.relative_to(DOCS.parent).as_posix()}{mark}{anchor})"

    return re.sub(r"\]\(([^)\s]+)\)", leads, text)


def _read(app: Any, page: str, source: list[str]) -> None:
    source[0] = _outside(page, source[0]) + _added(page)


def setup(app: Any) -> None:
    """Called by Sphinx."""
    app.connect("source-read", _read)
