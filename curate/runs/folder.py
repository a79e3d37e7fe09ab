"""The run folder's schemas, and reading a run folder. Not for making one: that is `audit`.

A run folder holds samples.parquet, findings.parquet, places.parquet, summary.json and report.html; with a baseline also
suppressed.parquet, and from the first decision on decisions.jsonl.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.errors import UserError
from curate.base.given_files import no_folder
from curate.base.leftovers import restore
from curate.runs.decisions import DECISIONS_FILE
from rules import Ruleset, Weights
from rules.findings import SCHEMA as CHECKED
from rules.registry import all_rules

#: The first columns of every samples.parquet; the source's own columns follow.
SAMPLES: dict[str, Any] = {
    "sample_id": pl.String,
    "source": pl.String,
    "split": pl.String,
    "image": pl.String,
    "label": pl.String,
    "canonical": pl.String,
    "visual_key": pl.String,
    "score": pl.Float64,
    "pair_score": pl.Float64,
    "n_tokens": pl.Int32,
    "width": pl.Int32,
    "height": pl.Int32,
    "image_sha256": pl.String,
    "image_phash": pl.String,
    # Equal for labels that look the same, and for images with (nearly) equal pixels. Names depend on nothing else.
    "label_group": pl.String,
    "image_group": pl.String,
    # If predictions contradict the label: 1 for the most likely label error, 2 for the next.
    "label_error_rank": pl.Int32,
}

#: The columns of `rules.check`, with a sample in place of the row. `source` is needed for findings about a whole data
#: set, whose sample_id is null.
FINDINGS: dict[str, Any] = {
    "sample_id": pl.String,
    "source": pl.String,
    **{name: kind for name, kind in CHECKED.items() if name != "row"},
}

SAMPLES_FILE = "samples.parquet"
FINDINGS_FILE = "findings.parquet"
#: File and line of every sample, in order; for a small file or a table, lines are row numbers.
PLACES_FILE = "places.parquet"
PLACES: dict[str, Any] = {"file": pl.String, "line": pl.Int64}
#: Findings that the run's baseline knows; exists if a baseline was given.
SUPPRESSED_FILE = "suppressed.parquet"
SUMMARY_FILE = "summary.json"
REPORT_FILE = "report.html"
#: The tables of a run, and the entry of summary.json with their hashes.
TABLES = (SAMPLES_FILE, FINDINGS_FILE, PLACES_FILE, SUPPRESSED_FILE)
HASHES = "tables"
#: Everything that texsieve puts into a run folder.
RUN_FILES = (*TABLES, SUMMARY_FILE, REPORT_FILE, DECISIONS_FILE)
#: Inode, size and modification time of a file; None if it doesn't exist.
Stamp = tuple[int, int, int] | None


@dataclass(frozen=True)
class Run:
    """A complete run folder, its tables read lazily."""

    path: Path
    summary: dict[str, Any]

    @property
    def samples(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.path / SAMPLES_FILE)

    @property
    def findings(self) -> pl.LazyFrame:
        return pl.scan_parquet(self.path / FINDINGS_FILE)

    @property
    def suppressed(self) -> pl.LazyFrame:
        """Findings that the run's baseline knows, in the schema of `findings`; empty without a baseline."""
        path = self.path / SUPPRESSED_FILE
        return pl.scan_parquet(path) if path.is_file() else pl.LazyFrame(schema=FINDINGS)

    @property
    def places(self) -> pl.LazyFrame:
        """File and line of every sample, in order; empty in a run of an older version."""
        path = self.path / PLACES_FILE
        return pl.scan_parquet(path) if path.is_file() else pl.LazyFrame(schema=PLACES)

    @property
    def all_findings(self) -> pl.LazyFrame:
        """New and known findings together: everything that is wrong with the data."""
        return pl.concat([self.findings, self.suppressed])

    def root(self, source: str) -> Path:
        """The folder that the image paths of `source` are relative to. Raises KeyError for an unknown source."""
        for entry in self.summary["sources"]:
            if entry["name"] == source:
                return (self.path / str(entry["root"])).resolve()
        raise KeyError(source)


def is_there(path: Path) -> bool:
    """Is there something at a run folder's path? First puts back a run that an interrupted update moved away."""
    return restore(path, (DECISIONS_FILE,))


def load_run(path: Path) -> Run:
    """Open a run folder, put back first as in `is_there`. Raises UserError if it is missing or incomplete, or if a
    table isn't as the audit wrote it: polars may panic on a damaged one, or read wrong values."""
    if not is_there(path) or not path.is_dir():
        if path.exists():
            raise UserError(f"{path}: {no_folder(path)}; name a run folder, which `curate audit` writes")
        raise UserError(f"{path}: no such run folder; make one with: curate audit SOURCE --out {path}")
    for name in (SAMPLES_FILE, FINDINGS_FILE, SUMMARY_FILE):
        if not (path / name).is_file():
            raise UserError(f"{path}: not a run folder: it has no {name}; make one with: curate audit SOURCE --out DIR")
    written = stamp(path / SUMMARY_FILE)
    try:
        summary = json.loads((path / SUMMARY_FILE).read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        raise UserError(f"{path / SUMMARY_FILE}: can't be read as JSON ({error}); audit the source again") from error
    sources = summary.get("sources") if isinstance(summary, dict) else None
    if not isinstance(sources, list) or not all(isinstance(entry, dict) and "name" in entry for entry in sources):
        raise UserError(f"{path / SUMMARY_FILE}: not the summary of an audit; audit the source again")
    if summary.get(HASHES):  # a run of an older version has none
        found = table_hashes(path)
        for name in TABLES:
            if found.get(name) != summary[HASHES].get(name):
                if stamp(path / SUMMARY_FILE) != written:  # an update put another run in its place meanwhile
                    return load_run(path)
                raise UserError(
                    f"{path / name}: is damaged, or was changed after the audit; audit the source again, with another "
                    "--out"
                )
    return Run(path, summary)


def table_hashes(folder: Path) -> dict[str, str]:
    """The SHA-256 of each table in a run folder, in hexadecimal."""
    stamps = {name: stamp(folder / name) for name in TABLES}
    return {name: _sha256(folder.absolute() / name, found) for name, found in stamps.items() if found is not None}


@lru_cache(maxsize=64)
def _sha256(path: Path, _: Stamp) -> str:
    """The hash of a file, which is read once for each of its stamps: `curate browse` opens its run for every answer."""
    return file_sha256(path)


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file's bytes in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def stamp(path: Path) -> Stamp:
    """What changes when a file is written again."""
    try:
        found = path.stat()
    except OSError:
        return None
    return found.st_ino, found.st_size, found.st_mtime_ns


def rules_of(run: Run) -> tuple[Ruleset, Weights]:
    """The rules and options the run was audited with, so that changed labels are judged by the same rules.

    Raises UserError if this texsieve lacks some of those rules.
    """
    config = run.summary.get("config", {})
    unknown = [code for code in config.get("rules", []) if code not in all_rules()]
    if unknown:
        raise UserError(
            f"{run.path}: audited with rules this texsieve doesn't have ({', '.join(unknown)}); audit it again"
        )
    ruleset = Ruleset(
        tuple(config.get("rules", ())),
        config.get("profile", "default"),
        config.get("options", {}),
        config.get("severities", {}),
        config.get("fixes", {}),
    )
    return ruleset, Weights(**config.get("score", {}))
