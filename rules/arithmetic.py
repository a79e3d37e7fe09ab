r"""Plain calculations in labels, exactly: `5 8 \div 5 = 1 1 \cdots 3`. No letters, no roots, no rounding.

A label is cut at its `=` signs; a side that can't be computed is passed over. Sides are numbers,
`+ - \times \div \cdot`, parentheses, `\frac`, powers of small exponents, percent and a division's remainder.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

#: A side longer than this is a proof, not a calculation.
_MOST = 120
_TIMES = frozenset([r"\times", r"\cdot", "*"])
_DIVIDE = frozenset([r"\div", "/", ":"])
_OPENING = {"(": ")", "[": "]", "{": "}"}


#: Whole numbers stay int, which is ten times as fast.
Number = Fraction | int


class NotArithmetic(Exception):
    """The tokens are no plain calculation."""


class _Side:
    """One side of an equation, read by recursive descent."""

    def __init__(self, tokens: tuple[str, ...]) -> None:
        self.tokens = tokens
        self.at = 0
        self.operations = 0

    def peek(self) -> str:
        return self.tokens[self.at] if self.at < len(self.tokens) else ""

    def take(self, token: str) -> None:
        if self.peek() != token:
            raise NotArithmetic
        self.at += 1

    def sum(self) -> Number:
        value = self.product()
        while self.peek() in ("+", "-"):
            sign = self.peek()
            self.at += 1
            self.operations += 1
            other = self.product()
            value = value + other if sign == "+" else value - other
        return value

    def product(self) -> Number:
        value = self.signed()
        while self.peek() in _TIMES or self.peek() in _DIVIDE:
            divide = self.peek() in _DIVIDE
            self.at += 1
            self.operations += 1
            other = self.signed()
            if divide and other == 0:
                raise NotArithmetic
            value = Fraction(value) / other if divide else value * other
        return value

    def signed(self) -> Number:
        if self.peek() == "-":
            self.at += 1
            return -self.power()
        if self.peek() == "+":
            self.at += 1
        return self.power()

    def power(self) -> Number:
        value = self.atom()
        if self.peek() == "^":
            self.at += 1
            exponent = self.argument()
            if (
                exponent.denominator != 1
                or not 0 <= exponent <= 12
                or not -(10**6) <= value <= 10**6
                or (value == 0 == exponent)
            ):
                raise NotArithmetic
            value = value ** int(exponent)
        if self.peek() == r"\%":
            self.at += 1
            value = Fraction(value) / 100
        return value

    def argument(self) -> Number:
        if self.peek() == "{":
            return self.atom()
        token = self.peek()
        if not token.isdigit():
            raise NotArithmetic
        self.at += 1
        return int(token)

    def atom(self) -> Number:
        token = self.peek()
        if token in _OPENING:
            self.at += 1
            value = self.sum()
            self.take(_OPENING[token])
            return value
        if token in (r"\frac", r"\dfrac", r"\tfrac"):
            return self.fraction()
        value = self.number()
        if self.peek() == r"\frac" and value.denominator == 1:  # a mixed number
            part = self.fraction()
            if not 0 < part < 1:
                raise NotArithmetic
            return value + part
        return value

    def fraction(self) -> Number:
        self.at += 1
        above = self.argument()
        below = self.argument()
        if below == 0:
            raise NotArithmetic
        return Fraction(above) / below

    def number(self) -> Number:
        start = self.at
        point = False
        while self.peek().isdigit() or (self.peek() == "." and not point and self._digit_after()):
            point = point or self.peek() == "."
            self.at += 1
        text = "".join(self.tokens[start : self.at])
        if not text or not text.isascii() or not text[0].isdigit():
            raise NotArithmetic
        if len(text) > 1 and text[0] == "0" and text[1] != ".":
            raise NotArithmetic  # 0 2 is two numbers, or a time
        return Fraction(text) if point else int(text)

    def _digit_after(self) -> bool:
        return self.at + 1 < len(self.tokens) and self.tokens[self.at + 1].isdigit()


def value(tokens: list[str]) -> tuple[Number, int] | None:
    """What the tokens come to and how many operations that took, or None where they are no plain calculation."""
    return _value(tuple(tokens))


@lru_cache(maxsize=256)  # every side is asked for by its neighbours, and by several rules
def _value(tokens: tuple[str, ...]) -> tuple[Number, int] | None:
    if not 0 < len(tokens) <= _MOST:
        return None
    side = _Side(tokens)
    try:
        result = side.sum()
    except (NotArithmetic, RecursionError):
        return None
    return (result, side.operations) if side.at == len(tokens) else None


def _divided(tokens: list[str]) -> tuple[Number, Number] | None:
    r"""`a \div b` of two whole numbers."""
    signs = [index for index, token in enumerate(tokens) if token in _DIVIDE]
    if len(signs) != 1:
        return None
    left, right = value(tokens[: signs[0]]), value(tokens[signs[0] + 1 :])
    if left is None or right is None or left[1] or right[1] or right[0] <= 0:
        return None
    return (left[0], right[0]) if left[0].denominator == right[0].denominator == 1 else None


def _sides(tokens: list[str]) -> list[tuple[int, int]]:
    """The tokens between top-level `=` signs, as (start, end); parts beside other relations are left out."""
    bounds = [-1]
    depth = 0
    for index, token in enumerate(tokens):
        depth += (token in ("{", "(", "[")) - (token in ("}", ")", "]"))
        if token == "=" and depth == 0:
            bounds.append(index)
    bounds.append(len(tokens))
    return [(start + 1, end) for start, end in pairwise(bounds)]


def _compare(tokens: list[str]) -> Iterator[tuple[int, int, str, str, bool]]:
    sides = _sides(tokens)
    for (start, middle), (after, end) in pairwise(sides):
        left_tokens, right_tokens = tokens[start:middle], tokens[after:end]
        if r"\cdots" in right_tokens:
            yield from _remainder(tokens, start, middle, after, end)
            continue
        left, right = value(left_tokens), value(right_tokens)
        if left is None or right is None or not left[1] + right[1]:
            continue
        if tokens[start:end].count(":") > 1 or glued(left[0], right_tokens) is not None:
            continue  # a proportion; or two calculations on one line
        if _rounded(left[0], right_tokens) or _rounded(right[0], left_tokens):
            continue
        yield start, end, _shown(left[0]), _shown(right[0]), left[0] == right[0]


def _remainder(
    tokens: list[str], start: int, middle: int, after: int, end: int
) -> Iterator[tuple[int, int, str, str, bool]]:
    divided = _divided(tokens[start:middle])
    dots = tokens.index(r"\cdots", after, end)
    quotient, rest = value(tokens[after:dots]), value(tokens[dots + 1 : end])
    if divided is None or quotient is None or rest is None or quotient[1] or rest[1]:
        return
    whole, by = divided
    yield (
        start,
        end,
        f"{_shown(whole)} / {_shown(by)}",
        f"{_shown(quotient[0])} remainder {_shown(rest[0])}",
        whole == by * quotient[0] + rest[0],
    )


def _rounded(exact: Number, written: list[str]) -> bool:
    """Is what is written the exact value cut or rounded to the digits that are written?"""
    text = "".join(token for token in written if token not in ("-", "+"))
    if not text.replace(".", "", 1).isdigit():
        return False
    places = len(text.split(".")[1]) if "." in text else 0
    return bool(
        abs(abs(Fraction(exact)) - Fraction(text)) < Fraction(1, 10**places) and (exact * 10**places).denominator != 1
    )


def glued(exact: Number, tokens: list[str]) -> int | None:
    r"""Where the next calculation starts, if the tokens are the exact value and another calculation: `3 0 3 0 \div 2`.

    None where they are not, or where one number is all that follows.
    """
    text = _decimal(exact)
    size = 0 if text is None else len(text)
    if text is None or tokens[:size] != list(text) or len(tokens) <= size or not tokens[size].isdigit():
        return None
    rest = value(tokens[size:])
    return size if rest is not None and rest[1] else None


def _decimal(exact: Number) -> str | None:
    """A number of few digits as it is written, or None for one that has no end."""
    if exact.denominator == 1:
        return str(exact.numerator)
    for digits in range(1, 5):
        if (exact * 10**digits).denominator == 1:
            whole = f"{abs((exact * 10**digits).numerator):0{digits + 1}d}"
            return f"{'-' if exact < 0 else ''}{whole[:-digits]}.{whole[-digits:]}"
    return None


def glued_equations(tokens: list[str]) -> Iterator[tuple[int, str]]:
    """(first token of the second calculation, the value of the first) wherever two calculations stand on one line."""
    sides = _sides(tokens)
    for (start, middle), (after, end) in pairwise(sides):
        left = value(tokens[start:middle])
        if left is not None and left[1]:
            size = glued(left[0], tokens[after:end])
            if size is not None:
                yield after + size, _shown(left[0])


def _shown(number: Number) -> str:
    return str(number)


def false_equations(tokens: list[str]) -> Iterator[tuple[int, int, str, str]]:
    """(first token, token after the last, left value, right value) of every equation that can be computed
    and is false."""
    for start, end, left, right, true in _compare(tokens):
        if not true:
            yield start, end, left, right


def all_true(tokens: list[str]) -> bool:
    """Is there an equation that can be computed, and are all such equations true?"""
    verdicts = [true for *_, true in _compare(tokens)]
    return bool(verdicts) and all(verdicts)
