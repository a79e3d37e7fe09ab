"""Conversations: how they are written, which parts aren't samples, and that a new answer changes nothing else."""

from __future__ import annotations

import base64
import gzip
import io
import json
from pathlib import Path
from random import Random
from time import process_time
from typing import Any

import pytest
from conversations import ANSWER, ASKED, MISFITS, misfit_records, openai
from PIL import Image
from source_makers import ids, image, images, labels, read, write

from curate.base.errors import UserError
from curate.fix.files import rewrite
from curate.images.errors import ImageError
from curate.images.opening import open_image
from curate.sources import chat_rows

#: One sample, as different programs write it.
SPELLINGS: dict[str, dict[str, Any]] = {
    "openai, image beside": openai(images=["a.png"]),
    "one image, no list": openai(image="a.png"),
    "no mark": openai(asked=ASKED, images=["a.png"]),
    "datasets' image": openai(images=[{"bytes": None, "path": "a.png"}]),
    "trl, image inside": openai(
        [{"type": "text", "text": ANSWER}],
        [{"type": "image", "image": "a.png"}, {"type": "text", "text": ASKED}],
    ),
    "trl, image inside and beside": openai(
        [{"type": "text", "text": ANSWER}], [{"type": "image"}, {"type": "text", "text": ASKED}], images=["a.png"]
    ),
    "image_url": openai(
        asked=[{"type": "text", "text": ASKED}, {"type": "image_url", "image_url": {"url": "file://a.png"}}]
    ),
    "image_url is a text": openai(asked=[{"type": "image_url", "image_url": "a.png"}, {"type": "text", "text": ASKED}]),
    "system": {
        "messages": [
            {"role": "system", "content": "You read formulas."},
            {"role": "user", "content": f"<image>\n{ASKED}"},
            {"role": "assistant", "content": ANSWER},
        ],
        "images": "a.png",
    },
    "llava": {
        "id": "7",
        "image": "a.png",
        "conversations": [{"from": "human", "value": f"<image>\n{ASKED}"}, {"from": "gpt", "value": ANSWER}],
    },
    "qwen-vl": {
        "conversations": [
            {"from": "user", "value": f"Picture 1: <img>a.png</img>\n{ASKED}"},
            {"from": "assistant", "value": ANSWER},
        ]
    },
    "ms-swift": {"query": f"<image>{ASKED}", "response": ANSWER, "images": ["a.png"], "history": []},
    "ms-swift, both in a turn": {"conversation": [{"human": ASKED, "assistant": ANSWER}], "images": ["a.png"]},
    "the cauldron": {"images": ["a.png"], "texts": [{"user": ASKED, "assistant": ANSWER, "source": "x"}]},
    "datasets 3": {"conversations": {"from": ["human", "gpt"], "value": [ASKED, ANSWER]}, "image": "a.png"},
    "alpaca": {"instruction": ASKED, "input": "<image>", "output": ANSWER, "images": ["a.png"]},
    "trl, prompt and completion": {
        "prompt": [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": ASKED}]}],
        "completion": [{"role": "assistant", "content": ANSWER}],
        "image": "a.png",
    },
}


def _lines(folder: Path, *records: Any) -> Path:
    image(folder / "a.png")
    return write(folder / "set.jsonl", "".join(f"{json.dumps(record)}\n" for record in records))


@pytest.mark.parametrize("record", SPELLINGS.values(), ids=SPELLINGS)
@pytest.mark.parametrize("form", ["lines", "array", "indented", "permuted"])
def test_a_sample_is_read_however_it_is_spelled(form: str, record: dict[str, Any], tmp_path: Path) -> None:
    image(tmp_path / "a.png")
    shuffled = _shuffled(record, Random(1)) if form == "permuted" else record
    text = {"lines": json.dumps(record), "array": json.dumps([record]), "indented": json.dumps([record], indent=2)}
    path = write(tmp_path / "set.json", text.get(form) or json.dumps(shuffled))
    source = read(path)
    assert source.format == "chat"
    assert labels(source) == [ANSWER]
    assert [name and name.removeprefix("file:/") for name in images(source)] == ["a.png"]
    assert ASKED in source.frame["question"][0]
    assert source.frame.columns[5:] == ["question", "system"] if "system" in json.dumps(record) else ["question"]
    # A new answer changes only the bytes of the answer.
    new = r'\text{"ä"}'
    changed = source.places.with_columns(label=source.frame["label"], fixed=_series([new]))
    files, _ = rewrite(source, changed, {})
    before = path.read_text()
    assert files["set.json"].result() == before.replace(json.dumps(ANSWER), json.dumps(new))  # type: ignore[attr-defined]


def _series(values: list[str]) -> Any:
    import polars as pl

    return pl.Series(values)


def _shuffled(value: Any, dice: Random) -> Any:
    """The same JSON value with the keys of every object in another order."""
    if isinstance(value, list):
        return [_shuffled(item, dice) for item in value]
    if not isinstance(value, dict):
        return value
    keys = list(value)
    dice.shuffle(keys)
    return {key: _shuffled(value[key], dice) for key in keys}


def test_the_answer_stays_as_it_stands(tmp_path: Path) -> None:
    odd = ["```latex\n$x$\n```", " $$y$$ ", "\t", "", "a\r\nb", "<image>"]
    path = _lines(tmp_path, *(openai(answer, images=["a.png"]) for answer in odd))
    assert labels(read(path)) == odd


def test_what_is_no_sample_is_counted_under_its_reason(tmp_path: Path) -> None:
    source = read(_lines(tmp_path, *misfit_records()))
    size = len(MISFITS)
    assert source.format == "chat"
    assert [(row.line, row.reason) for row in source.unreadable.rows] == [
        (size + at, reason) for at, (reason, _) in enumerate(MISFITS, 1)
    ]
    assert source.frame.height == size + 3
    assert images(source)[-3:] == ["a.png", None, "b.png"]
    assert labels(source)[-3:] == ["", ANSWER, ANSWER]


_JUNK: list[Any] = [None, True, 0, 1.5, "", "x", "<image>", "a.png", "data:x", "https://x/y.png", [], {}, [[]], [{}]]
_JUNK += [{"a": 1}, [None], "\ud800", "\0", "assistant", {"bytes": None, "path": None}, 10**30, "/etc/passwd", "..\\b"]


def _mutated(value: Any, dice: Random) -> Any:
    """A JSON value with a part replaced by junk, removed or duplicated."""
    value = json.loads(json.dumps(value))
    if not value:
        return value
    holders = [value]
    for held in holders:
        inner = held.values() if isinstance(held, dict) else held
        holders += [item for item in inner if isinstance(item, dict | list) and item]
    held = dice.choice(holders)
    key: Any = dice.choice(list(held) if isinstance(held, dict) else range(len(held)))
    kind = dice.random()
    if kind < 0.7:
        held[key] = json.loads(json.dumps(dice.choice(_JUNK)))
    elif kind < 0.85:
        del held[key]
    elif isinstance(held, list):
        held.append(held[key])
    else:
        held[dice.choice(["text", "image", "role", "content", "split", "line", "sample_id", "question"])] = held[key]
    return value


def test_of_any_file_every_label_can_be_written_back(tmp_path: Path) -> None:
    dice = Random(3)
    image(tmp_path / "a.png")
    image(tmp_path / "out" / "a.png")
    records = list(SPELLINGS.values())
    for n in range(25):
        rows = [_mutated(_mutated(record, dice), dice) for record in records * 2] + records[:1]
        path = _lines(tmp_path, *rows) if n % 2 else write(tmp_path / "set.jsonl", json.dumps(rows))
        source = read(f"chat:{path}")
        new = [f"y^{at}" for at in range(source.frame.height)]
        changed = source.places.with_columns(label=source.frame["label"], fixed=_series(new))
        files, _ = rewrite(source, changed, {})
        files["set.jsonl"].write_as(tmp_path / "out" / "set.jsonl", compressed=False)
        again = read(f"chat:{tmp_path / 'out' / 'set.jsonl'}")
        assert labels(again) == new
        assert again.unreadable.rows == source.unreadable.rows


def test_images_on_the_web_are_no_file_and_a_note_says_so(tmp_path: Path) -> None:
    path = _lines(tmp_path, openai(image="https://x.org/b.png"), openai(image="a.png"))
    source = read(path)
    assert source.notes == {chat_rows.WEB_IMAGE: 1}
    assert labels(source) == [ANSWER] * 2


def test_a_named_image_column_is_the_image(tmp_path: Path) -> None:
    path = _lines(tmp_path, openai(photo="a.png", image="b.png", key="k"))
    source = read(path, columns={"image": "photo", "id": "key"})
    assert images(source) == ["a.png"]
    assert ids(source) == ["set/k"]


def test_other_fields_stay_columns(tmp_path: Path) -> None:
    path = _lines(tmp_path, openai(image="a.png", writer="w", n=3, system=None, meta={"a": 1}, label=True))
    source = read(path)
    assert source.frame.select("writer", "n", "meta").row(0) == ("w", 3, '{"a": 1}')
    assert source.frame["source_label"].to_list() == [True]


def test_a_label_beside_the_conversation_is_the_label(tmp_path: Path) -> None:
    source = read(_lines(tmp_path, openai("y", image="a.png", label="x")))
    assert (source.format, labels(source)) == ("jsonl", ["x"])
    path = _lines(tmp_path, *[openai("y", image="a.png")] * 2, {"image": "a.png", "label": "x"})
    assert labels(read(path)) == ["y", "y", "x"]
    assert labels(read(f"jsonl:{path}")) == ["y", "y", "x"]


def test_an_image_folder_may_hold_conversations(tmp_path: Path) -> None:
    image(tmp_path / "train" / "img" / "a.png")
    record = openai(file_name="img/a.png")
    write(tmp_path / "train" / "metadata.jsonl", json.dumps(record))
    source = read(tmp_path)
    assert (source.format, labels(source), images(source)) == ("imagefolder", [ANSWER], ["train/img/a.png"])


# LLaMA-Factory --------------------------------------------------------------------------------------------------------


def _factory(folder: Path, info: dict[str, Any]) -> Path:
    image(folder / "images" / "a.png")
    write(folder / "dataset_info.json", json.dumps(info))
    return folder


TAGS = {"role_tag": "wer", "content_tag": "was", "user_tag": "ich", "assistant_tag": "du", "system_tag": "amt"}


def test_a_folder_with_dataset_info_is_read_as_it_says(tmp_path: Path) -> None:
    info = {
        "alpaca": {"file_name": "alpaca.json", "columns": {"prompt": "ask", "response": "say", "images": "pics"}},
        "own_train": {
            "file_name": "own.jsonl",
            "formatting": "sharegpt",
            "columns": {"messages": "talk", "images": "pics"},
            "tags": TAGS,
        },
        "hub": {"hf_hub_url": "org/name"},
        "gone": {"file_name": "gone.json"},
        "better": {"file_name": "better.json", "ranking": True},
        "again": {"file_name": "alpaca.json"},
        "table": {"file_name": "table.csv"},
    }
    folder = _factory(tmp_path / "data", info)
    write(
        folder / "alpaca.json", json.dumps([{"ask": "<image>?", "say": "x", "pics": ["images/a.png"], "output": "n"}])
    )
    turns = [{"wer": "amt", "was": "s"}, {"wer": "ich", "was": "<image>?"}, {"wer": "du", "was": "y"}]
    write(folder / "own.jsonl", json.dumps({"talk": turns, "pics": ["images/a.png"]}))
    write(folder / "not-named.jsonl", json.dumps({"label": "no", "image": "images/a.png"}))
    write(folder / "better.json", "[]")
    write(folder / "table.csv", "a,b\n")
    source = read(folder)
    assert source.format == "chat"
    assert ids(source) == ["data/alpaca/images/a.png", "data/train/images/a.png"]
    assert labels(source) == ["x", "y"]
    assert images(source) == ["images/a.png"] * 2
    assert source.frame["output"].to_list() == ["n", None]
    assert sorted(number for note, number in source.notes.items() if "dataset_info" in note) == [1] * 5
    assert labels(read(folder / "own.jsonl")) == ["y"]
    changed = source.places.with_columns(label=source.frame["label"], fixed=_series(["u", "v"]))
    files, _ = rewrite(source, changed, {})
    assert set(files) == {"alpaca.json", "own.jsonl", "dataset_info.json"}
    assert '"was": "v"' in files["own.jsonl"].result()  # type: ignore[attr-defined]


def test_two_data_sets_of_one_split_keep_their_names(tmp_path: Path) -> None:
    info = {name: {"file_name": f"{name}.json", "formatting": "sharegpt"} for name in ("a_train", "b_train", "c_test")}
    folder = _factory(tmp_path / "data", info)
    for name in info:
        write(folder / f"{name}.json", json.dumps([SPELLINGS["llava"]]))
    assert [name.split("/")[1] for name in ids(read(folder))] == ["a_train", "b_train", "test"]


def test_a_dataset_info_that_names_nothing_here_is_told_of(tmp_path: Path) -> None:
    folder = _factory(tmp_path, {"a": {"hf_hub_url": "x/y"}})
    with pytest.raises(UserError, match="names no file that exists here"):
        read(f"chat:{folder}")
    _factory(tmp_path, {"a": {"file_name": "../a.json"}})
    with pytest.raises(UserError, match="names a file outside this folder"):
        read(f"chat:{folder}")


# Tables ---------------------------------------------------------------------------------------------------------------


def _datasets(inside: bool) -> Any:
    import datasets

    picture = Image.new("L", (30, 20), 255)
    if inside:
        rows = [
            openai(
                [{"type": "text", "text": f"x^{n}"}],
                [{"type": "image", "image": picture, "text": None}, {"type": "text", "text": "?"}],
                id=str(n),
            )
            for n in range(3)
        ]
        return datasets.Dataset.from_list(rows)
    rows = [openai(f"x^{n}", "<image>?", images=[picture], id=str(n)) for n in range(3)]
    features = datasets.Features(
        {
            "messages": datasets.List({"role": datasets.Value("string"), "content": datasets.Value("string")}),
            "images": datasets.List(datasets.Image()),
            "id": datasets.Value("string"),
        }
    )
    return datasets.Dataset.from_list(rows, features=features)


@pytest.mark.parametrize("inside", [True, False])
@pytest.mark.parametrize("form", ["parquet", "disk", "splits"])
def test_conversations_in_tables(form: str, inside: bool, tmp_path: Path) -> None:
    import datasets

    made = _datasets(inside)
    path = tmp_path / ("set.parquet" if form == "parquet" else "set")
    if form == "parquet":
        made.to_parquet(str(path))
    elif form == "disk":
        made.save_to_disk(str(path))
    else:
        datasets.DatasetDict(train=made, test=made).save_to_disk(str(path))
    source = read(path)
    size = 6 if form == "splits" else 3
    assert labels(source) == ["x^0", "x^1", "x^2"] * (size // 3)
    assert source.frame["question"][0].endswith("?")
    assert [open_image(source.root, name or "").size for name in images(source)] == [(30, 20)] * size
    assert read(path, limit=2).rows == 2
    # With new answers, everything else in the table is unchanged.
    changed = source.places.with_columns(label=source.frame["label"], fixed=_series([f"y{n}" for n in range(size)]))
    files, _ = rewrite(source, changed, {})
    out = tmp_path / "out"
    for name, file in files.items():
        (out / name).parent.mkdir(parents=True, exist_ok=True)
        file.write_as(out / name, compressed=False)
    again = read(out if path.is_dir() else out / path.name)
    assert labels(again) == [f"y{n}" for n in range(size)]
    assert images(again) == images(source)
    assert [open_image(again.root, name or "").tobytes() for name in images(again)] == [b"\xff" * 600] * size


def test_paths_in_a_table_are_found(tmp_path: Path) -> None:
    import polars as pl

    image(tmp_path / "img" / "a.png")
    pl.DataFrame([openai(images=["img/a.png"]), openai("y", "?", images=[])]).write_parquet(tmp_path / "set.parquet")
    source = read(tmp_path / "set.parquet")
    assert images(source) == ["img/a.png", None]


def test_a_hundred_thousand_conversations_take_seconds(tmp_path: Path) -> None:
    record = json.dumps(openai(images=["a.png"]))
    path = write(tmp_path / "set.json", f"[{', '.join([record] * 100_000)}]")
    image(tmp_path / "a.png")
    start = process_time()
    source = read(path)
    took = process_time() - start
    assert source.frame.height == 100_000
    assert took < 12


def _base64(width: int) -> str:
    buffer = io.BytesIO()
    Image.new("L", (width, 20), 255).save(buffer, format="PNG")
    return f"data:image/png;base64,{base64.b64encode(buffer.getvalue()).decode()}"


@pytest.mark.parametrize("form", ["lines", "bom", "array", "indented", "parquet"])
def test_images_as_base64_text_are_read_where_they_are(form: str, tmp_path: Path) -> None:
    import polars as pl

    parts = [
        [{"type": "image_url", "image_url": {"url": _base64(30 + n)}}, {"type": "text", "text": "ä?"}] for n in range(3)
    ]
    records = [openai(f"x^{n}", parts[n]) for n in range(3)]
    path = tmp_path / {"parquet": "set.parquet", "array": "set.json", "indented": "set.json"}.get(form, "set.jsonl")
    if form == "parquet":
        pl.DataFrame([openai(f"x^{n}", images=[_base64(30 + n)]) for n in range(3)]).write_parquet(path)
    elif form in ("array", "indented"):
        write(path, json.dumps(records, indent=1 if form == "indented" else None, ensure_ascii=False))
    else:
        lines = "\n".join(json.dumps(record, ensure_ascii=False) for record in records)
        write(path, ("\ufeff" if form == "bom" else "") + lines)
    source = read(path)
    assert labels(source) == ["x^0", "x^1", "x^2"]
    assert [open_image(source.root, name or "").size for name in images(source)] == [(30, 20), (31, 20), (32, 20)]
    assert "stored_image" not in source.frame.columns
    assert pl.DataFrame({"image": images(source)}).n_unique() == 3


def test_base64_text_that_is_no_image_is_a_finding_of_its_sample(tmp_path: Path) -> None:
    odd = ["data:image/png;base64,AAA", "data:image/png;base64,!!!!", "data:image/svg+xml,<svg/>", "data:,", "data:"]
    source = read(_lines(tmp_path, *(openai(image=text) for text in odd)))
    assert source.frame.height == len(odd)
    for name in images(source):
        with pytest.raises(ImageError):
            open_image(source.root, name or "")


def test_base64_text_in_a_packed_file_is_counted(tmp_path: Path) -> None:
    text = json.dumps(openai(image=_base64(30))) + "\n" + json.dumps(openai(image="a.png"))
    path = write(tmp_path / "set.jsonl.gz", gzip.compress(text.encode()))
    assert read(path).unreadable.by_reason == {chat_rows.PACKED_IMAGE: 1}
