"""`curate fix --in-place` changes an input, and `--undo` restores it, whatever happens on the way."""

from __future__ import annotations

import gzip
import json
import os
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType
from typing import Any

import polars as pl
import pytest
from commands import curate
from source_makers import labels, read, write

import rules
from curate import fix as fixing
from curate.base import atomic_files
from curate.base.errors import UserError
from curate.base.locks import try_lock
from curate.fix import in_place, undo_log
from curate.fix.in_place import undo, write_in_place
from curate.fix.undo_log import place_of
from curate.sources import parse_source

INK = '<ink><annotation type="truth">{}</annotation>\n<trace>1 2</trace></ink>\n'


def fixed(source: object, **options: object) -> fixing.Fixed:
    return fixing.fix_source(parse_source(str(source)), rules.select(), "safe", **options)  # type: ignore[arg-type]


def entries(file: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in place_of(file).read_text().splitlines()]


@pytest.mark.parametrize(
    ("form", "name", "data", "after"),
    [
        ("text", "l.txt", b"\xef\xbb\xbf$x$\r\n\ny\xff\n$z$", b"\xef\xbb\xbfx\r\n\ny\xff\nz"),
        ("jsonl", "l.jsonl", b'{"label":"$\\u00e9\\/$" , "a":1}\n{"label": "\\ud835\\udd38"}\n', None),
        ("csv", "l.csv", b'id,label\r\n1,"$""a,b""$"\r\n2,"$\na$"\r\n', None),
        ("tsv", "l.tsv", "id\tlabel\n1\t$é$\n".encode("utf-16"), None),
        ("text", "l.txt", "$x$ 中\n$中$\n".encode("gb18030"), None),
        ("tex", "p.tex", b"\\section{a} $x \\label{a}$\n\\begin{equation}\n y % c\n\\end{equation}\n", None),
        ("crohme", "a.inkml", INK.format("$a &lt; b$").encode(), INK.format("a &lt; b").encode()),
        ("m2e", "l.tsv", b"a.jpg\t$x$\nb.jpg\ty\n", b"a.jpg\tx\nb.jpg\ty\n"),
    ],
)  # fmt: skip
def test_a_text_file_comes_back_to_the_byte(form: str, name: str, data: bytes, after: bytes | None, tmp_path) -> None:
    path = write(tmp_path / name, data)
    path.chmod(0o640)
    got = fixed(f"{form}:{path}", style="rules" if form == "tex" else "none")
    copy = tmp_path / "copy" / name
    fixing.write(got, copy)
    written = write_in_place(got)
    assert written == ([path] if got.changed else [])
    assert path.read_bytes() == copy.read_bytes()
    assert after is None or path.read_bytes() == after
    assert path.stat().st_mode & 0o777 == 0o640
    if got.changed:
        assert undo(path) == (len(entries_before := got.files[name].backwards()), 0)  # type: ignore[attr-defined]
        assert entries_before
        assert not place_of(path).exists()
    assert path.read_bytes() == data


def test_every_change_can_be_taken_back_one_by_one(tmp_path) -> None:
    first = "$x$\n\\label{a} y\n"
    path = write(tmp_path / "l.txt", first)
    states = [path.read_bytes()]
    for select in ("DLM001", "DLM005"):
        assert curate("fix", path, "--in-place", "--select", select) == 0
        states.append(path.read_bytes())
    assert states[-1] == b"x\ny\n"
    assert [entry["samples"][0]["rules"] for entry in entries(path)] == [["DLM001"], ["DLM005"]]  # type: ignore[index]
    for state in reversed(states[:-1]):
        assert curate("fix", path, "--undo") == 0
        assert path.read_bytes() == state
    assert curate("fix", path, "--undo") == 2


def test_a_compressed_file_and_a_link(tmp_path) -> None:
    real = write(tmp_path / "real" / "l.txt.gz", gzip.compress(b"$x$\n"))
    link = tmp_path / "l.txt.gz"
    link.symlink_to(real)
    assert curate("fix", f"text:{link}", "--in-place") == 0
    assert link.is_symlink()
    assert gzip.decompress(real.read_bytes()) == b"x\n"
    assert curate("fix", link, "--undo") == 0
    assert gzip.decompress(real.read_bytes()) == b"$x$\n"


@pytest.mark.parametrize("ending", ["parquet", "arrow"])
def test_a_table_comes_back_in_its_values(ending: str, tmp_path) -> None:
    frame = pl.DataFrame({"id": [1, 2, 3], "label": ["$x$", "y", "\\label{a} z"], "more": [b"a", None, b"c"]})
    path = tmp_path / f"l.{ending}"
    frame.write_parquet(path) if ending == "parquet" else frame.write_ipc(path, compression="uncompressed")

    def rows() -> list[tuple[object, ...]]:
        return (pl.read_parquet(path) if ending == "parquet" else pl.read_ipc(path)).rows()

    form = "parquet" if ending == "parquet" else "hf"
    for select in ("DLM001", "DLM005"):
        assert curate("fix", f"{form}:{path}", "--in-place", "--select", select) == 0
    assert [row[1] for row in rows()] == ["x", "y", "z"]
    assert undo(path) == (1, 1)
    assert [row[1] for row in rows()] == ["x", "y", "\\label{a} z"]
    assert undo(path) == (1, 0)
    assert rows() == frame.rows()


def test_one_split_of_a_saved_data_set(tmp_path) -> None:
    datasets = pytest.importorskip("datasets")
    data = datasets.Dataset.from_dict({"label": ["$x$", "y"]})
    datasets.DatasetDict(train=data, test=data).save_to_disk(str(tmp_path / "set"))
    written = write_in_place(fixed(f"{tmp_path / 'set'}#test"))
    assert sorted(path.name.partition("-")[0] for path in written) == ["data", "state.json"]
    back = datasets.load_from_disk(str(tmp_path / "set"))
    assert {name: split["label"][:] for name, split in back.items()} == {"train": ["$x$", "y"], "test": ["x", "y"]}
    for path in written:
        undo(path)
    assert datasets.load_from_disk(str(tmp_path / "set"))["test"]["label"][:] == ["$x$", "y"]


def test_a_folder_is_fixed_file_by_file_and_its_journals_are_no_labels(tmp_path) -> None:
    for name, text in (("a", "$x$\n"), ("b", "y\n"), ("c", "$z$\n")):
        write(tmp_path / "set" / f"{name}.txt", text)
    before = labels(read(f"text:{tmp_path / 'set'}"))
    assert curate("fix", f"text:{tmp_path / 'set'}", "--in-place") == 0
    assert labels(read(f"text:{tmp_path / 'set'}")) == ["x", "y", "z"]
    assert (tmp_path / "set" / ".texsieve" / ".gitignore").read_text() == "*\n"
    (entry,) = entries(tmp_path / "set" / "c.txt")
    assert [row["after"] for row in entry["samples"]] == ["z"]  # type: ignore[attr-defined]
    assert curate("fix", tmp_path / "set" / "a.txt", tmp_path / "set" / "c.txt", "--undo") == 0
    assert labels(read(f"text:{tmp_path / 'set'}")) == before
    assert curate("fix", f"text:{tmp_path / 'set'}", "--in-place", "--select", "SYN001") == 0  # nothing to fix
    assert not list((tmp_path / "set" / ".texsieve").glob("*.jsonl"))


# What goes wrong ------------------------------------------------------------------------------------------------------


def test_what_has_changed_since_is_left_alone(tmp_path) -> None:
    path = write(tmp_path / "l.txt", "$x$\n")
    got = fixed(f"text:{path}")
    path.write_text("$y$\n")
    with pytest.raises(UserError, match=r"l\.txt: changed while it was being fixed"):
        write_in_place(got)
    assert path.read_text() == "$y$\n"
    write_in_place(fixed(f"text:{path}"))
    path.write_text("y \n")
    with pytest.raises(UserError, match=r"has changed since `curate fix` wrote it .+\.fixes\.jsonl has the old labels"):
        undo(path)
    assert path.read_text() == "y \n"
    assert entries(path)


def test_a_process_that_ends_before_the_file_is_replaced(tmp_path, monkeypatch) -> None:
    path = write(tmp_path / "l.txt", "$x$\n")
    got = fixed(f"text:{path}")

    def killed(self: Path, target: Path) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", killed)
        with pytest.raises(KeyboardInterrupt):
            write_in_place(got)
    assert sorted(entry.name for entry in tmp_path.iterdir()) == [".texsieve", "l.txt"]
    assert len(entries(path)) == 1  # it was logged, but not done
    with pytest.raises(UserError, match="nothing to undo: it is the same as before"):
        undo(path)
    # A line that was cut off doesn't count.
    write_in_place(fixed(f"text:{path}"))
    with place_of(path).open("a") as journal:
        journal.write('{"texsieve": "0.1')
    assert undo(path) == (1, 0)
    assert path.read_text() == "$x$\n"


def _killed_at(step: int, work: Callable[[], object]) -> bool:
    """Do the work in a process that is killed at this line of the modules that write. False if it finished."""
    files = {module.__file__ for module in (in_place, undo_log, atomic_files)}
    pid = os.fork()
    if pid:
        return os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    left = step

    def trace(frame: FrameType, event: str, argument: object) -> Any:
        nonlocal left
        if frame.f_code.co_filename not in files:
            return None
        left -= event == "line"
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return trace

    sys.settrace(trace)
    try:
        work()
    finally:
        os._exit(0)


def test_whenever_the_process_is_killed_the_file_is_old_or_new_and_can_be_undone(tmp_path, monkeypatch) -> None:
    old, new = b"$x$\n\\label{a} y\n", b"x\ny\n"
    path = write(tmp_path / "l.txt", old)
    monkeypatch.setattr(in_place, "_samples", lambda fixed, name: [])  # polars doesn't work in a fork
    got = fixed(f"text:{path}")
    states = []
    for step in range(1, 1000):
        killed = _killed_at(step, lambda: write_in_place(got))
        states.append(path.read_bytes())
        assert states[-1] in (old, new), step
        if states[-1] == new:
            assert undo(path) == (2, 0), step
        else:
            with pytest.raises(UserError, match="nothing to undo"):
                undo(path)
        assert path.read_bytes() == old, step
        if not killed:
            break
    assert len(states) > 50
    assert states == sorted(states, key=lambda state: state == new)  # it changes once
    # The same for undo.
    write_in_place(got)
    for step in range(1, 1000):
        killed = _killed_at(step, lambda: undo(path))
        if path.read_bytes() == old:
            break
        assert path.read_bytes() == new, step
    assert step > 30
    with pytest.raises(UserError, match="nothing to undo"):
        undo(path)


def test_two_at_once(tmp_path) -> None:
    path = write(tmp_path / "l.txt", "$x$\n")
    place_of(path).parent.mkdir()
    with place_of(path).open("a") as other:
        assert try_lock(other)
        with pytest.raises(UserError, match="another `curate fix` is changing it"):
            write_in_place(fixed(f"text:{path}"))
    assert path.read_text() == "$x$\n"


def test_one_that_fails_keeps_no_other_from_being_fixed(tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "a.txt", "$x$\n")
    write(tmp_path / "b.jsonl", "{nothing\n")
    write(tmp_path / "c.md", "No formula.\n")
    write(tmp_path / "d.md", "A formula $x \\label{a}$.\n")
    assert curate("fix", "text:a.txt", "none.txt", "b.jsonl", "c.md", "d.md", "--in-place") == 2
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(": ")[2].partition(":")[0] for line in told] == ["error", "error"]
    assert (tmp_path / "a.txt").read_text() == "x\n"


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ((), "--in-place"),
        (("--in-place", "--out", "o"), "leave out --out"),
        (("--in-place", "--diff"), "leave out --out, --diff and --stat"),
        (("--undo", "--stat"), "give it alone"),
        (("l.txt", "--out", "o"), "--out writes one SOURCE"),
    ],
)
def test_options_that_contradict_each_other(options, says, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "l.txt", "$x$\n")
    assert curate("fix", "l.txt", *options) == 2
    assert says in capsys.readouterr().err
    assert (tmp_path / "l.txt").read_text() == "$x$\n"
