"""Asks the hub about a model, and fetches adapters. Complete models are fetched when they are loaded, not here."""

from __future__ import annotations

from pathlib import Path

from curate.base.errors import UserError
from finetune.models.adapters import ADAPTER_FILE
from finetune.models.quiet import quiet
from finetune.settings.config import ModelConfig

#: Suffixes of the models with 4-bit weights that Unsloth loads instead of the named one.
QUANTIZED = ("-unsloth-bnb-4bit", "-bnb-4bit")


class Unreachable(UserError):
    """The hub can't be reached."""


def check_id(name: str) -> None:
    """Raises UserError for a name that can't be an id on the hub. Sends no request."""
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(name)
    except HFValidationError as error:
        raise UserError(f"{name}: no such folder, and not an id on the hub such as {ModelConfig.name}") from error


def is_here(name: str) -> bool:
    """Whether the complete model with this id, or the one that Unsloth loads instead, was downloaded before."""
    from huggingface_hub import try_to_load_from_cache

    names = {f"{own}{ending}" for own in (name, f"unsloth/{name.rpartition('/')[2]}") for ending in ("", *QUANTIZED)}
    names |= {one.lower() for one in names}
    return any(isinstance(try_to_load_from_cache(one, "config.json"), str) for one in names)


def hub_file(name: str, file: str) -> Path | None:
    """A small file of the model with this id, from the cache if possible; None if the model doesn't have the file.

    Raises UserError if there is no such model, if access is denied, or if the hub can't be reached.
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
            f"{name}: no such folder, and the hub can't be asked for a model with that name (no network, or "
            "HF_HUB_OFFLINE is set)"
        ) from error
    except EntryNotFoundError:
        return None
    except GatedRepoError as error:
        raise UserError(
            f"{name}: access denied; accept its terms on https://huggingface.co/{name}, then `hf auth login`"
        ) from error
    except RepositoryNotFoundError as error:
        raise UserError(
            f"{name}: no such folder, and no such model on the hub (if it is private: `hf auth login`)"
        ) from error
    except OSError as error:
        raise Unreachable(f"{name}: the download failed: {str(error).partition(chr(10))[0][:300]}") from error


def adapter_folder(name: str) -> Path | None:
    """The folder of the adapter with this id, in the hub's cache; None if the id is that of a complete model.

    Raises UserError as `hub_file` does, and if the weights of the adapter can't be fetched.
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
            # Without subfolders, such as checkpoints, and without files for other programs.
            folder = Path(snapshot_download(name, ignore_patterns=["*/*", "*.gguf"]))
    except OSError as error:
        raise UserError(f"{name}: the adapter can't be fetched: {str(error).partition(chr(10))[0][:300]}") from error
    if not any(folder.glob("adapter_model.*")):
        raise UserError(f"{name}: the adapter's weights are not on this machine, and the hub can't be reached")
    return folder
