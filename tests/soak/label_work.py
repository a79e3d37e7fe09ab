"""Gives labels to everything that takes a label. A process of the soak; it may hang, crash or eat memory.

Reads JSON lines `[work, label]`, and writes for each what is wrong with the result, or null.
`python tests/soak/label_work.py WORK LABEL` does one and says what is wrong.
"""

from __future__ import annotations

import json
import re
import resource
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

#: Seconds of processor time that any work may take for any label.
MOST_SECONDS = 5.0
#: Forbidden in a drawing: ways to run, fetch or hide something.
FORBIDDEN = ("<script", "<image", "<a ", "<style", "<foreignobject", "<metadata", "url(", "javascript:")


def _check(label: str) -> None:
    import rules

    rules.check([label], samples=False)


def _fix(label: str) -> str | None:
    import rules

    row = rules.fix([label]).row(0, named=True)
    if row["fixed"] is not None and row["fixed"] != label:
        before, after = rules.visual_key([label, row["fixed"]]).to_list()
        if before is not None and before != after:
            return f"a safe fix changed the visual key: {row['fixed']!r}"
        if rules.fix([row["fixed"]]).row(0, named=True)["fixed"] != row["fixed"]:
            return f"safe fixes of the fixed label change it again: {row['fixed']!r}"
    return None


def _unsafe_fix(label: str) -> None:
    import rules

    rules.fix([label], level="unsafe")


def _canonical(label: str) -> str | None:
    import rules
    from rules import engine

    judged = engine.judge([label], rules.select()).labels.row(0, named=True)
    key, form = judged["visual_key"], judged["canonical"]
    if (key is None) != (form is None):
        return "a key without a canonical form, or the other way round"
    if form is not None and rules.visual_key([form])[0] != key:
        return f"the canonical form has another key: {form!r}"
    return None


def _draw(label: str) -> str | None:
    from curate.render import RenderError, render_png, render_svg

    try:
        svg = render_svg(label)
        render_png(label)
    except RenderError:
        return None
    found = [name for name in FORBIDDEN if name in svg.lower()] + re.findall(r'href="[^#].{20}', svg)
    return f"the drawing holds {', '.join(found)}" if found else None


def _plain(label: str) -> None:
    from rules.latex.plain_text import plain_text

    plain_text(label)


def _score(label: str) -> None:
    import finetune

    finetune.score([(label, "x ^ { 2 }"), ("x ^ { 2 }", label)])


def _cdm(label: str) -> None:
    from finetune.metrics import cdm

    cdm.score(label, "x ^ { 2 } + 1")


def _unwrap(label: str) -> None:
    from curate.predictions.unwrap import unwrap

    unwrap(label)


WORK: dict[str, Callable[[str], str | None]] = {
    "check": _check,
    "fix": _fix,
    "unsafe-fix": _unsafe_fix,
    "canonical": _canonical,
    "draw": _draw,
    "plain-text": _plain,
    "score": _score,
    "cdm": _cdm,
    "unwrap": _unwrap,
}


def wrong(work: str, label: str) -> str | None:
    """What is wrong with the result of a work for a label; None if nothing is."""
    from rules import faults

    began = time.process_time()
    try:
        with faults.collected(strict=True), warnings.catch_warnings():
            warnings.simplefilter("error")
            found = WORK[work](label)
    except Exception as error:
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    used = time.process_time() - began
    return found or (f"took {used:.1f} s" if used > MOST_SECONDS else None)


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (8 << 30, 8 << 30))
    if len(sys.argv) == 3:
        print(wrong(sys.argv[1], sys.argv[2]) or "nothing is wrong")
        return
    for line in sys.stdin:
        work, label = json.loads(line)
        print(json.dumps(wrong(work, label)), flush=True)


if __name__ == "__main__":
    main()
