"""Correct formulas as people write them by hand: the kinds for M²E and HME100K. For print see `printed`.

A label is tokens separated by spaces; numbers are split into digits. ` \\n ` and ` \\t ` are M²E's layout tokens: next
line, and the column with the working.
"""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def _digits(number: float | str) -> str:
    """A number as tokens: 15.4 is `1 5 . 4`."""
    return " ".join(f"{number:g}" if isinstance(number, float) else str(number))


def _lines(*lines: str) -> str:
    return r" \n ".join(lines)


def _letter(r: Random) -> str:
    return r.choice("abcmnpqxyz")


# Arithmetic with its working, line by line: M²E


def _column(r: Random) -> str:
    a, b = r.randint(102, 989) / 10, r.randint(2, 9)
    product = _digits(round(a * b, 2))
    return rf"{_digits(a)} \times {b} = {product} \t {_digits(a)} \n \times {b} \n {product}"


def _column_sum(r: Random) -> str:
    a, b = r.randint(111, 899), r.randint(11, 99)
    sign, total = r.choice((("+", a + b), ("-", a - b)))
    first, second, result = _digits(a), _digits(b), _digits(total)
    return rf"{first} {sign} {second} = {result} \t {first} \n {sign} {second} \n {result}"


def _steps(r: Random) -> str:
    a, b, c = r.randint(3, 99), r.randint(2, 9), r.randint(2, 99)
    return _lines(
        rf"{_digits(a)} \times {b} + {_digits(c)}", f"= {_digits(a * b)} + {_digits(c)}", f"= {_digits(a * b + c)}"
    )


def _equation(r: Random) -> str:
    x, k, c = r.randint(2, 30), r.randint(2, 9), r.randint(3, 60)
    v = _letter(r)
    return _lines(
        f"{k} {v} + {_digits(c)} = {_digits(k * x + c)}", f"{k} {v} = {_digits(k * x)}", f"{v} = {_digits(x)}"
    )


def _fraction_sum(r: Random) -> str:
    b, d = r.sample((2, 3, 5, 7, 11, 13), 2)
    a, c = r.randint(1, b - 1), r.randint(1, d - 1)
    return _lines(
        rf"\frac {{ {a} }} {{ {_digits(b)} }} + \frac {{ {c} }} {{ {_digits(d)} }}",
        rf"= \frac {{ {_digits(a * d + c * b)} }} {{ {_digits(b * d)} }}",
    )


def _angles(r: Random) -> str:
    a = r.randint(21, 69)
    return _lines(
        rf"\alpha = {_digits(a)} ^ {{ \circ }}",
        rf"\beta = {_digits(180)} ^ {{ \circ }} - {_digits(a)} ^ {{ \circ }} = {_digits(180 - a)} ^ {{ \circ }}",
    )


def _density(r: Random) -> str:
    v, q = r.randint(2, 40), r.randint(2, 19)
    return _lines(
        r"\rho = \frac { m } { V }",
        rf"= \frac {{ {_digits(v * q)} }} {{ {_digits(v)} }}",
        f"= {_digits(q)} g / c m ^ {{ 3 }}",
    )


def _excluded(r: Random) -> str:
    a, v = r.randint(2, 79), _letter(r)
    return _lines(rf"{v} - {_digits(a)} \neq 0", rf"{v} \neq {_digits(a)}")


def _vectors(r: Random) -> str:
    a, b = r.sample("abcdmn", 2)
    k, n = r.randint(2, 9), r.randint(2, 9)
    return rf"{k} \vec {{ {a} }} + {n} \vec {{ {b} }} = {n} \vec {{ {b} }} + {k} \vec {{ {a} }}"


def _remainder(r: Random) -> str:
    b, q = r.randint(3, 9), r.randint(3, 30)
    c = r.randint(1, b - 1)
    return rf"{_digits(b * q + c)} \div {b} = {_digits(q)} \cdots {c}"


def _percent(r: Random) -> str:
    a, p = r.randint(2, 90) * 20, r.choice((5, 15, 25, 35, 45, 65, 85))
    return rf"{_digits(a)} \times {_digits(p)} \% = {_digits(a * p // 100)}"


def _comparison(r: Random) -> str:
    a, b = r.randint(1, 4), r.randint(1, 30)
    return rf"{_digits(b / 100)} < \frac {{ {a} }} {{ {a + 1} }} < {a + 1}"


M2E_KINDS: tuple[Callable[[Random], str], ...] = (
    _column, _steps, _equation, _fraction_sum, _angles, _density, _excluded, _vectors, _remainder, _percent,
    _comparison, _column_sum,
)  # fmt: skip


# What pupils write on one line: HME100K


def _quadratic(r: Random) -> str:
    a, b, c, v = r.randint(2, 9), r.randint(2, 19), r.randint(1, 29), r.choice("xyt")
    return f"{a} {v} ^ {{ 2 }} + {_digits(b)} {v} - {_digits(c)} = 0"


def _roots(r: Random) -> str:
    a, b = r.randint(2, 9), r.choice((2, 3, 5, 6, 7, 10))
    return rf"\sqrt {{ {_digits(a * a * b)} }} = {a} \sqrt {{ {_digits(b)} }}"


def _cube_root(r: Random) -> str:
    a, v = r.randint(2, 9), _letter(r)
    return rf"\sqrt [ 3 ] {{ {_digits(a**3)} {v} ^ {{ 3 }} }} = {a} {v}"


def _circled(r: Random) -> str:
    n, a, b = r.randint(1, 9), r.randint(2, 99), r.randint(2, 9)
    return rf"\textcircled {{ {n} }} {_digits(a * b)} \div {b} = {_digits(a)}"


def _slope(r: Random) -> str:
    a, b, c, d = (r.randint(1, 9) for _ in range(4))
    rise = r"\frac { y _ { 2 } - y _ { 1 } } { x _ { 2 } - x _ { 1 } }"
    return rf"k = \frac {{ {a} - {b} }} {{ {c} + {d} }} = {rise}"


def _sequence(r: Random) -> str:
    a, d = r.randint(1, 19), r.randint(2, 9)
    return rf"a _ {{ n }} = {_digits(a)} + {d} \times ( n - 1 ) , a _ {{ 1 }} = {_digits(a)}"


def _discount(r: Random) -> str:
    a, p = r.randint(2, 45) * 20, r.choice((10, 20, 30, 40, 60))
    return rf"{_digits(a)} \times ( 1 - {_digits(p)} \% ) = {_digits(a * (100 - p) // 100)}"


def _identity(r: Random) -> str:
    v, k = r.choice((r"\alpha", r"\theta", r"\beta")), r.randint(2, 9)
    return rf"{k} \sin ^ {{ 2 }} {v} + {k} \cos ^ {{ 2 }} {v} = {k}"


def _limit(r: Random) -> str:
    k = r.randint(2, 30)
    return rf"\lim _ {{ x \to 0 }} \frac {{ \sin {_digits(k)} x }} {{ x }} = {_digits(k)}"


def _reaction(r: Random) -> str:
    k = r.randint(2, 9)
    metal = r.choice(("Mg", "Ca", "Zn"))
    m = rf"\mathrm {{ {' '.join(metal)} }}"
    oxygen = r"\mathrm { O } _ { 2 }"
    return rf"{_digits(2 * k)} {m} + {k} {oxygen} = {_digits(2 * k)} {m} \mathrm {{ O }}"


def _interval(r: Random) -> str:
    a, b, v = r.randint(1, 40), r.randint(41, 99), _letter(r)
    return rf"\{{ {v} | {_digits(a)} \leq {v} < {_digits(b)} \}}"


def _segments(r: Random) -> str:
    a, b = r.randint(2, 60), r.randint(2, 60)
    first, second, third = r.choice(("ABC", "DEF", "PQR"))
    length = f"{_digits(a)} + {_digits(b)} = {_digits(a + b)}"
    return rf"| \overrightarrow {{ {first} {third} }} | = {length} , {second} \in {first} {third}"


HME_KINDS: tuple[Callable[[Random], str], ...] = (
    _quadratic, _roots, _cube_root, _circled, _slope, _sequence, _discount, _identity, _limit, _reaction, _interval,
    _segments,
)  # fmt: skip
