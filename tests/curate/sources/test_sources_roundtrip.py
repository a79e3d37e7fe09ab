"""Properties: what a standard writer writes is read back exactly; no bytes crash a reader."""

from __future__ import annotations

import csv
import io
import json
import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from source_makers import labels, read, write

from curate.base.errors import UserError
from curate.sources import FORMATS, parse_source, read_source

_CHARS = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
_PIECES = st.sampled_from(
    ["\\t", "\t", "\\n", "\\times", "\x0crac", "\rho", '"', '""', ",", " ", "\x85", "\u2028", "\\\\", "{", "α", "中"]
)
_LABEL = st.lists(st.one_of(_PIECES, st.text(_CHARS, max_size=4)), max_size=6).map("".join)
#: For formats with one row per line: no LF inside, no CR before the final LF, and not blank.
_LINE = _LABEL.map(lambda text: text.replace("\n", "").rstrip("\r")).filter(lambda text: text.strip() != "")
_EXAMPLES = settings(max_examples=150, deadline=None)


def _back(name: str, data: str | bytes) -> list[str]:
    with tempfile.TemporaryDirectory() as folder:
        format_name = {"txt": "text", "json": "jsonl"}.get(name.rpartition(".")[2], name.rpartition(".")[2])
        return labels(read(f"{format_name}:{write(Path(folder) / name, data)}"))


@_EXAMPLES
@given(st.lists(_LABEL, min_size=1, max_size=8), st.booleans())
def test_jsonl(texts: list[str], ascii_only: bool) -> None:
    lines = [json.dumps({"label": text, "n": at}, ensure_ascii=ascii_only) + "\n" for at, text in enumerate(texts)]
    assert _back("x.jsonl", "".join(lines)) == texts


@_EXAMPLES
@given(st.lists(_LABEL, min_size=1, max_size=8), st.sampled_from([None, 2]))
def test_json_array(texts: list[str], indent: int | None) -> None:
    assert _back("x.json", json.dumps(texts, indent=indent)) == texts
    assert _back("x.json", json.dumps([{"tex": text} for text in texts], indent=indent)) == texts


@_EXAMPLES
@given(st.lists(_LABEL, min_size=1, max_size=8), st.sampled_from(["\r\n", "\n"]), st.sampled_from([",", ";", "\t"]))
def test_csv_and_tsv(texts: list[str], end: str, delimiter: str) -> None:
    if end == "\n":  # the csv module leaves such a CR unquoted, so it looks like part of the line end
        texts = [text.replace("\r\n", "\n") for text in texts]
        texts = [text[:-1] if text.endswith("\r") else text for text in texts]
    out = io.StringIO(newline="")
    writer = csv.writer(out, delimiter=delimiter, lineterminator=end)
    writer.writerow(["id", "label"])
    writer.writerows([str(at), text] for at, text in enumerate(texts))
    assert _back("x.tsv" if delimiter == "\t" else "x.csv", out.getvalue()) == texts


@_EXAMPLES
@given(st.lists(_LINE, min_size=1, max_size=8), st.sampled_from(["\n", "\r\n"]), st.booleans())
def test_text(texts: list[str], end: str, last: bool) -> None:
    texts[0] = texts[0].removeprefix("\ufeff") or "x"  # it would be a byte order mark
    if texts[0].strip() == "":
        texts[0] = "x"
    assert _back("x.txt", end.join(texts) + (end if last else "")) == texts


@_EXAMPLES
@given(
    st.sampled_from(sorted(FORMATS)),
    st.binary(min_size=1, max_size=200),
    st.sampled_from(["", "a.png\t", '{"label": "', "label,image\n"]),
)
def test_any_bytes_give_a_source_or_one_line(name: str, data: bytes, start: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = write(Path(folder) / "x.txt", start.encode() + data)
        for text in (f"{name}:{path}", str(path)):
            try:
                source = read_source(parse_source(text))
            except UserError as error:
                assert "\n" not in str(error)  # noqa: PT017
            else:
                assert source.rows == source.frame.height + source.unreadable.total


def test_a_property_can_fail(tmp_path: Path) -> None:
    """If a writer of JSON escapes wrongly, the property fails: the label is not the intended one."""
    with pytest.raises(AssertionError):
        assert _back("x.jsonl", json.dumps({"label": "a\\tb"}).replace("\\\\", "\\")) == ["a\\tb"]
