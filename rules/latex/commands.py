r"""The facts about every LaTeX command and environment: kind, arguments, mode, engines that take it. Judges no label.

The tables are `data/commands.tsv` and `data/environments.tsv`, made by `tools/make_commands.py` from what LaTeX,
KaTeX, MathJax and math-core say about each name. Names have no backslash; control symbols (`,` `{` `\`) are names too.
"LaTeX" is the article class with amsmath, amssymb, mathrsfs, bm and cancel.

`args` is a signature that a parser follows, with one letter for each argument, in order:

| letter | argument |
|---|---|
| m | a group or one token, math |
| t | a group or one token, text |
| r | a braced argument that is not typeset: a key, colour, column spec |
| D | a braced length |
| o | optional `[…]`, math |
| O | optional `[…]`, not typeset |
| s | optional star |
| d | a delimiter token, as after `\left` |
| l | a TeX length without braces, as after `\kern` |

A switch (`\bf`, `\displaystyle`) or an infix command (`\over`) has no letter for what it acts on, the rest of its
group.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

#: The kinds of commands. `op` takes limits above and below, `func` is a named function such as `\sin`, `stack` builds
#: a symbol from several arguments, `script` is `\sp` or `\sb`; `document` and `definition` don't belong in a formula.
KINDS: Final = frozenset(
    {"ord", "op", "func", "bin", "rel", "open", "close", "punct", "inner", "accent", "radical", "fraction", "infix"}
    | {"stack", "script", "limits", "font", "fontswitch", "style", "size", "sizeswitch", "space", "text", "box"}
    | {"colour", "ref", "layout", "environment", "definition", "document", "primitive", "other"}
)

#: Characters that may follow `\left`, `\right` and `\big`.
DELIMITER_CHARACTERS: Final = frozenset("()[]|/<>.")


@dataclass(frozen=True, slots=True)
class Command:
    r"""One command.

    `mode` is where LaTeX accepts it: `math`, `text` or `both`. `delimiter`: may follow `\left`. `limits`: may take
    `\limits`. `latex` means defined; whether it works in a formula is `latex and mode != "text"`. `package` is one that
    defines it if LaTeX alone doesn't. `common` ranks: the number of digits of its count in 150,000 public labels, 0 if
    it isn't there.
    """

    name: str
    kind: str
    args: str
    mode: str
    delimiter: bool
    limits: bool
    latex: bool
    katex: bool
    mathjax: bool
    mathcore: bool
    package: str
    common: int
    note: str


@dataclass(frozen=True, slots=True)
class Environment:
    r"""One environment; `args` follow `\begin{name}`.

    `kind`: `inner` is used inside a formula, `display` is a formula of its own (and an error inside another), `text`
    and `picture` are neither. `cells`: it has rows and `&`. `max_columns`: the most columns that LaTeX takes, None if
    there is no limit or an argument sets it.
    """

    name: str
    args: str
    kind: str
    cells: bool
    max_columns: int | None
    latex: bool
    katex: bool
    mathjax: bool
    mathcore: bool
    package: str
    note: str


def _rows(file: str) -> Iterator[list[str]]:
    text = files("rules.latex").joinpath("data", file).read_text(encoding="utf-8")
    return (line.split("\t") for line in text.split("\n")[1:] if line)


def _command(row: list[str]) -> Command:
    name, kind, args, mode, delimiter, limits, latex, katex, mathjax, mathcore, package, common, note = row
    return Command(
        name,
        kind,
        args,
        mode,
        delimiter == "1",
        limits == "1",
        latex == "1",
        katex == "1",
        mathjax == "1",
        mathcore == "1",
        package,
        int(common),
        note,
    )


def _environment(row: list[str]) -> Environment:
    name, args, kind, cells, columns, latex, katex, mathjax, mathcore, package, note = row
    return Environment(
        name,
        args,
        kind,
        cells == "1",
        int(columns) if columns else None,
        latex == "1",
        katex == "1",
        mathjax == "1",
        mathcore == "1",
        package,
        note,
    )


COMMANDS: Final[Mapping[str, Command]] = {row[0]: _command(row) for row in _rows("commands.tsv")}
ENVIRONMENTS: Final[Mapping[str, Environment]] = {row[0]: _environment(row) for row in _rows("environments.tsv")}

#: Every token that may follow `\left`, `\right` and `\big`: characters, and commands with their backslash.
DELIMITERS: Final = DELIMITER_CHARACTERS | {f"\\{command.name}" for command in COMMANDS.values() if command.delimiter}

# Suggestions and splits use commands that belong in formulas, the most common first, then the shortest.
_FORMULA_KINDS: Final = KINDS - {"document", "definition", "primitive", "other"}
_GOOD: Final = {
    command.name: (-command.common, not command.latex, len(command.name), command.name)
    for command in COMMANDS.values()
    if command.name.isalpha()
    and (command.common or (command.kind in _FORMULA_KINDS and (command.latex or command.katex)))
}


_LONGEST: Final = max(map(len, _GOOD))


def _deletes(name: str) -> set[str]:
    return {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}


@cache
def _index() -> dict[str, list[str]]:
    """Commands by each name that is one letter shorter than theirs, and by their own."""
    index: dict[str, list[str]] = {}
    for name in _GOOD:
        if len(name) > 1:
            for key in _deletes(name):
                index.setdefault(key, []).append(name)
    return index


def _within_one(a: str, b: str) -> bool:
    """Whether one insertion, deletion, substitution or swap of neighbours turns `a` into `b`."""
    if len(a) > len(b):
        a, b = b, a
    start = 0
    while start < len(a) and a[start] == b[start]:
        start += 1
    if len(a) < len(b):
        return a[start:] == b[start + 1 :]
    return a[start + 1 :] == b[start + 1 :] or (
        a[start : start + 2] == b[start : start + 2][::-1] and a[start + 2 :] == b[start + 2 :]
    )


def nearest(name: str) -> str | None:
    r"""The known command that `name` is most likely a slip of: at Damerau-Levenshtein distance 1, the most common one.

    A doubled tail counts as one slip: `lambda` for `lambdambda`, which a careless replacement of `\la` makes from
    `\lambda`. None for a known name, a single letter (everything is near), and a name without a command that near.
    """
    if not 2 <= len(name) <= 2 * _LONGEST or name in COMMANDS:
        return None
    glued = _longest_prefix(name)
    if glued and _is_echo(*glued):
        return glued[0]
    if len(name) > _LONGEST + 1:
        return None
    index = _index()
    found = {other for key in _deletes(name) for other in index.get(key, ()) if _within_one(name, other)}
    return min(found, key=_GOOD.__getitem__, default=None)


def _longest_prefix(name: str) -> tuple[str, str] | None:
    return next(
        ((name[:end], name[end:]) for end in range(min(len(name) - 1, _LONGEST), 1, -1) if name[:end] in _GOOD), None
    )


def _is_echo(command: str, rest: str) -> bool:
    return len(rest) > 1 and command.endswith(rest)


def split_glued(name: str) -> tuple[str, str] | None:
    r"""A command that runs into what follows it: `("gt", "M")` for `\gtM`, the longest known command and the rest.

    None for a known name, for a doubled tail (see `nearest`), and if no command of two letters or more starts it.
    """
    glued = None if name in COMMANDS else _longest_prefix(name)
    return None if glued is None or _is_echo(*glued) else glued
