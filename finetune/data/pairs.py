"""Reads the pairs to train on, as a `datasets.Dataset` whose images stay unread; what a sample looks like to the model.

A row is formatted when a batch needs it: formatting all of them first, as notebooks do, holds every picture in memory.
Nothing is judged here: what fits the model is `finetune.train.preflight`'s affair.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from PIL import Image

from curate.base.errors import UserError
from curate.images.model_ready import Resize, model_image
from finetune.data.sources import HUB, Pairs, names_format, read_whole, select_split
from rules.sets.model_resize import FACTOR

if TYPE_CHECKING:
    from datasets import Dataset

#: What every data set that is loaded here has. `image` is a `datasets.Image`: decoded to RGB when a row is read.
COLUMNS = ("image", "label", "sample_id", "source")


def load_pairs(where: str, split: str, images: str | None = None, columns: str | None = None) -> Dataset:
    """`read_pairs` without what is known of rows that are no pairs."""
    return read_pairs(where, split, images, columns).rows


def read_pairs(where: str, split: str, images: str | None = None, columns: str | None = None) -> Pairs:
    """The rows of a split, with the columns of COLUMNS and in the order of the files.

    where: a folder of `curate export` in any format, a file or folder that `curate audit` reads, with or without
    FORMAT: before it (its rows' own `split` picks some, else it has one split, whatever it is called), or an id on the
    hub, ORG/NAME[:CONFIG][@REVISION]. images, columns: the folder in which images are looked up, and which columns hold
    what, as `curate audit` has them. An `image` may be null where the data set has none. Raises UserError where it
    can't be had, has no such split, or holds no pair.
    """
    if not Path(where).exists() and not names_format(where):
        if "/" not in where or not HUB.is_id(where):
            raise UserError(
                f"{where}: no such folder or file; data.path is what `curate export` wrote, a file or folder that "
                "`curate audit` reads, or an id on the hub, ORG/NAME[:CONFIG][@REVISION]"
            )
        where = f"hf:{where}"
    return select_split(read_whole(where, images, columns), split)


def picture(image: Image.Image, resize: Resize = "upscale", min_side: int = FACTOR) -> Image.Image:
    """The image as the model is to be trained and asked on: see `curate.images.model_ready.model_image`.

    Only the processor, which scales afterwards, holds it to a pixel budget.
    """
    return model_image(image, resize=resize, min_side=min_side)


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
