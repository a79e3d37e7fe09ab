"""Writes docs/cdm-differences.md: the items for which `cdm` and the scores published for TexTeller differ, with
pictures.

Run `python benchmarks/cdm_differences.py` with the published predictions beside the project. It stops at an item that
nobody has looked at, whose difference must be described in SEEN first. Pictures are drawn only from the labels.
"""

from __future__ import annotations

import argparse
import html
import io
import json
import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from PIL import Image, ImageChops, ImageDraw  # noqa: E402

from curate.predictions.rows import Prediction, read_predictions  # noqa: E402
from curate.render import render_png  # noqa: E402
from finetune.metrics.evaluation import evaluate  # noqa: E402

PAGE = ROOT / "docs" / "cdm-differences.md"
PICTURES = ROOT / "docs" / "cdm"
#: The widest picture with truth and prediction side by side; in wider ones, the truth is above.
BESIDE_PX = 860
WIDEST_PX = 900

#: What the pictures show to be different in the prediction, by item.
SEEN = {
    "514_em_336": "the s is a subscript",
    "514_em_330": "the g is a subscript",
    "519_em_445": "the s is a subscript",
    "RIT_2014_298": "in the exponent, the x is a subscript",
    "RIT_2014_127": "the equals sign is on the line; in the truth it is a small subscript",
    "RIT_2014_185": "the first π is on the line; in the truth it is an exponent",
    "RIT_2014_51": "the second and third commas are subscripts: smaller and lower",
    "510_em_106": "the first root ends before the b",
    "506_em_63": "the last root also covers the y",
    "RIT_2014_191": "everything after the limit is small, below it",
    "505_em_51": "both rows of dots are on the line; in the truth they are at half height",
    "34_em_238": "the dots are on the line; in the truth they are at half height",
    "37_em_32": "the dots are on the line; in the truth they are at half height",
    "18_em_2": "the dots are at half height; in the truth they are on the line",
    "20_em_31": "the last letter is a script I",
    "RIT_2014_269": "both letters are Fraktur",
    "28_em_126": "the limits of the sum are beside it; in the truth they are below and above",
    "RIT_2014_162": "the limits of both sums are beside them; in the truth they are below and above",
    "512_em_276": "the limits of the integral are beside it; in the truth they are below and above",
}
#: Items that are wrong in both scores are listed if the scores differ by more than this.
FAR = 0.05
#: The reasons for our scores of these items.
SEEN_FAR = {
    "18_em_21": r"`\1110` isn't a command: LaTeX stops there and nothing is drawn, so the score is 0",
    "RIT_2014_276": "10 marks are right, of 21 in the truth and 19 in the prediction",
    "28_em_147": "2 of 3 marks are right, both brackets",
    "RIT_2014_69": "all 9 marks are right, of 37 in the truth",
    "27_em_100": "3 of 4 marks are right: the root's sign, its line and a digit",
    "RIT_2014_274": "15 of 17 marks are right: an extra dot after the a, and `α b` is an a",
}


@dataclass(frozen=True)
class Item:
    """One pair, with both scores from 0 to 1."""

    row: Prediction
    ours: float
    theirs: float


def items(data: Path) -> tuple[list[Item], dict[str, float]]:
    """All pairs, in the file's order, and our metrics of them."""
    folder = data / "predictions"
    theirs = json.loads((folder / "texteller_crohme_2014_cdm.json").read_text(encoding="utf-8"))["details"]
    rows = read_predictions(folder / "texteller_crohme_2014_pred.json")
    found = evaluate(rows, characters=True, rules=False)
    ours = found.numbers.column("cdm").tolist()
    metrics = {name: float(value) for name, value in found.numbers.figures().items()}
    return [Item(row, one, theirs[row.sample_id]["F1_score"]) for row, one in zip(rows, ours, strict=True)], metrics


def verdicts_differ(of: Sequence[Item]) -> list[Item]:
    """Items that one side calls right and the other wrong."""
    return [item for item in of if (item.ours == 1) != (item.theirs == 1)]


def scores_differ(of: Sequence[Item]) -> list[Item]:
    """Items that both call wrong, with scores further apart than FAR, furthest first."""
    wrong = [item for item in of if item.ours < 1 and item.theirs < 1 and abs(item.ours - item.theirs) > FAR]
    return sorted(wrong, key=lambda item: -abs(item.ours - item.theirs))


def page(of: Sequence[Item], metrics: dict[str, float]) -> str:
    """The page's text. Raises SystemExit for an item that SEEN lacks."""
    differ, far = verdicts_differ(of), scores_differ(of)
    for some, seen in ((differ, SEEN), (far, SEEN_FAR)):
        for item in some:
            if item.row.sample_id not in seen:
                raise SystemExit(f"{item.row.sample_id}: look at its pictures and describe the difference in SEEN")
    differ.sort(key=lambda item: list(SEEN).index(item.row.sample_id))
    right = sum(item.ours < 1 for item in differ)
    mean = sum(abs(item.ours - item.theirs) for item in of) / len(of)
    lines = [
        "<!-- Made by `python benchmarks/cdm_differences.py` from the published predictions: change it there. -->",
        "# Where `cdm` and published scores differ",
        "",
        f"The scores published for TexTeller's predictions on CROHME-2014 ({len(of)} items) come from CDM, which finds",
        "characters in two coloured pictures; [ours](metrics.md#characters-cdm-and-exprate_cdm) gets their places",
        "from the layout engine. Published: mean 98.820, ExpRate@CDM 95.639."
        f" Ours: {metrics['cdm']:.3f} and {metrics['exprate_cdm']:.3f}.",
        f"The mean difference of an item is {mean:.4f}.",
        "",
        f"The verdicts (F1 = 1 or not) differ for {len(differ)} items, which all count as right in the published",
        f"scores. In {right} of these pairs, the pictures visibly differ, so our score is right. The truth is on the",
        "left, or above in wide pictures.",
        "",
        "| item | drawn | seen in the prediction | ours | theirs |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    for item in differ:
        name = item.row.sample_id
        lines.append(
            f"| {name} | ![{_words(item)}](cdm/{name}.png) | {SEEN[name]} | {item.ours:.3f} | {item.theirs:.3f} |"
        )
    lines += [
        "",
        f"## Wrong in both scores, which differ by more than {FAR}",
        "",
        "| item | drawn | what ours counts | ours | theirs |",
        "| --- | --- | --- | ---: | ---: |",
    ]
    for item in far:
        name = item.row.sample_id
        lines.append(
            f"| {name} | ![{_words(item)}](cdm/{name}.png) | {SEEN_FAR[name]} | {item.ours:.3f} | {item.theirs:.3f} |"
        )
    return "\n".join(lines) + "\n"


def _words(item: Item) -> str:
    """The content of a picture, for people who can't see it."""
    said = html.escape(f"{item.row.gt}  read as  {item.row.pred}")
    return said.replace("|", "&#124;").replace("[", "&#91;").replace("]", "&#93;").replace("\\", "&#92;")


def picture(item: Item) -> bytes:
    """Truth and prediction side by side, or one above the other if they are wide: a PNG with 16 greys."""
    sides = [_drawn(label) for label in (item.row.gt, item.row.pred)]
    widest, highest = (max(side.size[axis] for side in sides) for axis in (0, 1))
    beside = 2 * widest + 40 <= BESIDE_PX
    size = (2 * widest + 40, highest + 8) if beside else (widest + 8, 2 * highest + 24)
    sheet = Image.new("L", size, 255)
    pen = ImageDraw.Draw(sheet)
    if beside:
        pen.line([(widest + 20, 0), (widest + 20, size[1])], 187)
        places = [(0, 4), (widest + 40, 4)]
    else:
        pen.line([(0, highest + 12), (size[0], highest + 12)], 187)
        places = [(4, 4), (4, highest + 20)]
    for side, place in zip(sides, places, strict=True):
        sheet.paste(side, (place[0], place[1] + (highest - side.height) // 2))
    if sheet.width > WIDEST_PX:
        sheet.thumbnail((WIDEST_PX, WIDEST_PX), Image.Resampling.LANCZOS)
    levels = Image.new("P", sheet.size)
    levels.putpalette([value for level in range(16) for value in (level * 17,) * 3])
    levels.putdata(sheet.point(lambda level: round(level / 17)).tobytes())
    out = io.BytesIO()
    levels.save(out, "PNG", optimize=True, bits=4)
    return out.getvalue()


def _drawn(label: str) -> Image.Image:
    try:
        with Image.open(io.BytesIO(render_png(label, scale=1.6))) as image:
            return image.convert("L")
    except Exception:  # one of the items is no LaTeX
        blank = Image.new("L", (220, 30), 255)
        ImageDraw.Draw(blank).text((6, 8), "can't be drawn", fill=90)
        return blank


def look_alike(item: Item) -> bool:
    """Are truth and prediction the same picture, dot by dot?"""
    one, other = (_drawn(label) for label in (item.row.gt, item.row.pred))
    return one.size == other.size and ImageChops.difference(one, other).getbbox() is None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    given = os.environ.get("TEXSIEVE_SHARED_DATA")
    parser.add_argument("--data", type=Path, default=Path(given) if given else ROOT.parent / "shared" / "data")
    data = parser.parse_args().data
    if not (data / "predictions").is_dir():
        parser.error(f"{data}: has no folder `predictions`; name the shared data with --data")
    found, metrics = items(data)
    text = page(found, metrics)
    PICTURES.mkdir(exist_ok=True)
    shown = [*verdicts_differ(found), *scores_differ(found)]
    for stale in set(PICTURES.glob("*.png")) - {PICTURES / f"{item.row.sample_id}.png" for item in shown}:
        stale.unlink()
    for item in shown:
        (PICTURES / f"{item.row.sample_id}.png").write_bytes(picture(item))
    PAGE.write_text(text, encoding="utf-8", newline="\n")
    size = sum(path.stat().st_size for path in PICTURES.glob("*.png"))
    print(f"{PAGE.relative_to(ROOT)}: {len(shown)} items, pictures of {size // 1000} kB")


if __name__ == "__main__":
    main()
