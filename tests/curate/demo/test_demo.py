"""The demo's defects are where planted.jsonl says, the rest is correct, and a seed always gives the same bytes."""

from __future__ import annotations

import hashlib
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from curate import demo
from curate.base.errors import UserError
from curate.demo import DemoData, make_demo
from curate.demo.defects import PLANTS, Plant, plant
from curate.demo.grammar import FIRST_ROW
from curate.render import render_svg


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> DemoData:
    return make_demo(tmp_path_factory.mktemp("demo") / "data")


def labels_on_disk(root: Path) -> dict[str, str]:
    """Labels by sample id, read as simply as the formats allow, so that the test doesn't rely on our own readers."""
    found = {}
    for line in (root / "m2e/train.jsonl").read_text("utf-8").splitlines():
        row = json.loads(line)
        found[f"m2e/train/{row['name']}"] = row["tex"]
    for line in (root / "hme100k/train_labels.txt").read_text("utf-8").split("\n")[:-1]:
        name, label = line.split("\t")
        assert name.endswith(" ")
        found[f"hme100k/train/{name.strip()}"] = label
    formulas = (root / "im2latex/formulas.lst").read_text("latin-1").split("\n")
    for split in ("train", "validate", "test"):
        for line in (root / f"im2latex/{split}.lst").read_text("utf-8").splitlines():
            number, name, _ = line.split(" ")
            found[f"im2latex/{split}/{name}"] = formulas[int(number)]
    return found


def image_of(root: Path, sample_id: str) -> Path:
    source, _, name = sample_id.split("/")
    return root / source / "images" / (name if "." in name else f"{name}.png")


def test_every_sample_is_there_once_and_most_are_clean(made: DemoData) -> None:
    labels = labels_on_disk(made.root)
    assert made.samples == {"m2e": 100, "hme100k": 100, "im2latex": 100}
    assert len(labels) == 300
    assert len({row.sample_id for row in made.planted}) == len(made.planted) == len(PLANTS)
    assert len(made.planted) <= 0.25 * len(labels)


def test_planted_rows_point_at_the_defect(made: DemoData) -> None:
    labels = labels_on_disk(made.root)
    rows = [json.loads(line) for line in made.planted_file.read_text("utf-8").split("\n")[:-1]]
    assert len(rows) == len(made.planted)
    for row in rows:
        assert row["label"] == labels[row["sample_id"]]
        if row["kind"] == "missing-image":
            assert row["start"] is row["end"] is None
            assert row["label"] == row["original"]
        else:
            assert 0 <= row["start"] < row["end"] <= len(row["label"])
            assert row["label"] != row["original"]
    marked = {(row["kind"], row["label"][row["start"] : row["end"]]) for row in rows if row["start"] is not None}
    for expected in (
        ("eaten-escape-tab", "\times"),
        ("eaten-escape-form-feed", "\frac"),
        ("eaten-escape-carriage-return", "\rho"),
        ("eaten-escape-line-feed", "\neq"),
        ("eaten-escape-backspace", "\beta"),
        ("eaten-escape-vertical-tab", "\vec"),
        ("eaten-escape-bell", "\alpha"),
        ("double-escaped-command", r"\\frac"),
        ("object-object", "[object Object]"),
        ("cut-at-percent", "\\"),
        ("html-entity", "&lt;"),
        ("trailing-layout-token", r"\t"),
    ):
        assert expected in marked


def test_there_are_enough_kinds_of_defects() -> None:
    assert len({row.kind for row in PLANTS}) >= 30
    families = Counter(row.rule.rstrip("0123456789") for row in PLANTS)
    assert set(families) == {"ESC", "DLM", "SYN", "CMD", "ENV", "NRM", "PAR"}


def test_the_first_row_is_the_one_of_the_report(made: DemoData) -> None:
    first = (made.root / "m2e/train.jsonl").read_text("utf-8").split("\n")[0]
    assert first == (r'{"name": "0.jpg", "tex": "1 5 . 4 \\times 4 = 6 1 . 6 \\t 1 5 . 4 \\n \\times 4 \\n 6 1 . 6"}')
    assert FIRST_ROW.drawn.startswith(r"\begin{tabular}{l}")
    assert all(row.sample_id != "m2e/train/0.jpg" for row in made.planted)


def test_images_are_there_unless_planted_as_missing(made: DemoData) -> None:
    missing = {row.sample_id for row in made.planted if row.kind == "missing-image"}
    assert len(missing) == 5
    for sample_id in labels_on_disk(made.root):
        path = image_of(made.root, sample_id)
        assert path.is_file() == (sample_id not in missing)
        if path.is_file():
            with Image.open(path) as image:
                image.load()
                assert image.format == ("PNG" if path.suffix == ".png" else "JPEG")
                assert min(image.size) >= 28
                assert image.convert("L").getextrema()[0] < 128, "no ink"


def test_clean_labels_can_be_drawn_and_spoiled_ones_differ(made: DemoData) -> None:
    planted = {row.sample_id for row in made.planted}
    for sample_id, label in list(labels_on_disk(made.root).items())[::5]:
        if sample_id not in planted and not sample_id.startswith("m2e"):
            assert render_svg(label)


def contents(root: Path) -> dict[str, str]:
    files = (path for path in root.rglob("*") if path.is_file() and path.parent.name != "images")
    return {path.relative_to(root).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_the_same_seed_gives_the_same_label_files(monkeypatch, tmp_path: Path, made: DemoData) -> None:
    png = demo.render_png("x")
    monkeypatch.setattr(demo, "render_png", lambda label, scale: png)
    again = make_demo(tmp_path / "again")
    assert contents(again.root) == contents(made.root)
    assert again.planted == made.planted


def test_the_same_seed_gives_the_same_pictures_in_another_process(made: DemoData) -> None:
    code = (
        "import hashlib; from curate import demo\n"
        "for of in demo._plan(0, demo.SIZE):\n"
        "    for number in (99, 0, 47): print(hashlib.sha256(demo._picture(of, number, 0)).hexdigest())"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    expected = []
    for of in demo._plan(0, demo.SIZE):
        for number in (99, 0, 47):
            expected.append(hashlib.sha256(image_of(made.root, of.ids[number]).read_bytes()).hexdigest())
    assert done.stdout.split() == expected


def test_labels_do_not_change_from_version_to_version(made: DemoData) -> None:
    """A pinned digest: it may change only with the grammar or the defects, never with Python, the machine or chance."""
    whole = json.dumps(sorted(labels_on_disk(made.root).items()))
    assert hashlib.sha256(whole.encode()).hexdigest()[:16] == "9539a2036ffa62d4"


@pytest.mark.parametrize("seed", range(1, 40))
def test_every_seed_finds_a_label_for_every_defect(seed: int) -> None:
    sets = demo._plan(seed, demo.SIZE)
    assert sum(len(one.spoiled) for one in sets) == len(PLANTS)
    for one in sets:
        assert len(set(one.labels)) == len({formula.label for formula in one.formulas}) == demo.SIZE
        assert not any("\n" in label or "\r" in label for label in one.labels) or one.name == "m2e"


def test_another_seed_gives_other_labels() -> None:
    one, other = demo._plan(0, demo.SIZE), demo._plan(1, demo.SIZE)
    assert one[1].labels != other[1].labels


def test_an_existing_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="already exists"):
        make_demo(tmp_path)


def test_a_defect_without_prey_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(demo.defects, "PLANTS", (Plant("m2e", "k", "ESC5", "z", "«y»"),))
    with pytest.raises(ValueError, match="no label left for k in m2e"):
        plant("m2e", ["a"], demo.Random(0))


def test_progress_and_sources(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    png = demo.render_png("x")
    monkeypatch.setattr(demo, "render_png", lambda label, scale: png)
    seen: list[tuple[int, int]] = []
    data = make_demo(tmp_path / "d", progress=lambda done, of: seen.append((done, of)))
    assert seen[0] == (1, 300)
    assert seen[-1] == (300, 300)
    assert data.sources == (
        f"m2e=m2e:{tmp_path}/d/m2e/train.jsonl#train",
        f"hme100k=hme100k:{tmp_path}/d/hme100k/train_labels.txt#train",
        f"im2latex=im2latex:{tmp_path}/d/im2latex",
    )
