"""Conversations about images, the format used to fine-tune vision-language models."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path

import polars as pl

from curate.base.column_names import TRIED, Columns
from curate.sources.chat_frames import chat_frame
from curate.sources.chat_layout import is_chat, plain_label
from curate.sources.dataset_info import ENDINGS, NAME, described, layout_for, read_info
from curate.sources.format import FileFormat
from curate.sources.image_paths import resolve_images
from curate.sources.json_rows import read_json, read_records
from curate.sources.look import Look
from curate.sources.model import Job, Part, with_split, wrong_shape
from curate.sources.places.file_text import Change
from curate.sources.places.json_labels import answer_place, in_json
from curate.sources.places.output import Copied, Files, Output
from curate.sources.tables import read_arrow, read_parquet
from rules.sets import split_names

#: Records longer than a look, such as those with base64 images, are recognised by their beginning.
_BEGINS = re.compile(rb'\s*\[?\s*\{.{0,2000}?"(messages|conversations)"\s*:\s*\[\s*\{', re.DOTALL)


class Chat(FileFormat):
    name = "chat"
    shape = "conversations about images: JSON lines, a JSON array, or a folder with LLaMA-Factory's `dataset_info.json`"
    page = """
A sample is a conversation of one question, one answer and at most one image. The label is the **answer exactly as it
is**: rules report code fences and dollar signs. The question becomes the column `question`, a system prompt the column
`system`; all else in a record stays a column. These forms are read:

| keys | holding | used by |
| --- | --- | --- |
| `messages` | `role`, `content`: a text, or parts `text`, `image`, `image_url` | OpenAI, TRL, ms-swift, LLaMA-Factory |
| `conversations` | `from`, `value` | ShareGPT, LLaVA, LLaMA-Factory |
| `conversation`, `texts` | `human` or `user`, `assistant` | ms-swift, The Cauldron |
| `query`, `response` | texts | ms-swift |
| `instruction`, `input`, `output` | texts | Alpaca, LLaMA-Factory |
| `prompt`, `completion` | texts or turns | TRL |

The image is a path in its part, in `<img>…</img>`, or beside the conversation in `images`, `image` and the like, where
a list of one and `{"path": …}` are fine too; or it is base64 text (`data:image/png;base64,…`). The same conversations
in tables are read as [`parquet`](#parquet) and [`hf`](#hf), images inside included. A text under `label`, `latex`,
`tex` or `formula` is the label, whatever else there is.

A folder with a `dataset_info.json` is read as LLaMA-Factory reads it: the files that it names, with its `columns` and
`tags`. Notes count named files that are missing. `dataset_info.json` also applies to one of its files that is read by
itself.

Anything else is an unreadable row, counted with its reason: no answer or several, turns that are not one question
and its answer, several images, or more or fewer image marks (`<image>`, parts of the type `image`) than images. No
mark at all is fine. An answer of null is missing; an empty answer is a sample with a finding. Images on the web are not
fetched: they count as missing files, and a note says how many.

`finetune train` and `finetune predict` read the same files with the same code, and count the same samples.
"""
    example = (
        (
            "train.json",
            """[
  {
    "id": "a",
    "image": "a.png",
    "conversations": [
      {"from": "human", "value": "<image>\\nWrite it as LaTeX."},
      {"from": "gpt", "value": "x ^ { 2 }"}
    ]
  },
  {
    "id": "b",
    "image": "b.png",
    "conversations": [
      {"from": "human", "value": "<image>\\nWrite it as LaTeX."},
      {"from": "gpt", "value": "\\\\frac { 1 } { 2 }"}
    ]
  }
]
""",
        ),
        (
            "test.jsonl",
            '{"id": "c", "messages": [{"role": "user", "content": [{"type": "image", "image": "c.png"}, '
            '{"type": "text", "text": "Read it."}]}, '
            '{"role": "assistant", "content": [{"type": "text", "text": "y"}]}]}\n',
        ),
        ("images/a.png", ""),
        ("images/b.png", ""),
        ("images/c.png", ""),
    )
    general = True
    endings = ENDINGS
    columns = TRIED
    file_kind = "file of conversations"

    def recognise(self, look: Look) -> float | None:
        if look.is_dir and look.has(NAME) and read_info(look.path) is not None:
            files, _ = described(look.path)
            # Files with their own labels beside the conversations, as `curate export` writes them, have other formats.
            return 0.99 if any(self.recognise_file(Look(file.path)) for file in files) else None
        return super().recognise(look)

    def recognise_file(self, look: Look) -> float | None:
        records = [record for record in look.records if isinstance(record, dict)]
        if not records:
            return 0.8 if not look.records and _BEGINS.match(look.head) else None
        if layout_for(look.path):
            return None if any(plain_label(record) for record in records) else 0.96
        if sum(map(is_chat, records)) * 2 <= len(look.records):
            return None
        # In an image folder, image names are relative to it, and only that format knows where it is.
        return 0.84 if look.path.name.startswith("metadata.") and "file_name" in records[0] else 0.92

    def parts(self, path: Path) -> list[Part]:
        if not path.is_dir() or read_info(path) is None:
            return super().parts(path)
        files, left_out = described(path)
        if not files:
            said = ", ".join(f"{why}: {number}" for why, number in left_out.items())
            raise wrong_shape(path, self.name, f"its {NAME} names no file that exists here ({said})")
        words = [split_names.word(file.path.stem) or split_names.word(file.name) for file in files]
        names = {word: {file.name for file, same in zip(files, words, strict=True) if same == word} for word in words}
        if len({file.name for file in files}) == 1:
            return [Part(file.path, word, path / NAME) for file, word in zip(files, words, strict=True)]
        # Data sets that are a single split, or an unnamed one, are told apart by their names.
        return [
            Part(file.path, word if word and len(names[word]) == 1 else file.name, path / NAME)
            for file, word in zip(files, words, strict=True)
        ]

    def read(self, part: Part, job: Job) -> pl.DataFrame:
        layout = layout_for(part.path)
        if job.rows == 0 and job.path.is_dir() and read_info(job.path) is not None:
            job.notes.update(described(job.path)[1])
        if part.path.suffix in (".parquet", ".arrow"):
            read = read_parquet if part.path.suffix == ".parquet" else read_arrow
            return with_split(read(part.path, job, layout), part)
        if "label" in job.columns.given:
            frame = read_json(part.path, job)
        else:
            lines, records = read_records(part.path, job)
            frame = chat_frame(lines, records, part.path, job, layout)
        return resolve_images(with_split(frame, part), job, part.path, part.split)

    def write_back(self, path: Path, changes: Sequence[Change], files: Files, columns: Columns) -> list[str]:
        if path.suffix in (".parquet", ".arrow"):
            return files.table(path, columns).change(changes)
        place = None if "label" in columns.given else partial(answer_place, layout=layout_for(path))
        return in_json(files.text(path), changes, columns, place)

    def companions(self, folder: Path, files: Mapping[str, Output]) -> dict[str, Output]:
        return {NAME: Copied(folder / NAME)} if read_info(folder) is not None else {}


FORMAT = Chat()
