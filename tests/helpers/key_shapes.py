"""Gives math-core shapes that are repeated many times and that `key_limits` lets through. Runs in its own process.

Prints a line for every label, with the time if it took longer than `SLOW` seconds, and `done` at the end. If a label
kills the process, it is on the last line. With a number n as argument, tries only every nth shape. The labels are
converted on a thread with half the usual stack.
"""

from __future__ import annotations

import sys
import threading
import time
import unicodedata
from collections.abc import Iterator

from rules.latex import lexer, visual_key
from rules.latex.commands import COMMANDS
from rules.latex.key_limits import is_within

SLOW = 0.05
STACK = 512 * 1024
FORMS = (
    *("%s ", "%s x ", "%s + ", "%s{x} ", "%s{red} x ", "%s{(} ", "%s{x}{(} ", "%s{(}{x} ", "%s ( ", "%s{x} ( "),
    *("( %s ) ", "( %s{)} ", "( %s{x} ) ", "( %s{x}{)} ", "( %s{x}{y} ) ", "( { %s } ", "%s( x ) ", "%s[(] x ( "),
)
#: Near the limits of time and stack, and far beyond.
TIMES = (5, 8, 11, 14, 17, 25, 50, 199, 1500)


def shapes() -> Iterator[str]:
    """Units to repeat: every command that math-core knows, and every symbol that may be a bracket or an operator."""
    commands = [f"\\{command.name}" for command in COMMANDS.values() if command.mathcore]
    symbols = [chr(code) for code in range(0x21, 0x3000) if unicodedata.category(chr(code))[0] in "SP"]
    for symbol in [*commands, *symbols]:
        for form in FORMS if len(symbol) > 1 or symbol.isascii() else FORMS[:2]:
            yield form % symbol


def ask() -> None:
    part = int(sys.argv[1]) if len(sys.argv) > 1 else 1
    for unit in list(shapes())[::part]:
        # The second label also has as many closing brackets, so it nests up to its middle.
        for times in TIMES:
            for label in (unit * times, unit * times + ") " * times, unit * times + "x " * 2000):
                if not is_within(lexer.tokens(label)):
                    continue
                sys.stdout.write(f"{unit!r} {times}")
                sys.stdout.flush()
                start = time.thread_time()
                visual_key.mathml(label)
                took = time.thread_time() - start
                sys.stdout.write(f": {took:.3f} s\n" if took > SLOW else "\n")
    print("done")


if __name__ == "__main__":
    threading.stack_size(STACK)
    thread = threading.Thread(target=ask)
    thread.start()
    thread.join()
