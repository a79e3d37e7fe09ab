"""Findings as SARIF 2.1.0, for code scanning services and editors. Judges nothing, and reads no files.

If the data set's own file is text and still contains the label, a result's location is the place in that file, to the
character. Otherwise (tables, hub ids, `--latex`) the label itself is an artifact of the log, with its text embedded,
and offsets count from its start. Offsets and columns are code points.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import quote

from curate import HOME, __version__
from curate.findings.locate import TextPlace
from rules.registry import Rule, all_rules, families

SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"
VERSION = "2.1.0"
_LEVEL = {"error": "error", "warning": "warning", "info": "note"}
#: In `partialFingerprints`: the key of a baseline, label hash and rule.
FINGERPRINT = "labelAndRule/v1"
#: What a viewer takes for a link in a message.
_LINK = re.compile(r"\[([^][]*)\](?=\()")


@dataclass(frozen=True)
class Result:
    """A finding and what it is about.

    `finding` has the keys of `rules.findings.SCHEMA` except row. `name` is the name of the sample or source. `label` is
    None if the finding isn't about one. `place` is the label's place in a text file and `file` the sample's file, if
    they are known. `subject` is as in a baseline.
    """

    finding: Mapping[str, Any]
    name: str
    label: str | None
    subject: str
    place: TextPlace | None = None
    file: Path | None = None


class _Artifacts:
    """The files and embedded labels that results point at, each once, by index."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.items: list[dict[str, Any]] = []
        self._index: dict[tuple[str, str], int] = {}

    def file(self, path: Path) -> dict[str, Any]:
        uri = _uri(path, self.folder)
        return {"uri": uri, "index": self._add(("file", uri), {"location": {"uri": uri}})}

    def label(self, name: str, label: str, file: Path | None) -> dict[str, Any]:
        item: dict[str, Any] = {
            "description": _message(f"the label {name}"),
            "length": len(label.encode("utf-8", "surrogatepass")),
            "contents": {"text": label},
        }
        if file is not None:
            item["parentIndex"] = self.file(file)["index"]
        return {"index": self._add(("label", f"{name}\0{label}"), item)}

    def _add(self, key: tuple[str, str], item: dict[str, Any]) -> int:
        if key not in self._index:
            self._index[key] = len(self.items)
            self.items.append(item)
        return self._index[key]


def _uri(path: Path, folder: Path) -> str:
    """Relative to `folder` if the file is in it, as services that know the repository expect; else absolute."""
    path = path.absolute()
    return quote(path.relative_to(folder).as_posix()) if path.is_relative_to(folder) else path.as_uri()


def log(results: Iterable[Result], folder: Path) -> Iterator[str]:
    """The log as pieces of text, one result per line, so that a large run isn't in memory twice.

    File URIs are relative to `folder`. The rules that results name are described after the results, when it is known
    which they are.
    """
    index: dict[str, int] = {}
    artifacts = _Artifacts(folder.absolute())
    yield f'{{"$schema": {json.dumps(SCHEMA)}, "version": "{VERSION}", "runs": [{{\n'
    yield '"columnKind": "unicodeCodePoints",\n"results": ['
    comma = ""
    for result in results:
        yield f"{comma}\n{json.dumps(_result(result, index, artifacts), ensure_ascii=False)}"
        comma = ","
    catalogue = all_rules()
    driver = {
        "name": "texsieve",
        "version": __version__,
        "informationUri": HOME,
        "rules": [_descriptor(catalogue[code]) for code in index],
    }
    yield f'\n],\n"tool": {{"driver": {json.dumps(driver, ensure_ascii=False)}}},\n'
    yield f'"artifacts": {json.dumps(artifacts.items, ensure_ascii=False)}\n}}]}}\n'


def _descriptor(rule: Rule) -> dict[str, Any]:
    from curate.findings.rulebook import explain_markdown, explain_text, page_of

    return {
        "id": rule.code,
        "name": "".join(part.capitalize() for part in rule.name.split("-")),
        "shortDescription": {"text": rule.name},
        "fullDescription": {"text": rule.doc.what or rule.name},
        "help": {"text": explain_text(rule), "markdown": explain_markdown(rule)},
        **({"helpUri": page} if (page := page_of(rule)) else {}),
        "defaultConfiguration": {"level": _LEVEL[rule.severity]},
        "properties": {"tags": [families()[rule.family]], **({"fixSafety": rule.fix} if rule.fix else {})},
    }


def _message(text: str) -> dict[str, str]:
    """A message. In SARIF a single brace begins an argument, and `[…](…)` is a link unless its brackets are escaped."""
    return {"text": _LINK.sub(r"\\[\1\\]", text.replace("{", "{{").replace("}", "}}"))}


def _result(result: Result, index: dict[str, int], artifacts: _Artifacts) -> dict[str, Any]:
    finding = result.finding
    code = finding["rule"]
    made: dict[str, Any] = {
        "ruleId": code,
        "ruleIndex": index.setdefault(code, len(index)),
        "level": _LEVEL[finding["severity"]],
        "message": _message(finding["message"]),
    }
    kind = "source" if result.label is None else "sample"
    location: dict[str, Any] = {"logicalLocations": [{"fullyQualifiedName": result.name, "kind": kind}]}
    start, end = finding["start"], finding["end"]
    whole = result.label is not None and start is None
    if whole and result.label is not None:
        start, end = 0, len(result.label)
    if result.label is not None:
        location["physicalLocation"] = _physical(result, start, end, artifacts)
    elif result.file is not None:
        location["physicalLocation"] = {"artifactLocation": artifacts.file(result.file)}
    made["locations"] = [location]
    made["partialFingerprints"] = {FINGERPRINT: f"{result.subject}:{code}"}
    replacement = None if whole else finding["replacement"]
    if replacement is not None and finding["fix"] is not None:
        made["properties"] = {"fixSafety": finding["fix"]}
        change = _change(result, location["physicalLocation"], replacement)
        if change is not None:
            made["fixes"] = [{"description": {"text": f"{finding['fix']} fix of {code}"}, "artifactChanges": [change]}]
    return made


def _physical(result: Result, start: int, end: int, artifacts: _Artifacts) -> dict[str, Any]:
    """The location of the characters `start` to `end` of the label."""
    label = result.label or ""
    region: dict[str, Any] = {}
    if result.place is None:
        artifact = artifacts.label(result.name, label, result.file)
    else:
        place = result.place
        artifact = artifacts.file(place.file.path)
        start, end = place.region(start, end)
        (line, column), (end_line, end_column) = place.line_and_column(start), place.line_and_column(end)
        region = {"startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column}
    offset = start - (result.place.bom if result.place else 0)
    region |= {"charOffset": offset, "charLength": end - start}
    text = result.place.file.text if result.place else label
    return {"artifactLocation": artifact, "region": region | {"snippet": {"text": text[start:end]}}}


def _change(result: Result, physical: Mapping[str, Any], replacement: str) -> dict[str, Any] | None:
    """The fix as a change of the file, or of the embedded label; None if it can't be written in the file."""
    text = replacement if result.place is None else result.place.spelled(replacement)
    if text is None:
        return None
    region = {key: value for key, value in physical["region"].items() if key != "snippet"}
    return {
        "artifactLocation": physical["artifactLocation"],
        "replacements": [{"deletedRegion": region, "insertedContent": {"text": text}}],
    }
