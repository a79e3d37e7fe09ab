"""Makes rows into batches: images at their full width, the loss on answers alone. Trains nothing."""

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

#: What no token is learnt from has as its label.
IGNORED = -100
#: The key of a batch that holds its samples' ids; the trainer takes it out before the model sees the batch.
NAMES = "sample_ids"


@dataclass(frozen=True)
class Formatter:
    """Makes a row into what the collator reads, when a batch needs it: a class, so that processes can be handed it."""

    prompt: str
    resize: Resize
    min_side: int = FACTOR

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """messages, and images beside them: an image inside the messages would be scaled once more, without a cap."""
        return {
            "messages": [
                {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": self.prompt}]},
                {"role": "assistant", "content": [{"type": "text", "text": answer_text(row["label"])}]},
            ],
            "images": [picture(row["image"], self.resize, self.min_side)],
        }


def make_collator(model: Any, processor: Any, config: Config) -> Any:
    """What makes a list of rows into a batch: a mapping of tensors, and the samples' ids under NAMES.

    Labels are IGNORED everywhere but in the answers.
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
        # "min", the default, scales the width down to 512. The processor alone holds images to the pixel budget.
        resize="max",
        train_on_responses_only=True,
        instruction_part=family.instruction,
        response_part=family.response,
    )


class AnswerCollator:
    """Without Unsloth: rows to batches, padded on the right to their longest."""

    def __init__(self, processor: Any, family: Family, formatter: Formatter) -> None:
        self._processor, self._family, self._formatter = processor, family, formatter
        self._response = processor.tokenizer(family.response, add_special_tokens=False)["input_ids"]

    def __call__(self, rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """Raises UserError for a conversation in which no answer is found."""
        made = [self._formatter(row) for row in rows]
        batch = self._processor(
            # Without the line break that some templates put behind the turn: the model's answer ends before it.
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
                raise UserError(f"{row['sample_id']}: {self._family.response!r} is nowhere in what the model is shown")
            ids[:start] = IGNORED
            ids[here == 0] = IGNORED
        return {**batch, "labels": labels, NAMES: [row["sample_id"] for row in rows]}


def _end_of_last(ids: Sequence[int], part: Sequence[int]) -> int | None:
    """Where the last occurrence of `part` ends; None where there is none."""
    for start in range(len(ids) - len(part), -1, -1):
        if ids[start : start + len(part)] == part:
            return start + len(part)
    return None
