"""What the page shows of a sample, as plain data: label, its versions, findings, decision. Decides nothing, draws
nothing. Text from data is cut into parts that the page writes as text, never as markup."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict
from typing import Any

import polars as pl

from curate.base.visible import pieces
from curate.browse.deciding.change import parts
from curate.browse.deciding.state import Found, JudgedSample, audited, proposals, readings
from curate.runs.decisions import Decision
from curate.runs.folder import Run, rules_of
from curate.runs.in_force import in_force

#: The most findings that are listed, worst first, and the most characters of a label that are shown.
MOST_FINDINGS = 30
MOST_CHARACTERS = 4000
_RANK = {"error": 0, "warning": 1, "info": 2}
#: A text and how it is shown: "", mark, removed, added, or `ctl` for characters that are invisible by themselves.
Part = tuple[str, str]


def sample(run: Run, sample_id: str, standing: Mapping[str, Decision]) -> dict[str, Any] | None:
    """What there is to see of a sample; None if the run doesn't hold it."""
    read = audited(run, [sample_id]).get(sample_id)
    if read is None:
        return None
    held = in_force(standing, sample_id, read.label)
    proposed = proposals([read.label], rules_of(run)[0]).get(read.label)
    reading = readings(run).get(sample_id, {})
    row = (
        run.samples.filter(pl.col("sample_id") == sample_id).select("source", "split", "image", "pair_score").collect()
    )
    decision = standing.get(sample_id)
    return {
        **row.row(0, named=True),
        "id": sample_id,
        "label": read.label,
        "score": read.score,
        "severity": read.severity,
        "findings": findings(read),
        "versions": list(_versions(read, proposed, reading, proposed if held.left_to_fixer else held.given)),
        "decision": None if decision is None else {**asdict(decision), "stale": held.stale},
        "seen": mark(decision),
    }


def mark(decision: Decision | None) -> str:
    """Identifies a decision that somebody saw; empty for none."""
    if decision is None:
        return ""
    return hashlib.sha256(json.dumps(asdict(decision), sort_keys=True).encode("utf-8", "replace")).hexdigest()[:16]


def findings(look: JudgedSample) -> list[dict[str, Any]]:
    """The findings about a label, worst first, each rule once with its first places."""
    of_rules: dict[str, list[Found]] = {}
    for found in sorted(look.findings, key=lambda found: (_RANK[found.severity], found.start or 0)):
        of_rules.setdefault(found.rule, []).append(found)
    return [
        {
            "rule": found[0].rule,
            "name": found[0].name,
            "severity": found[0].severity,
            "message": _message(found[0].message),
            "more": len(found) - 1,
        }
        for found in list(of_rules.values())[:MOST_FINDINGS]
    ]


def _message(words: str) -> list[Part]:
    """A rule's message; text between backticks is code."""
    cut = words.split("`")
    if len(cut) % 2 == 0:  # an odd backtick opens nothing
        return text(words)
    return [part for at, piece in enumerate(cut) for part in text(piece, "code" if at % 2 else "")]


def text(data: str, kind: str = "") -> list[Part]:
    """A text from data in parts: invisible characters are made visible."""
    return [(piece, f"{kind} ctl".strip() if hidden else kind) for piece, hidden in pieces(data)]


def marked(label: str, spans: Iterable[tuple[int | None, int | None]]) -> list[Part]:
    """A label with its spans marked; overlapping spans are joined."""
    out: list[Part] = []
    at = 0
    for start, end in sorted((start, end) for start, end in spans if start is not None and end is not None):
        start, end = max(start, at), min(end, len(label))
        if end <= start:
            continue
        out += [*text(label[at:start]), *text(label[start:end], "mark")]
        at = end
    return _clipped([*out, *text(label[at:])])


def changed(old: str, new: str) -> list[Part]:
    """What a new label changes in the old one."""
    kinds = {"same": "", "removed": "removed", "added": "added"}
    return _clipped([piece for kind, part in parts(old, new) for piece in text(part, kinds[kind])])


def _clipped(found: Sequence[Part]) -> list[Part]:
    out: list[Part] = []
    left = MOST_CHARACTERS
    for piece, kind in found:
        if left <= 0:
            return [*out, ("…", "ctl")]
        out.append((piece[:left], kind))
        left -= len(piece)
    return out


def _versions(
    read: JudgedSample, proposed: str | None, reading: Mapping[str, Any], decided: str | None
) -> Iterator[dict[str, Any]]:
    """The label, and what it may become or has become. `same`: an earlier version with the same text."""
    worse = [found for found in read.findings if found.severity != "info"] or list(read.findings)
    spans = [(found.start, found.end) for found in worse]
    yield _version("label", read.label, marked(read.label, spans), key=read.visual_key)
    known = {read.label: "label"}
    several = reading.get("pred_count") not in (None, 1)
    agreed = f"{reading.get('pred_agree')} of {reading.get('pred_count')} models" if several else ""
    for kind, label, note in (
        ("fix", proposed, ""),
        ("reading", reading.get("pred_label"), agreed),
        ("decided", decided, ""),
    ):
        if label is not None and (kind != "decided" or label not in known):
            same = known.setdefault(label, kind)
            yield _version(kind, label, changed(read.label, label), note, "" if same == kind else same)


def _version(
    kind: str, label: str, shown: list[Part], note: str = "", same: str = "", key: str | None = None
) -> dict[str, Any]:
    return {"kind": kind, "label": label, "parts": shown, "key": key, "note": note, "same": same}
