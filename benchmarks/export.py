"""Measures exports for bench.py, compared with `datasets` embedding the same images in Parquet. Asserts nothing."""

from __future__ import annotations

import os
import shutil
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from statistics import median
from time import perf_counter
from typing import Any

QUICK = 500


def measure_export(data: Path, folder: Path, quick: bool, rounds: int, workers: int) -> dict[str, Any]:
    """Seconds and bytes for exporting CROHME's training images, and for embedding them with `datasets`, in turn.

    An export includes everything: reasons, splits, lossless pictures, card, manifest. The peer embeds the files as they
    are (`map(embed_table_storage)`, `to_parquet`); its import isn't counted. Without the images, it prints one line on
    standard error.
    """
    archive = data / "crohme" / "train" / "img.tar.xz"
    if not archive.is_file():
        print(f"bench: left out: exports ({archive} is missing)", file=sys.stderr)
        return {}
    root = folder / "export"
    with tarfile.open(archive) as pack:
        pack.extractall(root, filter="data")
    lines = (data / "crohme" / "train" / "caption.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    lines = lines[: QUICK if quick else None]
    (root / "caption.txt").write_text("".join(lines), encoding="utf-8")
    run = _audited(root)
    rows = [line.rstrip("\n").split("\t") for line in lines]
    mine = _exports(run, root / "dataset", workers)
    peer = _embeds([(str(root / "img" / f"{name}.bmp"), label) for name, label in rows], root / "peer.parquet")
    found: dict[str, list[tuple[float, float, int]]] = {"texsieve": [], "datasets": []}
    for number in range(rounds + 1):  # the first round warms up
        for name, run_once in (("texsieve", mine), ("datasets", peer)):
            start, used = perf_counter(), _processor()
            path = run_once()
            seconds, cpu = perf_counter() - start, _processor() - used
            if number:
                found[name].append((seconds, cpu, _size(path)))
    ratios = [theirs[0] / mine[0] for mine, theirs in zip(found["texsieve"], found["datasets"], strict=True)]
    return {
        "images": len(rows),
        "source_bytes": sum(path.stat().st_size for path in (root / "img").iterdir()),
        **{
            name: {
                "seconds": median(seconds for seconds, _, _ in runs),
                "cpu_seconds": median(cpu for _, cpu, _ in runs),
                "bytes": runs[-1][2],
            }
            for name, runs in found.items()
        },
        "ratio": median(ratios),
        "bytes_ratio": found["datasets"][-1][2] / found["texsieve"][-1][2],
    }


def _processor() -> float:
    """Processor seconds of this process and of the processes that it has waited for."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _audited(root: Path) -> Path:
    """A run with these images and the hashes of their pixels, as every audit makes it."""
    from curate.audit import AuditOptions, audit
    from curate.sources import parse_source
    from rules import select

    options = AuditOptions(select(["IMG"]), images={None: root / "img"})
    return audit([parse_source(f"crohme=crohme:{root / 'caption.txt'}")], root / "run", options).path


def _exports(run: Path, out: Path, workers: int) -> Callable[[], Path]:
    from curate.export.decide.options import ExportOptions
    from curate.export.write.job import export

    def once() -> Path:
        shutil.rmtree(out, ignore_errors=True)
        export([run], out, ExportOptions(resize="none", keep=("IMG",)), workers=workers)
        return out

    return once


def _embeds(rows: list[tuple[str, str]], out: Path) -> Callable[[], Path]:
    import datasets
    from datasets.table import embed_table_storage

    datasets.disable_progress_bars()
    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})

    def once() -> Path:
        paths, labels = zip(*rows, strict=True)
        table = datasets.Dataset.from_dict({"image": list(paths), "label": list(labels)}, features=features)
        embedded = table.with_format("arrow").map(embed_table_storage, batched=True, load_from_cache_file=False)
        embedded.with_format(None).to_parquet(out)
        return out

    return once


def _size(path: Path) -> int:
    files = [path] if path.is_file() else [file for file in path.rglob("*") if file.is_file()]
    return sum(file.stat().st_size for file in files)


def line(found: dict[str, Any]) -> str:
    """The measurement as a sentence."""
    from curate.base.tables import count, size

    mine, peer = found["texsieve"], found["datasets"]
    return (
        f"curate export of {count(found['images'])} images: {mine['seconds']:.1f} s ({mine['cpu_seconds']:.1f} s of "
        f"processor time), {size(mine['bytes'])}; datasets embeds them in {peer['seconds']:.1f} s "
        f"({peer['cpu_seconds']:.1f} s), {size(peer['bytes'])}: {found['ratio']:.2f} times as fast, "
        f"{found['bytes_ratio']:.0f} times smaller."
    )
