"""Decides on one sample after the other, as the App does, and reports each once it is on disk. A process of `stops`.

`python tests/soak/decider.py RUN ROWS`: ROWS is a JSON list of [sample id, label]. Prints the id of each sample after
the decision on it.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from curate.runs.decisions import append_decisions, decide


def main(run: Path, rows: Path) -> None:
    for sample_id, label in json.loads(rows.read_text(encoding="utf-8")):
        append_decisions(run, [decide(sample_id, "reject", label, who="decider")])
        print(sample_id, flush=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
