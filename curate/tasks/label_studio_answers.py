"""Reads annotations from Label Studio back as decisions: its exports JSON and JSON-MIN. Writes no tasks."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NamedTuple

from curate.base.errors import UserError
from curate.base.given_files import read_text
from curate.browse.deciding.state import proposals, standing
from curate.browse.deciding.taking import Desk, ShownSample
from curate.runs.decisions import Action
from curate.runs.folder import load_run, rules_of
from curate.sources.chat_rows import Unfit
from curate.sources.label_studio import DISAGREEING, counting, is_flat_task, is_task, task_of, who_made
from curate.tasks.label_studio_tasks import AS_READ, DECISION, IMAGE, LABEL, REJECT, SAMPLE_ID


class Answer(NamedTuple):
    """What somebody decided on a sample: a label, or None to leave it out."""

    sample_id: str
    as_read: str
    label: str | None
    who: str


@dataclass
class Taken:
    """How many decisions of each kind were made, and why tasks made none."""

    made: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)


def take_answers(run: Path, file: Path, who: str | None = None) -> Taken:
    """Decide as the annotations of an export say. who: whose decisions they are, None for the annotators'.

    A decision that someone else has made about the label stays. Raises UserError where the file is no export of tasks
    that `write_tasks` wrote.
    """
    taken = Taken()
    loaded = load_run(run)
    answers = list(_answers(file, taken))
    fixed = proposals([answer.as_read for answer in answers], rules_of(loaded)[0])
    before = standing(loaded)
    orders: dict[tuple[str, Action], list[ShownSample]] = {}
    for answer in answers:
        by, held = answer.who if who is None else who, before.get(answer.sample_id)
        if held is not None and held.who != by and held.is_about(answer.as_read):
            taken.refused[_WHY["overtaken"]] += 1
            continue
        action: Action = "edit"
        if answer.label is None:
            action = "reject"
        elif answer.label == answer.as_read:
            action = "accept"
        elif answer.label == fixed.get(answer.as_read):
            action = "fix"
        sample = ShownSample(answer.sample_id, answer.sample_id, answer.as_read, answer.label)
        orders.setdefault((by, action), []).append(sample)
    for (by, action), samples in orders.items():
        seen = {sample.sample_id: before.get(sample.sample_id) for sample in samples}
        outcome = Desk(run, by).decide(action, samples, seen=seen)
        taken.made[action] += len(outcome.states)
        taken.refused += Counter({_WHY[reason]: count for reason, count in outcome.refused.items()})
    return taken


_WHY = {
    "changed": "another label since the last audit of the run",
    "gone": "no longer in the run",
    "already": "decided so already",
    "overtaken": "decided on by someone else meanwhile",
}


def _answers(file: Path, taken: Taken) -> Iterator[Answer]:
    seen: set[str] = set()
    for record in _tasks(file):
        data = record["data"] if is_task(record) else record
        sample_id, as_read = data.get(SAMPLE_ID), data.get(AS_READ)
        if not isinstance(sample_id, str) or not isinstance(as_read, str):
            taken.refused[f"no {SAMPLE_ID} and {AS_READ}: not written by `curate tasks`"] += 1
        elif sample_id in seen:
            taken.refused["several tasks of one sample: the first counts"] += 1
        else:
            try:
                rejected = _rejecter(record)
                task = None if rejected else task_of(record, LABEL, IMAGE)
            except Unfit as unfit:
                taken.refused[str(unfit)] += 1
                continue
            if task is not None and not task.label.strip():
                taken.refused["the label is empty: reject the sample instead"] += 1
                continue
            by = rejected if task is None else task.others.get("completed_by") or task.others.get("annotator")
            seen.add(sample_id)
            yield Answer(sample_id, as_read, None if task is None else task.label, str(by or "label-studio"))


def _tasks(file: Path) -> list[Any]:
    try:
        found = json.loads(read_text(file))
    except OSError as error:
        raise UserError(f"{file}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(f"{file}: not JSON; export the project from Label Studio as JSON or JSON-MIN") from error
    if not isinstance(found, list) or not all(is_task(one) or is_flat_task(one) for one in found):
        raise UserError(f"{file}: not an export of Label Studio; export the project as JSON or JSON-MIN")
    return found


def _rejecter(record: Mapping[str, Any]) -> str | None:
    """Who chose to leave the sample out, None where nobody did. A flat task has the choice as a text or a list.

    Raises Unfit where another annotation that counts doesn't say so.
    """
    if not is_task(record):
        chosen = record.get(DECISION)
        return str(record.get("annotator") or "label-studio") if chosen in (REJECT, [REJECT]) else None
    annotations = [annotation for _, annotation in counting(record)[1]]
    rejecting = [annotation for annotation in annotations if _rejects(annotation)]
    if rejecting and len(rejecting) < len(annotations):
        raise Unfit(DISAGREEING)
    return str(who_made(rejecting[0]) or "label-studio") if rejecting else None


def _rejects(annotation: Mapping[str, Any]) -> bool:
    results = annotation.get("result")
    for result in results if isinstance(results, list) else ():
        value = result.get("value") if isinstance(result, Mapping) and result.get("from_name") == DECISION else None
        choices = value.get("choices") if isinstance(value, Mapping) else None
        if isinstance(choices, list) and REJECT in choices:
            return True
    return False
