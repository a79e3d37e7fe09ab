"""The project file: what it sets, and that every mistake in it is one clear line."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest

import rules
from curate.base.errors import UserError
from curate.export.decide.options import ExportOptions, make_options
from curate.project import Project, load_project

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "docs" / "project-file.md").read_text(encoding="utf-8")


def project(tmp_path, text: str) -> Project:
    path = tmp_path / "texsieve.toml"
    path.write_text(text, encoding="utf-8")
    return load_project(path)


def test_no_file_means_defaults(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert load_project() == Project()


def test_the_file_of_the_working_folder_is_found(tmp_path, monkeypatch):
    project(tmp_path, 'profile = "m2e"\n')
    monkeypatch.chdir(tmp_path)
    assert load_project().profile == "m2e"


def test_everything_can_be_set(tmp_path):
    found = project(
        tmp_path,
        """
        sources = ["a.jsonl", "b=m2e:b.jsonl"]
        images = ["b=photos"]
        columns = ["a=label:tex"]
        select = ["SYN"]
        ignore = ["SYN016"]
        profile = "handwritten"
        [severity]
        SYN007 = "warning"
        [options.empty-cells]
        run = 9
        [score]
        error = 0.9
        SYN007 = 0.5
        [thresholds]
        small = 10
        """,
    )
    assert found.sources == ("a.jsonl", "b=m2e:b.jsonl")
    assert found.images == ("b=photos",)
    assert (found.select, found.ignore, found.profile) == (("SYN",), ("SYN016",), "handwritten")
    assert found.weights.error == 0.9
    assert found.weights.warning == rules.Weights().warning
    assert found.weights.rules["SYN007"] == 0.5
    assert found.weights.remarks == rules.Weights().remarks
    assert found.thresholds.small == 10
    ruleset = rules.select(found.select, found.ignore, options=found.options, severities=found.severity)
    assert ruleset.options == {"SYN010": {"run": 9}}
    assert ruleset.severities == {"SYN007": "warning"}


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profil = 'm2e'", "did you mean 'profile'"),
        ("profile = 3", "profile must be a str"),
        ("select = 'SYN'", "select must be a list"),
        ("select = [1]", "list of strings"),
        ("[score]\nerror = 2", "score.error = 2 is not a number from 0 to 1"),
        ("[score]\nerror = true", "is not a number"),
        ("[score]\nSYN999 = 0.1", "no rule is called 'SYN999'"),
        ("[thresholds]\nnope = 1", "unknown name 'nope'"),
        ("[options]\nSYN010 = 3", "must be a table"),
        ("[export]\nfixes = 'safe'", "export: unknown key 'fixes'; did you mean 'fix'?"),
        ("[export]\nsplits = { train = 0.5 }", "add up to 0.5"),
        ("= 3", "no valid TOML"),
    ],
)
def test_a_mistake_is_one_line_that_names_the_file(tmp_path, text, says):
    with pytest.raises(UserError) as caught:
        project(tmp_path, text)
    message = str(caught.value)
    assert says in message
    assert "texsieve.toml" in message
    assert "\n" not in message


def test_a_named_file_must_be_there(tmp_path):
    with pytest.raises(UserError, match="no such project file"):
        load_project(tmp_path / "none.toml")


def test_weights_outside_zero_and_one_are_refused():
    with pytest.raises(ValueError, match="weight of error"):
        rules.Weights(error=1.5)


def test_the_page_has_every_key_and_its_example_is_taken(tmp_path):
    (example,) = re.findall(r"^```toml\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
    found = project(tmp_path, example)
    rules.select(
        found.select, found.ignore, options=found.options, severities=found.severity, fixes=found.fixes
    )  # would refuse what isn't there
    make_options(found.export, {}, found.licences)
    written = tomllib.loads(example)
    keys = {item.name for item in fields(Project)} - {"weights"} | {"score"}
    assert set(written) == keys
    assert set(written["export"]) == {item.name for item in fields(ExportOptions)} - {"licences"}


def test_the_page_has_every_variable_of_the_environment():
    sources = [path for package in ("curate", "finetune", "rules") for path in (ROOT / package).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r"TEXSIEVE_[A-Z]+", path.read_text(encoding="utf-8"))}
    assert read == set(re.findall(r"TEXSIEVE_[A-Z]+", PAGE))
