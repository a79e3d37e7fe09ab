"""One conversation about an image as one sample: its label, question and picture. Opens no file.

`curate` and `finetune` both read conversations with this module, so they count the same samples.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from curate.sources.chat_layout import IMAGES, Layout, layout_of, plain_label
from curate.sources.columns import IMAGE_NOT_PATH

NO_ANSWER = "the conversation has no answer"
SEVERAL_ANSWERS = "the conversation has several answers; a sample is one image and its formula"
NO_TURNS = "the conversation is not a list of turns"
ODD_TURNS = "the turns are not one question followed by its answer"
ODD_ROLE = "a turn's role is not system, user or assistant"
ODD_PART = "part of a turn is neither text nor an image"
SEVERAL_PARTS = "the answer is in several pieces"
SEVERAL_IMAGES = "the conversation has several images; a sample is one image and its formula"
MARKS = "the number of image marks differs from the number of images"
PACKED_IMAGE = "the image is base64 text (data:…) in a gzip file; decompress the file"
WEB_IMAGE = "images are on the web and never fetched; download them and name their folder with --images DIR"

_MARK = "<image>"
#: Qwen-VL's first way of writing an image in text.
_TAGGED = re.compile(r"<img>(.*?)</img>")
_WEB = ("http://", "https://")


@dataclass(frozen=True)
class Stored:
    """An image stored in this column of a table row instead of as a path."""

    column: str
    #: It is base64 text (`data:…`) there, not bytes.
    text: bool = False


#: Stands for an image's bytes, which stay unread: see `curate.sources.chat_frames`.
HELD = True


class Sample(NamedTuple):
    """A conversation as a sample. `place`: the keys and indexes that lead from the record to the label's text."""

    label: Any
    place: tuple[str | int, ...]
    question: str | None
    system: str | None
    image: str | Stored | None


class Unfit(Exception):
    """A conversation that is not a sample; the text is the reason it is counted under."""


class _Turns(NamedTuple):
    questions: list[Any]
    answers: list[tuple[Any, tuple[str | int, ...]]]
    system: str | None
    answer_last: bool


def sample_of(record: Mapping[str, Any], layout: Layout | None = None, images_in: str | None = None) -> Sample:
    """A record as a sample, by its own layout unless one is given. Raises Unfit, with the reason, if it isn't one.

    The label is the answer unchanged; null stays null. images_in: the column of images, if the user named one.
    """
    said = _said(record, layout)
    beside = [name for name in ((images_in,) if images_in else said.images) if name in record]
    images = _joined(said.shown, _column_images(record, beside))
    if said.marks and said.marks != len(images):
        raise Unfit(MARKS)
    if len(images) > 1:
        raise Unfit(SEVERAL_IMAGES)
    return Sample(said.label, said.place, said.question, said.system, images[0] if images else None)


def label_of(record: Mapping[str, Any], layout: Layout | None = None) -> tuple[Any, tuple[str | int, ...]]:
    """A record's label and the keys and indexes that lead to it. Raises Unfit if its turns are not a sample's."""
    said = _said(record, layout)
    return said.label, said.place


class _Said(NamedTuple):
    """What the turns hold: image `marks`, the images `shown` in them, and columns that may have `images`."""

    label: Any
    place: tuple[str | int, ...]
    question: str | None
    system: str | None
    marks: int
    shown: list[str | Stored]
    images: tuple[str, ...]


def _said(record: Mapping[str, Any], layout: Layout | None) -> _Said:
    beside = plain_label(record) if layout is None else None
    layout = layout or layout_of(list(record)) or Layout(images=IMAGES)
    if beside is not None:
        return _Said(record[beside], (beside,), None, None, 0, [], layout.images)
    if layout.history and record.get(layout.history):
        raise Unfit(SEVERAL_ANSWERS)
    turns = _turns(record, layout)
    if len(turns.answers) != 1:
        raise Unfit(SEVERAL_ANSWERS if turns.answers else NO_ANSWER)
    if len(turns.questions) > 1 or not turns.answer_last:
        raise Unfit(ODD_TURNS)
    question, marks, shown = _question(turns.questions, layout)
    label, place = _answer(*turns.answers[0])
    system = turns.system
    if system is None and layout.system and isinstance(record.get(layout.system), str):
        system = record[layout.system]
    return _Said(label, place, question, system, marks, shown, layout.images)


def _question(contents: Sequence[Any], layout: Layout) -> tuple[str | None, int, list[str | Stored]]:
    """(text, image marks, images) of the question."""
    texts: list[str] = []
    marks, shown = 0, []
    for content in contents:
        for text, image in _parts(content):
            if image is not None:
                marks += 1
                shown += _images_in(image, layout.talk or "")
            elif text:
                texts.append(text)
                tagged = _TAGGED.findall(text)
                marks += text.count(_MARK) + len(tagged)
                shown += tagged
    return "".join(texts) if texts else None, marks, shown


def is_web(image: str) -> bool:
    return image.startswith(_WEB)


def _turns(record: Mapping[str, Any], layout: Layout) -> _Turns:
    if layout.talk is not None:
        return _of_talk(record.get(layout.talk), (layout.talk,), layout)
    answer = record.get(layout.answer or "")
    asked = [record.get(name) for name in layout.question]
    if isinstance(answer, list):  # TRL's prompt and completion as turns
        before = _of_talk(asked[0], layout.question[:1], layout) if isinstance(asked[0], list) else None
        after = _of_talk(answer, (layout.answer or "",), layout)
        if before is None or before.answers or after.questions:
            raise Unfit(ODD_TURNS)
        return after._replace(questions=before.questions, system=before.system)
    texts = [text for text in asked if text]
    if not all(isinstance(text, str) for text in texts):
        raise Unfit(ODD_TURNS)
    return _Turns(["\n".join(texts)], [(answer, (layout.answer or "",))], None, True)


def _of_talk(talk: Any, place: tuple[str | int, ...], layout: Layout) -> _Turns:
    if talk is None:
        raise Unfit(NO_ANSWER)
    turned = isinstance(talk, Mapping)
    if turned:
        talk = _rows(talk)
    if not isinstance(talk, list) or not all(isinstance(turn, Mapping) for turn in talk):
        raise Unfit(NO_TURNS)
    questions: list[Any] = []
    answers: list[tuple[Any, tuple[str | int, ...]]] = []
    system: str | None = None
    answer_last = True
    for at, turn in enumerate(talk):
        for who, key in _spoken(turn, layout):
            content = turn.get(key) if key is not None else None
            if who == _ANSWERS:
                answers.append((content, (*place, key or "", at) if turned else (*place, at, key or "")))
            elif who == _ASKS:
                questions.append(content)
            else:
                system = "".join(text for text, _ in _parts(content) if text)
                continue
            answer_last = who == _ANSWERS
    return _Turns(questions, answers, system, answer_last)


def _rows(talk: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Turns from an object of lists, which is how `datasets` before version 4 stored a sequence of objects."""
    if not talk or not all(isinstance(values, list) for values in talk.values()):
        raise Unfit(NO_TURNS)
    if len({len(values) for values in talk.values()}) != 1:
        raise Unfit(NO_TURNS)
    return [dict(zip(talk, values, strict=True)) for values in zip(*talk.values(), strict=True)]


_ASKS, _ANSWERS, _INSTRUCTS = "user", "assistant", "system"


@lru_cache(maxsize=256)
def _speakers(layout: Layout) -> Mapping[str, str]:
    """The speaker, by the name of a role."""
    named = ((layout.users, _ASKS), (layout.assistants, _ANSWERS), (layout.systems, _INSTRUCTS))
    return {role: who for roles, who in named for role in roles}


def _spoken(turn: Mapping[str, Any], layout: Layout) -> Sequence[tuple[str, str | None]]:
    """(speaker, key of the text) of a turn: one, or a question and its answer in ms-swift's {human, assistant}."""
    speakers = _speakers(layout)
    for name in layout.roles:
        role = turn.get(name)
        if role is not None:
            break
    else:
        both = [(who, name) for name, who in speakers.items() if name in turn]
        if not both:
            raise Unfit(ODD_ROLE)
        return both
    who = (speakers.get(role) or speakers.get(role.strip().lower())) if isinstance(role, str) else None
    if who is None:
        raise Unfit(ODD_ROLE)
    for key in layout.contents:
        if turn.get(key) is not None:
            return ((who, key),)
    return ((who, next((key for key in layout.contents if key in turn), None)),)


def _parts(content: Any) -> Iterator[tuple[str | None, Any]]:
    """(text, image) of each part of a turn; an image without a name is an empty list."""
    if content is None:
        return
    if isinstance(content, str):
        yield content, None
        return
    for part in content if isinstance(content, list) else [content]:
        if isinstance(part, str):
            yield part, None
            continue
        if not isinstance(part, Mapping):
            raise Unfit(ODD_PART)
        kind = part.get("type")
        if kind in ("image", "image_url", "input_image"):
            named = next((part[name] for name in ("image", "image_url", "path", "url") if part.get(name)), None)
            yield None, [] if named is None else named
        elif isinstance(part.get("text"), str) and kind in ("text", "input_text", "output_text", None):
            yield part["text"], None
        elif kind is None and part.get("image"):
            yield None, part["image"]
        elif kind in ("text", "input_text", "output_text"):
            continue  # an empty text
        else:
            raise Unfit(ODD_PART)


def _answer(content: Any, place: tuple[str | int, ...]) -> tuple[Any, tuple[str | int, ...]]:
    """The answer's text and its place."""
    if not isinstance(content, list):
        return content, place
    found: list[tuple[str, tuple[str | int, ...]]] = []
    for at, part in enumerate(content):
        for text, image in _parts([part]):
            if image is not None:
                raise Unfit(ODD_PART)
            if text is not None:
                found.append((text, (*place, at) if isinstance(part, str) else (*place, at, "text")))
    if len(found) > 1:
        raise Unfit(SEVERAL_PARTS)
    return found[0] if found else (None, place)


def _column_images(record: Mapping[str, Any], names: Sequence[str]) -> list[str | Stored]:
    """The images of the first column that has any."""
    for name in names:
        if found := _images_in(record[name], name):
            return found
    return []


def _images_in(value: Any, column: str) -> list[str | Stored]:
    if value is None or value == "":
        return []
    if isinstance(value, str):
        if value.startswith("data:"):
            return [Stored(column, text=True)]
        # As Qwen's own reader does: two slashes, then any path. Whoever looks up the file decodes escapes.
        return [value if "%" in value else value.removeprefix("file://")]
    if value is HELD or isinstance(value, bytes):
        return [Stored(column)]
    if isinstance(value, list):
        if any(isinstance(entry, list) for entry in value):
            raise Unfit(IMAGE_NOT_PATH)
        return [image for entry in value for image in _images_in(entry, column)]
    if isinstance(value, Mapping):
        data = value.get("bytes")
        if data is HELD or (isinstance(data, bytes) and data):
            return [Stored(column)]
        named = next((value[name] for name in ("path", "url", "image_url") if value.get(name)), None)
        if named is None and any(value.values()):
            raise Unfit(IMAGE_NOT_PATH)
        return _images_in(named, column)
    raise Unfit(IMAGE_NOT_PATH)


def _joined(shown: list[str | Stored], beside: list[str | Stored]) -> list[str | Stored]:
    """The images in turns and columns. Some data sets store the same images in both; they count once."""
    if shown and all(isinstance(image, Stored) for image in (*shown, *beside)):
        return max(shown, beside, key=len)
    return shown + [image for image in beside if image not in shown] if shown else beside
