"""`curate fix --diff` and `--stat` for people: the changes in each label, word by word, and counts by rule."""

from __future__ import annotations

import re
from collections.abc import Iterator

from curate.base.colour import Paint
from curate.base.tables import count, things
from curate.base.visible import visible
from curate.browse.deciding.change import parts
from curate.fix.job import Fixed, report_lines
from rules.fixing import Style
from rules.registry import all_rules

_WORD = re.compile(r"\\[A-Za-z]+|\\.|\s+|[A-Za-z]+|\d+|.", re.DOTALL)
#: Characters of an unchanged stretch that are shown beside a change.
_CONTEXT = 30


def changes(fixed: Fixed, paint: Paint) -> Iterator[str]:
    """Two lines per changed label: its place and the rules that changed it, then the label with the changes marked.

    With colour, removed text is red and added text green; without, they are in `[-…-]` and `{+…+}`.
    """
    frame = fixed.source.frame
    rows = dict(zip(frame["sample_id"], range(frame.height), strict=True))
    catalogue = all_rules()
    for row in fixed.journal:
        before, after, codes = str(row["before"]), str(row["after"]), row["rules"]
        if before == after or not isinstance(codes, list):
            continue
        file, line = fixed.source.places.row(rows[str(row["sample_id"])])
        names = ", ".join(f"{code} {catalogue[code].name}" for code in codes)
        yield f"{paint(f'{visible(file)}:{line}', 'cyan')}  {names}"
        yield f"    {marked(before, after, paint)}"
        yield ""


def marked(before: str, after: str, paint: Paint) -> str:
    """The label before and after in one line."""
    plain = paint("x", "red") == "x"
    out: list[str] = []
    found = parts(before, after, _WORD)
    for at, (kind, text) in enumerate(found):
        if kind == "same":
            out.append(_shortened(visible(text), is_first=at == 0, is_last=at == len(found) - 1))
        elif kind == "removed":
            out.append(f"[-{visible(text)}-]" if plain else paint(_seen(text), "red"))
        else:
            out.append(f"{{+{visible(text)}+}}" if plain else paint(_seen(text), "green"))
    return "".join(out)


def _shortened(text: str, *, is_first: bool, is_last: bool) -> str:
    """An unchanged stretch, or only its parts beside a change."""
    kept = _CONTEXT if is_first or is_last else 2 * _CONTEXT
    if len(text) <= kept:
        return text
    head, tail = "" if is_first else text[:_CONTEXT], "" if is_last else text[-_CONTEXT:]
    return f"{head}…{tail}"


def _seen(text: str) -> str:
    """A changed text whose spaces are also visible in colour."""
    return visible(text).replace(" ", "·")


def summary(fixed: Fixed, width: int, style: Style, paint: Paint) -> Iterator[str]:
    """How many labels change in each file, and how many by each rule."""
    places = fixed.source.places.with_columns(sample_id=fixed.source.frame["sample_id"])
    changed = [str(row["sample_id"]) for row in fixed.journal if row["before"] != row["after"]]
    by_file = places["file"].filter(places["sample_id"].is_in(changed)).value_counts(sort=True)
    for file, number in by_file.sort("count", "file", descending=[True, False]).iter_rows():
        of = places["file"].eq(file).sum()
        yield f"{paint(visible(file), 'cyan')}: {count(number)} of {things(of, 'label')}"
    if not by_file.height:
        yield f"{paint(visible(str(fixed.source.path)), 'cyan')}: 0 of {things(places.height, 'label')}"
        if not fixed.refused:
            return
    yield ""
    yield from report_lines(fixed, width, style, written=False)
