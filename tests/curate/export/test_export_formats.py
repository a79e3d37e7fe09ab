"""`datasets` loads what was written, in every format, at once and as a stream."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import polars as pl
import pyarrow.parquet as pq
import pytest
from huggingface_hub import DatasetCard
from PIL import Image
from run_makers import exported, labels_only, make_run

from curate.base.errors import UserError
from curate.export.decide.options import PROMPT
from curate.export.tell.card import code

FORMATS = ("hf", "messages", "sharegpt")
COLUMNS = {"label", "source", "sample_id", "score"}
SPLITS = {"train": 0.6, "validation": 0.2, "test": 0.2}
AWKWARD = ["设 \\alpha = 1", 'a "b" \\\\ c', "x\ty", "x\nz", "é ∑ 𝒜", "'; DROP", "a\u2028b"]


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.disable_progress_bars()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    rows = labels_only(60) + [{"sample_id": f"t/{n}", "label": text} for n, text in enumerate(AWKWARD)]
    for number, row in enumerate(rows):
        row["score"] = 0.5 + number / 200
    return make_run(tmp_path / "run", rows, images=tmp_path / "images")


def load(out: Path, cache: Path, **options: Any) -> Any:
    return datasets.load_dataset(str(out), cache_dir=str(cache), **options)


def picture_of(row: dict[str, Any]) -> Any:
    """A row's image, from `image` or the list `images`; None if it has none."""
    return row["image"] if "image" in row else next(iter(row["images"]), None)


@pytest.mark.parametrize("form", FORMATS)
def test_round_trip(run: Path, tmp_path: Path, form: str) -> None:
    exported(run, tmp_path / "out", format=form, splits=SPLITS, resize="none", prompt="Lies: «x»")
    samples = {row["sample_id"]: row for row in pl.read_parquet(run / "samples.parquet").to_dicts()}
    seen = set()
    loaded = load(tmp_path / "out", tmp_path / "cache")
    assert set(loaded) == set(SPLITS)
    for split, part in loaded.items():
        assert set(part.column_names) >= COLUMNS
        for row in part:
            sample = samples[row["sample_id"]]
            seen.add(row["sample_id"])
            assert (row["label"], row["source"], row["score"]) == (sample["label"], sample["source"], sample["score"])
            with Image.open(tmp_path / "images" / sample["image"]) as image:
                assert np.array_equal(np.asarray(picture_of(row).convert("RGB")), np.asarray(image.convert("RGB")))
            _check_conversation(form, row, tmp_path / "out", split)
    assert seen == set(samples)


def _check_conversation(form: str, row: dict[str, Any], out: Path, split: str) -> None:
    if form == "messages":
        asked, answered = row["messages"]
        assert asked == {
            "role": "user",
            "content": [{"type": "image", "text": None}, {"type": "text", "text": "Lies: «x»"}],
        }
        assert answered == {"role": "assistant", "content": [{"type": "text", "text": row["label"]}]}
    if form == "sharegpt":
        assert row["conversations"] == [
            {"from": "human", "value": "<image>Lies: «x»"},
            {"from": "gpt", "value": row["label"]},
        ]
        (name,) = row["images"]
        assert name.startswith(f"{split}/images/")
        assert (out / name).is_file()


@pytest.mark.parametrize("form", FORMATS)
def test_streaming(run: Path, tmp_path: Path, form: str) -> None:
    made = exported(run, tmp_path / "out", format=form, splits=SPLITS)
    streamed = load(tmp_path / "out", tmp_path / "cache", streaming=True)
    rows = list(streamed["train"])
    assert len(rows) == next(row["samples"] for row in made.facts["splits"] if row["split"] == "train")
    assert all(isinstance(picture_of(row), Image.Image) and row["label"] for row in rows)


@pytest.mark.parametrize("form", ["hf", "messages"])
def test_pictures_are_decoded_to_rgb(run: Path, tmp_path: Path, form: str) -> None:
    exported(run, tmp_path / "out", format=form)
    row = load(tmp_path / "out", tmp_path / "cache")["train"][0]
    assert picture_of(row).mode == "RGB"


@pytest.mark.parametrize("form", ["hf", "messages"])
def test_a_label_without_an_image_has_a_null_image(tmp_path: Path, form: str) -> None:
    run = make_run(tmp_path / "run", labels_only(30))
    exported(run, tmp_path / "out", format=form)
    rows = load(tmp_path / "out", tmp_path / "cache")["train"]
    assert [picture_of(row) for row in rows] == [None] * len(rows)
    if form == "messages":
        assert rows[0]["messages"][0]["content"] == [{"type": "text", "text": PROMPT}]


def test_an_image_folder_holds_no_label_without_an_image(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", labels_only(3))
    with pytest.raises(UserError, match="3 samples without an image can't be in an image folder"):
        exported(run, tmp_path / "out", format="sharegpt")


def test_text_files_are_utf8_and_hold_no_escapes(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out", format="sharegpt", splits={"train": 1.0}, name="Größe 设")
    lines = (tmp_path / "out/train/metadata.jsonl").read_bytes()
    assert "设".encode() in lines
    assert b"\r" not in lines
    assert [json.loads(line)["sample_id"] for line in lines.decode().split("\n")[:-1]]
    assert "Größe 设" in (tmp_path / "out/README.md").read_text(encoding="utf-8")


def test_what_llama_factory_needs(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out", format="sharegpt", splits=SPLITS)
    info = json.loads((tmp_path / "out/dataset_info.json").read_text(encoding="utf-8"))
    assert set(info) == {f"texsieve_{split}" for split in SPLITS}
    for entry in info.values():
        assert entry["formatting"] == "sharegpt"
        row = json.loads((tmp_path / "out" / entry["file_name"]).open(encoding="utf-8").readline())
        turns = row[entry["columns"]["messages"]]
        tags = entry["tags"]
        assert [turn[tags["role_tag"]] for turn in turns] == [tags["user_tag"], tags["assistant_tag"]]
        assert turns[0][tags["content_tag"]].count("<image>") == len(row[entry["columns"]["images"]]) == 1
        assert (tmp_path / "out" / row["images"][0]).is_file()


def test_a_label_that_holds_the_mark_of_an_image_is_no_second_image(tmp_path: Path) -> None:
    """LLaMA-Factory counts the image marks of all turns and stops if they outnumber the images."""
    rows = [{"sample_id": "s/0", "label": "a <image> b <video> c"}]
    exported(make_run(tmp_path / "run", rows, images=tmp_path / "images"), tmp_path / "out", format="sharegpt")
    (line,) = [line for path in (tmp_path / "out").glob("*/metadata.jsonl") for line in path.open(encoding="utf-8")]
    row = json.loads(line)
    assert row["label"] == "a <image> b <video> c"
    assert row["conversations"][1]["value"] == "a < image> b < video> c"  # spaces have no effect on the rendering


@pytest.mark.parametrize("split", ["lines", "data", "images", "2014", "träning.2"])
@pytest.mark.parametrize("form", FORMATS)
def test_any_name_that_a_split_can_have(run: Path, tmp_path: Path, form: str, split: str) -> None:
    exported(run, tmp_path / "out", format=form, splits={"train": 0.5, split: 0.5})
    found = load(tmp_path / "out", tmp_path / "cache")
    assert set(found) == {"train", split}
    assert sum(map(len, found.values())) == 67


def test_a_group_of_rows_is_not_larger_than_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.export.write.parquet.GROUP_BYTES", 1000)
    rows = [{"sample_id": f"s/{n}", "label": f"x _ {{ {n} }}" + "+ 1" * 100} for n in range(20)]
    made = exported(make_run(tmp_path / "run", rows), tmp_path / "out", splits={"train": 1.0})
    (shard,) = (tmp_path / "out/data").iterdir()
    meta = pq.ParquetFile(shard).metadata
    assert [meta.row_group(number).num_rows for number in range(meta.num_row_groups)] == [4, 4, 4, 4, 4]
    assert made.plan.kept == len(load(tmp_path / "out", tmp_path / "cache")["train"]) == 20


def test_shards_hold_what_is_streamed_at_a_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 400)
    run = make_run(tmp_path / "run", labels_only(1000))
    exported(run, tmp_path / "out", splits={"train": 1.0})
    shards = sorted((tmp_path / "out/data").iterdir())
    assert [shard.name for shard in shards] == [f"train-0000{n}-of-00003.parquet" for n in range(3)]
    groups = [pq.ParquetFile(shard).metadata for shard in shards]
    assert [meta.num_rows for meta in groups] == [400, 400, 200]
    assert groups[0].row_group(0).num_rows == 256
    assert len(load(tmp_path / "out", tmp_path / "cache")["train"]) == 1000


def test_an_empty_split_has_no_file(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run", labels_only(5))
    exported(run, tmp_path / "out", splits={"train": 1.0, "test": 0.0})
    assert set(load(tmp_path / "out", tmp_path / "cache")) == {"train"}


def test_several_runs_are_one_data_set(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", labels_only(40, "o", first=30))
    made = exported([run, other], tmp_path / "out", splits=SPLITS)
    loaded = load(tmp_path / "out", tmp_path / "cache")
    assert sum(len(part) for part in loaded.values()) == 60 + len(AWKWARD) + 40
    homes: dict[str, set[str]] = {}
    for split, part in loaded.items():
        for label in part["label"]:
            homes.setdefault(label, set()).add(split)
    assert max(map(len, homes.values())) == 1
    assert [row["run"] for row in json.loads((tmp_path / "out/manifest.json").read_text())["inputs"]] == [
        "run",
        "other",
    ]
    assert made.facts["sources"][2]["source"] == "o"


def test_runs_that_share_a_source_s_name_are_an_error(run: Path, tmp_path: Path) -> None:
    other = make_run(tmp_path / "other", labels_only(3))
    with pytest.raises(UserError, match=r"both hold a source called 's'; audit one of them under another name"):
        exported([run, other], tmp_path / "out")


# The card -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_the_card_has_the_front_matter_that_the_hub_reads(run: Path, tmp_path: Path, form: str) -> None:
    made = exported(run, tmp_path / "out", format=form, splits=SPLITS, licences={"s": "MIT", "t": "CC BY-NC 4.0"})
    card = DatasetCard.load(tmp_path / "out/README.md")
    data = card.data.to_dict()
    assert data["license"] == "cc-by-nc-4.0"
    assert data["task_categories"] == ["image-to-text"]
    assert data["size_categories"] == ["n<1K"]
    assert data["language"] == ["zh"]
    assert [file["split"] for file in data["configs"][0]["data_files"]] == list(SPLITS)
    if form != "sharegpt":
        counted = {row["name"]: row["num_examples"] for row in data["dataset_info"]["splits"]}
        assert counted == {row["split"]: row["samples"] for row in made.facts["splits"]}
        parts = (tmp_path / "out/data").glob("*")
        assert data["dataset_info"]["download_size"] == sum(part.stat().st_size for part in parts)


def test_the_card_tells_what_became_of_the_samples(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out", max_chars=12, splits=SPLITS)
    text = (tmp_path / "out/README.md").read_text(encoding="utf-8")
    for part in (
        "| train |",
        "| train and test | 0 | 0 |",
        "| length |",
        "| s | none known |",
        "![](assets/example-0.png)",
    ):
        assert part in text
    for name in ("assets/lengths.svg", "assets/sizes.svg"):
        assert name in text
        assert (
            (tmp_path / "out" / name).read_text(encoding="utf-8").startswith('<svg xmlns="http://www.w3.org/2000/svg"')
        )


@pytest.mark.parametrize(
    ("label", "shown"),
    [
        ("a|b", r"`a\|b`"),
        ("`", "`` ` ``"),
        ("a``b", "```a``b```"),
        ("", "`  `"),
        (" x", "`  x `"),
        ("a\\", "` a\\ `"),
    ],
)
def test_labels_can_not_break_out_of_the_card_s_table(label: str, shown: str) -> None:
    assert code(label) == shown


def test_a_pipe_is_escaped_in_a_table_alone() -> None:
    assert code("a|b", cell=False) == "`a|b`"


def test_a_label_of_several_lines_is_one_line_on_the_card() -> None:
    assert "\n" not in code("x\ny\r\u2028z")


def test_pictures_on_the_card_are_the_data_set_s_own(run: Path, tmp_path: Path) -> None:
    exported(run, tmp_path / "out", splits={"train": 1.0})
    stored = pl.read_parquet(tmp_path / "out/data/*.parquet")["image"].struct.field("bytes").to_list()
    examples = sorted((tmp_path / "out/assets").glob("example-*"))
    assert len(examples) == 4
    for example in examples:
        assert example.read_bytes() in stored
        assert Image.open(io.BytesIO(example.read_bytes())).size == (60, 40)


def test_a_column_of_drawn_labels(run: Path, tmp_path: Path) -> None:
    undrawable = sum(label.startswith(("'; DROP",)) for label in AWKWARD)
    for form in ("hf", "messages"):
        exported(run, tmp_path / form, format=form, splits={"train": 1.0}, drawn=True)
        (part,) = load(tmp_path / form, tmp_path / "cache").values()
        drawn = [row["drawn"] for row in part]
        assert all(picture is None or picture.width > 10 for picture in drawn)
        assert sum(picture is None for picture in drawn) <= undrawable
        assert "`drawn`" in (tmp_path / form / "README.md").read_text(encoding="utf-8")
    with pytest.raises(UserError, match="--format sharegpt has no column for drawn labels"):
        exported(run, tmp_path / "sharegpt", format="sharegpt", drawn=True)
