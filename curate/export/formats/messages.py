"""Parquet files whose rows also hold a conversation, as chat templates of vision-language models read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from curate.export.format import FIELDS, STRING, ParquetFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row


class Messages(ParquetFormat):
    name = "messages"
    help = "Parquet files with a conversation in each row, as TRL and Unsloth take it"
    files = "the same as of `hf`"
    besides = "`messages`: the prompt with the image's place, the label as the answer; `images` in place of `image`"
    page = (
        "TRL's `SFTTrainer` and Unsloth's `UnslothVisionDataCollator` take the rows as they are. A turn of `user` "
        "holds the image's place and the prompt (`--prompt`), one of `assistant` the label; `images` is a list of the "
        "image. A label without an image has an empty list and no place for one. For LLaMA-Factory and ms-swift, "
        "whose turns are texts, use `sharegpt`."
    )
    columns = (
        "`images` (a list of one, RGB), `label`, `source`, `sample_id`, `score` (1 is clean), and `messages`: the "
        "prompt and the answer as chat templates read them"
    )
    fields = FIELDS
    asks = True
    listed = True
    features: ClassVar[dict[str, Any]] = {
        "messages": {
            "_type": "List",
            "feature": {"role": STRING, "content": {"_type": "List", "feature": {"type": STRING, "text": STRING}}},
        },
    }

    def cells(self, row: Row, prompt: str, *, with_image: bool) -> dict[str, Any]:
        place = [{"type": "image", "text": None}] if with_image else []
        return {
            "messages": [
                {"role": "user", "content": [*place, {"type": "text", "text": prompt}]},
                {"role": "assistant", "content": [{"type": "text", "text": row.label}]},
            ]
        }


FORMAT = Messages()
