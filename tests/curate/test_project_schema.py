"""The JSON schema of the project file accepts and refuses the same values as the program."""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from curate.base.errors import UserError
from curate.cli.options import chosen_rules
from curate.project import load_project

DOCS = Path(__file__).resolve().parents[2] / "docs"
SCHEMA = json.loads((DOCS / "texsieve.schema.json").read_text(encoding="utf-8"))
VALIDATOR = jsonschema.Draft7Validator(SCHEMA)


def accepts(settings: dict[str, Any]) -> bool:
    return VALIDATOR.is_valid(settings)


def is_read(settings: dict[str, Any], folder: Path) -> str:
    """Empty if the program accepts the settings, otherwise its message."""
    file = folder / "texsieve.toml"
    file.write_text(_toml(settings), encoding="utf-8")
    assert tomllib.loads(file.read_text(encoding="utf-8")) == settings
    try:
        chosen_rules(load_project(file))
    except UserError as error:
        return str(error)
    return ""


def _toml(settings: dict[str, Any]) -> str:
    return "\n".join(f"{json.dumps(key)} = {_value(value)}" for key, value in settings.items())


def _value(value: Any) -> str:
    if isinstance(value, dict):
        return "{ " + ", ".join(f"{json.dumps(key)} = {_value(inner)}" for key, inner in value.items()) + " }"
    return json.dumps(value, ensure_ascii=False)


def test_it_is_a_schema_and_the_example_of_the_page_fits_it() -> None:
    jsonschema.Draft7Validator.check_schema(SCHEMA)
    (example,) = re.findall(r"^```toml\n(.*?)^```", (DOCS / "project-file.md").read_text("utf-8"), re.M | re.S)
    VALIDATOR.validate(tomllib.loads(example))


def _keys(schema: dict[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, inner in schema.get("properties", {}).items():
        if "properties" in inner:
            yield from _keys(inner, (*above, name))
        else:
            yield (*above, name)


#: In `options`, one rule by its code and one by its name represent all.
PATHS = [path for path in _keys(SCHEMA) if path[0] != "options" or path[1] in ("SYN010", "empty-cells", "ESC010")]
VALUES: list[Any] = ["text", "none", "", 3, -1, 0, 0.5, 2.5, True, [], ["a"], ["none"], [1], {}, {"a": 1}]
VALUES += [{"SYN001": "info"}, {"SYN001": 0.5}, {"unbalanced-brace": "safe"}, {"a": ["SYN001"]}, {"a": []}]
VALUES += [{"train": 1.0}, {"a": " "}, "train=1", "x=all", 10**9]
#: What the program refuses but a schema can't express.
BEYOND = re.compile(r"add up to|is not NAME=SHARE|no rule is called|can't be the name of a split")


@pytest.mark.parametrize("path", PATHS, ids=".".join)
def test_schema_and_program_agree(path: tuple[str, ...], tmp_path: Path) -> None:
    for value in VALUES:
        settings: dict[str, Any] = {path[-1]: value}
        for name in reversed(path[:-1]):
            settings = {name: settings}
        said = is_read(settings, tmp_path)
        if accepts(settings):
            assert not said or BEYOND.search(said), (settings, said)
        else:
            assert said, settings


@pytest.mark.parametrize(
    "settings",
    [
        {"profil": "m2e"},
        {"export": {"formats": "hf"}},
        {"severity": {"SYN999": "error"}},
        {"options": {"SYN010": {"runs": 9}}},
        {"options": {"SYN999": {}}},
        {"score": {"errors": 0.5}},
        {"strokes": {"pens": 1}},
    ],
)
def test_unknown_names_are_refused_by_both(settings: dict[str, Any], tmp_path: Path) -> None:
    assert not accepts(settings)
    assert is_read(settings, tmp_path)


def test_rules_of_other_packages_are_named_by_their_codes() -> None:
    assert accepts({"severity": {"ACME001": "info"}, "options": {"ACME001": {"most": 3}}, "score": {"ACME001": 0.5}})
