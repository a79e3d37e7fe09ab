"""Measures how time grows with the length of a label: the worst shape and exponent of everything that takes a label.

    python benchmarks/long_labels.py

The shapes and the measuring are those of `tests/rules/test_linear_time.py`. An exponent is measured from n to 2n and
from 2n to 4n, and the larger one counts; times too short to compare give 0. Prints Markdown tables for docs/speed.md.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers"), str(ROOT / "tests" / "rules")]

import shapes  # noqa: E402
import test_linear_time as linear  # noqa: E402

from rules import engine, fixing  # noqa: E402
from rules.latex import lexer, reader  # noqa: E402
from rules.registry import all_rules  # noqa: E402
from rules.selection import select  # noqa: E402

#: The characters of a label: n, 2n and 4n; the longest that is read; and a megabyte.
SIZES = (4_000, 8_000, 16_000)
LONGEST, MEGABYTE = 20_000, 1_000_000

Work = Callable[[Any], object]


def functions() -> dict[str, Work]:
    """What takes the text of a label, by name."""
    return {
        "tokens": lexer.tokens,
        "reader": lambda label: reader.read(label, lexer.tokens(label)),
        "visual key": engine.visual_key_of,
        "canonical form": lambda label: engine._read(label, engine._Failed(), 0),
        "check, with proofs of fixes": lambda label: engine.judge([label], check_fixes=True),
        "safe fixes": _fixing("safe", "default"),
        "unsafe fixes": _fixing("unsafe", "default"),
        "unsafe fixes, m2e": _fixing("unsafe", "m2e"),
    }


def _fixing(level: fixing.Level, profile: str) -> Work:
    chosen = select(profile=profile)
    return lambda label: fixing.fix([label], chosen, level)


def judges() -> dict[str, Work]:
    """The judges of all rules for labels, by code."""
    return {code: linear.judging(rule) for code, rule in all_rules().items() if rule.scope == "label"}


def worst(work: Work, labels: Mapping[int, Mapping[str, Any]]) -> tuple[float, str]:
    """(the largest exponent, its shape); 0 and no shape if all times are too short to compare."""
    found = (0.0, "")
    for shape in labels[SIZES[0]]:
        for once, twice in pairwise(SIZES):
            power = linear.exponent(work, labels[once][shape], labels[twice][shape])
            found = max(found, (power, shape if power else ""))
    return found


def slowest(work: Work, labels: Mapping[str, Any]) -> tuple[float, str]:
    """(seconds, shape) of the label that takes longest."""
    return max((linear.seconds(work, label), shape) for shape, label in labels.items())


def row(name: str, work: Work, labels: Mapping[int, Mapping[str, Any]], megabyte: str) -> str:
    power, shape = worst(work, labels)
    seconds, slow = slowest(work, labels[LONGEST])
    grown = f"{power:.2f} | {_code(shape)}" if shape else "too short | "
    return f"| {name} | {grown} | {1000 * seconds:,.0f} ms | {_code(slow)} | {megabyte} |"


def _code(shape: str) -> str:
    shown = shape.encode("unicode_escape").decode() if not shape.isprintable() else shape
    return f"`` {shown} ``".replace("|", "\\|")


def main() -> None:
    argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter).parse_args()
    texts = {size: shapes.labels(size) for size in (*SIZES, LONGEST)}
    large = shapes.labels(MEGABYTE)
    print("| | largest exponent | shape | slowest of 20,000 characters | shape | slowest of 1 MB |")
    print("| --- | ---: | --- | ---: | --- | ---: |")
    for name, work in functions().items():
        # What reads a label by parts is not called for one that is longer than the limit.
        whole = name in ("visual key", "check, with proofs of fixes") or "fixes" in name
        said = f"{1000 * slowest(work, large)[0]:,.0f} ms" if whole else "not read"
        print(row(name, work, texts, said), flush=True)
    read = {size: linear.labels(size) for size in (*SIZES, LONGEST)}
    short = 0
    for code, work in judges().items():
        line = row(code, work, read, "not read")
        short += "too short" in line
        if "too short" not in line:
            print(line, flush=True)
    print(f"\n{short} more judges take under {1000 * linear.SHORT:.0f} ms for every shape.")


if __name__ == "__main__":
    main()
