"""`curate check`: labels in, findings out, no files written. Whole data sets are audited by `audit`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from curate.errors import UserError
from curate.tables import count
from curate.visible import visible
from rules import Ruleset, engine

_LABEL_KEYS = ("latex", "label", "tex", "formula", "text")


@dataclass(frozen=True)
class Checked:
    """Labels as given, their ids, and what the rules say of them."""

    ids: Sequence[str]
    labels: Sequence[str]
    judged: pl.DataFrame
    findings: pl.DataFrame

    def severities(self) -> dict[str, int]:
        return dict(self.findings.group_by("severity").len().iter_rows())


def read_labels(place: str) -> tuple[list[str], list[str]]:
    """(ids, labels) of a file or, for `-`, of standard input: one label a line, or JSON lines with `latex` and `id`.

    Raises UserError, naming the line, where a line is no UTF-8 or, among JSON lines, no such object.
    """
    name = "standard input" if place == "-" else place
    if place == "-":
        data = sys.stdin.buffer.read()
    else:
        path = Path(place)
        if path.is_dir():
            raise UserError(f"{place}: is a folder; curate check reads one file, curate audit reads data sets")
        if not path.exists():
            raise UserError(f"{place}: no such file; a label itself is given with --latex")
        data = path.read_bytes()
    lines = data.removeprefix(b"\xef\xbb\xbf").split(b"\n")
    if lines and not lines[-1].strip():
        lines.pop()
    texts = []
    for number, line in enumerate(lines, 1):
        try:
            texts.append(line.removesuffix(b"\r").decode("utf-8"))
        except UnicodeDecodeError as error:
            raise UserError(f"{name}: line {number} is not valid UTF-8 (byte {error.start + 1})") from error
    if any(_is_row(text) for text in texts[:1]):
        return _json_rows(name, texts)
    return [str(number) for number in range(1, len(texts) + 1)], texts


def _is_row(text: str) -> bool:
    try:
        row = json.loads(text)
    except ValueError:
        return False
    return isinstance(row, dict) and any(key in row for key in _LABEL_KEYS)


def _json_rows(name: str, texts: Sequence[str]) -> tuple[list[str], list[str]]:
    ids, labels = [], []
    for number, text in enumerate(texts, 1):
        if not text.strip():
            continue
        try:
            row = json.loads(text)
        except ValueError as error:
            raise UserError(f"{name}: line {number} is no JSON: {error}") from error
        label = next((row[key] for key in _LABEL_KEYS if key in row), None) if isinstance(row, dict) else None
        if not isinstance(label, str):
            raise UserError(f"{name}: line {number} has no string under {' or '.join(_LABEL_KEYS)}")
        labels.append(label)
        ids.append(str(row.get("id", number)))
    return ids, labels


def check(ids: Sequence[str], labels: Sequence[str], ruleset: Ruleset) -> Checked:
    """Judge labels in their order."""
    distinct = list(dict.fromkeys(labels))
    judged = engine.judge(distinct, ruleset)
    rows = pl.DataFrame({"label": labels}, schema={"label": pl.String}).with_row_index("at")
    placed = rows.join(judged.labels.with_row_index("row"), on="label", how="left", maintain_order="left")
    findings = placed.select("at", "row").join(judged.findings, on="row", how="inner", maintain_order="left_right")
    return Checked(ids, labels, placed, findings)


def as_jsonl(checked: Checked) -> Iterator[str]:
    """The contract's line a label: id, score, canonical, visual_key, findings."""
    found: dict[int, list[dict[str, object]]] = {}
    for row in checked.findings.iter_rows(named=True):
        found.setdefault(row["at"], []).append(
            {key: row[key] for key in ("rule", "name", "severity", "start", "end", "message", "fix", "replacement")}
        )
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


def as_text(checked: Checked, name: str) -> Iterator[str]:
    """One line a finding, as compilers print them, then the totals. Columns count code points from 1."""
    for row in checked.findings.iter_rows(named=True):
        label = checked.labels[row["at"]]
        column = "" if row["start"] is None else f":{row['start'] + 1}"
        span = "" if row["start"] is None else _clip(label[row["start"] : row["end"]])
        fix = f" [{row['fix']} fix: {_clip(row['replacement']) or 'drop it'}]" if row["replacement"] is not None else ""
        at = f"{visible(span)}: " if span else ""
        yield (
            f"{name}:{checked.ids[row['at']]}{column}: {row['severity']} {row['rule']} {row['name']}: "
            f"{at}{visible(row['message'])}{visible(fix)}"
        )
    levels = checked.severities()
    numbers = ", ".join(f"{count(levels.get(s, 0))} {s}{'s' if levels.get(s, 0) != 1 else ''}" for s in ("error", "warning"))
    labels = len(checked.labels)
    yield f"{count(labels)} label{'s' if labels != 1 else ''}: {numbers}, {count(levels.get('info', 0))} remarks"


def _clip(text: str, most: int = 40) -> str:
    return text if len(text) <= most else f"{text[: most - 1]}…"
