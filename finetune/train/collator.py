"""Turns rows into batches: images at full width, the loss only on answers. Trains nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from curate.base.errors import UserError
from curate.images.model_ready import Resize
from finetune.data.pairs import answer_text, picture
from finetune.models.families import Family, family_of_model
from finetune.settings.config import Config
from rules.sets.model_resize import FACTOR

#: The label of tokens that don't count for the loss.
IGNORED = -100
#: The key of a batch for the ids of its samples. The trainer removes it before the model sees the batch.
NAMES = "sample_ids"


@dataclass(frozen=True)
class Formatter:
    """Formats a row for the collator when a batch needs it. It is a class so that it can be sent to processes."""

    prompt: str
    resize: Resize
    min_side: int = FACTOR

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """messages, with separate images: an image inside the messages would be scaled again, without a limit."""
        return {
            "messages": [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": self.prompt}]},
                {"role": "assistant", "content": [{"type": "text", "text": answer_text(row["label"])}]},
            ],
            "images": [picture(row["image"], self.resize, self.min_side)],
        }


def make_collator(model: Any, processor: Any, config: Config) -> Any:
    """The function that turns a list of rows into a batch: a mapping of tensors, with the ids of samples under NAMES.

    Labels are IGNORED everywhere except in the answers.
    """
    family = family_of_model(model)
    formatter = Formatter(config.data.prompt, config.data.resize, family.images.min_side)
    if not hasattr(model, "for_training"):  # Unsloth gives each of its models this method
        return AnswerCollator(processor, family, formatter)
    from unsloth.trainer import UnslothVisionDataCollator

    class NamingCollator(UnslothVisionDataCollator):  # type: ignore[misc,unused-ignore]
        def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
            return {**super().__call__(rows), NAMES: [row["sample_id"] for row in rows]}

    return NamingCollator(
        model,
        processor,
        max_seq_length=config.data.max_length,
        formatting_func=formatter,
        # "min", the default, scales the width down to 512. Only the processor limits images to the pixel budget.
        resize="max",
        train_on_responses_only=True,
        instruction_part=family.instruction,
        response_part=family.response,
    )


class AnswerCollator:
    """Turns rows into batches without Unsloth, padded on the right to the longest."""

    def __init__(self, processor: Any, family: Family, formatter: Formatter) -> None:
        self._processor, self._family, self._formatter = processor, family, formatter
        self._response = processor.tokenizer(family.response, add_special_tokens=False)["input_ids"]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Raises UserError for a conversation in which no answer is found."""
        made = [self._formatter(row) for row in rows]
        batch = self._processor(
            # Without the line break that some templates add after the turn, since the model's answer ends before it.
            text=[self._family.chat(self._processor, row["messages"], answer=False).rstrip() for row in made],
            images=[row["images"] for row in made],
            padding=True,
            padding_side="right",
            add_special_tokens=False,
            return_tensors="pt",
        )
        labels = batch["input_ids"].clone()
        for row, ids, here in zip(rows, labels, batch["attention_mask"], strict=True):
            start = _end_of_last(ids.tolist(), self._response)
            if start is None:
                raise UserError(
                    f"{row['sample_id']}: {self._family.response!r} isn't in the conversation that the model is shown"
                )
            ids[:start] = IGNORED
            ids[here == 0] = IGNORED
        return {**batch, "labels": labels, NAMES: [row["sample_id"] for row in rows]}


def _end_of_last(ids: Sequence[int], part: Sequence[int]) -> int | None:
    """Where the last occurrence of `part` ends; None if there is none."""
    for start in range(len(ids) - len(part), -1, -1):
        if ids[start : start + len(part)] == part:
            return start + len(part)
    return None
