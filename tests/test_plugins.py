"""Packages that add rules, formats and metrics: the one of docs/contributing/plugin.md, installed, and broken ones."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import warnings
from collections.abc import Callable
from pathlib import Path

import polars as pl
import pytest

import rules
from curate.sources import registry as formats
from finetune.metrics import catalogue
from rules import others, plugins, registry
from rules.registry import all_rules

ROOT = Path(__file__).resolve().parents[1]
PAGE = (ROOT / "docs" / "contributing" / "plugin.md").read_text(encoding="utf-8")
LABELS = "x\n\\hbar k\n\\hslash\n"


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder with the page's package, installed by pip."""
    source = tmp_path_factory.mktemp("acme")
    for name, text in re.findall(r"^`(\w+\.\w+)`:\n\n```\w+\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL):
        (source / name).write_text(text, encoding="utf-8")
    target = tmp_path_factory.mktemp("site")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run(
        [*pip, "--no-deps", "--no-build-isolation", "--no-index", "--target", target, source], check=True, timeout=120
    )
    return target


@pytest.fixture(scope="module")
def call(installed: Path) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Run Python with the package on its path: a command line, or a program after `-c`."""

    def run(*arguments: object, cwd: Path = ROOT, **variables: str) -> subprocess.CompletedProcess[str]:
        first, *rest = map(str, arguments)
        program = rest.pop(0) if first == "-c" else f"from {first}.cli.main import main; main()"
        return subprocess.run(
            [sys.executable, "-c", program, *rest],
            cwd=cwd,
            env={**os.environ, plugins.VARIABLE: "1", "PYTHONPATH": f"{ROOT}:{installed}", **variables},
            capture_output=True,
            text=True,
            encoding="utf-8",
            timeout=120,
        )

    return run


def test_a_rule_is_listed_explained_selected_and_set(call, tmp_path: Path) -> None:
    listed = call("curate", "rules", "acme").stdout
    assert [line.split()[:3] for line in listed.splitlines()[2:]] == [["ACME001", "hbar", "warning"]]
    page = call("curate", "rules", "hbar", "--format", "markdown").stdout
    assert page.startswith("# ACME001 hbar\n\n*warning · House style of Acme · fix: unsafe style*\n")
    assert "Brought by: acme-latex 1.0." in page
    (tmp_path / "texsieve.toml").write_text('[severity]\nACME001 = "error"\n', encoding="utf-8")
    done = call("curate", "check", "--latex", r"\hbar k", "--select", "ACME", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (1, "")
    said = r"latex:1:1: error ACME001 hbar: \hbar: \hbar is written \hslash here [unsafe style fix: "
    assert done.stdout.startswith(said)
    log = json.loads(call("curate", "check", "--latex", r"\hbar", "--select", "ACME", "--format", "sarif").stdout)
    (descriptor,) = log["runs"][0]["tool"]["driver"]["rules"]
    assert (descriptor["id"], descriptor.get("helpUri")) == ("ACME001", None)


def test_an_audit_counts_it_in_every_process_and_names_its_package(call, tmp_path: Path) -> None:
    labels = [f"\\hbar {number}" for number in range(1500)]
    (tmp_path / "l.txt").write_text("\n".join(labels), encoding="utf-8")
    options = ("--no-images", "--out", "run")
    done = call("curate", "audit", "l.txt", *options, cwd=tmp_path, TEXSIEVE_WORKERS="2")
    assert done.returncode == 0, done.stderr
    findings = pl.read_parquet(tmp_path / "run" / "findings.parquet").filter(pl.col("rule") == "ACME001")
    assert findings.height == 1500
    assert "ACME001" in (tmp_path / "run" / "report.html").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "run" / "summary.json").read_text())["versions"]["acme-latex"] == "1.0"
    again = call("curate", "audit", "l.txt", *options, "--update", cwd=tmp_path)
    assert "1,500 of 1,500 distinct labels (100 %)" in again.stdout
    # Without the package, the rule is not in the run, and every label is judged again.
    without = call("curate", "audit", "l.txt", *options, "--update", cwd=tmp_path, TEXSIEVE_PLUGINS="0")
    assert without.returncode == 0, without.stderr
    assert "rules, options or versions have changed" in without.stdout
    assert "ACME001" not in pl.read_parquet(tmp_path / "run" / "findings.parquet")["rule"].to_list()


def test_its_fix_is_made(call, tmp_path: Path) -> None:
    (tmp_path / "l.txt").write_text(LABELS, encoding="utf-8")
    options = ("--unsafe-fixes", "--style", "rules", "--select", "ACME001", "--out", "new.txt")
    assert call("curate", "fix", "text:l.txt", *options, cwd=tmp_path).returncode == 0
    assert (tmp_path / "new.txt").read_text(encoding="utf-8") == LABELS.replace("hbar", "hslash")


def test_a_format_is_recognised_and_written_back(call, tmp_path: Path) -> None:
    (tmp_path / "l.pct").write_text("$x$\n%%\ny\n", encoding="utf-8")
    done = call("curate", "audit", "l.pct", "--no-images", "--out", "run", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    (source,) = json.loads((tmp_path / "run" / "summary.json").read_text())["sources"]
    assert (source["format"], source["samples"]) == ("percent", 2)
    assert call("curate", "fix", "percent:l.pct", "--out", "new.pct", cwd=tmp_path).returncode == 0
    assert (tmp_path / "new.pct").read_text(encoding="utf-8") == "x\n%%\ny\n"
    assert " percent " in call("curate", "audit", "--help").stdout.replace("\n", " ")


def test_a_metric_is_in_the_scores(call) -> None:
    done = call("-c", "import finetune; print(finetune.score([('a b', 'a c'), ('a', 'a b')])['same_length'])")
    assert done.stdout.strip() == "50.0", done.stderr


def test_doctor_lists_what_is_brought(call) -> None:
    line = next(line for line in call("curate", "doctor").stdout.splitlines() if "other packages" in line)
    for brought in ("rules ACME", "source format percent", "metrics acme"):
        assert f"{brought} of acme-latex 1.0" in line


# What is refused ------------------------------------------------------------------------------------------------------

RULE = """
from rules.registry import rule
import polars as pl
@rule("{code}", "{name}", "info", pl.lit(True){more})
def judge(label, options): yield
"""


@pytest.fixture
def brought(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Put a package with one entry point on the path."""
    monkeypatch.delenv(plugins.VARIABLE)
    monkeypatch.setattr(others, "declared", {})
    monkeypatch.setattr(others, "titles", {})
    monkeypatch.setattr(plugins, "_left_out", {})
    number = iter(range(9))

    def bring(group: str, name: str, text: str, value: str = "{module}") -> None:
        module = f"brought_{tmp_path.name}_{next(number)}".replace("-", "_")
        (tmp_path / f"{module}.py").write_text(text, encoding="utf-8")
        info = tmp_path / f"{module}-1.0.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {module}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[{group}]\n{name} = {value.format(module=module)}\n")
        if str(tmp_path) not in sys.path:
            monkeypatch.syspath_prepend(tmp_path)

    return bring


def taken() -> dict[str, rules.registry.Rule]:
    return others.accepted(all_rules())


@pytest.mark.parametrize(
    ("letters", "text", "says"),
    [
        ("ACME", "import nothing_of_that_name", "ModuleNotFoundError: No module named 'nothing_of_that_name'"),
        ("ACME", "raise SystemExit(3)", "SystemExit: 3"),
        ("ACME", "", "declares no rule with a code such as ACME001"),
        ("acme", RULE.format(code="ACME001", name="a", more=""), "must be the letters of its codes: four to eight"),
        ("ACM", RULE.format(code="ACM001", name="a", more=""), "ACM001: a code is a family's three letters and three"),
        ("SYN", RULE.format(code="SYN900", name="a", more=""), "SYN900: SYN is a family of texsieve; choose four to"),
        ("ACME", RULE.format(code="SYN001", name="a", more=""), "SYN001: SYN is a family of texsieve"),
        ("ACME", RULE.format(code="ACME001", name="unbalanced-brace", more=""), "SYN001 has that name already"),
        ("ACME", RULE.format(code="ACME001", name="A b", more=""), "ACME001: 'A b' must be lower-case words"),
        ("ACME", RULE.format(code="ACME001", name="a", more=", tags=['lost']"), "the tag 'lost' is for rules of"),
        ("ACME", RULE.format(code="ACME001", name="a", more=", covers=['SYN1']"), "`covers` is for rules of texsieve"),
        (
            "ACME",
            RULE.format(code="ACME001", name="a", more=", fix='safe'"),
            "`fix` and `fix_kind` must be given together",
        ),
    ],
)
def test_rules_that_cannot_be_taken_are_named_in_one_line(brought, letters: str, text: str, says: str) -> None:
    brought(plugins.RULES, letters, text)
    assert taken() == {}
    (line,) = plugins.left_out()
    assert re.match(r"brought_\w+ 1\.0 is left out: its rules '\w+' \(entry point 'brought_\w+'\): ", line)
    assert says in line
    assert "\n" not in line
    assert not others.declared
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        rules.check("x")
    assert [str(warning.message) for warning in caught] == [line]
    assert caught[0].filename == __file__


def test_of_two_packages_with_the_same_letters_the_first_is_taken(brought) -> None:
    brought(plugins.RULES, "ACME", RULE.format(code="ACME001", name="a", more=""))
    brought(plugins.RULES, "ACME", RULE.format(code="ACME002", name="b", more=""))
    assert list(taken()) == ["ACME001"]
    (line,) = plugins.left_out()
    assert line.startswith("brought_")
    assert "_0 1.0 has the letters ACME already" in line


def test_a_package_that_fails_half_way_is_in_nobodys_way(brought) -> None:
    brought(plugins.RULES, "ACME", RULE.format(code="ACME001", name="a", more="") + "1 / 0\n")
    brought(plugins.RULES, "ACMF", RULE.format(code="ACMF001", name="a", more=""))
    found = taken()
    assert list(found) == ["ACMF001"]
    assert found["ACMF001"].package.endswith("_1 1.0")
    assert "ZeroDivisionError" in plugins.left_out()[0]


def test_letters_that_begin_with_others_select_no_rules_of_those(brought, monkeypatch: pytest.MonkeyPatch) -> None:
    brought(plugins.RULES, "SYNT", RULE.format(code="SYNT001", name="a", more=""))
    brought(plugins.RULES, "SYNTH", RULE.format(code="SYNTH001", name="b", more=""))
    everything = {**all_rules(), **taken()}
    monkeypatch.setattr(registry, "all_rules", lambda: everything)
    assert {registry.all_rules()[code].family for code in registry.expand(["SYN"])} == {"SYN"}
    assert list(registry.expand(["synt"])) == ["SYNT001"]


@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("odd", "FORMAT = 3", "must name an instance of curate.sources.SourceFormat"),
        ("csv", "from curate.sources.formats.csv import FORMAT", "there is a format of that name already"),
        ("odd", "from curate.sources.formats.csv import FORMAT", "the format is called 'csv'"),
        ("odd", "", "AttributeError"),
    ],
)
def test_formats_that_cannot_be_taken(brought, name: str, text: str, says: str) -> None:
    brought(plugins.SOURCES, name, text, "{module}:FORMAT")
    assert formats._found().keys() == formats.FORMATS.keys()
    (line,) = plugins.left_out()
    assert says in line


def test_a_format_that_fails_on_a_look_is_left_out(brought, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    text = "from curate.sources.formats.csv import Csv\nclass Odd(Csv):\n name = 'odd'\n"
    text += " def recognise(self, look): 1 / 0\nFORMAT = Odd()\n"
    brought(plugins.SOURCES, "odd", text, "{module}:FORMAT")
    from curate.sources import read

    monkeypatch.setattr(formats, "BROUGHT", {})
    monkeypatch.setattr(read, "FORMATS", formats._found())
    monkeypatch.setattr(read, "BROUGHT", formats.BROUGHT)
    (tmp_path / "l.csv").write_text("label,image\nx,a.png\n", encoding="utf-8")
    assert read.recognise(tmp_path / "l.csv").name == "csv"
    (line,) = plugins.left_out()
    assert "its source format 'odd'" in line
    assert "ZeroDivisionError" in line


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("METRICS = 3", "must name a tuple of finetune.metrics.metric.Metric"),
        ("from finetune.metrics.each.cer import METRICS", "metric 'cer': another metric has this name"),
    ],
)
def test_metrics_that_cannot_be_taken(brought, text: str, says: str) -> None:
    brought(plugins.METRICS, "acme", text, "{module}:METRICS")
    assert catalogue.all_metrics.__wrapped__().keys() == catalogue.all_metrics().keys()
    (line,) = plugins.left_out()
    assert says in line


def test_a_command_says_what_was_left_out(brought, tmp_path: Path) -> None:
    brought(plugins.RULES, "ACME", "1 / 0")
    done = subprocess.run(
        [sys.executable, "-c", "from curate.cli.main import main; main()", "check", "--latex", "x"],
        env={**os.environ, "PYTHONPATH": f"{ROOT}:{tmp_path}"},  # the fixture has removed the variable
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("curate: brought_")
    assert "ZeroDivisionError" in line
