"""FiftyOne's similarity and embeddings views with our vectors, in a real FiftyOne without network access."""

from __future__ import annotations

from pathlib import Path

from browsing import inside, make_run

#: The last label is the first one with an extra space, and its image is nearly the same.
ROWS = [
    (r"\frac{a}{b} + c", ".png"),
    (r"x^{2} + y^{2} = z^{2}", ".png"),
    (r"\sqrt{u} - 1", ".png"),
    (r"\int_0^1 f(t) dt", ".png"),
    (r"\alpha \beta \gamma", None),
    (r"\frac{a}{b}  + c", ".png"),
]

CODE = r"""
import json, os, socket
from pathlib import Path

def refuse(*arguments, **options):
    raise OSError("no network in this test")

real = socket.socket.connect
def connect(self, address, *rest):
    if self.family in (socket.AF_INET, socket.AF_INET6) and address[0] not in ("127.0.0.1", "localhost", "::1"):
        refuse()
    return real(self, address, *rest)
socket.socket.connect = connect

import fiftyone as fo
from curate.browse.dataset import fields, rows
from curate.browse.likeness import brain
from curate.browse.dataset.writing import write_dataset
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import load_run

run, work = load_run(Path(os.environ["RUN"])), WorkingFiles(Path(os.environ["WORK"]))
write_dataset(work.root / "dataset", run, work, rows.rows(run, work), "mark")
dataset = fo.Dataset.from_dir(
    dataset_dir=str(work.root / "dataset"), dataset_type=fo.types.FiftyOneDataset, name="brain", progress=False
)
said = []
before = brain.is_ready(dataset)
brain.prepare(dataset, lambda label, part: said.append(part))
brain.prepare(dataset, lambda label, part: None)  # made anew, not twice
ids = dict(zip(dataset.values(fields.SAMPLE_ID), dataset.values("id")))
view = brain.alike(dataset, [ids["formulas/s0"]])
print(json.dumps({
    "ready": [before, brain.is_ready(dataset)],
    "runs": sorted(dataset.list_brain_runs()),
    "near": view.values(fields.SAMPLE_ID),
    "unique": dict(zip(dataset.values(fields.SAMPLE_ID), dataset.values("uniqueness"))),
    "points": len(dataset.load_brain_results("map").points),
    "progress": [min(said), max(said)],
}))
"""


def test_the_index_finds_planted_duplicates_and_the_unique(
    fiftyone_environment: dict[str, str], tmp_path: Path
) -> None:
    run = make_run(tmp_path / "made", ROWS)
    found = inside(CODE, fiftyone_environment, RUN=str(run), WORK=str(tmp_path / "work"), TEXSIEVE_CACHE=str(tmp_path))
    assert found["ready"] == [False, True]
    assert found["runs"] == ["map", "similar"]
    assert found["near"][:2] == ["formulas/s0", "formulas/s5"]
    assert len(found["near"]) == found["points"] == len(ROWS)
    assert set(sorted(found["unique"], key=found["unique"].get)[:2]) == {"formulas/s0", "formulas/s5"}
    assert found["progress"][1] == 1
