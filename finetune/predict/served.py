"""Asks a model behind a server with OpenAI's chat completions API, such as vLLM, SGLang or Ollama.

A request is an image, sent as PNG in the message, and the prompt. Several run at a time. Temporary failures are tried
again, with growing pauses. A row that never gets an answer is left out and reported at the end, so that the same
command asks it again.
"""

from __future__ import annotations

import base64
import io
import json
import math
import os
import random
import time
from collections.abc import Callable, Container, Iterable, Iterator, Mapping
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from dataclasses import dataclass, field
from itertools import islice
from threading import Event
from typing import Any
from urllib.parse import urlsplit

import httpx
from PIL import Image

from curate.base.errors import UserError
from curate.base.tables import things
from curate.base.visible import clip, visible
from finetune.predict.engines import Answer, Answerer, Asking, Question, Unopenable, Unopened, opened
from rules.sets.model_resize import MAX_PIXELS

#: The key is read from the first of these that is set. It is sent, but never printed or stored.
KEYS = ("TEXSIEVE_API_KEY", "OPENAI_API_KEY")
#: Seconds to wait for a connection, for the next bytes of an answer, and before the second try. The last is doubled
#: each time, plus a random part so that the tries of many rows don't come at once. The server's `Retry-After` has
#: precedence.
CONNECT, READ, FIRST_WAIT, LONGEST_WAIT = 10.0, 300.0, 1.0, 60.0
TRIES = 6
#: Requests at a time, unless the user sets a number.
AT_A_TIME = 8
#: After this many rows in succession without an answer, the server counts as gone.
GONE_AFTER = 10
#: A longer answer is rejected: no formula has megabytes.
MOST_BYTES = 4 << 20
#: The most characters per token. If a server ignores `max_tokens`, its answer is cut off.
_TOKEN_CHARACTERS = 64
#: Temporary failures: time-outs, too many requests, and faults of the server or of a proxy.
_MAY_PASS = frozenset({408, 409, 425, 429, 500, 502, 503, 504, 529})
#: Failures that every request would have: the key, the address or the model is wrong.
_HOPELESS = frozenset({401, 403, 404, 405})


class _Failed(Exception):
    """A row got no answer. hopeless: no other row will get one."""

    def __init__(self, why: str, hopeless: bool = False) -> None:
        super().__init__(why)
        self.hopeless = hopeless


class _MayPass(Exception):
    """A try failed, but the next may succeed. after: seconds that the server asks to wait."""

    def __init__(self, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.after = after


@dataclass
class ServedAsker(Answerer):
    """A model behind `server`, which has the name `model` there."""

    server: str
    model: str
    first_wait: float = FIRST_WAIT
    read_timeout: float = READ
    max_pixels: int = MAX_PIXELS
    _scored: bool = field(default=True, repr=False)
    _stopped: Event = field(default_factory=Event, repr=False)

    def __post_init__(self) -> None:
        """Raises UserError for an invalid address, or one with a password: the address is written to the run's file."""
        parts = urlsplit(self.server)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            raise UserError(f"--server {self.server}: not the address of a server, such as http://localhost:8000/v1")
        if parts.username or parts.password or parts.query or parts.fragment:
            raise UserError(f"--server: give only the address; the key is read from {' or '.join(KEYS)}")
        path = parts.path.rstrip("/").removesuffix("/chat/completions") or "/v1"
        self.server = f"{parts.scheme}://{parts.netloc}{path}"

    @property
    def base(self) -> str:
        return self.model

    def identity(self) -> dict[str, Any]:
        """What decides the answers of this model, as far as this side knows."""
        return {"kind": "served", "server": self.server, "served_model": self.model}

    def load(self, max_new_tokens: int) -> None:
        """Raises UserError if the server doesn't answer or lists models without this one. A server without a list is
        trusted.
        """
        with self._client() as client:
            try:
                with client.stream("GET", "models", timeout=CONNECT) as found:
                    body = _body(found)
            except httpx.HTTPError as error:
                raise UserError(f"{self.server}: no answer ({_words(error)}); is the server running?") from error
            except _MayPass as error:
                raise UserError(
                    f"{self.server}: {error}, when asked for its models; is this a model server?"
                ) from error
            except _Failed as error:
                raise UserError(f"{self.server}: {error}") from error
        if found.status_code in (401, 403):
            raise UserError(f"{self.server}: rejects the key ({found.status_code}); set {KEYS[0]}")
        try:
            names = [str(one["id"]) for one in json.loads(body)["data"]] if found.is_success else []
        except (ValueError, KeyError, TypeError, RecursionError):
            return
        if names and self.model not in names:
            shown = ", ".join(clip(visible(name), 60) for name in names[:10])
            raise UserError(f"{self.server}: has no model {self.model!r}; it has: {shown}")

    def ask(
        self,
        questions: Iterable[Question],
        prompt: str,
        asking: Asking,
        *,
        done: Container[str] = (),
        note: Callable[[str], None] = lambda line: None,
        unopened: Unopened | None = None,
    ) -> Iterator[list[Answer]]:
        """The answers to the questions that aren't `done`, as they come, with `asking.batch_size` requests at a time.

        Raises UserError at the end if rows got no answer, and at once if no row can get one.
        """
        self._stopped.clear()
        rest = (row for row in questions if row.sample_id not in done)
        failed: list[str] = []
        in_a_row = 0
        at_a_time = asking.batch_size or AT_A_TIME
        pool = ThreadPoolExecutor(at_a_time, thread_name_prefix="asking")
        client = self._client(at_a_time)
        try:
            under_way: dict[Future[Answer], Question] = {}
            while True:
                for row in islice(rest, at_a_time - len(under_way)):
                    under_way[pool.submit(self._answer, client, row, prompt, asking)] = row
                if not under_way:
                    break
                ready, _ = wait(under_way, timeout=self._longest(), return_when=FIRST_COMPLETED)
                if not ready:
                    raise UserError(f"{self.server}: the answers don't end; those so far are kept, and the same "
                                    "command continues")  # fmt: skip
                answers = []
                for one in ready:
                    row = under_way.pop(one)
                    try:
                        answers.append(one.result())
                        in_a_row = 0
                    except Unopenable as error:
                        if unopened is None:
                            raise
                        unopened(row.sample_id, error.why)
                    except _Failed as error:
                        failed.append(f"{clip(visible(row.sample_id), 60)}: {error}")
                        in_a_row += 1
                        if error.hopeless:
                            raise UserError(f"{self.server}: {error}") from error
                if answers:
                    yield answers
                if in_a_row >= GONE_AFTER:
                    raise UserError(
                        f"{self.server}: {in_a_row} rows in a row got no answer, the last: {failed[-1]}; the "
                        "answers so far are kept, and the same command continues"
                    )
        finally:
            self._stopped.set()
            client.close()
            pool.shutdown(wait=False, cancel_futures=True)
        if not self._scored:
            note("the server returns no log-probabilities, so there is no `score`")
        if failed:
            raise UserError(
                f"{self.server}: {things(len(failed), 'row')} got no answer, the first: {failed[0]}; the answers "
                "are kept, and the same command asks the other rows again"
            )

    def _longest(self) -> float:
        """Seconds after which a row is answered or has failed, whatever the server does; even headers may never end."""
        return TRIES * (5 * self.read_timeout + CONNECT + LONGEST_WAIT)

    def _client(self, most: int = 1) -> httpx.Client:
        key = next((os.environ[name] for name in KEYS if os.environ.get(name)), None)
        return httpx.Client(
            base_url=self.server,
            # A compressed answer can expand without bounds, so none is requested and none is accepted.
            headers={"Accept-Encoding": "identity", **({"Authorization": f"Bearer {key}"} if key else {})},
            timeout=httpx.Timeout(self.read_timeout, connect=CONNECT),
            limits=httpx.Limits(max_connections=most),
        )

    def _answer(self, client: httpx.Client, row: Question, prompt: str, asking: Asking) -> Answer:
        image = _data_url(opened(row))
        asked = {
            "model": self.model,
            "messages": [
                {
                    "role": "user",
                    "content": [
                        {"type": "image_url", "image_url": {"url": image}},
                        {"type": "text", "text": prompt},
                    ],
                }
            ],
            "max_tokens": asking.max_new_tokens,
            "temperature": asking.temperature,
            **({"seed": asking.seed} if asking.temperature else {}),
        }
        pause = self.first_wait
        for last in (*[False] * (TRIES - 1), True):
            started = time.perf_counter()
            try:
                came = self._post(client, asked)
                return self._read(row, came, time.perf_counter() - started, asking.max_new_tokens)
            except _MayPass as error:
                if last or self._stopped.is_set():
                    raise _Failed(f"{error}, {TRIES} times") from error
                seconds = error.after if error.after is not None else pause * random.uniform(0.5, 1)
                self._stopped.wait(min(seconds, LONGEST_WAIT))
                pause = min(2 * pause, LONGEST_WAIT)
        raise AssertionError("the last try raises")

    def _post(self, client: httpx.Client, asked: Mapping[str, Any]) -> Any:
        scored = self._scored
        try:
            with client.stream(
                "POST", "chat/completions", json={**asked, **({"logprobs": True} if scored else {})}
            ) as came:
                body = _body(came)
        except httpx.HTTPError as error:
            raise _MayPass(_words(error)) from error
        if came.status_code in _MAY_PASS:
            raise _MayPass(f"status {came.status_code}{_said(body)}", _seconds(came.headers.get("Retry-After")))
        if not came.is_success:
            if scored and b"logprob" in body:  # this server can't return them: don't ask for them from now on
                self._scored = False
                return self._post(client, asked)
            raise _Failed(f"status {came.status_code}{_said(body)}", came.status_code in _HOPELESS)
        try:
            return json.loads(body)
        except (ValueError, RecursionError) as error:
            raise _MayPass("the answer is not JSON") from error

    def _read(self, row: Question, came: Any, seconds: float, most: int) -> Answer:
        try:
            (choice,) = came["choices"]
            content = choice["message"]["content"]
            if isinstance(content, list):
                content = "".join(part["text"] for part in content if part.get("type") == "text")
            if not isinstance(content, str | None):
                raise TypeError(content)
            (content or "").encode()
        except (KeyError, ValueError, TypeError, AttributeError) as error:  # a UnicodeEncodeError is a ValueError
            raise _MayPass("the answer is not a chat completion with one choice") from error
        score, tokens = _score(choice)
        text = (content or "")[: _TOKEN_CHARACTERS * most]
        cut = choice.get("finish_reason") == "length" or len(text) < len(content or "")
        return Answer(row.sample_id, row.gt, text, row.image, round(seconds, 4), score, tokens, cut)


def _data_url(image: Image.Image) -> str:
    held = io.BytesIO()
    image.save(held, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(held.getvalue()).decode()}"


def _body(came: httpx.Response) -> bytes:
    """The body of an answer. Raises _MayPass if it doesn't end or is too slow, and _Failed if it is compressed or a
    redirect.
    """
    if came.is_redirect:
        where = clip(visible(came.headers.get("Location", "")), 200)
        raise _Failed(f"status {came.status_code}, a redirect to {where}; give --server that address", True)
    encoding = came.headers.get("Content-Encoding", "identity")
    if encoding.lower() != "identity":
        raise _Failed(f"the answer is compressed ({clip(visible(encoding), 40)}), which was not requested", True)
    body = bytearray()
    started = time.monotonic()
    for part in came.iter_raw():
        body += part
        if len(body) > MOST_BYTES:
            raise _MayPass(f"the answer is longer than {MOST_BYTES >> 20} MiB")
        if time.monotonic() - started > 4 * (came.request.extensions["timeout"]["read"] or READ):
            raise _MayPass("the answer doesn't end")
    return bytes(body)


def _score(choice: Mapping[str, Any]) -> tuple[float | None, int]:
    """Mean log-probability of the tokens of the answer, and their number; None if the server returns no usable ones."""
    try:
        found = [float(one["logprob"]) for one in choice["logprobs"]["content"]]
    except (KeyError, TypeError, ValueError, OverflowError):
        return None, 0
    if not found or not all(math.isfinite(one) and one <= 1e-6 for one in found):
        return None, len(found)
    return round(min(sum(found) / len(found), 0.0), 6), len(found)


def _seconds(text: str | None) -> float | None:
    try:
        seconds = float(text or "")
    except ValueError:  # a date, or nothing
        return None
    return seconds if 0 <= seconds < math.inf else None


def _said(body: bytes) -> str:
    """The server's error message: from its JSON, else the beginning of the text."""
    try:
        error = json.loads(body)
        error = error.get("error", error) if isinstance(error, dict) else error
        text = error.get("message") if isinstance(error, dict) else error
    except (ValueError, RecursionError):
        text = body[:500].decode("utf-8", "replace")
    return f" ({clip(visible(' '.join(str(text).split())), 200)})" if text else ""


def _words(error: httpx.HTTPError) -> str:
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout):
        return "no connection"
    return "no answer in time" if isinstance(error, httpx.TimeoutException) else "the connection was lost"
