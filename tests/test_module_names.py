"""No module has the same name as something its package offers: importing the module would replace it."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

PACKAGES = ("rules", "curate", "finetune")
ROOT = Path(__file__).resolve().parents[1]

IMPORT_ALL = """
import importlib, pkgutil, sys

sys.path.append("tests/helpers")
import bare  # as on Windows, and without [hub]

extras = ("fiftyone", "ray", "torch", "torchvision", "transformers", "trl", "peft", "unsloth")
sys.modules.update(dict.fromkeys(extras))  # as where no extra is installed
imported = 0
for name in ("rules", "curate", "finetune"):
    package = importlib.import_module(name)
    for module in pkgutil.walk_packages(package.__path__, f"{name}."):
        try:
            importlib.import_module(module.name)
            imported += 1
        except ImportError as error:
            if (error.name or "").split(".")[0] not in extras:
                raise

import finetune, rules

assert rules.check(["x ^"]).height
assert rules.fix(["$x$"])["fixed"].to_list() == ["x"]
assert rules.visual_key(["x"]).null_count() == 0
assert rules.select(["SYN001"]).codes == ("SYN001",)
assert finetune.score([("x", "x")])["exprate"] == 100
print(imported)
"""


def test_the_functions_of_the_packages_work_when_every_module_is_imported() -> None:
    done = subprocess.run([sys.executable, "-c", IMPORT_ALL], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) > 250


def _packages() -> list[str]:
    files = [file for name in PACKAGES for file in ROOT.joinpath(name).rglob("__init__.py")]
    return sorted(".".join(file.parent.relative_to(ROOT).parts) for file in files)


@pytest.mark.parametrize("name", _packages())
def test_no_module_has_the_name_of_what_its_package_offers(name: str) -> None:
    folder = ROOT.joinpath(*name.split("."))
    modules = {path.stem for path in folder.glob("*.py")} | {path.parent.name for path in folder.glob("*/__init__.py")}
    assert not modules & _offered(folder / "__init__.py", name)


def _offered(file: Path, package: str) -> set[str]:
    """The names that a package's own file defines, and those in `__all__`, or otherwise its imports."""
    defined: set[str] = set()
    imported: set[str] = set()
    promised: set[str] | None = None
    for node in ast.parse(file.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.ClassDef):
            defined.add(node.name)
        elif isinstance(node, ast.ImportFrom) and node.module != package:  # otherwise it is the package's own module
            imported |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            promised = set(ast.literal_eval(node.value))
    return defined | (imported if promised is None else promised)


def test_no_two_files_of_tests_have_one_name() -> None:
    """pytest imports test files by their bare names, and leaves out the second of two equal names."""
    names = [path.name for path in Path(__file__).parent.rglob("*.py") if path.name != "conftest.py"]
    assert sorted(names) == sorted({*names})
