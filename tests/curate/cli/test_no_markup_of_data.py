"""No page or SVG that a command writes contains markup from the data: no script, no link, no request."""

from __future__ import annotations

import json
from pathlib import Path

import polars as pl
import pytest
from markup import PAYLOADS, wrong_in_page, wrong_in_svg
from PIL import Image

from curate.base.terminal import run
from curate.cli.main import main_group as curate
from finetune.cli.main import main_group as finetuning


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The output of all commands for hostile data: labels, names, ids, columns, predictions."""
    folder = tmp_path_factory.mktemp("hostile")
    rows, answers = [], []
    for place, payload in enumerate([*PAYLOADS, *(f"x^2 + {payload}" for payload in PAYLOADS)]):
        name = f"{place}{payload.replace('/', '_')}"[:80] + ".png"
        pixels = Image.new("L", (90 + place, 40), 255)
        pixels.paste(0, (10, 10, 60 + place, 30))
        pixels.save(folder / name)
        rows.append({"id": f"{place}{payload}", "latex": payload, "image": name, payload: payload, "writer": payload})
        answers.append({"sample_id": f"set/{place}", "gt": f"x + {payload}", "pred": payload, "image": name})
    for name, made in (("set.jsonl", rows), ("two.jsonl", rows[::2]), ("answers.jsonl", answers)):
        (folder / name).write_text("".join(json.dumps(row) + "\n" for row in made), encoding="utf-8")
    others = [{**row, "pred": "x"} for row in answers]
    (folder / "others.jsonl").write_text("".join(json.dumps(row) + "\n" for row in others), encoding="utf-8")
    out = folder / "out"
    source = str(folder / "set.jsonl")
    for program, group, arguments in (
        ("curate", curate, ["audit", source, "--out", out / "run"]),
        ("curate", curate, ["audit", folder / "two.jsonl", "--out", out / "two"]),
        ("curate", curate, ["diff", out / "run", out / "two", "--page", out / "diff.html"]),
        ("curate", curate, ["render", source, "--out", out / "drawn", "--format", "svg"]),
        ("curate", curate, ["export", out / "run", "--out", out / "set", "--keep", "error,warning"]),
        ("finetune", finetuning, ["evaluate", folder / "answers.jsonl", "--out", out / "scores"]),
        ("finetune", finetuning, ["compare", *(folder / f"{n}.jsonl" for n in ("answers", "others")),
            "--out", out / "c.html"]),
    ):  # fmt: skip
        assert run(program, group, list(map(str, arguments))) == 0, arguments
    return out


def test_pages_and_cards(written: Path) -> None:
    pages = [path for path in written.rglob("*") if path.suffix in (".html", ".md")]
    assert {"report.html", "diff.html", "c.html", "README.md"} <= {path.name for path in pages}
    assert {path.name: wrong for path in pages if (wrong := wrong_in_page(path.read_text(encoding="utf-8")))} == {}


def test_pictures(written: Path) -> None:
    svgs = sorted(written.rglob("*.svg"))
    assert len(svgs) > 10
    assert {path.parent.name for path in svgs} >= {"drawn", "assets", "scores"}
    assert {path.name: wrong for path in svgs if (wrong := wrong_in_svg(path.read_text(encoding="utf-8")))} == {}


@pytest.mark.parametrize("payload", PAYLOADS)
def test_what_a_page_may_not_hold_is_seen(payload: str) -> None:
    runs = "<script>", "<img", "<svg onload", "</style><style>"
    page = f"<html><p title='{payload}'>{payload}</p><style>{payload}</style></html>"
    assert bool(wrong_in_page(page)) or not any(part in payload for part in runs)


@pytest.mark.parametrize(
    "body",
    [
        "<script>1</script>",
        "<image href='x.png'/>",
        "<a href='#x'><path d='M0 0'/></a>",
        "<path d='M0 0' onclick='x'/>",
        "<use href='http://x/y.svg#a'/>",
        "<foreignObject/>",
        "<style>*{background:url(//broken)}</style>",
        "<rect style='background:url(x)'/>",
    ],
)
def test_what_an_svg_may_not_hold_is_seen(body: str) -> None:
    assert wrong_in_svg(f'<svg xmlns="http://www.w3.org/2000/svg">{body}</svg>')


def test_texts_are_there_all_the_same(written: Path) -> None:
    """The pages aren't clean just because they leave the data out."""
    labels = pl.read_parquet(written / "run" / "samples.parquet")["label"].to_list()
    assert set(PAYLOADS) <= set(labels)
    report = (written / "run" / "report.html").read_text(encoding="utf-8")
    assert "&lt;script&gt;window.broken" in report
