"""Checks with pip that every core dependency, direct or not, has a wheel for the systems that README names.

`make wheels-check`: for each Python and system, pip looks for the versions in constraints.txt, and installs nothing. It
prints a line for each, with pip's message if something is missing; then the exit code is 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
import tomllib
from importlib.metadata import PackageNotFoundError, requires
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PYTHONS = ("3.11", "3.12", "3.13", "3.14")
#: By system: the tags that pip accepts there.
SYSTEMS = {
    "Linux x86-64": ("manylinux_2_28_x86_64", "manylinux_2_17_x86_64", "manylinux2014_x86_64", "manylinux_2_12_x86_64"),
    "Linux ARM": ("manylinux_2_28_aarch64", "manylinux_2_17_aarch64", "manylinux2014_aarch64"),
    "macOS x86-64": ("macosx_13_0_x86_64", "macosx_11_0_x86_64", "macosx_10_12_x86_64", "macosx_10_9_universal2"),
    "macOS ARM": ("macosx_14_0_arm64", "macosx_12_0_arm64", "macosx_11_0_arm64", "macosx_11_0_universal2"),
    "Windows": ("win_amd64",),
}
_NAME = re.compile(r"[A-Za-z0-9._-]+")


def _plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def core() -> list[str]:
    """The core's requirements and their requirements, each with its version from constraints.txt."""
    pinned = {}
    for line in (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines():
        name, found, version = line.partition("==")
        if found:
            pinned[_plain(name)] = version.split(";")[0].strip()
    waiting = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    wanted: set[str] = set()
    while waiting:
        requirement = waiting.pop()
        found = _NAME.match(requirement)
        assert found is not None
        name = _plain(found.group())
        if name in wanted or "extra ==" in requirement:
            continue
        wanted.add(name)
        try:
            waiting += requires(name) or []
        except PackageNotFoundError:
            wanted.discard(name)  # of another system
    return sorted(f"{name}=={pinned[name]}" if name in pinned else name for name in wanted)


def lacking(requirements: list[str], python: str, tags: tuple[str, ...]) -> str:
    """What pip says is missing there; empty if everything has a wheel."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "pip", "install", "--dry-run", "--quiet", "--no-deps", "--target", folder]
        command += ["--only-binary", ":all:", "--python-version", python, "--ignore-installed"]
        for tag in tags:
            command += ["--platform", tag]
        done = subprocess.run([*command, *requirements], capture_output=True, text=True, check=False)
    lines = [line for line in done.stderr.splitlines() if line.startswith("ERROR")]
    return "" if done.returncode == 0 else lines[-1] if lines else done.stderr.strip()[-200:]


def main() -> None:
    requirements = core()
    print(f"{len(requirements)} packages: {', '.join(requirements)}")
    failed = False
    for system, tags in SYSTEMS.items():
        for python in PYTHONS:
            missing = lacking(requirements, python, tags)
            failed = failed or bool(missing)
            print(f"Python {python}, {system}: {missing or 'all have wheels'}", flush=True)
    raise SystemExit(1 if failed else 0)


if __name__ == "__main__":
    main()
