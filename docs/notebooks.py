"""Runs the code cells of a notebook in their order, and writes what they print as a notebook and as a Markdown page.

A small part of what Jupyter does, for notebooks that only print: no kernel, no widgets, no plots.
"""

from __future__ import annotations

import ast
import io
import json
from collections.abc import Iterator, Mapping
from contextlib import chdir, redirect_stdout
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any


def executed(notebook: Mapping[str, Any]) -> dict[str, Any]:
    """The notebook with the outputs that its cells have now, run from top to bottom in an empty folder.

    Raises what a cell raises.
    """
    cells: list[dict[str, Any]] = []
    names: dict[str, Any] = {"__name__": "__main__"}
    with TemporaryDirectory() as folder, chdir(folder):
        for number, cell in enumerate(notebook["cells"], start=1):
            source = "".join(cell["source"])
            new = {"cell_type": cell["cell_type"], "id": f"cell-{number}", "metadata": {}, "source": _lines(source)}
            if cell["cell_type"] == "code":
                new |= {"execution_count": None, "outputs": list(_outputs(source, names, number))}
            cells.append(new)
    return {**notebook, "cells": cells}


def _outputs(source: str, names: dict[str, Any], number: int) -> Iterator[dict[str, Any]]:
    """What a cell prints, and the value of its last line, as Jupyter keeps them."""
    tree = ast.parse(source)
    last = tree.body.pop() if tree.body and isinstance(tree.body[-1], ast.Expr) else None
    printed = io.StringIO()
    with redirect_stdout(printed):
        exec(compile(tree, f"cell {number}", "exec"), names)
        value = None if last is None else eval(compile(ast.Expression(last.value), f"cell {number}", "eval"), names)
    if printed.getvalue():
        yield {"name": "stdout", "output_type": "stream", "text": _lines(printed.getvalue())}
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        if hasattr(value, "_repr_html_"):
            data["text/html"] = _lines(value._repr_html_())
        yield {"data": data, "execution_count": None, "metadata": {}, "output_type": "execute_result"}


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def as_json(notebook: Mapping[str, Any]) -> str:
    """The notebook's file."""
    return json.dumps(notebook, ensure_ascii=False, indent=1) + "\n"


def as_markdown(notebook: Mapping[str, Any]) -> str:
    """The notebook as a page: its texts, its code, and what that printed."""
    parts: list[str] = []
    for cell in notebook["cells"]:
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
            continue
        parts.append(f"```python\n{source}\n```")
        for output in cell["outputs"]:
            text = "".join(output["text"] if "text" in output else output["data"]["text/plain"])
            parts.append(f"```text\n{text.rstrip()}\n```")
    return "\n\n".join(parts) + "\n"


def run_file(path: Path) -> dict[str, Any]:
    """`executed` for a notebook's file."""
    return executed(json.loads(path.read_text(encoding="utf-8")))
