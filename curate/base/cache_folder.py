"""Where texsieve keeps what it can make again. Keeps nothing itself, and imports nothing heavy."""

from __future__ import annotations

import os
import sys
from pathlib import Path


def cache_folder() -> Path:
    """The user's cache folder for texsieve: TEXSIEVE_CACHE, or the platform's usual place."""
    named = os.environ.get("TEXSIEVE_CACHE")
    if named:
        return Path(named)
    if sys.platform == "darwin":
        return Path.home() / "Library" / "Caches" / "texsieve"
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA") or Path.home() / "AppData" / "Local") / "texsieve" / "Cache"
    base = os.environ.get("XDG_CACHE_HOME", "")
    return (Path(base) if base.startswith("/") else Path.home() / ".cache") / "texsieve"
