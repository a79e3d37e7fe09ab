"""A chat completions server on loopback: answers with the number in the image, or with the fault it is asked for."""

from __future__ import annotations

import base64
import gzip
import io
import json
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from PIL import Image

MODEL = "merged"


@dataclass
class ChatServer:
    """fault: gets the row's number and how often it was asked before; returns the name of a fault, or None."""

    fault: Callable[[int, int], str | None] = lambda row, before: None
    #: The models that it lists, None for no list, or the name of the fault that a request for the list gets.
    models: list[str] | str | None = field(default_factory=lambda: [MODEL])
    key: str | None = None
    #: How it answers a request; None: with the number in the picture.
    answer: Callable[[dict[str, Any]], dict[str, Any]] | None = None
    seconds: float = 0.0
    asked: Counter[int] = field(default_factory=Counter)
    requests: list[dict[str, Any]] = field(default_factory=list)
    most_at_once: int = 0
    url: str = ""
    _now: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)

    @contextmanager
    def running(self) -> Iterator[ChatServer]:
        server = ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        server.daemon_threads = True
        server.handle_error = lambda *_: None  # a client that went away is not the server's fault
        self.url = f"http://127.0.0.1:{server.server_port}/v1"
        threading.Thread(target=server.serve_forever, daemon=True).start()
        try:
            yield self
        finally:
            server.shutdown()
            server.server_close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        told = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def log_message(self, *_: object) -> None:
                pass

            def reply(self, status: int, body: bytes, length: int | None = None, **headers: str) -> None:
                self.send_response(status)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body) if length is None else length))
                for name, value in headers.items():
                    self.send_header(name.replace("_", "-"), value)
                self.end_headers()
                self.wfile.write(body)

            def allowed(self) -> bool:
                if told.key is None or self.headers.get("Authorization") == f"Bearer {told.key}":
                    return True
                self.reply(401, b'{"error": {"message": "wrong key"}}')
                return False

            def do_GET(self) -> None:
                if not self.allowed():
                    return
                if isinstance(told.models, str):
                    self.faulty(told.models)
                elif told.models is None:
                    self.reply(404, b"")
                else:
                    self.reply(200, json.dumps({"data": [{"id": name} for name in told.models]}).encode())

            def do_POST(self) -> None:
                request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                if not self.allowed():
                    return
                number = number_of(request) if told.answer is None else 0
                with told._lock:
                    told.requests.append(request)
                    before = told.asked[number]
                    told.asked[number] += 1
                    told._now += 1
                    told.most_at_once = max(told.most_at_once, told._now)
                try:
                    time.sleep(told.seconds)
                    fault = told.fault(number, before)
                    if fault is None and told.answer is not None:
                        self.reply(200, json.dumps(told.answer(request)).encode())
                    elif fault is None:
                        self.reply(
                            200, json.dumps(completion(f"x_{{{number}}}", bool(request.get("logprobs")))).encode()
                        )
                    else:
                        self.faulty(fault)
                except (BrokenPipeError, ConnectionResetError):
                    self.close_connection = True
                finally:
                    with told._lock:
                        told._now -= 1

            def faulty(self, fault: str) -> None:
                if fault.isdigit():
                    self.reply(int(fault), b'{"error": {"message": "not now"}}', Retry_After="0")
                elif fault == "no logprobs":
                    self.reply(400, b'{"error": {"message": "logprobs are not supported"}}')
                elif fault == "drop":
                    self.close_connection = True
                    self.connection.close()
                elif fault == "cut":
                    self.reply(200, b'{"choices": [', length=1000)
                    self.close_connection = True
                elif fault == "endless":
                    self.send_response(200)
                    self.end_headers()
                    for _ in range(80):
                        self.wfile.write(b" " * 100_000)
                    self.close_connection = True
                elif fault.startswith("to "):
                    self.reply(302, b"", Location=fault[3:])
                elif fault == "bomb":
                    self.reply(200, gzip.compress(b" " * 50_000_000), Content_Encoding="gzip")
                elif fault == "drip":
                    self.send_response(200)
                    self.end_headers()
                    for _ in range(400):
                        self.wfile.write(b" ")
                        time.sleep(0.05)
                    self.close_connection = True
                elif fault == "head":
                    for _ in range(400):
                        self.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")
                        time.sleep(0.05)
                    self.close_connection = True
                elif fault == "slow":
                    time.sleep(2)
                    self.reply(200, b"{}")
                else:
                    self.reply(200, {"no JSON": b"<html>", "no choices": b'{"choices": []}', "a list": b"[1]",
                                     "number": b'{"choices": [{"message": {"content": 3}}]}',
                                     "surrogate": b'{"choices": [{"message": {"content": "\\ud800"}}]}',
                                     "deep": b"[" * 100_000,
                                     "three choices": json.dumps({"choices": completion("y")["choices"] * 3}).encode(),
                                     "huge": json.dumps(completion("y" * 3_000_000)).encode(),
                                     "odd score": odd_score()}[fault])  # fmt: skip

        return Handler


def odd_score() -> bytes:
    """A right answer whose log-probability is an integer too large for a float."""
    answer = completion("y")
    answer["choices"][0]["logprobs"]["content"][0]["logprob"] = 10**400
    return json.dumps(answer).encode()


def completion(text: str, scored: bool = True, finish: str = "stop") -> dict[str, Any]:
    logprobs = {"content": [{"token": "x", "logprob": -0.25}, {"token": "", "logprob": -0.75}]} if scored else None
    return {"choices": [{"message": {"content": text}, "finish_reason": finish, "logprobs": logprobs}]}


def picture_of(request: dict[str, Any]) -> Image.Image:
    """The image in a request."""
    url = request["messages"][0]["content"][0]["image_url"]["url"]
    kind, data = url.split(",", 1)
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(data))).convert("RGB")


def number_of(request: dict[str, Any]) -> int:
    """The number: the red of the image's first pixel plus a hundred times its green."""
    red, green, _ = picture_of(request).getpixel((0, 0))
    return red + 100 * green
