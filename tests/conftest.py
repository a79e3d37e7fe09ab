"""What all tests share: where the real label files lie, how hypothesis looks for examples. No package's own helpers."""

from __future__ import annotations

import atexit
import os
import shutil
import sys
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, settings

ROOT = Path(__file__).resolve().parents[1]
_VARIABLE = "TEXSIEVE_SHARED_DATA"
SHARED_DATA = Path(os.environ.get(_VARIABLE) or ROOT.parent / "shared" / "data")

# pytest puts this folder on the path, where tests/rules would stand for the package `rules`.
sys.path.insert(0, str(ROOT))

# Tests measure images anew; what they keep is not the user's. A test of the cache names a folder of its own.
os.environ["TEXSIEVE_CACHE"] = tempfile.mkdtemp(prefix="texsieve-cache-")
atexit.register(shutil.rmtree, os.environ["TEXSIEVE_CACHE"], ignore_errors=True)

# A deadline would make a test of a slow machine, and random examples a test that fails in somebody else's change.
# Not the phase that explains failures: the smallest example says enough, and failing workers ran out of memory.
_PHASES = [phase for phase in Phase if phase is not Phase.explain]
_SLOW = [HealthCheck.too_slow]
settings.register_profile("ci", deadline=None, derandomize=True, suppress_health_check=_SLOW, phases=_PHASES)
settings.register_profile("here", deadline=None, phases=_PHASES)
settings.load_profile("ci" if os.environ.get("CI") else "here")


# A fault that texsieve catches and goes on from fails the test, in the commands that a test starts, too.
os.environ["TEXSIEVE_STRICT"] = "1"


@pytest.fixture
def faults_go_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """For tests of what happens where something of ours fails."""
    monkeypatch.delenv("TEXSIEVE_STRICT")


def _absent() -> str | None:
    """Why tests marked `shared_data` can't run, or None."""
    if (SHARED_DATA / "README.md").is_file():
        return None
    return f"no real label files in {SHARED_DATA} (set {_VARIABLE} to a folder that has them)"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    reason = _absent()
    if reason is None:
        return
    for item in items:
        if item.get_closest_marker("shared_data"):
            item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder with the real label files; skips the test where it is absent."""
    reason = _absent()
    if reason is not None:
        pytest.skip(reason)
    return SHARED_DATA
