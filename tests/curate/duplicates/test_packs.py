"""Hash packs: found by name in folders of the user or of installed packages, listed, and refused if outdated."""

from __future__ import annotations

import sys
from pathlib import Path

import polars as pl
import pytest
from click.testing import CliRunner

import curate
from curate.cli.main import main_group
from curate.duplicates import load_known
from curate.duplicates.hashes import read_hashes
from curate.duplicates.packs import find_pack, folders
from rules import KEY_VERSION

LONG = r"\frac { a + b } { c + d } = \sqrt { e }"


def hashes(*arguments: str) -> tuple[int, str]:
    done = CliRunner().invoke(main_group, ["hashes", *arguments], env={"COLUMNS": "200"})
    return done.exit_code, done.output + (str(done.exception) if done.exception else "")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A TEXSIEVE_PACKS folder that holds the pack `bench`. The user's own data folder is ignored."""
    made = tmp_path / "packs"
    made.mkdir()
    monkeypatch.setenv("TEXSIEVE_PACKS", str(made))
    monkeypatch.setattr("curate.duplicates.packs.data_folder", lambda: tmp_path / "own")
    curate.judge(pl.DataFrame({"label": [LONG, "x"]}), out=tmp_path / "run", workers=1)
    said = ("--set-version", "2019", "--licence", "CC-BY-4.0", "--source", "https://example.org/bench")
    code, output = hashes(str(tmp_path / "run"), "--out", str(made / "bench.parquet"), *said)
    assert code == 0, output
    return made


def test_a_pack_is_held_against_by_its_name(folder: Path, tmp_path: Path) -> None:
    mine = pl.DataFrame({"label": [LONG.replace(" ", ""), "y"], "split": ["train", "train"]})
    result = curate.judge(mine, against=["bench"], workers=1)
    (other,) = result.summary["against"]
    assert {name: other[name] for name in ("name", "version", "licence", "labels", "images")} == {
        "name": "bench",
        "version": "2019",
        "licence": "CC-BY-4.0",
        "labels": 2,
        "images": 0,
    }
    assert result.findings.filter(pl.col("rule").str.starts_with("DUP01"))["sample_id"].to_list() == ["data/train/1"]
    # An existing path takes precedence over a pack of the same name.
    assert load_known([tmp_path / "run"])[0].kind == "run"


def test_packs_are_listed_with_what_they_say_of_themselves(folder: Path) -> None:
    code, output = hashes("--list")
    assert code == 0
    for text in ("bench", "2019", "CC-BY-4.0", "https://example.org/bench", str(folder / "bench.parquet")):
        assert text in output
    (folder / "bench.parquet").unlink()
    assert hashes("--list")[1].startswith("no packs\nlooked in ")


def test_an_old_or_broken_pack_is_told_of_in_one_clear_line(folder: Path) -> None:
    frame, facts = read_hashes(folder / "bench.parquet")
    frame.write_parquet(folder / "old.parquet", metadata={**facts, "key_version": "1"})
    (folder / "broken.parquet").write_bytes(b"PAR1")
    with pytest.raises(curate.UserError, match=r"visual keys of version 1\b.*; get a newer pack, or make it again"):
        load_known([Path("old")])
    with pytest.raises(curate.UserError, match=r"broken\.parquet: neither a run folder nor a file of hashes"):
        load_known([Path("broken")])
    code, output = hashes("--list")
    assert code == 0
    assert f"has visual keys of version 1, not {KEY_VERSION}" in output
    assert "neither a run folder nor a file of hashes" in output


def test_a_name_that_no_pack_has_is_told_with_those_there_are(folder: Path) -> None:
    with pytest.raises(curate.UserError, match=r"^crohme: no such run folder, .* or hash pack; packs: bench$"):
        load_known([Path("crohme")])
    with pytest.raises(curate.UserError, match=r"no such run folder or file of hashes$"):
        load_known([Path("no/crohme")])
    (folder / "bench.parquet").unlink()
    with pytest.raises(curate.UserError, match=r"hash pack; no packs in .*packs, .*own/packs"):
        load_known([Path("crohme")])


def test_an_installed_package_brings_packs(folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "site" / "some_packs"
    facts = tmp_path / "site" / "some_packs-1.dist-info"
    package.mkdir(parents=True)
    facts.mkdir()
    (package / "__init__.py").write_text("raise RuntimeError('a pack is data: nothing of it runs')", encoding="utf-8")
    (facts / "METADATA").write_text("Metadata-Version: 2.1\nName: some-packs\nVersion: 1\n", encoding="utf-8")
    (facts / "entry_points.txt").write_text(
        "[texsieve.packs]\na = some_packs\nb = not_there\nc = some_packs.more\n", encoding="utf-8"
    )
    monkeypatch.syspath_prepend(package.parent)
    (folder / "bench.parquet").rename(package / "benchmark.parquet")
    assert find_pack("benchmark") is None  # all plugins are switched off in the tests
    monkeypatch.delenv("TEXSIEVE_PLUGINS")
    assert folders()[-2:] == [package, package / "more"]
    assert find_pack("benchmark") == package / "benchmark.parquet"
    assert "some_packs" not in sys.modules


@pytest.mark.parametrize("arguments", [(), ("run",), ("--out", "x.parquet"), ("run", "--list")])
def test_what_is_asked_in_part_is_refused(arguments: tuple[str, ...]) -> None:
    code, output = hashes(*arguments)
    assert code != 0
    assert "--list" in output
