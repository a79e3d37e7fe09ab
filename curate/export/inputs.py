"""Opens the runs of an export and checks that they go together. Judges no sample."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

import rules
from curate.decisions import DECISIONS_FILE, Decisions, read_decisions
from curate.errors import UserError
from curate.run import FINDINGS_FILE, SAMPLES_FILE, SUPPRESSED_FILE, Run, load_run, rules_of
from rules import Ruleset, Weights

_WINDOW = 200_000
#: Inode, size and time of change of a file; None where there is none.
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Input:
    """One run of an export. ruleset and weights are those that the run was audited with; hashes are by file name.

    stamps: by which a change of the run's tables is seen; decisions are read once, and may be made meanwhile.
    """

    number: int
    run: Run
    ruleset: Ruleset
    weights: Weights
    decisions: Decisions
    hashes: dict[str, str]
    stamps: dict[str, Stamp]

    def check_unchanged(self) -> None:
        """Raises UserError where the run isn't what it was when it was opened: rows of two runs would be mixed."""
        if any(_stamp(self.run.path / name) != stamp for name, stamp in self.stamps.items()):
            raise UserError(f"{self.run.path}: was changed while it was exported; export it again")

    @property
    def name(self) -> str:
        """The folder's own name: where it lies is this machine's business and no part of a data set."""
        return self.run.path.resolve().name

    @property
    def sources(self) -> list[dict[str, Any]]:
        return list(self.run.summary["sources"])

    @property
    def images(self) -> int:
        """How many samples name an image."""
        return int(self.run.samples.select(pl.col("image").count()).collect().item())

    def numbered(self, found: pl.DataFrame) -> pl.DataFrame:
        """Rows with a sample_id, with the number `row` of that sample: the ids of all are never held at once."""
        parts = [found.clear().with_columns(pl.lit(None, pl.UInt32).alias("row"))]
        ids = self.run.samples.select("sample_id")
        total = ids.select(pl.len()).collect().item() if found.height else 0
        for start in range(0, total, _WINDOW):
            window = ids.slice(start, _WINDOW).with_row_index("row", offset=start).collect()
            parts.append(found.join(window, on="sample_id", how="inner").select(parts[0].columns))
        return pl.concat(parts)

    @property
    def label_rules(self) -> list[str]:
        """Codes of the rules whose findings hold for a label alone, so that another label has others."""
        return [rule.code for rule in self.ruleset.rules("label")]


def open_inputs(paths: Sequence[Path]) -> list[Input]:
    """The runs, in the order given.

    Raises UserError for a folder that is no run, one made by other rules or visual keys than there are now, and runs
    that share a source's name, whose samples could not be told apart.
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
    stamps = {name: _stamp(path / name) for name in (SAMPLES_FILE, FINDINGS_FILE, SUPPRESSED_FILE)}
    run = load_run(path)
    version = run.summary.get("key_version")
    if version != rules.KEY_VERSION:
        raise UserError(
            f"{path}: its visual keys are of version {version}, this texsieve makes version {rules.KEY_VERSION}; "
            "audit the source again"
        )
    ruleset, weights = rules_of(run)
    hashes = {
        name: file_sha256(path / name)
        for name in (SAMPLES_FILE, FINDINGS_FILE, SUPPRESSED_FILE, DECISIONS_FILE)
        if (path / name).is_file()
    }
    return Input(number, run, ruleset, weights, read_decisions(path / DECISIONS_FILE), hashes, stamps)


def _stamp(path: Path) -> Stamp:
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


@contextmanager
def unchanged(inputs: Sequence[Input]) -> Iterator[None]:
    """Says of any error within the block that a run was changed, where it was: that is what led to it."""
    try:
        yield
    except Exception as error:
        try:
            for item in inputs:
                item.check_unchanged()
        except UserError as changed:
            raise changed from error
        raise


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
