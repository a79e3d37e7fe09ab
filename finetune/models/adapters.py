"""Reads the folder of an adapter: its base model, its rank. Loads no weights, imports nothing heavy."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.base.errors import UserError

ADAPTER_FILE = "adapter_config.json"


def base_of(name: str) -> str:
    """The base model of the adapter in a folder; `name` itself for anything else."""
    found = _adapter_config(Path(name))
    if not found:
        return name
    base = found.get("base_model_name_or_path")
    if not isinstance(base, str) or not base:
        raise UserError(f"{Path(name) / ADAPTER_FILE}: is not an adapter's configuration: it names no base model")
    return base


def adapters_of(folder: Path) -> dict[str, Any]:
    """Rank and alpha of the adapters in a folder, by the names of their settings; empty for a complete model."""
    found = _adapter_config(folder)
    return {f"lora.{ours}": found[name] for ours, name in (("r", "r"), ("alpha", "lora_alpha")) if name in found}


def _adapter_config(folder: Path) -> dict[str, Any]:
    file = folder / ADAPTER_FILE
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: is not an adapter's configuration") from error
    if not isinstance(found, dict) or not found:
        raise UserError(f"{file}: is not an adapter's configuration")
    return found
