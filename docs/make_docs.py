"""`make docs`: writes docs/rules/, cli.md, data-formats.md, defects.md and training-settings.md from the code.

It runs python.ipynb, and writes it anew with its outputs and as python.md.

It also fills in parts of three other pages: the output of the `$ ` commands in README.md's console blocks, and the
lists between the markers of docs/metrics.md and docs/export.md. The pages are committed, and a test fails if they are
stale. The output doesn't depend on the terminal, the machine or the time.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import sys
import tomllib
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import click
from click.testing import CliRunner

# Python puts the folder of a script on the path, where docs/rules would hide the package `rules`.
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
os.environ["TEXSIEVE_PLUGINS"] = "0"  # these are the pages of texsieve, whatever else is installed

from curate.cli.main import main_group as curate_commands
from curate.export.page import as_markdown as export_formats_markdown
from curate.findings import rulebook
from curate.findings.defects import defects_markdown
from curate.project_schema import project_schema
from curate.sources.page import formats_markdown
from finetune.cli.main import main_group as finetune_commands
from finetune.cli.texsieve import RENAMED
from finetune.metrics.page import as_markdown as metrics_markdown
from finetune.settings.page import settings_markdown
from rules.registry import FAMILIES, all_rules, not_judged
from rules.selection import PROFILES

DOCS = Path(__file__).resolve().parent
WIDTH = 100
GENERATED = "<!-- Made by `make docs` from the code: change it there. -->"
PROGRAMS = (("curate", curate_commands), ("finetune", finetune_commands))
_MARKED = r"(?<=^<!-- {0}: made by `make docs` -->\n).*?(?=^<!-- end of {0} -->$)"
_CONSOLE = re.compile(r"(?<=^```console\n).*?(?=^```$)", re.MULTILINE | re.DOTALL)


def pages() -> dict[str, str]:
    """Every generated page: its path below docs/, and its text."""
    made = {f"rules/{code}.md": f"{GENERATED}\n{rulebook.explain_markdown(rule)}" for code, rule in all_rules().items()}
    readme = (DOCS.parent / "README.md").read_text(encoding="utf-8")
    formats = (DOCS / "templates" / "data-formats.md").read_text(encoding="utf-8")
    made["data-formats.md"] = f"{GENERATED}\n{formats_markdown(formats)}"
    made["metrics.md"] = between_markers("metrics", metrics_markdown(), DOCS / "metrics.md")
    made["export.md"] = between_markers("formats", export_formats_markdown(), DOCS / "export.md")
    defects = (DOCS / "templates" / "defects.toml").read_text(encoding="utf-8")
    made["defects.md"] = f"{GENERATED}\n{defects_markdown(defects)}"
    judged = tomllib.loads((DOCS / "templates" / "precision.toml").read_text(encoding="utf-8"))
    made["rules/precision.md"] = precision(judged)
    for code in judged["rules"]:
        made[f"rules/{code}.md"] += f"\n{_precision_of(code, judged)}\n"
    made["texsieve.schema.json"] = json.dumps(project_schema(*_flags()), ensure_ascii=False, indent=1) + "\n"
    made["training-settings.md"] = f"{GENERATED}\n{settings_markdown()}"
    return {**made, "rules/README.md": rules_index(), "cli.md": command_line(), "../README.md": with_output(readme)}


def _flags() -> Iterator[dict[str, str]]:
    """What the flags of `curate audit` and `curate export` do that keys of the project file stand for."""
    for name in ("audit", "export"):
        params = curate_commands.all_commands[name].params
        yield {param.name: param.help for param in params if isinstance(param, click.Option) and param.help}


def notebook_pages() -> dict[str, str]:
    """python.ipynb with its outputs, and the page made of it. Runs it, which takes some seconds."""
    sys.path.append(str(DOCS))
    import notebooks

    notebook = notebooks.run_file(DOCS / "python.ipynb")
    page = f"<!-- Made by `make docs` from python.ipynb: change it there. -->\n{notebooks.as_markdown(notebook)}"
    return {"python.ipynb": notebooks.as_json(notebook), "python.md": page}


def between_markers(what: str, text: str, page: Path) -> str:
    """A page with `text` between its markers of this name."""
    marked = re.compile(_MARKED.format(what), re.MULTILINE | re.DOTALL)
    return marked.sub(lambda _: f"\n{text}\n\n", page.read_text(encoding="utf-8"))


def rules_index() -> str:
    """The rules by family, each with a link to its page."""
    lines = [GENERATED, "# Rules", ""]
    lines += [
        "`error`: LaTeX rejects the label, or the damage is certain. `warning`: the label is likely wrong, or right",
        "only for a different picture. `info`: style, spelling, facts. A fix is a [repair or style](../fixing.md).",
        "Every example on these pages is a test. See also [which rule finds which defect](../defects.md) and",
        "[how often findings are right](precision.md).",
        "",
        "`--select` and `--ignore` take a code, a name, or a family's letters. `--profile` takes a profile:",
        "",
        *(f"- `{name}`: {what}" for name, what in PROFILES.items()),
    ]
    for family, members in groupby(all_rules().values(), lambda rule: rule.family):
        lines += ["", f"## {family}: {FAMILIES[family]}", "", "| rule | name | severity | fix | what |"]
        lines.append("| --- | --- | --- | --- | --- |")
        for rule in members:
            what = rule.doc.paragraphs[0].replace("|", "\\|")
            cells = (f"[{rule.code}]({rule.code}.md)", rule.name, rule.severity, rulebook.fix_words(rule), what)
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def precision(judged: dict[str, Any]) -> str:
    """How many findings of each rule were right, of those that somebody compared with their pictures."""
    counts = judged["rules"].values()
    total = {kind: sum(rule[kind] for rule in counts) for kind in ("right", "wrong", "unclear")}
    lines = [GENERATED, "# Findings checked by eye", ""]
    lines += [
        f"On {judged['date']}, {sum(total.values())} findings were chosen at random (seed {judged['seed']}) and "
        f"checked: {total['right']} were right, {total['wrong']} wrong, and {total['unclear']} unclear.",
        "",
        f"The data were {judged['data']}. For most rules, up to five errors, six warnings and two remarks were "
        "checked; for rules on pairs, more. A finding is right if its message is true of the picture or, without "
        "a picture, of the drawing of the label. The numbers for each rule are small: don't read them as rates.",
        "",
        "| rule | name | severity | right | wrong | unclear | |",
        "| --- | --- | --- | ---: | ---: | ---: | --- |",
    ]
    for code, rule in judged["rules"].items():
        declared = all_rules()[code]
        note = rule.get("note", "").replace("|", "\\|")
        cells = (
            f"[{code}]({code}.md)",
            declared.name,
            declared.severity,
            rule["right"],
            rule["wrong"],
            rule["unclear"],
        )
        lines.append(f"| {' | '.join(map(str, cells))} | {note} |")
    return "\n".join(lines) + "\n"


def _precision_of(code: str, judged: dict[str, Any]) -> str:
    rule = judged["rules"][code]
    told = rule["right"] + rule["wrong"]
    unclear = f", and {rule['unclear']} unclear" if rule["unclear"] else ""
    note = f" {rule['note']}" if "note" in rule else ""
    right = f"{rule['right']} of {told} {'finding was' if told == 1 else 'findings were'} right{unclear}"
    text = f"[Checked by eye](precision.md), {judged['date']}: {right}.{note}"
    return f"## How often it is right\n\n{text}"


def command_line() -> str:
    """Every command's `--help`."""
    lines = [GENERATED, "# Command line", ""]
    lines += [
        "Exit codes: 0 done, 1 findings reached `--fail-on`, 2 bad usage, configuration or input. An error is one line",
        "on standard error; `--debug` shows the traceback.",
        "",
        "If a rule, visual key, proof, drawing or metric fails on a label, that is a fault in texsieve, and the rest",
        "goes on. A line on standard error says what failed on which label, and `faults` in summary.json or",
        "metrics.json counts it. The label has no score, and the finding "
        f"[{not_judged().code}](rules/{not_judged().code}.md) says why. A failed",
        "drawing is replaced by a note. If a metric failed, the pair counts as wrong in that metric. With `--debug` or",
        "the environment variable `TEXSIEVE_STRICT=1`, the first fault ends the command with a traceback.",
    ]
    renamed = (f"`finetune {name}` is called `texsieve {other}` there" for name, other in RENAMED.items())
    lines += [
        "",
        "No command replaces a data set, a run, a model or a picture, unless you pass `--update` or `--in-place`.",
        "`--update` keeps the decisions and the files that you put into the run's folder. Scores, pages and a model's",
        "card replace an earlier result of the same command, and say so, but nothing else. `--write-baseline` replaces",
        "an older baseline.",
        "",
        "The program `texsieve` has the commands of both: `texsieve audit`, `texsieve train` and so on. Only "
        + ", ".join(renamed)
        + ".",
        "Once texsieve is on PyPI, `uvx texsieve check FILE` and `pipx run texsieve check FILE` need no installation.",
    ]
    for program, group in PROGRAMS:
        lines += ["", f"## {program}", "", *_help(group, program)]
        for name, command in group.all_commands.items():
            lines += ["", f"### {program} {name}", "", *_help(command, f"{program} {name}")]
    return "\n".join(lines) + "\n"


def _help(command: click.Command, name: str) -> Iterator[str]:
    context = click.Context(command, info_name=name, terminal_width=WIDTH, help_option_names=["-h", "--help"])
    yield "```text"
    yield from (line.rstrip() for line in command.get_help(context).splitlines())
    yield "```"


def with_output(page: str) -> str:
    """A page whose console blocks have the current output of their commands."""

    def run(block: re.Match[str]) -> str:
        commands = [line for line in block[0].splitlines() if line.startswith("$ ")]
        return "\n".join(f"{command}\n{_output(command)}" for command in commands)

    return _CONSOLE.sub(run, page)


def _output(line: str) -> str:
    program, *arguments = shlex.split(line.removeprefix("$ "))
    group = dict(PROGRAMS)[program]
    return CliRunner().invoke(group, arguments, env={"COLUMNS": str(WIDTH)}, catch_exceptions=False).output


def main() -> None:
    made = pages()
    (DOCS / "rules").mkdir(exist_ok=True)
    for stale in {path for path in (DOCS / "rules").glob("*.md") if f"rules/{path.name}" not in made}:
        stale.unlink()
    for name, text in made.items():
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
    for name, text in notebook_pages().items():
        (DOCS / name).write_text(text, encoding="utf-8", newline="\n")
    print(f"docs: {len(made) + 2} pages written")


if __name__ == "__main__":
    main()
