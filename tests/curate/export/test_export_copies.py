"""From pictures to splits: a copy of a test picture leaves the training data, a formula of the same pattern stays."""

from __future__ import annotations

import io
import json
from pathlib import Path

from PIL import Image, ImageOps
from run_makers import dropped, exported, table

import rules
from curate.audit import AuditOptions, audit
from curate.render.drawing import render_png
from curate.sources import parse_source


def test_a_copy_leaves_training_and_a_formula_of_the_same_pattern_stays(tmp_path: Path) -> None:
    rows = [
        ("tested", "test", r"\sum_{k=2}^{\infty} x^{k} = S_{2}(x)"),
        ("pattern", "train", r"\sum_{k=7}^{\infty} x^{k} = S_{7}(x)"),
        ("sign", "train", r"\sum_{k=2}^{\infty} x^{k} = S_{2}'(x)"),
    ]
    for name, _, label in rows:
        picture = ImageOps.expand(Image.open(io.BytesIO(render_png(label))).convert("L"), 8, 255)
        picture.save(tmp_path / f"{name}.png")
    tested = Image.open(tmp_path / "tested.png")
    small = tested.resize((round(tested.width * 0.8), round(tested.height * 0.8)), Image.Resampling.BICUBIC)
    ImageOps.invert(small).save(tmp_path / "copy.png")
    rows.append(("copy", "train", r"a different label + 1"))  # so that its label doesn't give it away
    lines = [
        json.dumps({"id": name, "split": split, "label": label, "image": f"{name}.png"}) for name, split, label in rows
    ]
    (tmp_path / "set.jsonl").write_text("\n".join(lines), encoding="utf-8")
    run = audit(
        [parse_source(f"set={tmp_path / 'set.jsonl'}")], tmp_path / "run", AuditOptions(rules.select(["DUP", "IMG"]))
    )
    assert run.summary["near_duplicates"]["compared"] >= 2  # the formulas of the pattern were candidates, too
    exported(tmp_path / "run", tmp_path / "out", drop=(), keep=("error", "IMG"))
    assert dropped(tmp_path / "out") == {"set/train/copy": "leak-near"}
    homes = dict(table(tmp_path / "out").select("sample_id", "split").iter_rows())
    assert homes == {"set/test/tested": "test", "set/train/pattern": "train", "set/train/sign": "train"}
    found = run.findings.collect().filter(rule="DUP012")["sample_id"].to_list()
    assert sorted(found) == ["set/test/tested", "set/train/copy"]
