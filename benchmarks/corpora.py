"""The labels for bench.py: real ones if available, else those of the demo's generator. Measures nothing."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from random import Random

from curate.sources import parse_source, read_source

_TIMES = 20


@dataclass(frozen=True)
class Corpus:
    """Distinct labels of one kind."""

    name: str
    labels: list[str]

    @property
    def characters(self) -> float:
        return sum(map(len, self.labels)) / len(self.labels)


def corpora(data: Path, folder: Path, quick: bool) -> tuple[list[Corpus], Path]:
    """The labels to measure on, and a file in HME100K's format to read."""
    lines = data / "hme100k" / "train_labels.txt"
    if lines.is_file():
        hme = _distinct(str(lines))
        raw = _distinct(str(data / "im2latex" / "im2markup_sample"))
        named = {
            "HME100K train": hme,
            f"im2latex raw, {_TIMES} times": raw * _TIMES,  # otherwise too few for several processes
            "im2latex normalised": _distinct(str(data / "im2latex" / "im2latex_validate.csv")),
            "MathWriting": _distinct(str(data / "mathwriting" / "mathwriting_valid_captions.json")),
            "CROHME train": _distinct(str(data / "crohme" / "train" / "caption.txt")),
        }
    else:
        from curate.demo.grammar import grow
        from curate.demo.handwritten import HME_KINDS
        from curate.demo.printed import PRINTED_KINDS

        grown = {"demo, handwritten": (HME_KINDS, 3000), "demo, printed": (PRINTED_KINDS, 1000)}
        named = {name: [f.label for f in grow(kinds, n, Random(0))] for name, (kinds, n) in grown.items()}
        lines = folder / "train_labels.txt"
        rows = (f"train_{n}.jpg \t{label}\n" for n, label in enumerate(named["demo, handwritten"]))
        lines.write_text("".join(rows), encoding="utf-8", newline="\n")
    cut = 500 if quick else None
    return [Corpus(name, labels[:cut]) for name, labels in named.items()], lines


def _distinct(path: str) -> list[str]:
    return read_source(parse_source(path)).frame["label"].unique(maintain_order=True).to_list()
