"""The pictures of a dataset card: plots as separate SVG files, and a few samples. Counts nothing itself."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import polars as pl

from curate.export.decide.plan import ExportPlan
from curate.export.decide.rows import how_many, lazy, windows
from curate.export.write.pictures import PictureSettings, make
from curate.export.write.shards import ROW_COLUMNS, rows_of
from curate.report import data as plot_data

#: How many samples are shown on the card, and the pixels and characters above which one is a poor example.
EXAMPLES = 4
_LARGEST, _LONGEST = 1_000_000, 160
_CANDIDATES = 40

#: The plots' classes, which in the report come from the page's style sheet; fixed colours that work on white and black.
_STYLE = (
    "<style>svg{background:#fff}text{font:11.5px sans-serif;fill:#555}.code,.value{fill:#222}.grid{stroke:#e4e4e4}"
    ".axis{stroke:#999}.area{fill:#3b6ea8;fill-opacity:.32;stroke:#3b6ea8}.median{stroke:#222;stroke-width:1.6}"
    ".heat{fill:#3b6ea8}.limit{stroke:#b3261e;stroke-dasharray:4 3}.note{fill:#b3261e}"
    + "".join(f".h{depth}{{fill-opacity:{depth / 8:g}}}" for depth in range(1, 9))
    + "</style>"
)


class CardSample(NamedTuple):
    """A sample on the card; picture is its file's name in the data set, None without an image."""

    sample_id: str
    label: str
    picture: str | None


def write_plots(folder: Path, plan: ExportPlan, splits: Sequence[Mapping[str, Any]]) -> dict[str, str]:
    """Write the plots into `folder`/assets; returns their titles by their name in the data set."""
    staying = lazy(plan.frame).filter(pl.col("reason").is_null())
    by_split = staying.with_columns(source=pl.col("split").cast(pl.String))
    rows = [{**row, "name": row["split"]} for row in splits if row["samples"]]
    plots = {
        "lengths": (
            "Label length by split",
            plot_data.length_plot(by_split, rows),
        ),
        "sizes": ("Source images by width and height", plot_data.image_plot(staying.filter("has_image"))),
    }
    (folder / "assets").mkdir(exist_ok=True)
    written = {}
    for name, (title, markup) in plots.items():
        if markup is None:
            continue
        svg = str(markup).replace("<svg ", '<svg xmlns="http://www.w3.org/2000/svg" ', 1)
        start = svg.index(">") + 1
        (folder / "assets" / f"{name}.svg").write_text(svg[:start] + _STYLE + svg[start:] + "\n", encoding="utf-8")
        written[f"assets/{name}.svg"] = title
    return written


def _every(plan: ExportPlan, of: pl.Expr, step: int) -> Iterator[pl.DataFrame]:
    """ROW_COLUMNS of every `step`-th of some samples."""
    past = 0
    for window in windows(plan.frame):
        found = window.filter(of)
        yield found.gather_every(step, -past % step).select(ROW_COLUMNS)
        past += found.height


def write_examples(folder: Path, plan: ExportPlan) -> list[CardSample]:
    """A few samples spread over the training split, good examples first; their pictures go to `folder`/assets."""
    small = (pl.col("width").cast(pl.Int64) * pl.col("height") <= _LARGEST).fill_null(True)
    stays = pl.col("reason").is_null() & (pl.col("split") == plan.splits[0])
    handy = stays & small & (pl.col("n_chars") <= _LONGEST)
    pool, there = handy, how_many(plan.frame, handy)
    if there < EXAMPLES:
        pool, there = stays, how_many(plan.frame, stays)
    step = max(there // _CANDIDATES, 1)
    candidates = pl.concat(_every(plan, pool, step))
    wanted = candidates.gather_every(max(candidates.height // EXAMPLES, 1)).head(EXAMPLES)
    shape = PictureSettings.of(
        plan.options.resize, plan.options.crop, plan.options.form.endings, invert=plan.options.invert
    )
    (folder / "assets").mkdir(exist_ok=True)
    shown: list[CardSample] = []
    for number, row in enumerate(rows_of(plan.inputs, plan.labels, wanted.sort("run", "row"))):
        name = None
        if row.ref is not None:
            picture = make(row.root, row.ref, row.pixels, shape=shape)
            if picture.data is not None:
                name = f"assets/example-{number}.{picture.extension}"
                (folder / name).write_bytes(picture.data)
        shown.append(CardSample(row.sample_id, row.label, name))
    return shown
