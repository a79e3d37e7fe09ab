"""Recognises files of other tools that aren't data sets of images and labels, and says how to make one. Reads none.

They mark regions of pages: a label belongs to a part of an image, which must be cut out first.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from curate.sources.look import Look

_PAIR = '{"image": "crops/1.png", "latex": "x^2"}'


class Tool(NamedTuple):
    """A kind of file: what it is, what to do with it, and how its beginning is recognised."""

    what: str
    needed: str
    known: Callable[[str], object]


def _all(*patterns: str) -> Callable[[str], object]:
    """Does a text hold all of these, starting with the first?"""
    first, *others = [re.compile(pattern) for pattern in patterns]
    return lambda text: first.match(text) and all(other.search(text) for other in others)


_XML = r"\s*(<\?xml[^>]*>\s*)?(<!--.*?-->\s*)?"
#: In the order in which they are tried.
TOOLS = (
    Tool(
        "an OmniDocBench annotation of pages",
        "for each of `layout_dets` that has `latex`, cut its `poly` out of the page as an image of its own and write a "
        f"line {_PAIR}",
        _all(r"\s*\[\s*\{", r'"(layout_dets|page_info)"\s*:\s*[\[{]', r'"(poly|category_type|image_path)"\s*:'),
    ),
    Tool(
        "a file in COCO's format (images, boxes, categories)",
        f"if annotations hold a text, cut each `bbox` out as an image of its own and write a line {_PAIR}",
        _all(
            r'\s*\{\s*"(info|licenses|images|annotations|categories|type)"\s*:',
            r'"images"\s*:\s*\[\s*\{[^{}]*"(file_name|height|coco_url)"\s*:|'
            r'"annotations"\s*:\s*\[\s*\{[^{}]*"(image_id|bbox|segmentation)"\s*:|'
            r'"categories"\s*:\s*\[\s*\{[^{}]*"(supercategory|name)"\s*:',
        ),
    ),
    Tool(
        "a LabelMe annotation (shapes on one image)",
        f"if the `label` of a shape is LaTeX, cut the shape out as an image of its own and write a line {_PAIR}",
        _all(r"\s*\{", r'"shapes"\s*:\s*\[', r'"(imagePath|imageData|points|shape_type)"\s*:'),
    ),
    Tool(
        "a project of VIA, the VGG Image Annotator",
        f"if attributes of regions are LaTeX, cut each region out as an image of its own and write a line {_PAIR}",
        _all(r"\s*\{", r'"(_via_settings|_via_img_metadata|shape_attributes|region_attributes)"\s*:'),
    ),
    Tool(
        "a CVAT export in XML",
        f"if attributes of boxes are LaTeX, cut each box out as an image of its own and write a line {_PAIR}",
        _all(_XML + r"<annotations>", r"<(version|meta|image)\b"),
    ),
    Tool(
        "an annotation of one image in Pascal VOC format",
        f"if the names of objects are LaTeX, cut each box out as an image of its own and write a line {_PAIR}",
        _all(_XML + r"<annotation\b", r"<(filename|folder|object|size)>"),
    ),
    Tool(
        "a PAGE or ALTO XML page: lines of text with their places",
        f"if lines are LaTeX, cut each line out as an image of its own and write a line {_PAIR}",
        _all(_XML + r"<(\w+:)?(PcGts|alto)\b"),
    ),
    Tool(
        "PPOCRLabel's list of pages with boxes (Label.txt)",
        "let PPOCRLabel cut the texts out: File, Export Recognition Result writes `rec_gt.txt` and `crop_img`, which "
        "are read",
        _all(r"[^\t\n]+\t\[", r'(?m)^[^\t\n]+\t\[\s*\{\s*"(transcription|points|difficult|key_cls)"\s*:'),
    ),
)
#: How many files of a folder are tried: with one file per image, a few tell.
_ENDINGS = (".json", ".xml", ".txt")
_MOST = 5


def tool_of(look: Look) -> Tool | None:
    """The tool that wrote this file; None for anything else."""
    if look.is_dir or look.suffix not in _ENDINGS:
        return None
    text = look.head.decode("utf-8", "replace")
    return next((tool for tool in TOOLS if tool.known(text)), None)


def what_it_is(look: Look) -> str | None:
    """If a file, or all possible label files of a folder, are another tool's: what they are and what to do."""
    if not look.is_dir:
        tool = tool_of(look)
        return f"this is {tool.what}, not a data set; {tool.needed}" if tool else None
    files = look.label_files or [Look(path) for path in look.all_files(*_ENDINGS)[:_MOST]]
    xml = [Look(path) for path in look.all_files(".xml")[:_MOST]]
    tools = {file.path: tool_of(file) for file in (*files, *xml)}
    found = next((name for name, tool in tools.items() if tool), None)
    if found is None or not all(tools[file.path] for file in files):
        return None
    tool = tools[found]
    return f"{_below(found, look.path)} is {tool.what}, not a data set; {tool.needed}" if tool else None


#: Keys that a row of a model's answers has beside the truth: those of texsieve, LLaMA-Factory and ms-swift.
_ANSWERS = (("gt", "pred"), ("label", "predict"), ("labels", "response"))


def predictions_in(look: Look) -> str | None:
    """If a file, or a folder of such files alone, holds a model's predictions: what it is and what reads it."""
    files = look.label_files if look.is_dir else [look]
    if not files or not all(map(_holds_predictions, files)):
        return None
    first = files[0].path
    inside = f"{_below(first, look.path)} is" if look.is_dir else "this is"
    return (
        f"{inside} a file of a model's predictions, not a data set; `finetune evaluate {first}` scores it, "
        f"`curate audit DATASET --predictions {first}` asks which labels the model doubts, and "
        f"`--columns label:{_truth(files[0])}` audits its true labels"
    )


def _holds_predictions(look: Look) -> bool:
    return look.suffix in (".json", ".jsonl") and _truth(look) is not None


def _truth(look: Look) -> str | None:
    """The key of the true label in the first object of a file of predictions; None in any other file."""
    text = look.head.decode("utf-8", "replace").lstrip("\ufeff \t\r\n[")
    try:
        first, _ = json.JSONDecoder().raw_decode(text)
    except (ValueError, RecursionError):
        return None
    return next((truth for truth, answer in _ANSWERS if isinstance(first, dict) and {truth, answer} <= {*first}), None)


def _below(file: Path, folder: Path) -> str:
    return file.relative_to(folder).as_posix()
