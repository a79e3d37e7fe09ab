"""The contents of a package: every file, and one version everywhere. `make release-check` builds and installs one."""

from __future__ import annotations

import re
import subprocess
import tomllib
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.mark.parametrize("package", ["rules", "curate", "finetune"])
def test_a_wheel_has_every_file_that_is_no_python(package: str) -> None:
    tracked = subprocess.run(
        ["git", "ls-files", package], cwd=ROOT, capture_output=True, text=True, check=True
    ).stdout.splitlines()
    patterns = PROJECT["tool"]["setuptools"]["package-data"][package]
    packed = {path.relative_to(ROOT).as_posix() for pattern in patterns for path in (ROOT / package).glob(pattern)}
    assert tracked
    assert [name for name in tracked if not name.endswith(".py") and name not in packed] == []
    folders = {Path(name).parent for name in tracked if name.endswith(".py")}
    assert [folder for folder in folders if not (ROOT / folder / "__init__.py").is_file()] == []


def test_the_version_is_the_same_everywhere() -> None:
    version = PROJECT["project"]["version"]
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert re.search(r"^## \[(.+?)\]", changelog, re.MULTILINE)[1] == version  # type: ignore[index]
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    assert citation["version"] == version
    assert citation["license"] == PROJECT["project"]["license"]


def test_the_licence_files_are_there() -> None:
    for name in PROJECT["project"]["license-files"]:
        assert (ROOT / name).stat().st_size
