"""The page for deciding by keys, without a browser: who may use it, what it answers, what it writes."""

from __future__ import annotations

import http.client
import json
import shutil
import socket
import struct
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from browsing import make_run, page_of

from curate.browse.page.queues import pick
from curate.browse.page.shown import changed, marked
from curate.browse.page.web import _STRANGERS, TOKEN_HEADER, PageServer
from curate.runs.decisions import append_decisions, decide, read_decisions

LABELS = [r"\frac{a}{b}", r"$\alpha + 1$", r"\frac{a", "x <script>alert(1)</script>", "\x0crac{a}{b}"]
OPEN, DELIMITED = "formulas/s2", "formulas/s1"


@pytest.fixture(scope="module")
def _made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_run(tmp_path_factory.mktemp("page"), [(label, ".png") for label in LABELS])


@pytest.fixture
def run(_made: Path, tmp_path: Path) -> Path:
    shutil.copytree(_made.parent, tmp_path / "made")
    run = tmp_path / "made" / "run"
    summary = json.loads((run / "summary.json").read_text())
    read = [{"sample_id": OPEN, "pred_label": r"\frac{a}{b}", "pred_count": 3, "pred_agree": 2}]
    summary["predictions"] = {"files": [], "likely_label_errors": read}
    (run / "summary.json").write_text(json.dumps(summary))
    return run


@pytest.fixture
def page(run: Path, tmp_path: Path) -> Iterator[PageServer]:
    with page_of(run, tmp_path / "work") as server:
        yield server


def asked(page: PageServer, path: str, body: Any = None, **headers: str) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer. The request is as the page sends it, unless the headers say otherwise."""
    own = {"Host": f"127.0.0.1:{page.port}", TOKEN_HEADER: page.token}
    if body is not None:
        own |= {"Origin": f"http://127.0.0.1:{page.port}", "Content-Type": "application/json"}
    own |= {name.replace("_", "-").replace("X-Texsieve-Token", TOKEN_HEADER): value for name, value in headers.items()}
    connection = http.client.HTTPConnection("127.0.0.1", page.port, timeout=30)
    data = None if body is None else body if isinstance(body, bytes) else json.dumps(body).encode()
    connection.putrequest("GET" if body is None else "POST", path, skip_host=True)
    length = {} if data is None else {"Content-Length": str(len(data))}
    for name, value in {**length, **own}.items():
        if value:
            connection.putheader(name, value)
    connection.endheaders(data)
    answer = connection.getresponse()
    found = answer.status, dict(answer.getheaders()), answer.read()
    connection.close()
    return found


def got(page: PageServer, path: str, body: Any = None) -> dict[str, Any]:
    status, _, answer = asked(page, path, body)
    assert status == 200, answer
    found: dict[str, Any] = json.loads(answer)
    return found


def sample(page: PageServer, sample_id: str) -> dict[str, Any]:
    found: dict[str, Any] = got(page, f"/api/sample?queue=all&way=here&id={sample_id}")["sample"]
    return found


def order(shown: dict[str, Any], action: str, label: str | None = None, **more: Any) -> dict[str, Any]:
    return {
        "id": shown["id"],
        "judged": shown["label"],
        "seen": shown["seen"],
        "action": action,
        "label": label,
        **more,
    }


def standing(run: Path) -> dict[str, tuple[str, str | None, str]]:
    found = read_decisions(run / "decisions.jsonl").standing
    return {name: (decision.action, decision.label, decision.who) for name, decision in found.items()}


# Who may use it -------------------------------------------------------------------------------------------------------


def test_the_page_itself_has_nothing_of_the_run_and_sets_no_cookie(page: PageServer) -> None:
    """Browsers send the cookies of one port of a host to all others, so another user's server would get them."""
    _, _, with_token = asked(page, f"/?token={page.token}", X_Texsieve_Token="")
    # a link to the page, for example in a chat
    status, headers, body = asked(page, "/", X_Texsieve_Token="", Sec_Fetch_Site="cross-site")
    assert (status, b"page.js" in body, with_token) == (200, True, body)
    assert "Set-Cookie" not in headers
    assert "frame-ancestors 'none'" in headers["Content-Security-Policy"]
    assert "script-src 'self'" in headers["Content-Security-Policy"]
    assert (headers["X-Frame-Options"], headers["X-Content-Type-Options"]) == ("DENY", "nosniff")


REFUSED = {
    "no token": {"X_Texsieve_Token": ""},
    "another token": {"X_Texsieve_Token": "guess"},
    "a token that is no text": {"X_Texsieve_Token": "\xff"},
    "a token as a cookie": {"X_Texsieve_Token": "", "Cookie": "texsieve-PORT=TOKEN"},
    "a name that resolves to this machine": {"Host": "evil.example:PORT"},
    "no host": {"Host": "[::"},
    "another site's page": {"Origin": "http://evil.example"},
    "a page of another server on this machine": {"Origin": "http://127.0.0.1:1"},
    "a sandboxed frame": {"Origin": "null"},
    "an older server's neighbour": {"Sec_Fetch_Site": "same-site"},
}


@pytest.mark.parametrize("headers", REFUSED.values(), ids=REFUSED)
def test_nobody_else_may_look_or_decide(page: PageServer, run: Path, headers: dict[str, str]) -> None:
    order_ = order(sample(page, OPEN), "reject")
    filled = {
        name: value.replace("PORT", str(page.port)).replace("TOKEN", page.token) for name, value in headers.items()
    }
    for path, body in (("/api/sample?queue=all", None), ("/api/decide", order_), ("/api/look", {})):
        status, answer_headers, answer = asked(page, path, body, **filled)
        assert status == 403, (path, answer)
        assert page.token.encode() not in answer
        assert "Access-Control-Allow-Origin" not in answer_headers
    assert standing(run) == {}


def test_a_form_of_another_page_decides_nothing(page: PageServer, run: Path) -> None:
    """A form can't send JSON, and it has another origin; a request without an origin doesn't come from the page."""
    body = order(sample(page, OPEN), "reject")
    assert asked(page, "/api/decide", body, Content_Type="text/plain")[0] == 400
    assert asked(page, "/api/decide", body, Origin="")[0] == 403
    assert asked(page, "/api/decide?" + "&".join(f"{name}={value}" for name, value in body.items()))[0] == 404
    assert standing(run) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"{",
        b"[1]",
        b"[" * 5000,
        b'{"id": 3}',
        b'{"id": "formulas/s2", "label": 7}',
        b'{"id": "formulas/s2", "judged": "", "action": {}}',
    ],
)
def test_nonsense_gets_an_answer(page: PageServer, body: bytes) -> None:
    for path in ("/api/decide", "/api/look"):
        assert asked(page, path, body)[0] in (400, 409)


@pytest.mark.parametrize(
    ("length", "status"), [("99999999", 413), ("9" * 5000, 413), ("-1", 400), ("²", 400), ("", 400)]
)
def test_an_order_of_a_strange_length_is_not_read(page: PageServer, length: str, status: int) -> None:
    assert asked(page, "/api/decide", b"{}", Content_Length=length)[0] == status


@pytest.mark.parametrize("path", ["/../web.py", "/web.py", "/picture/../../../etc/passwd", "/picture/", "/api/"])
def test_there_is_nothing_else(page: PageServer, path: str) -> None:
    assert asked(page, path)[0] == 404


def raw(page: PageServer, sent: bytes) -> bytes:
    """All that comes back for these bytes."""
    with socket.create_connection(("127.0.0.1", page.port), 30) as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.mark.parametrize(
    ("head", "status"),
    [
        ("GET /api/start HTTP/1.0", 403),
        ("GET /api/start", 403),
        ("GET /api/start HTTP/1.1\r\nHost: 127.0.0.1\r\nHost: evil.example", 403),
        ("GET http://evil.example/api/start HTTP/1.1", 403),
        ("OPTIONS /api/decide HTTP/1.1\r\nHost: 127.0.0.1:PORT", 501),
        ("GET /" + "a" * 70_000 + " HTTP/1.1", 414),
        ("GET / HTTP/1.1\r\n" + "a: b\r\n" * 200, 431),
        ("\x16\x03\x01", 400),
    ],
)
def test_requests_that_no_browser_sends_get_no_answer(page: PageServer, head: str, status: int) -> None:
    sent = f"{head}\r\n{TOKEN_HEADER}: {page.token}\r\n\r\n".replace("PORT", str(page.port)).encode("latin-1")
    answer = raw(page, sent)
    said = (f"HTTP/1.1 {status} ".encode(), f"Error code: {status}".encode(), b"Only this page")  # HTTP/0.9: no status
    assert any(words in answer for words in said)
    assert b"queues" not in answer
    assert page.token.encode() not in answer


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\r\nContent-Length: LENGTH",
        "GET / HTTP/1.1\r\nTransfer-Encoding: chunked",
        "POST /api/decide HTTP/1.1\r\nTransfer-Encoding: chunked",
        "POST /api/decide HTTP/1.1\r\nContent-Length: LENGTH",
    ],
)
def test_a_body_is_never_taken_for_the_next_request(page: PageServer, head: str) -> None:
    host = f"Host: 127.0.0.1:{page.port}\r\n"
    hidden = f"GET /api/start HTTP/1.1\r\n{host}{TOKEN_HEADER}: {page.token}\r\n\r\n"
    answer = raw(page, f"{head}\r\n{host}\r\n{hidden}".replace("LENGTH", str(len(hidden))).encode())
    assert answer.count(b"HTTP/1.1 ") == 1
    assert b"queues" not in answer


def test_silent_connections_keep_nobody_out(page: PageServer, capfd: pytest.CaptureFixture[str]) -> None:
    """Each has a thread; of too many, the oldest is closed."""
    before = threading.active_count()
    silent = [socket.create_connection(("127.0.0.1", page.port), 30) for _ in range(3 * _STRANGERS)]
    for connection in silent[::2]:
        connection.sendall(b"GET / HTTP/1.1\r\nHost: 127.0.")
    assert asked(page, "/api/start")[0] == 200
    end = time.monotonic() + 30
    while threading.active_count() > before + _STRANGERS + 2:
        assert time.monotonic() < end
        time.sleep(0.05)
    for connection in silent:  # with a reset, not an end
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()
    assert asked(page, "/api/start")[0] == 200
    assert capfd.readouterr().err == ""  # nothing of it reaches the terminal


def test_a_fault_is_told_on_the_page(
    page: PageServer, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(page.answers, "look", lambda asked: 1 / 0)
    status, _, answer = asked(page, "/api/look", {"id": OPEN, "label": "x"})
    assert (status, json.loads(answer)) == (500, {"error": "a fault in texsieve: ZeroDivisionError: division by zero"})
    assert asked(page, "http://[")[0] == 400
    assert "ZeroDivisionError" in capfd.readouterr().err  # with its traceback, for a bug report


# What is shown --------------------------------------------------------------------------------------------------------


def test_a_sample_comes_with_its_state_message_and_proposals(page: PageServer) -> None:
    shown = sample(page, OPEN)
    assert (shown["label"], shown["severity"], shown["decision"]) == (LABELS[2], "error", None)
    messages = ["".join(text for text, _ in finding["message"]) for finding in shown["findings"]]
    assert "this brace is never closed" in messages
    assert [version["kind"] for version in shown["versions"]] == ["label", "reading"]
    assert shown["versions"][1]["note"] == "2 of 3 models"
    fixed = sample(page, DELIMITED)["versions"]
    assert [(version["kind"], version["label"]) for version in fixed] == [
        ("label", LABELS[1]),
        ("fix", r"\alpha + 1"),
    ]
    for address in (shown["photo"], *(version["picture"] for version in shown["versions"])):
        status, headers, picture = asked(page, address)
        assert (status, headers["Content-Type"], picture[:4]) == (200, "image/png", b"\x89PNG")


def test_lists_pass_over_what_is_decided_and_arrows_do_not(page: PageServer, run: Path) -> None:
    lists = {entry["name"]: entry["samples"] for entry in got(page, "/api/start")["queues"]}
    assert lists["all"] == 5
    assert lists["SYN001"] == 1
    first = got(page, "/api/sample?queue=all&way=first")
    append_decisions(run, [decide(first["sample"]["id"], "accept", first["sample"]["label"], None, "bob")])
    after = got(page, "/api/sample?queue=all&way=first")
    assert (after["queue"]["at"], after["queue"]["decided"], after["queue"]["total"]) == (1, 1, 5)
    back = got(page, f"/api/sample?queue=all&way=previous&id={after['sample']['id']}")
    assert back["sample"]["id"] == first["sample"]["id"]
    assert back["sample"]["decision"]["who"] == "bob"
    assert got(page, f"/api/sample?queue=all&way=previous&id={first['sample']['id']}")["sample"] is None


def test_samples_picked_in_the_app_come_in_their_order_decided_or_not(
    page: PageServer, run: Path, tmp_path: Path
) -> None:
    append_decisions(run, [decide(OPEN, "reject", LABELS[2], None, "bob")])
    name = pick([OPEN, DELIMITED], tmp_path / "work" / "picked")
    first = got(page, f"/api/sample?queue={name}&way=first")
    assert (first["sample"]["id"], first["queue"]["total"], first["queue"]["decided"]) == (OPEN, 2, 1)
    assert got(page, f"/api/sample?queue={name}&way=open&id={OPEN}")["sample"]["id"] == DELIMITED
    assert asked(page, "/api/sample?queue=picked-../../summary&way=first")[0] == 409


def test_texts_are_cut_where_they_are_marked() -> None:
    assert marked("abcdef", [(1, 3), (2, 4), (None, None), (5, 5)]) == [
        ("a", ""),
        ("bc", "mark"),
        ("d", "mark"),
        ("ef", ""),
    ]
    assert changed("x^2", "x^3") == [("x^", ""), ("2", "removed"), ("3", "added")]
    assert changed("a\tb", "ab") == [("a", ""), ("⟨TAB⟩", "removed ctl"), ("b", "")]


# What is decided ------------------------------------------------------------------------------------------------------


def test_decisions_are_written_as_they_were_seen(page: PageServer, run: Path) -> None:
    assert got(page, "/api/decide", order(sample(page, DELIMITED), "fix", r"\alpha + 1"))["message"] == "1 fixed."
    assert got(page, "/api/decide", order(sample(page, OPEN), "edit", r"\frac{a}{b}", who="bea"))["done"]
    assert standing(run) == {DELIMITED: ("fix", r"\alpha + 1", "ann"), OPEN: ("edit", r"\frac{a}{b}", "bea")}
    again = sample(page, OPEN)
    assert again["versions"][-1]["kind"] == "reading"  # the version that was decided on
    assert again["decision"]["who"] == "bea"
    assert got(page, "/api/decide", order(again, "undo"))["message"] == "1 decision taken back."
    assert OPEN not in standing(run)


def test_two_people_are_merged_and_neither_overwrites_the_other_unseen(
    page: PageServer, run: Path, tmp_path: Path
) -> None:
    """Two commands on one run, as by two users: they share one file, and each sees the other's decisions."""
    with page_of(run, tmp_path / "other", "bob") as other:
        mine, theirs = sample(page, OPEN), sample(other, OPEN)
        assert got(page, "/api/decide", order(mine, "reject"))["done"]
        refused = got(other, "/api/decide", order(theirs, "edit", "x"))
        assert (refused["done"], refused["message"]) == (
            False,
            "ann rejected this sample meanwhile. Look again, then decide.",
        )
        assert standing(run) == {OPEN: ("reject", None, "ann")}
        assert got(other, "/api/decide", order(sample(other, OPEN), "edit", "x"))["done"]
        assert not got(page, "/api/decide", order({**mine, "seen": "0"}, "undo"))["done"]
        assert standing(run) == {OPEN: ("edit", "x", "bob")}
        assert got(other, "/api/decide", order(sample(other, DELIMITED), "accept"))["done"]
        assert got(page, "/api/sample?queue=all&way=first")["queue"]["decided"] == 2


def test_a_label_that_changed_is_not_decided_on(page: PageServer, run: Path) -> None:
    shown = {**sample(page, OPEN), "label": "another"}
    refused = got(page, "/api/decide", order(shown, "accept"))
    assert (refused["done"], "another label since the last audit of the run" in refused["message"]) == (False, True)


def test_a_look_at_a_label_being_typed_says_what_is_wrong_and_draws_it(page: PageServer, run: Path) -> None:
    look = got(page, "/api/look", {"id": OPEN, "label": r"\sqrt{"})
    assert look["findings"][0]["rule"] == "SYN001"
    assert asked(page, look["picture"])[2][:4] == b"\x89PNG"
    assert got(page, "/api/look", {"id": OPEN, "label": "x"})["findings"] == []
    assert asked(page, "/api/look", {"id": OPEN, "label": "\ud800"})[0] == 409
    assert standing(run) == {}
