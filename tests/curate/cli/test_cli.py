"""The command line: exit codes, one line per error, what each command prints. Not what the commands compute."""

from __future__ import annotations

import io
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import click
import polars as pl
import pytest

from curate.base.terminal import exit_code, run, say
from curate.cli.main import main_group
from curate.sources import FORMATS
from rules.registry import FAMILIES, all_rules
from rules.selection import PROFILES
from rules.workers.process import HelperError

#: The only real M²E row available: three layout tokens, and `\times` twice.
M2E_ROW = r'{"name": "0.jpg", "tex": "1 5 . 4 \\times 4 = 6 1 . 6 \\t 1 5 . 4 \\n \\times 4 \\n 6 1 . 6"}'
FINDING_KEYS = ["rule", "name", "severity", "start", "end", "message", "fix", "replacement"]


class Called:
    """A finished command: its exit code and output."""

    def __init__(self, code: int, out: str, err: str) -> None:
        self.code, self.out, self.err = code, out, err

    @property
    def error(self) -> str:
        """The one line of the error."""
        assert self.code == 2
        assert self.out == ""
        assert self.err.startswith("curate: error: ")
        assert self.err.count("\n") == 1
        return self.err


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Run `curate` in an empty folder."""
    monkeypatch.chdir(tmp_path)

    def run_it(*arguments: object, stdin: bytes | None = None) -> Called:
        if stdin is not None:
            monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(stdin)))
        code = run("curate", main_group, [str(argument) for argument in arguments])
        return Called(code, *capsys.readouterr())

    return run_it


@pytest.fixture
def labels(tmp_path: Path) -> Path:
    path = tmp_path / "labels.txt"
    path.write_text("x ^ { 2 }\n\\frac { a } { b\n")
    return path


def process(*arguments: str, **options: object) -> subprocess.CompletedProcess[bytes]:
    program = "import sys; from curate.cli.main import main; sys.argv[0] = 'curate'; main()"
    return subprocess.run([sys.executable, "-c", program, *arguments], check=False, **options)  # type: ignore[call-overload]


# Every command --------------------------------------------------------------------------------------------------------


def test_no_arguments_show_the_help_and_are_bad_usage(call) -> None:
    called = call()
    assert (called.code, called.out) == (2, "")
    assert called.err.startswith("Usage: curate")
    assert called.err.count("\n") > 10


@pytest.mark.parametrize("name", sorted(main_group.all_commands))
def test_every_command_has_help_with_a_whole_first_sentence(call, name: str) -> None:
    called = call(name, "--help")
    assert (called.code, called.err) == (0, "")
    assert called.out.startswith(f"Usage: curate {name}")
    overview = next(line for line in call("--help").out.splitlines() if line.split()[:1] == [name])
    assert overview.endswith(".")
    assert "..." not in overview


@pytest.mark.parametrize("name", ["audit", "check", "fix"])
def test_help_names_every_profile(call, name: str) -> None:
    (option,) = re.findall(r"--profile P(.*?) --", call(name, "--help").out, re.DOTALL)
    assert set(PROFILES) <= set(re.findall(r"[a-z0-9]+", option))


def test_help_offers_only_what_is_there(call) -> None:
    assert set(main_group.all_commands) == {
        "audit",
        "browse",
        "check",
        "compare",
        "decisions",
        "demo",
        "diff",
        "doctor",
        "export",
        "findings",
        "fix",
        "hashes",
        "render",
        "rules",
        "tasks",
    }


@pytest.mark.parametrize(
    ("arguments", "spared"),
    [
        (["--help"], {"curate.project", "polars", "rules.registry"}),
        (["check", "--help"], {"curate.cli.audit", "curate.cli.export", "polars", "rules.registry"}),
        (
            ["check", "--latex", "a"],
            {"curate.audit.stages", "curate.cli.audit", "curate.pairs", "curate.sources", "PIL"},
        ),
    ],
)
def test_a_command_imports_only_what_it_needs(arguments: list[str], spared: set[str]) -> None:
    program = (
        "import sys; from curate.base.terminal import run; from curate.cli.main import main_group\n"
        f"run('curate', main_group, {arguments!r})\n"
        f"print(sorted({spared!r} & set(sys.modules)), file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stderr == "[]\n"


@pytest.mark.parametrize("name", ["main", "options", "__init__", "Check"])
def test_a_module_without_a_command_is_none(call, name: str) -> None:
    assert f"No such command '{name}'" in call(name).error


def test_the_help_of_audit_names_every_format(call) -> None:
    listed = re.findall(r"FORMAT of [^:]*:\n(.*?)(?=\n  \S|\n\n)", call("audit", "--help").out, re.DOTALL)
    assert " ".join(listed).split() == list(FORMATS)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["nope"], "No such command 'nope'; see curate --help"),
        (["--nope"], "No such option '--nope'; see curate --help"),
        (["audi"], "No such command 'audi'; did you mean 'audit'? See curate --help"),
        (["audit", "--outt", "x"], "No such option '--outt'. Did you mean '--out'? See curate audit --help"),
        (["check"], "give a file, - for standard input, or labels with --latex"),
        (["check", "none.txt"], "none.txt: no such file"),
        (["check", "."], "no known format: looked at 1 file (.txt)"),
        (["check", "labels.txt", "--latex", "a"], "not both"),
        (["check", "more"], "more: no such file"),
        (["check", "labels.txt", "--format", "xml"], "'xml' is not one of 'text', 'jsonl'"),
        (["check", "labels.txt", "--fail-on", "info"], "'info' is not one of"),
        (["check", "labels.txt", "--select", "SYN9999"], "no rule is called 'SYN9999'"),
        (["check", "labels.txt", "--ignore", "unbalanced-braces"], "did you mean 'unbalanced-brace'?"),
        (["check", "labels.txt", "--profile", "x"], "unknown profile 'x'; choose from default"),
        (["check", "labels.txt", "--config", "none.toml"], "none.toml: no such project file"),
        (["rules", "NOPE999"], "no rule is called 'NOPE999'"),
        (["compare"], "Missing argument 'RUN...'"),
        (["compare", "none"], "none: no such run folder; make one with: curate audit SOURCE --out none"),
        (["compare", "."], "not a run folder"),
        (["render", "a"], "Missing option '--out'"),
        (["render", "none.txt", "--out", "p"], "none.txt: no such file"),
        (["render", "a", "--out", "labels.txt"], "labels.txt: can't create this folder"),
        (["render", r"\frac{", "--out", "p"], "can't be drawn: a brace { is never closed"),
        (["audit", "labels.txt"], "Missing option '--out'"),
        (["audit", "--out", "run"], "no source given"),
        (["audit", "none.txt", "--out", "run"], "none.txt: no such file"),
        (["audit", "labels.txt", "--out", "labels.txt/run"], "labels.txt: is a file, not a folder; name another place"),
        (["audit", "labels.txt", "--out", "run", "--limit", "0"], "0 is not in the range"),
        (["audit", "labels.txt", "--out", "run", "--select", "X1"], "no rule is called 'X1'"),
        (["audit", "labels.txt", "--out", "run", "--images", "none"], "none is not a folder"),
        (["audit", "labels.txt", "--out", "run", "--columns", "label"], "is not ROLE:COLUMN"),
        (["demo", "--out", "."], "already exists"),
        (["demo", "--seed", "x"], "'x' is not a valid integer"),
        (["doctor", "more"], "unexpected extra argument"),
    ],
)
def test_bad_usage_is_one_line_and_writes_nothing(
    call, labels: Path, tmp_path: Path, arguments: list[str], says: str
) -> None:
    assert says in call(*arguments).error
    assert not (tmp_path / "run").exists()


def test_debug_puts_the_traceback_above_the_line(call) -> None:
    called = call("--debug", "check", "none.txt", "--debug")
    assert called.code == 2
    assert called.err.startswith("Traceback")
    assert called.err.splitlines()[-1].startswith("curate: error: none.txt: no such file")
    assert call("check", "--debug", "--latex", "a").code == 0


def test_debug_after_the_end_of_options_is_an_argument(call) -> None:
    assert "--debug: no such file" in call("check", "--", "--debug").error


def test_a_fault_says_so_in_one_line(call, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object, **__: object) -> None:
        raise ZeroDivisionError("a\nb")

    monkeypatch.setattr("curate.findings.checking.check", broken)
    assert call("check", "--latex", "a").error == (
        "curate: error: a fault in texsieve: ZeroDivisionError: a b; --debug shows where\n"
    )


@pytest.mark.parametrize(
    ("error", "code", "says"),
    [
        (KeyboardInterrupt(), 130, "curate: stopped"),
        (
            EOFError("marshal data too short"),  # a module's compiled copy is cut short
            2,
            "curate: error: a fault in texsieve: EOFError: marshal data too short; --debug shows where",
        ),
        (MemoryError(), 2, "curate: error: out of memory"),
        (HelperError("no helper process"), 2, "curate: error: no helper process"),
        (PermissionError(13, "Permission denied", "run"), 2, "curate: error: run: Permission denied"),
        (
            pl.exceptions.ComputeError("parquet: underlying IO error: No space left on device (os error 28)"),
            2,
            "curate: error: No space left on device",
        ),
        (
            pl.exceptions.PanicException("index out of bounds"),
            2,
            "curate: error: a fault in texsieve: PanicException: index out of bounds; --debug shows where",
        ),
    ],
)
def test_what_the_system_says(
    call, monkeypatch: pytest.MonkeyPatch, error: BaseException, code: int, says: str
) -> None:
    def failing(*_: object, **__: object) -> None:
        raise error

    monkeypatch.setattr("curate.findings.checking.check", failing)
    called = call("check", "--latex", "a")
    assert called.code == code
    assert called.err.strip().startswith(says)
    assert called.err.endswith("\n")


def test_an_error_can_t_drive_the_terminal(call) -> None:
    assert "\x1b" not in call("check", "a\x1b[2J\u202e.txt").error


def test_the_errors_of_a_project_file_name_it(call, labels: Path, tmp_path: Path) -> None:
    (tmp_path / "texsieve.toml").write_text('select = ["NOPE1"]')
    assert call("check", labels).error.startswith("curate: error: texsieve.toml: no rule is called 'NOPE1'")
    (tmp_path / "texsieve.toml").rename(tmp_path / "other.toml")
    for command in (["check", labels], ["audit", labels, "--out", "run"], ["fix", labels, "--out", "fixed.txt"]):
        assert "other.toml: no rule" in call(*command, "--config", "other.toml").error
    (tmp_path / "other.toml").write_text('ignore = ["SYN"]')
    assert "SYN" not in call("check", labels, "--config", "other.toml").out
    assert "other.toml" not in call("check", labels, "--config", "other.toml", "--select", "NOPE1").error


def test_which_of_two_project_files_is_read_is_said(call, labels: Path, tmp_path: Path) -> None:
    (tmp_path / "texsieve.toml").write_text('select = ["CAN"]')
    (tmp_path / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert call("check", labels).err == ""
    (tmp_path / "pyproject.toml").write_text('[tool.texsieve]\nselect = ["SYN"]\n')
    called = call("check", labels)
    assert called.err == "curate: texsieve.toml is read, pyproject.toml's [tool.texsieve] is not\n"
    assert "SYN" not in called.out
    (tmp_path / "texsieve.toml").unlink()
    called = call("check", labels)
    assert (called.err, "SYN001" in called.out) == ("", True)


def test_exit_codes_of_fail_on(call, labels: Path) -> None:
    assert call("check", labels).code == 1
    assert call("check", labels, "--fail-on", "never").code == 0
    assert call("check", labels, "--fail-on", "error").code == 1
    assert call("check", labels, "--fail-on", "warning").code == 1
    assert call("check", "--latex", "x", "--fail-on", "warning").code == 0
    assert [exit_code("error", {"warning": 3}), exit_code("warning", {"warning": 3})] == [0, 1]
    assert exit_code("warning", {"info": 3}) == exit_code(None, {"error": 1}) == 0


# Pipes and encodings --------------------------------------------------------------------------------------------------


def deaf(*arguments: str) -> tuple[int, bytes]:
    """Exit code and standard error of a command whose reader closes the pipe before the first line."""
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = process(*arguments, stdout=writing, stderr=subprocess.PIPE)
    finally:
        os.close(writing)
    return done.returncode, done.stderr


def test_a_reader_that_went_away_is_no_error_and_changes_no_exit_code() -> None:
    assert deaf("rules") == (0, b"")
    assert deaf("check", "--latex", "a ^", "--fail-on", "error") == (1, b"")
    assert deaf("check", "--latex", "a ^", "--format", "jsonl", "--fail-on", "never") == (0, b"")
    assert deaf("check", "--help") == (0, b"")


def test_closed_standard_input_is_an_error() -> None:
    done = process("check", "-", preexec_fn=lambda: os.close(0), capture_output=True)
    assert (done.returncode, done.stdout) == (2, b"")
    assert done.stderr.startswith(b"curate: error: standard input is closed")


def test_a_full_disk_is_an_error() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no /dev/full here")
    with Path("/dev/full").open("wb") as full:
        done = process("rules", stdout=full, stderr=subprocess.PIPE)
    assert (done.returncode, done.stderr) == (2, b"curate: error: standard output: No space left on device\n")


def test_a_terminal_without_unicode_gets_text_and_json_stays_utf_8() -> None:
    environment = {**os.environ, "PYTHONIOENCODING": "latin-1"}
    done = process("check", "--latex", "中 ^ ^", env=environment, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"")
    done = process("rules", "ESC005", "--format", "json", env=environment, capture_output=True)
    assert json.loads(done.stdout)["code"] == "ESC005"


def test_arguments_that_are_no_utf_8(call) -> None:
    done = process("check", "--latex", b"a\xff", capture_output=True)  # type: ignore[arg-type]
    assert (done.returncode, done.stdout) == (2, b"")
    said = "--latex: label 1 holds half of a surrogate pair, which is not a character (position 2)"
    assert done.stderr.decode() == f"curate: error: {said}\n"


def test_say_writes_lines_and_bytes(capsysbinary: pytest.CaptureFixture[bytes]) -> None:
    say("é")
    say("é".encode())
    say()
    assert capsysbinary.readouterr().out == "é\né\n\n".encode()


# curate check ---------------------------------------------------------------------------------------------------------


def test_the_m2e_row_has_three_layout_findings_at_their_places(call, tmp_path: Path) -> None:
    (tmp_path / "m2e.jsonl").write_text(M2E_ROW)
    row = json.loads(call("check", "m2e.jsonl", "--format", "jsonl").out)
    label = json.loads(M2E_ROW)["tex"]
    layout = [(found["rule"], found["start"], found["end"]) for found in row["findings"] if found["start"] is not None]
    assert layout == [("ESC002", 27, 29), ("ESC001", 38, 40), ("ESC001", 50, 52)]
    assert [label[start:end] for _, start, end in layout] == [r"\t", r"\n", r"\n"]
    times = [place for place in range(len(label)) if label.startswith(r"\times", place)]
    assert len(times) == 2
    assert not [place for place in times for _, start, end in layout if start < place + 6 and place < end]


def test_jsonl_keeps_the_contract(call, labels: Path) -> None:
    called = call("check", labels, "--format", "jsonl")
    clean, broken = map(json.loads, called.out.splitlines())
    assert list(clean) == list(broken) == ["id", "score", "canonical", "visual_key", "findings"]
    assert clean == {
        "id": "1",
        "score": 1.0,
        "canonical": "x ^ { 2 }",
        "visual_key": clean["visual_key"],
        "findings": [],
    }
    assert len(clean["visual_key"]) == 24
    assert (broken["id"], broken["canonical"], broken["visual_key"]) == ("2", None, None)
    assert 0 <= broken["score"] < 1
    assert all(list(found) == FINDING_KEYS for found in broken["findings"])
    first = broken["findings"][0]
    assert (first["rule"], first["severity"], first["start"], first["end"]) == ("SYN001", "error", 12, 13)


def test_findings_are_in_the_order_of_labels_and_places_repeats_too(call) -> None:
    texts = [r"a \n b \n", "x", r"a \n b \n"]
    out = call("check", "-", "--format", "jsonl", stdin="\n".join(texts).encode()).out
    rows = [json.loads(line) for line in out.splitlines()]
    assert [row["id"] for row in rows] == ["1", "2", "3"]
    assert rows[0]["findings"] == rows[2]["findings"] != []
    starts = [found["start"] for found in rows[0]["findings"] if found["start"] is not None]
    assert starts == sorted(starts)


def test_ids_come_back_as_they_were_given(call, tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text(
        '\n{"latex": "a", "id": 7}\n{"id": "x/7", "label": "a"}\n\n{"tex": "a", "id": null}\n'
    )
    out = call("check", "a.jsonl", "--format", "jsonl").out
    assert [json.loads(line)["id"] for line in out.splitlines()] == [7, "x/7", "5"]


def test_text_is_a_line_a_finding_then_the_totals(call, labels: Path) -> None:
    lines = call("check", "labels.txt", "--select", "SYN").out.splitlines()
    assert lines[0].startswith("labels.txt:2:13: error SYN001 unbalanced-brace: {: ")
    assert lines[-1] == "2 labels: 1 error, 0 warnings, 0 remarks"
    assert call("check", "--latex", "a", "--latex", "a^", "--select", "CAN100").out.splitlines()[-1] == (
        "2 labels: 0 errors, 0 warnings, 1 remark"
    )


def test_standard_input_is_read_as_bytes(call) -> None:
    assert call("check", "-", stdin=b"\xef\xbb\xbfx\r\ny").out == "2 labels: 0 errors, 0 warnings, 0 remarks\n"
    assert call("check", "-", stdin=b"").out == "0 labels: 0 errors, 0 warnings, 0 remarks\n"
    assert "standard input: line 2 is not valid UTF-8 (byte 3)" in call("check", "-", stdin=b"x\ny \xff\n").error


def test_a_file_of_labels_is_not_taken_for_json(call) -> None:
    assert call("check", "-", stdin=b"{}\n[ 1 ]\n3\n").out.splitlines()[-1].startswith("3 labels")


@pytest.mark.parametrize(
    ("rows", "says"),
    [
        ('{"latex": "a"}\n{"latex": ', "line 2 is not JSON: Expecting value at column 11"),
        ('{"latex": ', "line 1 is not JSON"),
        ('{"latex": "a"}\n3', "line 2 has no string under label, latex, tex, formula or another"),
        ('{"truth": "a", "pred": "b"}', "line 1 has no string under"),
        ('{"latex": null}', "line 1 has no string under"),
        ('{"latex": "\\ud800"}', "line 1: its label holds half of a surrogate pair"),
        ('{"latex": "a", "id": [1]}', "line 1: its id is neither a string nor a whole number"),
        ('{"latex": ' + "[" * 100_000, "line 1 is JSON that can't be read"),
    ],
)
def test_a_bad_json_line_is_named(call, rows: str, says: str) -> None:
    assert f"standard input: {says}" in call("check", "-", stdin=rows.encode()).error


def test_control_characters_of_a_label_are_shown_not_sent(call) -> None:
    out = call("check", "-", stdin="a\x00\x1b[2J\n\\bad\u202ecommand\n".encode()).out
    assert not {"\x00", "\x1b", "\u202e"} & set(out)


# curate rules, compare, render, doctor, audit -------------------------------------------------------------------------


def test_rules_lists_every_rule_in_every_format(call) -> None:
    codes = list(all_rules())
    assert [line.split()[0] for line in call("rules").out.splitlines()[2:]] == codes
    assert [rule["code"] for rule in json.loads(call("rules", "--format", "json").out)] == codes
    assert [line.split()[1] for line in call("rules", "--format", "markdown").out.splitlines()[2:]] == codes


@pytest.mark.parametrize("width", [120, 80, 30])
def test_the_list_of_rules_fits_and_says_what_they_are(call, monkeypatch: pytest.MonkeyPatch, width: int) -> None:
    monkeypatch.setenv("COLUMNS", str(width))
    lines = call("rules").out.splitlines()
    assert max(map(len, lines)) <= width
    assert any("what" in line for line in lines)


def test_rules_of_a_family(call) -> None:
    family = next(iter(all_rules().values())).family
    expected = [code for code in all_rules() if code.startswith(family)]
    for name in (family, family.lower()):
        assert [rule["code"] for rule in json.loads(call("rules", name, "--format", "json").out)] == expected
    for name in set(FAMILIES) - {rule.family for rule in all_rules().values()}:
        assert "did you mean" not in call("rules", name).error


def test_a_rule_is_explained_by_code_or_name(call) -> None:
    text = call("rules", "esc001").out
    assert text == call("rules", "layout-newline-token").out
    assert text.startswith("ESC001 layout-newline-token  (error; ")
    assert all(section in text for section in ("Why it hurts training", "Fires on", "Is quiet on", "Fix", "Profiles: "))
    assert call("rules", "ESC001", "--format", "markdown").out.startswith("# ESC001 layout-newline-token\n")
    facts = json.loads(call("rules", "ESC001", "--format", "json").out)
    assert (facts["code"], facts["severity"], facts["profiles"]) == ("ESC001", "error", "all")


@pytest.mark.parametrize("form", ["text", "json", "markdown"])
def test_every_rule_can_be_explained(call, form: str) -> None:
    for code in all_rules():
        called = call("rules", code, "--format", form)
        assert (called.code, called.err) == (0, "")
        assert code in called.out
        assert not set(map(chr, range(32))) - {"\n"} & set(called.out)


def test_audit_then_compare(call, labels: Path, tmp_path: Path) -> None:
    called = call("audit", "labels.txt", "--out", "first", "--workers", "1")
    assert (called.code, called.err) == (0, "")
    assert "2 samples (2 distinct labels); " in called.out
    assert f"report    {Path('first', 'report.html')}" in called.out
    assert call("audit", "other=labels.txt", "--out", "second", "--workers", "1", "--fail-on", "error").code == 1
    assert (tmp_path / "second" / "summary.json").is_file()
    rows = json.loads(call("compare", "first", "second", "--format", "json").out)
    assert {(row["run"], row["name"]) for row in rows} == {("first", "labels"), ("second", "other")}
    assert "verdict" in call("compare", "first").out
    assert call("compare", "first", "--format", "markdown").out.startswith("| ")
    assert "first: already exists; use --update" in call("audit", "labels.txt", "--out", "first").error


def test_render_names_what_can_t_be_drawn(call, labels: Path, tmp_path: Path) -> None:
    called = call("render", "labels.txt", "--out", "p", "--format", "svg")
    assert (called.code, called.out) == (0, "1 drawn in p\n")
    assert called.err == "0002: can't be drawn: a brace { is never closed\n"
    assert [path.name for path in (tmp_path / "p").iterdir()] == ["0001.svg"]
    assert call("render", "x.txt", "--out", "p").code == 2
    assert call("render", r"x_{.txt}", "--out", "p").code == 0
    (tmp_path / "empty.txt").touch()
    assert "contains no labels" in call("render", "empty.txt", "--out", "p").error


def test_doctor_says_fit_or_not(call, monkeypatch: pytest.MonkeyPatch) -> None:
    called = call("doctor")
    assert (called.code, called.err) == (0, "")
    assert called.out.splitlines()[0].startswith("ok      Python")
    monkeypatch.setattr("curate.doctor.is_fit", lambda found: False)
    assert call("doctor").code == 2


def test_a_command_that_returns_nothing_is_done(capsys: pytest.CaptureFixture[str]) -> None:
    @click.command()
    def quiet() -> None:
        pass

    assert run("quiet", quiet, []) == 0
