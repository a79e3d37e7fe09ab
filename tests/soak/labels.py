"""Attacks everything that takes a label, with labels that are nearly right or nothing like a label."""

from __future__ import annotations

import json
import re
import shlex
import time
from collections import Counter
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from random import Random

import hostile
from attack import ROOT, Failure, Worker
from label_work import WORK

from curate.demo.grammar import grow
from curate.demo.handwritten import HME_KINDS, M2E_KINDS
from curate.demo.printed import PRINTED_KINDS
from rules.latex.commands import COMMANDS, ENVIRONMENTS

SCRIPT = ROOT / "tests" / "soak" / "label_work.py"
#: Labels in a round.
ROUND = 30
#: Seconds that are spent on making a failing label smaller.
SHRINKING = 120.0
_SHARED = ROOT.parent / "shared" / "data" / "latex_verdicts.jsonl"
_PIECES = (
    *("{", "}", "_", "^", "'", "&", "$", "#", "%", "~", "\\", "\\\\", "\\left", "\\right", "\\limits", "\\over"),
    *("\\left(", "\\right)", "\\begin{array}{c|c}", "\\end{array}", "\\\\[2pt]", "\\hline", "\\text{", "\\not"),
    *("\0", "\t", "\n", "\r", "\x0c", "\x85", "\u2028", "\u202e", "\u0301", "\U0001f600", "é", "½", "²"),
    *("<s>", "</s>", "<script>alert(1)</script>", "Ġ", "\\n", "\\t", "\\1", "^^", "^^2", "\\color{url(x)}", "解"),
    *("\\verb|x|", "\\mbox{$", "&lt;", '\\mmlToken{mi}[href="javascript:1"]{x}', "\\href{javascript:1}{x}"),
    *("\\newcommand{\\a}{\\a\\a}", "\\def\\a{b}\\a"),
)  # fmt: skip


def attack(random: Random, _folder: Path) -> tuple[list[Failure], Counter[str]]:
    """Gives all the work labels that are made from real ones, from a grammar, and from earlier failures."""
    worker, failures = Worker(SCRIPT), []
    try:
        for _ in range(ROUND):
            label = made(random)
            for work in WORK:
                what = worker.wrong(work, label)
                if what is not None:
                    small = smaller(label, lambda text, work=work: worker.wrong(work, text) is not None)  # type: ignore[misc]
                    script = f"python tests/soak/label_work.py {work} {shlex.quote(small)}"
                    if "\0" in small or not small.isprintable():
                        script = f"echo {shlex.quote(json.dumps([work, small]))} | python tests/soak/label_work.py"
                    failures.append(Failure(f"{work}: {what}", script))
    finally:
        worker.end()
    return failures, Counter(dict.fromkeys(WORK, ROUND))


@lru_cache(maxsize=1)
def corpus() -> Sequence[str]:
    """The labels to start from: the demo's, the hostile ones of the tests, and real ones if they are available."""
    real: list[str] = []
    if _SHARED.is_file():
        with _SHARED.open(encoding="utf-8") as lines:
            real = [json.loads(line)["label"] for at, line in enumerate(lines) if at % 10 == 0]
    demo = [formula.label for kinds in (M2E_KINDS, HME_KINDS, PRINTED_KINDS) for formula in grow(kinds, 200, Random(0))]
    return [*demo, *real, *(label for label in hostile.labels() if len(label) < 5000)]


@lru_cache(maxsize=1)
def _names() -> Sequence[str]:
    environments = (f"\\{edge}{{{name}}}" for name in ENVIRONMENTS for edge in ("begin", "end"))
    return [*(f"\\{name}" for name in COMMANDS), *environments]


def made(random: Random) -> str:
    """A label of the corpus, changed in up to six ways."""
    label = random.choice(corpus())
    for _ in range(random.randrange(7)):
        label = random.choice(_CHANGES)(random, label)
    # No reader lets half a surrogate pair through, and no frame can hold one.
    return label[:20_000].encode("utf-8", "replace").decode()


def _tokens(label: str) -> list[str]:
    return re.findall(r"\\[A-Za-z]+|\\.|\s+|.", label, re.DOTALL)


def _piece(random: Random) -> str:
    return random.choice(_PIECES if random.random() < 0.5 else _names())


def _inserted(random: Random, label: str) -> str:
    tokens = _tokens(label)
    tokens.insert(random.randint(0, len(tokens)), _piece(random))
    return "".join(tokens)


def _removed(random: Random, label: str) -> str:
    tokens = _tokens(label)
    if tokens:
        del tokens[random.randrange(len(tokens))]
    return "".join(tokens)


def _swapped(random: Random, label: str) -> str:
    tokens = _tokens(label)
    if len(tokens) > 1:
        one, other = random.sample(range(len(tokens)), 2)
        tokens[one], tokens[other] = tokens[other], tokens[one]
    return "".join(tokens)


def _repeated(random: Random, label: str) -> str:
    tokens = _tokens(label)
    start = random.randint(0, len(tokens))
    part = tokens[start : start + random.randint(1, 8)]
    return "".join([*tokens[:start], *part * random.choice((2, 3, 10, 100, 1000)), *tokens[start:]])


def _joined(random: Random, label: str) -> str:
    other = random.choice(corpus())
    return label[: random.randint(0, len(label))] + other[random.randint(0, len(other)) :]


def _wrapped(random: Random, label: str) -> str:
    opening, closing = random.choice(
        (("{", "}"), ("\\sqrt{", "}"), ("\\frac{", "}{2}"), ("\\left(", "\\right)"), ("$", "$"))
    )
    times = random.choice((1, 1, 2, 30, 300))
    return opening * times + label + closing * times


def _cut(random: Random, label: str) -> str:
    return label[: random.randint(0, len(label))]


def _spaced(random: Random, label: str) -> str:
    return (" " if random.random() < 0.7 else "  \t").join(_tokens(label))


_CHANGES = (_inserted, _inserted, _removed, _swapped, _repeated, _joined, _wrapped, _cut, _spaced)


def smaller(label: str, fails: Callable[[str], bool], seconds: float = SHRINKING) -> str:
    """A shorter label that also fails. Parts are removed, large ones first, as long as the rest still fails."""
    tokens, until = _tokens(label), time.monotonic() + seconds
    size = max(1, len(tokens) // 2)
    while time.monotonic() < until:
        at, shrank = 0, False
        while at < len(tokens) and time.monotonic() < until:
            rest = tokens[:at] + tokens[at + size :]
            if fails("".join(rest)):
                tokens, shrank = rest, True
            else:
                at += size
        if size == 1 and not shrank:
            break
        size = max(1, size // 2)
    return "".join(tokens)
