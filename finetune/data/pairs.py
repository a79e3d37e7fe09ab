"""Reads the pairs to train on as a `datasets.Dataset` with unread images, and prepares samples for the model.

A row is formatted only when a batch needs it: formatting all of them first, as notebooks do, keeps every picture in
memory. `finetune.train.preflight` checks what fits the model.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from PIL import Image

from curate.base.errors import UserError
from curate.images.model_ready import Resize, model_image
from finetune.data.sources import HUB, Pairs, names_format, read_whole, select_split
from rules.sets.model_resize import FACTOR

#: The columns of every data set loaded here. `image` is a `datasets.Image`, decoded to RGB when a row is read.
COLUMNS = ("image", "label", "sample_id", "source")


def read_pairs(where: str, split: str, images: str | None = None, columns: str | None = None) -> Pairs:
    """The rows of a split, with the columns COLUMNS, in the order of the files.

    where: a folder that `curate export` wrote in any format, a file or folder that `curate audit` reads, with or
    without FORMAT: in front, or an id on the hub, ORG/NAME[:CONFIG][@REVISION]. Rows without a `split` of their own
    form one split, whatever its name. images, columns: as for `curate audit`, the folder with the images, and the names
    of the columns. An `image` may be null if the data set has none. Raises UserError if the data set can't be read, has
    no such split, or has no pairs.
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
    """The image as the model sees it in training and prediction: see `curate.images.model_ready.model_image`.

    The pixel budget is applied later, by the processor.
    """
    return model_image(image, resize=resize, min_side=min_side)


def answer_text(label: str) -> str:
    """The label as the model learns to write it: without leading white space.

    A leading line break would be one token with the line break after the template's `assistant`. The start of the
    answer would not be found, and the sample would not be trained on.
    """
    return label.lstrip()


def check_prompt(prompt: str, tokenizer: Any) -> None:
    """Raises UserError for a prompt with text that the tokenizer reads as a special token, such as an image."""
    found = next((token for token in sorted(tokenizer.get_added_vocab()) if token in prompt), None)
    if found is not None:
        raise UserError(f"the prompt contains the special token {found}; remove it (the image is added automatically)")
