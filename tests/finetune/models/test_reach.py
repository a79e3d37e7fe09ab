"""Whether the hub can be reached is known and said within seconds."""

from __future__ import annotations

import os
import socket
import sys
import time
from pathlib import Path

import pytest

from finetune.models import reach
from finetune.models.hub import Unreachable


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (reach.OFFLINE, "https_proxy", "HTTPS_PROXY", "http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(reach, "is_here", lambda name: name == "me/here")


@pytest.fixture
def closed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub is a port where nothing listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{port}")


def test_a_model_that_is_nowhere_is_one_line(closed: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        Unreachable, match=r"me/model: not on this machine, and 127\.0\.0\.1 can't be reached .*HF_HUB_OFF"
    ):
        reach.check_reachable("me/model")
    assert capsys.readouterr().err == "asking 127.0.0.1 for me/model …\n"


def test_a_model_that_was_downloaded_is_used(
    closed: None, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(reach.OFFLINE, "0")  # so that it is restored
    constants = pytest.importorskip("huggingface_hub.constants")
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    reach.check_reachable("me/here")
    assert "using the downloaded me/here, as with HF_HUB_OFFLINE=1" in capsys.readouterr().err
    assert os.environ[reach.OFFLINE] == "1"
    assert sys.modules["huggingface_hub.constants"].HF_HUB_OFFLINE


def test_a_hub_that_never_answers_gets_some_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reach, "PATIENCE", 0.3)
    monkeypatch.setattr(socket, "create_connection", lambda *given, **named: time.sleep(5))
    start = time.monotonic()
    with pytest.raises(Unreachable, match=r"no answer within 0\.3 s"):
        reach.check_reachable("me/model")
    assert time.monotonic() - start < 3


def test_a_hub_that_answers_costs_nothing(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        monkeypatch.setenv("HF_ENDPOINT", f"http://127.0.0.1:{server.getsockname()[1]}")
        reach.check_reachable("me/here")
    assert capsys.readouterr().err == ""


def test_nothing_is_asked_for_a_folder_or_offline(
    closed: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    reach.check_reachable(str(tmp_path))
    monkeypatch.setenv(reach.OFFLINE, "1")
    reach.check_reachable("me/model")
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("endpoint", "proxy", "address"),
    [
        ("", "", ("huggingface.co", 443)),
        ("https://mirror.org/hf", "", ("mirror.org", 443)),
        ("", "http://proxy:3128", ("proxy", 3128)),
        ("", "proxy:3128", ("proxy", 3128)),
    ],
)
def test_requests_go_to_the_hub_a_mirror_or_a_proxy(
    endpoint: str, proxy: str, address: tuple[str, int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_ENDPOINT", endpoint)
    if proxy:
        monkeypatch.setenv("https_proxy", proxy)
    assert reach._address() == address
