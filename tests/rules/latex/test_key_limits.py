"""math-core gets no label that would hang it or kill the process. Ordinary labels get through."""

from __future__ import annotations

import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import pytest

from rules import engine
from rules.latex import lexer, visual_key
from rules.latex.key_limits import MAX_NESTED, MAX_STEPS, effort, is_within

#: Each makes math-core parse again or recurse: the unit, and what must follow the last one.
DOUBLING = [
    *(
        "( ",
        "[ ",
        r"\{ ",
        r"\langle ",
        r"\lvert ",
        "⌈ ",
        r"\bigl( ",
        r"\Biggl| ",
        "{ ( } ",
        "{ { ( } } ",
        r"\mathrm{(} ",
    ),
    *(r"\boldsymbol{(} ", r"\overset{a}{(} ", r"( \hat ) ", r"( \hat{)} ", "( x ^ { ) } ", "( x ^ ) ", r"( \frac a ) "),
    *(r"( \frac{a}) ", r"\pmod{(} ", r"( \sqrt[3]{x} ", r"( \big) ", "( { ) } ", r"( a \\ ", "( a ]  [ "),
]
CALLING = [
    *(
        r"\not ",
        "! ",
        "a ) ",
        "( = a ) ",
        r"( \, ) ",
        r"\color{red} a ",
        r"\displaystyle a ",
        r"\sum ",
        r"\sin _ a ",
        r"\dots ",
    ),
    *(r"\hat ", r"\frac x ", "∑ ", "⌋ a ", r"\bigr) a "),
]
SMALL_STACK = 512 * 1024


def most(unit: str, tail: str = "") -> int:
    """The number of times that a unit may be repeated."""
    return next(n for n in count() if not is_within(lexer.tokens(unit * (n + 1) + tail)))


@pytest.mark.parametrize("unit", DOUBLING)
@pytest.mark.parametrize("tail", ["", "x " * 3000], ids=["alone", "with-a-tail"])
def test_brackets_left_open_take_milliseconds(unit, tail):
    times = most(unit, tail)
    assert times <= 15
    start = time.thread_time()
    converted = visual_key.mathml(unit * times + tail + "x")
    assert time.thread_time() - start < 0.1
    assert converted is not None or unit in ("( a ]  [ ",)


@pytest.mark.parametrize("unit", [*DOUBLING, *CALLING])
def test_one_more_is_not_given_to_math_core(unit, monkeypatch):
    monkeypatch.setattr(visual_key, "mathml", lambda text: pytest.fail("math-core was called"))
    assert not is_within(lexer.tokens(unit * (most(unit) + 1)))
    assert engine.visual_key_of(unit * (most(unit) + 1)) is None
    assert engine.visual_key_of(unit * 5000) is None


@pytest.mark.parametrize("cell", ["& ", r"\\ "])
def test_brackets_left_open_in_cells(cell):
    line = f"[ 0 , 1 {cell}" * 9 + r"x \\ "  # a matrix has ten columns at most
    row = r"\begin{matrix}" + line * 40 + r"\end{matrix}"
    assert is_within(lexer.tokens(row))
    assert engine.visual_key_of(row) is not None
    full = r"\begin{matrix}" + f"{'[ ' * 16} {cell}" * 2 + r"x \end{matrix}"
    assert not is_within(lexer.tokens(full))


def test_math_core_does_not_call_itself_too_deep():
    """Runs in its own process, on a thread with half the usual stack, since a stack overflow kills the process."""
    labels = [unit * most(unit) + "x" for unit in CALLING] + ["( " * (MAX_NESTED - 1) + ") " * (MAX_NESTED - 1)]
    script = (
        "import threading\nfrom rules.latex import visual_key as key\n"
        f"def ask():\n    for label in {labels!r}:\n        key.mathml(label)\n    print('alive')\n"
        f"threading.stack_size({SMALL_STACK})\nthread = threading.Thread(target=ask)\nthread.start()\nthread.join()"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout.strip()) == (0, "alive")


def test_every_command_and_symbol_many_times_over():
    """The fuzzer `key_shapes`, with a part of its shapes: all of them would take minutes."""
    script = Path(__file__).parents[2] / "helpers" / "key_shapes.py"
    done = subprocess.run([sys.executable, script, "160"], capture_output=True, text=True, timeout=240)
    *_, last = lines = done.stdout.splitlines() or [""]
    assert (done.returncode, last) == (0, "done"), last
    assert [line for line in lines if line.endswith(" s")] == []


def test_ordinary_labels_are_within():
    for label in ("( a ) [ b ] " * 200, "( " * 40 + ") " * 40, r"\sum _ { i } ( x + 1 ) + " * 150, "[ 0 , 1 ) " * 300):
        steps, nested = effort(lexer.tokens(label))
        assert steps <= MAX_STEPS
        assert nested <= MAX_NESTED
