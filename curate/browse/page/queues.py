"""The lists of samples that the page goes through, each in a fixed order. Decides nothing."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from curate.base.atomic_files import new_file
from curate.browse.dataset.rows import FIXABLE
from curate.browse.dataset.views import LOW_SCORE, pair_codes
from curate.runs.decisions import Decision
from rules.registry import all_rules

#: The queue that opens first.
FIRST = "doubtful"
_PICKED = re.compile(r"picked-[0-9a-f]{12}")
_WRONG_PAIR = pair_codes()


@dataclass(frozen=True)
class Queue:
    """Samples in the order in which they come. every: include samples with a decision."""

    name: str
    title: str
    ids: tuple[str, ...]
    every: bool = False
    places: Mapping[str, int] = field(default_factory=dict)

    @classmethod
    def of(cls, name: str, title: str, ids: Iterable[str], every: bool = False) -> Queue:
        listed = tuple(dict.fromkeys(ids))
        return cls(name, title, listed, every, {sample_id: at for at, sample_id in enumerate(listed)})


class Queues:
    """The queues of a run.

    frame: the samples that are shown, as `rows.listed` gives them. folder: where `pick` leaves lists for the page.
    """

    def __init__(self, frame: pl.DataFrame, folder: Path) -> None:
        columns = ("sample_id", "label", "severity", "rules", "score", "pair_score", "label_error_rank", FIXABLE)
        self._frame = frame.select(columns)
        self._folder = folder
        self._made: dict[str, Queue] = {}
        self._labels: dict[str, str] = dict(frame.select("sample_id", "label").iter_rows())
        self._named = {name: (title, where) for name, title, where in self._all()}

    def titles(self) -> list[tuple[str, str, int]]:
        """Name, title and number of samples of each queue that isn't empty."""
        counts = self._frame.select(
            where.fill_null(False).sum().alias(name) for name, (_, (where, _)) in self._named.items()
        )
        found = [(name, title, int(counts[name][0])) for name, (title, _) in self._named.items()]
        return [entry for entry in found if entry[2]]

    def of(self, name: str) -> Queue | None:
        """A queue by its name, None if there is none."""
        if name not in self._made:
            if name in self._named:
                title, (where, by) = self._named[name]
                found = self._frame.filter(where)
                found = found if by is None else found.sort(by, maintain_order=True)
                self._made[name] = Queue.of(name, title, found["sample_id"].to_list())
            elif _PICKED.fullmatch(name) and (self._folder / f"{name}.json").is_file():
                ids = json.loads((self._folder / f"{name}.json").read_text(encoding="utf-8"))
                self._made[name] = Queue.of(name, f"{len(ids):,} from the App", ids, every=True)
            else:
                return None
        return self._made[name]

    def names(self) -> list[str]:
        """The names of all lists except those that `pick` leaves."""
        return list(self._named)

    def is_open(self, sample_id: str, standing: Mapping[str, Decision]) -> bool:
        """Whether the sample, as it is now, has no decision."""
        decision = standing.get(sample_id)
        return decision is None or not decision.is_about(self._labels.get(sample_id, ""))

    def _all(self) -> Iterator[tuple[str, str, tuple[pl.Expr, str | None]]]:
        """Name and title of each queue, which samples are in it, and what they are sorted by."""
        doubtful = pl.col("severity").is_in(["error", "warning"])
        yield FIRST, "errors and warnings", (doubtful, None)
        yield "errors", "errors", (pl.col("severity") == "error", None)
        yield "fixable", "with a proposed fix", (doubtful & pl.col(FIXABLE), None)
        yield "label-errors", "likely label errors", (pl.col("label_error_rank").is_not_null(), "label_error_rank")
        wrong = pl.col("rules").list.eval(pl.element().is_in(_WRONG_PAIR)).list.any()
        yield "likely-wrong-pair", "likely wrong pair", (wrong, "pair_score")
        yield "low-score", f"score under {LOW_SCORE:g}", (pl.col("score") < LOW_SCORE, "score")
        yield "all", "all samples", (pl.col("sample_id").is_not_null(), None)
        for code in self._frame["rules"].explode().drop_nulls().unique().sort().to_list():
            title = f"{code} {all_rules()[code].name}" if code in all_rules() else code
            yield code, title, (pl.col("rules").list.contains(code), None)


def pick(ids: Iterable[str], folder: Path) -> str:
    """Leave a list of samples for the page; returns the name of its queue."""
    text = json.dumps(list(ids))
    name = f"picked-{hashlib.sha256(text.encode()).hexdigest()[:12]}"
    folder.mkdir(exist_ok=True)
    with new_file(folder / f"{name}.json", flush=False) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return name
