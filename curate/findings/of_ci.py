"""Findings in the formats of CI services: GitHub's annotations, GitLab's code quality report, JUnit's XML.

- github: https://docs.github.com/actions/reference/workflow-commands-for-github-actions
- gitlab: https://docs.gitlab.com/ci/testing/code_quality/#code-quality-report-format
- junit: one test suite per file, one failure per error or warning
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any
from xml.sax.saxutils import escape, quoteattr

import polars as pl

from curate.base.tables import things
from curate.base.visible import visible
from curate.findings.baseline import subjects
from curate.findings.checking import CheckedLabels, finding_line

_GITHUB = {"error": "error", "warning": "warning", "info": "notice"}
_GITLAB = {"error": "major", "warning": "minor", "info": "info"}
_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def _title(row: Mapping[str, Any]) -> str:
    return f"{row['rule']} {row['name']}"


def _place(checked: CheckedLabels, row: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
    """As `CheckedLabels.place`, with file names as these services expect: from the working folder, without `./`."""
    file, line, column = checked.place(row)
    path, here = Path(file), Path.cwd()
    return (path.relative_to(here) if path.is_relative_to(here) else path).as_posix(), line, column


def as_github(checked: CheckedLabels) -> Iterator[str]:
    """One workflow command per finding."""
    for row in checked.findings.iter_rows(named=True):
        file, line, column = _place(checked, row)
        where = {"file": file, "line": line, "col": None if line is None else column, "title": _title(row)}
        told = ",".join(f"{key}={_property(str(value))}" for key, value in where.items() if value is not None)
        yield f"::{_GITHUB[row['severity']]} {told}::{_data(visible(row['message']))}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_gitlab(checked: CheckedLabels) -> Iterator[str]:
    """A JSON array with one object per finding."""
    items = []
    seen: dict[str, int] = {}
    rows = checked.findings.iter_rows(named=True)
    for row, subject in zip(rows, subjects(checked.findings), strict=True):
        file, line, column = _place(checked, row)
        base = f"{file}\0{subject}\0{row['rule']}\0{row['start']}"
        number = seen[base] = seen.get(base, 0) + 1  # the same label twice in a file
        items.append(
            {
                "description": f"{row['name']}: {row['message']}",
                "check_name": row["rule"],
                "fingerprint": hashlib.sha256(f"{base}\0{number}".encode("utf-8", "surrogatepass")).hexdigest(),
                "severity": _GITLAB[row["severity"]],
                "location": {
                    "path": file,
                    "positions": {"begin": {"line": line or 1, "column": column or 1}},
                },
            }
        )
    yield json.dumps(items, ensure_ascii=False, indent=1)


def as_junit(checked: CheckedLabels) -> Iterator[str]:
    """A test suite for every input, a test case for every label that fails, and one for those that don't."""
    by_input: dict[int, list[Mapping[str, Any]]] = {}
    told = checked.findings.filter(pl.col("severity") != "info")
    for row in told.iter_rows(named=True):
        by_input.setdefault(id(checked.inputs.of(row["at"])[0]), []).append(row)
    yield '<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="texsieve">'
    for item in checked.inputs.items:
        rows = by_input.get(id(item), [])
        labels: dict[int, list[Mapping[str, Any]]] = {}
        for finding in rows:
            labels.setdefault(finding["at"], []).append(finding)
        clean = len(item.labels) - len(labels)
        tests = len(labels) + (clean > 0)
        yield f"<testsuite name={_quoted(item.name)} tests={_quoted(tests)} failures={_quoted(len(labels))} errors='0'>"
        for mine in labels.values():
            file, line, _ = _place(checked, mine[0])
            yield f"<testcase name={_quoted(f'{file}:{line}')} classname={_quoted(item.name)} file={_quoted(file)}>"
            text = "\n".join(_line(checked, row) for row in mine)
            kind = _quoted(mine[0]["severity"])
            yield f"<failure message={_quoted(_title(mine[0]))} type={kind}>{_text(text)}</failure>"
            yield "</testcase>"
        if clean > 0:
            name = _quoted(f"{things(clean, 'label')} without errors or warnings")
            yield f"<testcase name={name} classname={_quoted(item.name)}/>"
        yield "</testsuite>"
    yield "</testsuites>"


def _line(checked: CheckedLabels, row: Mapping[str, Any]) -> str:
    where, column = checked.where(row)
    return finding_line(where, row["label"], row, column)


def _text(text: str) -> str:
    return escape(_NOT_XML.sub("\ufffd", text))


def _quoted(value: object) -> str:
    return quoteattr(_NOT_XML.sub("\ufffd", str(value)))


FORMATS: Mapping[str, Callable[[CheckedLabels], Iterator[str]]] = {
    "github": as_github,
    "gitlab": as_gitlab,
    "junit": as_junit,
}
