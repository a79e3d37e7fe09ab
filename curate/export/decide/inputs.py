"""Opens the runs of an export and checks that they go together. Judges no sample."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import polars as pl

import rules
from curate.base.errors import UserError
from curate.export.decide.rows import WINDOW, Buckets
from curate.runs.decisions import DECISIONS_FILE, Decisions, read_decisions
from curate.runs.folder import (
    FINDINGS_FILE,
    PLACES_FILE,
    SAMPLES_FILE,
    SUPPRESSED_FILE,
    Run,
    Stamp,
    file_sha256,
    is_there,
    load_run,
    rules_of,
    stamp,
    table_hashes,
)
from rules import Ruleset, Weights

_FINDINGS = ("rule", "severity", "message", "fix", "replacement")
_BY_ID = pl.col("sample_id").hash()


@dataclass(frozen=True)
class Input:
    """One run of an export. ruleset and weights are those of its audit; hashes are by file name.

    stamps: reveal a change of the run's tables; decisions are read once, and may be added meanwhile.
    """

    number: int
    run: Run
    ruleset: Ruleset
    weights: Weights
    decisions: Decisions
    hashes: dict[str, str]
    stamps: dict[str, Stamp]

    def check_unchanged(self) -> None:
        """Raise UserError if the run has changed since it was opened: rows of two runs would be mixed."""
        if any(stamp(self.run.path / name) != then for name, then in self.stamps.items()):
            raise UserError(f"{self.run.path}: was changed while it was exported; export it again")

    @property
    def name(self) -> str:
        """The folder's own name: its location is this machine's business and not part of a data set."""
        return self.run.path.resolve().name

    @property
    def sources(self) -> list[dict[str, Any]]:
        return list(self.run.summary["sources"])

    @property
    def images(self) -> int:
        """How many samples name an image."""
        return int(self.run.samples.select(pl.col("image").count()).collect(engine="streaming").item())

    @cached_property
    def height(self) -> int:
        """How many samples there are."""
        return int(self.run.samples.select(pl.len()).collect().item())

    @property
    def starts(self) -> range:
        """The first row of each window of the samples; a run without samples has one empty window."""
        return range(0, max(self.height, 1), WINDOW)

    def window(self, start: int) -> pl.LazyFrame:
        """The samples from row `start` on, with their number `row`."""
        return self.run.samples.slice(start, WINDOW).with_row_index("row", offset=start)

    def within(self, start: int) -> pl.Expr:
        """Is a number `row` in the window from row `start` on?"""
        return pl.col("row").is_between(start, start + WINDOW, closed="left")

    def findings(self, folder: Path, wanted: pl.Expr) -> Buckets:
        """The findings about samples for which `wanted` is true, in one bucket per window of the samples.

        Columns: row, rule, severity, message, fix, replacement.
        """
        number = len(self.starts)
        ids, found, numbered = (Buckets(folder, number) for _ in range(3))
        for table in (self.run.findings, self.run.suppressed):
            rows = table.select("sample_id", *_FINDINGS)
            for start in range(0, max(table.select(pl.len()).collect().item(), 1), WINDOW):
                window = rows.slice(start, WINDOW).filter(wanted & pl.col("sample_id").is_not_null())
                found.add(window.collect(), _BY_ID % number)
        for start in self.starts:
            ids.add(self.window(start).select("row", "sample_id").collect(), _BY_ID % number)
        for bucket in range(number):
            known = found.read(bucket).join(ids.read(bucket), on="sample_id", maintain_order="left")
            numbered.add(known.select("row", *_FINDINGS), pl.col("row") // WINDOW)
        ids.remove()
        found.remove()
        return numbered

    @property
    def label_rules(self) -> list[str]:
        """Codes of the rules whose findings depend only on the label, so that another label has others."""
        return [rule.code for rule in self.ruleset.rules("label")]


def open_inputs(paths: Sequence[Path]) -> list[Input]:
    """The runs, in the given order.

    Raises UserError for a folder that is not a run, one made by other rules or visual keys than the current ones, and
    for runs that share a source's name, since their samples could not be told apart.
    """
    if not paths:
        raise UserError("no run given; name the folder that `curate audit` wrote, as in: curate export RUN --out DIR")
    inputs = [_open(number, path) for number, path in enumerate(paths)]
    owners: dict[str, Path] = {}
    for item in inputs:
        for source in item.sources:
            if source["name"] in owners:
                raise UserError(
                    f"{owners[source['name']]} and {item.run.path} both hold a source called {source['name']!r}; "
                    "audit one of them under another name: curate audit NAME=SOURCE --out RUN"
                )
            owners[source["name"]] = item.run.path
    return inputs


def _open(number: int, path: Path) -> Input:
    is_there(path)  # before the stamps: a run that is put back now has not changed
    stamps = {name: stamp(path / name) for name in (SAMPLES_FILE, FINDINGS_FILE, SUPPRESSED_FILE)}
    run = load_run(path)
    version = run.summary.get("key_version")
    if version != rules.KEY_VERSION:
        raise UserError(
            f"{path}: its visual keys have version {version}, but this texsieve makes version {rules.KEY_VERSION}; "
            "audit the source again"
        )
    ruleset, weights = rules_of(run)
    hashes = {name: digest for name, digest in table_hashes(path).items() if name != PLACES_FILE}
    if (path / DECISIONS_FILE).is_file():
        hashes[DECISIONS_FILE] = file_sha256(path / DECISIONS_FILE)
    return Input(number, run, ruleset, weights, read_decisions(path / DECISIONS_FILE), hashes, stamps)


@contextmanager
def unchanged(inputs: Sequence[Input]) -> Iterator[None]:
    """On any error within the block, report a changed run if there is one: that is the cause."""
    try:
        yield
    except Exception as error:
        try:
            for item in inputs:
                item.check_unchanged()
        except UserError as changed:
            raise changed from error
        raise
