"""Training pairs from every format of `curate export` and from files of messages. Images stay unread."""

from __future__ import annotations

import base64
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
from curate.sources import lines
from finetune.data.pairs import COLUMNS, picture, read_pairs


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep what `datasets` makes of a folder out of the next test run."""
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "cache")


def _png(folder: Path) -> bytes:
    file = folder / "one.png"
    Image.new("RGB", (64, 32), "white").save(file)
    return file.read_bytes()


def _export(folder: Path, form: str) -> Path:
    """A folder of two splits, as `curate export --format` writes it, without the card."""
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
    rows = read_pairs(str(_export(tmp_path, form)), "train").rows
    assert tuple(rows.column_names) == COLUMNS
    assert rows["label"][:] == ["x^0", "x^1", "x^2"]
    assert rows["sample_id"][:] == ["s/train/0", "s/train/1", "s/train/2"]
    assert rows["source"][:] == ["s"] * 3
    assert rows[0]["image"].size == (64, 32)


def test_a_split_that_is_not_there_names_those_that_are(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"has no split 'trian'; there are \['train', 'validation'\]"):
        read_pairs(str(_export(tmp_path, "hf")), "trian")


def test_messages_without_a_label_column_give_the_answer(tmp_path: Path) -> None:
    import datasets

    folder = _export(tmp_path, "messages")
    rows = datasets.load_dataset(str(folder), split="train").select_columns(["images", "messages"])
    (tmp_path / "bare").mkdir()
    rows.to_parquet(str(tmp_path / "bare" / "train-00000-of-00001.parquet"))
    pairs = read_pairs(str(tmp_path / "bare"), "train").rows
    assert pairs["label"][:] == ["x^0", "x^1", "x^2"]
    assert len(set(pairs["sample_id"][:])) == 3


def test_a_file_of_messages(tmp_path: Path) -> None:
    file = make_toy_data(tmp_path)
    rows = read_pairs(str(file), "train").rows
    assert len(rows) == 20
    assert rows[0]["image"].size == WIDE
    assert len(read_pairs(str(file), "validation").rows) == 8
    with pytest.raises(UserError, match=r"no split 'test'; there are \['train', 'validation'\]"):
        read_pairs(str(file), "test")


def test_images_stay_unread(tmp_path: Path) -> None:
    """A missing file is no error until its row is asked for, so nothing was opened."""
    file = tmp_path / "a.jsonl"
    file.write_text('{"image": "not-there.png", "label": "x"}\n')
    rows = read_pairs(str(file), "train").rows
    assert rows["label"][:] == ["x"]
    with pytest.raises(FileNotFoundError):
        rows[0]


def test_a_row_that_is_no_pair_is_counted_and_the_others_stay(tmp_path: Path) -> None:
    _png(tmp_path)
    rows = ["[]", "{", '{"image": "one.png"}', '{"image": "one.png", "label": 5}', '{"image": "one.png", "label": "x"}']
    (tmp_path / "a.jsonl").write_text("\n".join([rows[-1], *rows]))
    pairs = read_pairs(str(tmp_path / "a.jsonl"), "train")
    assert len(pairs.rows) == 2
    assert (pairs.read, pairs.left_out) == (6, 4)
    assert pairs.told() == [
        "2 of 6 rows are samples",
        "1 left out: not a JSON object or a label",
        "1 left out: not valid JSON",
        "1 left out: the label is missing",
        "1 left out: the label is not text",
        "the first: a.jsonl, line 2",
        "note: 1 × duplicate id: the sample_id got a suffix ~2, ~3, …",
    ]


def test_a_file_without_a_pair_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"image": "a.png", "label": 5}\n' * 3)
    with pytest.raises(UserError, match=r"none of its 3 rows could be read"):
        read_pairs(str(tmp_path / "a.jsonl"), "train")


@pytest.mark.parametrize("form", ["parquet", "disk", "splits"])
@pytest.mark.parametrize("inside", [True, False])
def test_images_in_tables_are_those_of_their_rows(form: str, inside: bool, tmp_path: Path) -> None:
    """Images are in a column of lists or in the turns; some rows have no image, or one answer too many."""
    import datasets

    turns: list[list[dict[str, Any]]] = []
    pictures: list[list[Any]] = []
    for n in range(40):
        held = [Image.new("L", (30 + n, 20))] if n % 7 else []
        parts = [{"type": "image", "image": image, "text": None} for image in held] if inside else []
        asked = {"role": "user", "content": [{"type": "text", "image": None, "text": "?"}, *parts]}
        said = {"role": "assistant", "content": [{"type": "text", "image": None, "text": f"x^{n}"}]}
        turns.append([asked, said, said] if n % 5 == 4 else [asked, said])
        pictures.append(held)
    columns = {"messages": turns} if inside else {"messages": turns, "images": pictures}
    made = datasets.Dataset.from_dict(columns)
    where = tmp_path / ("set.parquet" if form == "parquet" else "set")
    if form == "parquet":
        made.to_parquet(str(where), batch_size=9)
    elif form == "disk":
        made.save_to_disk(str(where))
    else:
        datasets.DatasetDict(train=made, validation=made.select(range(3))).save_to_disk(str(where))
    rows = read_pairs(str(where), "train").rows
    kept = [n for n in range(40) if n % 5 != 4]
    assert rows["label"][:] == [f"x^{n}" for n in kept]
    sizes = [row["image"].size if row["image"] else None for row in rows]
    assert sizes == [(30 + n, 20) if n % 7 else None for n in kept]
    assert rows.select([3, 1])["label"][:] == ["x^3", "x^1"]
    if form == "splits":
        assert read_pairs(str(where), "validation").rows["label"][:] == ["x^0", "x^1", "x^2"]


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_images_as_base64_text(form: str, tmp_path: Path) -> None:
    url = f"data:image/png;base64,{base64.b64encode(_png(tmp_path)).decode()}"
    rows = [{"query": "?", "response": "x", "images": [url]}, {"query": "?", "response": "y", "images": ["one.png"]}]
    pl.DataFrame(rows).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(rows).write_ndjson(tmp_path / "a.jsonl")
    read = read_pairs(str(tmp_path / f"a.{form}"), "train").rows
    assert [row["image"].size for row in read] == [(64, 32)] * 2


def test_a_file_is_read_once_for_all_its_splits(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read: list[Path] = []
    whole = lines.open_bytes
    monkeypatch.setattr(lines, "open_bytes", lambda path: read.append(path) or whole(path))
    file = tmp_path / "a.json"
    file.write_text('[{"split": "train", "label": "x"}, {"split": "test", "label": "y"}]')
    assert read_pairs(str(file), "train").rows["label"][:] == ["x"]
    assert read_pairs(str(file), "test").rows["label"][:] == ["y"]
    assert len(read) == 1
    assert read_pairs(f"jsonl:{file}", "test").rows["label"][:] == ["y"]


def test_images_are_looked_up_in_a_folder_of_ones_own(tmp_path: Path) -> None:
    (tmp_path / "photos").mkdir()
    _png(tmp_path / "photos")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "a.jsonl").write_text('{"query": "?", "response": "x", "images": ["one.png"]}\n')
    rows = read_pairs(str(tmp_path / "data" / "a.jsonl"), "train", str(tmp_path / "photos")).rows
    assert rows[0]["image"].size == (64, 32)
    (tmp_path / "data" / "b.jsonl").write_text('{"what": "x", "photo": "one.png"}\n')
    rows = read_pairs(str(tmp_path / "data" / "b.jsonl"), "x", str(tmp_path / "photos"), "label:what,image:photo").rows
    assert (rows[0]["label"], rows[0]["image"].size) == ("x", (64, 32))


def test_an_id_of_its_own_stays_and_others_are_those_of_an_audit(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"sample_id": "s/1", "split": "train", "label": "x", "source": "s"}\n')
    (tmp_path / "b.jsonl").write_text('{"id": "s/1", "split": "train", "label": "x"}\n')
    rows = read_pairs(str(tmp_path / "a.jsonl"), "train").rows
    assert (rows["sample_id"][:], rows["source"][:]) == (["s/1"], ["s"])
    rows = read_pairs(str(tmp_path / "b.jsonl"), "train").rows
    assert (rows["sample_id"][:], rows["source"][:]) == (["b/train/s/1"], ["b"])


@pytest.mark.parametrize("where", ["nowhere", "./nowhere", "a/b/c"])
def test_what_is_not_there_is_said_without_asking_the_web(where: str) -> None:
    with pytest.raises(UserError, match="no such folder or file"):
        read_pairs(where, "train")


def test_a_file_of_another_kind_is_refused(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_text("no table")
    with pytest.raises(UserError, match="not readable as parquet"):
        read_pairs(str(tmp_path / "a.parquet"), "train")


def test_a_picture_is_rgb_on_white_and_large_enough() -> None:
    image = Image.new("RGBA", (10, 20), (0, 0, 0, 0))
    made = picture(image)
    assert made.mode == "RGB"
    assert min(made.size) == 28
    assert made.getpixel((5, 5)) == (255, 255, 255)


def test_a_data_set_of_the_hub_with_its_configuration_and_revision(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Uses the same reader as `curate audit hf:…`, whatever the columns are called."""
    import datasets

    features = datasets.Features({"photo": datasets.Image(), "latex": datasets.Value("string")})
    rows = {"photo": [Image.new("L", (30 + at, 40)) for at in range(3)], "latex": ["a", "b", "c"]}
    data = datasets.Dataset.from_dict(rows, features=features)
    datasets.DatasetDict({"train": data, "val": data.select([2])}).save_to_disk(str(tmp_path / "saved"))
    asked = []

    def load_dataset(name: str, config: str | None, revision: str | None) -> datasets.DatasetDict:
        asked.append((name, config, revision))
        return datasets.load_from_disk(str(tmp_path / "saved"))

    monkeypatch.setattr(datasets, "load_dataset", load_dataset)
    for where in ("org/formulas:big@v1.0", "hf:org/formulas:big@v1.0"):
        pairs = read_pairs(where, "train", columns="image:photo").rows
        assert pairs["label"][:] == ["a", "b", "c"]
        assert [row["image"].size for row in pairs] == [(30, 40), (31, 40), (32, 40)]
        assert read_pairs(where, "validation", columns="image:photo").rows["label"][:] == ["c"]
    assert set(asked) == {("org/formulas", "big", "v1.0")}
    with pytest.raises(UserError, match=r"org/formulas/x: no such folder or file; .*ORG/NAME\[:CONFIG\]\[@REVISION\]"):
        read_pairs("org/formulas/x", "train")
