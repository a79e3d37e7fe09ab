"""Tests that train or ask a model need the extra [finetune]. Missing packages fail in CI and skip elsewhere."""

from __future__ import annotations

import os

import pytest

from curate.base.errors import UserError
from finetune.models.hardware import require_packages


def require_finetune() -> None:
    """Skip the test if unsloth or torch is missing, and say which command installs it; fail if CI is set."""
    try:
        require_packages()
    except UserError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error), pytrace=False)
        pytest.skip(str(error))
