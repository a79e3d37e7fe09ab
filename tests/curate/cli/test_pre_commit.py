"""The hooks of .pre-commit-hooks.yaml, run by pre-commit itself on a small repository."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

import pytest
import yaml
from source_makers import write

ROOT = Path(__file__).resolve().parents[3]
HOOKS = {hook["id"]: hook for hook in yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text(encoding="utf-8"))}


def test_which_files_the_hooks_look_at() -> None:
    import re

    for hook in HOOKS.values():
        found = re.compile(hook["files"])
        for name in ("a.tex", "docs/b.md", "c.ipynb", "set/caption.txt", "train_labels.txt", "x/labels-1.jsonl"):
            assert found.search(name), name
        for name in ("a.py", "requirements.txt", "rows.jsonl", "data.csv", "tex", "labels/a.png"):
            assert not found.search(name), name


def test_the_page_names_the_hooks_and_calls_commands_as_they_are() -> None:
    import re
    import shlex

    from finetune.cli.texsieve import main_group

    page = (ROOT / "docs" / "ci.md").read_text(encoding="utf-8")
    blocks = [yaml.safe_load(block) for block in re.findall(r"^```yaml\n(.*?)^```", page, re.MULTILINE | re.DOTALL)]
    assert len(blocks) == 5
    assert [hook["id"] for hook in blocks[0]["repos"][0]["hooks"]] == list(HOOKS)
    calls = re.findall(r"uvx texsieve (.+)", page)
    assert len(calls) == 4
    for call in calls:
        name, *arguments = shlex.split(call.partition(" > ")[0])
        command = main_group.get_command(None, name)
        assert command is not None
        command.make_context(name, arguments)


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """A git repository with both hooks, as a `repo: local` that runs this checkout."""
    if find_spec("pre_commit") is None:
        if os.environ.get("CI"):
            pytest.fail("pre-commit is not installed")
        pytest.skip("pre-commit is not installed")
    program = write(tmp_path / "bin" / "curate", f"#!{sys.executable}\nfrom curate.cli.main import main\nmain()\n")
    program.chmod(0o755)
    folder = tmp_path / "repository"
    hooks = [{**hook, "language": "system"} for hook in HOOKS.values()]
    write(folder / ".pre-commit-config.yaml", yaml.safe_dump({"repos": [{"repo": "local", "hooks": hooks}]}))
    git(folder, "init", "--quiet")
    return folder


def git(folder: Path, *arguments: str) -> str:
    names = ("-c", "user.name=x", "-c", "user.email=x@example.org")
    return subprocess.run(
        ["git", *names, *arguments], cwd=folder, check=True, capture_output=True, text=True, env=environment(folder)
    ).stdout


def environment(folder: Path) -> dict[str, str]:
    path = f"{folder.parent / 'bin'}:{os.environ['PATH']}"
    python = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
    home = str(folder.parent / "home")
    return {**os.environ, "PATH": path, "PYTHONPATH": python, "PRE_COMMIT_HOME": home, "GIT_CONFIG_GLOBAL": os.devnull}


def run_hook(folder: Path, hook: str) -> tuple[int, str]:
    git(folder, "add", "--all")
    done = subprocess.run(
        [sys.executable, "-m", "pre_commit", "run", hook, "--verbose", "--color", "never"],
        cwd=folder,
        capture_output=True,
        text=True,
        env=environment(folder),
        timeout=120,
    )
    return done.returncode, done.stdout + done.stderr


def test_check_and_fix_in_a_repository(repository: Path) -> None:
    paper = write(repository / "paper.tex", "\\section{a} Let $x^2^3$.\n")
    write(repository / "train_labels.txt", "$x$\ny \\label{a}\n")
    write(repository / "other.txt", "{\n")
    code, out = run_hook(repository, "texsieve-check")
    assert code == 1, out
    assert "paper.tex:1:" in out
    assert "SYN006 double-script" in out
    assert "other.txt" not in out
    paper.write_text("\\section{a} Let $x^2$.\n")
    assert run_hook(repository, "texsieve-check")[0] == 0
    code, out = run_hook(repository, "texsieve-fix")
    assert code == 1, out
    assert "files were modified by this hook" in out
    assert (repository / "train_labels.txt").read_text() == "x\ny\n"
    assert (repository / "other.txt").read_text() == "{\n"
    assert run_hook(repository, "texsieve-fix")[0] == 0
    assert "journal" not in git(repository, "ls-files") + git(repository, "status", "--short")
    assert ".texsieve" not in git(repository, "ls-files") + git(repository, "status", "--short")
