r"""Works out the calculations in labels exactly: `5 8 \div 5 = 1 1 \cdots 3`. No letters, no roots, no rounding.

A label is split at its `=` signs, and a side that can't be computed is skipped. A side may have numbers, `+ - \times
\div \cdot`, parentheses, `\frac`, powers with small exponents, percent signs, and the remainder of a division.
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

TIMES = frozenset([r"\times", r"\cdot", "*"])
DIVIDE = frozenset([r"\div", "/", ":"])
FRACTIONS = frozenset([r"\frac", r"\dfrac", r"\tfrac"])
DIGITS = frozenset("0123456789")
#: The closing bracket for each opening one.
OPENING = {"(": ")", "[": "]", "{": "}"}

#: A side longer than this is a proof, not a calculation.
_MOST = 120
#: Nor is a side with a larger value.
_LARGEST = 10**100
_CLOSING = frozenset(OPENING.values())


#: Whole numbers stay `int`, which is ten times as fast.
Number = Fraction | int


#: The tokens that a computable side can have.
_PLAIN = frozenset([*"0123456789.+-()[]{}^", *TIMES, *DIVIDE, *FRACTIONS, r"\%"])


class NotArithmetic(Exception):
    """The tokens are not a plain calculation."""


# These functions read one side by recursive descent from token `i`. Each returns the value, the next token, and the
# number of operations. The tokens end with an empty one. A class with a position would be five times as slow, and one
# in eight labels of HME100K is a calculation.

_Read = tuple[Number, int, int]


def _sum(tokens: tuple[str, ...], i: int) -> _Read:
    value, i, count = _product(tokens, i)
    while (sign := tokens[i]) == "+" or sign == "-":
        other, i, more = _product(tokens, i + 1)
        value = value + other if sign == "+" else value - other
        count += more + 1
    return value, i, count


def _product(tokens: tuple[str, ...], i: int) -> _Read:
    value, i, count = _signed(tokens, i)
    while (sign := tokens[i]) in TIMES or sign in DIVIDE:
        other, i, more = _signed(tokens, i + 1)
        value = _quotient(value, other) if sign in DIVIDE else value * other
        count += more + 1
    return value, i, count


def _quotient(value: Number, other: Number) -> Number:
    if other == 0:
        raise NotArithmetic
    if type(value) is int and type(other) is int and value % other == 0:
        return value // other
    return Fraction(value) / other


def _signed(tokens: tuple[str, ...], i: int) -> _Read:
    sign = tokens[i]
    value, i, count = _atom(tokens, i + 1 if sign == "-" or sign == "+" else i)
    if tokens[i] == "^":
        exponent, i, more = _argument(tokens, i + 1)
        if (
            type(exponent) is not int
            or not 0 <= exponent <= 12
            or not -(10**6) <= value <= 10**6
            or (value == 0 == exponent)
        ):
            raise NotArithmetic
        value = value**exponent
        count += more
    if tokens[i] == r"\%":
        value = Fraction(value) / 100
        i += 1
    return -value if sign == "-" else value, i, count


def _argument(tokens: tuple[str, ...], i: int) -> _Read:
    if tokens[i] == "{":
        return _atom(tokens, i)
    if tokens[i] not in DIGITS:
        raise NotArithmetic
    return int(tokens[i]), i + 1, 0


def _atom(tokens: tuple[str, ...], i: int) -> _Read:
    token = tokens[i]
    if token in DIGITS:
        value, i = _number(tokens, i)
        if tokens[i] == r"\frac" and type(value) is int:  # a mixed number
            part, i, count = _fraction(tokens, i)
            if not 0 < part < 1:
                raise NotArithmetic
            return value + part, i, count
        return value, i, 0
    if token in OPENING:
        value, i, count = _sum(tokens, i + 1)
        if tokens[i] != OPENING[token]:
            raise NotArithmetic
        return value, i + 1, count
    if token in FRACTIONS:
        return _fraction(tokens, i)
    raise NotArithmetic


def _fraction(tokens: tuple[str, ...], i: int) -> _Read:
    above, i, count = _argument(tokens, i + 1)
    below, i, more = _argument(tokens, i)
    return _quotient(above, below), i, count + more


def _number(tokens: tuple[str, ...], start: int) -> tuple[Number, int]:
    end = start + 1
    while tokens[end] in DIGITS:
        end += 1
    point = tokens[end] == "." and tokens[end + 1] in DIGITS
    if point:
        end += 2
        while tokens[end] in DIGITS:
            end += 1
    text = "".join(tokens[start:end])
    if len(text) > 1 and text[0] == "0" and text[1] != ".":
        raise NotArithmetic  # `0 2` is two numbers, or a time
    if not point:
        return int(text), end
    exact = Fraction(text)
    return (exact.numerator if exact.denominator == 1 else exact), end


def value(tokens: list[str]) -> tuple[Number, int] | None:
    """The value of the tokens and the number of operations, or None if they are not a plain calculation."""
    if not 0 < len(tokens) <= _MOST or not _PLAIN.issuperset(tokens):
        return None
    return _value(tuple(tokens))


@lru_cache(maxsize=1 << 14)  # both neighbours of a side need it, and so do several rules
def _value(tokens: tuple[str, ...]) -> tuple[Number, int] | None:
    try:
        result, end, count = _sum((*tokens, ""), 0)
    except (NotArithmetic, RecursionError):
        return None
    return (result, count) if end == len(tokens) and -_LARGEST < result < _LARGEST else None


def _divided(tokens: list[str]) -> tuple[Number, Number] | None:
    r"""`a \div b` of two whole numbers."""
    signs = [index for index, token in enumerate(tokens) if token in DIVIDE]
    if len(signs) != 1:
        return None
    left, right = value(tokens[: signs[0]]), value(tokens[signs[0] + 1 :])
    if left is None or right is None or left[1] or right[1] or right[0] <= 0:
        return None
    return (left[0], right[0]) if left[0].denominator == right[0].denominator == 1 else None


def _sides(tokens: list[str]) -> list[tuple[int, int]]:
    """The tokens between top-level `=` signs, as (start, end), without parts next to other relations."""
    if "(" not in tokens and "{" not in tokens and "[" not in tokens:
        signs = [index for index, token in enumerate(tokens) if token == "="]
    else:
        signs = []
        depth = 0
        for index, token in enumerate(tokens):
            if token in OPENING:
                depth += 1
            elif token in _CLOSING:
                depth -= 1
            elif token == "=" and depth == 0:
                signs.append(index)
    bounds = [-1, *signs, len(tokens)]
    return [(start + 1, end) for start, end in pairwise(bounds)]


def _compare(tokens: list[str]) -> Iterator[tuple[int, int, str, str, bool]]:
    """(first token, token after the last, left value, right value, equal?) of every equation that can be computed."""
    sides = _sides(tokens)
    skipped = 0  # tokens of the right side that belong to the previous calculation
    for (start, middle), (after, end) in pairwise(sides):
        start, skipped = start + skipped, 0
        left_tokens, right_tokens = tokens[start:middle], tokens[after:end]
        if r"\cdots" in right_tokens:
            yield from _remainder(tokens, start, middle, after, end)
            continue
        left, right = value(left_tokens), value(right_tokens)
        if left is None or right is None or not left[1] + right[1]:
            continue
        if left[0] == right[0]:
            yield start, end, "", "", True
            continue
        skipped = glued(left[0], right_tokens) or 0
        if skipped or tokens[start:end].count(":") > 1:
            continue  # two calculations on one line, or a proportion
        if _rounded(left[0], right_tokens) or _rounded(right[0], left_tokens):
            continue
        yield start, end, _shown(left[0]), _shown(right[0]), False


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
    """Is the written number the exact value, cut or rounded to its number of digits?"""
    text = "".join(token for token in written if token not in ("-", "+"))
    if not text.replace(".", "", 1).isdigit():
        return False
    places = len(text.split(".")[1]) if "." in text else 0
    return bool(
        abs(abs(Fraction(exact)) - Fraction(text)) < Fraction(1, 10**places) and (exact * 10**places).denominator != 1
    )


def glued(exact: Number, tokens: list[str]) -> int | None:
    r"""Where the next calculation starts, if the tokens are the exact value and another calculation: `3 0 3 0 \div 2`.

    None if they aren't, or if only a number follows.
    """
    text = _decimal(exact)
    size = 0 if text is None else len(text)
    if text is None or tokens[:size] != list(text) or len(tokens) <= size or not tokens[size].isdigit():
        return None
    rest = value(tokens[size:])
    return size if rest is not None and rest[1] else None


def _decimal(exact: Number) -> str | None:
    """A number with few digits in decimal notation, or None if it would be too long."""
    if exact.denominator == 1:
        return str(exact.numerator)
    for digits in range(1, 5):
        if (exact * 10**digits).denominator == 1:
            whole = f"{abs((exact * 10**digits).numerator):0{digits + 1}d}"
            return f"{'-' if exact < 0 else ''}{whole[:-digits]}.{whole[-digits:]}"
    return None


def glued_equations(tokens: list[str]) -> Iterator[tuple[int, str]]:
    """(first token of the second calculation, the value of the first) wherever two calculations are on one line."""
    sides = _sides(tokens)
    for (start, middle), (after, end) in pairwise(sides):
        left = value(tokens[start:middle])
        if left is not None and left[1]:
            size = glued(left[0], tokens[after:end])
            if size is not None:
                yield after + size, _shown(left[0])


def _shown(number: Number) -> str:
    """A number for a message: in decimal notation if it has few digits, else shortened."""
    text = _decimal(number) or str(number)
    return text if len(text) <= 20 else f"{float(number):.6g}"


def false_equations(tokens: list[str]) -> Iterator[tuple[int, int, str, str]]:
    """(first token, token after the last, left value, right value) of every false equation that can be computed."""
    for start, end, left, right, true in _compare(tokens):
        if not true:
            yield start, end, left, right


def all_true(tokens: list[str]) -> bool:
    """Is there an equation that can be computed, and are all such equations true?"""
    verdicts = [true for *_, true in _compare(tokens)]
    return bool(verdicts) and all(verdicts)
