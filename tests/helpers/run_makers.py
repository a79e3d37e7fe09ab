"""Makes run folders by hand, without an audit, for the tests of curate.export. Not a test module."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import polars as pl
from PIL import Image

import rules
from curate.export.decide.options import ExportOptions
from curate.export.write.job import Exported, export
from curate.images.measures import pixels_sha256
from curate.runs.folder import FINDINGS, HASHES, SAMPLES, SUMMARY_FILE, table_hashes
from rules import select
from rules.registry import all_rules


def picture(path: Path, number: int, size: tuple[int, int] = (60, 40)) -> Path:
    """A grey PNG with some strokes of its own."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = Random(number)
    image = Image.new("L", size, 255)
    for _ in range(30):
        image.putpixel((rng.randrange(size[0]), rng.randrange(size[1])), 0)
    image.save(path)
    return path


def put_table(run: Path, name: str, frame: pl.DataFrame) -> None:
    """Write a table of a run anew, as if the audit had made it so."""
    frame.write_parquet(run / name)
    summary = json.loads((run / SUMMARY_FILE).read_text(encoding="utf-8"))
    summary[HASHES] = table_hashes(run)
    (run / SUMMARY_FILE).write_text(json.dumps(summary), encoding="utf-8")


def make_run(
    folder: Path,
    samples: Sequence[dict[str, Any]],
    findings: Iterable[dict[str, Any]] = (),
    *,
    images: Path | None = None,
    formats: dict[str, str] | None = None,
    decisions: Iterable[dict[str, Any]] = (),
) -> Path:
    """Write a run folder. A sample needs a sample_id and a label; `images` draws a picture for each in that folder."""
    rows = []
    for number, given in enumerate(samples):
        row: dict[str, Any] = {"source": given["sample_id"].split("/")[0], "score": 1.0, **given}
        row.setdefault("canonical", row["label"])
        row.setdefault("n_tokens", len(row["label"].split()))
        if images is not None and "image" not in row:
            row["image"] = f"{number}.png"
            picture(images / row["image"], number)
        if images is not None and row.get("image") is not None and (images / row["image"]).is_file():
            with Image.open(images / row["image"]) as image:
                row["width"], row["height"] = image.size
                row["image_sha256"] = pixels_sha256(image)
        if row.get("image") is not None:
            row.setdefault("width", 60)
            row.setdefault("height", 40)
            row.setdefault("image_sha256", hashlib.sha256(row["image"].encode()).hexdigest())
        rows.append(row)
    frame = pl.DataFrame(rows, schema_overrides=SAMPLES, infer_schema_length=None)
    missing = [pl.lit(None, dtype).alias(name) for name, dtype in SAMPLES.items() if name not in frame.columns]
    frame = frame.with_columns(missing)
    if frame["visual_key"].null_count() == frame.height:
        frame = frame.with_columns(rules.visual_key(frame["label"]).alias("visual_key"))
    extra = [name for name in frame.columns if name not in SAMPLES]
    folder.mkdir(parents=True)
    frame.select(*SAMPLES, *extra).write_parquet(folder / "samples.parquet")
    _findings(frame, findings).write_parquet(folder / "findings.parquet")
    ruleset = select()
    summary = {
        "key_version": rules.KEY_VERSION,
        "config": {"profile": "default", "rules": list(ruleset.codes), "images": images is not None},
        "sources": [
            {
                "name": name,
                "format": (formats or {}).get(name, "jsonl"),
                "root": str(images or folder),
                "samples": count,
            }
            for name, count in frame.group_by("source", maintain_order=True).len().iter_rows()
        ],
    }
    (folder / "summary.json").write_text(json.dumps(summary), encoding="utf-8")
    decide(folder, decisions)
    return folder


def _findings(samples: pl.DataFrame, findings: Iterable[dict[str, Any]]) -> pl.DataFrame:
    """Findings need a sample_id and a rule; the rest comes from the catalogue."""
    sources = dict(samples.select("sample_id", "source").iter_rows())
    rows = []
    for given in findings:
        rule = all_rules()[given["rule"]]
        made = {"source": sources[given["sample_id"]], "name": rule.name, "severity": rule.severity, "message": "wrong"}
        rows.append({**dict.fromkeys(FINDINGS), **made, **given})
    return pl.DataFrame(rows, schema=FINDINGS, orient="row")


def decide(run: Path, decisions: Iterable[dict[str, Any]]) -> None:
    """Append decisions; `about` is the judged label."""
    rows = []
    for decision in decisions:
        about = decision.pop("about", None)
        sha = hashlib.sha256(about.encode()).hexdigest() if about is not None else ""
        row = {"label": None, "label_sha256": sha, "who": "ann", "when": "2026-01-01T00:00:00+00:00", **decision}
        rows.append(json.dumps(row, ensure_ascii=False) + "\n")
    if rows:
        with (run / "decisions.jsonl").open("a", encoding="utf-8") as file:
            file.writelines(rows)


def labels_only(number: int, source: str = "s", first: int = 0) -> list[dict[str, Any]]:
    """Samples whose labels all look different."""
    return [{"sample_id": f"{source}/{n}", "label": f"x _ {{ {n} }} + 1"} for n in range(first, first + number)]


def exported(runs: Path | Sequence[Path], out: Path, **options: Any) -> Exported:
    """Export; labels without images are allowed unless the options say otherwise."""
    options.setdefault("allow_no_image", True)
    return export([runs] if isinstance(runs, Path) else runs, out, ExportOptions(**options))


def table(out: Path) -> pl.DataFrame:
    """All rows of a Parquet export, with a column split."""
    frames = [
        pl.read_parquet(path).with_columns(pl.lit(path.name.split("-")[0]).alias("split"))
        for path in sorted((out / "data").glob("*.parquet"))
    ]
    return pl.concat(frames)


def dropped(out: Path) -> dict[str, str]:
    """The reason of each sample."""
    return dict(pl.read_parquet(out / "dropped.parquet").select("sample_id", "reason").iter_rows())
