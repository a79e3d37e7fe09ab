"""A model behind a server: real HTTP on loopback, with a server that is slow, fails, breaks off and lies."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from chat_server import MODEL, ChatServer
from PIL import Image

from curate.base.errors import UserError
from curate.base.terminal import run
from finetune.cli.main import main_group
from finetune.predict import served
from finetune.predict.engines import Asking, Question
from finetune.predict.served import ServedAsker

FAULTS = (
    "503",
    "429",
    "500",
    "drop",
    "cut",
    "no JSON",
    "no choices",
    "a list",
    "number",
    "surrogate",
    "deep",
    "endless",
    "three choices",
    "drip",
)
#: `finetune`, in a process that can import neither torch nor unsloth.
WITHOUT_TORCH = """
import sys
class Hidden:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "unsloth"):
            raise ModuleNotFoundError(name)
sys.meta_path.insert(0, Hidden())
from finetune.cli.main import main
main()
"""


def question(number: int) -> Question:
    colour = (number % 100, number // 100, 0)
    return Question(f"s/{number}", "x", lambda: Image.new("RGB", (28, 28), colour), (28, 28))


def ask(server: ChatServer, numbers: range, **more: object) -> dict[str, str]:
    asker = ServedAsker(server.url, MODEL, first_wait=0.01, read_timeout=1.0)
    found = asker.ask(map(question, numbers), "Read.", Asking(batch_size=4, max_new_tokens=9), **more)
    return {answer.sample_id: answer.pred for answers in found for answer in answers}


def dataset(folder: Path, rows: int) -> Path:
    (folder / "test").mkdir(parents=True)
    for number in range(rows):
        Image.new("RGB", (28, 28), (number % 100, number // 100, 0)).save(folder / "test" / f"{number}.png")
    lines = ({"file_name": f"{number}.png", "label": f"x_{{{number}}}", "id": f"s/{number}"} for number in range(rows))
    (folder / "test" / "metadata.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


def read(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_the_command_writes_what_a_model_here_would(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secret")
    out = tmp_path / "pred.jsonl"
    with ChatServer(key="sk-secret", seconds=0.01).running() as server:
        command = ["predict", MODEL, str(dataset(tmp_path / "data", 20)), "--server", server.url, "--out", str(out)]
        assert run("finetune", main_group, command) == 0
    assert "predicted 20 formulas" in capsys.readouterr().out
    rows = read(out)
    assert [(row["sample_id"], row["gt"], row["pred"]) for row in rows] == [
        (f"data/test/s/{n}", f"x_{{{n}}}", f"x_{{{n}}}") for n in range(20)
    ]
    assert {row["score"] for row in rows} == {-0.5}
    assert 2 <= server.most_at_once <= 8
    facts = json.loads((tmp_path / "pred.jsonl.run.json").read_text())
    assert facts["model"] == {"kind": "served", "server": server.url, "served_model": MODEL}
    assert all("sk-secret" not in path.read_text() for path in tmp_path.glob("pred*"))
    assert server.requests[0] | {"messages": None} == {
        "model": MODEL, "messages": None, "max_tokens": 512, "temperature": 0.0, "logprobs": True
    }  # fmt: skip
    assert (
        run("finetune", main_group, ["compare", str(out), str(out), "--no-cdm", "--out", str(tmp_path / "r.html")]) == 0
    )


def test_what_may_pass_is_asked_again() -> None:
    """Every row fails twice, in each way, before it is answered. Nothing is lost or mixed up."""
    faulty = ChatServer(lambda row, before: FAULTS[(row + before) % len(FAULTS)] if before < 2 else None)
    with faulty.running() as server:
        assert ask(server, range(40)) == {f"s/{n}": f"x_{{{n}}}" for n in range(40)}
    assert set(server.asked.values()) == {3}


def test_an_answer_that_comes_too_late_is_asked_again() -> None:
    with ChatServer(lambda row, before: "slow" if before == 0 else None).running() as server:
        assert ask(server, range(2)) == {"s/0": "x_{0}", "s/1": "x_{1}"}


def test_a_row_that_never_gets_an_answer_costs_no_other() -> None:
    with ChatServer(lambda row, before: "400" if row in (3, 5) else None).running() as server:
        asker = ServedAsker(server.url, MODEL)
        found = []
        with pytest.raises(
            UserError, match=r"2 rows got no answer, the first: s/3: status 400 \(not now\); the answers are kept"
        ):
            found.extend(asker.ask(map(question, range(8)), "Read.", Asking(batch_size=1)))
    assert [answers[0].sample_id for answers in found] == ["s/0", "s/1", "s/2", "s/4", "s/6", "s/7"]
    assert server.asked[3] == 1


def test_an_image_that_cant_be_opened_costs_no_other() -> None:
    def broken() -> Image.Image:
        raise OSError("image file is truncated")

    unopened: dict[str, str] = {}
    rows = [replace(question(n), load=broken) if n == 1 else question(n) for n in range(3)]
    with ChatServer().running() as server:
        found = list(ServedAsker(server.url, MODEL).ask(rows, "Read.", Asking(), unopened=unopened.__setitem__))
    assert sorted(answer.sample_id for answers in found for answer in answers) == ["s/0", "s/2"]
    assert unopened == {"s/1": "image file is truncated"}


def test_a_server_that_is_gone_ends_it_soon(monkeypatch) -> None:
    monkeypatch.setattr(served, "TRIES", 2)
    with (
        ChatServer(lambda row, before: "503" if row >= 4 else None).running() as server,
        pytest.raises(UserError, match=r"1\d rows in a row got no answer, the last: .*status 503"),
    ):
        ask(server, range(100))
    assert len(server.requests) < 60


def test_a_server_without_log_probabilities_is_asked_without() -> None:
    notes: list[str] = []
    server = ChatServer()
    server.fault = lambda row, before: "no logprobs" if server.requests[-1].get("logprobs") else None
    with server.running():
        asker = ServedAsker(server.url, MODEL)
        answers = [
            one
            for some in asker.ask(map(question, range(5)), "Read.", Asking(batch_size=1), note=notes.append)
            for one in some
        ]
    assert [one.score for one in answers] == [None] * 5
    assert notes == ["the server returns no log-probabilities, so there is no `score`"]
    assert len(server.requests) == 6


@pytest.mark.parametrize(
    ("server", "said"),
    [
        (ChatServer(models="to http://elsewhere/v1"), "status 302, a redirect to http://elsewhere/v1; give --server"),
        (ChatServer(lambda *_: "to https://h/v1"), "status 302, a redirect to https://h/v1; give --server"),
        (ChatServer(models="bomb"), r"the answer is compressed \(gzip\), which was not requested"),
        (ChatServer(lambda *_: "bomb"), r"the answer is compressed \(gzip\), which was not requested"),
        (ChatServer(models="endless"), "the answer is longer than 4 MiB, when asked for its models"),
        (ChatServer(models=["a", "b"]), "has no model 'merged'; it has: a, b"),
        (ChatServer(key="other"), r"rejects the key \(401\); set TEXSIEVE_API_KEY"),
        (ChatServer(lambda row, before: "404", models=None), r"status 404 \(not now\)"),
    ],
)
def test_what_can_not_work_is_one_line(tmp_path, capsys, server, said) -> None:
    with server.running():
        command = [
            "predict",
            MODEL,
            str(dataset(tmp_path / "d", 2)),
            "--server",
            server.url,
            "--out",
            str(tmp_path / "p"),
        ]
        assert run("finetune", main_group, command) == 2
    told = capsys.readouterr().err
    (line,) = told.splitlines()
    assert re.search(said, line)
    assert not (tmp_path / "p").exists()


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("localhost:8000", "not the address of a server"),
        ("ftp://x/v1", "not the address of a server"),
        ("http://me:secret@x/v1", "the key is read from TEXSIEVE_API_KEY or OPENAI_API_KEY"),
        ("http://x/v1?key=secret", "the key is read from TEXSIEVE_API_KEY or OPENAI_API_KEY"),
    ],
)
def test_an_address_that_is_none(url: str, said: str) -> None:
    with pytest.raises(UserError, match=said) as caught:
        ServedAsker(url, MODEL)
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("given", ["http://h:1", "http://h:1/", "http://h:1/v1/", "http://h:1/v1/chat/completions"])
def test_addresses_are_completed(given: str) -> None:
    assert ServedAsker(given, MODEL).server == "http://h:1/v1"


def test_settings_of_the_server_are_refused(tmp_path, capsys) -> None:
    command = [
        "predict",
        MODEL,
        str(tmp_path),
        "--server",
        "http://localhost:1",
        "--16bit",
        "--out",
        str(tmp_path / "p"),
    ]
    assert run("finetune", main_group, command) == 2
    assert "--4bit/--16bit is a setting of the server" in capsys.readouterr().err


def test_more_text_than_was_asked_for_is_cut() -> None:
    with ChatServer(lambda *_: "huge").running() as server:
        asker = ServedAsker(server.url, MODEL)
        ((answer,),) = asker.ask([question(1)], "Read.", Asking(max_new_tokens=9))
    assert (answer.pred, answer.runaway) == ("y" * 9 * 64, True)


def test_a_score_that_is_no_number_costs_no_answer() -> None:
    with ChatServer(lambda *_: "odd score").running() as server:
        ((answer,),) = ServedAsker(server.url, MODEL).ask([question(1)], "Read.", Asking())
    assert (answer.pred, answer.score) == ("y", None)


def test_a_head_that_never_ends_ends_it(monkeypatch) -> None:
    monkeypatch.setattr(ServedAsker, "_longest", lambda self: 0.5)
    with (
        ChatServer(lambda *_: "head").running() as server,
        pytest.raises(UserError, match="the answers don't end; those so far are kept"),
    ):
        ask(server, range(2))


def test_killed_it_goes_on_where_it_was(tmp_path) -> None:
    """`kill -9` during requests: the written rows stay, and only the rest is asked. Needs no torch."""
    data, out = dataset(tmp_path / "data", 40), tmp_path / "pred.jsonl"
    with ChatServer(seconds=0.05).running() as server:
        command = ["predict", MODEL, str(data), "--server", server.url, "--batch-size", "2", "--out", str(out)]
        environment = {**os.environ, "HF_HOME": str(tmp_path / "hf"), "HF_HUB_OFFLINE": "1", "USE_TORCH": "0"}
        with subprocess.Popen(
            [sys.executable, "-c", WITHOUT_TORCH, *command],
            env=environment,
            stderr=subprocess.PIPE,
            start_new_session=True,
        ) as child:
            while not (out.exists() and len(out.read_bytes().splitlines()) >= 8):
                assert child.poll() is None, child.stderr.read().decode()
                time.sleep(0.01)
            os.killpg(child.pid, signal.SIGKILL)
        kept = [row["sample_id"] for row in read(out)] if out.read_bytes().endswith(b"\n") else None
        time.sleep(0.2)
        asked = server.asked.copy()
        assert run("finetune", main_group, command) == 0
    assert [row["pred"] for row in read(out)] == [f"x_{{{n}}}" for n in range(40)]
    assert kept is None or all(
        server.asked[number] == asked[number] for number in (int(name.rpartition("/")[2]) for name in kept)
    )
