"""Reports what `changes` found: as text for a terminal, as JSON, and as the values of a page. Finds nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from curate.base.tables import Column, count, fit, share, text_table, things
from curate.base.visible import visible
from curate.diff.changes import KINDS, Changes

#: How many samples of a kind a terminal and a page show; JSON has all.
SHOWN = 5
ON_PAGE = 24


def as_text(found: Changes, names: tuple[str, str], *, width: int = 120) -> str:
    """The counts by kind, and the first samples of each."""
    head = f"{names[0]}: {things(found.first, 'sample')} → {names[1]}: {things(found.second, 'sample')}"
    parts = [fit(visible(head), width)]
    rows = []
    for kind, number in found.counts.items():
        if number:
            of = found.second if kind == "added" else found.first
            rows.append([kind, count(number), share(number, of), KINDS[kind]])
    if found.stale.height:
        rows.append(["stale", count(found.stale.height), "", "decisions of the first run that no longer hold"])
    if not rows:
        return parts[0] + "\nNothing changed."
    columns = [Column("kind"), Column("samples", "right"), Column("share", "right"), Column("what", drop=1)]
    parts.append(text_table(columns, rows, width=width))
    parts += [part for kind in KINDS if (part := _samples_text(found, kind, width))]
    if found.stale.height:
        lines = [f"  {name}: {action}: {why}" for name, action, why in found.stale.head(SHOWN).iter_rows()]
        parts.append("\n".join(["stale decisions", *_fitted(lines, found.stale.height, width)]))
    return "\n\n".join(parts)


def _samples_text(found: Changes, kind: str, width: int) -> str:
    if not found.counts[kind]:
        return ""
    if kind == "moved":
        moves = list(found.moves.items())
        lines = [f"  {one or '(no split)'} → {other or '(no split)'}: {count(n)}" for (one, other), n in moves]
        return "\n".join([kind, *_fitted(lines[:SHOWN], len(lines), width)])
    lines = []
    rows = found.of_kind(kind).head(SHOWN)
    for name, label, name_b, label_b in rows.select("sample_id", "label", "sample_id_b", "label_b").iter_rows():
        if kind in ("added", "gone"):
            lines.append(f"  {name or name_b}: {label if name else label_b}")
        elif kind == "repictured":
            lines.append(f"  {name_b}")
        else:
            lines += [f"  {name_b}", f"    - {label}", f"    + {label_b}"]
    return "\n".join([kind, *_fitted(lines, found.counts[kind], width, shown=rows.height)])


def _fitted(lines: list[str], of: int, width: int, shown: int | None = None) -> list[str]:
    left = of - (len(lines) if shown is None else shown)
    return [fit(visible(line), width) for line in lines] + ([f"  … and {count(left)} more"] if left > 0 else [])


def as_json(found: Changes, names: tuple[str, str]) -> str:
    """Counts, moves, every changed sample with its kinds, and the decisions that no longer hold."""
    kinds = [*KINDS]
    samples = []
    for row in found.rows.iter_rows(named=True):
        sides = ({key: row[key + end] for key in ("sample_id", "split", "label")} for end in ("", "_b"))
        before, after = (side if side["sample_id"] is not None else None for side in sides)
        samples.append({"kinds": [kind for kind in kinds if row[kind]], "before": before, "after": after})
    told = {
        "before": {"run": names[0], "samples": found.first},
        "after": {"run": names[1], "samples": found.second},
        "counts": {**found.counts, "stale_decisions": found.stale.height},
        "moves": [{"from": one or None, "to": other or None, "samples": n} for (one, other), n in found.moves.items()],
        "stale_decisions": found.stale.to_dicts(),
        "samples": samples,
    }
    return json.dumps(told, ensure_ascii=False, indent=1) + "\n"


def write_page(found: Changes, names: tuple[str, str], out: Path) -> None:
    """One self-contained page, with the labels of changed samples drawn side by side.

    Raises OSError if `out` can't be written.
    """
    from curate.base.atomic_files import new_file
    from curate.report import pictures
    from curate.report.markup import code, text
    from curate.report.template import open_template

    template, fixed = open_template(Path(__file__).parent / "diff.html")
    shown = {
        kind: list(found.of_kind(kind).head(ON_PAGE).iter_rows(named=True)) for kind in KINDS if found.counts[kind]
    }
    labels = [row[name] for rows in shown.values() for row in rows for name in ("label", "label_b")]
    drawn = pictures.Pictures(label for label in labels if label is not None)

    def card(row: dict[str, Any]) -> dict[str, Any]:
        sides = []
        for side, end in (("before", ""), ("after", "_b")):
            label = row["label" + end]
            if row["sample_id" + end] is None:
                continue
            picture = drawn.of_label(label)
            sides.append({"side": side, "label": code(label), "picture": picture, "split": row["split" + end]})
        if len(sides) == 2 and row["label"] == row["label_b"]:
            sides = sides[1:]
        return {"sample_id": text(row["sample_id_b"] or row["sample_id"], 120), "sides": sides}

    groups = [
        {
            "kind": kind,
            "what": KINDS[kind],
            "number": found.counts[kind],
            "cards": [card(row) for row in rows],
        }
        for kind, rows in shown.items()
    ]
    html = template.render(
        {
            **fixed,
            "names": names,
            "sizes": (found.first, found.second),
            "groups": groups,
            "outlines": drawn.outlines,
            "moves": list(found.moves.items()),
            "stale": found.stale.head(200).to_dicts(),
            "stale_number": found.stale.height,
        }
    )
    with new_file(out) as temporary:
        temporary.write_bytes(html.encode("utf-8", "replace"))
