"""Measures how well pair scores separate right pairs from swapped ones: area under the ROC curve, by set and share.

`python benchmarks/pair_scores.py [--seeds N] [--set NAME]` needs the shared data next to the project. It takes 1,000
pairs of a set that have a visual key, and swaps labels that look different; the seed chooses which.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
from pathlib import Path

import numpy as np
import polars as pl

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import rules  # noqa: E402
from curate.images.opening import probe  # noqa: E402
from curate.pairs import with_pairs  # noqa: E402
from curate.sources import parse_source, read_source  # noqa: E402

PAIRS = 1000
SETS = {
    "CROHME train": "crohme:crohme/train",
    "CROHME 2014": "crohme:crohme/2014",
    "im2latex": "im2latex:im2latex/im2markup_sample",
}


def measured(source: str) -> pl.DataFrame:
    """A source's pairs with a visual key, and the measures of their images."""
    read = read_source(parse_source(source))
    frame = read.frame.with_columns(rules.visual_key(read.frame["label"]).alias("visual_key"))
    frame = frame.filter(pl.col("visual_key").is_not_null() & pl.col("image").is_not_null())
    frame = frame.sample(min(PAIRS, frame.height), seed=2, shuffle=False)
    facts = probe(read.root, frame["image"].to_list(), measures=True)
    return frame.join(facts.unique("image"), on="image", maintain_order="left")


def swapped(frame: pl.DataFrame, share: float, seed: int) -> tuple[pl.DataFrame, np.ndarray]:
    """The frame with `share` of the labels swapped in twos, only if they look different; and which rows are wrong."""
    keys, order = frame["visual_key"].to_numpy(), np.arange(frame.height)
    chosen = np.random.default_rng(seed).permutation(frame.height)[: round(share * frame.height)]
    for row, other in zip(chosen[::2], chosen[1::2], strict=False):
        if keys[row] != keys[other]:
            order[[row, other]] = order[[other, row]]
    return frame.with_columns(frame[order]["label"], frame[order]["visual_key"]), order != np.arange(frame.height)


def auc(right: np.ndarray, wrong: np.ndarray) -> float:
    """The share of (right, wrong) in which the right one scores higher; ties count half."""
    differences = right[:, None] - wrong[None, :]
    return float((differences > 0).mean() + (differences == 0).mean() / 2)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("TEXSIEVE_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else ROOT.parent / "shared" / "data")
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--set", choices=SETS, action="append", help="only this set; may be repeated")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as cache:
        for name in options.set or SETS:
            kind, place = SETS[name].split(":")
            frame = measured(f"{kind}:{options.data / place}")
            for share in (0.05, 0.3):
                found = []
                for seed in range(1, options.seeds + 1):
                    mixed, wrong = swapped(frame, share, seed)
                    scores = with_pairs(mixed, cache=Path(cache))["pair_score"].to_numpy()
                    found.append(auc(scores[~wrong], scores[wrong]))
                each = " ".join(f"{one:.4f}" for one in found)
                total = f"{np.mean(found):.4f} ({min(found):.4f})"
                print(f"{name}, {frame.height} pairs, {share:.0%} swapped: {total}: {each}", flush=True)


if __name__ == "__main__":
    main()
