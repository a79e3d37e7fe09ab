"""Options of rules: defaults, and the choices or bounds of their values. Knows no rule."""

from __future__ import annotations

import difflib
import json
import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Option:
    """An option with its default. A value must have the default's type; a whole number also counts as a float.

    choices: the words it may be. at_least, at_most: the bounds of a number, inclusive. valid: raises ValueError for a
    wrong value; the message continues "option … of …". says: what is allowed, in words, for an option with `valid`.
    """

    default: Any
    choices: tuple[str, ...] = ()
    at_least: float | None = None
    at_most: float | None = None
    valid: Callable[[Any], None] | None = None
    says: str = ""

    @property
    def may_be(self) -> str:
        """The allowed values in words, as in `option run of SYN010 must be 5 or more`."""
        if self.says:
            return self.says
        if self.choices:
            return f"one of {', '.join(self.choices)}"
        if self.at_least is not None and self.at_most is not None:
            return f"from {self.at_least:,} to {self.at_most:,}"
        if self.at_least is not None:
            return f"{self.at_least:,} or more"
        if self.at_most is not None:
            return f"{self.at_most:,} or less"
        return "true or false"

    def check(self, value: Any) -> Any:
        """`value` in the type of the default. Raises ValueError for a wrong one; the message continues "option … of
        …".
        """
        if isinstance(self.default, float) and isinstance(value, int) and not isinstance(value, bool):
            value = float(value)
        kind = type(self.default)
        if type(value) is not kind:
            name = {int: "a whole number", float: "a number", str: "a string", bool: "true or false"}[kind]
            allowed = "" if kind is bool else f", {self.may_be}"
            raise ValueError(f"must be {name}{allowed}, such as {toml_value(self.default)}, not {toml_value(value)}")
        if self.choices and value not in self.choices:
            close = difflib.get_close_matches(value, self.choices, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ""
            raise ValueError(f"must be {self.may_be}, not {value!r}{hint}")
        if kind in (int, float):
            low = -math.inf if self.at_least is None else self.at_least
            high = math.inf if self.at_most is None else self.at_most
            if not low <= value <= high or not math.isfinite(value):
                raise ValueError(f"must be {self.may_be}, not {value!r}")
        if self.valid is not None:
            self.valid(value)
        return value


#: An option that is on or off.
OFF = Option(False)


def share(default: float) -> Option:
    """An option for a share, from 0 to 1."""
    return Option(default, at_least=0, at_most=1)


def count(default: int, *, at_least: int = 0) -> Option:
    """An option for a whole number, such as a count."""
    return Option(default, at_least=at_least)


def measure(default: float, *, at_least: float = 0) -> Option:
    """An option for a number with no upper bound."""
    return Option(default, at_least=at_least)


def toml_value(value: Any) -> str:
    """A value as written in a TOML file."""
    if isinstance(value, bool):
        return str(value).lower()
    return json.dumps(value, ensure_ascii=False) if isinstance(value, str) else repr(value)
