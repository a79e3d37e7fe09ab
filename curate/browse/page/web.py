"""Serves the page over HTTP on 127.0.0.1 to whoever has its token. `answers` works out the answers.

Every web page that is open in the same browser can send requests here, and so can every user of the machine. So a
request must name this machine as its host, and come from this page if it names an origin. Requests for data, and
decisions, must carry the token: the page takes it from its address, keeps it in the browser's storage and sends it in
a header of its own. It isn't a cookie, because browsers send cookies to every port of the machine, and so to servers of
other users. Pictures have addresses that can't be guessed. No other page may show this one in a frame.
"""

from __future__ import annotations

import hmac
import json
import secrets
import socket
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from contextlib import suppress
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

from curate.base.errors import UserError
from curate.browse.page.answers import Answers
from curate.browse.process.guard import LOOPBACK

_HERE = Path(__file__).parent
_FILES = {
    "/": ("page.html", "text/html; charset=utf-8"),
    "/page.js": ("page.js", "text/javascript; charset=utf-8"),
    "/page.css": ("page.css", "text/css; charset=utf-8"),
}
_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; "
    "form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
_HEADERS = {
    "Content-Security-Policy": _POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}
#: The most bytes in a request's body; longer labels are refused.
_LARGEST = 1_000_000
#: How long a connection may be silent.
_SECONDS = 60
#: The most connections that haven't shown the token; beyond that, the oldest is closed.
_STRANGERS = 64
#: The header with the token.
TOKEN_HEADER = "X-Texsieve-Token"


class PageServer:
    """The page at `url`, which holds the token, from `start` to `stop`. listening: a socket on 127.0.0.1."""

    def __init__(self, answers: Answers, listening: socket.socket) -> None:
        self.answers = answers
        self.token = secrets.token_urlsafe(24)
        self.port = int(listening.getsockname()[1])

        class Handler(_Handler):
            pass

        Handler.answers, Handler.token = answers, self.token
        self._server = _Server(("127.0.0.1", self.port), Handler, bind_and_activate=False)
        self._server.socket.close()
        self._server.socket = listening
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/?token={self.token}"

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class _Server(ThreadingHTTPServer):
    """Bounds what strangers on this machine can take up: each connection has a thread."""

    daemon_threads = True

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self._strangers: OrderedDict[Any, None] = OrderedDict()
        self._guarding = threading.Lock()

    def process_request(self, request: Any, client_address: Any) -> None:
        with self._guarding:
            self._strangers[request] = None
            oldest = self._strangers.popitem(last=False)[0] if len(self._strangers) > _STRANGERS else None
        if oldest is not None:
            with suppress(OSError):
                oldest.shutdown(socket.SHUT_RDWR)
        super().process_request(request, client_address)

    def know(self, request: Any) -> None:
        """This connection has shown the token."""
        with self._guarding:
            self._strangers.pop(request, None)

    def shutdown_request(self, request: Any) -> None:
        self.know(request)
        super().shutdown_request(request)


class _Refused(Exception):
    def __init__(self, status: HTTPStatus, why: str) -> None:
        super().__init__(why)
        self.status = status


class _Handler(BaseHTTPRequestHandler):
    answers: Answers
    token: str
    server: _Server
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "texsieve", ""
    timeout = _SECONDS

    def do_GET(self) -> None:
        self._answered(self._get)

    def do_POST(self) -> None:
        self._answered(self._post)

    def handle(self) -> None:
        with suppress(ConnectionError, TimeoutError):  # the browser has gone
            super().handle()

    def finish(self) -> None:
        with suppress(ConnectionError, TimeoutError):
            super().finish()

    def log_message(self, *arguments: object) -> None:
        """Nothing is logged: the address holds the token."""

    def _answered(self, answer: Callable[[str, Mapping[str, str]], None]) -> None:
        try:
            self._check_origin()
            try:
                asked = urlsplit(self.path)
            except ValueError:
                raise _Refused(HTTPStatus.BAD_REQUEST, "Not an address.") from None
            answer(asked.path, {key: values[0] for key, values in parse_qs(asked.query).items()})
        except _Refused as refused:
            self.close_connection = True
            self._send(refused.status, f"{refused}\n".encode(), "text/plain; charset=utf-8")
        except UserError as error:
            self._send_json({"error": str(error)}, HTTPStatus.CONFLICT)
        except (ConnectionError, TimeoutError):
            self.close_connection = True
        except Exception as error:  # the page says what happened, the terminal where
            self.close_connection = True
            self.server.handle_error(self.request, self.client_address)
            told = {"error": f"a fault in texsieve: {type(error).__name__}: {error}"}
            self._send_json(told, HTTPStatus.INTERNAL_SERVER_ERROR)

    def _check_origin(self) -> None:
        if "Transfer-Encoding" in self.headers or (self.command == "GET" and "Content-Length" in self.headers):
            # What is left unread of a body would be taken for the next request.
            raise _Refused(HTTPStatus.BAD_REQUEST, "A body of this kind is not read.")
        hosts = self.headers.get_all("Host") or [""]
        host = hosts[0] if len(hosts) == 1 else ""
        try:
            name = urlsplit(f"//{host}").hostname
        except ValueError:
            name = None
        origin = self.headers.get("Origin")
        if name not in LOOPBACK or (origin is not None and origin != f"http://{host}"):
            raise _Refused(HTTPStatus.FORBIDDEN, "Only this page, on this machine, may ask.")

    def _check_site(self) -> None:
        """Another site's page may not ask, where the browser says which one asks."""
        if self.headers.get("Sec-Fetch-Site") not in (None, "same-origin"):
            raise _Refused(HTTPStatus.FORBIDDEN, "Only this page, on this machine, may ask.")

    def _check_token(self) -> None:
        given = self.headers.get(TOKEN_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.token.encode()):
            raise _Refused(HTTPStatus.FORBIDDEN, "Open the address that `curate browse` printed: it holds a token.")
        self.server.know(self.request)

    def _get(self, path: str, asked: Mapping[str, str]) -> None:
        if path == "/favicon.ico":
            self._send(HTTPStatus.NO_CONTENT, b"", "image/png")
            return
        if path != "/":  # a link may lead to the page itself, which has nothing of the run in it
            self._check_site()
        if path in _FILES:
            name, kind = _FILES[path]
            self._send(HTTPStatus.OK, (_HERE / name).read_bytes(), kind)
        elif path == "/api/start":
            self._check_token()
            self._send_json(self.answers.start())
        elif path == "/api/sample":
            self._check_token()
            self._send_json(self.answers.sample(asked.get("queue", ""), asked.get("way", "first"), asked.get("id", "")))
        elif path.startswith("/picture/"):
            picture = self.answers.picture(path.removeprefix("/picture/"))
            if picture is None:
                raise _Refused(HTTPStatus.NOT_FOUND, "No picture of this run.")
            self._send(HTTPStatus.OK, picture, "image/png", {"Cache-Control": "private, max-age=600"})
        else:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")

    def _post(self, path: str, asked: Mapping[str, str]) -> None:
        self._check_site()
        self._check_token()
        if self.headers.get("Origin") is None:
            raise _Refused(HTTPStatus.FORBIDDEN, "Only this page, on this machine, may ask.")
        order = {"/api/decide": self.answers.decide, "/api/look": self.answers.look}.get(path)
        if order is None:
            raise _Refused(HTTPStatus.NOT_FOUND, "There is nothing here.")
        self._send_json(order(self._body()))

    def _body(self) -> dict[str, Any]:
        length = self.headers.get("Content-Length", "")
        if self.headers.get_content_type() != "application/json" or not length.isascii() or not length.isdigit():
            raise _Refused(HTTPStatus.BAD_REQUEST, "Not JSON.")
        if len(length) > len(str(_LARGEST)) or int(length) > _LARGEST:
            raise _Refused(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, "Too long for a label.")
        try:
            body = json.loads(self.rfile.read(int(length)))
        except (ValueError, RecursionError):
            body = None
        if not isinstance(body, dict):
            raise _Refused(HTTPStatus.BAD_REQUEST, "Not JSON.")
        return body

    def _send_json(self, answer: Mapping[str, Any], status: HTTPStatus = HTTPStatus.OK) -> None:
        self._send(status, json.dumps(answer).encode("ascii"), "application/json")

    def _send(self, status: HTTPStatus, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> None:
        self.send_response(status)
        headers = {"Cache-Control": "no-store", **_HEADERS, **(more or {})}
        headers |= {"Content-Type": kind, "Content-Length": str(len(body))}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)
