"""Measures the milliseconds per label for SVG and PNG, by set, and the memory.

`python benchmarks/drawing_speed.py [--every N]` needs the shared data next to the project.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import sys
import time
from collections import defaultdict
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from curate.render import RenderError, render_png, render_svg  # noqa: E402


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("TEXSIEVE_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else ROOT.parent / "shared" / "data")
    parser.add_argument("--every", type=int, default=15)
    parser.add_argument("--scale", type=float, default=3.0, help="the scale of the PNG [default: that of a card]")
    options = parser.parse_args()
    lines = (options.data / "latex_verdicts.jsonl").read_text(encoding="utf-8").splitlines()
    rows = [row for row in map(json.loads, lines) if row["latex_error"] is None][:: options.every]
    render_png("x")
    taken: dict[str, list[float]] = defaultdict(lambda: [0, 0, 0, 0])
    for row in rows:
        for name in (row["set"], "all"):
            taken[name][0] += 1
        for place, draw in ((2, render_svg), (3, lambda label: render_png(label, scale=options.scale))):
            start = time.process_time()
            try:
                draw(row["label"])
                drawn = place == 2
            except RenderError:
                drawn = False
            spent = time.process_time() - start
            for name in (row["set"], "all"):
                taken[name][place] += spent
                taken[name][1] += drawn
    for name, (number, drawn, svg, png) in taken.items():
        print(
            f"{name:16} {number:6} labels, {drawn / number:8.2%} drawn, {1000 * svg / number:7.3f} ms to SVG,"
            f" {1000 * png / number:7.3f} ms to PNG"
        )
    print(f"memory: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB")


if __name__ == "__main__":
    main()
