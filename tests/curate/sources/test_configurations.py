"""Configurations of a Hugging Face data set are read one at a time, as `datasets` loads them."""

from __future__ import annotations

import zipfile
from pathlib import Path
from time import process_time

import pandas as pd
import pytest
import yaml
from source_makers import labels, read, write

from curate.base.errors import UserError
from curate.sources import SourceSpec, parse_source


def _set(folder: Path, files: dict[str, list[str]], configs: object = None) -> Path:
    """A data set with label files, and a README.md that names its configurations."""
    for name, texts in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        frame = pd.DataFrame({"id": range(len(texts)), "latex": texts})
        if name.endswith(".parquet"):
            frame.to_parquet(folder / name)
        elif name.endswith(".csv"):
            frame.to_csv(folder / name, index=False)
        else:
            frame.to_json(folder / name, orient="records", lines=True)
    if configs is not None:
        front = yaml.safe_dump({"license": "mit", "configs": configs}, sort_keys=False)
        write(folder / "README.md", f"---\n{front}---\n# A data set\n")
    return folder


_SHARD = "train-00000-of-00001.parquet"
_TWO = {f"en/{_SHARD}": ["a", "b"], "en/test-00000-of-00001.parquet": ["t"], f"zh/{_SHARD}": ["c", "d", "e"]}
_SPLITS = [{"split": "train", "path": "{}/train-*"}, {"split": "test", "path": ["{}/test-*"]}]

#: Folders with two configurations, as README.md may write them.
_WAYS: dict[str, tuple[dict[str, list[str]], list[dict[str, object]]]] = {
    "splits": (
        _TWO,
        [
            {
                "config_name": "en",
                "data_files": [{"split": "train", "path": "en/train-*"}, {"split": "test", "path": ["en/test-*"]}],
            },
            {"config_name": "zh", "data_files": [{"split": "train", "path": "zh/train-*"}]},
        ],
    ),
    "folders": (
        {"en/train.csv": ["a", "b"], "en/test.csv": ["t"], "zh/train.csv": ["c", "d", "e"]},
        [{"config_name": "en", "data_dir": "en"}, {"config_name": "zh", "data_dir": "./zh/"}],
    ),
    "patterns": (
        {"data/en/train.jsonl": ["a", "b"], "data/en/x/test.jsonl": ["t"], "data/zh/train.jsonl": ["c", "d", "e"]},
        [
            {
                "config_name": "en",
                "data_files": [
                    {"split": "train", "path": "data/en/*.jsonl"},
                    {"split": "test", "path": "**/test.jsonl"},
                ],
            },
            {"config_name": "zh", "data_dir": "data", "data_files": [{"split": "train", "path": "z[gh]/tr?in.jsonl"}]},
        ],
    ),
}


@pytest.mark.parametrize("way", list(_WAYS))
def test_one_is_read_as_datasets_loads_it_and_none_is_guessed(way: str, tmp_path: Path) -> None:
    import datasets

    folder = _set(tmp_path / "set", *_WAYS[way])
    with pytest.raises(ValueError, match="Config name is missing"):
        datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    with pytest.raises(UserError) as error:
        read(folder)
    said = f"{folder}: its README.md names 2 configurations, each a data set of its own; say which: "
    assert str(error.value) == said + f"{folder}:en or {folder}:zh"
    for name in ("en", "zh"):
        loaded = datasets.load_dataset(str(folder), name, cache_dir=str(tmp_path / "cache"))
        wanted = {(split, text) for split, rows in loaded.items() for text in rows["latex"]}
        source = read(f"{folder}:{name}")
        assert set(source.frame.select("split", "label").iter_rows()) == wanted
        assert source.name == f"set_{name}"
        assert not [note for note in source.notes if "could hold labels" in note or "duplicate" in note]
    assert labels(read(f"x={folder}:en#test")) == ["t"]


def test_a_default_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    import datasets

    files = {"full/all.parquet": ["a", "b"], "small/train-00000-of-00001.parquet": ["a"]}
    configs: list[dict[str, object]] = [
        {"config_name": "full", "data_files": "full/*.parquet", "default": True},
        {"config_name": "small", "data_files": "small/*"},
    ]
    folder = _set(tmp_path / "set", files, configs)
    loaded = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    source = read(folder)
    assert labels(source) == [text for rows in loaded.values() for text in rows["latex"]] == ["a", "b"]
    note = "files of other configurations of this data set, which were not read: small; to read one: "
    assert source.notes[f"{note}{folder}:small"] == 1
    assert labels(read(f"hf:{folder}:small")) == ["a"]
    del configs[0]["default"]
    configs[0]["config_name"] = "default"
    assert labels(read(_set(tmp_path / "set", files, configs))) == ["a", "b"]


def test_the_only_configuration_names_the_splits(tmp_path: Path) -> None:
    files = {"x/a.parquet": ["a", "b"], "y/b.parquet": ["c"], "draft.parquet": ["d"]}
    splits = [{"split": "train", "path": "x/*"}, {"split": "test", "path": "y/*"}]
    source = read(_set(tmp_path, files, [{"config_name": "default", "data_files": splits}]))
    assert source.frame.select("split", "label").rows() == [("train", "a"), ("train", "b"), ("test", "c")]
    assert source.notes["files beside it that could hold labels and were not read: draft.parquet"] == 1


@pytest.mark.parametrize(
    "configs",
    [
        None,
        "en",
        [],
        [3],
        [{"config_name": "en", "data_files": "other/*"}, {"config_name": "zh", "data_files": "../zh/*"}],
        [{"config_name": "en"}],
        [{"config_name": 3, "data_files": "en/*"}],
        [{"config_name": "en", "data_files": [{"split": "train", "path": {}}]}],
    ],
)
def test_what_names_no_file_here_changes_nothing(configs: object, tmp_path: Path) -> None:
    """Two folders with the same shards are kept apart all the same."""
    source = read(_set(tmp_path / "set", _TWO, configs))
    assert set(source.frame.select("split", "label").iter_rows()) == {
        *(("en_train", text) for text in "ab"),
        ("test", "t"),
        *(("zh_train", text) for text in "cde"),
    }
    assert not [note for note in source.notes if "duplicate" in note]


@pytest.mark.parametrize("text", ["---\n: : :\n---\n", "---\nconfigs: [\n---\n", "---\nconfigs:\n", "\0"])
def test_a_broken_header_changes_nothing(text: str, tmp_path: Path) -> None:
    write(_set(tmp_path, {"train.csv": ["a"]}) / "README.md", text)
    assert labels(read(tmp_path)) == ["a"]


@pytest.mark.parametrize(
    "path",
    [
        "*a" * 30 + "z",
        "**/" * 30 + "z",
        "[z-a]",
        "[]",
        "[",
        "[&&a]",
        "[a-",
        "\\",
        "(?i)a",
        "x" * 100_000,
        "[^]",
        "{1,999999}",
    ],
)
def test_a_hostile_pattern_holds_no_file_and_costs_no_time(path: str, tmp_path: Path) -> None:
    name = f"{'a' * 60}/{'a' * 60}.csv"
    folder = _set(tmp_path / "s", {name: ["a", "b"]}, [{"config_name": "x", "data_files": path}])
    start = process_time()
    assert labels(read(folder)) == ["a", "b"]
    assert process_time() - start < 5


def test_a_header_that_repeats_itself_is_none(tmp_path: Path) -> None:
    folder = _set(tmp_path / "s", {"train.csv": ["a", "b"]})
    many = ", ".join(["*a"] * 1000)
    front = f"a: &a z\nb: &a [{many}]\nc: &a {{path: *a}}\nd: &a [{many}]\ne: &a {{config_name: x, data_files: *a}}\n"
    write(folder / "README.md", f"---\n{front}configs: [{many}]\n---\n")
    start = process_time()
    assert labels(read(folder)) == ["a", "b"]
    assert process_time() - start < 5


def test_shards_of_one_split_may_lie_in_several_folders(tmp_path: Path) -> None:
    files = {f"part{n}/train-0000{n}-of-00002.parquet": [f"x_{n}"] for n in range(2)}
    assert set(read(_set(tmp_path, files)).frame["split"]) == {"train"}


def test_a_name_that_isnt_there(tmp_path: Path) -> None:
    folder = _set(tmp_path / "set", *_WAYS["splits"])
    with pytest.raises(UserError, match=r"set: no configuration 'fr'; it has: en, zh$"):
        read(f"{folder}:fr")
    (folder / "README.md").unlink()
    with pytest.raises(UserError, match=r"names none that has files here; its folder is a data set of its own: .*/en$"):
        read(f"{folder}:en")
    with pytest.raises(UserError, match="no configuration 'en': it is not the folder of a data set"):
        read(f"{folder / 'zh' / _SHARD}:en")


def test_a_folder_in_an_archive(tmp_path: Path) -> None:
    folder = _set(tmp_path / "set", *_WAYS["folders"])
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        for file in folder.rglob("*.*"):
            archive.write(file, file.relative_to(tmp_path))
    assert labels(read(f"{tmp_path / 'a.zip'}:zh")) == ["c", "d", "e"]


def test_the_argument(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("math").mkdir()
    assert parse_source("math:en") == SourceSpec("math_en", None, "math", None, "en")
    assert parse_source("csv:math:en#train") == SourceSpec("math_en", "csv", "math", "train", "en")
    assert parse_source("m=math:zh-CN") == SourceSpec("m", None, "math", None, "zh-CN")
    with pytest.raises(UserError, match="'other' is not a source format"):
        parse_source("other:en")
