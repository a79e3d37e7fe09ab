"""Steps to the canonical form: arrays and matrices."""

from __future__ import annotations

from collections.abc import Iterator

from rules.latex.canonical_tokens import OPENING, Edit, closing

_AROUND: dict[tuple[str, ...], str] = {
    ("(", ")"): "pmatrix",
    ("[", "]"): "bmatrix",
    ("\\{", "\\}"): "Bmatrix",
    ("|", "|"): "vmatrix",
    ("\\|", "\\|"): "Vmatrix",
}


def arrays(tokens: list[str]) -> Iterator[Edit]:
    r"""A column specification names no more columns than there are. An `array` stays one: it has space at its sides."""
    for index, token in enumerate(tokens):
        if token != "\\begin{array}" or tokens[index + 1 : index + 2] != ["{"]:
            continue
        spec_end = closing(tokens, index + 1)
        spec = tokens[index + 2 : spec_end]
        if not spec or set(spec) - {"l", "c", "r"}:
            continue
        end, columns, _ = _extent(tokens, spec_end + 1)
        if end >= len(tokens):
            continue
        body = tokens[spec_end + 1 : end]
        if len(spec) > columns:
            yield index, end + 1, ["\\begin{array}", "{", *spec[:columns], "}", *body, "\\end{array}"]


def arrays_as_matrices(tokens: list[str]) -> list[str]:
    r"""Canonical tokens with `matrix` for each `array` of centred columns, and `pmatrix` if `\left(` is around it.

    LaTeX draws them differently: an `array` has 5 pt of space on both sides.
    """
    for index in range(len(tokens) - 1, -1, -1):  # from the inside out
        if tokens[index] != "\\begin{array}" or tokens[index + 1 : index + 2] != ["{"]:
            continue
        spec_end = closing(tokens, index + 1)
        end, _, _ = _extent(tokens, spec_end + 1)
        if set(tokens[index + 2 : spec_end]) == {"c"} and end < len(tokens):
            body = tokens[spec_end + 1 : end]
            tokens = [*tokens[:index], "\\begin{matrix}", *body, "\\end{matrix}", *tokens[end + 1 :]]
    for first, after, instead in reversed(list(delimited(tokens))):
        tokens = [*tokens[:first], *instead, *tokens[after:]]
    return tokens


def _extent(tokens: list[str], start: int) -> tuple[int, int, bool]:
    """Where the environment whose body starts at `start` ends, how many columns it has, and whether it is one cell."""
    depth = 0
    cells = columns = 1
    rows = 1
    for index in range(start, len(tokens)):
        token = tokens[index]
        if token == "}" or (depth == 0 and token.startswith("\\end{")):
            if depth == 0:
                return index, columns, columns == rows == 1
            depth -= 1
        elif token.startswith("\\end{"):
            depth -= 1
        elif token in OPENING or token.startswith("\\begin{"):
            depth += 1
        elif depth == 0 and token == "&":
            cells += 1
            columns = max(columns, cells)
        elif depth == 0 and token.startswith("\\\\"):
            cells = 1
            rows += 1
    return len(tokens), columns, False


def delimited(tokens: list[str]) -> Iterator[Edit]:
    r"""`\left(` around nothing but a matrix is `pmatrix`."""
    for index in range(2, len(tokens)):
        if tokens[index] == "\\begin{matrix}" and tokens[index - 2] == "\\left":
            end, _, _ = _extent(tokens, index + 1)
            name = (
                _AROUND.get((tokens[index - 1], tokens[end + 2])) if tokens[end + 1 : end + 2] == ["\\right"] else None
            )
            if name is not None:
                body = tokens[index + 1 : end]
                yield index - 2, end + 3, [f"\\begin{{{name}}}", *body, f"\\end{{{name}}}"]
