r"""A quick look at a calculation: is it surely right? In floating point and one pass; `arithmetic` is exact.

Most calculations in a data set are right, and this tells so several times as fast as reading them exactly.
"""

from __future__ import annotations

import re

TIMES = frozenset([r"\times", r"\cdot", "*"])
DIVIDE = frozenset([r"\div", "/", ":"])
FRACTIONS = frozenset([r"\frac", r"\dfrac", r"\tfrac"])
DIGITS = frozenset("0123456789")
#: Closing brackets by their opening ones.
OPENING = {"(": ")", "[": "]", "{": "}"}

#: What each sign is to `surely_true`.
_PLUS, _MINUS, _TIMES_SIGN, _DIVIDE_SIGN, _EQUALS = range(5)
_SIGN = (
    {"+": _PLUS, "-": _MINUS, "=": _EQUALS} | dict.fromkeys(TIMES, _TIMES_SIGN) | dict.fromkeys(DIVIDE, _DIVIDE_SIGN)
)
_DIGIT = {digit: int(digit) for digit in DIGITS}
_CLOSE_TO = 1e-9
#: A larger number isn't raised to a power.
_LARGEST = 10**6
#: Nothing larger is calculated with: next to it a difference of 1 would be no difference.
_MOST = 10**9
#: Nor are digits that stand farther behind the point.
_FINEST = 1e-12
#: Tokens that are followed here.
PLAIN = frozenset([*"0123456789.+-()[]{}^=", *TIMES, *DIVIDE, *FRACTIONS, r"\%"])


def surely_true(tokens: list[str]) -> bool:
    r"""Are all sides equal, as far as floating-point numbers tell? False also where this quick look can't follow.

    `tokens` are the label's. A division with a remainder, `5 8 \div 5 = 1 1 \cdots 3`, is seen where it stands alone.
    """
    if r"\cdots" in tokens:
        return _surely_divided(tokens)
    total, product = 0.0, 1.0  # not whole numbers, which Python lets grow larger than a float can be
    number: float | None = None
    scale = 0.0  # of the next digit, behind a decimal point
    sign = operation = _PLUS
    first: float | None = None
    #: Outer calculations: total, product, sign, operation, the number before a fraction, the closing token.
    stack: list[tuple[float, float, int, int, float | None, str]] = []
    above: list[float] = []  # numerators read so far
    i, end = _start(tokens), len(tokens)
    while i <= end:
        token = tokens[i] if i < end else "="
        i += 1
        digit = _DIGIT.get(token)
        if digit is not None:
            if scale:
                if scale < _FINEST:
                    return False
                number = (number or 0) + digit * scale
                scale /= 10
            else:
                number = digit if number is None else number * 10 + digit
                if number > _MOST:
                    return False
            continue
        if token == "." and number is not None and not scale:
            scale = 0.1
            continue
        scale = 0.0
        kind = _SIGN.get(token)
        if kind is None:
            if token == "^" and number is not None:
                if tokens[i : i + 1] == ["{"] and tokens[i + 2 : i + 3] == ["}"]:
                    exponent, i = tokens[i + 1], i + 3
                else:
                    exponent, i = tokens[i] if i < end else "", i + 1
                if exponent not in DIGITS or abs(number) > _LARGEST:
                    return False
                number **= _DIGIT[exponent]
                continue
            if token == r"\%" and number is not None:
                number /= 100
                continue
            if token in FRACTIONS and tokens[i : i + 1] == ["{"]:
                stack.append((total, product, sign, operation, number, r"\frac"))
                i += 1
            elif token in ("(", "[") and number is None:
                stack.append((total, product, sign, operation, None, OPENING[token]))
            elif token in (")", "]", "}") and number is not None and stack:
                value = _joined(total, product, sign, operation, number)
                total, product, sign, operation, number, closing = stack.pop()
                if closing == r"\frac" and token == "}" and tokens[i : i + 1] == ["{"]:
                    stack.append((total, product, sign, operation, number, "}"))
                    above.append(value)
                    i += 1
                elif closing == "}" and token == "}":
                    if not value:
                        return False
                    number = (number or 0) + above.pop() / value
                    continue
                elif closing == token:
                    number = value
                    continue
                else:
                    return False
            else:
                return False
            total, product, number, sign, operation = 0.0, 1.0, None, _PLUS, _PLUS
            continue
        if number is None:
            if kind != _MINUS or operation >= _TIMES_SIGN or total:
                return False
            sign = _MINUS if sign == _PLUS else _PLUS
            continue
        if operation == _DIVIDE_SIGN and not number:
            return False
        if kind in (_TIMES_SIGN, _DIVIDE_SIGN):
            product = _joined(0.0, product, _PLUS, operation, number)
            operation = kind
        else:
            total = _joined(total, product, sign, operation, number)
            product, operation, sign = 1.0, _PLUS, kind
            if kind == _EQUALS:
                if stack or not abs(total) <= _MOST:  # nor is nan
                    return False
                if first is None:
                    first = total
                elif abs(first - total) > _CLOSE_TO * max(1, abs(first)):
                    return False
                total, sign = 0.0, _PLUS
        number = None
    return True


def _start(tokens: list[str]) -> int:
    """Where the sides that can be computed begin: behind a leading `=`, or behind `S =`."""
    if tokens[:1] == ["="]:
        return 1
    if PLAIN.issuperset(tokens):
        return 0
    last = max(index for index, token in enumerate(tokens) if token not in PLAIN)
    first = tokens.index("=") if "=" in tokens else -1
    return first + 1 if first > last else 0


def _joined(total: float, product: float, sign: int, operation: int, number: float) -> float:
    """The sum so far and the product that ends with `number`."""
    if operation == _DIVIDE_SIGN:
        product = product / number if number else float("nan")
    else:
        product *= number
    return total - product if sign == _MINUS else total + product


def _surely_divided(tokens: list[str]) -> bool:
    r"""Is it one division of whole numbers with a remainder, `5 8 \div 5 = 1 1 \cdots 3`, and right?"""
    found = _DIVISION.fullmatch("".join(tokens))
    if found is None:
        return False
    whole, by, quotient, rest = map(int, found.groups())
    return whole == by * quotient + rest


_DIVISION = re.compile(r"(\d{1,100})\\div(\d{1,100})=(\d{1,100})\\cdots(\d{1,100})")
