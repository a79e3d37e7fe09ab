"""Other programs can read the layouts written for them, and `curate audit` can read them back."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import datasets
import numpy as np
import pytest
from PIL import Image
from run_makers import exported, make_run

from curate.base.errors import UserError
from curate.export.decide.options import PROMPT
from curate.export.registry import FORMATS
from curate.sources import parse_source, read_source

SPLITS = {"train": 0.5, "validation": 0.25, "test": 0.25}
LABELS = [rf"\frac {{ {n} }} {{ 2 }} + x ^ {{ {n} }}" for n in range(40)] + ["设 x = 1", 'a "b"', "<image> x"]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Several shards, with a colour image, a JPEG and a WebP among grey ones."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    monkeypatch.setattr("curate.export.write.shards.SHARD_ROWS", 7)
    datasets.disable_progress_bars()
    images = tmp_path / "images"
    images.mkdir()
    rows: list[dict[str, Any]] = [{"sample_id": f"s/{n}", "label": text} for n, text in enumerate(LABELS)]
    rng = np.random.default_rng(0)
    for number, ending in enumerate(("png", "jpg", "webp", "bmp")):
        name = f"colour{number}.{ending}"
        Image.fromarray(rng.integers(0, 255, (40, 60, 3), np.uint8)).save(images / name)
        rows[number]["image"] = name
    return make_run(tmp_path / "run", rows, images=images)


def pictures(folder: Path) -> list[Path]:
    endings = (".png", ".jpg", ".webp")
    return [path for path in folder.rglob("*") if path.suffix in endings and "assets" not in path.parts]


@pytest.mark.parametrize("form", FORMATS)
def test_curate_reads_back_what_it_wrote(run: Path, tmp_path: Path, form: str) -> None:
    made = exported(run, tmp_path / "out", format=form, splits=SPLITS, allow_no_image=False)
    source = read_source(parse_source(str(made.out)))
    assert source.unreadable.total == 0
    assert sorted(source.frame["label"]) == sorted(LABELS)
    assert source.frame["image"].null_count() == 0
    counts = dict(source.frame.group_by("split").len().iter_rows())
    assert counts == {row["split"]: row["samples"] for row in made.facts["splits"]}
    assert {path.suffix[1:] for path in pictures(made.out)} <= FORMATS[form].endings


@pytest.mark.parametrize("form", ["paddleocr", "latexocr"])
def test_a_label_of_several_lines_is_one_line(tmp_path: Path, form: str) -> None:
    texts = ["a\nb", "c\td", "e\r\nf", "g"]
    run = make_run(tmp_path / "run", [{"sample_id": f"s/{n}", "label": t} for n, t in enumerate(texts)],
                   images=tmp_path / "images")  # fmt: skip
    made = exported(run, tmp_path / "out", format=form, splits={"train": 1.0}, allow_no_image=False)
    found = read_source(parse_source(str(made.out))).frame["label"]
    assert sorted(" ".join(text.split()) for text in found) == ["a b", "c d", "e f", "g"]


def test_latex_ocr_finds_the_label_of_every_picture(run: Path, tmp_path: Path) -> None:
    """As pix2tex's Im2LatexDataset does: the number in the image's name is the line in `math.txt`."""
    out = exported(run, tmp_path / "out", format="latexocr", splits=SPLITS, allow_no_image=False).out
    whole = exported(run, tmp_path / "hf", splits=SPLITS, resize="none").out
    truth = {
        row["label"]: np.asarray(row["image"]) for part in datasets.load_dataset(str(whole)).values() for row in part
    }
    lines = (out / "math.txt").read_text(encoding="utf-8").split("\n")
    seen = []
    for split in SPLITS:
        for path in (out / split).glob("*.png"):
            label = lines[int(path.name.split(".")[0])]
            seen.append(label)
            assert np.array_equal(np.asarray(Image.open(path).convert("RGB")), truth[label])
    assert sorted(seen) == sorted(LABELS)


def test_a_picture_that_is_gone_moves_no_line_of_latex_ocr(run: Path, tmp_path: Path) -> None:
    (tmp_path / "images" / "10.png").unlink()
    out = exported(run, tmp_path / "out", format="latexocr", splits=SPLITS, allow_no_image=False).out
    lines = (out / "math.txt").read_text(encoding="utf-8").split("\n")
    found = [lines[int(path.stem)] for split in SPLITS for path in (out / split).glob("*.png")]
    assert sorted(found) == sorted(label for number, label in enumerate(LABELS) if number != 10)


def test_texteller_finds_the_formula_of_every_picture(run: Path, tmp_path: Path) -> None:
    """As the `loader.py` of its training does: by file name in `images`, only PNG and JPEG."""
    out = exported(run, tmp_path / "out", format="texteller", splits=SPLITS, allow_no_image=False).out
    seen = []
    for split in SPLITS:
        with (out / split / "formulas.jsonl").open(encoding="utf-8") as file:
            formulas = {row["img_name"]: row["formula"] for row in map(json.loads, file)}
        seen += [formulas[p.name] for p in (out / split / "images").iterdir() if p.suffix in (".jpg", ".png")]
    assert sorted(seen) == sorted(LABELS)


def test_paddleocr_finds_picture_and_label_in_every_line(run: Path, tmp_path: Path) -> None:
    """As its SimpleDataSet does: it splits the line, and joins the path to `data_dir`."""
    out = exported(run, tmp_path / "out", format="paddleocr", splits=SPLITS, allow_no_image=False).out
    seen = []
    for split in SPLITS:
        for line in (out / f"rec_gt_{split}.txt").read_bytes().decode().splitlines(keepends=True):
            name, label = line.strip("\n").split("\t")
            assert (out / name).is_file()
            seen.append(label)
    assert sorted(seen) == sorted(LABELS)


@pytest.mark.parametrize("form", ["texteller", "paddleocr", "latexocr", "sharegpt"])
def test_no_label_is_without_a_picture(tmp_path: Path, form: str) -> None:
    run = make_run(tmp_path / "run", [{"sample_id": "s/0", "label": "x"}])
    with pytest.raises(UserError, match="without an image can't be in an image folder"):
        exported(run, tmp_path / "out", format=form)


# Conversations --------------------------------------------------------------------------------------------------------


def test_messages_are_what_trl_trains_on(run: Path, tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    out = exported(run, tmp_path / "out", format="messages", splits={"train": 1.0}, allow_no_image=False).out
    for row in datasets.load_dataset(str(out), split="train"):
        assert data_utils.is_conversational(row)
        asked, answered = data_utils.prepare_multimodal_messages(row["messages"], images=row["images"])
        place, text = asked["content"]
        assert place["image"] is row["images"][0]
        assert (text["text"], answered["content"]) == (PROMPT, [{"type": "text", "text": row["label"]}])


def test_messages_of_a_label_without_an_image_are_text_alone(tmp_path: Path) -> None:
    data_utils = pytest.importorskip("trl.data_utils")
    run = make_run(tmp_path / "run", [{"sample_id": "s/0", "label": "x"}])
    (row,) = datasets.load_dataset(
        str(exported(run, tmp_path / "out", format="messages", splits={"train": 1.0}).out), split="train"
    )
    assert row["images"] == []
    asked, _ = data_utils.prepare_multimodal_messages(row["messages"], [])
    assert [part["type"] for part in asked["content"]] == ["text"]


def test_what_ms_swift_needs(run: Path, tmp_path: Path) -> None:
    """Its MessagesPreprocessor needs one of its keys, roles and contents that are strings, an image per `<image>`."""
    out = exported(run, tmp_path / "out", format="sharegpt", splits={"train": 1.0}, allow_no_image=False).out
    for line in (out / "train/metadata.jsonl").read_text(encoding="utf-8").splitlines():
        row = json.loads(line)
        assert {"messages", "conversation", "conversations"} & set(row) == {"conversations"}
        asked, answered = row["conversations"]
        assert (asked["from"], answered["from"]) == ("human", "gpt")
        assert asked["value"].count("<image>") == len(row["images"]) == 1
        assert "<image>" not in answered["value"]
        assert (out / row["images"][0]).is_file()
        # Keys that it reads as a question or an answer would compete with the conversation.
        assert {"query", "response", "prompt", "answer", "text", "content", "system"}.isdisjoint(row)


# Croissant ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", FORMATS)
def test_croissant_names_the_files_of_every_split(run: Path, tmp_path: Path, form: str) -> None:
    out = exported(run, tmp_path / "out", format=form, splits=SPLITS, allow_no_image=False).out
    described = json.loads((out / "croissant.json").read_text(encoding="utf-8"))
    assert described["conformsTo"] == "http://mlcommons.org/croissant/1.0"
    for files in described["distribution"]:
        assert list(out.glob(files["includes"])), files["includes"]


@pytest.mark.parametrize("form", FORMATS)
def test_mlcroissant_reads_it(run: Path, tmp_path: Path, form: str) -> None:
    """The reference implementation accepts the description and reads the rows with it."""
    mlcroissant = pytest.importorskip("mlcroissant")
    made = exported(run, tmp_path / "out", format=form, splits=SPLITS, allow_no_image=False)
    read = mlcroissant.Dataset(str(made.out / "croissant.json"))
    issues = read.metadata.ctx.issues
    assert not issues.errors
    assert not [issue for issue in issues.warnings if "datePublished" not in str(issue) and "citeAs" not in str(issue)
                and "license" not in str(issue) and "url" not in str(issue) and "version" not in str(issue)
                and "creator" not in str(issue)]  # fmt: skip
    if not FORMATS[form].fields:
        return
    column = "formula" if form == "texteller" else "label"
    for row in made.facts["splits"]:
        rows = list(read.records(row["split"]))
        assert len(rows) == row["samples"]
        texts = [found[f"{row['split']}/{column}"] for found in rows]
        assert {text.decode() if isinstance(text, bytes) else text for text in texts} <= set(LABELS)
    if form == "hf":
        assert rows[0][f"{row['split']}/image"].size == (60, 40)
