"""How strokes are drawn: the settings, and how a ref encodes them. Not for drawing: see `stroke_drawing`."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Annotated, Any, Literal

from curate.base.settings import Between, fill


@dataclass(frozen=True)
class StrokeSettings:
    """How strokes are drawn. The defaults make pictures as large and bold as CROHME's own.

    Those are white on black, scaled so that a formula's traces have a mean height of 28 pixels, and drawn with a square
    brush of 3 pixels, with 12 pixels of margin above and to the left, and 11 below and to the right.
    """

    #: Which length becomes `size` pixels: the mean height of the traces, the height of all the ink, or the file's unit.
    fit: Literal["trace", "ink", "unit"] = "trace"
    size: Annotated[float, Between(0.001, 4000)] = 28.0
    #: The pen's width and the paper around the ink, in pixels.
    pen: Annotated[float, Between(0.5, 100)] = 3.0
    margin: Annotated[int, Between(0, 1000)] = 11
    #: Whether edges are grey; otherwise every pixel is black or white.
    antialias: bool = True


DEFAULTS = StrokeSettings()


def spelled(settings: StrokeSettings) -> str:
    """The settings that differ from the defaults, as `pen=2,margin=0`; empty if none does."""
    values = {field.name: getattr(settings, field.name) for field in dataclasses.fields(settings)}
    return ",".join(f"{name}={_text(value)}" for name, value in values.items() if value != getattr(DEFAULTS, name))


def from_spelling(text: str) -> StrokeSettings:
    """The settings that `spelled` wrote. Raises UserError for anything else."""
    values: dict[str, Any] = {}
    for part in filter(None, text.split(",")):
        name, _, value = part.partition("=")
        kind = type(getattr(DEFAULTS, name, None))
        if kind is bool and value in ("true", "false"):
            values[name] = value == "true"
        else:
            values[name] = int(value) if kind is int and value.isdecimal() and value.isascii() else value
    return fill(DEFAULTS, values)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else f"{value:g}" if isinstance(value, float) else str(value)
