"""Parquet files whose rows hold a conversation too, as chat templates of vision-language models read it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

from curate.export.format import STRING, ParquetFormat

if TYPE_CHECKING:
    from curate.export.write.shards import Row


class Messages(ParquetFormat):
    name = "messages"
    help = "Parquet files with a conversation in each row too, as chat templates read it"
    files = "the same as of `hf`"
    besides = "`messages`: the prompt with the image's place, the label as the answer"
    page = (
        "A turn of `user` holds the image's place and the prompt (`--prompt`), one of `assistant` the label. A label "
        "without an image has a null image and no place for one."
    )
    columns = f"{ParquetFormat.columns}, and `messages`: the prompt and the answer as chat templates read them"
    asks = True
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
