"""Data sets as they are really published: each maker writes one and says what belongs together. Not a test module.

A maker writes files below a folder and returns what it wrote: each sample's split, label, and picture as bytes (None
if the data set has none). These are the only facts that readers are judged by. The shapes come from the public
repositories and data set pages named beside each maker.
"""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import polars as pl
from PIL import Image


class Sample(NamedTuple):
    """What belongs together: the split as the data set's own files name it, a picture's bytes, and its label."""

    split: str | None
    picture: bytes | None
    label: str


#: Replaces a picture's bytes if the data set has strokes, which aren't judged here.
STROKES = b"strokes"

Maker = Callable[[Path, int], list[Sample]]


@dataclass(frozen=True)
class Layout:
    """A way of publishing data sets. format: the format that it must be recognised as."""

    name: str
    format: str
    make: Maker


def _drawn() -> dict[str, bytes]:
    found = {}
    for ending, kind in (("png", "PNG"), ("jpg", "JPEG"), ("bmp", "BMP")):
        data = io.BytesIO()
        Image.new("L", (6, 4), 255).save(data, kind)
        found[ending] = data.getvalue()
    return found


_BLANK = _drawn()
#: The parts of a data set: train, validation, test.
_SHARES = (0.7, 0.1, 0.2)


def label_of(number: int) -> str:
    return rf"\frac {{ {number} }} {{ x _ {{ {number % 7} }} }} + y"


def picture_of(number: int, ending: str) -> bytes:
    """A different picture for every number: the number follows the end of the image, where a decoder stops reading."""
    return _BLANK[ending] + str(number).encode()


def cut(rows: int, names: Sequence[str]) -> list[tuple[str, range]]:
    """Consecutive rows for each split."""
    edges = [0]
    for share in _SHARES[: len(names) - 1]:
        edges.append(edges[-1] + max(1, int(rows * share)))
    return [(name, range(a, b)) for name, a, b in zip(names, edges, [*edges[1:], rows], strict=True)]


def _put(path: Path, data: str | bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data.encode() if isinstance(data, str) else data)


class _Pictures:
    """Writes pictures into one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)

    def put(self, name: str, number: int) -> bytes:
        data = picture_of(number, name.rpartition(".")[2].lower())
        with (self.folder / name).open("wb") as file:
            file.write(data)
        return data


def _lines(rows: Iterable[str]) -> str:
    return "".join(f"{row}\n" for row in rows)


# Name and label on a line ---------------------------------------------------------------------------------------------


def hmer(folder: Path, rows: int) -> list[Sample]:
    """CAN, PosFormer, TAMER: train/caption.txt with train/img/*.bmp, and a folder for each test set."""
    samples = []
    for split, part in cut(rows, ("train", "2014", "2016")):
        pictures = _Pictures(folder / split / "img")
        _put(folder / split / "caption.txt", _lines(f"{split}_{n}_em\t{label_of(n)}" for n in part))
        called = "train" if split == "train" else f"test_{split}"  # a year alone is a test set of CROHME
        samples += [Sample(called, pictures.put(f"{split}_{n}_em.bmp", n), label_of(n)) for n in part]
    _put(folder / "dictionary.txt", "!\n(\n\\frac\nx\n")
    _put(folder / "words_dict.txt", "eos\nsos\n\\frac\n")
    _put(folder / "2014" / "results.log", "ExpRate 56.2\n")
    return samples


def hmer_below(folder: Path, rows: int) -> list[Sample]:
    """The same, unpacked from data_crohme.zip: a folder deeper, with a README beside it."""
    _put(folder / "README.md", "# CROHME\n")
    return hmer(folder / "data" / "crohme", rows)


def hme100k(folder: Path, rows: int) -> list[Sample]:
    """HME100K as published: a label file and a folder of photographs for train and test, with the dictionary."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        pictures = _Pictures(folder / f"{split}_images")
        _put(folder / f"{split}_labels.txt", _lines(f"{split}_{n}.jpg \t{label_of(n)}" for n in part))
        samples += [Sample(split, pictures.put(f"{split}_{n}.jpg", n), label_of(n)) for n in part]
    _put(folder / "dictionary.txt", "!\n(\n\\frac\nx\n")
    return samples


def hme100k_split_folders(folder: Path, rows: int) -> list[Sample]:
    """HME100K as SAN and others unpack it: train/train_labels.txt with train/train_images."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        pictures = _Pictures(folder / split / f"{split}_images")
        _put(folder / split / f"{split}_labels.txt", _lines(f"{split}_{n}.jpg\t{label_of(n)}" for n in part))
        samples += [Sample(split, pictures.put(f"{split}_{n}.jpg", n), label_of(n)) for n in part]
    _put(folder / "subset_list.txt", _lines(f"train_{n}.jpg" for n in range(rows // 2)))
    return samples


def mlhme38k(folder: Path, rows: int) -> list[Sample]:
    """MLHME-38K: train_labels.txt (name, TAB, label of several lines) with train_images, and the same for test."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        pictures = _Pictures(folder / f"{split}_images")
        labels = {n: rf"\begin{{matrix}} {label_of(n)} \\ y = {n} \end{{matrix}}" for n in part}
        _put(folder / f"{split}_labels.txt", _lines(f"{split}_{n}.jpg\t{labels[n]}" for n in part))
        samples += [Sample(split, pictures.put(f"{split}_{n}.jpg", n), labels[n]) for n in part]
    return samples


def paddle(folder: Path, rows: int) -> list[Sample]:
    """PaddleOCR: rec_gt_train.txt with paths below the folder, a TAB and the label; the dictionary is beside them."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        pictures = _Pictures(folder / split)
        _put(folder / f"rec_gt_{split}.txt", _lines(f"{split}/word_{n:03d}.png\t{label_of(n)}" for n in part))
        samples += [Sample(split, pictures.put(f"word_{n:03d}.png", n), label_of(n)) for n in part]
    _put(folder / "latex_ocr_tokenizer.json", '{"version": "1.0", "model": {"type": "BPE"}}')
    return samples


def paddlex(folder: Path, rows: int) -> list[Sample]:
    """PaddleX's formula data: train.txt and val.txt with `images/NAME`, TAB, label; all pictures in images."""
    samples = []
    pictures = _Pictures(folder / "images")
    for split, part in cut(rows, ("train", "val")):
        _put(folder / f"{split}.txt", _lines(f"images/{split}_{n:07d}.png\t{label_of(n)}" for n in part))
        samples += [Sample(split, pictures.put(f"{split}_{n:07d}.png", n), label_of(n)) for n in part]
    _put(folder / "dict.txt", "a\nb\n")
    return samples


# One label per line, pictures by number -------------------------------------------------------------------------------


def unimer(folder: Path, rows: int) -> list[Sample]:
    """UniMER: UniMER-1M with train.txt and images (some are not published), and four test sets."""
    parts = cut(rows, ("train", "cpe", "spe"))
    samples = []
    for split, part in parts:
        base = folder / ("UniMER-1M" if split == "train" else "UniMER-Test")
        pictures = _Pictures(base / ("images" if split == "train" else split))
        _put(base / f"{split}.txt", _lines(label_of(n) for n in part))
        for at, n in enumerate(part):
            lost = split == "train" and at % 10 == 3
            named = split if split == "train" else f"UniMER-Test_{split}"
            samples.append(Sample(named, None if lost else pictures.put(f"{at:07d}.png", n), label_of(n)))
    return samples


def from_one(folder: Path, rows: int) -> list[Sample]:
    """Pictures 1.png to N.png beside N labels."""
    pictures = _Pictures(folder / "images")
    _put(folder / "labels.txt", _lines(label_of(n) for n in range(rows)))
    return [Sample(None, pictures.put(f"{n + 1}.png", n), label_of(n)) for n in range(rows)]


def latex_ocr(folder: Path, rows: int) -> list[Sample]:
    """LaTeX-OCR (pix2tex): one math.txt for the folders train, val and test; pictures are named by its line numbers."""
    folders = {split: _Pictures(folder / split) for split in ("train", "val", "test")}
    _put(folder / "math.txt", _lines(label_of(n) for n in range(rows)))
    samples = []
    for n in range(rows):
        split = ("train", "val", "train", "test", "train")[n % 5]
        if n % 25 == 2:
            continue  # some formulas have no picture
        samples.append(Sample(split, folders[split].put(f"{n:07d}.png", n), label_of(n)))
    _put(folder / "tokenizer.json", '{"version": "1.0", "model": {"type": "BPE"}}')
    return samples


def latex_ocr_pro(folder: Path, rows: int) -> list[Sample]:
    """LaTeX_OCR_PRO: formulas/, matching/ and images/ are separate; matching lines are `NAME LINE`."""
    samples = []
    for split, part in cut(rows, ("train", "val", "test")):
        pictures = _Pictures(folder / "images" / f"images_{split}")
        _put(folder / "formulas" / f"{split}.formulas.norm.txt", _lines(label_of(n) for n in part))
        order = list(reversed(range(len(part))))  # an index may be in any order
        _put(folder / "matching" / f"{split}.matching.txt", _lines(f"{at}.png {at}" for at in order))
        samples += [Sample(split, pictures.put(f"{at}.png", part[at]), label_of(part[at])) for at in order]
    _put(folder / "formulas" / "vocab.txt", "\\frac\nx\n")
    _put(folder / "data.json", '{"dir_images_train": "images/images_train/", "max_iter": 100}')
    _put(folder / "images" / "bad_images.txt", "3.png\n7.png\n")
    _put(folder / "images" / "error_train.txt", "3.png 3\n")
    return samples


# im2latex -------------------------------------------------------------------------------------------------------------


def _im2latex(folder: Path, rows: int, formulas: str, index: str, images: str, line: str) -> list[Sample]:
    pictures = _Pictures(folder / images)
    _put(folder / formulas, _lines(label_of(n) for n in range(rows)))
    samples = []
    for split, part in cut(rows, ("train", "validate", "test")):
        names = {n: f"{n * 2654435761 % (1 << 32):08x}ab" for n in reversed(part)}
        _put(folder / index.format(split), _lines(line.format(line=n, name=name) for n, name in names.items()))
        samples += [Sample(split, pictures.put(f"{name}.png", n), label_of(n)) for n, name in names.items()]
    return samples


def im2latex_zenodo(folder: Path, rows: int) -> list[Sample]:
    """im2latex-100k on Zenodo: `LINE NAME KIND` in im2latex_train.lst, pictures in formula_images, a readme."""
    samples = _im2latex(
        folder, rows, "im2latex_formulas.lst", "im2latex_{}.lst", "formula_images", "{line} {name} basic"
    )
    _put(folder / "readme.txt", "im2latex_[...].lst files\n")
    return samples


def im2markup(folder: Path, rows: int) -> list[Sample]:
    """im2markup: `NAME LINE` in im2latex_train_filter.lst, normalised formulas, formula_images_processed."""
    samples = _im2latex(
        folder,
        rows,
        "im2latex_formulas.norm.lst",
        "im2latex_{}_filter.lst",
        "formula_images_processed",
        "{name}.png {line}",
    )
    _put(folder / "latex_vocab.txt", "\\frac\nx\n")
    return samples


def im2latex_tabs(folder: Path, rows: int) -> list[Sample]:
    """The same indexes with TABs, in a folder of their own."""
    return [
        *_im2latex(folder, rows, "formulas/formulas.lst", "splits/{}.lst", "images", "{line}\t{name}"),
    ]


def im2latex_kaggle(folder: Path, rows: int) -> list[Sample]:
    """im2latex on Kaggle: a `formula,image` table for each split, the formulas again, pictures two folders deep."""
    pictures = _Pictures(folder / "formula_images_processed" / "formula_images_processed")
    samples = []
    for split, part in cut(rows, ("train", "validate", "test")):
        table = _lines(["formula,image", *(f'"{label_of(n)}",{n:010x}.png' for n in part)])
        _put(folder / f"im2latex_{split}.csv", table)
        samples += [Sample(split, pictures.put(f"{n:010x}.png", n), label_of(n)) for n in part]
    _put(folder / "im2latex_formulas.norm.csv", _lines(["formulas", *(label_of(n) for n in range(rows))]))
    return samples


def im2latex_parquet(folder: Path, rows: int) -> list[Sample]:
    """im2latex in Parquet: train.parquet and so on, with `formula`, and `image` as bytes and path."""
    samples = []
    folder.mkdir(parents=True, exist_ok=True)
    for split, part in cut(rows, ("train", "val", "test")):
        data = [{"bytes": picture_of(n, "png"), "path": f"{n:x}.png"} for n in part]
        pl.DataFrame({"formula": [label_of(n) for n in part], "image": data}).write_parquet(folder / f"{split}.parquet")
        samples += [Sample(split, image["bytes"], label_of(n)) for n, image in zip(part, data, strict=True)]
    _put(folder / "dataset_infos.json", '{"default": {"features": {}}}')
    return samples


# JSON -----------------------------------------------------------------------------------------------------------------


def _m2e(folder: Path, rows: int, images: str) -> list[Sample]:
    pictures = _Pictures(folder / images)
    samples = []
    for split, part in cut(rows, ("train", "val", "test")):
        _put(folder / f"{split}.jsonl", _lines(json.dumps({"name": f"{n}.jpg", "tex": label_of(n)}) for n in part))
        samples += [Sample(split, pictures.put(f"{n}.jpg", n), label_of(n)) for n in part]
    _put(folder / "tokens.json", '{"\\\\frac": 0, "x": 1}')
    return samples


def m2e(folder: Path, rows: int) -> list[Sample]:
    """M²E: train|val|test.jsonl with the pictures in images."""
    return _m2e(folder, rows, "images")


def m2e_capital(folder: Path, rows: int) -> list[Sample]:
    """M²E with the pictures in Images."""
    return _m2e(folder, rows, "Images")


def texteller(folder: Path, rows: int) -> list[Sample]:
    """TexTeller: formulas.jsonl with `img_name` and `formula`, pictures in images, the loader's script beside them."""
    pictures = _Pictures(folder / "images")
    table = (json.dumps({"img_name": f"{n}.png", "formula": label_of(n)}) for n in range(rows))
    _put(folder / "formulas.jsonl", _lines(table))
    _put(folder / "loader.py", "import datasets\n")
    return [Sample(None, pictures.put(f"{n}.png", n), label_of(n)) for n in range(rows)]


# Numbers and names ----------------------------------------------------------------------------------------------------


def table_of_ids(folder: Path, rows: int) -> list[Sample]:
    """A table with numbers as ids, and pictures that are named by these numbers with leading zeros."""
    pictures = _Pictures(folder / "images")
    _put(folder / "labels.csv", _lines(["id,latex", *(f"{n},{label_of(n)}" for n in range(rows))]))
    return [Sample(None, pictures.put(f"{n:05}.png", n), label_of(n)) for n in range(rows)]


def pandas_table(folder: Path, rows: int) -> list[Sample]:
    """What pandas' `to_json` writes by default: a table as one object, by columns."""
    pictures = _Pictures(folder / "images")
    columns = {"image": [f"{n}.png" for n in range(rows)], "latex": [label_of(n) for n in range(rows)]}
    table = {name: dict(zip(map(str, range(rows)), cells, strict=True)) for name, cells in columns.items()}
    _put(folder / "labels.json", json.dumps(table))
    return [Sample(None, pictures.put(f"{n}.png", n), label_of(n)) for n in range(rows)]


def lines_with_prefix(folder: Path, rows: int) -> list[Sample]:
    """A formula a line, and pictures with the same text before their number."""
    pictures = _Pictures(folder / "images")
    _put(folder / "formulas.txt", _lines(map(label_of, range(rows))))
    return [Sample(None, pictures.put(f"img_{n}.png", n), label_of(n)) for n in range(rows)]


# What `datasets` writes -----------------------------------------------------------------------------------------------


def _features(part: range) -> tuple[dict[str, list[object]], list[bytes]]:
    data = [picture_of(n, "png") for n in part]
    images: list[object] = [{"bytes": picture, "path": f"{n}.png"} for n, picture in zip(part, data, strict=True)]
    return {"image": images, "label": [label_of(n) for n in part]}, data


def _dataset(columns: dict[str, list[object]]) -> object:
    import datasets

    features = datasets.Features({"image": datasets.Image(), "label": datasets.Value("string")})
    return datasets.Dataset.from_dict(columns, features=features)


def saved_dataset(folder: Path, rows: int) -> list[Sample]:
    """`Dataset.save_to_disk`."""
    columns, data = _features(range(rows))
    _dataset(columns).save_to_disk(folder)  # type: ignore[attr-defined]
    return [Sample(None, picture, label_of(n)) for n, picture in enumerate(data)]


def saved_dict(folder: Path, rows: int) -> list[Sample]:
    """`DatasetDict.save_to_disk`."""
    import datasets

    samples, found = [], {}
    for split, part in cut(rows, ("train", "test")):
        columns, data = _features(part)
        found[split] = _dataset(columns)
        samples += [Sample(split, picture, label_of(n)) for n, picture in zip(part, data, strict=True)]
    datasets.DatasetDict(found).save_to_disk(folder)
    return samples


def imagefolder(folder: Path, rows: int) -> list[Sample]:
    """`datasets`' image folders: a folder for each split, with metadata.csv and the pictures."""
    samples = []
    for split, part in cut(rows, ("train", "validation", "test")):
        pictures = _Pictures(folder / split)
        _put(folder / split / "metadata.csv", _lines(["file_name,text", *(f"{n}.png,{label_of(n)}" for n in part)]))
        samples += [Sample(split, pictures.put(f"{n}.png", n), label_of(n)) for n in part]
    _put(folder / "README.md", "---\ndataset_info: x\n---\n")
    return samples


def configurations(folder: Path, rows: int) -> list[Sample]:
    """Two configurations, the first of which is the default, as the front matter of README.md says."""
    configs = "".join(
        f"- config_name: {name}\n  data_files:\n  - split: train\n    path: {name}/*.parquet\n{default}"
        for name, default in (("full", "  default: true\n"), ("half", ""))
    )
    _put(folder / "README.md", f"---\nconfigs:\n{configs}---\n")
    samples = []
    for name, count in (("full", rows), ("half", rows // 2)):
        (folder / name).mkdir(parents=True)
        data = [{"bytes": picture_of(n, "png"), "path": f"{n}.png"} for n in range(count)]
        frame = pl.DataFrame({"label": list(map(label_of, range(count))), "image": data})
        frame.write_parquet(folder / name / "train-00000-of-00001.parquet")
        if name == "full":
            samples = [Sample("train", image["bytes"], label_of(n)) for n, image in enumerate(data)]
    return samples


def text_per_image(folder: Path, rows: int) -> list[Sample]:
    """A text file for each picture, in a folder for each split."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        pictures = _Pictures(folder / split)
        for n in part:
            _put(folder / split / f"{n}.txt", label_of(n))
            samples.append(Sample(split, pictures.put(f"{n}.jpg", n), label_of(n)))
    return samples


# Strokes --------------------------------------------------------------------------------------------------------------


_INK = '<ink xmlns="http://www.w3.org/2003/InkML">\n{}<trace id="0">1 2, 3 4</trace>\n</ink>\n'


def crohme_ink(folder: Path, rows: int) -> list[Sample]:
    """CROHME's InkML: a folder for each split, with a folder for each part in it."""
    samples = []
    for split, part in cut(rows, ("train", "test")):
        for n in part:
            truth = f'<annotation type="truth">{label_of(n)}</annotation>\n'
            _put(folder / "INKML" / split / f"{split}_{n}.inkml", _INK.format(truth))
            samples.append(Sample(split, STROKES, label_of(n)))
    _put(folder / "readme.txt", "CROHME\n")
    return samples


def mathwriting_ink(folder: Path, rows: int) -> list[Sample]:
    """MathWriting: train, valid and test folders of InkML, with a readme and symbols."""
    samples = []
    for split, part in cut(rows, ("train", "valid", "test")):
        for n in part:
            label = f'<annotation type="label">{label_of(n)}</annotation>\n'
            normal = f'<annotation type="normalizedLabel">{label_of(n)}</annotation>\n'
            _put(folder / split / f"{n:016x}.inkml", _INK.format(label + normal))
            samples.append(Sample(split, STROKES, label_of(n)))
    _put(folder / "readme.md", "MathWriting\n")
    _put(folder / "symbols.jsonl", '{"sourceSampleId": "1", "strokeIndices": [1], "label": "x"}\n')
    return samples


LAYOUTS: tuple[Layout, ...] = (
    Layout("HMER, caption.txt and img/", "crohme", hmer),
    Layout("HMER, unpacked two folders deep", "crohme", hmer_below),
    Layout("HME100K", "hme100k", hme100k),
    Layout("HME100K, a folder a split", "hme100k", hme100k_split_folders),
    Layout("MLHME-38K", "mlhme38k", mlhme38k),
    Layout("M2E, images/", "m2e", m2e),
    Layout("M2E, Images/", "m2e", m2e_capital),
    Layout("im2latex, Zenodo's .lst", "im2latex", im2latex_zenodo),
    Layout("im2latex, im2markup's .lst", "im2latex", im2markup),
    Layout("im2latex, indexes with TABs apart", "im2latex", im2latex_tabs),
    Layout("im2latex, Kaggle's tables", "im2latex", im2latex_kaggle),
    Layout("im2latex, parquet", "parquet", im2latex_parquet),
    Layout("LaTeX-OCR", "unimer", latex_ocr),
    Layout("LaTeX_OCR_PRO", "im2latex", latex_ocr_pro),
    Layout("UniMER", "unimer", unimer),
    Layout("pictures from 1", "unimer", from_one),
    Layout("TexTeller", "jsonl", texteller),
    Layout("a table of ids", "csv", table_of_ids),
    Layout("a table that pandas wrote", "jsonl", pandas_table),
    Layout("lines, and pictures with a prefix", "unimer", lines_with_prefix),
    Layout("PaddleOCR lists", "hme100k", paddle),
    Layout("PaddleX lists", "hme100k", paddlex),
    Layout("CROHME InkML", "crohme", crohme_ink),
    Layout("MathWriting InkML", "mathwriting", mathwriting_ink),
    Layout("save_to_disk, Dataset", "hf", saved_dataset),
    Layout("save_to_disk, DatasetDict", "hf", saved_dict),
    Layout("two configurations", "hf", configurations),
    Layout("image folder with metadata", "imagefolder", imagefolder),
    Layout("a text file for each picture", "mlhme38k", text_per_image),
)
