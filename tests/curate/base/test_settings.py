"""Dataclasses filled from plain values: what is accepted; anything else gives one line that names the key."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, Literal

import pytest

from curate.base.errors import UserError
from curate.base.settings import NO_KEY, Between, Count, Share, as_flag, check, fill, in_table


@dataclass(frozen=True)
class Inner:
    """A nested section."""

    rate: Share = 0.5
    kind: Literal["a", "b"] = "a"

    def __post_init__(self) -> None:
        if self.rate == 0.25:
            raise UserError("a quarter is never right")


@dataclass(frozen=True)
class Outer:
    """One key of every kind."""

    many: Count | None = None
    low: Annotated[int, Between(high=3)] = 0
    on: bool = False
    names: tuple[str, ...] = ()
    place: Path | None = None
    shares: Mapping[str, Share] = field(default_factory=dict)
    tables: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    inner: Inner = field(default_factory=Inner)
    secret: str = field(default="", metadata=NO_KEY)


def test_every_kind_is_taken_and_the_rest_stays() -> None:
    values = {"many": 2, "on": True, "names": ["x"], "place": "p", "shares": {"a": 1}, "tables": {"t": {"k": [3]}}}
    found = fill(Outer(), {**values, "inner": {"kind": "b"}}, "f")
    assert found == Outer(2, 0, True, ("x",), Path("p"), {"a": 1.0}, {"t": {"k": [3]}}, Inner(0.5, "b"))
    assert fill(found, {"many": None}).many is None


@pytest.mark.parametrize(
    ("values", "dotted", "table"),
    [
        ({"many": 0}, "many must be at least 1, not 0", "[top] many must be at least 1, not 0"),
        ({"low": 4}, "low must be at most 3, not 4", "[top] low must be at most 3, not 4"),
        (
            {"inner": {"rate": 2}},
            "inner.rate must be from 0 to 1, not 2",
            "[top.inner] rate must be from 0 to 1, not 2",
        ),
        (
            {"inner": {"rate": float("nan")}},
            "inner.rate must be from 0 to 1, not nan",
            "[top.inner] rate must be from 0",
        ),
        ({"inner": {"kind": "c"}}, "inner.kind must be one of a, b, not 'c'", "[top.inner] kind must be one of a, b"),
        ({"shares": {"a": 2}}, "shares.a must be from 0 to 1, not 2", "[top.shares] a must be from 0 to 1, not 2"),
        ({"tables": {"t": 3}}, "tables.t must be a table, not 3", "[top.tables] t must be a table, not 3"),
        ({"inner": 3}, "inner must be a section of keys, not 3", "[top] inner must be a section of keys, not 3"),
        ({"on": 1}, "on must be true or false, not 1", "[top] on must be true or false, not 1"),
        ({"names": "x"}, "names must be a list of texts, not 'x'", "[top] names must be a list of texts"),
        ({"mny": 1}, "unknown key 'mny'; did you mean 'many'?", "unknown key '[top] mny'; did you mean '[top] many'?"),
        (
            {"rate": 1},
            "unknown key 'rate'; did you mean 'inner.rate'?",
            "unknown key '[top] rate'; did you mean '[top.inner] rate'?",
        ),
        (
            {"secret": "x"},
            "unknown key 'secret'; known keys: many, low",
            "unknown key '[top] secret'; known keys in top: many, low",
        ),
        ({"inner": {"rate": 0.25}}, "inner: a quarter is never right", "[top.inner] a quarter is never right"),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_with_the_path_of_the_key(values: dict[str, Any], dotted: str, table: str) -> None:
    for arguments, said in (({}, dotted), ({"section": "top", "naming": in_table}, table)):
        with pytest.raises(UserError) as caught:
            fill(Outer(), values, "f", **arguments)  # type: ignore[arg-type]
        assert str(caught.value).startswith(f"f: {said}")
        assert "\n" not in str(caught.value)


def test_flags_are_named_as_they_are_written() -> None:
    with pytest.raises(UserError, match=r"^--many must be at least 1, not 0$"):
        fill(Outer(), {"many": 0}, naming=as_flag)


def test_settings_that_a_program_made_are_checked_too() -> None:
    check(Outer())
    with pytest.raises(UserError, match=r"^inner\.rate must be from 0 to 1, not 3$"):
        check(Outer(inner=Inner(rate=3)))
