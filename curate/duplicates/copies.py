"""Which images with close hashes are copies of each other: opens them and looks closer. Finds no hashes itself.

`curate.duplicates.near` finds the candidates, `curate.duplicates.closer` compares two pictures. The work is spread over
processes, and answers are kept between runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import NamedTuple

import polars as pl

from curate.duplicates.closer import Difference, Drawn, difference, drawn
from curate.duplicates.kept_answers import KeptAnswers
from curate.images import stored
from curate.images.errors import ImageError
from curate.images.opening import check_folder, open_image
from rules.workers.helper import each, now_at
from rules.workers.pool import Lost
from rules.workers.spread import spread

#: If there are more pairs than these, each image chooses so many others, those with the closest hashes, and is compared
#: with them and with those that chose it. Only large sets full of formulas of one pattern have more candidates, and
#: copies are closer than those.
MOST_PAIRS, MOST_COMPARED = 1_000, 4
#: How many pairs a process is given at a time, and how many are worth several processes.
_BATCH, _WORTH_PROCESSES = 32, 400
#: How many pairs of images in tables are given at a time. Their images are opened in order, so that a row group, which
#: may take seconds to read, is read once for all of them; meanwhile their ink is held, up to 1 MB per image.
_TABLE_BATCH = 256
#: Seconds for one pair, see `rules.workers.spread`: two of the largest images take half of it.
_LIMIT = 120.0

#: A folder and the name of an image in it.
Place = tuple[Path, str]


class Pair(NamedTuple):
    """Two images."""

    one: Place
    other: Place


def closest(pairs: pl.DataFrame) -> tuple[pl.DataFrame, pl.Series]:
    """The pairs to look at, and the images that are also in others. Of many pairs, each image's closest are looked at.

    pairs: first, second (numbers of images), bits (in which their hashes differ), each pair once.
    """
    if pairs.height <= MOST_PAIRS:
        return pairs.sort("first", "second"), pl.Series("image", [], pl.Int64)
    sides = (("first", "second"), ("second", "first"))
    both = pl.concat(pairs.select(image=one, other=other, bits="bits") for one, other in sides)
    ranked = both.sort("image", "bits", "other").with_columns(pl.int_range(pl.len()).over("image").alias("place"))
    chosen = ranked.filter(pl.col("place") < MOST_COMPARED).select(
        first=pl.min_horizontal("image", "other"), second=pl.max_horizontal("image", "other")
    )
    left_out = pairs.join(chosen, on=["first", "second"], how="anti")
    crowded = pl.concat([left_out["first"], left_out["second"]]).unique().alias("image")
    return pairs.join(chosen, on=["first", "second"], how="semi").sort("first", "second"), crowded


def copies(
    images: pl.DataFrame,
    pairs: pl.DataFrame,
    roots: Mapping[str, Path],
    *,
    workers: int = 1,
    cache: Path | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> pl.Series:
    """For each pair, whether its images are copies (Boolean); null if one can't be opened any more.

    images: image_sha256 (String), source and image (the ref). pairs: first and second, row numbers of images. roots:
    the folder of each source's images. cache: the folder where answers are kept between runs, or None.

    Raises UserError if a worker on another machine doesn't have the images.
    """
    digests = images["image_sha256"]
    kept = KeptAnswers(cache)
    known = kept.look_up(digests.gather(pairs["first"]), digests.gather(pairs["second"]))
    missing = known.select(pl.col("worst").is_null()).to_series().arg_true()
    ask = pairs[missing]
    answers: list[Difference | None] = []
    for part in _spread(images, ask, roots, workers):
        answers += part
        if progress is not None:
            progress(len(answers), ask.height)
    columns = {"worst": pl.Float64, "usual": pl.Float64}
    rows = [(None, None) if answer is None else (answer.worst, answer.usual) for answer in answers]
    fresh = pl.DataFrame(rows, schema=columns, orient="row")
    found = known.with_columns(known[name].scatter(missing, fresh[name]) for name in columns)
    kept.keep(found)
    verdicts = [
        None if worst is None or usual is None else Difference(worst, usual).is_copy
        for worst, usual in found.select(*columns).iter_rows()
    ]
    return pl.Series("copy", verdicts, pl.Boolean)


def _spread(
    images: pl.DataFrame, pairs: pl.DataFrame, roots: Mapping[str, Path], workers: int
) -> Iterator[list[Difference | None]]:
    named = images.select("source", "image")
    opened = named["image"].gather(pl.concat([pairs["first"], pairs["second"]]).unique())
    in_tables = any(map(stored.in_sequence, opened))
    several = pairs.height >= _WORTH_PROCESSES and not in_tables

    def places(rows: pl.Series) -> Iterator[Place]:
        return ((roots[source], ref) for source, ref in named[rows].iter_rows())

    batches = (
        [Pair(*pair) for pair in zip(places(part["first"]), places(part["second"]), strict=True)]
        for part in pairs.iter_slices(_TABLE_BATCH if in_tables else _BATCH)
    )
    work = partial(_looked, several, in_tables)
    yield from spread(
        work, batches, workers if several else 1, lost=_not_seen, to="compare", limit=_LIMIT, here=several
    )


def _not_seen(lost: Lost) -> list[Difference | None]:
    """The answer for a pair that ended its process."""
    return [None]


def _looked(check: bool, in_order: bool, pairs: Sequence[Pair]) -> list[Difference | None]:
    """How the images of some pairs differ. check: this may run on another machine. in_order: open them all first, in
    the order of their files."""
    opened: dict[Place, Drawn | None] = {}

    def seen(place: Place) -> Drawn | None:
        if place not in opened:
            if check:
                check_folder(place[0])
            try:
                opened[place] = drawn(open_image(*place))
            except ImageError:
                opened[place] = None
        return opened[place]

    if in_order:
        pair_of = {place: at for at, pair in enumerate(pairs) for place in pair}
        for place in sorted(pair_of, key=_in_file):
            now_at(pair_of[place])
            seen(place)
    found: list[Difference | None] = []
    for pair in each(pairs):
        one, other = seen(pair.one), seen(pair.other)
        found.append(None if one is None or other is None else difference(one, other))
    return found


def _in_file(place: Place) -> tuple[Path, str, int, str]:
    """Sorts the images of a table by their rows: `COLUMN:9` comes before `COLUMN:10`."""
    root, ref = place
    file, inner = stored.split_ref(ref) or (ref, "")
    return root, file, len(inner), inner
