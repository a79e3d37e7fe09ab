"""Protects FiftyOne's server: lets in only pages of this machine, and hands out only pictures of the run.

FiftyOne's App has no login, answers to any host name and gives out any file that it can read. Even on one's own machine
this lets every web page that is open in a browser send it orders, and lets a page whose name resolves to 127.0.0.1 read
the answers. So requests must name this machine as their host, and as their origin if they have one; and `/media` gives
only pictures of the dataset, which are made on the way if they aren't there yet.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, TypeAlias
from urllib.parse import parse_qs, quote, urlsplit

Scope: TypeAlias = MutableMapping[str, Any]
Receive: TypeAlias = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send: TypeAlias = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application: TypeAlias = Callable[[Scope, Receive, Send], Awaitable[None]]
#: The file to send for a requested path, or None if the path isn't one of the run's.
Pictures: TypeAlias = Callable[[str], Awaitable[str | None]]

LOOPBACK = ("127.0.0.1", "localhost", "::1")


class Guard:
    """An ASGI application that passes allowed requests on to another."""

    def __init__(self, app: Application, pictures: Pictures) -> None:
        self._app = app
        self._pictures = pictures

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] in ("http", "websocket"):
            if not is_local(scope["headers"]):
                await _answer(scope, send, 403, b"Only pages of this machine may talk to this App.")
                return
            if scope["type"] == "http" and scope["path"] == "/media":
                asked = parse_qs(scope["query_string"].decode("latin-1")).get("filepath", [""])[0]
                found = await self._pictures(asked) if asked else None
                if found is None:
                    await _answer(scope, send, 404, b"No picture of this run.")
                    return
                scope = {**scope, "query_string": f"filepath={quote(found, safe='')}".encode("ascii")}
        await self._app(scope, receive, send)


def is_local(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether Host and Origin name this machine, and no other site's page asks. Any port will do: it may be forwarded
    (`ssh -L`). Another site may have a link to the App, but not show it in a frame or ask in any other way."""
    named = {name.lower(): value.decode("latin-1") for name, value in headers}
    if named.get(b"sec-fetch-site") == "cross-site" and named.get(b"sec-fetch-dest") != "document":
        return False
    try:
        hosts = [urlsplit(f"//{named.get(b'host', '')}").hostname]
        if b"origin" in named:
            hosts.append(urlsplit(named[b"origin"]).hostname)
    except ValueError:  # not an address at all, such as `[::`
        return False
    return all(host in LOOPBACK for host in hosts)


async def _answer(scope: Scope, send: Send, status: int, text: bytes) -> None:
    if scope["type"] == "websocket":
        await send({"type": "websocket.close", "code": 1008})
        return
    await send({"type": "http.response.start", "status": status, "headers": [(b"content-type", b"text/plain")]})
    await send({"type": "http.response.body", "body": text})
