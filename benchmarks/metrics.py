"""Measures how fast pairs are scored, compared with a plain loop of rapidfuzz: `python benchmarks/metrics.py`.

The pairs are the shared predictions, each repeated with a few symbols exchanged on both sides, so that almost all are
distinct. The share of correct pairs stays the same. Without the predictions, they are formulas of the demo's generator.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path
from random import Random
from statistics import median
from time import perf_counter, process_time

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from rapidfuzz.distance import Levenshtein  # noqa: E402

from finetune.metrics.scoring import score  # noqa: E402

#: Symbols that are exchanged for one another. Exchanging a brace would make a different kind of label.
SYMBOLS = (*"abcdefghkmnpqrstuvxyz0123456789ABCDEFGHN", r"\alpha", r"\beta", r"\gamma", r"\theta", r"\pi", r"\lambda")


def pairs_of(data: Path, number: int) -> list[tuple[str, str]]:
    """`number` (truth, prediction) pairs."""
    rng = Random(0)
    real = _real(data) or _grown(rng)
    known = set(SYMBOLS)
    made: list[tuple[str, str]] = []
    while len(made) < number:
        for truth, prediction in real:
            there = sorted(known.intersection(truth.split()))
            renamed = {old: rng.choice(SYMBOLS) for old in rng.sample(there, min(2, len(there)))}
            made.append((_renamed(truth, renamed), _renamed(prediction, renamed)))
    return made[:number]


def _renamed(label: str, names: dict[str, str]) -> str:
    return " ".join(names.get(token, token) for token in label.split(" "))


def _real(data: Path) -> list[tuple[str, str]]:
    path = data / "predictions" / "unimumer_crohme_2014_pred.json"
    if not path.is_file():
        return []
    return [(row["gt"], row["pred"]) for row in json.loads(path.read_text(encoding="utf-8"))]


def _grown(rng: Random) -> list[tuple[str, str]]:
    from curate.demo.grammar import grow
    from curate.demo.handwritten import HME_KINDS

    labels = [formula.label for formula in grow(HME_KINDS, 1000, rng)]
    return [(label, label if rng.random() < 0.8 else " ".join(label.split()[1:])) for label in labels]


def plain_loop(pairs: list[tuple[str, str]]) -> int:
    """The peer: the token distance of every pair and nothing else."""
    return sum(Levenshtein.distance(truth.split(), prediction.split()) for truth, prediction in pairs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--pairs", type=int, default=100_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--workers", type=int, default=min(os.cpu_count() or 1, 2))
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data")
    arguments = parser.parse_args()
    pairs = pairs_of(arguments.data, arguments.pairs)
    score(pairs[:20_000], workers=arguments.workers)  # processes are started once and kept
    ratios, seconds = [], []
    for _ in range(arguments.rounds):
        start = perf_counter()
        plain_loop(pairs)
        between = perf_counter()
        score(pairs, workers=arguments.workers)
        end = perf_counter()
        seconds.append(end - between)
        ratios.append((end - between) / (between - start))
    start = process_time()
    score(pairs)
    alone = process_time() - start
    distinct = len({text for pair in pairs for text in pair})
    print(f"{len(pairs):,} pairs ({distinct:,} distinct labels), every string and key metric, raw and canonical:")
    print(f"{median(seconds):.2f} s, {median(ratios):.1f} times the loop of Levenshtein.distance over the tokens.")
    print(f"Processor time in one process: {alone:.2f} s.")


if __name__ == "__main__":
    main()
