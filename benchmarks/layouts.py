"""Makes data sets in every layout that people publish, reads each as a folder, and prints what was read correctly.

    make layouts        or        python benchmarks/layouts.py [--rows N] [--only WORD]

No format is named. Pairs and splits are compared with the maker's records, which have the bytes of each picture and its
label. Above 2,000 rows, the bytes of 2,000 pictures are compared.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from collections import Counter
from pathlib import Path
from time import perf_counter

ROOT = Path(__file__).resolve().parent.parent
sys.path[:0] = [str(ROOT), str(ROOT / "tests" / "helpers")]

from layout_judge import Judged, judge  # noqa: E402
from layout_makers import LAYOUTS, Layout  # noqa: E402

from curate.base.errors import UserError  # noqa: E402
from curate.base.tables import Column, count, text_table  # noqa: E402
from curate.sources import parse_source, read_source  # noqa: E402


def measured(layout: Layout, rows: int, folder: Path) -> tuple[str, Judged | None, float]:
    """(the recognised format, or why there is none; the judgement; seconds to read)."""
    samples = layout.make(folder, rows)
    start = perf_counter()
    try:
        source = read_source(parse_source(str(folder)))
    except UserError as error:
        return f"error: {str(error).replace(str(folder), chr(0x2026))}", None, perf_counter() - start
    seconds = perf_counter() - start
    return source.format, judge(source, samples, most=2000), seconds


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=100_000, help="rows of each data set (default 100,000)")
    parser.add_argument("--only", default="", help="only layouts with this in their name")
    arguments = parser.parse_args()
    columns = (
        Column("layout"),
        Column("recognised as"),
        Column("rows", "right"),
        Column("pairs right", "right"),
        Column("splits right", "right"),
        Column("seconds", "right"),
    )
    rows, wrong = [], Counter[str]()
    for layout in LAYOUTS:
        if arguments.only.lower() not in layout.name.lower():
            continue
        with tempfile.TemporaryDirectory() as folder:
            found, judged, seconds = measured(layout, arguments.rows, Path(folder) / "set")
        print(f"{layout.name}: {seconds:.1f} s", file=sys.stderr)
        right = judged is not None and judged.all_right and found == layout.format
        wrong["layouts not read rightly"] += not right
        cells = ["", "", ""] if judged is None else [count(judged.rows), judged.pairs_text, judged.splits_text]
        if found.startswith("error: "):
            print(f"    {found}", file=sys.stderr)
            found = "error"
        rows.append([layout.name, found, *cells, f"{seconds:.1f}"])
    print(text_table(columns, rows, width=120))
    print(f"{count(len(rows) - wrong.total())} of {count(len(rows))} layouts are read correctly")
    sys.exit(bool(wrong.total()))


if __name__ == "__main__":
    main()
