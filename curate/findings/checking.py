"""`curate check`: labels in, findings out, no files written. Whole data sets are audited by `audit`."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.base.colour import COLOURS, Paint, plain
from curate.base.tables import count, things
from curate.base.visible import clip, visible
from curate.findings import baseline, in_documents
from curate.findings.inputs import Input, Inputs
from rules import Ruleset, engine
from rules.registry import all_rules
from rules.score import scores
from rules.workers.spread import is_isolated, isolated

if TYPE_CHECKING:
    from curate.findings.locate import TextPlace

#: The keys of a finding in the JSON formats.
FINDING_KEYS = ("rule", "name", "severity", "start", "end", "message", "fix", "replacement")
#: What findings of each severity are called in counts.
WORDS = {"error": "error", "warning": "warning", "info": "remark"}
#: Up to this number, length and nesting depth, labels are judged in the command's own process.
_FEW, _PLAIN_LENGTH, _PLAIN_DEPTH = 200, 500, 40
#: Characters of a label that a line about a finding quotes.
_SHOWN = 40


@dataclass(frozen=True)
class CheckedLabels:
    """Labels as given, and their findings."""

    inputs: Inputs
    judged: pl.DataFrame
    #: New findings, and those that a baseline knows; both with a column `at`, the label's place.
    findings: pl.DataFrame
    suppressed: pl.DataFrame

    def severities(self) -> dict[str, int]:
        return dict(self.findings.group_by("severity").len().iter_rows())

    @cached_property
    def places(self) -> dict[int, TextPlace]:
        """The places of labels with findings in text files."""
        return self.inputs.places(self.findings["at"].to_list())

    def where(self, row: Mapping[str, Any]) -> tuple[str, int | None]:
        """(file and line, or another name of the label; column) of a finding. Columns count code points from 1."""
        item, number = self.inputs.of(row["at"])
        column = None if row["start"] is None else row["start"] + 1
        if item.source is None:
            return f"{item.name}:{item.ids[number]}", column
        file, line, column = self.place(row)
        return f"{file}:{line}", column

    def place(self, row: Mapping[str, Any]) -> tuple[str, int | None, int | None]:
        """(file, or another name of the input; line; column) of a finding, the last two from 1 if they are known.

        If the label isn't in a text file (but in a table), the column is that in the label, and the line is the row.
        """
        item, number = self.inputs.of(row["at"])
        file, line = item.file_and_line(number)
        place = self.places.get(row["at"])
        if place is not None:
            start = row["start"] or 0
            return file or item.name, *place.line_and_column(place.region(start, start)[0])
        return file or item.name, line, None if row["start"] is None else row["start"] + 1


def _few_and_plain(labels: Sequence[str]) -> bool:
    """Whether it is safe enough to judge the labels in this process.

    A helper imports everything again, so that a command for a few labels, from an editor or a hook, would take nearly
    twice as long. Labels that break native code are long or deeply nested.
    """
    return len(labels) <= _FEW and all(
        len(label) <= _PLAIN_LENGTH and sum(map(label.count, ("{", r"\left", r"\begin"))) <= _PLAIN_DEPTH
        for label in labels
    )


def check(inputs: Inputs, ruleset: Ruleset, *, known: pl.DataFrame | None = None, workers: int = 1) -> CheckedLabels:
    """Judge labels in their order. `known` findings, as from `curate.findings.baseline`, are kept apart."""
    labels = inputs.labels
    distinct = list(dict.fromkeys(labels))
    with isolated(is_isolated() and not _few_and_plain(distinct)):
        judged = engine.judge(distinct, ruleset, check_fixes=True, workers=workers)
    rows = pl.DataFrame({"label": labels}, schema={"label": pl.String}).with_row_index("at")
    placed = rows.join(judged.labels.with_row_index("row"), on="label", how="left", maintain_order="left")
    findings = placed.select("at", "row", "label").join(
        judged.findings, on="row", how="inner", maintain_order="left_right"
    )
    if any(item.source is not None and item.is_document for item in inputs.items):
        placed, findings = _in_documents(placed, findings, inputs)
    new, old = (findings, findings.clear()) if known is None else baseline.split(findings, known)
    return CheckedLabels(inputs, placed, new, old)


def _in_documents(placed: pl.DataFrame, findings: pl.DataFrame, inputs: Inputs) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Labels with their scores, and findings; formulas in documents are judged as such."""
    context = pl.DataFrame(
        {
            "macros": [name for item in inputs.items for name in item.macros()],
            "is_formula": [item.is_document for item in inputs.items for _ in item.labels],
            "is_latex": [held for item in inputs.items for held in item.in_latex()],
        },
        schema={"macros": pl.String, "is_formula": pl.Boolean, "is_latex": pl.Boolean},
    ).with_row_index("at")
    found = findings.join(context, on="at", how="left", maintain_order="left")
    formulas = in_documents.of_formulas(found.filter("is_formula"))
    formulas = in_documents.with_packages(in_documents.with_own_macros(formulas))
    found = pl.concat([found.filter(~pl.col("is_formula")), formulas.select(found.columns)]).sort(
        "at", maintain_order=True
    )
    again = scores(formulas, "at").rename({"score": "again"})
    placed = placed.join(context, on="at", maintain_order="left").join(
        again, on="at", how="left", maintain_order="left"
    )
    judged = pl.col("is_formula") & pl.col("score").is_not_null()
    placed = placed.with_columns(score=pl.when(judged).then(pl.col("again").fill_null(1.0)).otherwise("score"))
    return placed.drop(*context.columns[1:], "again"), found.drop(context.columns[1:])


def as_jsonl(checked: CheckedLabels) -> Iterator[str]:
    """One line per label, as documented: id, score, canonical, visual_key, findings.

    If there are several inputs, or one that is not a file of lines, also `file` and `line`.
    """
    found: dict[int, list[dict[str, object]]] = {}
    for row in checked.findings.iter_rows(named=True):
        found.setdefault(row["at"], []).append({key: row[key] for key in FINDING_KEYS})
    items = checked.inputs.items
    placed = len(items) > 1 or any(item.source is not None for item in items)
    for row, identity in zip(checked.judged.iter_rows(named=True), checked.inputs.ids, strict=True):
        line: dict[str, object] = {"id": identity}
        if placed:
            item, number = checked.inputs.of(row["at"])
            line["file"], line["line"] = item.file_and_line(number)
        line |= {key: row[key] for key in ("score", "canonical", "visual_key")}
        yield json.dumps(line | {"findings": found.get(row["at"], [])}, ensure_ascii=False)


def as_text(checked: CheckedLabels, paint: Paint = plain) -> Iterator[str]:
    """One line per finding, as compilers print them, then the totals. Columns count code points from 1."""
    for row in checked.findings.iter_rows(named=True):
        where, column = checked.where(row)
        yield finding_line(where, row["label"], row, column, paint)
    known = f"; {things(checked.suppressed.height, 'known finding')} not shown" if checked.suppressed.height else ""
    files = len(checked.inputs.items)
    among = f" in {count(files)} files" if files > 1 else ""
    number = checked.judged.height
    label = "label" if number == 1 else "labels"
    yield totals_line(number, checked.severities(), f"{label}{among}", f"{label}{among}") + known


def finding_line(
    where: str, label: str, row: Mapping[str, Any], column: int | None = None, paint: Paint = plain
) -> str:
    """A finding as compilers print them. `row` has the keys of FINDING_KEYS; `column` is by default the label's."""
    if column is None and row["start"] is not None:
        column = row["start"] + 1
    span = "" if row["start"] is None else clip(label[row["start"] : row["end"]], _SHOWN)
    fix = ""
    if row["replacement"] is not None:
        fix = f" [{row['fix']} {_style_of(row['rule'])}fix: {clip(row['replacement'], _SHOWN) or 'drop it'}]"
    at = f"{visible(span)}: " if span else ""
    severity = paint(row["severity"], COLOURS[row["severity"]])
    return (
        f"{visible(where)}{'' if column is None else f':{column}'}: {severity} {row['rule']} {row['name']}: "
        f"{at}{visible(row['message'])}{visible(fix)}"
    )


def _style_of(code: str) -> str:
    """`style ` if the rule's fix only spells a correct label another way, "" if it repairs something."""
    rule = all_rules().get(code)
    return "style " if rule is not None and rule.fix_kind == "style" else ""


def totals_line(number: int, levels: Mapping[str, int], one: str, many: str | None = None) -> str:
    """The number of things, and the findings by severity."""
    totals = ", ".join(things(levels.get(severity, 0), word) for severity, word in WORDS.items())
    return f"{count(number)} {one if number == 1 else many or one + 's'}: {totals}"


def as_sarif(checked: CheckedLabels, folder: Path) -> Iterator[str]:
    """A SARIF log; file names are relative to `folder` if possible."""
    from curate.findings import sarif  # it knows every source format, which `check` needn't load to print text

    keys = baseline.subjects(checked.findings)

    def results() -> Iterator[sarif.Result]:
        for row, subject in zip(checked.findings.iter_rows(named=True), keys, strict=True):
            item, number = checked.inputs.of(row["at"])
            file = None if item.source is None else item.file_and_line(number)[0]
            yield sarif.Result(
                row,
                _sample_name(item, number),
                row["label"],
                subject,
                checked.places.get(row["at"]),
                None if file is None else Path(file),
            )

    return sarif.log(results(), folder)


def _sample_name(item: Input, number: int) -> str:
    return str(item.ids[number]) if item.source is None else f"{item.source.name}/{item.ids[number]}"
