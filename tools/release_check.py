"""Tries a release and publishes nothing: builds it, checks it, installs it into fresh environments, runs the demo.

`make release-check`: the sdist, and the wheel made of it, go to dist/. `twine check` reads their metadata; the wheel
must hold every file of the three packages that git knows. For each Python that is found (3.11 to 3.14) the wheel is
installed into a new environment outside the repository, where `curate demo` must run. Needs the package index.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
import zipfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DIST = ROOT / "dist"
PACKAGES = ("rules", "curate", "finetune")
PYTHONS = ("3.11", "3.12", "3.13", "3.14")


def run(*command: str | Path, cwd: Path = ROOT) -> str:
    """The output of a command. If it fails, print its output and end this program."""
    environment = {name: value for name, value in os.environ.items() if name not in ("PYTHONPATH", "PIP_CONSTRAINT")}
    environment["PIP_DISABLE_PIP_VERSION_CHECK"] = "1"
    done = subprocess.run([str(part) for part in command], cwd=cwd, env=environment, capture_output=True, text=True)
    if done.returncode:
        print(done.stdout + done.stderr, file=sys.stderr)
        raise SystemExit(f"release-check: failed: {' '.join(map(str, command))}")
    return done.stdout


def build(work: Path) -> Path:
    """Build the sdist and, from it, the wheel into dist/, and check both. Returns the wheel."""
    run(sys.executable, "-m", "venv", work / "tools")
    python = work / "tools/bin/python"
    run(python, "-m", "pip", "install", "-q", "build", "twine")
    shutil.rmtree(DIST, ignore_errors=True)
    run(python, "-m", "build", "--outdir", DIST)
    run(python, "-m", "twine", "check", "--strict", *sorted(DIST.iterdir()))
    (wheel,) = DIST.glob("*.whl")
    held = set(zipfile.ZipFile(wheel).namelist())
    lacking = sorted(set(run("git", "ls-files", *PACKAGES).split()) - held)
    if lacking:
        raise SystemExit(f"release-check: the wheel lacks {', '.join(lacking)}; see package-data in pyproject.toml")
    for name in ("LICENSE", "NOTICE"):
        if not any(file.endswith(f".dist-info/licenses/{name}") for file in held):
            raise SystemExit(f"release-check: the wheel lacks {name}")
    for file in sorted(DIST.iterdir()):
        print(f"{file.relative_to(ROOT)}  {file.stat().st_size / 1e6:.1f} MB")
    return wheel


def interpreters() -> list[str]:
    """One interpreter of each version found on the PATH or by pyenv."""
    found = {}
    for version in PYTHONS:
        of_pyenv = sorted(Path("~/.pyenv/versions").expanduser().glob(f"{version}.*/bin/python3"))
        names = [shutil.which(f"python{version}"), shutil.which("python3"), sys.executable, *map(str, of_pyenv)]
        for name in filter(None, names):
            code = "import sys, ensurepip; print(*sys.version_info[:2], sep='.')"
            asked = subprocess.run([name, "-c", code], capture_output=True, text=True, check=False)
            if asked.stdout.strip() == version:
                found[version] = name
                break
    return list(found.values())


def install(wheel: Path, python: str, work: Path) -> None:
    """Install the wheel into a new environment and run the demo there; print time and size."""
    environment = Path(tempfile.mkdtemp(dir=work))
    run(python, "-m", "venv", environment, cwd=work)
    start = time.perf_counter()
    run(environment / "bin/python", "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", wheel, cwd=work)
    installed = time.perf_counter()
    run(environment / "bin/curate", "demo", "--out", environment / "demo", cwd=work)
    shown = time.perf_counter()
    for command in ("curate doctor", "finetune --help"):
        run(*f"{environment}/bin/{command}".split(), cwd=work)
    report = (environment / "demo/run/report.html").stat().st_size
    (folder,) = environment.glob("lib/python*/site-packages")
    of_pip = sum(size(folder / name) for name in ("pip", "setuptools", "pkg_resources"))
    version = run(environment / "bin/python", "-c", "import platform; print(platform.python_version())").strip()
    print(
        f"Python {version}: installed in {installed - start:.0f} s, {(size(folder) - of_pip) / 2**20:.0f} MiB without "
        f"pip; `curate demo` {shown - installed:.0f} s, report.html {report / 1e6:.1f} MB",
        flush=True,
    )
    shutil.rmtree(environment)


def size(folder: Path) -> int:
    """Bytes that a folder takes on disk."""
    files = (Path(at) / name for at, _, names in os.walk(folder) for name in names)
    return sum(file.lstat().st_blocks * 512 for file in files)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--python", action="append", help="install into this one [default: all that are found]")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="texsieve-release-") as work:
        wheel = build(Path(work))
        for python in asked.python or interpreters():
            install(wheel, python, Path(work))
    print("Nothing was published. To publish: see CONTRIBUTING.md.")


if __name__ == "__main__":
    main()
