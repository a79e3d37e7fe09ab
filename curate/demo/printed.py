"""Right formulas as papers print them: the kinds for im2latex, LaTeX as people type it. Not for handwriting."""

from __future__ import annotations

from collections.abc import Callable
from random import Random


def _sum(r: Random) -> str:
    n, k = r.randint(1, 9), r.randint(2, 9)
    return rf"\sum_{{k={n}}}^{{\infty}} \frac{{(-1)^{{k}}}}{{{k}k+{n}}} x^{{{k}k}} = S_{{{n}}}(x)"


def _integral(r: Random) -> str:
    n, a = r.randint(2, 9), r.choice("abc")
    return rf"\int_{{0}}^{{\infty}} x^{{{n}}} e^{{-{a}x^{{2}}}} \, dx = I_{{{n}}}({a})"


def _matrix(r: Random) -> str:
    a, b, c, d = (r.randint(0, 9) for _ in range(4))
    return rf"A = \begin{{pmatrix}} {a} & {b} \\ {c} & {d} \end{{pmatrix}}, \quad \det A = {a * d - b * c}"


def _cases(r: Random) -> str:
    a, b = r.randint(2, 9), r.randint(2, 9)
    return rf"f(x) = \begin{{cases}} {a}x & x \geq {b} \\ -x^{{{a}}} & x < {b} \end{{cases}}"


def _array(r: Random) -> str:
    a, b, c = (r.randint(2, 9) for _ in range(3))
    rows = rf"u_{{{a}}} = {b}v, & v > {c} \\ u_{{{a}}} = 0, & v = {c}"
    return rf"\left\{{ \begin{{array}}{{ll}} {rows} \end{{array}} \right."


def _field(r: Random) -> str:
    a, b = r.sample((r"\mu", r"\nu", r"\lambda", r"\sigma"), 2)
    k = r.randint(2, 9)
    return rf"F_{{{a}{b}}} = \partial_{{{a}}} A_{{{b}}} - \partial_{{{b}}} A_{{{a}}} + {k} i g [A_{{{a}}}, A_{{{b}}}]"


def _action(r: Random) -> str:
    k, d = r.randint(2, 9), r.choice((4, 5, 6, 10, 11))
    return rf"S = \frac{{1}}{{{k}\kappa^{{2}}}} \int d^{{{d}}}x \sqrt{{-g}} \left( R - {k}\Lambda \right)"


def _expansion(r: Random) -> str:
    n, a = r.randint(2, 9), r.choice((r"\epsilon", r"\delta", r"\eta"))
    return rf"(1+{a})^{{{n}}} = 1 + {n}{a} + \mathcal{{O}}({a}^{{2}})"


def _probability(r: Random) -> str:
    k, n = r.randint(2, 5), r.randint(6, 12)
    return rf"P(X={k}) = \binom{{{n}}}{{{k}}} p^{{{k}}} (1-p)^{{{n - k}}}"


def _aligned(r: Random) -> str:
    a, b = r.randint(2, 9), r.randint(2, 9)
    return rf"\begin{{aligned}} y &= {a}(x+{b}) \\ &= {a}x + {a * b} \end{{aligned}}"


def _bracket(r: Random) -> str:
    n, h = r.randint(1, 9), r.choice((r"\hat{H}", r"\hat{L}", r"\hat{P}"))
    return rf"\langle \psi_{{{n}}} | {h} | \psi_{{{n}}} \rangle = E_{{{n}}} \langle \psi_{{{n}}} | \psi_{{{n}}} \rangle"


def _reaction(r: Random) -> str:
    k = r.randint(2, 9)
    return rf"\mathrm{{{2 * k}H_{{2}} + {k}O_{{2}}}} \rightarrow \mathrm{{{2 * k}H_{{2}}O}}, \quad \Delta H < -{k * 10}"


PRINTED_KINDS: tuple[Callable[[Random], str], ...] = (
    _sum, _integral, _matrix, _cases, _array, _field, _action, _expansion, _probability, _aligned, _bracket, _reaction,
)  # fmt: skip
