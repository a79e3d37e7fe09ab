"""Which keys of a record hold a conversation, and which keys of a turn hold speaker and text. Reads no turns.

The names are those of OpenAI and TRL (`messages`), ShareGPT and LLaVA (`conversations`), The Cauldron (`texts`), Alpaca
and LLaMA-Factory (`instruction`, `output`) and ms-swift (`query`, `response`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from curate.base.column_names import LABEL_COLUMNS, find_column

#: Columns whose text is the label, even beside a conversation.
PLAIN_LABELS = ("label", "latex", "tex", "formula")
TALKS = ("messages", "conversations", "conversation", "texts")
QUESTIONS = ("query", "instruction", "prompt", "question")
ANSWERS = ("response", "output", "completion", "answer")
IMAGES = ("images", "image", "image_path", "image_file", "file_name", "img")
USERS = ("user", "human")
ASSISTANTS = ("assistant", "gpt", "model", "bot")
SYSTEMS = ("system",)


@dataclass(frozen=True)
class Layout:
    """Which keys of a record, and of a turn, hold what. Tuples are tried in order; None means the key doesn't exist."""

    talk: str | None = None
    question: tuple[str, ...] = ()  # joined by line ends, as Alpaca's `instruction` and `input`
    answer: str | None = None
    history: str | None = None
    system: str | None = None
    images: tuple[str, ...] = ()
    roles: tuple[str, ...] = ("role", "from")
    contents: tuple[str, ...] = ("content", "value")
    users: tuple[str, ...] = USERS
    assistants: tuple[str, ...] = ASSISTANTS
    systems: tuple[str, ...] = SYSTEMS

    @property
    def used(self) -> frozenset[str]:
        """The keys that become columns of their own, if any."""
        named = (self.talk, self.answer, self.history, self.system)
        return frozenset([name for name in named if name] + [*self.question, *self.images])


def plain_label(record: Mapping[str, Any]) -> str | None:
    """The key of a label beside the conversation, if any."""
    found = label_beside(tuple(record))
    return found if found is not None and isinstance(record[found], str) else None


@lru_cache(maxsize=4096)
def label_beside(names: tuple[str, ...]) -> str | None:
    """The key of a label beside a conversation. Beside turns fewer names count, since their `text` may be the turns."""
    named = () if find_column(names, TALKS) else tuple(name for name in LABEL_COLUMNS if name not in ANSWERS)
    return find_column(names, (*PLAIN_LABELS, *named))


def layout_of(names: Sequence[str]) -> Layout | None:
    """The layout of a record with these keys; None if they don't belong to a conversation."""
    return _layout_of(tuple(names))


@lru_cache(maxsize=4096)
def _layout_of(names: tuple[str, ...]) -> Layout | None:
    talk = find_column(names, TALKS)
    answer = find_column(names, ANSWERS) if talk is None else None
    question = find_column(names, QUESTIONS) if talk is None else None
    if talk is None and (answer is None or question is None):
        return None
    more = find_column(names, ("input",)) if question == "instruction" else None
    return Layout(
        talk=talk,
        question=tuple(name for name in (question, more) if name),
        answer=answer,
        history=find_column(names, ("history",)),
        system=find_column(names, ("system", "system_prompt")),
        images=tuple(name for wanted in IMAGES if (name := find_column(names, (wanted,)))),
    )


def is_chat(record: Mapping[str, Any]) -> bool:
    """Whether a record is a conversation rather than a record with its own label."""
    return plain_label(record) is None and layout_of(list(record)) is not None
