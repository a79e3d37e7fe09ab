"""Makes the demo's data sets: rendered formulas in three real formats with known defects. Doesn't audit them.

The labels are grown from a seed (`grammar`), drawn, and some are then spoiled (`defects`); the pictures always show the
correct formula. `planted.jsonl` says what was spoiled and where, so that an audit's findings can be checked. The same
seed gives the same bytes. No network, no TeX.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

from curate.base.atomic_files import new_folder
from curate.base.errors import UserError
from curate.demo.defects import Planted, plant
from curate.demo.grammar import FIRST_ROW, Formula, grow
from curate.demo.handwritten import HME_KINDS, M2E_KINDS
from curate.demo.pictures import on_a_page, on_paper
from curate.demo.printed import PRINTED_KINDS
from curate.render import render_png

__all__ = ["DemoData", "PlantedDefect", "make_demo"]

#: Samples in each of the three sets.
SIZE = 100
PLANTED_FILE = "planted.jsonl"
_SPLITS = (("train", 0, 80), ("validate", 80, 90), ("test", 90, 100))


@dataclass(frozen=True)
class PlantedDefect:
    """One row of planted.jsonl: `start` and `end` are code points in the spoiled label, null for a missing image."""

    source: str
    sample_id: str
    kind: str
    rule: str
    start: int | None
    end: int | None
    label: str
    original: str


@dataclass(frozen=True)
class DemoData:
    """What `make_demo` wrote: `sources` are SOURCE arguments for `curate audit`, `samples` counts rows by source."""

    root: Path
    sources: tuple[str, ...]
    samples: dict[str, int]
    planted: tuple[PlantedDefect, ...]

    @property
    def planted_file(self) -> Path:
        return self.root / PLANTED_FILE


@dataclass(frozen=True)
class _Set:
    """One data set before it is written: correct formulas, spoiled labels by number, and the samples' names and ids."""

    name: str
    formulas: list[Formula]
    spoiled: dict[int, Planted]
    names: list[str]
    ids: list[str]

    @property
    def labels(self) -> list[str]:
        right = enumerate(self.formulas)
        return [self.spoiled[n].label if n in self.spoiled else formula.label for n, formula in right]


def make_demo(
    out: Path, *, seed: int = 0, size: int = SIZE, progress: Callable[[int, int], None] | None = None
) -> DemoData:
    """Write the demo's data sets into the new folder `out`: m2e, hme100k, im2latex and planted.jsonl.

    `progress(done, of)` is called after every picture. Raises UserError if `out` exists or can't be written.
    """
    sets = _plan(seed, size)
    planted = tuple(_row(of, found) for of in sets for found in of.spoiled.values())
    try:
        with new_folder(out) as root:
            done = 0
            for of in sets:
                (root / of.name / "images").mkdir(parents=True)
                _LABEL_WRITERS[of.name](root / of.name, of)
                for _ in _draw(of, root / of.name / "images", seed):
                    done += 1
                    if progress:
                        progress(done, sum(len(each.formulas) for each in sets))
            rows = (json.dumps(asdict(row), ensure_ascii=False) + "\n" for row in planted)
            (root / PLANTED_FILE).write_text("".join(rows), encoding="utf-8", newline="\n")
    except OSError as error:
        raise UserError(f"{out}: can't be written ({error.strerror})") from error
    sources = (
        f"m2e=m2e:{out / 'm2e' / 'train.jsonl'}#train",
        f"hme100k=hme100k:{out / 'hme100k' / 'train_labels.txt'}#train",
        f"im2latex=im2latex:{out / 'im2latex'}",
    )
    return DemoData(out, sources, {of.name: len(of.formulas) for of in sets}, planted)


def _plan(seed: int, size: int) -> list[_Set]:
    m2e = [FIRST_ROW, *grow(M2E_KINDS, size - 1, Random(f"{seed}/m2e"))]
    hme = grow(HME_KINDS, size, Random(f"{seed}/hme100k"))
    paper = grow(PRINTED_KINDS, size, Random(f"{seed}/im2latex"))
    hashes = [hashlib.sha256(f"{seed}/{number}".encode()).hexdigest()[:10] for number in range(size)]
    return [
        _spoiled("m2e", m2e, [f"{n}.jpg" for n in range(size)], lambda n: "train", seed, spare=1),
        _spoiled("hme100k", hme, [f"train_{n}.jpg" for n in range(size)], lambda n: "train", seed),
        _spoiled("im2latex", paper, hashes, lambda n: _split_of(n, size), seed),
    ]


def _spoiled(
    name: str, formulas: list[Formula], names: list[str], split: Callable[[int], str], seed: int, spare: int = 0
) -> _Set:
    spoiled = plant(name, [formula.label for formula in formulas], Random(f"{seed}/{name}/defects"), spare=spare)
    ids = [f"{name}/{split(number)}/{sample}" for number, sample in enumerate(names)]
    return _Set(name, formulas, spoiled, names, ids)


def _split_of(number: int, size: int) -> str:
    share = number * 100 // size
    return next(split for split, start, end in _SPLITS if start <= share < end)


def _row(of: _Set, found: Planted) -> PlantedDefect:
    original = of.formulas[found.number].label
    return PlantedDefect(
        of.name, of.ids[found.number], found.plant.kind, found.plant.rule, found.start, found.end, found.label, original
    )


def _write_m2e(folder: Path, of: _Set) -> None:
    pairs = zip(of.names, of.labels, strict=True)
    rows = (json.dumps({"name": name, "tex": label}) + "\n" for name, label in pairs)
    (folder / "train.jsonl").write_text("".join(rows), encoding="utf-8", newline="\n")


def _write_hme100k(folder: Path, of: _Set) -> None:
    pairs = zip(of.names, of.labels, strict=True)
    rows = (f"{name} \t{label}\n" for name, label in pairs)  # HME100K has a space before the tab
    (folder / "train_labels.txt").write_text("".join(rows), encoding="utf-8", newline="\n")


def _write_im2latex(folder: Path, of: _Set) -> None:
    (folder / "formulas.lst").write_text("".join(f"{label}\n" for label in of.labels), encoding="latin-1", newline="\n")
    for split, _, _ in _SPLITS:
        rows = [
            f"{number} {name} basic\n"
            for number, name in enumerate(of.names)
            if _split_of(number, len(of.names)) == split
        ]
        (folder / f"{split}.lst").write_text("".join(rows), encoding="utf-8", newline="\n")


_LABEL_WRITERS = {"m2e": _write_m2e, "hme100k": _write_hme100k, "im2latex": _write_im2latex}


def _draw(of: _Set, folder: Path, seed: int) -> Iterator[None]:
    """Write the pictures of `of` and yield after each sample."""
    for number, name in enumerate(of.names):
        found = of.spoiled.get(number)
        if found is None or found.plant.put is not None:
            (folder / (name if "." in name else f"{name}.png")).write_bytes(_picture(of, number, seed))
        yield


def _picture(of: _Set, number: int, seed: int) -> bytes:
    """The picture shows the correct formula, whether the label is spoiled or not."""
    rng = Random(f"{seed}/{of.name}/{number}/picture")
    drawn = of.formulas[number].drawn
    if of.name == "im2latex":
        return on_a_page(render_png(drawn, scale=2.0), rng)
    return on_paper(render_png(drawn, scale=rng.uniform(1.6, 2.4)), rng)
