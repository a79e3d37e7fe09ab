"""Opens the page for deciding in a browser, without its token on a command line: every user can read those (`ps`).

The browser gets a file that only the user can read, and the file leads to the address. Opens no other page.
"""

from __future__ import annotations

import webbrowser
from html import escape
from pathlib import Path

from curate.base.atomic_files import new_file

_DOOR = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="referrer" content="no-referrer">
<meta http-equiv="refresh" content="0; url={url}">
<title>Decide · texsieve</title>
</head>
<body><p><a href="{url}">Open the page for deciding</a></p></body>
</html>
"""


def write_door(path: Path, url: str) -> None:
    """Write the file that leads to `url`, for this user only."""
    with new_file(path, flush=False, mode=0o600) as temporary:
        temporary.write_text(_DOOR.format(url=escape(url)), encoding="utf-8")


def open_browser(door: Path) -> None:
    """Open such a file in a browser, if there is a browser. Does nothing if the file is gone."""
    if door.is_file():
        webbrowser.open(door.absolute().as_uri(), new=2)
