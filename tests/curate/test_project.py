"""The project file: what it sets, and one clear line for every mistake in it."""

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


def test_pyproject_is_read_for_its_table_and_texsieve_toml_wins(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shared = tmp_path / "pyproject.toml"
    shared.write_text('[project]\nname = "x"\n[tool.ruff]\n')
    assert load_project() == Project()
    with pytest.raises(UserError, match=r"pyproject\.toml: has no table \[tool\.texsieve\]"):
        load_project(shared)
    shared.write_text('[tool.texsieve]\nprofile = "m2e"\nbaseline = "b"\n[tool.texsieve.export]\nfix = "safe"\n')
    found = load_project()
    assert (found.profile, found.export, found.baseline) == ("m2e", {"fix": "safe"}, Path("b"))
    assert (found.file, found.hidden) == ("pyproject.toml", "")
    assert load_project(shared).profile == "m2e"
    project(tmp_path, 'profile = "printed"\n')
    found = load_project()
    assert (found.profile, found.file, found.hidden) == ("printed", "texsieve.toml", "pyproject.toml's [tool.texsieve]")


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("profil = 'm2e'", "unknown key '[tool.texsieve] profil'; did you mean '[tool.texsieve] profile'?"),
        ("export.max_repeats = 0", "[tool.texsieve.export] max_repeats must be at least 1, not 0"),
        ("score.SYN999 = 0.5", "no rule is called 'SYN999'"),
    ],
)
def test_a_mistake_in_pyproject_names_its_table(tmp_path, text, says):
    path = tmp_path / "pyproject.toml"
    path.write_text(f"[tool.texsieve]\n{text}\n", encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_project(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert says in str(caught.value)


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
        ("profile = 3", "profile must be text, not 3"),
        ("select = 'SYN'", "select must be a list of texts, not 'SYN'"),
        ("select = [1]", "select must be a list of texts, not [1]"),
        ("[score]\nerror = 2", "[score] error must be from 0 to 1, not 2"),
        ("[score]\nerror = true", "[score] error must be a number, not True"),
        ("[score]\nSYN999 = 0.1", "no rule is called 'SYN999'"),
        ("[thresholds]\nnope = 1", "unknown key '[thresholds] nope'; known keys in thresholds: "),
        ("[options]\nSYN010 = 3", "[options] SYN010 must be a table, not 3"),
        ("[export]\nfixes = 'safe'", "unknown key '[export] fixes'; did you mean '[export] fix'?"),
        ("[thresholds]\nsmal = 1", "did you mean '[thresholds] small'?"),
        ("[thresholds]\nsmall = -1", "[thresholds] small must be at least 0, not -1"),
        ("[thresholds]\nbroken_fix = 2", "[thresholds] broken_fix must be from 0 to 1, not 2"),
        ("[options.SYN010]\nrun = 1\n[licences]\na = ' '", "[licences] a must be a licence's name"),
        ("[severity]\nSYN001 = 'bad'", "[severity] SYN001 must be one of error, warning, info, not 'bad'"),
        ("[fixes]\nSYN001 = 'sure'", "[fixes] SYN001 must be one of safe, unsafe, display, not 'sure'"),
        ("[export]\nmax_repeats = 0", "[export] max_repeats must be at least 1, not 0"),
        ("[export]\nsplits = { train = 'all' }", "[export.splits] train must be a number, not 'all'"),
        ("[export]\nsplits = { train = 0.5 }", "[export] the shares of the splits add up to 0.5"),
        ("baseline = 3", "baseline must be a path, not 3"),
        ("[suppress]\nx = 3", "x"),
        ("= 3", "not valid TOML"),
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
    )  # refuses unknown names
    make_options(found.export, {}, found.licences)
    written = tomllib.loads(example)
    keys = {item.name for item in fields(Project) if item.metadata.get("key", True)}
    assert set(written) == keys
    assert set(written["export"]) == {item.name for item in fields(ExportOptions)} - {"licences"}


def test_the_page_has_every_variable_of_the_environment():
    sources = [path for package in ("curate", "finetune", "rules") for path in (ROOT / package).rglob("*.py")]
    read = {name for path in sources for name in re.findall(r"TEXSIEVE_[A-Z_]+", path.read_text(encoding="utf-8"))}
    assert read == set(re.findall(r"TEXSIEVE_[A-Z_]+", PAGE))
