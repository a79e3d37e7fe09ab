"""`curate findings`: the findings of a run as lines of text, JSON lines or SARIF. Judges nothing."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import polars as pl

from curate.base.colour import Paint, plain
from curate.base.tables import things
from curate.base.visible import visible
from curate.findings import sarif
from curate.findings.baseline import subjects
from curate.findings.checking import FINDING_KEYS, WORDS, finding_line, totals_line
from curate.findings.locate import TextPlace, locate
from curate.runs.folder import Run
from curate.sources import FORMATS, Source, Unreadable
from rules.findings import SEVERITIES


def found(run: Run, codes: Sequence[str] | None = None, severity: str = "info") -> pl.DataFrame:
    """The findings of a run with data of their samples: those about whole sources first, then in the run's order.

    codes: only these rules. severity: this one and worse. Adds the columns label, score, canonical, visual_key and
    row, the number of the sample in its source (null for a finding about a whole source).
    """
    worse = SEVERITIES[: SEVERITIES.index(next(name for name in SEVERITIES if name == severity)) + 1]
    wanted = pl.col("severity").is_in(worse) & (pl.lit(True) if codes is None else pl.col("rule").is_in(codes))
    samples = run.samples.select(
        "sample_id", "label", "score", "canonical", "visual_key", pl.int_range(pl.len()).over("source").alias("row")
    )
    return (
        run.findings.filter(wanted)
        .sort(pl.col("sample_id").is_not_null(), maintain_order=True)
        .join(samples, on="sample_id", how="left", maintain_order="left")
        .collect()
    )


def as_text(
    findings: pl.DataFrame, limit: int | None = None, paint: Paint = plain, decided: Mapping[str, str] | None = None
) -> Iterator[str]:
    """One line per finding and the totals, as `curate check` prints them: the worst first, then the most frequent.

    limit: how many findings of one rule and severity are shown, followed by how many more there are. decided: what
    people decided, by sample, which is printed after its findings.
    """
    counted = findings.with_columns(
        worst=pl.col("severity").replace_strict(dict(zip(SEVERITIES, range(3), strict=True)), return_dtype=pl.Int8),
        number=pl.len().over("severity", "rule"),
        nth=pl.int_range(pl.len()).over("severity", "rule"),
    ).sort("worst", "number", "rule", descending=[False, True, False], maintain_order=True)
    for row in counted.iter_rows(named=True):
        if limit is None or row["nth"] < limit:
            line = finding_line(row["sample_id"] or row["source"], row["label"] or "", row, None, paint)
            decision = (decided or {}).get(row["sample_id"])
            yield f"{line} ({visible(decision)})" if decision else line
        elif row["nth"] == limit:
            more = things(row["number"] - limit, f"more {WORDS[row['severity']]}")
            yield f"… {more} of {row['rule']} {row['name']}: --select {row['rule']} --limit 0 prints all"
    ids = findings["sample_id"].drop_nulls().n_unique()
    yield totals_line(
        ids, dict(findings.group_by("severity").len().iter_rows()), "sample with findings", "samples with findings"
    )


def as_jsonl(findings: pl.DataFrame) -> Iterator[str]:
    """One line per sample with findings, as `curate check` prints them; findings about a source have the id null."""
    rows = findings.iter_rows(named=True)
    group: list[dict[str, object]] = []
    for row in rows:
        if group and (row["sample_id"], row["source"]) != (group[0]["sample_id"], group[0]["source"]):
            yield _json_line(group)
            group = []
        group.append(row)
    if group:
        yield _json_line(group)


def _json_line(rows: Sequence[dict[str, object]]) -> str:
    first = rows[0]
    return json.dumps(
        {
            "id": first["sample_id"],
            "source": first["source"],
            **{key: first[key] for key in ("score", "canonical", "visual_key")},
            "findings": [{key: row[key] for key in FINDING_KEYS} for row in rows],
        },
        ensure_ascii=False,
    )


def as_sarif(run: Run, findings: pl.DataFrame, folder: Path) -> Iterator[str]:
    """The SARIF log; file names are relative to `folder` if possible."""
    return sarif.log(_results(run, findings), folder)


def _results(run: Run, findings: pl.DataFrame) -> Iterator[sarif.Result]:
    places, files = _places(run, findings)
    for row, subject in zip(findings.iter_rows(named=True), subjects(findings), strict=True):
        at = (row["source"], row["row"])
        name = row["sample_id"] or row["source"]
        yield sarif.Result(row, name, row["label"], subject, places.get(at), files.get(at))


def _places(
    run: Run, findings: pl.DataFrame
) -> tuple[dict[tuple[str, int], TextPlace], dict[tuple[str, int | None], Path]]:
    """Places of labels by source and row, and the files of their samples, if the sources still exist."""
    places: dict[tuple[str, int], TextPlace] = {}
    files: dict[tuple[str, int | None], Path] = {}
    for source in _sources(run):
        name = source.name
        if not source.path.exists():
            continue
        if source.path.is_file():
            files[name, None] = source.path
        rows = (
            findings.filter((pl.col("source") == name) & pl.col("row").is_not_null())["row"].unique().sort().to_list()
        )
        places |= {(name, row): place for row, place in locate(source, rows).items()}
        of_rows = source.places.select("file", "line").gather(rows).iter_rows() if rows else ()
        inner: dict[str, list[Path]] = {}
        for row, (file, line) in zip(rows, of_rows, strict=True):
            path = source.base / file
            if path.is_dir():
                small = inner.setdefault(file, [])
                small += FORMATS[source.format].label_files(path) if not small else []
                path = small[line - 1] if 0 < line <= len(small) else path
            files[name, row] = path
    return places, files


def _sources(run: Run) -> Iterator[Source]:
    """The run's sources as they were read: paths, and labels with their places."""
    kept = run.places.collect()
    labels = run.samples.select("source", "label").collect()
    for entry in run.summary["sources"]:
        mine = labels["source"] == entry["name"]
        path = (run.path / str(entry["path"])).resolve()
        yield Source(
            name=entry["name"],
            format=entry["format"],
            path=path,
            root=path,
            frame=labels.filter(mine).select("label"),
            rows=int(entry["rows"]),
            unreadable=Unreadable(),
            notes={},
            places=kept.filter(mine) if kept.height == labels.height else kept.clear(),
        )
