"""Says where this program looks for what people put there for it. Keeps nothing itself, and imports nothing heavy."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def data_folder() -> Path:
    """The user's data folder of this program, where the platform keeps such things."""
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Application Support" / "texsieve"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "texsieve"
    base = os.environ.get("XDG_DATA_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".local" / "share") / "texsieve"
