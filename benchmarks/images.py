"""Measures image audits for bench.py, compared with cleanvision on the same images, in its own environment.

cleanvision needs packages that texsieve doesn't, so it isn't installed with it; `INSTALL` has the command.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import tarfile
from collections.abc import Sequence
from pathlib import Path
from time import perf_counter
from typing import Any

import polars as pl
from peers import CACHE, Unavailable

PYTHON = CACHE / "cleanvision" / "bin" / "python"
INSTALL = "python3 -m venv build/bench/cleanvision && build/bench/cleanvision/bin/pip install cleanvision==0.3.7"
QUICK = 500
#: The audits to time, and their options: the rules that are comparable with cleanvision's issues, and all rules.
AUDITS = {"image rules": ["--select", "IMG"], "all rules": []}

#: Prints one line of JSON: seconds for finding all issues, and issues by kind.
_CLEANVISION = """
import json, sys, time
from pathlib import Path
from cleanvision import Imagelab
if __name__ == "__main__":
    paths = sorted(str(path) for path in Path(sys.argv[1]).iterdir())
    start = time.perf_counter()
    lab = Imagelab(filepaths=paths)
    lab.find_issues(n_jobs=int(sys.argv[2]) or None, verbose=False)
    seconds = time.perf_counter() - start
    issues = dict(zip(lab.issue_summary["issue_type"], map(int, lab.issue_summary["num_images"])))
    print("\\n" + json.dumps({"seconds": seconds, "issues": issues}))
"""


def measure_images(data: Path, folder: Path, root: Path, quick: bool) -> dict[str, Any]:
    """Audits CROHME's training images with all image rules and with all rules, and judges them with cleanvision, by
    default and in one process.

    Runs alternate, and a ratio is relative to the audits that ran just before. If the images or cleanvision are
    missing, it prints one line on standard error.
    """
    archive = data / "crohme" / "train" / "img.tar.xz"
    if not archive.is_file():
        print(f"bench: left out: images ({archive} is missing)", file=sys.stderr)
        return {}
    with tarfile.open(archive) as pack:
        pack.extractall(folder / "crohme", filter="data")
    images = folder / "crohme" / "img"
    captions = (data / "crohme" / "train" / "caption.txt").read_text(encoding="utf-8").splitlines(keepends=True)
    if quick:
        captions = captions[:QUICK]
        kept = {line.split("\t")[0] for line in captions}
        for path in images.iterdir():
            if path.stem not in kept:
                path.unlink()
    (folder / "crohme" / "caption.txt").write_text("".join(captions), encoding="utf-8")
    _audit(folder, root, "compiled", ["--limit", "10"])  # compiles the modules, as in an installed program
    found: dict[str, Any] = {"images": len(captions), "audits": {name: [] for name in AUDITS}, "cleanvision": {}}
    for name, jobs in (("by default", 0), ("one process", 1)):
        audits = {which: _audit(folder, root, f"{which}-{jobs}", options) for which, options in AUDITS.items()}
        for which, audit in audits.items():
            found["audits"][which].append(audit)
        try:
            peer = _cleanvision(images, jobs, folder)
        except Unavailable as error:
            print(f"bench: left out: cleanvision ({error})", file=sys.stderr)
            break
        ratios = {
            which: {key: peer[key] / audit[key] for key in ("seconds", "cpu_seconds")}
            for which, audit in audits.items()
        }
        found["cleanvision"][name] = {**peer, "ratios": ratios}
    return found


def _audit(folder: Path, root: Path, name: str, options: Sequence[str]) -> dict[str, Any]:
    """Seconds for one `curate audit` as a user runs it, with start and report, and for its images alone."""
    out = folder / f"images-{name}".replace(" ", "-")
    command = [sys.executable, "-m", "curate.cli.main", "audit", f"crohme={folder / 'crohme' / 'caption.txt'}"]
    command += ["--images", str(folder / "crohme" / "img"), *options, "--no-cache", "--out", str(out)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    environment["PYTHONPYCACHEPREFIX"] = str(folder / "compiled")
    start, spent = perf_counter(), _spent()
    done = subprocess.run(command, cwd=root, capture_output=True, text=True, check=False, env=environment)
    seconds, spent = perf_counter() - start, _spent() - spent
    if done.returncode:
        raise RuntimeError(f"curate audit ended with {done.returncode}: {done.stderr.strip()}")
    summary = json.loads((out / "summary.json").read_text(encoding="utf-8"))
    digests = pl.read_parquet(out / "samples.parquet", columns=["image_sha256"]).to_series()
    findings = pl.read_parquet(out / "findings.parquet", columns=["rule"]).to_series()
    return {
        "seconds": seconds,
        "cpu_seconds": spent,
        "images_seconds": summary["run"]["timings"]["images"],
        "exact_duplicates": int(digests.is_duplicated().sum()),
        "findings": dict(findings.value_counts().sort("rule").iter_rows()),
    }


def _cleanvision(images: Path, jobs: int, folder: Path) -> dict[str, Any]:
    """The issues that cleanvision finds; with `jobs` 0 it chooses the number of processes. Raises Unavailable."""
    if not PYTHON.is_file():
        raise Unavailable(f"not installed: {INSTALL}")
    script = folder / "run_cleanvision.py"
    script.write_text(_CLEANVISION, encoding="utf-8")
    command = [str(PYTHON), str(script), str(images), str(jobs)]
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    spent = _spent()
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    if done.returncode:
        raise Unavailable((done.stderr.strip().splitlines() or ["no message"])[-1])
    return {**json.loads(done.stdout.strip().splitlines()[-1]), "cpu_seconds": _spent() - spent}


def _spent() -> float:
    """Processor seconds of all child processes that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def lines(found: dict[str, Any]) -> list[str]:
    """The printed lines of a measurement."""
    if not found:
        return []
    said = []
    for which, audits in found["audits"].items():
        best = min(audits, key=lambda audit: audit["seconds"])
        said.append(
            f"curate audit with {which}, {found['images']:,} images of CROHME: {best['seconds']:.1f} s, "
            f"{best['cpu_seconds']:.1f} s of processor time; "
            f"{1000 * best['images_seconds'] / found['images']:.2f} ms per image to open and measure; "
            f"{best['exact_duplicates']} exact duplicates, {sum(best['findings'].values()):,} findings."
        )
    for name, peer in found["cleanvision"].items():
        beside = ", ".join(
            f"{ratio['seconds']:.1f} times the audit with {which} ({ratio['cpu_seconds']:.1f} times its processor time)"
            for which, ratio in peer["ratios"].items()
        )
        said.append(
            f"cleanvision, {name}: {peer['seconds']:.1f} s, {beside}; "
            f"{peer['issues'].get('exact_duplicates', 0)} exact duplicates, {sum(peer['issues'].values()):,} issues."
        )
    return said
