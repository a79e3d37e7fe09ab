"""Hypothesis strategies for labels: any text at all, and LaTeX soups that look like labels. Holds no tests."""

from __future__ import annotations

import re
from random import Random

from hypothesis import strategies as st

from rules.latex.commands import COMMANDS, ENVIRONMENTS

_COMMON = sorted(f"\\{name}" for name, command in COMMANDS.items() if command.common >= 2)
_ALL = sorted(f"\\{name}" for name in COMMANDS)
_ENVIRONMENTS = sorted(ENVIRONMENTS)

symbols = st.sampled_from([*"abxyzN012359+-=<>()[]|,.!:;/*", "解", "𝑥", "é", "<pad>", "www.", "NaN"])
structure = st.sampled_from(
    [
        *"{}{}{}_^_^'&$#%~",
        "\\\\",
        "\\left",
        "\\right",
        "\\left(",
        "\\right)",
        "\\middle|",
        "\\limits",
        "\\over",
        "\\hline",
    ]
)
odd = st.sampled_from(
    [
        "\x00",
        "\x07",
        "\x08",
        "\t",
        "\n",
        "\r",
        "\x0b",
        "\x0c",
        "\x7f",
        "\t imes",
        "\x0crac",
        "\n\n",
        "\\n",
        "\\t",
        "\\DIV",
        "\\",
        "^^",
        "^^2",
        "\\\\frac",
        "&lt;",
        "\\foobar",
        "\\alphax",
        "\\\n",
        "\\ ",
        "\u3000",
        "\u200b",
        "\ue003",
        "\\be",
    ]
)


def _from(names: list[str]) -> st.SearchStrategy[str]:
    """One of many names. The `repr` of `st.sampled_from` would list all of them."""
    return st.integers(0, len(names) - 1).map(lambda index: names[index])


commands = _from(_COMMON) | _from(_COMMON) | _from(_ALL)


#: In a shape, the place for a text that was made before.
HOLE = "□"


def shaped(
    leaves: st.SearchStrategy[str],
    shapes: st.SearchStrategy[str],
    *,
    filler: str = "",
    joint: str = " ",
    most: int = 10,
) -> st.SearchStrategy[str]:
    """Texts of at most `most` leaves and shapes. Each hole of a shape takes a text made before it, or the filler.

    Replaces `st.recursive`. The `repr` of a strategy that nests itself doubles with every level, and the shrinker of
    Hypothesis writes it out at every step, which ends in gigabytes.
    """

    def assembled(steps: list[str]) -> str:
        made: list[str] = []
        for step in steps:
            text, *others = step.split(HOLE)
            for after in others:
                text += (made.pop() if made else filler) + after
            made.append(text)
        return joint.join(made)

    # Leaves appear twice, so that most holes find one.
    return st.lists(leaves | leaves | shapes, min_size=1, max_size=most).map(assembled)


_leaves = st.lists(symbols | commands | structure | odd, max_size=4).map(" ".join) | st.lists(
    symbols | structure | commands, max_size=5
).map("".join)

_groups = st.one_of(
    st.sampled_from(
        [
            "{□}",
            r"\frac{□}{□}",
            "□_{□}",
            "□ ^ { □ }",
            r"\left( □ \right)",
            r"\text{□}",
            "$□$",
            r"\begin{array}{cc}□ & □ \\ \end{array}",
            "□ □",
            "□□",
        ]
    ),
    commands.map(lambda name: f"{name}{{{HOLE}}}"),
    _from(_ENVIRONMENTS).map(lambda name: f"\\begin{{{name}}}{HOLE}\\end{{{name}}}"),
)

#: Soups of commands, braces, scripts, environments, primes, CJK and control characters.
labels = shaped(_leaves, _groups)

_plain = st.sampled_from(
    [*"abxyz0123+-=<>(),", "\\alpha", "\\pi", "\\leq", "\\le", "\\to", "\\cdot", "\\infty", "\\sum"]
)
_nested = st.one_of(
    st.sampled_from(
        [
            r"\frac { □ } { □ }",
            r"{ □ \over □ }",
            r"\sqrt { □ }",
            "{ □ }",
            r"\left ( □ \right )",
            r"\begin{matrix} □ & □ \\ \end{matrix}",
            r"\mbox{ if }",
            r"\text {a  b}",
            "□ □",
        ]
    ),
    st.tuples(_plain, st.sampled_from(["^ { □ }", "_ { □ }", "' '"])).map(" ".join),
    _plain.map(lambda base: f"{base}''"),
)

#: Labels that LaTeX nearly always accepts, for laws about canonical form and key.
formulas = shaped(st.lists(_plain, min_size=1, max_size=4).map(" ".join), _nested, filler="x")

_TOUCHING = r"""
a b 1 . , + - = ( [ ) ] | / ! : < ~ ' {} \, \! \\ \sum \int \lim \sin \in \not \dag \dots \ldots \limits \nolimits \rm
\bf \textstyle \over \relax \quad \operatorname{sin} \operatorname*{lim} \text{a} \text{{a}} \mbox{A{V}} \hspace{1em}
"""
_AROUND = r"""
{□} {{□}} x^{□} _{□} \frac{□}{b} \hat{□} \mathrm{□} \left(□\right) {\rm~□} \begin{matrix}□\end{matrix} \stackrel{a}{□}
\begin{array}{cc}□\end{array} \dfrac{□}{2} □~□~□
"""


def touching(size: int, seed: int) -> list[str]:
    """Short labels of pieces that change each other's spacing. Many of them are one drawing in several spellings."""
    rng = Random(seed)
    pieces, around = ["\\ ", *_TOUCHING.split()], [shape.replace("~", " ") for shape in _AROUND.split()]

    def label(depth: int) -> str:
        made = []
        for _ in range(rng.choice([1, 1, 1, 2, 2, 3])):
            shape = rng.choice(around) if depth and rng.random() < 0.4 else rng.choice(pieces)
            made.append("".join(part if part != HOLE else label(depth - 1) for part in re.split(f"({HOLE})", shape)))
        return " ".join(made)

    return list(dict.fromkeys(label(2) for _ in range(size)))


#: Plain calculations.
_WHOLE = st.integers(0, 200).map(lambda n: " ".join(str(n)))
_DECIMAL = st.tuples(st.integers(0, 99), st.integers(0, 99)).map(lambda two: " ".join(f"{two[0]}.{two[1]:02d}"))
_JOINED = ["□ + □", "□ - □", r"□ \times □", r"□ \div □"]
_SUMS = st.sampled_from([*_JOINED, *(f"( {joined} )" for joined in _JOINED), r"\frac { □ } { □ }", "- □"])
calculations = shaped(_WHOLE | _DECIMAL, _SUMS, filler="1", joint=" + ", most=8)

#: Labels as in M²E.
_TEXT = st.sampled_from(["解", "元", "：", "，", "【", "】", "①", "％", "验", "算"])
_PLAIN = st.sampled_from(
    [*"0123456789", *"xyn+-=()<>:;,", "\\times", "\\div", "\\cdots", "\\%", "\\pi", "\\approx", "&", "\\quad", "·"]
)
_NUMBER = st.tuples(st.integers(0, 9999), st.sampled_from(["", ".5", ".25"]), st.sampled_from(["", "%"])).map(
    lambda parts: " ".join(f"{parts[0]}{parts[1]}") + (" \\%" if parts[2] else "")
)


_M2E_SHAPES = st.sampled_from([r"\frac { □ } { □ }", "x ^ { □ }", r"\sqrt { □ }", r"\left( □ \right)"])
_FORMULA = shaped(st.lists(_PLAIN, min_size=1, max_size=4).map(" ".join), _M2E_SHAPES, filler="1", most=6)
_ROW = st.one_of(_NUMBER, st.lists(st.one_of(_TEXT, _NUMBER, _FORMULA), min_size=1, max_size=5).map(" ".join))
_COLUMN = st.tuples(
    _NUMBER,
    st.lists(st.tuples(st.sampled_from(["+", "-", "\\times", "\\div"]), _NUMBER).map(" ".join), min_size=1, max_size=2),
    st.lists(_NUMBER, min_size=1, max_size=3),
).map(lambda parts: " \\n ".join([parts[0], *parts[1], *parts[2]]))
_BLOCK = st.one_of(_COLUMN, st.lists(_ROW, min_size=1, max_size=4).map(" \\n ".join))
m2e_labels = st.lists(_BLOCK, min_size=1, max_size=3).flatmap(
    lambda blocks: st.sampled_from([" \\t ", " \\n \\t "]).map(lambda between: between.join(blocks))
)
