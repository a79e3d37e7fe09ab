"""Checks before the first step that every sample fits the model. Loads no weights and trains nothing.

The tokens of an image follow from its size (`finetune.models.families`), and the tokenizer counts those of the whole
conversation. Both are compared with the real processor on a few samples. So a sample that would end a training hours
later, because its image is broken or its answer is longer than `max_length`, is found in the first minute.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import polars as pl

from curate.base.errors import UserError
from curate.export.tell.manifest import MANIFEST
from curate.images.errors import MISSING, ImageError
from curate.images.model_ready import model_size
from curate.images.opening import open_bytes, shown_size
from finetune.data.pairs import answer_text, check_prompt, picture
from finetune.models.families import DEFAULT, Family
from finetune.settings.config import DataConfig
from rules.sets.model_resize import MAX_ASPECT, MAX_PIXELS
from rules.workers.cores import cores

if TYPE_CHECKING:
    from datasets import Dataset

#: The reasons why a sample doesn't fit, in the order in which they are checked.
REASONS = {
    "no-image": "the sample has no image",
    "unreadable": "the image can't be opened",
    "no-answer": "the label is empty",
    "special-token": "the label contains a special token of the model",
    "side": "a side is too short for the model",
    "aspect": "a side is too long for the model, compared with the other",
    "too-long": "image, prompt and answer have more tokens than data.max_length",
}
#: How many samples to compare with the real processor.
_PROBES = 12
_BATCH = 1000
_ANSWER = "\u2603"  # stands for the answer in the template

#: Called with how much is done, and of how much.
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class CheckedSplit:
    """The results for a split, with one row per sample, in the order of the data set.

    Columns: row, sample_id, width, height (pixels as read), image_tokens, answer_tokens, tokens (in all), reason (null
    if the sample fits), detail.
    """

    frame: pl.DataFrame

    @property
    def fitting(self) -> list[int]:
        """The rows of the samples that fit."""
        return self.frame.filter(pl.col("reason").is_null())["row"].to_list()

    @property
    def unfit(self) -> pl.DataFrame:
        return self.frame.filter(pl.col("reason").is_not_null())

    def reasons(self) -> dict[str, int]:
        """How many samples don't fit, by reason."""
        counts = dict(self.unfit.group_by("reason").len().iter_rows())
        return {name: counts[name] for name in REASONS if name in counts}

    def tokens(self) -> list[int]:
        """The lengths of the samples that fit."""
        return self.frame.filter(pl.col("reason").is_null())["tokens"].to_list()


def check(
    rows: Dataset,
    processor: Any,
    config: DataConfig,
    family: Family = DEFAULT,
    *,
    decode: bool,
    progress: Progress | None = None,
) -> CheckedSplit:
    """Check every row that `finetune.data.pairs.read_pairs` read. family: of the model that the processor belongs to.

    decode: also decode every image, at a millisecond each, for data sets that aren't known to be complete; see
    `is_verified`. Raises UserError if the real processor counts differently from the arithmetic here.
    """
    frame = _sizes(rows, decode, progress).with_columns(
        sample_id=pl.Series(rows["sample_id"], dtype=pl.String),
        label=pl.Series(rows["label"], dtype=pl.String).fill_null(""),
    )
    template = Template(processor, config.prompt, family)
    frame = frame.with_columns(
        text_tokens=pl.Series(template.lengths(frame["label"].to_list()), dtype=pl.Int64),
        special=pl.col("label").str.extract_many(template.specials).list.first(),
    )
    frame = _tokens(frame, config, processor, family).with_columns(
        answer_tokens=pl.col("text_tokens") - template.around
    )
    frame = _judged(frame, config, family)
    checked = CheckedSplit(
        frame.select(
            "row", "sample_id", "width", "height", "image_tokens", "answer_tokens", "tokens", "reason", "detail"
        )
    )
    verify(rows, checked, processor, config, family)
    return checked


def is_verified(where: str) -> bool:
    """Whether a data set is an export by texsieve, which has decoded every image."""
    return (Path(where) / MANIFEST).is_file()


class Template:
    """The conversation around an answer, as the chat template of this processor writes it."""

    def __init__(self, processor: Any, prompt: str, family: Family = DEFAULT) -> None:
        self._tokenizer = processor.tokenizer
        check_prompt(prompt, self._tokenizer)
        messages: list[dict[str, Any]] = [
            {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": prompt}]},
            {"role": "assistant", "content": [{"type": "text", "text": _ANSWER}]},
        ]
        text = family.chat(processor, messages, answer=False)
        if text.count(_ANSWER) != 1:
            raise UserError(
                "the model's chat template doesn't write the answer exactly once, so this model can't be trained here"
            )
        self.before, self.after = text.split(_ANSWER)
        asked = family.chat(processor, messages[:1], answer=True)
        if self.before.rstrip() != asked.rstrip():
            raise UserError(
                f"the model's chat template ends the question with {asked[-40:]!r} when it asks and with "
                f"{self.before[-40:]!r} when it trains, so asking would differ from training; is its chat "
                "template the original one?"
            )
        #: Texts that the tokenizer reads as special tokens. In a label, they would end it or stand for an image.
        self.specials = sorted({str(token) for token in self._tokenizer.get_added_vocab()})
        #: Tokens of a conversation with an empty answer, counting the image as one.
        self.around = self.lengths([""])[0]

    def text(self, label: str) -> str:
        """The conversation with this answer. The image is one token, which the processor expands."""
        return f"{self.before}{answer_text(label)}{self.after}"

    def lengths(self, labels: Sequence[str]) -> list[int]:
        """Tokens of the conversations with these answers, counting the image as one."""
        out: list[int] = []
        for start in range(0, len(labels), _BATCH):
            texts = [self.text(label) for label in labels[start : start + _BATCH]]
            made = self._tokenizer(texts, add_special_tokens=False, return_attention_mask=False)
            out += [len(ids) for ids in made["input_ids"]]
        return out


def _sizes(rows: Dataset, decode: bool, progress: Progress | None) -> pl.DataFrame:
    """The columns row, width, height and broken (what is wrong with the image, or null)."""
    import datasets

    raw = rows.select_columns(["image"]).cast_column("image", datasets.Image(decode=False))
    found: list[tuple[int | None, int | None, str | None]] = []
    with ThreadPoolExecutor(cores(8)) as pool:
        for batch in raw.with_format("arrow").iter(_BATCH):
            # Decoders let other threads run, but header parsers in Python don't.
            spread: Any = pool.map if decode else map
            found += spread(partial(_size, decode=decode), batch.column("image").to_pylist())
            if progress is not None:
                progress(len(found), len(rows))
    schema = {"width": pl.Int64, "height": pl.Int64, "broken": pl.String}
    return pl.DataFrame(found, schema=schema, orient="row").with_row_index("row")


def _size(held: dict[str, Any] | None, *, decode: bool) -> tuple[int | None, int | None, str | None]:
    if held is None or (held.get("bytes") is None and not held.get("path")):
        return None, None, None
    try:
        source = held["bytes"] if held.get("bytes") is not None else Path(held["path"])
        if decode:
            source = source if isinstance(source, bytes) else source.read_bytes()
            open_bytes(source)
        return *shown_size(source), None
    except FileNotFoundError:
        return None, None, f"{held['path']}: {MISSING}"
    except (ImageError, OSError) as error:
        return None, None, str(error) or type(error).__name__


def _tokens(frame: pl.DataFrame, config: DataConfig, processor: Any, family: Family) -> pl.DataFrame:
    """Adds wide and high (the size of the image as shown to the model), image_tokens and tokens."""
    least_side = family.images.min_side
    wide, high = pl.col("width"), pl.col("height")
    least, most = pl.min_horizontal(wide, high), pl.max_horizontal(wide, high)
    # `model_image` changes only these sizes. They are few, so Python can go through them one by one.
    changed = (least < least_side) | (wide * high > MAX_PIXELS) | (most > least * (MAX_ASPECT // 2))
    special = frame.filter(changed.fill_null(False)).select("row", "width", "height")
    sizes = [
        model_size(*size, resize=config.resize, min_side=least_side)
        for size in special.select("width", "height").iter_rows()
    ]
    made = pl.DataFrame(sizes, schema={"wide": pl.Int64, "high": pl.Int64}, orient="row")
    frame = frame.join(special.select("row").hstack(made), on="row", how="left", maintain_order="left")
    frame = frame.with_columns(wide=pl.coalesce("wide", "width"), high=pl.coalesce("high", "height"))
    try:
        tokens = family.image_tokens(
            processor, pl.col("wide"), pl.col("high"), budget=(config.min_pixels, config.max_pixels)
        )
        frame = frame.with_columns(image_tokens=tokens)
    except (AttributeError, TypeError) as error:
        raise UserError(
            f"the model's image processor, {type(processor.image_processor).__name__}, isn't that of a {family.name}"
        ) from error
    return frame.with_columns(tokens=pl.col("text_tokens") - 1 + pl.col("image_tokens"))


def _judged(frame: pl.DataFrame, config: DataConfig, family: Family) -> pl.DataFrame:
    """Adds reason and detail."""
    images = family.images
    least, most = pl.min_horizontal("wide", "high"), pl.max_horizontal("wide", "high")
    size = pl.format("{} × {}", "width", "height")
    length = pl.format("{} tokens, {} of them the image", "tokens", "image_tokens")
    found = {
        "no-image": (pl.col("width").is_null() & pl.col("broken").is_null(), pl.lit("")),
        "unreadable": (pl.col("broken").is_not_null(), pl.col("broken")),
        "no-answer": (pl.col("label").str.strip_chars() == "", pl.lit("")),
        "special-token": (pl.col("special").is_not_null(), pl.col("special")),
        "side": (least < images.min_side, size),
        "aspect": (most > least * images.max_aspect if images.max_aspect else pl.lit(False), size),
        "too-long": (pl.col("tokens") > config.max_length, length),
    }
    reason = pl.coalesce(pl.when(holds.fill_null(False)).then(pl.lit(name)) for name, (holds, _) in found.items())
    detail = pl.coalesce(pl.when(pl.col("reason") == name).then(about) for name, (_, about) in found.items())
    return frame.with_columns(reason=reason).with_columns(detail=detail)


def verify(rows: Dataset, checked: CheckedSplit, processor: Any, config: DataConfig, family: Family = DEFAULT) -> None:
    """Compare the longest samples, those with the oddest shapes, and some others with the real processor.

    Raises UserError if its number of tokens for a sample differs from the computed one.
    """
    template = Template(processor, config.prompt, family)
    for row in _probes(checked):
        sample = rows[row]
        text, image = template.text(sample["label"]), picture(sample["image"], config.resize, family.images.min_side)
        made = processor(text=[text], images=[[image]], add_special_tokens=False, return_tensors="pt")
        expected = int(checked.frame["tokens"][row])
        counted = int(made["input_ids"].shape[1])
        if counted != expected:
            raise UserError(
                f"{sample['sample_id']}: the model's processor counts {counted} tokens, but texsieve expected "
                f"{expected}; is its processor that of a {family.name}?"
            )


def _probes(checked: CheckedSplit) -> Iterator[int]:
    fit = checked.frame.filter(pl.col("reason").is_null())
    shape = pl.col("width") / pl.col("height")
    picked = [
        fit.sort("tokens", descending=True)["row"].head(2),
        fit.sort(shape)["row"].head(1),
        fit.sort(shape)["row"].tail(1),
        fit.sort(pl.col("width") * pl.col("height"))["row"].head(1),
        fit.sort(pl.col("width") * pl.col("height"))["row"].tail(1),
    ]
    rows = list(dict.fromkeys(row for some in picked for row in some))
    others = [row for row in fit["row"] if row not in rows]
    yield from rows + Random(0).sample(others, min(max(_PROBES - len(rows), 0), len(others)))
