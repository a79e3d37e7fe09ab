"""Asks the hub what a model is, and fetches an adapter. Fetches no whole model: whoever loads one does that."""

from __future__ import annotations

from pathlib import Path

from curate.base.errors import UserError
from finetune.models.adapters import ADAPTER_FILE
from finetune.models.quiet import quiet
from finetune.settings.config import ModelConfig

#: What Unsloth appends to the name of a model whose weights in 4 bits it loads in its place.
QUANTIZED = ("-unsloth-bnb-4bit", "-bnb-4bit")


class Unreachable(UserError):
    """The hub can't be asked."""


def check_id(name: str) -> None:
    """Raises UserError for a name that can be no id on the hub. Asks nobody."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"{name}: no such folder, and no id on the hub such as {ModelConfig.name}") from error


def is_here(name: str) -> bool:
    """Whether a whole model with this id, or what Unsloth loads in its place, was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    names = {f"{own}{ending}" for own in (name, f"unsloth/{name.rpartition('/')[2]}") for ending in ("", *QUANTIZED)}
    names |= {one.lower() for one in names}
    return any(isinstance(try_to_load_from_cache(one, "config.json"), str) for one in names)


def hub_file(name: str, file: str) -> Path | None:
    """A small file of the model with this id, from the hub's cache where it is there; None where the model has none.

    Raises UserError where there is no such model, where it may not be read, and where the hub can't be asked.
    """
    from huggingface_hub import hf_hub_download, try_to_load_from_cache
    from huggingface_hub.errors import (
        EntryNotFoundError,
        GatedRepoError,
        LocalEntryNotFoundError,
        RepositoryNotFoundError,
    )

    check_id(name)
    found = try_to_load_from_cache(name, file)
    if isinstance(found, str):
        return Path(found)
    if found is not None:  # asked before
        return None
    try:
        with quiet():
            return Path(hf_hub_download(name, file))
    except LocalEntryNotFoundError as error:
        raise Unreachable(
            f"{name}: no such folder here, and the hub can't be asked for a model of that name (no network, or "
            "HF_HUB_OFFLINE is set)"
        ) from error
    except EntryNotFoundError:
        return None
    except GatedRepoError as error:
        raise UserError(
            f"{name}: may not be read; accept its terms on https://huggingface.co/{name}, then `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{name}: no such folder, and no such model on the hub (if it is private: `hf auth login`)"
        ) from error
    except OSError as error:
        raise Unreachable(f"{name}: fetching it failed: {str(error).partition(chr(10))[0][:300]}") from error


def adapter_folder(name: str) -> Path | None:
    """The folder, in the hub's cache, of the adapter with this id; None where the id is that of a whole model.

    Raises UserError as `hub_file` does, and where the adapter's weights can't be fetched.
    """
    from huggingface_hub import snapshot_download, try_to_load_from_cache

    if isinstance(try_to_load_from_cache(name, "config.json"), str):
        return None
    try:
        if hub_file(name, ADAPTER_FILE) is None:
            return None
    except Unreachable:
        if is_here(name):
            return None
        raise
    try:
        with quiet():
            # Not what lies in folders, such as checkpoints, nor what other programs are to load.
            folder = Path(snapshot_download(name, ignore_patterns=["*/*", "*.gguf"]))
    except OSError as error:
        raise UserError(f"{name}: the adapter can't be fetched: {str(error).partition(chr(10))[0][:300]}") from error
    if not any(folder.glob("adapter_model.*")):
        raise UserError(f"{name}: the adapter's weights are not on this machine, and the hub can't be asked for them")
    return folder
