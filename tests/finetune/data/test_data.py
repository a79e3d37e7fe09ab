"""Pairs to train on: from every format of `curate export`, from files of messages, with images that stay unread."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from PIL import Image
from toy_data import WIDE, make_toy_data

from curate.base.errors import UserError
from curate.export.registry import FORMATS
from curate.export.write.pictures import PictureFile
from curate.export.write.shards import Row, by_split, cut
from finetune.data.pairs import COLUMNS, load_pairs, picture


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What `datasets` makes of a folder is not kept for the next run of the tests."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def _png(folder: Path) -> bytes:
    file = folder / "one.png"
    Image.new("RGB", (64, 32), "white").save(file)
    return file.read_bytes()


def _export(folder: Path, form: str) -> Path:
    """A folder as `curate export --format` writes one, of two splits, without the card."""
    out = folder / form
    out.mkdir()
    plan = pl.DataFrame(
        {
            "split": ["train"] * 3 + ["validation"],
            "run": 0,
            "row": [0, 1, 2, 0],
            "has_image": True,
            "width": 64,
            "height": 32,
        }
    )
    shards = by_split(cut(plan, ["train", "validation"]))
    for split, (shard,) in shards.items():
        writer = FORMATS[form].open(out, shard, "Read it.")
        for place in range(shard.height):
            name = f"s/{split}/{place}"
            row = Row(0, place, name, "s", f"x^{place}", 0.5, folder, f"{place}.png", None)
            writer.add(row, PictureFile(_png(folder), "png"))
        writer.close()
    FORMATS[form].finish(out, shards, "toy")
    return out


@pytest.mark.parametrize("form", ["hf", "messages", "sharegpt"])
def test_every_format_of_the_export_is_read(tmp_path: Path, form: str) -> None:
    rows = load_pairs(str(_export(tmp_path, form)), "train")
    assert tuple(rows.column_names) == COLUMNS
    assert rows["label"][:] == ["x^0", "x^1", "x^2"]
    assert rows["sample_id"][:] == ["s/train/0", "s/train/1", "s/train/2"]
    assert rows["source"][:] == ["s"] * 3
    assert rows[0]["image"].size == (64, 32)


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no split 'trian'; there are \['train', 'validation'\]"):
        load_pairs(str(_export(tmp_path, "hf")), "trian")


def test_messages_without_a_label_column_give_the_answer(tmp_path: Path) -> None:
    import datasets

    folder = _export(tmp_path, "messages")
    rows = datasets.load_dataset(str(folder), split="train").select_columns(["image", "messages"])
    (tmp_path / "bare").mkdir()
    rows.to_parquet(str(tmp_path / "bare" / "train-00000-of-00001.parquet"))
    pairs = load_pairs(str(tmp_path / "bare"), "train")
    assert pairs["label"][:] == ["x^0", "x^1", "x^2"]
    assert pairs["sample_id"][:] == ["bare/train/0", "bare/train/1", "bare/train/2"]


def test_a_file_of_messages(tmp_path: Path) -> None:
    file = make_toy_data(tmp_path)
    rows = load_pairs(str(file), "train")
    assert len(rows) == 20
    assert rows[0]["image"].size == WIDE
    assert len(load_pairs(str(file), "validation")) == 8
    with pytest.raises(UserError, match="no rows of the split 'test'; there are train, validation"):
        load_pairs(str(file), "test")


def test_images_stay_unread(tmp_path: Path) -> None:
    """A file that isn't there is no error until its row is asked for: nothing was opened."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"image": "not-there.png", "label": "x"}\n')
    rows = load_pairs(str(file), "train")
    assert rows["label"][:] == ["x"]
    with pytest.raises(FileNotFoundError):
        rows[0]


SPELLINGS: list[dict[str, Any]] = [
    {"messages": [{"role": "user", "content": "<image>?"}, {"role": "assistant", "content": "x"}], "images": ["a.png"]},
    {"conversations": [{"from": "human", "value": "<image>?"}, {"from": "gpt", "value": "x"}], "image": "a.png"},
    {"label": "x", "file_name": "a.png"},
    {
        "messages": [
            {"role": "user", "content": [{"type": "image", "image": "a.png"}, {"type": "text", "text": "?"}]},
            {"role": "assistant", "content": [{"type": "text", "text": "x"}]},
        ]
    },
    {
        "messages": [
            {"role": "user", "content": [{"type": "image_url", "image_url": {"url": "file://a.png"}}]},
            {"role": "assistant", "content": "x"},
        ]
    },
]


@pytest.mark.parametrize("row", SPELLINGS)
def test_spellings_of_messages(tmp_path: Path, row: dict[str, Any]) -> None:
    _png(tmp_path)
    (tmp_path / "one.png").rename(tmp_path / "a.png")
    (tmp_path / "a.jsonl").write_text(json.dumps(row))
    pairs = load_pairs(str(tmp_path / "a.jsonl"), "train")
    assert pairs["label"][:] == ["x"]
    assert pairs[0]["image"].size == (64, 32)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{", "line 2 is no JSON"),
        ("[]", "line 2 is no JSON object"),
        ('{"image": "a.png"}', "line 2: has no answer of an assistant"),
        ('{"image": "a.png", "label": 5}', "line 2: its label is no text"),
        ('{"image": "a.png", "label": "x\\ud800"}', "line 2: its label holds half a surrogate pair"),
        ('{"image": "\\udfff.png", "label": "x"}', "line 2: its image holds half a surrogate pair"),
        ('{"images": ["a", "b"], "label": "x"}', "line 2: has 2 images"),
        ('{"image": "https://x/a.png", "label": "x"}', "line 2: the image is no file"),
        ('{"messages": [{"role": "assistant", "content": [{"type": "image"}]}]}', "line 2: the assistant's answer"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: str, said: str) -> None:
    (tmp_path / "a.jsonl").write_text(f'{{"image": "a.png", "label": "x"}}\n{line}\n')
    with pytest.raises(UserError) as caught:
        load_pairs(str(tmp_path / "a.jsonl"), "train")
    assert said in str(caught.value)


@pytest.mark.parametrize("where", ["nowhere", "./nowhere", "a/b/c"])
def test_what_is_not_there_is_said_without_asking_the_web(where: str) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        load_pairs(where, "train")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").touch()
    with pytest.raises(UserError, match="no file of messages"):
        load_pairs(str(tmp_path / "a.parquet"), "train")


def test_a_picture_is_rgb_on_white_and_large_enough() -> None:
    image = Image.new("RGBA", (10, 20), (0, 0, 0, 0))
    made = picture(image)
    assert made.mode == "RGB"
    assert min(made.size) == 28
    assert made.getpixel((5, 5)) == (255, 255, 255)
