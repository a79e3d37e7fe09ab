"""Reads decisions.jsonl and says which decision stands for each sample. Writes none, and applies none to a label.

The file is append-only: a row a decision, the latest one stands, `undo` takes back the latest that stands. A row holds
sample_id, action, label, label_sha256 (of the label that was judged, UTF-8), who and when.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal, get_args

from curate.errors import UserError

Action = Literal["accept", "fix", "edit", "reject", "undo"]
ACTIONS: tuple[str, ...] = get_args(Action)
DECISIONS_FILE = "decisions.jsonl"


@dataclass(frozen=True)
class Decision:
    """One row of the file. `label` is the new label of `edit` and `fix`; `fix` may leave it to the fixer (None)."""

    sample_id: str
    action: str
    label: str | None
    label_sha256: str
    who: str = ""
    when: str = ""

    def is_about(self, label: str) -> bool:
        """Was this the label that was judged? A decision about another label must not be applied to this one."""
        return self.label_sha256 == label_sha256(label)


@dataclass(frozen=True)
class Decisions:
    """The decisions that stand, by sample; `rows` were read, `unreadable` of the file's lines were not."""

    standing: dict[str, Decision] = field(default_factory=dict)
    rows: int = 0
    unreadable: tuple[int, ...] = ()


def label_sha256(label: str) -> str:
    """The hash by which a decision names the label it is about."""
    return hashlib.sha256(label.encode()).hexdigest()


def read_decisions(path: Path) -> Decisions:
    """The decisions of a file, none where there is no file.

    A line that is torn, as a crash leaves the last one, or isn't a decision is passed over and its number kept in
    `unreadable`. Raises UserError where the file can't be read at all.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return Decisions()
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    rows: list[Decision] = []
    unreadable: list[int] = []
    for number, line in enumerate(data.split(b"\n"), start=1):
        if not line.strip():
            continue
        decision = _parse(line)
        if decision is None:
            unreadable.append(number)
        else:
            rows.append(decision)
    return Decisions(resolve(rows), len(rows), tuple(unreadable))


def resolve(rows: Iterable[Decision]) -> dict[str, Decision]:
    """The decision that stands for each sample, in the order in which samples were first decided on."""
    stacks: dict[str, list[Decision]] = {}
    for row in rows:
        stack = stacks.setdefault(row.sample_id, [])
        if row.action != "undo":
            stack.append(row)
        elif stack:
            stack.pop()
    return {sample_id: stack[-1] for sample_id, stack in stacks.items() if stack}


def _parse(line: bytes) -> Decision | None:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError):  # UnicodeDecodeError is a ValueError
        return None
    if not isinstance(row, dict):
        return None
    sample_id, action, label = row.get("sample_id"), row.get("action"), row.get("label")
    if not isinstance(sample_id, str) or action not in ACTIONS or not isinstance(label, str | None):
        return None
    if action == "edit" and label is None:
        return None
    try:
        f"{sample_id}{label}".encode()
    except UnicodeEncodeError:  # half a surrogate pair is no text, and no table takes it
        return None
    return Decision(
        sample_id,
        action,
        label,
        str(row.get("label_sha256") or ""),
        str(row.get("who") or ""),
        str(row.get("when") or ""),
    )
