"""Attacks the readers of tables (Parquet, Arrow, CSV) with broken ones, without the rest of an audit."""

from __future__ import annotations

import shlex
from collections import Counter
from pathlib import Path
from random import Random

import broken_tables
from attack import ROOT, Failure, Worker

SCRIPT = ROOT / "tests" / "soak" / "table_work.py"
#: Tables in a round.
ROUND = 200


def attack(random: Random, folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Gives broken tables to a process that reads them. It must read them or refuse them, in little time and memory."""
    worker, failures, tried = Worker(SCRIPT), [], Counter[str]()
    try:
        for number in range(ROUND):
            name, data = broken_tables.broken(random)
            path = folder / f"{number}{name}"
            path.write_bytes(data)
            what = worker.wrong(str(path))
            tried[path.suffix[1:]] += 1
            if what is None:
                path.unlink()
            else:
                failures.append(Failure(what, f"python tests/soak/table_work.py {shlex.quote(str(path))}"))
    finally:
        worker.end()
    return failures, tried
