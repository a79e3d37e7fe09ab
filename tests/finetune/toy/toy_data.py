"""A toy data set for trainings: eight short formulas, drawn with Pillow, and samples that don't fit a model."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image, ImageDraw

LABELS = (
    r"\frac{a}{b}",
    r"x^{2} + y_{1}",
    r"\sqrt{c}",
    r"\int_0^1 \alpha",
    r"\sum \beta",
    "a = b",
    "z",
    r"x^{1} = \sqrt{y_{2}}",
)
#: The first sample of every split has this size: a wide formula.
WIDE = (1600, 64)
#: The samples that don't fit, by the end of their id, and why.
UNFIT = {"broken": "unreadable", "absent": "no-image", "empty": "no-answer", "endless": "too-long"}


def make_toy_data(folder: Path, *, train: int = 16, validation: int = 8) -> Path:
    """Write pictures and a file of messages into `folder`; return the file. Splits: train (with UNFIT), validation."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    rows = []
    for split, number in (("train", train), ("validation", validation)):
        for place in range(number):
            label = LABELS[place % len(LABELS)]
            size = WIDE if place == 0 else (20, 20) if label == "z" else (9 * len(label) + 10, 32)
            rows.append(_row(split, str(place), label, _draw(folder, f"{split}-{place}", label, size)))
    (folder / "images" / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\n and no more")
    fine = _draw(folder, "fine", "x", (64, 32))
    rows += [
        _row("train", "broken", "x", "images/broken.png"),
        _row("train", "absent", "x", None),
        _row("train", "empty", "  ", fine),
        _row("train", "endless", "x + " * 2000, fine),
    ]
    file = folder / "data.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


def make_questions(folder: Path) -> Path:
    """Write three pictures, a file of rows, and p.yaml with two prompts into `folder`; return the file of rows."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = []
    for n, label in enumerate(("x ^ { 2 }", r"\frac { a } { b }", "a + b")):
        Image.new("RGB", (84 + 28 * n, 56), "white").save(folder / f"{n}.png")
        rows.append({"id": f"s/test/{n}", "image": f"{n}.png", "label": label})
    (folder / "data.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    (folder / "p.yaml").write_text("plain: LaTeX?\npage: QwenVL HTML\n", encoding="utf-8")
    return folder / "data.jsonl"


def _draw(folder: Path, name: str, label: str, size: tuple[int, int]) -> str:
    image = Image.new("RGB", size, "white")
    ImageDraw.Draw(image).text((4, 8), label, fill="black")
    image.save(folder / "images" / f"{name}.png")
    return f"images/{name}.png"


def _row(split: str, name: str, label: str, image: str | None) -> dict[str, object]:
    return {
        "sample_id": f"toy/{split}/{name}",
        "split": split,
        "images": [] if image is None else [image],
        "messages": [
            {"role": "user", "content": "?" if image is None else "<image>?"},
            {"role": "assistant", "content": label},
        ],
    }
