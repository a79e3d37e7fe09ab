"""Names for inputs that are shown side by side: short, and no two alike. Opens no file."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from curate.base.visible import clip


def distinct_names(paths: Sequence[Path]) -> list[str]:
    """A name for each path: its own, with as many of its folders as tell it from others of that name.

    A path that is there several times gets a number: `a.jsonl (1)`, `a.jsonl (2)`.
    """
    places = [os.path.abspath(path) for path in paths]  # noqa: PTH100 - `resolve` would follow a link
    # As they were given, if that ends in a name: the working folder's doesn't.
    given = [path if path.name not in ("", "..") else Path(place) for path, place in zip(paths, places, strict=True)]
    parts = [path.parts for path in given]
    names = []
    for at, (place, own) in enumerate(zip(places, parts, strict=True)):
        others = [other for other, elsewhere in zip(parts, places, strict=True) if elsewhere != place]
        lengths = range(1, max(map(len, parts)) + 1)
        number = next(number for number in lengths if all(other[-number:] != own[-number:] for other in others))
        time = f" ({places[:at].count(place) + 1})" if places.count(place) > 1 else ""
        names.append(Path(*own[-number:]).as_posix() + time)
    return names


def shortened(names: Sequence[str], most: int) -> list[str]:
    """Different names, each cut to at most `most` characters so that they still differ.

    They are cut at the end; if that makes two alike, at the start; and if that does, too, they get numbers.
    """
    numbered = [f"{number} {name}" for number, name in enumerate(names, 1)]
    tries = (
        [clip(name, most) for name in names],
        [name if len(name) <= most else "…" + name[1 - most :] for name in names],
        [clip(name, most) for name in numbered],
    )
    return next((short for short in tries if len(set(short)) == len(set(names))), tries[-1])
