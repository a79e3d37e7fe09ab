"""Conversations that are samples, and every kind that isn't, for the tests of every reader."""

from __future__ import annotations

from typing import Any

from curate.sources import chat_rows, model
from curate.sources.columns import IMAGE_NOT_PATH, NOT_TEXT, NOT_UNICODE

ANSWER = r"\frac { a } { b }"
ASKED = "Write it."


def openai(answer: Any = ANSWER, asked: Any = f"<image>{ASKED}", **more: Any) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": answer}], **more}


#: Each record that is not a sample, with the reason under which it is counted.
MISFITS: list[tuple[str, Any]] = [
    (chat_rows.MARKS, openai(images=[])),
    (chat_rows.MARKS, openai(asked="<image><image>?", images=["a.png"])),
    (chat_rows.MARKS, openai(asked=[{"type": "image"}, {"type": "image", "image": "a.png"}])),
    (chat_rows.SEVERAL_IMAGES, openai(asked="<image><image>?", images=["a.png", "b.png"])),
    (chat_rows.SEVERAL_IMAGES, openai(asked="?", images=["a.png", "a.png"])),
    (chat_rows.NO_ANSWER, {"messages": [{"role": "user", "content": "?"}]}),
    (chat_rows.NO_ANSWER, {"messages": []}),
    (chat_rows.NO_ANSWER, {"messages": None, "images": ["a.png"]}),
    (chat_rows.SEVERAL_ANSWERS, {"messages": openai()["messages"] * 2, "images": ["a.png"]}),
    (chat_rows.SEVERAL_ANSWERS, {"query": "?", "response": "x", "history": [["?", "y"]], "images": ["a.png"]}),
    (chat_rows.ODD_TURNS, {"messages": openai()["messages"][::-1], "images": ["a.png"]}),
    (chat_rows.ODD_TURNS, {"messages": [{"role": "user", "content": "?"}, *openai()["messages"]], "image": "a.png"}),
    (chat_rows.ODD_ROLE, {"messages": [{"role": "tool", "content": "x"}, *openai()["messages"]], "image": "a.png"}),
    (chat_rows.ODD_ROLE, {"messages": [{"content": "x"}]}),
    (chat_rows.ODD_ROLE, {"messages": [{"role": ["user"], "content": "x"}]}),
    (chat_rows.NO_TURNS, {"messages": "x"}),
    (chat_rows.NO_TURNS, {"messages": [["user", "x"]]}),
    (chat_rows.NO_TURNS, {"messages": {"role": "user"}}),
    (chat_rows.ODD_PART, openai(asked=[{"type": "video", "video": "a.mp4"}])),
    (chat_rows.ODD_PART, openai(asked=[[{"type": "image"}]])),
    (chat_rows.ODD_PART, openai([{"type": "image", "image": "a.png"}])),
    (chat_rows.SEVERAL_PARTS, openai([{"type": "text", "text": "x"}, {"type": "text", "text": "y"}], image="a.png")),
    (IMAGE_NOT_PATH, openai(images=[["a.png"]])),
    (IMAGE_NOT_PATH, openai(image=5)),
    (IMAGE_NOT_PATH, openai(image=True)),
    (IMAGE_NOT_PATH, openai(image={"bytes": True})),
    (IMAGE_NOT_PATH, openai(image={"bytes": "iVBORw0KGgo="})),
    (model.NO_LABEL, openai(None, image="a.png")),
    (model.NO_LABEL, openai([], image="a.png")),
    (model.NO_LABEL, openai([{"type": "text", "text": None}], image="a.png")),
    (model.NO_LABEL, {"messages": [{"role": "user", "content": "?"}, {"role": "assistant"}], "image": "a.png"}),
    (NOT_TEXT, openai(5, image="a.png")),
    (NOT_UNICODE, openai("x\ud800", image="a.png")),
    (NOT_UNICODE, openai(image="\udfff.png")),
    (model.NUL_BYTE, openai("x\0", image="a.png")),
    ("not a JSON object", ["x"]),
]


def misfit_records() -> list[Any]:
    """Good records, as many of every rejected kind, then an empty answer, no image, and an image that is missing."""
    good = openai(images=["a.png"])
    more = [openai("", image="a.png"), openai(asked="?"), openai(image="b.png")]
    return [good] * len(MISFITS) + [record for _, record in MISFITS] + more
