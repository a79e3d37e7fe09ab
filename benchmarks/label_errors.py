"""Measures the precision of the ranking of label errors by predictions, on labels that are damaged on purpose.

The labels are those of CROHME 2014, and the predictions those of two published models (../shared/data/predictions). A
share of the labels is damaged as normalisers and annotators do it: groups that swallow the next tokens or lose their
last one, scripts that move to the baseline, symbols replaced by look-alikes, terms left out. Precision counts damaged
labels; the few labels that are wrong in CROHME itself count against it.
"""

from __future__ import annotations

import random
import sys
from collections.abc import Callable, Mapping, Sequence
from itertools import combinations
from pathlib import Path

import numpy as np
import polars as pl

sys.path.insert(0, str(Path(__file__).parents[1]))

from curate.predictions.contradicted import RANK, read, with_predictions
from curate.predictions.rows import Prediction
from rules import engine

SHARED = Path(__file__).parents[2] / "shared/data/predictions"
MODELS = ("unimumer", "texteller")
SHARES, SEEDS, FIRST = (0.05, 0.16), (1, 2, 3), (50, 100, 200)
ALIKE = (
    *("2 z", "1 |", r"x \times", r"a \alpha", "0 o", "y 4", "b 6", "- +", "n u", "c (", "s 5", "p P"),
    *(r"v \nu", "t +", "9 q", "i j", "k K"),
)
SWAPS = {one: other for pair in ALIKE for one, other in (pair.split(), pair.split()[::-1])}

Damage = Callable[[list[str], random.Random], list[str] | None]


def _end(tokens: Sequence[str], start: int) -> int:
    """The end of the group that opens at `start`, or of the group around `start` if none opens there."""
    depth = 0
    for at in range(start, len(tokens)):
        depth += {"{": 1, "}": -1}.get(tokens[at], 0)
        if (depth == 0 and tokens[start] == "{") or depth < 0:
            return at
    return len(tokens)


def _groups(tokens: Sequence[str], before: Sequence[str]) -> list[tuple[int, int]]:
    opened = (at for at in range(1, len(tokens)) if tokens[at] == "{" and tokens[at - 1] in before)
    return [(at, _end(tokens, at)) for at in opened]


def swallow(tokens: list[str], rng: random.Random) -> list[str] | None:
    """A script swallows everything after it, up to the end of the enclosing group."""
    groups = [
        (at, end) for at, end in _groups(tokens, "^_") if tokens[end + 1 : end + 2] not in ([], ["}"], ["^"], ["_"])
    ]
    if not groups:
        return None
    _, end = rng.choice(groups)
    around = _end(tokens, end + 1) if tokens[end + 1] != "{" else len(tokens)
    moved = tokens[end + 1 : around]
    return None if moved.count("{") != moved.count("}") else [*tokens[:end], *moved, "}", *tokens[around:]]


def spill(tokens: list[str], rng: random.Random) -> list[str] | None:
    """A group loses its last token, which then follows it."""
    groups = [
        (at, end)
        for at, end in _groups(tokens, ("^", "_", "}", r"\frac", r"\sqrt"))
        if end - at > 2 and tokens[end - 1] not in "}^_"
    ]
    if not groups:
        return None
    _, end = rng.choice(groups)
    return [*tokens[: end - 1], "}", tokens[end - 1], *tokens[end + 1 :]]


def fall(tokens: list[str], rng: random.Random) -> list[str] | None:
    """A script moves to the baseline."""
    groups = _groups(tokens, "^_")
    if not groups:
        return None
    at, end = rng.choice(groups)
    return [*tokens[: at - 1], *tokens[at + 1 : end], *tokens[end + 1 :]]


def swap(tokens: list[str], rng: random.Random) -> list[str] | None:
    """A symbol is replaced by a look-alike."""
    places = [at for at, token in enumerate(tokens) if token in SWAPS]
    if not places:
        return None
    at = rng.choice(places)
    return [*tokens[:at], SWAPS[tokens[at]], *tokens[at + 1 :]]


def leave_out(tokens: list[str], rng: random.Random) -> list[str] | None:
    """A symbol without scripts is left out."""
    places = [
        at
        for at, token in enumerate(tokens)
        if token not in "{}^_&"
        and not token.startswith("\\")
        and (at == 0 or tokens[at - 1] not in ("^", "_", "{"))
        and tokens[at + 1 : at + 2] not in (["^"], ["_"])
    ]
    if len(tokens) < 5 or not places:
        return None
    at = rng.choice(places)
    return [*tokens[:at], *tokens[at + 1 :]]


KINDS: dict[str, tuple[Damage, ...]] = {
    "structure": (swallow, spill, fall),
    "symbols": (swap,),
    "missing": (leave_out,),
}
KINDS["mixed"] = tuple(damage for kind in KINDS.values() for damage in kind)


def damaged(labels: Mapping[str, str], share: float, kind: str, seed: int) -> tuple[dict[str, str], set[str]]:
    """The labels after damaging a share of them, and which were damaged."""
    rng = random.Random(seed)
    order = sorted(labels)
    rng.shuffle(order)
    new, bad = dict(labels), set[str]()
    for name in order:
        if len(bad) == round(share * len(labels)):
            break
        tokens = labels[name].split()
        worse = KINDS[kind][len(bad) % len(KINDS[kind])](tokens, rng)
        if worse is not None and worse != tokens:
            new[name] = " ".join(worse)
            bad.add(name)
    return new, bad


def precision(labels: Mapping[str, str], bad: set[str], files: Sequence[tuple[Path, list[Prediction]]]) -> list[float]:
    names = sorted(labels)
    judged = engine.judge([labels[name] for name in names]).labels.select("label", "canonical", "visual_key")
    samples = judged.with_columns(
        sample_id=pl.Series(names), image=pl.lit(None, pl.String), pair_score=pl.lit(None, pl.Float64)
    )
    found, _ = with_predictions(samples, files)
    ranked = found.filter(pl.col(RANK).is_not_null()).sort(RANK)["sample_id"].to_list()
    return [sum(name in bad for name in ranked[:first]) / first for first in FIRST]


def main() -> None:
    files = {name: read([SHARED / f"{name}_crohme_2014_pred.json"])[0] for name in MODELS}
    labels = {row.sample_id: row.gt for row in files[MODELS[0]][1]}
    print("| predictions | damage | share | " + " | ".join(f"of the first {first}" for first in FIRST) + " |")
    print("| --- | --- | ---: |" + " ---: |" * len(FIRST))
    for chosen in [some for size in (1, 2) for some in combinations(MODELS, size)]:
        for kind in KINDS:
            for share in SHARES:
                runs = [
                    precision(*damaged(labels, share, kind, seed), [files[name] for name in chosen]) for seed in SEEDS
                ]
                means = " | ".join(f"{mean:.2f}" for mean in np.mean(runs, axis=0))
                print(f"| {' and '.join(chosen)} | {kind} | {share:.0%} | {means} |", flush=True)


if __name__ == "__main__":
    main()
