"""Pages: boxes from wrong answers, crops, and the command over HTTP with a server that locates formulas."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from chat_server import MODEL, ChatServer, completion, picture_of
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from curate.base.errors import UserError
from curate.base.terminal import run
from curate.predictions.rows import read_predictions
from finetune.cli.main import main_group
from finetune.data.pairs import read_pairs
from finetune.models.families import coordinates_of
from finetune.predict.boxes import MOST_BOXES, boxes_in, in_pixels, seen_sizes
from finetune.predict.engines import Answer, Asking, Unopenable, opened
from finetune.predict.job import predict_file
from finetune.predict.locate import PROMPT, predict_pages
from finetune.predict.questions import Questions

NUMBERS = st.floats() | st.integers(-(10**30), 10**30)


@pytest.mark.parametrize(
    ("answer", "boxes", "left_out"),
    [
        ('```json\n[{"bbox_2d": [1, 2, 30, 40], "label": "formula"}]\n```', [(1, 2, 30, 40)], {}),
        ('{"bbox_2d": [1, 2, 30, 40]} and {"box": [5.5, 6, 7, 8]}', [(1, 2, 30, 40), (5.5, 6, 7, 8)], {}),
        ("<|box_start|>(12,34),(56,78)<|box_end|>", [(12, 34, 56, 78)], {}),
        ("[[1, 2, 3, 4], [5, 6, 7, 8]]", [(1, 2, 3, 4), (5, 6, 7, 8)], {}),
        ("[30, 2, 1, 40]", [], {"corners in the wrong order": 1}),
        ("[1, 2, NaN, 40] [1, 2, Infinity, 4]", [], {"not four numbers": 2}),
        ('["a", "b", "c", "d"]', [], {"not four numbers": 1}),
        ("[1, 2, 3, 4] [1, 2, 3, 4]", [(1, 2, 3, 4)], {"repeated in one answer": 1}),
        ("[1, 2, 3] no formula here, x[1]", [], {}),
        ("", [], {}),
    ],
)
def test_boxes_in_an_answer(answer: str, boxes: list, left_out: dict) -> None:
    assert boxes_in(answer) == (boxes, left_out)


def test_hundreds_of_boxes_are_cut() -> None:
    boxes, left_out = boxes_in(json.dumps([{"bbox_2d": [n, 0, n + 10, 9]} for n in range(500)]))
    assert len(boxes) == MOST_BOXES
    assert left_out == {"more than 100 in one answer": 400}


@given(st.lists(st.lists(NUMBERS, min_size=4, max_size=4), max_size=8), st.integers(1, 3000), st.integers(1, 3000))
def test_what_is_kept_lies_in_the_image_and_the_rest_is_counted(written: list, wide: int, high: int) -> None:
    found, bad = boxes_in(json.dumps(written))
    kept, outside = in_pixels(found, "thousandths", (wide, high), (28, 28))
    assert len(kept) + (bad + outside).total() == len(written)
    assert all(0 <= left < right <= wide and 0 <= top < bottom <= high for left, top, right, bottom in kept)


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("unsloth/Qwen2.5-VL-3B-Instruct-unsloth-bnb-4bit", "pixels"),
        ("Qwen/Qwen2-VL-2B-Instruct", "thousandths"),
        ("Qwen/Qwen3-VL-4B-Instruct", "thousandths"),
    ],
)
def test_coordinates_go_by_the_model(name: str, wanted: str) -> None:
    assert coordinates_of(name) == wanted


def test_pixels_are_those_that_the_model_sees() -> None:
    """The model sees a page of 1654 × 2339 at about a fifth of its pixels, but the middle stays the middle."""
    size = (1654, 2339)
    (seen,) = seen_sizes([size], "upscale")
    assert seen[0] % 28 == seen[1] % 28 == 0
    assert 0.9 * 1280 * 28 * 28 < math.prod(seen) <= 1280 * 28 * 28
    half = (0.0, 0.0, seen[0] / 2, seen[1] / 2)
    assert in_pixels([half], "pixels", size, seen)[0] == [(0, 0, 827, 1170)]
    assert in_pixels([(0, 0, 500, 500)], "thousandths", size, seen)[0] == [(0, 0, 827, 1170)]
    assert in_pixels([(1200, 0, 1300, 50), (0, 0, 0.5, 50)], "thousandths", size, seen)[1] == {
        "outside the image": 1,
        "less than 3 pixels wide or high": 1,
    }


def pages(folder: Path) -> Path:
    """Three pages. Each formula is a patch of one colour, which says what it reads."""
    folder.mkdir()
    lines = []
    for page, patches in enumerate(([(1, (100, 50, 180, 90))], [(2, (10, 10, 60, 60)), (3, (200, 300, 390, 390))], [])):
        image = Image.new("RGB", (400, 400), (250, page, 0))
        for number, box in patches:
            image.paste((number, 0, 0), box)
        image.save(folder / f"{page}.png")
        gt = r" \\ ".join(f"x_{{{number}}}" for number, _ in patches) or "y"
        lines.append(json.dumps({"image": f"{page}.png", "label": gt, "id": f"p/test/{page}"}))
    (folder / "data.jsonl").write_text("\n".join(lines))
    return folder / "data.jsonl"


#: In thousandths of 400 pixels. Each list has one wrong box.
ANSWERS = (
    '[{"bbox_2d": [250, 125, 450, 225]}, {"bbox_2d": [2000, 0, 3000, 9]}]',
    '[{"bbox_2d": [25, 25, 150, 150]}, {"bbox_2d": [500, 750, 975, 975]}, {"bbox_2d": [9, 9, 1, 1]}]',
    "There is no formula.",
)


def read(image: Image.Image) -> str:
    """What the middle of the image says."""
    red, green, _ = image.convert("RGB").getpixel((image.width // 2, image.height // 2))
    return f"x_{{{red}}}" if red < 250 else f"page {green}"


class Reader:
    """Answers by what the picture holds. asked: the prompts."""

    base, max_pixels = "qwen3-vl", 1280 * 28 * 28

    def __init__(self) -> None:
        self.asked: list[tuple[str, str]] = []

    def identity(self) -> dict[str, Any]:
        return {"name": "reader"}

    def load(self, max_new_tokens: int) -> None:
        pass

    def ask(
        self, questions: Any, prompt: str, asking: Any, *, done: Any = (), note: Any = None, unopened: Any
    ) -> Iterator[list[Answer]]:
        for row in questions:
            if row.sample_id not in done:
                try:
                    image = opened(row)
                except Unopenable as error:
                    unopened(row.sample_id, error.why)
                    continue
                self.asked.append((prompt, row.sample_id))
                text = ANSWERS[image.getpixel((0, 0))[1]] if prompt == PROMPT else read(image)
                yield [Answer(row.sample_id, row.gt, text, row.image, 0.5, -0.25)]


def test_pages_are_read_part_by_part_and_go_on_where_they_were(tmp_path: Path) -> None:
    rows = read_pairs(str(pages(tmp_path / "data")), "test").rows
    reader, out = Reader(), tmp_path / "pred.jsonl"

    def predict() -> Any:
        return predict_pages(
            reader, Questions(rows, name_from=tmp_path), Questions(rows, resize="none"), {"path": "d"}, "Read.", out,
            Asking(), coordinates="thousandths", resize="upscale", max_pixels=reader.max_pixels,
        )  # fmt: skip

    found = predict()
    assert (found.pages, found.boxes, found.whole) == (3, 3, 1)
    assert found.left_out == {"outside the image": 1, "corners in the wrong order": 1}
    written = [json.loads(line) for line in out.read_text().splitlines()]
    assert [(row["pred"], row["boxes"], row["image"]) for row in written] == [
        ("x_{1}", [[100, 50, 180, 90]], "data/0.png"),
        (r"x_{2} \\ x_{3}", [[10, 10, 60, 60], [200, 300, 390, 390]], "data/1.png"),
        ("page 2", [], "data/2.png"),
    ]
    assert [row.gt == row.pred for row in read_predictions(out)] == [True, True, False]
    assert [row["seconds"] for row in written] == [0.5, 1.0, 0.5]
    before = len(reader.asked)
    lines = (tmp_path / "pred.crops.jsonl").read_text().splitlines(keepends=True)
    (tmp_path / "pred.crops.jsonl").write_text("".join(lines[:2]))  # as a killed command leaves it
    predict()
    assert reader.asked[before:] == [("Read.", "data/p/test/1#2"), ("Read.", "data/p/test/2#0")]


def test_other_predictions_and_facts_are_left_alone(tmp_path: Path) -> None:
    rows = read_pairs(str(pages(tmp_path / "data")), "test").rows
    reader, out, facts = Reader(), tmp_path / "pred.jsonl", tmp_path / "pred.jsonl.run.json"

    def refused(message: str) -> None:
        before = {path.name: path.read_bytes() for path in tmp_path.glob("pred*")}
        with pytest.raises(UserError, match=message):
            predict_pages(
                reader, Questions(rows), Questions(rows, resize="none"), {"path": "d"}, "Read.", out, Asking(),
                coordinates="thousandths", resize="upscale", max_pixels=reader.max_pixels,
            )  # fmt: skip
        assert {path.name: path.read_bytes() for path in tmp_path.glob("pred*")} == before
        assert not reader.asked

    facts.write_text('{"mine": 1}')
    refused(r"run\.json: already exists and doesn't look like")
    facts.unlink()
    predict_file(Reader(), Questions(rows), {"path": "d"}, "Read.", out, Asking())
    refused("is not a prediction of pages")


def test_a_page_that_cant_be_opened_costs_no_other(tmp_path: Path) -> None:
    data = pages(tmp_path / "data")
    whole = (data.parent / "1.png").read_bytes()
    (data.parent / "1.png").write_bytes(whole[:60])

    def predict() -> Any:
        rows = read_pairs(str(data), "test").rows
        return predict_pages(
            Reader(), Questions(rows), Questions(rows, resize="none"), {"path": "d"}, "Read.", tmp_path / "pred.jsonl",
            Asking(), coordinates="thousandths", resize="upscale", max_pixels=Reader.max_pixels,
        )  # fmt: skip

    found = predict()
    assert [row.pred for row in read_predictions(tmp_path / "pred.jsonl")] == ["x_{1}", "page 2"]
    assert (found.pages, list(found.read.unopened)) == (2, ["data/p/test/1"])
    (data.parent / "1.png").write_bytes(whole)
    with pytest.raises(UserError, match=r"other boxes than pred\.boxes\.jsonl has now\. Remove pred\.crops\.jsonl"):
        predict()
    (tmp_path / "pred.crops.jsonl").unlink()
    found = predict()
    assert (found.pages, found.read.unopened) == (3, {})
    assert len(read_predictions(tmp_path / "pred.jsonl")) == 3


def test_the_command_with_a_served_model(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    def answer(request: dict[str, Any]) -> dict[str, Any]:
        image, prompt = picture_of(request), request["messages"][0]["content"][1]["text"]
        return completion(ANSWERS[image.getpixel((0, 0))[1]] if prompt == PROMPT else read(image))

    out = tmp_path / "pred.jsonl"
    with ChatServer(answer=answer).running() as server:
        command = [
            "predict",
            MODEL,
            str(pages(tmp_path / "data")),
            "--locate",
            "--coordinates",
            "thousandths",
            "--server",
            server.url,
            "--out",
            str(out),
        ]
        assert run("finetune", main_group, command) == 0
    told = capsys.readouterr().out
    assert [row.pred for row in read_predictions(out)] == ["x_{1}", r"x_{2} \\ x_{3}", "page 2"]
    assert "located   3 formulas on 3 pages" in told
    assert "left out  1 box: outside the image" in told
    assert "left out  1 box: corners in the wrong order" in told
    assert "note      1 page without a usable box: read as a whole" in told
    assert run("finetune", main_group, ["evaluate", str(out), "--no-cdm"]) == 0
    assert "66.6667 %" in capsys.readouterr().out


def test_coordinates_without_locate_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    command = ["predict", "m", "d", "--out", str(tmp_path / "p"), "--coordinates", "pixels"]
    assert run("finetune", main_group, command) == 2
    assert "--coordinates needs --locate" in capsys.readouterr().err
