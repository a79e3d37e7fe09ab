"""Sends a data set to the Hugging Face hub, or says what would be sent. Never prints or asks for a token."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from curate.base.errors import UserError
from curate.base.extras import require
from curate.base.tables import count, size, things
from curate.export.tell.manifest import MANIFEST, read_manifest

if TYPE_CHECKING:
    from curate.export.write.job import Exported


def check_id(repo_id: str) -> None:
    """Raise UserError if this can't be the id of a repository, or if the hub's package is missing."""
    require("huggingface_hub", "--push-to-hub")
    from huggingface_hub.errors import HFValidationError
    from huggingface_hub.utils._validators import validate_repo_id

    try:
        validate_repo_id(repo_id)
    except HFValidationError as error:
        raise UserError(f"--push-to-hub {repo_id}: not a repository's id such as me/formulas") from error


def _where(repo_id: str, public: bool) -> str:
    return f"https://huggingface.co/datasets/{repo_id} ({'public' if public else 'private'} if it is new)"


def listing(folder: Path, repo_id: str, *, public: bool) -> Iterator[str]:
    """What `push` would send from a folder, one line per file."""
    check_id(repo_id)
    files = _files(folder)
    yield f"would send to {_where(repo_id, public)}:"
    for name, number in files.items():
        yield f"  {name}  {size(number)}"
    yield f"{things(len(files), 'file')}, {size(sum(files.values()))}"


def planned(made: Exported, repo_id: str, *, public: bool) -> Iterator[str]:
    """What would be sent from a data set that isn't written yet: sizes are unknown."""
    yield f"would send to {_where(repo_id, public)}:"
    form, shards = made.plan.options.form, made.plan.shards
    yield from (f"  {form.shard_name(shard)}  {things(shard.height, 'row')}" for shard in shards)
    yield from (f"  {name}" for name in form.finished(dict.fromkeys(shard.split for shard in shards)))
    dropped = made.plan.frame.height - made.plan.kept
    yield f"  dropped.parquet  {count(dropped)} rows"
    yield "  README.md, assets/, croissant.json, manifest.json"


def _files(folder: Path) -> dict[str, int]:
    """The files that the manifest lists, and the manifest, with their sizes: nothing else in the folder is sent."""
    files = {name: facts["bytes"] for name, facts in read_manifest(folder)["files"].items()}
    return {**files, MANIFEST: (folder / MANIFEST).stat().st_size}


def push(folder: Path, repo_id: str, *, public: bool, api: Any = None) -> str:
    """Send a finished data set; returns the line to print. Raises UserError if the hub refuses.

    api: a `huggingface_hub.HfApi`, which takes the token from where the hub's own tools keep it.
    """
    check_id(repo_id)
    from huggingface_hub import HfApi, get_token

    files = _files(folder)
    api = api or HfApi(library_name="texsieve")
    try:
        made = api.create_repo(repo_id, repo_type="dataset", private=not public, exist_ok=True)
        repo_id = getattr(made, "repo_id", repo_id)
        patterns = [_literal(name) for name in files]
        api.upload_folder(
            repo_id=repo_id,
            repo_type="dataset",
            folder_path=folder,
            allow_patterns=patterns,
            commit_message="Data set made by texsieve",
        )
    except Exception as error:  # the hub's errors, and whatever its client's libraries raise on a bad connection
        lines = str(error).strip().splitlines() or [type(error).__name__]
        said = _without_token(lines[0], get_token(), getattr(api, "token", None))
        # Not `from error`: with --debug its text would be printed as it is.
        raise UserError(f"{repo_id}: can't be sent: {said} ({type(error).__name__})") from None
    return f"sent      {things(len(files), 'file')}, {size(sum(files.values()))} to https://huggingface.co/datasets/{repo_id}"


def _literal(name: str) -> str:
    """A file's name as a pattern of `fnmatch` that matches only this name."""
    return "".join(f"[{c}]" if c in "*?[" else c for c in name)


def _without_token(text: str, *tokens: Any) -> str:
    for token in tokens:
        if isinstance(token, str) and token:
            text = text.replace(token, "…")
    return text
