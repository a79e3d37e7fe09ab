"""The file of predictions, written batch by batch, so that a stopped prediction continues where it was.

PRED.jsonl has one row per answer, as `predictions` reads them. PRED.jsonl.run.json, next to it, records model, data,
prompt and settings, and the rows of PRED.jsonl are kept only if these are the same. During the prediction, rows are in
the order in which they were made; at the end, the file is put into the order of the data.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Container, Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from curate.base.atomic_files import new_file, new_text
from curate.base.earlier_results import has_earlier_result
from curate.base.errors import UserError
from curate.base.given_files import kind_of, read_text
from curate.base.locks import try_lock
from curate.base.visible import clip, quoted, visible
from curate.predictions.rows import Prediction, read_predictions
from finetune.predict.engines import Answer

SUFFIX = ".run.json"
#: Facts that may differ when a run is continued: they change neither the model nor the questions.
_FREE = ("batch_size", "versions", "name", "path")


def facts_file(path: Path) -> Path:
    """The file with the facts of a prediction file."""
    return path.parent / f"{path.name}{SUFFIX}"  # `with_name` fails for `.` and `/`


def read_facts(path: Path) -> dict[str, Any] | None:
    """The facts of a prediction file; None if `finetune predict` didn't write it."""
    try:
        facts = json.loads(read_text(facts_file(path)))
    except (OSError, ValueError, RecursionError):
        return None
    return facts if isinstance(facts, dict) else None


def check_facts_place(path: Path) -> None:
    """Raises UserError if there is no prediction file yet, and something else is in the place of its facts."""
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: is {kind_of(path)}, not a file; name another place with --out")
    if not path.exists() or not path.stat().st_size:
        is_ours = re.compile(rb'\s*\{\s*"model"\s*:\s*\{').match
        has_earlier_result("finetune predict", lambda start: is_ours(start) is not None, facts_file(path))


class PredictionFile:
    """A prediction file that is being written, by one process at a time. Use it as a context manager.

    rows: (sample_id, gt) of all the data, in its order. facts: everything that decides the answers, as JSON values,
    such as {"model": {…}, "prompt": …}. Raises UserError if the file has other content or another process is writing
    it.
    """

    def __init__(self, path: Path, rows: Sequence[tuple[str, str]], facts: Mapping[str, Any]) -> None:
        self.path = path
        self.facts = dict(facts)
        #: The ids that have an answer, also from earlier runs.
        self.done: set[str] = set()
        self._truth = dict(rows)
        self._file: IO[bytes] | None = None
        self._own = False

    def __enter__(self) -> PredictionFile:
        """Lock the file, repair its last line, and find out which answers it has."""
        check_facts_place(self.path)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            # Without a buffer: what a full disk doesn't take isn't kept for another try when the file is closed.
            self._file = self.path.open("a+b", buffering=0)
        except OSError as error:
            raise UserError(f"{self.path}: can't be written: {error.strerror}") from error
        try:
            if not try_lock(self._file):
                raise UserError(
                    f"{self.path}: another `finetune predict` is writing it; wait, or name a different --out"
                )
            self._own = True
            self._take()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        if self._file is not None:
            if self._own and not self.path.stat().st_size:  # no answers
                facts_file(self.path).unlink(missing_ok=True)
                self.path.unlink()
            self._file.close()
            self._file = None

    def add(self, answers: Iterable[Answer]) -> None:
        """Write answers and flush them to disk, so that they are kept whatever happens next."""
        assert self._file is not None
        answers = list(answers)
        rest = memoryview(b"".join(as_line(answer) for answer in answers))
        before = self.path.stat().st_size
        try:
            while rest:
                rest = rest[self._file.write(rest) :]
            os.fsync(self._file.fileno())
        except OSError as error:
            with suppress(OSError):
                self._file.truncate(before)
            raise self._unwritten(error) from error
        self.done.update(answer.sample_id for answer in answers)

    def finish(self, unanswered: Container[str] = ()) -> None:
        """Put the rows into the data's order. Raises AssertionError if rows are missing that aren't `unanswered`."""
        written = self.path.read_bytes().splitlines(keepends=True)
        lines = {_identity(line): line for line in written if line.strip()}
        wanted = [sample_id for sample_id in self._truth if sample_id in lines or sample_id not in unanswered]
        if lines.keys() != set(wanted):
            missing = len(set(wanted) - lines.keys())
            raise AssertionError(f"{missing} of {len(self._truth)} rows were never answered")
        if list(lines) != wanted:
            try:
                with new_file(self.path) as temporary:
                    temporary.write_bytes(b"".join(lines[sample_id] for sample_id in wanted))
            except OSError as error:
                raise self._unwritten(error) from error

    def _unwritten(self, error: OSError) -> UserError:
        return UserError(
            f"{self.path}: can't be written: {error.strerror}; what is answered is kept, and the same command goes on "
            "with it"
        )

    def _take(self) -> None:
        assert self._file is not None
        if self.path.stat().st_size:
            self._check_facts()
            self._heal(self._file)
        if self.path.stat().st_size:
            self._check_rows(read_predictions(self.path))
        else:
            text = json.dumps(self.facts, ensure_ascii=False, indent=1)
            try:
                new_text(facts_file(self.path), text + "\n")
            except OSError as error:
                raise self._unwritten(error) from error

    def _heal(self, file: IO[bytes]) -> None:
        """Cut off an incomplete last line."""
        file.seek(0)
        data = file.read()
        whole = data.rfind(b"\n") + 1
        if whole < len(data):
            file.truncate(whole)
            file.seek(0, os.SEEK_END)

    def _check_facts(self) -> None:
        """Raises UserError unless the file is of the same model and the same questions."""
        earlier = read_facts(self.path)
        if earlier is None:
            raise UserError(
                f"{self.path}: already exists without {facts_file(self.path).name}, so the origin of its rows is "
                "unknown; name a different --out"
            )
        what = _difference(earlier, self.facts, "")
        if what:
            raise UserError(
                f"{self.path}: is from a different prediction: {what}. Name a different --out, or remove the file"
            )

    def _check_rows(self, found: Sequence[Prediction]) -> None:
        """Raises UserError unless the rows in the file are answers to the questions."""
        for row in found:
            if self._truth.get(row.sample_id) != row.gt:
                why = "has another gt" if row.sample_id in self._truth else "is not in the data"
                raise UserError(f"{self.path}: {clip(visible(row.sample_id), 60)} {why}; name a different --out")
        self.done = {row.sample_id for row in found}


def as_line(answer: Answer) -> bytes:
    """An answer as a line of the file."""
    row: dict[str, Any] = {"sample_id": answer.sample_id, "gt": answer.gt, "pred": answer.pred}
    if answer.image is not None:
        row["image"] = answer.image
    row["seconds"] = answer.seconds
    if answer.score is not None:
        row["score"] = answer.score
    if answer.runaway:
        row["runaway"] = True
    return json.dumps(row, ensure_ascii=False).encode() + b"\n"


def _identity(line: bytes) -> str:
    return str(json.loads(line)["sample_id"])


def _difference(old: Any, new: Any, name: str) -> str | None:
    """What differs between two values, by its name; None if no difference matters."""
    if isinstance(old, dict) and isinstance(new, dict):
        for key in {**old, **new}:
            within = f"{name} {key}".strip()
            what = None if key in _FREE else _difference(old.get(key), new.get(key), within)
            if what:
                return what
        return None
    if old == new:
        return None
    return f"{name} was {quoted(old)} and is {quoted(new)}"
