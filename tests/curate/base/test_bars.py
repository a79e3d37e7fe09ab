"""Progress bars show the progress of a stage, the time left and the rate. Pipes get no bars."""

from __future__ import annotations

import io
import itertools

import pytest

from curate.base import terminal


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(monkeypatch: pytest.MonkeyPatch, screen: io.StringIO) -> str:
    clock = itertools.count(100.0, 2.0)  # seconds between two readings
    monkeypatch.setattr(terminal.time, "monotonic", lambda: next(clock))
    monkeypatch.setattr("time.time", lambda: next(clock))
    monkeypatch.setattr("sys.stderr", screen)
    with terminal.Bars() as bars:
        for done in (200, 1200, 2200, 4000):
            bars("labels", done, 4000)
    return screen.getvalue()


def test_a_bar_tells_stage_part_time_left_and_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    screen = shown(monkeypatch, Terminal())
    assert "labels" in screen
    assert "30%" in screen
    assert "00:00:" in screen
    rates = [int(text.split()[-1].replace(",", "")) for text in screen.split("/s")[:-1]]
    assert rates
    assert max(rates) <= 1000  # the first 200 were there at the start and don't count


def test_nothing_is_shown_in_a_pipe(monkeypatch: pytest.MonkeyPatch) -> None:
    assert shown(monkeypatch, io.StringIO()) == ""
