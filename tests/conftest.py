"""What all tests share: the place of the real label files and hypothesis's settings. No helpers of single packages."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings

ROOT = Path(__file__).resolve().parents[1]
_VARIABLE = "TEXSIEVE_SHARED_DATA"
SHARED_DATA = Path(os.environ.get(_VARIABLE) or ROOT.parent / "shared" / "data")

# pytest adds this folder to the path, where tests/rules would shadow the package `rules`.
sys.path.insert(0, str(ROOT))

# Tests use a cache of their own, not the user's. A test of the cache sets its own folder.
os.environ["TEXSIEVE_CACHE"] = tempfile.mkdtemp(prefix="texsieve-cache-")
atexit.register(shutil.rmtree, os.environ["TEXSIEVE_CACHE"], ignore_errors=True)

# Plugins of installed packages are off, unless a test turns them on.
os.environ["TEXSIEVE_PLUGINS"] = "0"

pytest_plugins = ["memory_limit"]

# With a deadline, tests would fail on slow machines. Examples are the same in every run, so that a test doesn't fail on
# an unrelated change; `make fuzz` draws new ones from seeds that it names. The phase that explains failures is off: the
# smallest example says enough, and failing workers ran out of memory.
_EXAMPLES = {
    "deadline": None,
    "database": None,
    "suppress_health_check": [HealthCheck.too_slow],
    "phases": [phase for phase in Phase if phase is not Phase.explain],
}
settings.register_profile("same", derandomize=True, **_EXAMPLES)
settings.register_profile("fuzz", derandomize=False, **_EXAMPLES)


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--seeds",
        metavar="N|M-N",
        help="run only the property tests, with new examples from these seeds: numbers and ranges, spaces between",
    )


def pytest_configure(config: pytest.Config) -> None:
    given = config.getoption("seeds")
    settings.load_profile("same" if given is None else "fuzz")
    if given is not None:
        _seeds(given)  # reports a wrong seed before any test is collected


def _seeds(given: str) -> list[int]:
    found: list[int] = []
    for part in given.split():
        first, _, last = part.partition("-")
        if not first.isdecimal() or (last and not last.isdecimal()) or part.endswith("-"):
            raise pytest.UsageError(f"--seeds {given!r}: {part!r} is neither a number nor a range such as 1-200")
        found += range(int(first), int(last or first) + 1)
    if not found:
        raise pytest.UsageError(f"--seeds {given!r} names no seed: give numbers or ranges such as 1-200")
    return found


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    given = metafunc.config.getoption("seeds")
    if given is not None and getattr(metafunc.function, "is_hypothesis_test", False):
        metafunc.parametrize("fuzz_seed", _seeds(given), indirect=True, ids=lambda number: f"seed-{number}")


@pytest.fixture(autouse=True)
def fuzz_seed(request: pytest.FixtureRequest) -> None:
    """With `--seeds`: the seed from which a property test draws its examples."""
    if hasattr(request, "param"):
        seed(request.param)(request.function)


# An internal error that texsieve catches and survives fails the test, also in commands that a test starts.
os.environ["TEXSIEVE_STRICT"] = "1"


@pytest.fixture
def faults_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what happens when an internal error occurs."""
    monkeypatch.delenv("TEXSIEVE_STRICT")


def _absent() -> str | None:
    """Why tests marked `shared_data` can't run, or None."""
    if (SHARED_DATA / "README.md").is_file():
        return None
    return f"no real label files in {SHARED_DATA} (set {_VARIABLE} to a folder that has them)"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("seeds") is not None:
        seeded = {item for item in items if hasattr(item, "callspec") and "fuzz_seed" in item.callspec.params}
        config.hook.pytest_deselected(items=[item for item in items if item not in seeded])
        items[:] = [item for item in items if item in seeded]
    reason = _absent()
    if reason is None:
        return
    for item in items:
        if item.get_closest_marker("shared_data"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real label files; skips the test if it is absent."""
    reason = _absent()
    if reason is not None:
        pytest.skip(reason)
    return SHARED_DATA


#: Tests that wait for one training of some minutes: spread over several workers, each would sit idle waiting for it.
ONE_WORKER = ("tests/finetune/train/test_training.py", "tests/finetune/predict/test_predict_toy.py")


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """`--dist loadgroup` by files: xdist 3.8 writes groups into ids, which pytest 9.2 no longer allows."""
    if config.getoption("dist") != "loadgroup":
        return None
    from xdist.scheduler import LoadScopeScheduling

    class OneWorker(LoadScopeScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return "training" if nodeid.startswith(ONE_WORKER) else nodeid

    return OneWorker(config, log)
