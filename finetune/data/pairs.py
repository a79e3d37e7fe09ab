"""Reads the pairs to train on, as a `datasets.Dataset` whose images stay unread; what a sample looks like to the model.

A row is formatted when a batch needs it: formatting all of them first, as notebooks do, holds every picture in memory.
Nothing is judged here: what fits the model is `finetune.train.preflight`'s affair.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from curate.base.column_names import ID_COLUMNS, LABEL_COLUMNS, find_column
from curate.base.errors import UserError
from curate.export.tell.manifest import MANIFEST
from curate.images.model_ready import Resize, model_image
from finetune.data.sources import Pairs, names_format, read_whole, select_split

if TYPE_CHECKING:
    from datasets import Dataset

#: What every data set that is loaded here has. `image` is a `datasets.Image`: decoded to RGB when a row is read.
COLUMNS = ("image", "label", "sample_id", "source")
_IMAGES = ("image", "img", "picture")
_UNKNOWN_SPLIT = re.compile(r'Unknown split "?(?P<split>[^".]*)"?\. Should be one of (?P<known>.*?)\.?$', re.MULTILINE)


def load_pairs(where: str, split: str, images: str | None = None, columns: str | None = None) -> Dataset:
    """`read_pairs` without what is known of rows that are no pairs."""
    return read_pairs(where, split, images, columns).rows


def read_pairs(where: str, split: str, images: str | None = None, columns: str | None = None) -> Pairs:
    """The rows of a split, with the columns of COLUMNS and in the order of the files.

    where: a folder of `curate export` in any format, a file or folder that `curate audit` reads, with or without
    FORMAT: before it (its rows' own `split` picks some, else it has one split, whatever it is called), or an id on the
    hub. images, columns: the folder in which images are looked up, and which columns hold what, as `curate audit` has
    them. An `image` may be null where the data set has none. Raises UserError where it can't be had, has no such split,
    or holds no pair.
    """
    path = Path(where)
    if (path.exists() and not (path / MANIFEST).is_file()) or names_format(where):
        return select_split(read_whole(where, images, columns), split)
    if not path.is_dir() and (where.startswith((".", "/", "~")) or where.count("/") != 1):
        raise UserError(f"{where}: no such folder or file; data.path is what `curate export` wrote, a file or folder "
                        "that `curate audit` reads, or an id on the hub, ORG/NAME")  # fmt: skip
    rows = _loaded(where, split)
    listed = "images" in rows.column_names and find_column(rows.column_names, _IMAGES) is None  # `--format messages`
    if listed or (not path.is_dir() and find_column(rows.column_names, LABEL_COLUMNS) is None):
        return select_split(read_whole(f"hf:{where}", images, columns), split)
    return Pairs(_named(where, split, rows))


def _loaded(where: str, split: str) -> Dataset:
    import datasets

    from finetune.models.load import quiet

    bars = datasets.utils.is_progress_bar_enabled()
    datasets.utils.disable_progress_bars()
    try:
        with quiet():
            return datasets.load_dataset(where, split=split)
    except Exception as error:  # the library raises whatever its back ends raise; all of it is "can't be had"
        found = _UNKNOWN_SPLIT.search(str(error))
        if found:
            raise UserError(f"{where}: has no split {split!r}; there are {found['known']}") from error
        first = next(iter(str(error).strip().splitlines()), "") or type(error).__name__
        raise UserError(f"{where}: can't be loaded as a data set: {first[:300]}") from error
    finally:
        if bars:
            datasets.utils.enable_progress_bars()


def _named(where: str, split: str, rows: Dataset) -> Dataset:
    """The rows with this program's columns."""
    import datasets

    names = rows.column_names
    image = next((name for name in names if isinstance(rows.features[name], datasets.Image)), None)
    image = image or find_column(names, _IMAGES)
    label = find_column([name for name in names if name != image], LABEL_COLUMNS)
    if image is None or label is None:
        raise UserError(f"{where}: has no {'image' if image is None else 'label'} column; its columns are "
                        f"{', '.join(names)}")  # fmt: skip
    identity = find_column(names, ID_COLUMNS)
    kept: dict[str, str] = {"image": image, "label": label}
    if identity is not None and identity not in kept.values():
        kept["sample_id"] = identity
    if "source" in names:
        kept["source"] = "source"
    rows = rows.select_columns(list(kept.values()))
    rows = rows.rename_columns({old: new for new, old in kept.items() if old != new})
    if "sample_id" not in kept:
        name = Path(where).name
        rows = rows.add_column("sample_id", [f"{name}/{split}/{row}" for row in range(len(rows))])
    if "source" not in kept:
        rows = rows.add_column("source", [str(where)] * len(rows))
    text = {name: datasets.Value("string") for name in COLUMNS[1:] if rows.features[name] != datasets.Value("string")}
    for name, kind in text.items():
        rows = rows.cast_column(name, kind)
    if rows.features["image"] != datasets.Image(mode="RGB"):
        rows = rows.cast_column("image", datasets.Image())
    return rows.select_columns(list(COLUMNS))


def picture(image: Image.Image, resize: Resize = "upscale") -> Image.Image:
    """The image as the model is to be trained and asked on: see `curate.images.model_ready.model_image`.

    Only the processor, which scales afterwards, holds it to a pixel budget.
    """
    return model_image(image, resize=resize)


def answer_text(label: str) -> str:
    """The label as the model is taught to write it: without the white space before it.

    A line break there would be one token with the one that ends the template's `assistant`: the answer's beginning
    would not be found, and nothing of the sample be trained on.
    """
    return label.lstrip()


def check_prompt(prompt: str, tokenizer: Any) -> None:
    """Raises UserError for a prompt with a text that the tokenizer reads as a token with a meaning: an image."""
    found = next((token for token in sorted(tokenizer.get_added_vocab()) if token in prompt), None)
    if found is not None:
        raise UserError(f"the prompt holds {found}, which steers the model; the image's place is added by itself")
