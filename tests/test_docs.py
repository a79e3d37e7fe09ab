"""The pages generated from the code are up to date, and their examples run. For links, see test_docs_links."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from curate.project import load_project
from curate.sources import FORMATS
from rules.registry import all_rules, tagged
from rules.vocabulary import RETIRED

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
_spec = importlib.util.spec_from_file_location("make_docs", DOCS / "make_docs.py")
assert _spec is not None
assert _spec.loader is not None
make_docs = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(make_docs)

MADE = make_docs.pages()
WRITTEN = sorted([ROOT / "README.md", ROOT / "CONTRIBUTING.md", *DOCS.glob("*.md"), *DOCS.glob("contributing/*.md")])
HINT = "run `make docs` and commit what it writes"
_FENCED = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
_TAG = re.compile(r"<(?!!--)[A-Za-z/][^>]*>")


@pytest.mark.parametrize("name", MADE)
def test_a_made_page_is_up_to_date(name: str) -> None:
    page = DOCS / name
    assert page.is_file(), HINT
    assert page.read_text(encoding="utf-8") == MADE[name], HINT


def test_no_page_of_a_rule_that_is_gone() -> None:
    assert {f"rules/{page.name}" for page in (DOCS / "rules").iterdir()} == {n for n in MADE if n.startswith("rules/")}


def test_the_width_of_the_terminal_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "41")
    assert make_docs.pages() == MADE


@pytest.mark.parametrize("name", [name for name in MADE if name.endswith(".md")])
def test_nothing_is_taken_for_html(name: str) -> None:
    """GitHub drops an unknown tag together with the words in it."""
    prose = re.sub(r"(`+).+?\1", "", _FENCED.sub("", MADE[name]))
    assert not _TAG.search(prose)


def test_every_command_is_in_the_readme() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    for program, group in make_docs.PROGRAMS:
        for command in group.all_commands:
            assert f"{program} {command}" in readme


def test_the_demo_prints_what_the_readme_says(tmp_path: Path) -> None:
    def lines(text: str) -> list[str]:
        text = re.sub(r"; .+, peak memory .+", "", text)
        return [line.rstrip() for line in text.splitlines() if line.strip(" …·")]

    def curate(*arguments: str) -> str:
        return subprocess.run(
            [sys.executable, "-c", "from curate.cli.main import main; main()", *arguments],
            cwd=tmp_path,
            env={**os.environ, "COLUMNS": "100"},
            capture_output=True,
            text=True,
            encoding="utf-8",
            check=True,
        ).stdout

    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (shown,) = re.findall(r"for the data of `make demo`.*?^```text\n(.*?)^```", readme, re.MULTILINE | re.DOTALL)
    printed = curate("demo")
    assert [line for line in lines(shown) if line not in lines(printed)] == []
    for command, output in re.findall(r"^```text\n\$ curate ([^\n]*)\n(.*?)^```", readme, re.MULTILINE | re.DOTALL):
        printed = curate(*shlex.split(command))
        assert [line for line in lines(output) if line not in lines(printed)] == []


def test_every_page_is_linked_from_the_readme_or_from_the_first_page() -> None:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    first = (DOCS / "index.md").read_text(encoding="utf-8")
    for page in DOCS.glob("*.md"):
        assert f"(docs/{page.name})" in readme or f"({page.name})" in first


def _blocks(language: str) -> list[tuple[str, str]]:
    fence = re.compile(rf"^```{language}\n(.*?)^```", re.MULTILINE | re.DOTALL)
    return [(page.name, block) for page in WRITTEN for block in fence.findall(page.read_text(encoding="utf-8"))]


#: plugin.md contains the pyproject.toml of a package; tests/test_plugins.py installs it.
_PROJECTS = [(page, block) for page, block in _blocks("toml") if page != "plugin.md"]


@pytest.mark.parametrize(("page", "block"), _PROJECTS)
def test_a_project_file_in_the_docs_can_be_read(page: str, block: str, tmp_path: Path) -> None:
    file = tmp_path / "texsieve.toml"
    file.write_text(block, encoding="utf-8")
    load_project(file)


#: The rule that the page on rules adds.
_INVENTED = {"WSP006"}


@pytest.mark.parametrize("page", WRITTEN, ids=lambda page: page.name)
def test_a_rule_in_the_docs_exists_and_has_that_name(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    rules = all_rules()
    known = {code[:3] for code in rules}
    codes = {code for code in re.findall(r"\b[A-Z]{3}\d{3}\b", text) if code[:3] in known}
    assert codes <= {*rules, *(gone.code for gone in RETIRED), *_INVENTED}
    named = re.findall(r"\b([A-Z]{3}\d{3})\]?(?:\([^)]*\))? ([a-z]+(?:-[a-z]+)+)\b", text)
    assert [(code, name) for code, name in named if code in rules and rules[code].name != name] == []


#: grpo.md trains a model; tests/finetune/test_rewards.py runs it on a toy. python.md is run as one program, below.
_PROGRAMS = [(page, block) for page, block in _blocks("python") if page not in ("grpo.md", "python.md")]


@pytest.mark.parametrize(("page", "block"), _PROGRAMS)
def test_python_in_the_docs_runs(page: str, block: str) -> None:
    exec(compile(block, page, "exec"), {})


def test_the_notebook_runs_and_its_outputs_are_up_to_date() -> None:
    for name, text in make_docs.notebook_pages().items():
        assert (DOCS / name).read_text(encoding="utf-8") == text, HINT


def test_every_source_format_has_its_section() -> None:
    page = MADE["data-formats.md"]
    for name, form in FORMATS.items():
        assert form.page in page
        assert f"\n### {name}\n" in page
        assert f"| [`{name}`](#{name}) | {form.shape} |" in page
    assert "{" not in re.sub(r"`[^`]*`", "", _FENCED.sub("", page)), "a placeholder nobody filled in"


def test_the_page_on_the_score_names_the_rules_that_declare_a_weight() -> None:
    page = (DOCS / "score.md").read_text(encoding="utf-8")
    nothing, little = re.split(
        r"weigh 0\.02", page.split("Two kinds of remark")[1].split("The weights are a choice")[0]
    )
    weighing = {code: rule.weight for code, rule in all_rules().items() if rule.weight is not None}
    for text, weight in ((nothing, 0.0), (little, 0.02)):
        told = set(re.findall(r"`([A-Z]{3}\d{3})`", text)) | (set(tagged("unscored")) if not weight else set())
        assert told == {code for code, own in weighing.items() if own == weight}
