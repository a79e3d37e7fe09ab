r"""Reads canonical tokens as a layout tree, in reading order. `alignment` compares trees.

The tree represents the drawing: a leaf is a symbol, and any other node a piece of layout (a superscript, a fraction, a
root, an accent, a row). In reading order, a node comes before its content. Every node has a path, which says in which
parts of which nodes it is. `x ^ { 2 }` is `x` on the line, a superscript on the line, and `2` in the superscript.

Reading never fails: tokens without their partner are left out, so even a label that LaTeX can't read has a layout.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import NamedTuple

from rules.latex import lexer
from rules.latex.commands import COMMANDS, ENVIRONMENTS

#: The greatest depth of groups that is read; the content of deeper ones is left out.
MOST_DEPTH = 60

#: The name of a piece of layout, by the kind of its command.
_NAMES = {"fraction": "fraction", "radical": "root", "infix": "fraction"}
#: The parts of a node, by the kind of its command. Nodes in a part have its name in their paths.
_PARTS = {"fraction": ("numerator", "denominator"), "accent": ("accent",), "font": ("",)}
_SCRIPTS = {"_": "subscript", "^": "superscript"}
_SILENT = frozenset({"space", "style", "sizeswitch", "limits", "ref", "colour", "size"})
_DRAWN_NOTHING = frozenset({"\\left", "\\right", "\\middle", "{", "}"})


class Node(NamedTuple):
    """`mark`: the symbol's token, or the name of the layout. `path`: `numerator/subscript`, or "" on the line."""

    mark: str
    path: str
    symbol: bool


_ENVIRONMENT_OR_TOKEN = re.compile(rf"\\(?:begin|end)\s*\{{[^{{}}\\]*\}}|{lexer.PATTERN}")


def tex_tokens(label: str) -> list[str]:
    r"""The TeX tokens of a label as written, with one token each for `\begin{name}` and `\end{name}`."""
    return ["".join(token.split()) or token for token in _ENVIRONMENT_OR_TOKEN.findall(label)]


@lru_cache(maxsize=4096)
def read(label: str) -> tuple[Node, ...]:
    """The nodes of the layout tree of a label in reading order. `label`: in canonical spelling, or as written."""
    tokens = tuple(tex_tokens(label))
    reader = _LayoutReader(tokens)
    while reader.at < len(tokens):
        reader.row("", 0)
        reader.at += 1  # a closing token that closes nothing
    return tuple(reader.nodes)


class _LayoutReader:
    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        self.at = 0
        self.nodes: list[Node] = []

    def row(self, path: str, depth: int, end: str = "") -> None:
        """Nodes up to a closing token, which is not consumed."""
        tokens = self.tokens
        while self.at < len(tokens):
            token = tokens[self.at]
            if token == "}" or token.startswith("\\end{") or (token == "]" and end == "]"):
                return
            self.item(path, depth)

    def item(self, path: str, depth: int) -> None:
        token = self.tokens[self.at]
        self.at += 1
        if token == "{":
            self.group(path, depth)
        elif token in _SCRIPTS:
            name = _SCRIPTS[token]
            self.node(name, path)
            self.argument(_below(path, name), depth)
        elif token in ("&", "\\\\", "\\cr", "\\newline"):
            self.node("new column" if token == "&" else "new row", path)
        elif token.startswith("\\begin{"):
            self.environment(token, path, depth)
        elif token in _DRAWN_NOTHING:
            if token in ("\\left", "\\right") and self.peek() == ".":
                self.at += 1
        elif token[0] == "\\" and len(token) > 1 and (command := COMMANDS.get(token[1:])) is not None:
            self.command(token, command.kind, command.args, path, depth)
        elif token == "~":
            pass
        else:
            self.nodes.append(Node(token, path, True))

    def command(self, token: str, kind: str, args: str, path: str, depth: int) -> None:
        if kind in _SILENT:
            for letter in args:
                if letter in "mt" and kind != "space":  # the coloured part, or the text of a tag
                    self.argument(path, depth)
                elif letter != "d":  # the delimiter of \big is a symbol
                    self.skip(letter)
            return
        if not any(letter in "mt" for letter in args):  # it has no content
            # A sign, or a font switch, which is a piece of layout without parts.
            self.nodes.append(Node(token, path, kind != "fontswitch"))
            for letter in args:
                self.skip(letter)
            return
        self.node(_NAMES.get(kind, token), path)
        parts = iter(_PARTS.get(kind, ()))
        for letter in args:
            if letter in "mt":
                self.argument(_below(path, next(parts, _NAMES.get(kind, token))), depth)
            elif letter == "o" and self.peek() == "[":
                self.at += 1
                self.node("index", path)
                if depth < MOST_DEPTH:
                    self.row(_below(path, "index"), depth + 1, "]")
                else:
                    self.to_the_end("[", "]")
                self.at += self.peek() == "]"
            else:
                self.skip(letter)

    def environment(self, token: str, path: str, depth: int) -> None:
        name = token[7:-1].strip()
        environment = ENVIRONMENTS.get(name)
        self.node(name, path)
        for letter in environment.args if environment is not None else "":
            self.skip(letter)
        if depth < MOST_DEPTH:
            self.row(_below(path, "cell"), depth + 1)
        else:
            self.to_the_end("\\begin{", "\\end{")
        if self.peek().startswith("\\end{"):
            self.at += 1

    def argument(self, path: str, depth: int) -> None:
        token = self.peek()
        if token == "{":
            self.at += 1
            self.group(path, depth)
        elif token and token != "}" and not token.startswith("\\end{"):
            if depth < MOST_DEPTH:
                self.item(path, depth + 1)
            else:
                self.at += 1

    def group(self, path: str, depth: int) -> None:
        """The content after an opening brace, and the closing brace."""
        if depth < MOST_DEPTH:
            self.row(path, depth + 1)
        else:
            self.to_the_end("{", "}")
        if self.peek() == "}":
            self.at += 1

    def to_the_end(self, opening: str, closing: str) -> None:
        """Skips to the partner of an opening token that was consumed."""
        depth = 0
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            if token.startswith(closing):
                if depth == 0:
                    return
                depth -= 1
            depth += token.startswith(opening)
            self.at += 1

    def skip(self, letter: str) -> None:
        """Skips an argument that draws nothing by itself: a length, a colour, a column specification."""
        if letter in "oO":
            if self.peek() == "[":
                while self.at < len(self.tokens) and self.tokens[self.at] != "]":
                    self.at += 1
                self.at += 1
        elif letter == "s":
            self.at += self.peek() == "*"
        elif self.peek().startswith("{"):
            if self.peek() == "{":
                self.at += 1
                self.to_the_end("{", "}")
            self.at += 1

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def node(self, mark: str, path: str) -> None:
        self.nodes.append(Node(mark, path, False))


def _below(path: str, part: str) -> str:
    if not part:
        return path
    return f"{path}/{part}" if path else part
