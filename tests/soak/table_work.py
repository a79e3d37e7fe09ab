"""Reads a table as an audit, a fix and a training do. A process of the soak; it may hang, crash or eat memory.

Reads JSON lines `[path]`, and writes for each what is wrong, or null. `python tests/soak/table_work.py PATH` does one.
"""

from __future__ import annotations

import io
import json
import resource
import sys
import time
import warnings
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

#: Seconds of processor time, and bytes of memory, that any table may take that is this small.
MOST_SECONDS = 5.0
MOST_MEMORY = 1 << 30
_LIMIT = 6 << 30
#: Seconds that opening images may take.
_PATIENCE = 60.0


def _read(path: Path) -> None:
    import polars.selectors
    import table_work  # by its name, which a helper can import

    from curate.base.errors import UserError
    from curate.fix.files import rewrite
    from curate.sources import parse_source, read_source
    from rules.workers.spread import do_apart, isolated

    with isolated():
        try:
            source = read_source(parse_source(str(path)))
        except UserError:
            return
        source.frame.write_parquet(io.BytesIO())
        source.frame.select(polars.selectors.string()).rows()
        refs = source.frame["image"].drop_nulls()[:3].to_list()
        do_apart(table_work.opened, (source.root, refs), _PATIENCE)  # commands open images in helpers, too
        label = source.frame["label"]
        rows = source.places.with_columns(label=label, fixed=label + " x")
        try:
            for name, file in rewrite(source, rows.head(2), {})[0].items():
                out = path.with_name(f"fixed-{Path(name).name}")
                file.write_as(out, compressed=False)
                out.unlink()
        except UserError:
            return


def opened(batch: Sequence[tuple[Path, Sequence[str]]]) -> None:
    """Open images, in a helper."""
    from curate.images.errors import ImageError
    from curate.images.opening import open_image

    for root, refs in batch:
        for ref in refs:
            with suppress(ImageError):
                open_image(root, ref)


def wrong(path: Path) -> str | None:
    """What is wrong with how a table is read; None if nothing is."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # begin the memory's maximum again
    before, began = _held("VmRSS"), time.process_time()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            _read(path)
    except BaseException as error:  # a panic of Rust is no Exception
        return f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    used, grown = time.process_time() - began, _held("VmHWM") - before
    if used > MOST_SECONDS:
        return f"took {used:.1f} s"
    return f"took {grown >> 20:,} MiB" if grown > MOST_MEMORY else None


def _held(what: str) -> int:
    lines = Path("/proc/self/status").read_text(encoding="ascii").splitlines()
    return next(int(line.split()[1]) << 10 for line in lines if line.startswith(what))


def main() -> None:
    resource.setrlimit(resource.RLIMIT_AS, (_LIMIT, _LIMIT))
    if len(sys.argv) == 2:
        print(wrong(Path(sys.argv[1])) or "nothing is wrong")
        return
    for line in sys.stdin:
        print(json.dumps(wrong(Path(json.loads(line)[0]))), flush=True)


if __name__ == "__main__":
    main()
