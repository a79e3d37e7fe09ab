"""Uploads to a stand-in for the hub: what is sent, and what is said about a token."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from run_makers import exported, labels_only, make_run

from curate.base.errors import UserError
from curate.export.tell import hub

TOKEN = "hf_verysecrettoken"


class Api:
    """Records the calls; raises `error` if one is set."""

    token = TOKEN

    def __init__(self, error: Exception | None = None) -> None:
        self.calls: list[tuple[str, dict[str, Any]]] = []
        self.error = error

    def create_repo(self, repo_id: str, **options: Any) -> None:
        self.calls.append((repo_id, options))

    def upload_folder(self, **options: Any) -> None:
        if self.error is not None:
            raise self.error
        self.calls.append(("upload", options))


@pytest.fixture
def out(tmp_path: Path) -> Path:
    return exported(make_run(tmp_path / "run", labels_only(30)), tmp_path / "out").out


def test_what_the_manifest_lists_is_sent_and_nothing_else(out: Path) -> None:
    (out / "notes.txt").write_text("mine")
    api = Api()
    said = hub.push(out, "me/formulas", public=False, api=api)
    (repo, made), (_, sent) = api.calls
    assert (repo, made["repo_type"], made["private"]) == ("me/formulas", "dataset", True)
    assert sent["folder_path"] == out
    assert "notes.txt" not in sent["allow_patterns"]
    assert {"README.md", "manifest.json", "dropped.parquet"} <= set(sent["allow_patterns"])
    assert "https://huggingface.co/datasets/me/formulas" in said


def test_a_public_repository_has_to_be_asked_for(out: Path) -> None:
    api = Api()
    hub.push(out, "me/formulas", public=True, api=api)
    assert api.calls[0][1]["private"] is False


def test_a_token_is_never_printed(out: Path) -> None:
    api = Api(ValueError(f"401 for header Bearer {TOKEN}"))
    with pytest.raises(UserError) as raised:
        hub.push(out, "me/formulas", public=False, api=api)
    assert TOKEN not in str(raised.value)
    assert "me/formulas: can't be sent: 401 for header Bearer …" in str(raised.value)


@pytest.mark.parametrize(
    "error", [httpx.ConnectError("no route"), httpx.ReadTimeout("slow"), RuntimeError("no route"), OSError("no route")]
)
def test_a_connection_that_breaks_is_one_clear_line(out: Path, error: Exception) -> None:
    with pytest.raises(UserError, match=r"^me/formulas: can't be sent: (no route|slow)"):
        hub.push(out, "me/formulas", public=False, api=Api(error))


@pytest.mark.parametrize("repo_id", ["me//x", "a/b/c", "-x", "me/x..y"])
def test_what_can_not_be_a_repository_is_an_error(repo_id: str) -> None:
    with pytest.raises(UserError, match="not a repository's id"):
        hub.check_id(repo_id)


def test_a_dry_run_lists_every_file_and_sends_none(out: Path) -> None:
    lines = list(hub.listing(out, "me/formulas", public=False))
    assert lines[0] == "would send to https://huggingface.co/datasets/me/formulas (private if it is new):"
    listed = {line.split("  ")[1] for line in lines[1:-1]}
    assert listed == {path.relative_to(out).as_posix() for path in out.rglob("*") if path.is_file()}
    assert lines[-1].startswith(f"{len(listed)} files")
