"""Labels of any length in many shapes that once made a function's time grow faster than the label. Judges nothing."""

from __future__ import annotations

#: Each is repeated.
SHAPES: tuple[str, ...] = (
    "x ", "x+", r"\alpha ", "1 ", "9^9^9 = ", "1 + 1 = 2 ", "1 2 : 3 = ", r"\frac { 1 } { 2 } ", r"\frac12", "x^2",
    "x_1^2 ", "x^2^3 ", "x' ", "x''", "x^{'}", "^", "_", "x ^ { 2 } ", "{ } ", "{ x } ", "{ { x } } ", "{", "}", "( ",
    ") ", "[ ", "] ", "( x ) ", r"\left( x \right) ", r"\left( ", r"\right) ", r"\{ x \} ", r"{\rm x} ",
    r"{ \bf x } ", r"\rm ", r"a \over b ", r"{ a \over b } ", r"\buildrel a \over b ", r"\root 3 \of x ",
    r"\begin{matrix} a & b \\ c \end{matrix} ", r"\begin{array}{c} a \end{array} ", r"\begin{pmatrix} ",
    r"\end{pmatrix} ", "a & b ", r"a \\ ", r"\\ ", "& ", "&amp;", "&lt; ", r"\label{a}", r"\tag{1}", r"\nonumber ",
    r"\text{a} ", r"\mbox{ a b } ", r"\text{$x$} ", "½", "x²", "é ", "解", "\u00a0", "\ufeff", "~", r"\, ", r"\quad ",
    "  ", "\t", r"\n ", r"\n \t x ", "% a\n", "$", "$ x $ ", r"\[ ", "#", r"\foo ", r"\fraca ", r"\mu\nu",
    r"\operatorname { s i n } ", "s i n ", "l i m ", r"\lim \limits _ { x } ", r"\dots ", r"\cdots \cdots ", r"\not ",
    r"\not = ", r"\hat ", r"\hat { x } ", r"\hat { \vec x } ", r"\sqrt ", r"\sqrt [ 3 ] x ", r"\mathrm { a } ",
    r"\displaystyle ", r"\color{red} ", r"\def\a{b} ", "\\", "\\\\frac ", "^^M", ". ", ", ", ": ", "= ", "1 . 5 ",
    "0 2 ", "? ", "a, b; ", "H 2 O ", r"\hline ", r"\hspace { 1 cm } ", "[object Object] ", r"\times",
    "解 x %\n", "] { } ", r"\\[2pt ", r"\begin{aligned}[ & & & & ", r"\ref{}^2",
)  # fmt: skip
#: Each is nested: the part before, the core and the part behind.
NESTED: tuple[tuple[str, str, str], ...] = (
    ("{ ", "x", "} "), (r"\frac { 1 } { ", "x", "} "), ("x ^ { ", "x", "} "), (r"\left( ", "x", r" \right) "),
    ("( ", "x", ") "), (r"\begin{matrix} ", "x", r"\end{matrix} "), (r"\sqrt { ", "x", "} "), (r"\text{ ", "x", "} "),
    (r"{ \rm ", "x", "} "), (r"\left( \begin{matrix} ", "x", r"\end{matrix} \right) "),
    (r"\text{ undefined 解 ", "x", "} "),
)  # fmt: skip


def repeated(shape: str, size: int) -> str:
    """A label of about `size` characters that repeats one shape."""
    return (shape * (size // len(shape) + 1))[: max(size // len(shape), 1) * len(shape)]


def nested(shape: tuple[str, str, str], size: int) -> str:
    """A label of about `size` characters that nests one shape."""
    before, core, behind = shape
    times = max(size // (len(before) + len(behind)), 1)
    return before * times + core + behind * times


def labels(size: int) -> dict[str, str]:
    """A label of about `size` characters for every shape, by shape."""
    made = {shape: repeated(shape, size) for shape in SHAPES}
    return made | {f"{before}…{behind}": nested((before, core, behind), size) for before, core, behind in NESTED}
