"""Plants defects in right labels, and prints how many the rules find, and what they report in the right labels.

    make bench        or        python benchmarks/planted.py [--data DIR] [--each N] [--missed]

The labels are those in DIR (default: ../shared/data) that LaTeX compiles, else those of the demo's generator. Kinds and
thresholds were fixed before the first run. Three kinds were corrected after it, because they didn't plant what they
claimed: among nested pairs, the missing \\left or \\right may be any of them (as with braces); `\\%` was cut off after
letters, where a number is required; and places after a comment don't count.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from random import Random

import measure_planted as measure

from curate.base.tables import Column, count, text_table
from curate.demo.planters import KINDS

ROOT = Path(__file__).resolve().parent.parent


def right_labels(data: Path) -> tuple[str, list[str]]:
    """What the labels are, and the labels."""
    verdicts = data / "latex_verdicts.jsonl"
    if verdicts.is_file():
        return "real labels that LaTeX compiles", measure.right_labels(verdicts)
    from curate.demo.grammar import grow
    from curate.demo.handwritten import HME_KINDS
    from curate.demo.printed import PRINTED_KINDS

    grown = [formula.label for kinds in (HME_KINDS, PRINTED_KINDS) for formula in grow(kinds, 1500, Random(0))]
    return "labels of the demo's generator", list(dict.fromkeys(grown))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--data", type=Path, default=ROOT.parent / "shared" / "data", help="folder with real labels")
    parser.add_argument("--each", type=int, default=measure.EACH, help=f"labels per kind (default {measure.EACH})")
    parser.add_argument("--missed", action="store_true", help="print every defect that was not found")
    arguments = parser.parse_args()
    what, labels = right_labels(arguments.data)
    measured = measure.measure(labels, each=arguments.each)
    groups = {kind.name: kind for kind in KINDS}
    columns = (Column("planted"), Column("group"), Column("n", "right"), Column("found", "right"), Column("by"))
    rows = [
        [
            name + (" (style)" if groups[name].style else ""),
            groups[name].group,
            count(number),
            count(measured.found[name]),
            " ".join(measured.by_rule[name][:5]),
        ]
        for name, number in measured.planted.items()
    ]
    print(text_table(columns, rows, width=120))
    planted, found = sum(measured.planted.values()), sum(measured.found.values())
    print(f"\nFound: {count(found)} of {count(planted)} planted defects ({measured.share_found:.2%})")
    print(f"of {len(rows)} kinds, in {count(measured.clean)} {what}. AUC of the score, right against planted:")
    print(f"{measured.auc:.4f}; without the kinds that only affect spelling {measured.auc_damaged:.4f}.")
    flagged = ", ".join(f"{code} {count(number)}" for code, number in measured.flagged.items()) or "none"
    print(
        f"Right labels with a warning or an error: {count(measured.flagged_labels)} "
        f"({measured.share_flagged:.2%}): {flagged}."
    )
    if arguments.missed:
        for miss in measured.missed:
            plant = miss.plant
            marked = f"{plant.label[: plant.start]}«{plant.label[plant.start : plant.end]}»{plant.label[plant.end :]}"
            print(f"missed {plant.kind}: {marked!r} ({' '.join(miss.rules)})", file=sys.stderr)


if __name__ == "__main__":
    main()
