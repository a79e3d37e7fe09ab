"""Hypothesis strategies for labels: anything at all, and soups of LaTeX that look like labels. Holds no tests."""

from __future__ import annotations

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
commands = st.sampled_from(_COMMON) | st.sampled_from(_COMMON) | st.sampled_from(_ALL)


def _grouped(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    environment = st.sampled_from(_ENVIRONMENTS)
    return st.one_of(
        inner.map(lambda body: f"{{{body}}}"),
        st.tuples(commands, inner).map(lambda pair: f"{pair[0]}{{{pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"\\frac{{{pair[0]}}}{{{pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]}_{{{pair[1]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"{pair[0]} ^ {{ {pair[1]} }}"),
        inner.map(lambda body: f"\\left( {body} \\right)"),
        inner.map(lambda body: f"\\text{{{body}}}"),
        inner.map(lambda body: f"${body}$"),
        st.tuples(environment, inner).map(lambda pair: f"\\begin{{{pair[0]}}}{pair[1]}\\end{{{pair[0]}}}"),
        st.tuples(inner, inner).map(lambda pair: f"\\begin{{array}}{{cc}}{pair[0]} & {pair[1]} \\\\ \\end{{array}}"),
    )


_leaves = st.lists(symbols | commands | structure | odd, max_size=4).map(" ".join) | st.lists(
    symbols | structure | commands, max_size=5
).map("".join)

#: Soups of commands, braces, scripts, environments, primes, CJK and control characters.
labels = st.recursive(
    _leaves, lambda inner: st.lists(_grouped(inner) | inner, min_size=1, max_size=4).map(" ".join), max_leaves=8
)

_plain = st.sampled_from(
    [*"abxyz0123+-=<>(),", "\\alpha", "\\pi", "\\leq", "\\le", "\\to", "\\cdot", "\\infty", "\\sum"]
)


def _nested(inner: st.SearchStrategy[str]) -> st.SearchStrategy[str]:
    return st.one_of(
        st.tuples(inner, inner).map(lambda pair: f"\\frac {{ {pair[0]} }} {{ {pair[1]} }}"),
        st.tuples(inner, inner).map(lambda pair: f"{{ {pair[0]} \\over {pair[1]} }}"),
        st.tuples(_plain, inner).map(lambda pair: f"{pair[0]} ^ {{ {pair[1]} }}"),
        st.tuples(_plain, inner).map(lambda pair: f"{pair[0]} _ {{ {pair[1]} }}"),
        inner.map(lambda body: f"\\sqrt {{ {body} }}"),
        inner.map(lambda body: f"{{ {body} }}"),
        inner.map(lambda body: f"\\left ( {body} \\right )"),
        st.tuples(inner, inner).map(lambda pair: f"\\begin{{matrix}} {pair[0]} & {pair[1]} \\\\ \\end{{matrix}}"),
        _plain.map(lambda base: f"{base} ' '"),
        _plain.map(lambda base: f"{base}''"),
        st.just("\\mbox{ if }"),
        st.just("\\text {a  b}"),
    )


#: Labels that LaTeX accepts nearly always: for laws about canonical form and key.
formulas = st.recursive(
    st.lists(_plain, min_size=1, max_size=4).map(" ".join),
    lambda inner: st.lists(_nested(inner) | inner, min_size=1, max_size=3).map(" ".join),
    max_leaves=8,
)
