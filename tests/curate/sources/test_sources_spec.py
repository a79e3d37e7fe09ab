"""How the command line names a source."""

from __future__ import annotations

from pathlib import Path

import pytest

from curate.base.errors import UserError
from curate.sources import FORMATS
from curate.sources.spec import SourceSpec, default_name, parse_columns, parse_images, parse_source


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("data/train.txt", SourceSpec("train", None, "data/train.txt", None)),
        ("mine=data/train.txt", SourceSpec("mine", None, "data/train.txt", None)),
        ("m2e:data/train.json", SourceSpec("train", "m2e", "data/train.json", None)),
        ("a=hme100k:x/y.txt#train", SourceSpec("a", "hme100k", "x/y.txt", "train")),
        ("x.jsonl.gz#val", SourceSpec("x", None, "x.jsonl.gz", "val")),
        ("hf:org/name", SourceSpec("name", "hf", "org/name", None)),
        ("hf:org/name:config#test", SourceSpec("name", "hf", "org/name:config", "test")),
        ("data/a=b.txt", SourceSpec("a_b", None, "data/a=b.txt", None)),  # a NAME contains no slash
        ("C=x.txt", SourceSpec("C", None, "x.txt", None)),
        ("n=a=b.txt", SourceSpec("n", None, "a=b.txt", None)),
        ("val.formulas.norm.txt", SourceSpec("val.formulas.norm", None, "val.formulas.norm.txt", None)),
        ("im2latex/", SourceSpec("im2latex", None, "im2latex/", None)),
    ],
)
def test_parse_source(text: str, expected: SourceSpec) -> None:
    assert parse_source(text) == expected


@pytest.mark.parametrize("name", ["a#b.txt", "n=v.txt", "m2e:x.txt", "n=m2e:x#y"])
def test_a_path_that_exists_wins_over_the_syntax(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("x")
    spec = parse_source(name)
    assert (spec.target, spec.format, spec.split) == (name, None, None)
    named = parse_source(f"mine=text:{name}#train")
    assert named == SourceSpec("mine", "text", name, "train")
    absolute = parse_source(f"{tmp_path}/{name}")
    assert absolute.path == tmp_path / name
    assert not set(absolute.name) & set("=:#/")


@pytest.mark.parametrize("text", ["", "a=", "m2e:", "x#", "a=m2e:#", "x#a/b"])
def test_an_empty_part_is_an_error(text: str) -> None:
    with pytest.raises(UserError, match="source"):
        parse_source(text)


@pytest.mark.parametrize("name", [".", "..", "a\x1b", "a\udcff", "\u202ea", "a" * 101])
def test_a_name_that_is_none_is_an_error(name: str) -> None:
    with pytest.raises(UserError, match="not a name for a source"):
        parse_source(f"{name}=x.txt")


def test_an_unknown_format_lists_the_known_ones() -> None:
    with pytest.raises(UserError) as error:
        parse_source("hme10k:train.txt")
    assert all(name in str(error.value) for name in FORMATS)


def test_default_name_of_a_dot_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "my set").mkdir()
    monkeypatch.chdir(tmp_path / "my set")
    assert default_name(".") == "my_set"


def test_parse_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "img").mkdir()
    (tmp_path / "a=b").mkdir()
    assert parse_images("img") == (None, Path("img"))
    assert parse_images("train=img") == ("train", Path("img"))
    assert parse_images("a=b") == (None, Path("a=b"))
    for text in ("nope", "train=nope", "train=", ""):
        with pytest.raises(UserError, match="not a folder"):
            parse_images(text)


def test_parse_columns() -> None:
    assert parse_columns("label:tex,image:name") == (None, {"label": "tex", "image": "name"})
    assert parse_columns("mine=label:a b, id:key") == ("mine", {"label": "a b", "id": "key"})
    assert parse_columns("label:a=b") == (None, {"label": "a=b"})
    for text in ("tex", "label:", "labels:tex", "label:a,label:b", ""):
        with pytest.raises(UserError, match="--columns"):
            parse_columns(text)
