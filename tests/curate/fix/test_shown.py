"""What `curate fix --diff` and `--stat` print: words, rules, colour on request, and a summary."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from source_makers import write

from curate.base.colour import painter
from curate.base.terminal import run
from curate.cli.main import main_group
from curate.fix.shown import marked

ROOT = Path(__file__).resolve().parents[3]
PIECES = st.lists(st.sampled_from([r"\frac", "{", "}", "x", "12", " ", "^", r"\\", "é"]), max_size=12).map("".join)


def plain(text: str, colour: str) -> str:
    return text


def coloured(text: str, colour: str) -> str:
    return f"<{colour}>{text}</>" if text else ""


@pytest.mark.parametrize(
    ("before", "after", "shown"),
    [
        ("$x$", "x", "[-$-]x[-$-]"),
        (r"a \le b", r"a \leq b", r"a [-\le-]{+\leq+} b"),
        ("x 12", "x 13", "x [-12-]{+13+}"),
        ("x", "x", "x"),
        ("x" + " y" * 40 + "$", "x" + " y" * 40, "… y y y y y y y y y y y y y y y[-$-]"),
        ("$" + "y " * 40 + "$", "y " * 40, "[-$-]y y y y y y y y y y y y y y y …y y y y y y y y y y y y y y y [-$-]"),
    ],
)
def test_changed_words_are_marked(before: str, after: str, shown: str) -> None:
    assert marked(before, after, plain) == shown


def test_spaces_that_go_are_seen_in_colour() -> None:
    assert marked("a  b", "a b", coloured) == "a<red>··</><green>·</>b"


@given(PIECES, PIECES)
def test_both_labels_can_be_read_off(before: str, after: str) -> None:
    shown = marked(before, after, plain)
    assert re.sub(r"\[-(.*?)-\]", r"\1", re.sub(r"\{\+.*?\+\}", "", shown)) == before
    assert re.sub(r"\{\+(.*?)\+\}", r"\1", re.sub(r"\[-.*?-\]", "", shown)) == after


def test_very_long_labels_are_one_change() -> None:
    before, after = "$" + "a b " * 3000, "a c " * 3000
    assert marked(before, after, plain).startswith("[-$a b")


def test_a_summary_by_file_and_rule(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, text in (("a", "$x$\ny\n"), ("b", "$x$\n$y$\n"), ("c", "y\n")):
        write(tmp_path / "set" / f"{name}.txt", text)
    write(tmp_path / "d.txt", "x\n")
    assert run("curate", main_group, ["fix", "text:set", "text:d.txt", "--stat"]) == 0
    out = capsys.readouterr().out.splitlines()
    assert out[:2] == ["b.txt: 2 of 2 labels", "a.txt: 1 of 2 labels"]
    assert any(re.fullmatch(r"DLM001 +outer-delimiters +3 +0 *", line) for line in out)
    assert "3 of 5 labels would change" in out
    assert out[-1] == f"{tmp_path / 'd.txt'}: 0 of 1 label"
    assert (tmp_path / "set" / "b.txt").read_text() == "$x$\n$y$\n"


def on_a_terminal(*arguments: str, **variables: str) -> str:
    """What a command prints on a terminal."""
    ours, theirs = pty.openpty()
    program = "from curate.cli.main import main; main()"
    environment = {
        **os.environ,
        "PAGER": "cat",
        "TERM": "xterm",
        "COLUMNS": "100",
        "PYTHONPATH": str(ROOT),
        **variables,
    }
    process = subprocess.Popen(
        [sys.executable, "-c", program, *arguments], stdout=theirs, stderr=subprocess.DEVNULL, env=environment
    )
    os.close(theirs)
    out = b""
    try:
        while chunk := os.read(ours, 65536):
            out += chunk
    except OSError:  # the end of a terminal
        pass
    os.close(ours)
    assert process.wait(60) == 0
    return out.decode().replace("\r\n", "\n")


def test_a_terminal_gets_words_rules_and_colour_unless_it_wants_none(tmp_path: Path) -> None:
    path = str(write(tmp_path / "l.txt", "$x$\ny\n"))
    assert on_a_terminal("fix", f"text:{path}", "--diff").startswith(
        "\x1b[36ml.txt:1\x1b[0m  DLM001 outer-delimiters\n    \x1b[31m$\x1b[0mx\x1b[31m$\x1b[0m\n\n"
    )
    out = on_a_terminal("fix", f"text:{path}", "--diff", NO_COLOR="1")
    assert out.startswith("l.txt:1  DLM001 outer-delimiters\n    [-$-]x[-$-]\n\nl.txt: 1 of 2 labels\n")
    assert "\x1b" not in out
    assert "\x1b[31merror\x1b[0m" in on_a_terminal("check", "--latex", "{", "--exit-zero")
    assert "\x1b" not in on_a_terminal("check", "--latex", "{", "--exit-zero", TERM="dumb")


def test_a_pipe_gets_no_colour() -> None:
    assert painter()("x", "red") == "x"
