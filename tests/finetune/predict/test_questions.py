"""The rows of a data set as questions: order, sizes, names, missing images. No model."""

from __future__ import annotations

import errno
import io
import json
import os
from pathlib import Path
from typing import Any

import datasets
import pytest
from click.testing import CliRunner
from extra import require_finetune
from PIL import Image

from curate.base.errors import UserError
from finetune.cli.main import main_group
from finetune.data.pairs import read_pairs
from finetune.models.facts import ModelFacts
from finetune.predict.engines import Unopenable, opened
from finetune.predict.job import Asker, data_facts
from finetune.predict.questions import Questions
from finetune.settings.config import Config


def picture(grey: int, size: tuple[int, int] = (60, 40)) -> dict[str, object]:
    data = io.BytesIO()
    Image.new("RGB", size, (grey, grey, grey)).save(data, format="PNG")
    return {"bytes": data.getvalue(), "path": None}


def rows(images: list[object], ids: list[str] | None = None) -> datasets.Dataset:
    columns = {
        "image": images,
        "label": [f"x_{{{at}}}" for at in range(len(images))],
        "sample_id": ids or [f"s/{at}" for at in range(len(images))],
        "source": ["s"] * len(images),
    }
    features = datasets.Features(
        {"image": datasets.Image(), **{name: datasets.Value("string") for name in ("label", "sample_id", "source")}}
    )
    return datasets.Dataset.from_dict(columns, features=features)


def test_rows_are_asked_in_order_with_their_images() -> None:
    asked = list(Questions(rows([picture(10), picture(20, (100, 50)), picture(30)])))
    assert [(row.sample_id, row.gt, row.size) for row in asked] == [
        ("s/0", "x_{0}", (60, 40)), ("s/1", "x_{1}", (100, 50)), ("s/2", "x_{2}", (60, 40))
    ]  # fmt: skip
    assert [row.load().getpixel((5, 5)) for row in asked] == [(10, 10, 10), (20, 20, 20), (30, 30, 30)]
    assert [row.image for row in asked] == [None, None, None]  # they are inside the data set's file


def test_rows_without_an_image_are_left_out_and_counted() -> None:
    data = rows([picture(10), None, picture(30), None])
    found = Questions(data)
    assert (found.rows, found.imageless) == ([("s/0", "x_{0}"), ("s/2", "x_{2}")], 2)
    assert [row.load().getpixel((0, 0))[0] for row in found] == [10, 30]
    assert Questions(data, limit=2).rows == [("s/0", "x_{0}")]


def test_a_selection_of_rows_keeps_its_images() -> None:
    """A selection is a list of indices into a table that still has all its rows."""
    found = Questions(rows([None, picture(10), picture(20), None, picture(40)]).select([4, 3, 1]))
    assert found.rows == [("s/4", "x_{4}"), ("s/1", "x_{1}")]
    assert found.imageless == 1
    assert [row.load().getpixel((0, 0))[0] for row in found] == [40, 10]


def test_two_rows_of_one_id_are_an_error() -> None:
    with pytest.raises(UserError, match=r"b: two rows of the data set have this sample_id"):
        Questions(rows([picture(1)] * 3, ["a", "b", "b"]))


def test_an_image_that_is_broken_is_named_when_it_is_opened_and_costs_no_other() -> None:
    broken, whole = Questions(rows([{"bytes": b"no image", "path": None}, picture(7)]))
    assert broken.size == (0, 0)
    with pytest.raises(UserError, match="s/0: its image can't be opened: cannot identify image file"):
        opened(broken)
    assert opened(whole).getpixel((0, 0))[0] == 7


def test_an_image_that_cant_be_saved_is_no_broken_image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(path: Path) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr("finetune.predict.questions.new_file", full)
    (row,) = Questions(rows([picture(7)]), save_to=tmp_path)
    with pytest.raises(UserError, match=r"s-0-.*\.png: can't be written: No space left on device") as error:
        opened(row)
    assert not isinstance(error.value, Unopenable)


def test_a_turned_photo_has_the_size_it_is_seen_in(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.new("RGB", (80, 40)).save(tmp_path / "a.jpg", exif=exif)
    (asked,) = Questions(rows([str(tmp_path / "a.jpg")]))
    assert asked.size == (40, 80) == asked.load().size


def test_files_are_named_from_the_predictions_folder(tmp_path: Path) -> None:
    (tmp_path / "images").mkdir()
    Image.new("RGB", (60, 30)).save(tmp_path / "images" / "a.png")
    line = {"image": "images/a.png", "label": "x", "sample_id": "a"}
    (tmp_path / "data.jsonl").write_text(json.dumps(line) + "\n")
    (asked,) = Questions(read_pairs(str(tmp_path / "data.jsonl"), "any").rows, name_from=tmp_path / "out")
    assert asked.image == "../images/a.png"


def test_images_are_written_as_the_model_sees_them(tmp_path: Path) -> None:
    found = Questions(rows([picture(10, (20, 10))], ["m2e/train/1.jpg"]), name_from=tmp_path, save_to=tmp_path / "seen")
    (asked,) = found
    image = asked.load()
    assert asked.image is not None
    assert asked.image.startswith("seen/m2e-train-1-jpg-")
    with Image.open(tmp_path / asked.image) as saved:
        assert saved.size == image.size == (56, 28)  # large enough for the model
    assert [path.name for path in (tmp_path / "seen").iterdir()] == [Path(asked.image).name]


def test_no_picture_that_was_made_otherwise_is_shown(tmp_path: Path) -> None:
    """A picture is saved under another name if the settings or the data set's image have changed, so that each
    prediction shows what its model saw."""
    seen = tmp_path / "seen"

    def saved(grey: int = 10, **how: Any) -> tuple[str | None, tuple[int, int], int]:
        (asked,) = Questions(rows([picture(grey, (400, 20))], ["a"]), save_to=seen, **how)
        asked.load()
        with Image.open(str(asked.image)) as image:
            return asked.image, image.size, image.getpixel((0, 0))[0]

    first = saved()
    assert first[1:] == ((560, 28), 10)
    assert saved() == first
    others = {"pad": saved(resize="pad"), "side": saved(min_side=32), "budget": saved(max_pixels=3920)}
    others["mended"] = saved(grey=20)
    told = {name: one[1:] for name, one in others.items()}
    sizes = {"pad": ((400, 28), 10), "side": ((640, 32), 10), "budget": ((280, 14), 10), "mended": ((560, 28), 20)}
    assert told == sizes
    assert len(list(seen.iterdir())) == 5
    assert saved() == first


def test_an_image_that_is_missing_has_a_name_all_the_same(tmp_path: Path) -> None:
    (asked,) = Questions(rows([str(tmp_path / "none.png")], ["a"]), save_to=tmp_path)
    assert asked.image is not None
    with pytest.raises(Unopenable):
        opened(asked)


def test_data_are_known_by_ids_labels_and_order(tmp_path: Path) -> None:
    first = data_facts("d", "test", Questions(rows([picture(1), picture(2)])), "upscale")
    assert data_facts("e", "test", Questions(rows([picture(1), picture(2)])), "upscale") == {**first, "path": "e"}
    other = data_facts("d", "test", Questions(rows([picture(1), picture(2)], ["s/1", "s/0"])), "upscale")
    assert other["sha256"] != first["sha256"]
    (tmp_path / "manifest.json").write_text("{}")
    found = data_facts(str(tmp_path), "test", Questions(rows([picture(1)])), "upscale")
    assert found["manifest_sha256"] == "44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a"
    assert "style" not in found
    (tmp_path / "manifest.json").write_text('{"config": {"style": "canonical"}}')
    assert data_facts(str(tmp_path), "test", Questions(rows([picture(1)])), "upscale")["style"] == "canonical"


@pytest.mark.parametrize(
    ("kind", "trained", "quantized", "asked", "held"),
    [
        ("adapter", True, False, None, True),  # like its base in training
        ("hub", False, False, None, True),  # a base model, which adapters are compared with
        ("folder", False, False, None, True),
        ("folder", True, False, None, False),  # merged: as stored
        ("folder", True, True, None, True),
        ("adapter", True, False, False, False),
        ("folder", True, False, True, True),
    ],
)
def test_how_weights_are_held(kind: str, trained: bool, quantized: bool, asked: bool | None, held: bool) -> None:
    facts = ModelFacts("m", kind, "m", Config() if trained else None, quantized, {})
    assert Asker.of(facts, load_in_4bit=asked).model.load_in_4bit is held


def test_wrong_arguments_are_said_before_anything_is_imported(tmp_path: Path) -> None:
    def said(*arguments: str) -> str:
        found = CliRunner().invoke(main_group, ["predict", *arguments])
        assert found.exit_code
        return str(found.exception) if isinstance(found.exception, UserError) else found.output

    out = str(tmp_path / "p.jsonl")
    assert "no such folder, and not an id on the hub" in said("no/such/model", "d", "--out", out)
    assert "so it isn't a model or an adapter" in said(str(tmp_path), "d", "--out", out)
    assert "is a folder; --out is a file" in said("me/model", "d", "--out", str(tmp_path))
    assert "--prompt is empty" in said("me/model", "d", "--out", out, "--prompt", " ")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.finetune
def test_without_a_gpu_nothing_is_begun(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    require_finetune()
    import torch

    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.delenv("UNSLOTH_ALLOW_CPU", raising=False)
    (tmp_path / "config.json").write_text("{}")
    out = tmp_path / "p.jsonl"
    found = CliRunner().invoke(main_group, ["predict", str(tmp_path), str(tmp_path), "--out", str(out)])
    assert isinstance(found.exception, UserError)
    assert str(found.exception).startswith("no GPU to train on or predict with")
    assert not out.exists()
