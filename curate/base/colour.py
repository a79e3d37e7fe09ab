"""Colour on a terminal, where it is wanted there: the one place that decides. Knows nothing of what is coloured."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable

import click

#: Gives a text a colour: `paint("error", "red")`.
Paint = Callable[[str, str], str]


def is_terminal() -> bool:
    """Does somebody read standard output on a terminal?"""
    return sys.stdout is not None and sys.stdout.isatty()


def wanted() -> bool:
    """Is colour wanted? Not in a pipe or a file, on a dumb terminal, or where NO_COLOR is set (https://no-color.org)."""
    return is_terminal() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def painter() -> Paint:
    """What colours texts, or leaves them as they are where colour isn't wanted."""
    return _coloured if wanted() else plain


def _coloured(text: str, colour: str) -> str:
    return click.style(text, fg=colour) if text else ""


def plain(text: str, colour: str) -> str:
    """The text as it is."""
    return text


def page(lines: Iterable[str]) -> None:
    """Show lines in the pager of the environment (PAGER, else less), which leaves a text of one screen as it is."""
    os.environ.setdefault("LESS", "FRX")
    click.echo_via_pager((f"{line}\n" for line in lines), color=wanted())


#: By severity.
COLOURS = {"error": "red", "warning": "yellow", "info": "cyan"}
