"""Labels that nobody writes on purpose: huge numbers, deep nesting, line separators, characters that aren't text."""

from __future__ import annotations

from collections.abc import Iterator

#: A Python float can't have 309 digits, and an integer of 4,301 digits is neither read nor written.
DIGITS = (308, 309, 400, 4300, 4301)
_WITH_NUMBER = (
    *("{} = {} + 1", r"{} \times {} = 3", r"{} \div 3 = 3 \cdots {}", r"9 \div {} = 3 \cdots 1", "{} ^ { 2 } = 4"),
    *("2 ^ { {} } = 4", r"\frac { {} } { 3 } = 1", r"\frac { 1 } { {} } = 1 / 2", "0 . {} = 1 / 3", r"{} \% = 1 + 1"),
    *(r"1 + 2 = 3 {} \div 2 = 1", r"{} \cdot 5 = 2", r"{} x 1 0 ^ { 9 }", r"1 , 2 , \cdots , {}", "{} : {} = 2"),
    *(r"\hspace { {} em } x", r"\rule { {} pt } { 1 pt }", r"a \\ [ {} pt ] b", r"x \tag { {} }"),
    r"\begin{array}{c} \multicolumn { {} } {c} { x } \end{array}",
    r"\begin{array}{ * { {} } {c} } x \end{array}",
    r"\begin{tabular}{c} \multicolumn{ {} }{c}{x} \end{tabular}",
)
_OPENERS = (
    *("(", "{", r"\left(", r"\sqrt[", r"\sqrt{", r"\frac{1}{", r"\begin{array}{c}", r"\begin{matrix}", r"\text{"),
    *("x^{", "x_", r"\hat", r"\hat{", r"{a\over ", r"\mbox{$", "$", r"\substack{", r"\cases{", r"\xrightarrow[", "'"),
    *(r"\begin{tabular}{c}", r"\begin{array}{*{1}{", r"\middle|", r"\color{red}", r"\multicolumn{2}{c}{", "1 + ("),
)
_CLOSED = ((r"\sqrt[", "]{x}"), ("{", "}"), (r"\left(", r"\right)"), (r"\frac{1}{", "}"), ("x^{", "}"), ("(", ")"))
_CHARACTERS = (
    *("\x00", "\x07", "\x0b", "\x0c", "\x1b", "\x1c", "\x7f", "\x85", "\xad", "\u0301", "\u200d", "\u2028", "\u2029"),
    *("\u202e", "\ue000", "\ufffe", "\U0001f600", "\U0010ffff", "\u0661", "\u00b2", "\ud800", "\udfff"),
)
_WITH_CHARACTER = (
    *("{}", "a {} b", "1 {} 2 = 3", r"\text{{}}", "\\{}", "x _ { {} }", r"\begin{{}} x \end{{}}", r"\frac {} {}"),
    *(r"5 \div {} = 1 \cdots {}", r"\left{} x \right{}", r"\sqrt[{}]{x}", r"a \\[{}] b", "1 . {} + 1 = 2"),
)


def numbers() -> Iterator[str]:
    for size in DIGITS:
        for number in ("9" * size, " ".join("9" * size)):
            yield from (form.replace("{}", number) for form in _WITH_NUMBER)


def nested() -> Iterator[str]:
    for opener in _OPENERS:
        yield from (opener * 330, (opener + " ") * 330 + "x")
    yield from (opening * 330 + "x" + closing * 330 for opening, closing in _CLOSED)


def strange() -> Iterator[str]:
    for character in _CHARACTERS:
        yield from (form.replace("{}", character) for form in _WITH_CHARACTER)
        yield character * 500


def labels() -> list[str]:
    return [*numbers(), *nested(), *strange(), "\\", "", " ", "x + " * 30_000]
