"""Finds out within seconds whether the hub can be reached, before libraries try for minutes. Fetches nothing."""

from __future__ import annotations

import os
import socket
import sys
from pathlib import Path
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import getproxies

import click

from finetune.models.hub import Unreachable, is_here

#: Seconds that the hub has to answer.
PATIENCE = 10.0
OFFLINE = "HF_HUB_OFFLINE"


def check_reachable(name: str) -> None:
    """Say which model the hub is asked for. If it can't be reached, use what was downloaded before.

    Nothing is asked for a model in a folder, or with HF_HUB_OFFLINE set. Raises Unreachable if the hub can't be reached
    and the model was never downloaded.
    """
    if Path(name).is_dir() or os.environ.get(OFFLINE, "").upper() in ("1", "ON", "YES", "TRUE"):
        return
    host, port = _address()
    here = is_here(name)
    if not here:
        click.echo(f"asking {host} for {name} …", err=True)
    why = _failure(host, port)
    if why is None:
        return
    if not here:
        raise Unreachable(
            f"{name}: not on this machine, and {host} can't be reached ({why}); connect to the network, or name a "
            f"folder with the model. {OFFLINE}=1 keeps texsieve from asking"
        )
    click.echo(f"{host} can't be reached ({why}): using the downloaded {name}, as with {OFFLINE}=1", err=True)
    os.environ[OFFLINE] = "1"
    if "huggingface_hub" in sys.modules:
        import huggingface_hub.constants

        huggingface_hub.constants.HF_HUB_OFFLINE = True


def _address() -> tuple[str, int]:
    """Where requests to the hub go: to itself, a mirror of it, or a proxy."""
    endpoint = urlsplit(os.environ.get("HF_ENDPOINT") or "https://huggingface.co")
    proxy = getproxies().get(endpoint.scheme)
    place = urlsplit(proxy if proxy and "//" in proxy else f"//{proxy}") if proxy else endpoint
    return place.hostname or "huggingface.co", place.port or (443 if place.scheme == "https" else 80)


def _failure(host: str, port: int) -> str | None:
    """Why no connection can be made; None if one can. In a thread, because looking up a name may take minutes."""
    found: list[str | None] = []

    def connect() -> None:
        try:
            socket.create_connection((host, port), timeout=PATIENCE).close()
            found.append(None)
        except OSError as error:
            found.append(error.strerror or str(error))

    thread = Thread(target=connect, daemon=True)
    thread.start()
    thread.join(PATIENCE)
    return found[0] if found else f"no answer within {PATIENCE:g} s"
