"""Baselines and suppressions: which findings are known, so that only new ones are reported. Judges nothing.

A known finding is a pair of a **subject** and a rule's code. The subject of a rule over labels is the label itself,
wherever it occurs: the first 32 hexadecimal digits of the SHA-256 of its UTF-8. The subject of a finding about one
sample (its image, its pair) is that sample, and of one about a whole source the source. So the same label with another
broken picture is new. An edited label is another subject, and all findings in it are new.

Known findings are left out of the findings, the tables, the report and `--fail-on`. They still count for scores, for
the numbers of a source and for its verdict: accepting a finding makes no label better.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import polars as pl

from curate.base.atomic_files import new_file
from curate.base.errors import UserError
from curate.base.given_files import read_text, why_not_json
from rules.registry import SelectionError, all_rules, expand

#: The version of the file format, which the file contains.
VERSION = 1
_MARK = "texsieve-baseline"
#: Known findings: what they are about, and the rule's code.
SCHEMA: dict[str, Any] = {"subject": pl.String, "rule": pl.String}


def subject_of(text: str) -> str:
    """The hash of a label, or of whatever else a finding is about."""
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:32]


def subjects(findings: pl.DataFrame) -> pl.Series:
    """The subject of every finding. `findings` has the columns rule and label and, if there are findings of rules over
    samples, sample_id and source."""
    of_samples = [code for code, rule in all_rules().items() if rule.scope == "samples"]
    about = pl.col("label")
    if "sample_id" in findings.columns:
        whole = pl.format("source\0{}", "source")
        one = pl.format("sample\0{}\0{}", "sample_id", pl.col("label").fill_null(""))
        about = (
            pl.when(~pl.col("rule").is_in(of_samples))
            .then("label")
            .when(pl.col("sample_id").is_null())
            .then(whole)
            .otherwise(one)
        )
    texts = findings.select(about.alias("about"))
    distinct = texts.unique(maintain_order=True).with_columns(
        pl.col("about").map_elements(subject_of, return_dtype=pl.String).alias("subject")
    )
    return texts.join(distinct, on="about", how="left", nulls_equal=True, maintain_order="left")["subject"]


def split(findings: pl.DataFrame, known: pl.DataFrame) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(new findings, known ones), both in the given order. `findings` needs the columns that `subjects` needs."""
    marked = findings.with_columns(subjects(findings).alias("subject"))
    is_known = marked.join(
        known.unique().with_columns(pl.lit(True).alias("known")),
        on=["subject", "rule"],
        how="left",
        maintain_order="left",
    )["known"].fill_null(False)
    return findings.filter(~is_known), findings.filter(is_known)


def suppressed(table: Mapping[str, Any]) -> pl.DataFrame:
    """Known findings from the table [suppress] of a project file: label to a list of rules or families.

    Raises UserError for a rule that doesn't exist.
    """
    rows: list[tuple[str, str]] = []
    for label, names in table.items():
        if not isinstance(names, list) or not names or not all(isinstance(name, str) for name in names):
            raise UserError(f'suppress: {label!r} needs a list of rules such as ["SYN016"], not {names!r}')
        try:
            rows += [(subject_of(label), code) for code in expand(names)]
        except SelectionError as error:
            raise UserError(f"suppress: {error}") from error
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def read_baseline(path: Path) -> pl.DataFrame:
    """The known findings of a baseline file. Raises UserError if it can't be read or isn't a baseline."""
    try:
        held = json.loads(read_text(path))
    except FileNotFoundError as error:
        raise UserError(f"{path}: no such baseline; make it with --write-baseline {path}") from error
    except OSError as error:
        raise UserError(f"{path}: can't be read: {error.strerror}") from error
    except (ValueError, RecursionError) as error:
        raise UserError(
            f"{path}: not a baseline: not JSON ({why_not_json(error)}); make one with --write-baseline"
        ) from error
    if not isinstance(held, dict) or _MARK not in held:
        raise UserError(f"{path}: not a baseline: it has no {_MARK!r}; make one with --write-baseline")
    if held[_MARK] != VERSION:
        raise UserError(f"{path}: a baseline of version {held[_MARK]!r}; this texsieve reads {VERSION}; write it again")
    known = held.get("known")
    if not isinstance(known, dict) or not all(
        isinstance(codes, list) and all(isinstance(code, str) for code in codes) for codes in known.values()
    ):
        raise UserError(f"{path}: a damaged baseline: 'known' is not a table of lists of rules; write it again")
    rows = [(subject, code) for subject, codes in known.items() for code in codes]
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def check_target(path: Path) -> None:
    """Raises UserError if writing a baseline to `path` would overwrite something else."""
    if path.is_dir():
        raise UserError(f"{path}: is a folder; name a file with --write-baseline")
    if path.exists():
        try:
            read_baseline(path)
        except UserError as error:
            raise UserError(f"{path}: exists and is not a baseline; name another file") from error


def write_baseline(path: Path, parts: Iterable[pl.DataFrame]) -> int:
    """Write a baseline of findings, new and known alike; an old one is replaced. Returns how many pairs it holds.

    `parts` are frames as for `subjects`. Subjects and codes are sorted, one subject per line, so that two baselines can
    be compared line by line.
    """
    known: dict[str, set[str]] = {}
    for part in parts:
        for subject, code in zip(subjects(part), part["rule"], strict=True):
            known.setdefault(subject, set()).add(code)
    lines = ",\n".join(f"  {json.dumps(subject)}: {json.dumps(sorted(known[subject]))}" for subject in sorted(known))
    inner = f"{{\n{lines}\n }}" if lines else "{}"
    with new_file(path) as file:
        file.write_text(f'{{\n "{_MARK}": {VERSION},\n "known": {inner}\n}}\n', encoding="utf-8", newline="\n")
    return sum(map(len, known.values()))
