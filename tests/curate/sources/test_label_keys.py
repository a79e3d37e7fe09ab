"""All readers of JSON lines use the same field as the label: audit, check, fix, render and fine-tuning."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from source_makers import labels, read, write

from curate.base.column_names import LABEL_COLUMNS, Columns, find_column
from curate.findings.label_lines import places_in, read_labels
from curate.render import batch
from curate.sources.places.file_text import FileText
from curate.sources.places.json_labels import in_json


@pytest.mark.parametrize("first", range(len(LABEL_COLUMNS)))
@pytest.mark.parametrize("spell", [str, str.upper])
def test_the_first_of_the_names_is_the_label_everywhere(first: int, spell: type[str], tmp_path: Path) -> None:
    row = {"n": 1} | {spell(name): f"from {name}" for name in reversed(LABEL_COLUMNS[first:])}
    text = f"from {LABEL_COLUMNS[first]}"
    path = write(tmp_path / "x.jsonl", json.dumps(row) + "\n")
    assert labels(read(path)) == [text]
    assert read_labels(str(path))[1] == [text]
    assert [label for _, label in batch._from_file(path)] == [text]
    place = places_in(path, [text])[0]
    assert place.file.text[slice(*place.region(0, len(text)))] == text
    file = FileText.read(path)
    assert in_json(file, [(1, text, "new")], Columns()) == ["new"]
    assert json.loads(file.result()) == row | {spell(LABEL_COLUMNS[first]): "new"}


def test_another_case_counts_only_where_the_exact_spelling_is_absent() -> None:
    assert find_column(["LABEL", "label"], LABEL_COLUMNS) == "label"
    assert find_column(["Text", "LaTeX"], LABEL_COLUMNS) == "LaTeX"
    assert find_column(["note"], LABEL_COLUMNS) is None
