"""SARIF logs: each object has exactly the keys that SARIF 2.1.0 allows, and each region points to the right place."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse

import polars as pl
import pytest
from commands import curate
from source_makers import image, write

ROOT = Path(__file__).resolve().parents[3]


# The part of the schema that we use -----------------------------------------------------------------------------------

Check = Callable[[Any, str], None]


def _is(kind: type, least: int | None = None, values: tuple[object, ...] = ()) -> Check:
    def check(value: Any, at: str) -> None:
        assert isinstance(value, kind), at
        assert not (kind is int and isinstance(value, bool)), at
        assert least is None or value >= least, at
        assert not values or value in values, at

    return check


def _list(of: Check, *, least: int = 0) -> Check:
    def check(value: Any, at: str) -> None:
        assert isinstance(value, list), at
        assert len(value) >= least, at
        for place, item in enumerate(value):
            of(item, f"{at}[{place}]")

    return check


def _object(required: dict[str, Check], optional: dict[str, Check] | None = None) -> Check:
    """A SARIF object: the schema forbids other properties nearly everywhere."""

    def check(value: Any, at: str) -> None:
        assert isinstance(value, dict), at
        known = {**required, **(optional or {})}
        assert required.keys() <= value.keys() <= known.keys(), (at, value.keys() ^ required.keys())
        for key, inner in value.items():
            known[key](inner, f"{at}.{key}")

    return check


def _bag(value: Any, at: str) -> None:
    assert isinstance(value, dict), at
    assert isinstance(value.get("tags", []), list), at


def _fingerprints(value: Any, at: str) -> None:
    assert value, at
    assert all(isinstance(text, str) for text in value.values()), at


TEXT, INDEX = _is(str), _is(int, 0)
LEVEL = _is(str, values=("none", "note", "warning", "error"))
MESSAGE = _object({"text": TEXT})
ARTIFACT_LOCATION = _object({}, {"uri": TEXT, "index": INDEX})
REGION_KEYS: dict[str, Check] = {
    **{key: _is(int, 1) for key in ("startLine", "startColumn", "endLine", "endColumn")},
    **dict.fromkeys(("charOffset", "charLength"), INDEX),
    "snippet": MESSAGE,
}
REGION = _object({}, REGION_KEYS)
PHYSICAL = _object({"artifactLocation": ARTIFACT_LOCATION}, {"region": REGION})
LOCATION = _object(
    {}, {"physicalLocation": PHYSICAL, "logicalLocations": _list(_object({"fullyQualifiedName": TEXT, "kind": TEXT}))}
)
REPLACEMENT = _object({"deletedRegion": REGION}, {"insertedContent": MESSAGE})
CHANGE = _object({"artifactLocation": ARTIFACT_LOCATION, "replacements": _list(REPLACEMENT, least=1)})
FIX = _object({"artifactChanges": _list(CHANGE, least=1)}, {"description": MESSAGE})
RESULT = _object(
    {"message": MESSAGE},
    {
        "ruleId": TEXT,
        "ruleIndex": INDEX,
        "level": LEVEL,
        "locations": _list(LOCATION),
        "fixes": _list(FIX),
        "partialFingerprints": _fingerprints,
        "properties": _bag,
    },
)
DESCRIPTOR = _object(
    {"id": TEXT},
    {
        "name": TEXT,
        "shortDescription": MESSAGE,
        "fullDescription": MESSAGE,
        "helpUri": TEXT,
        "properties": _bag,
        "help": _object({"text": TEXT}, {"markdown": TEXT}),
        "defaultConfiguration": _object({}, {"level": LEVEL}),
    },
)
DRIVER = _object({"name": TEXT}, {"version": TEXT, "informationUri": TEXT, "rules": _list(DESCRIPTOR)})
ARTIFACT = _object(
    {},
    {
        "location": ARTIFACT_LOCATION,
        "parentIndex": INDEX,
        "length": INDEX,
        "contents": MESSAGE,
        "description": MESSAGE,
    },
)
LOG = _object(
    {"version": _is(str, values=("2.1.0",)), "runs": _list(_object({"tool": _object({"driver": DRIVER})}, {
        "results": _list(RESULT), "artifacts": _list(ARTIFACT), "columnKind": _is(str, values=("unicodeCodePoints",)),
    }), least=1)},
    {"$schema": TEXT},
)  # fmt: skip


def checked(text: str, folder: Path) -> dict[str, Any]:
    """The run of a log, after checking every pointer and every region; relative URIs start at `folder`."""
    log = json.loads(text)
    LOG(log, "log")
    (run,) = log["runs"]
    rules = run["tool"]["driver"]["rules"]
    assert {rule["id"] for rule in rules} == {result["ruleId"] for result in run["results"]}
    artifacts = run["artifacts"]
    for artifact in artifacts:
        assert artifact.get("parentIndex", 0) < len(artifacts)
        assert ("location" in artifact) != ("contents" in artifact)
    for result in run["results"]:
        assert rules[result["ruleIndex"]]["id"] == result["ruleId"]
        for location in result["locations"]:
            if "physicalLocation" in location:
                _follow(location["physicalLocation"], artifacts, folder)
        for fix in result.get("fixes", []):
            (change,) = fix["artifactChanges"]
            assert change["artifactLocation"] == result["locations"][0]["physicalLocation"]["artifactLocation"]
    return run


def _text_of(location: dict[str, Any], artifacts: list[dict[str, Any]], folder: Path) -> str:
    artifact = artifacts[location["index"]]
    if "contents" in artifact:
        return artifact["contents"]["text"]
    assert artifact["location"]["uri"] == location["uri"]
    uri = urlparse(location["uri"])
    path = Path(unquote(uri.path)) if uri.scheme else folder / unquote(location["uri"])
    return path.read_bytes().decode("utf-8-sig")


def _follow(physical: dict[str, Any], artifacts: list[dict[str, Any]], folder: Path) -> None:
    region = physical.get("region")
    if region is None:
        return
    text = _text_of(physical["artifactLocation"], artifacts, folder)
    start, end = region["charOffset"], region["charOffset"] + region["charLength"]
    assert text[start:end] == region["snippet"]["text"]
    if "startLine" in region:
        lines = text.split("\n")
        assert sum(len(line) + 1 for line in lines[: region["startLine"] - 1]) + region["startColumn"] - 1 == start
        assert sum(len(line) + 1 for line in lines[: region["endLine"] - 1]) + region["endColumn"] - 1 == end


def fixed(run: dict[str, Any], folder: Path) -> dict[str, str]:
    """Every file (and embedded label) after the first fix of its results, each applied alone, by rule."""
    after = {}
    for result in run["results"]:
        for fix in result.get("fixes", []):
            (change,) = fix["artifactChanges"]
            (made,) = change["replacements"]
            text = _text_of(change["artifactLocation"], run["artifacts"], folder)
            region = made["deletedRegion"]
            end = region["charOffset"] + region["charLength"]
            after[result["ruleId"]] = text[: region["charOffset"]] + made["insertedContent"]["text"] + text[end:]
    return after


# Labels that are checked ----------------------------------------------------------------------------------------------


def test_check_points_into_the_file(tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "my labels.txt", "\ufeff$é$\nx ^ { 2 }\r\n\\frac{a}{𝔸\na &lt; b\n")
    assert curate("check", "my labels.txt", "--format", "sarif", "--fail-on", "error") == 1
    run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
    assert [artifact["location"]["uri"] for artifact in run["artifacts"]] == ["my%20labels.txt"]
    by_rule = {result["ruleId"]: result for result in run["results"]}
    brace = by_rule["SYN001"]["locations"][0]["physicalLocation"]["region"]
    assert (brace["startLine"], brace["startColumn"], brace["endColumn"]) == (3, 9, 10)
    assert by_rule["SYN001"]["level"] == "error"
    assert by_rule["ESC008"]["level"] == "warning"
    assert by_rule["CAN100"]["level"] == "note"
    assert fixed(run, tmp_path)["ESC008"].split("\n")[3] == "a < b"


def test_the_rules_that_fired_bring_their_help(capsysbinary):
    assert curate("check", "--latex", "x", "--select", "SYN", "--format", "sarif") == 0
    run = checked(capsysbinary.readouterr().out.decode(), Path())
    assert (run["results"], run["tool"]["driver"]["rules"]) == ([], [])
    assert curate("check", "--latex", "{", "--select", "SYN", "--format", "sarif") == 1
    (rule,) = checked(capsysbinary.readouterr().out.decode(), Path())["tool"]["driver"]["rules"]
    assert rule["id"] == "SYN001"
    page = urlparse(rule["helpUri"]).path.partition("/blob/main/")[2]
    assert (ROOT / page).is_file()
    assert rule["shortDescription"]["text"] == "unbalanced-brace"
    assert rule["defaultConfiguration"]["level"] == "error"
    assert "Fires on" in rule["help"]["text"]
    assert rule["help"]["markdown"].startswith("# SYN001")


def test_labels_without_a_file_are_in_the_log(capsysbinary):
    assert curate("check", "--latex", "x  y", "--latex", r"\frac{𝔸", "--format", "sarif") == 1
    run = checked(capsysbinary.readouterr().out.decode(), Path())
    assert [artifact["contents"]["text"] for artifact in run["artifacts"]] == ["x  y", r"\frac{𝔸"]
    assert fixed(run, Path())["WSP001"] == "x y"
    names = [result["locations"][0]["logicalLocations"][0]["fullyQualifiedName"] for result in run["results"]]
    assert set(names) == {"1", "2"}


def test_fingerprints_are_the_baselines_and_known_findings_are_left_out(tmp_path, capsysbinary):
    known = tmp_path / "known.json"
    assert (
        curate("check", "--latex", "x  y", "--latex", "a &lt; b", "--format", "sarif", "--write-baseline", known) == 1
    )
    run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
    held = json.loads(known.read_text())["known"]
    marks = {result["partialFingerprints"]["labelAndRule/v1"] for result in run["results"]}
    assert marks == {f"{subject}:{code}" for subject, codes in held.items() for code in codes}
    assert curate("check", "--latex", "x  y", "--latex", r"\foo", "--format", "sarif", "--baseline", known) == 1
    new = checked(capsysbinary.readouterr().out.decode(), tmp_path)["results"]
    assert "CMD001" in [result["ruleId"] for result in new]
    assert "WSP001" not in [result["ruleId"] for result in new]


def test_braces_in_messages_are_doubled_as_sarif_wants_them(capsysbinary):
    assert curate("check", "--latex", r"a { } ^ { 0 } ^ { 1 } \hspace { 1 c m }", "--format", "sarif") == 1
    run = checked(capsysbinary.readouterr().out.decode(), Path())
    messages = [result["message"]["text"] for result in run["results"]]
    assert any("{{" in text for text in messages)
    assert not any("{" in text.replace("{{", "") or "}" in text.replace("}}", "") for text in messages)


def test_what_looks_like_a_link_in_a_message_is_none(capsysbinary):
    assert curate("check", "--latex", r"\begin{[a](1)} x \end{[a](1)}", "--format", "sarif", "--select", "ENV,CMD") == 1
    run = checked(capsysbinary.readouterr().out.decode(), Path())
    assert any(r"\[a\](1)" in result["message"]["text"] for result in run["results"])


@pytest.mark.parametrize(
    ("name", "text", "after"),
    [
        ("l.jsonl", '{"id": 1, "latex": "\\u00e9 \\ud835\\udd38\\t \\\\frac 1  \\"2\\"  "}\n', None),
        ("l.jsonl", '\n{"formula": "é  y", "text": "z"}\n', '\n{"formula": "é y", "text": "z"}\n'),
    ],
)
def test_json_lines_are_pointed_into_too(tmp_path, capsysbinary, monkeypatch, name, text, after):
    monkeypatch.chdir(tmp_path)
    write(tmp_path / name, text)
    assert curate("check", name, "--format", "sarif", "--select", "WSP,ESC,SYN") == 0
    run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
    assert run["results"]
    for result in run["results"]:
        assert result["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] == name
    changed = fixed(run, tmp_path)
    assert all(json.loads(line) for new in changed.values() for line in new.splitlines() if line)
    assert after is None or changed["WSP001"] == after


# Runs -----------------------------------------------------------------------------------------------------------------

_SPOILED = 'a  "b", é \\foo'


def _source(folder: Path, form: str) -> Path:
    if form == "csv":
        return write(folder / "l.csv", 'id,label\n1,"a  ""b"", é \\foo"\n2,y\n')
    if form == "jsonl":
        return write(folder / "l.jsonl", json.dumps({"label": _SPOILED}) + "\n" + '{"label": "y"}\n')
    if form == "hme100k":
        return write(folder / "l.txt", f"1.jpg \t{_SPOILED}\n2.jpg\ty\n3.jpg\tz\n")
    if form == "im2latex":
        write(folder / "set" / "formulas.lst", f"y\n{_SPOILED}\n")
        write(folder / "set" / "train.lst", "1 img_b basic\n0 img_a basic\n")
        return folder / "set"
    if form == "mlhme38k":
        for stem, text in (("b", _SPOILED), ("a", "y")):
            write(folder / "set" / f"{stem}.txt", text)
            image(folder / "set" / f"{stem}.png")
        return folder / "set"
    pl.DataFrame({"label": [_SPOILED, "y"]}).write_parquet(folder / "l.parquet")
    return folder / "l.parquet"


@pytest.mark.parametrize("form", ["csv", "jsonl", "hme100k", "im2latex", "mlhme38k", "parquet"])
def test_runs_point_into_their_sources(form, tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = _source(tmp_path, form)
    assert curate("audit", f"{form}:{source}", "--no-images", "--out", tmp_path / "run") == 0
    capsysbinary.readouterr()
    assert curate("findings", tmp_path / "run", "--format", "sarif", "--select", "WSP001,CMD001") == 0
    run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
    assert {result["ruleId"] for result in run["results"]} == {"WSP001", "CMD001"}
    uris = {artifact["location"]["uri"] for artifact in run["artifacts"] if "location" in artifact}
    wanted = {"im2latex": "set/formulas.lst", "mlhme38k": "set/b.txt", "hme100k": "l.txt"}.get(form, f"l.{form}")
    assert uris == {wanted}
    embedded = [artifact for artifact in run["artifacts"] if "contents" in artifact]
    assert [artifact["contents"]["text"] for artifact in embedded] == ([_SPOILED] if form == "parquet" else [])
    snippets = {
        result["ruleId"]: result["locations"][0]["physicalLocation"]["region"]["snippet"]["text"]
        for result in run["results"]
    }
    assert snippets == {"WSP001": "  ", "CMD001": "\\\\foo" if form == "jsonl" else "\\foo"}


def test_a_source_that_changed_or_went_is_not_pointed_into(tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    source = write(tmp_path / "l.txt", "x  y\n")
    assert curate("audit", source, "--out", "run") == 0
    for change in (lambda: source.write_text("other\n"), source.unlink):
        change()
        capsysbinary.readouterr()
        assert curate("findings", "run", "--format", "sarif") == 0
        run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
        assert [artifact["contents"]["text"] for artifact in run["artifacts"] if "contents" in artifact] == ["x  y"]


def test_findings_of_a_run_as_text_and_jsonl(tmp_path, capsys):
    source = write(tmp_path / "l.txt", "x  y\n\\foo  z\nx ^ { 2 }\nx^2\n")
    assert curate("audit", source, "--out", tmp_path / "run") == 0
    capsys.readouterr()
    assert curate("findings", tmp_path / "run", "--severity", "error", "--fail-on", "error") == 1
    text = capsys.readouterr().out.splitlines()
    assert text == [
        "l/2:1: error CMD001 unknown-command: \\foo: unknown command \\foo",
        "1 sample with findings: 1 error, 0 warnings, 0 remarks",
    ]
    assert curate("findings", tmp_path / "run", "--select", "WSP", "--format", "jsonl", "--fail-on", "error") == 0
    rows = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [(row["id"], row["source"], [found["rule"] for found in row["findings"]]) for row in rows] == [
        (None, "l", ["WSP002"]),
        ("l/1", "l", ["WSP001"]),
        ("l/2", "l", ["WSP001"]),
    ]
    assert rows[1]["visual_key"]
    assert rows[2]["score"] < 1
    assert curate("findings", tmp_path / "run", "--select", "NOPE") == 2
    assert "no rule is called" in capsys.readouterr().err
    assert curate("findings", tmp_path) == 2


def test_findings_as_text_have_the_worst_and_most_frequent_first_and_say_what_is_left_out(tmp_path, capsys):
    labels = [r"\foo", "{", "x  y", *(f"{n}  {n}" for n in range(30)), "{ {", "a &lt; b", "{x"]
    source = write(tmp_path / "l.txt", "\n".join(labels) + "\n")
    assert curate("audit", source, "--out", tmp_path / "run") == 0

    def printed(*options: object) -> list[str]:
        capsys.readouterr()
        assert curate("findings", tmp_path / "run", "--select", "SYN001,CMD001,WSP001,ESC008", *options) == 0
        return capsys.readouterr().out.splitlines()

    *lines, totals = printed()
    codes = [line.split()[2] for line in lines if "more" not in line]
    assert codes == ["SYN001"] * 4 + ["CMD001", "ESC008"] + ["WSP001"] * 20
    assert lines[0].startswith("l/2:1: error SYN001")
    assert lines[-1] == "… 11 more remarks of WSP001 stray-space: --select WSP001 --limit 0 prints all"
    assert totals.endswith("5 errors, 1 warning, 31 remarks")
    assert len(printed("--limit", 0)) == 5 + 1 + 31 + 1
    assert [line for line in printed("--limit", 3) if line.startswith("…")] == [
        "… 1 more error of SYN001 unbalanced-brace: --select SYN001 --limit 0 prints all",
        "… 28 more remarks of WSP001 stray-space: --select WSP001 --limit 0 prints all",
    ]
    assert curate("findings", tmp_path / "run", "--limit", 3, "--format", "jsonl") == 2


@pytest.mark.shared_data
def test_real_files_are_pointed_into(shared_data, tmp_path, capsysbinary, monkeypatch):
    monkeypatch.chdir(tmp_path)
    names = ("crohme/2014/caption.txt", "crohme/crohme2023_val_captions.json", "im2latex/im2latex_validate.csv")
    sources = [shared_data / name for name in names]
    assert curate("audit", *sources, "--no-images", "--limit", 600, "--out", "run") == 0
    capsysbinary.readouterr()
    assert curate("findings", "run", "--format", "sarif") == 0
    run = checked(capsysbinary.readouterr().out.decode(), tmp_path)
    assert len(run["results"]) > 100
    assert not any("contents" in artifact for artifact in run["artifacts"])
