"""Files of other tools get one line that says what they are and what to do; they are not read as anything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from source_makers import image, labels, read, write

from curate.base.errors import UserError

BOX = [[0, 0], [9, 0], [9, 9], [0, 9]]
#: (file, contents, words of the message)
FILES = {
    "OmniDocBench": (
        "OmniDocBench.json",
        json.dumps(
            [
                {
                    "layout_dets": [
                        {"category_type": "equation_isolated", "poly": [0, 0, 9, 0, 9, 9, 0, 9], "latex": "$$x$$"}
                    ],
                    "page_info": {"page_no": 1, "height": 9, "width": 9, "image_path": "a.png"},
                }
            ]
        ),
    ),
    "LabelMe": (
        "a.json",
        json.dumps(
            {
                "version": "5.0.1",
                "flags": {},
                "shapes": [{"label": "x^2", "points": BOX, "shape_type": "polygon"}],
                "imagePath": "a.png",
                "imageData": None,
            },
            indent=2,
        ),
    ),
    "COCO": (
        "instances.json",
        json.dumps(
            {
                "info": {"year": 2020},
                "images": [{"id": 1, "file_name": "a.png", "width": 9, "height": 9}],
                "annotations": [{"id": 1, "image_id": 1, "category_id": 1, "bbox": [0, 0, 9, 9]}],
                "categories": [{"id": 1, "name": "formula"}],
            }
        ),
    ),
    "VIA": (
        "via.json",
        json.dumps(
            {
                "a.png99": {
                    "filename": "a.png",
                    "size": 99,
                    "regions": [{"shape_attributes": {"name": "rect"}, "region_attributes": {"latex": "x"}}],
                    "file_attributes": {},
                }
            }
        ),
    ),
    "VIA, the": ("via.json", json.dumps({"_via_settings": {"ui": {}}, "_via_img_metadata": {}})),
    "CVAT": (
        "annotations.xml",
        '<?xml version="1.0" encoding="utf-8"?>\n<annotations>\n  <version>1.1</version>\n  <image name="a.png"/>\n',
    ),
    "PAGE": (
        "a.xml",
        '<?xml version="1.0"?>\n<!-- made by -->\n<PcGts xmlns="http://schema.primaresearch.org"><Page/>',
    ),
    "Pascal VOC": ("a.xml", "<annotation><folder>a</folder><filename>a.png</filename></annotation>"),
    "PPOCRLabel": (
        "Label.txt",
        "".join(
            f"imgs/{n}.png\t{json.dumps([{'transcription': 'x', 'points': BOX, 'difficult': False}])}\n" for n in "ab"
        ),
    ),
    "PPOCRLabel's list": ("Label.txt", f"a.png\t[]\nb.png\t{json.dumps([{'points': BOX, 'transcription': 'x'}])}\n"),
}


@pytest.mark.parametrize("tool", FILES)
@pytest.mark.parametrize("folder", [True, False])
def test_a_file_of_another_tool_is_named(tool: str, folder: bool, tmp_path: Path) -> None:
    name, text = FILES[tool]
    path = write(tmp_path / "set" / name, text)
    image(tmp_path / "set" / "a.png")
    with pytest.raises(UserError) as error:
        read(path.parent if folder else path)
    said = str(error.value)
    assert tool.partition(",")[0] in said
    assert "not a data set" in said
    assert "\n" not in said
    assert (name if folder else str(path)) in said


def test_a_folder_of_a_file_for_each_image_is_named(tmp_path: Path) -> None:
    for n in range(60):
        write(tmp_path / f"{n}.json", FILES["LabelMe"][1])
    with pytest.raises(UserError, match="LabelMe"):
        read(tmp_path)


def test_files_of_other_tools_beside_a_data_set_are_no_part_of_it(tmp_path: Path) -> None:
    write(tmp_path / "Label.txt", FILES["PPOCRLabel"][1])
    write(tmp_path / "rec_gt.txt", "crop_img/a.png\tx ^ 2\ncrop_img/b.png\ty\n")
    for name in "ab":
        image(tmp_path / "crop_img" / f"{name}.png")
    assert labels(read(tmp_path)) == ["x ^ 2", "y"]


@pytest.mark.parametrize(
    "text",
    [
        "a.png\t[ 0 , 1 ]\nb.png\ty\n",
        "a.png\t[]\nb.png\ty\n",
        '{"images": ["a.png"], "label": "x"}\n',
        '[{"label": "x"}]',
        '{"images": [{"path": "a.png"}], "query": "?", "response": "x", "objects": {"bbox": [[1, 2, 3, 4]]}}\n',
        '{"imagePath": "a.png", "flags": {}, "label": "shapes"}\n',
    ],
)
def test_what_only_looks_alike_is_read(text: str, tmp_path: Path) -> None:
    name = "x.txt" if text.startswith("a") else "x.json"
    assert len(labels(read(write(tmp_path / name, text)))) >= 1


ANSWERS = {
    "ours": {"sample_id": "a/test/1", "gt": "x", "pred": "y", "image": "1.png"},
    "LLaMA-Factory": {"prompt": "user {image}", "predict": "y", "label": "x"},
    "ms-swift": {"response": "y", "labels": "x", "images": ["1.png"]},
}


@pytest.mark.parametrize("row", ANSWERS.values(), ids=ANSWERS)
@pytest.mark.parametrize("listed", [False, True])
def test_predictions_are_told_as_such(tmp_path: Path, row: dict, listed: bool) -> None:
    """A single file, and a folder of them; if the user names the field of the truth, the file is read."""
    file = tmp_path / ("pred.json" if listed else "pred.jsonl")
    write(file, json.dumps([row]) if listed else json.dumps(row) + "\n")
    for source, said in ((file, "this is"), (tmp_path, f"{file.name} is")):
        with pytest.raises(UserError) as caught:
            read(source)
        words = str(caught.value)
        assert words.startswith(f"{source}: {said} a file of a model's predictions, not a data set; ")
        assert f"`finetune evaluate {file}`" in words
        assert f"--predictions {file}`" in words
    truth = words.rpartition("label:")[2].partition("`")[0]
    assert labels(read(file, columns={"label": truth})) == ["x"]


def test_predictions_beside_a_data_set_do_not_hide_it(tmp_path: Path) -> None:
    image(tmp_path / "1.png")
    write(tmp_path / "data.jsonl", '{"image": "1.png", "label": "x^2"}\n')
    write(tmp_path / "pred.jsonl", json.dumps(ANSWERS["ours"]) + "\n")
    assert "x^2" in labels(read(tmp_path))
