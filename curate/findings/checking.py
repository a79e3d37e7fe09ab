"""`curate check`: labels in, findings out, no files written. Whole data sets are audited by `audit`."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.base.column_names import LABEL_COLUMNS, find_column
from curate.base.errors import UserError
from curate.base.tables import count
from curate.base.visible import visible
from curate.findings import baseline
from rules import Ruleset, engine
from rules.workers.spread import is_isolated, isolated

if TYPE_CHECKING:
    from curate.findings.locate import TextPlace

#: As JSON has it, so that whoever reads the answer finds their own rows in it.
Id = str | int

#: How a JSON object begins that goes on to be no JSON: better an error than a label nobody wrote.
_BROKEN_ROW = re.compile(r'\s*\{\s*"\w+"\s*:')
#: What the JSON formats say of a finding.
FINDING_KEYS = ("rule", "name", "severity", "start", "end", "message", "fix", "replacement")
#: Labels up to this number, length and depth of nesting are judged in the command's own process.
_FEW, _PLAIN_LENGTH, _PLAIN_DEPTH = 200, 500, 40


@dataclass(frozen=True)
class CheckedLabels:
    """Labels as given, their ids, and what the rules say of them."""

    ids: Sequence[Id]
    labels: Sequence[str]
    judged: pl.DataFrame
    #: What is reported, and what a baseline knows; both with a column `at`, the label's place.
    findings: pl.DataFrame
    suppressed: pl.DataFrame

    def severities(self) -> dict[str, int]:
        return dict(self.findings.group_by("severity").len().iter_rows())


def given_labels(texts: Sequence[str]) -> tuple[list[Id], list[str]]:
    """(ids, labels) of labels given as arguments. Raises UserError where one is no UTF-8."""
    for number, text in enumerate(texts, 1):
        _check_unicode(text, f"--latex: label {number}")
    return [str(number) for number in range(1, len(texts) + 1)], list(texts)


def read_labels(place: str) -> tuple[list[Id], list[str]]:
    """(ids, labels) of a file or, for `-`, of standard input: one label a line, or JSON lines with a label under one of
    LABEL_COLUMNS and an `id`.

    Without an id a label has the number of its line, from 1, as a string. Raises UserError, naming the line, where a
    line is no UTF-8 or, among JSON lines, no such object.
    """
    name = "standard input" if place == "-" else place
    lines = _bytes(place).removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if not lines[-1].strip():
        lines.pop()
    texts = []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: line {number} is not valid UTF-8 (byte {error.start + 1})") from error
    if _is_row(next((text for text in texts if text.strip()), "")):
        return _json_rows(name, texts)
    return [str(number) for number in range(1, len(texts) + 1)], texts


def _bytes(place: str) -> bytes:
    if place == "-":
        if sys.stdin is None:
            raise UserError("standard input is closed; name a file, or give a label with --latex")
        return sys.stdin.buffer.read()
    path = Path(place)
    if path.is_dir():
        raise UserError(f"{place}: is a folder; curate check reads one file, curate audit reads data sets")
    if not path.exists():
        raise UserError(f"{place}: no such file; a label itself is given with --latex")
    return path.read_bytes()


def _is_row(text: str) -> bool:
    """Is this a JSON object? `{}` is a label: an empty group."""
    try:
        row = json.loads(text)
    except (ValueError, RecursionError):
        return _BROKEN_ROW.match(text) is not None
    return isinstance(row, dict) and bool(row)


def _json_rows(name: str, texts: Sequence[str]) -> tuple[list[Id], list[str]]:
    ids: list[Id] = []
    labels: list[str] = []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        place = f"{name}: line {number}"
        try:
            row = json.loads(text)
        except json.JSONDecodeError as error:
            raise UserError(f"{place} is no JSON: {error.msg} at column {error.colno}") from error
        except (ValueError, RecursionError) as error:
            raise UserError(f"{place} is no JSON that can be read: {error}") from error
        label = row.get(find_column(list(row), LABEL_COLUMNS)) if isinstance(row, dict) else None
        if not isinstance(label, str):
            raise UserError(f"{place} has no string under {', '.join(LABEL_COLUMNS[:-1])} or {LABEL_COLUMNS[-1]}")
        identity = row.get("id")
        if identity is None:
            identity = str(number)
        if isinstance(identity, bool) or not isinstance(identity, str | int):
            raise UserError(f"{place}: its id is neither a string nor a whole number")
        _check_unicode(label, place)
        _check_unicode(str(identity), place)
        labels.append(label)
        ids.append(identity)
    return ids, labels


def _check_unicode(text: str, place: str) -> None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise UserError(f"{place} holds what is no character at {error.start + 1}: half a surrogate pair") from error


def _few_and_plain(labels: Sequence[str]) -> bool:
    """Is it safe enough to judge the labels in this process?

    A helper imports all that this process has, which takes as long again: for an editor or a hook, that checks a few
    labels, the command would take nearly twice as long. What breaks native code is long, or deeply nested.
    """
    return len(labels) <= _FEW and all(
        len(label) <= _PLAIN_LENGTH and sum(map(label.count, ("{", r"\left", r"\begin"))) <= _PLAIN_DEPTH
        for label in labels
    )


def check(
    ids: Sequence[Id], labels: Sequence[str], ruleset: Ruleset, *, known: pl.DataFrame | None = None
) -> CheckedLabels:
    """Judge labels in their order. `known` findings, as `curate.findings.baseline` has them, are put apart."""
    distinct = list(dict.fromkeys(labels))
    with isolated(is_isolated() and not _few_and_plain(distinct)):
        judged = engine.judge(distinct, ruleset, check_fixes=True)
    rows = pl.DataFrame({"label": labels}, schema={"label": pl.String}).with_row_index("at")
    placed = rows.join(judged.labels.with_row_index("row"), on="label", how="left", maintain_order="left")
    findings = placed.select("at", "row", "label").join(
        judged.findings, on="row", how="inner", maintain_order="left_right"
    )
    new, old = (findings, findings.clear()) if known is None else baseline.split(findings, known)
    return CheckedLabels(ids, labels, placed, new, old)


def as_jsonl(checked: CheckedLabels) -> Iterator[str]:
    """The contract's line a label: id, score, canonical, visual_key, findings."""
    found: dict[int, list[dict[str, object]]] = {}
    for row in checked.findings.iter_rows(named=True):
        found.setdefault(row["at"], []).append({key: row[key] for key in FINDING_KEYS})
    for row, identity in zip(checked.judged.iter_rows(named=True), checked.ids, strict=True):
        yield json.dumps(
            {
                "id": identity,
                "score": row["score"],
                "canonical": row["canonical"],
                "visual_key": row["visual_key"],
                "findings": found.get(row["at"], []),
            },
            ensure_ascii=False,
        )


def as_text(checked: CheckedLabels, name: str) -> Iterator[str]:
    """One line a finding, as compilers print them, then the totals. Columns count code points from 1."""
    for row in checked.findings.iter_rows(named=True):
        yield finding_line(f"{name}:{checked.ids[row['at']]}", row["label"], row)
    known = f"; {_counted(checked.suppressed.height, 'known finding')} not shown" if checked.suppressed.height else ""
    yield totals_line(len(checked.labels), checked.severities(), "label") + known


def finding_line(where: str, label: str, row: Mapping[str, Any]) -> str:
    """A finding as compilers print them. `row` has the keys of FINDING_KEYS."""
    column = "" if row["start"] is None else f":{row['start'] + 1}"
    span = "" if row["start"] is None else _clip(label[row["start"] : row["end"]])
    fix = f" [{row['fix']} fix: {_clip(row['replacement']) or 'drop it'}]" if row["replacement"] is not None else ""
    at = f"{visible(span)}: " if span else ""
    return (
        f"{visible(where)}{column}: {row['severity']} {row['rule']} {row['name']}: "
        f"{at}{visible(row['message'])}{visible(fix)}"
    )


def totals_line(number: int, levels: Mapping[str, int], one: str, many: str | None = None) -> str:
    """How many things there are, and the findings by severity."""
    words = (("error", "error"), ("warning", "warning"), ("info", "remark"))
    totals = ", ".join(_counted(levels.get(severity, 0), word) for severity, word in words)
    return f"{count(number)} {one if number == 1 else many or one + 's'}: {totals}"


def as_sarif(checked: CheckedLabels, file: str | None, codes: Sequence[str], folder: Path) -> Iterator[str]:
    """A SARIF log. `file` is what the labels were read from, None for standard input and labels given as text."""
    from curate.findings import sarif  # it knows every source format, which `check` needn't load to print text

    held = {} if file is None else places_in(Path(file), checked.labels)
    keys = baseline.subjects(checked.findings)
    results = (
        sarif.Result(row, str(checked.ids[row["at"]]), row["label"], subject, held.get(row["at"]))
        for row, subject in zip(checked.findings.iter_rows(named=True), keys, strict=True)
    )
    return sarif.log(results, codes, folder)


def places_in(path: Path, labels: Sequence[str]) -> dict[int, TextPlace]:
    """Where the labels that `read_labels` read stand in their file, by their order."""
    from curate.findings.locate import located

    texts = path.read_bytes().decode("utf-8", "surrogateescape").removeprefix("\ufeff").split("\n")
    first = next((text for text in texts if text.strip()), "")
    is_json = _is_row(first)
    lines = [number for number, text in enumerate(texts, 1) if text.strip() or not is_json]
    key = find_column(list(json.loads(first)), LABEL_COLUMNS) if is_json else None
    columns = {"label": key} if key is not None else {}
    return located(path, "jsonl" if is_json else "text", lines[: len(labels)], labels, columns)


def _counted(number: int, word: str) -> str:
    return f"{count(number)} {word}{'' if number == 1 else 's'}"


def _clip(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
