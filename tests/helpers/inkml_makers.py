"""InkML files for tests. Not a test module."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

#: Three strokes as in CROHME: a cross and a line below it.
CROSS = ("0 0, 10 10, 20 20", "20 0, 10 10, 0 20", "0 30, 20 30")


def inkml(traces: Sequence[str] = CROSS, *, head: str = "", label: str = "x", tail: str = "</ink>") -> str:
    """InkML as in CROHME: a label and traces. head: goes before the label; tail: goes at the end of the file."""
    drawn = "".join(f'<trace id="{number}">{trace}</trace>\n' for number, trace in enumerate(traces))
    ink = f'<ink xmlns="http://www.w3.org/2003/InkML">\n{head}<annotation type="truth">{label}</annotation>\n'
    return f"{ink}{drawn}{tail}"


def channels(*names: str) -> str:
    """A trace format with these channels; `-Y` grows upwards."""
    made = []
    for name in names:
        upwards = ' orientation="-ve"' if name.startswith("-") else ""
        made.append(f'<channel name="{name.lstrip("-")}"{upwards}/>')
    return f"<traceFormat>{''.join(made)}</traceFormat>\n"


#: What can be wrong with strokes, and the rest of the line that reports it.
HOSTILE = {
    "none": (inkml(()), "the file holds no strokes"),
    "empty": (inkml(("", " \n ")), "the file holds no strokes"),
    "cut": (inkml(tail="<trace>12 13, 14"), "not valid InkML: no element found"),
    "nan": (inkml(("1 2, nan 3",)), "trace 1: 'nan' is no number"),
    "infinite": (inkml(("1 2, 1e400 3",)), "trace 1: a coordinate is out of range"),
    "far": (inkml(("1 2, 3 4", "1e300 2, -1e300 4")), "trace 2: a coordinate is out of range"),
    "words": (inkml(("a b",)), "trace 1: 'a' is no number"),
    "underscore": (inkml(("1_0 2, 3 4",)), "trace 1: '_0' is no number"),
    "dashes": (inkml(("1-2 3",)), "trace 1: could not convert"),
    "odd": (inkml(("1 2, 3",)), "trace 1: 3 numbers don't make 2 points"),
    "one-number": (inkml(("1, 2",)), "trace 1: 2 numbers don't make 2 points"),
    "hex": (inkml(("#1A #2B",)), "trace 1 has '#': only plain decimal numbers"),
    "differences": (inkml(("1 2, '3'4, 5 6",)), 'trace 1 has "\'": only plain decimal numbers'),
    "left-out": (inkml(("1 2, * *",)), "trace 1 has '*': only plain decimal numbers"),
    "no-y": (inkml(head=channels("X", "F")), "the trace format has no channels X and Y but X, F"),
    "html": ("<html><trace>1 2, 3 4</trace></html>", "the file is no InkML: its root is <html>"),
    "laughs": (
        '<!DOCTYPE ink [<!ENTITY a "ha"><!ENTITY b "&a;&a;&a;&a;">]>' + inkml(("&b;",)),
        "not valid InkML: it declares entities",
    ),
    "outside": (
        '<!DOCTYPE ink [<!ENTITY a SYSTEM "file:///etc/passwd">]>' + inkml(("&a;",)),
        "not valid InkML: it declares entities",
    ),
    "encoding": ('<?xml version="1.0" encoding="gb18030"?>' + inkml(), "not valid InkML: "),
    "unknown-encoding": ('<?xml version="1.0" encoding="klingon"?>' + inkml(), "not valid InkML: "),
    "nothing": ("", "not valid InkML: no element found"),
    "binary": ("\x00\x01\x02", "not valid InkML: "),
}


def write_inkml(path: Path, text: str | None = None, encoding: str = "utf-8") -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes((inkml() if text is None else text).encode(encoding))
    return path
