"""Links in the pages lead to files and headings that exist, and commands in them use options that exist."""

from __future__ import annotations

import importlib.util
import os
import re
import shlex
from functools import cache
from pathlib import Path

import click
import pytest

from curate.cli.main import main_group as curate_commands
from finetune.cli.main import main_group as finetune_commands

ROOT = Path(__file__).resolve().parents[1]
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for page in ROOT.glob("docs/**/*.md") if page.parent.name != "templates"),
    ]
)
PROGRAMS = {"curate": curate_commands, "finetune": finetune_commands}
_FENCED = re.compile(r"^( *)(```+).*?^\1\2", re.MULTILINE | re.DOTALL)
_CODE = re.compile(r"(`+).+?\1", re.DOTALL)
_LINK = re.compile(r"\]\(([^)\s]+)\)")
_SHELL = re.compile(r"^```(?:sh|bash|console)\n(.*?)^```", re.MULTILINE | re.DOTALL)


def name(page: Path) -> str:
    return page.relative_to(ROOT).as_posix()


@cache
def anchors(page: Path) -> set[str]:
    """The anchors of a page's headings, as GitHub and the site create them."""
    found: dict[str, int] = {}
    text = _FENCED.sub("", page.read_text(encoding="utf-8"))
    for title in re.findall(r"^#{1,6} (.+?)\s*$", text, re.MULTILINE):
        shown = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", title).replace("`", "")
        slug = re.sub(r"[^\w\- ]", "", shown.lower()).replace(" ", "-")
        number = found[slug] = found.get(slug, -1) + 1
        if number:
            found[f"{slug}-{number}"] = 0
    return set(found)


def astray(page: Path) -> list[str]:
    """The broken links of a page, to other pages and to headings."""
    wrong = []
    text = _CODE.sub("x", _FENCED.sub("", page.read_text(encoding="utf-8")))
    for link in _LINK.findall(text):
        path, _, anchor = link.partition("#")
        if link.startswith(("http://", "https://", "mailto:")):
            continue
        target = Path(os.path.normpath(page.parent / path)) if path else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target)):
            wrong.append(link)
    return wrong


@pytest.mark.parametrize("page", PAGES, ids=name)
def test_links_lead_to_a_file_and_to_a_heading_of_it(page: Path) -> None:
    assert astray(page) == []


def test_a_link_that_leads_nowhere_is_found(tmp_path: Path) -> None:
    other = tmp_path / "other.md"
    other.write_text("# A `b` [c](d)\n\n## Twice\n\n## Twice\n", encoding="utf-8")
    page = tmp_path / "page.md"
    right = "[x](other.md#a-b-c) [`x`](other.md#twice-1) [x](https://a.b) `[x](code)`"
    page.write_text(f"{right} [x](other.md#twice-2) [x](gone.md) [x](#nowhere)\n", encoding="utf-8")
    assert astray(page) == ["other.md#twice-2", "gone.md", "#nowhere"]


def test_the_site_has_every_page_and_its_links_out_of_docs_lead_to_the_repository() -> None:
    spec = importlib.util.spec_from_file_location("site_conf", ROOT / "docs/conf.py")
    assert spec is not None
    assert spec.loader is not None
    conf = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(conf)
    listed = re.findall(r"^([\w/-]+)$", conf._added("index"), re.MULTILINE)
    assert sorted(listed) == sorted(set(listed))
    assert all((ROOT / "docs" / f"{page}.md").is_file() for page in listed)
    pages = {
        name(page).removeprefix("docs/").removesuffix(".md") for page in PAGES if page.is_relative_to(ROOT / "docs")
    }
    assert {page for page in pages if not page.startswith("rules/")} - {"index"} == {*listed} - {"rules/README"}
    source = ["[a](../curate/api.py#x) [b](fixing.md#the-order) [c](assets/data-way.svg) [d](https://e.f) [g](#h)"]
    conf._read(None, "export", source)
    out = "https://github.com/texsieve/texsieve/blob/main/curate/api.py#x"
    assert source == [f"[a]({out}) [b](fixing.md#the-order) [c](assets/data-way.svg) [d](https://e.f) [g](#h)"]


def commands(text: str) -> list[str]:
    """The lines of shell blocks that call one of our programs, without comments, pipes and output."""
    found = []
    for block in _SHELL.findall(text):
        for line in re.sub(r"\\\n\s*", " ", block).splitlines():
            line = line.removeprefix("$ ").removeprefix(".venv/bin/")
            if line.split(" ")[0] in PROGRAMS:
                found.append(line)
    return found


EXAMPLES = [(name(page), line) for page in PAGES for line in commands(page.read_text(encoding="utf-8"))]


def test_there_are_examples() -> None:
    assert len(EXAMPLES) > 50


@pytest.mark.parametrize(("page", "line"), EXAMPLES)
def test_an_example_names_a_command_and_options_that_there_are(page: str, line: str) -> None:
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|&;<>")
    lexer.whitespace_split = True
    lexer.commenters = "#"
    words = list(lexer)
    end = next((at for at, word in enumerate(words) if set(word) <= set("|&;<>")), len(words))
    program, *given = words[:end]
    if given and not given[0].startswith("-"):
        command = PROGRAMS[program].get_command(None, given[0])
        assert command is not None, given[0]
        given = given[1:]
    else:
        command = PROGRAMS[program]
    context = click.Context(command, info_name=program)
    values, _, _ = command.make_parser(context).parse_args([word for word in given if word != "--debug"])
    for parameter in command.params:
        chosen = values.get(parameter.name or "")
        if isinstance(parameter.type, click.Choice) and isinstance(chosen, str):
            parameter.type.convert(chosen, parameter, context)
