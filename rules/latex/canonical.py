r"""Turns the reader's canonical tokens into the one spelling of what they draw. The visual key proves each step.

The reader orders and braces scripts, spells synonyms one way, and turns `\over` into `\frac`. The rest are spellings
that draw the same only in some contexts, so that a table can't decide: font switches (`{\rm e}`), `\dots`, named
functions in letters (`\operatorname{sin}`), `\left(` around a `matrix`, and braces. All of that is done at once. If the
key then differs, one place after another is tried, and places that change the key stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from rules.latex.canonical_braces import braces, trailing
from rules.latex.canonical_commands import DAGGERS, FONTS, FRACTIONS, daggers, dots, fonts, fractions, named, negated
from rules.latex.canonical_matrices import arrays, delimited
from rules.latex.canonical_tokens import NOTHING_DRAWN, Edit
from rules.latex.cursor import ATOM_OPEN

_Step = Callable[[list[str]], Iterator[Edit]]
#: Whether tokens draw the same as the label.
Same = Callable[[list[str]], bool]
#: After this many failed places of one step, the rest is left alone: each costs a conversion.
_MAX_FAILURES = 24
#: The most tokens to convert for one step while its places are tried.
_MAX_CONVERTED = 100_000


def normal_form(tokens: list[str], same: Same) -> list[str] | None:
    """The one spelling of what the reader's canonical `tokens` draw, or None if not even they draw `same`."""
    tokens = tokens or NOTHING_DRAWN
    if _TRIGGERS.isdisjoint(tokens):
        return tokens if same(tokens) else None
    normal = _at_once(tokens, same)
    if normal is not None:
        return normal
    if not same(tokens):
        return None
    before: list[str] = []
    while tokens != before:
        before = tokens
        for step in _due(tokens):
            tokens = _one_by_one(tokens, step, same)
    return tokens


def _at_once(tokens: list[str], same: Same) -> list[str] | None:
    """All steps at all places, repeatedly; None if the result doesn't draw the same."""
    before: list[str] = []
    while tokens != before:
        before = tokens
        for step in _due(tokens):
            tokens = _made(tokens, _apart(step(tokens)))
    return tokens if same(tokens) else None


def _made(tokens: list[str], edits: Iterator[Edit]) -> list[str]:
    """The tokens with edits made; these are in order and don't overlap."""
    out: list[str] = []
    at = 0
    for first, after, instead in edits:
        out += tokens[at:first]
        out += instead
        at = after
    return out + tokens[at:]


def _apart(edits: Iterator[Edit]) -> Iterator[Edit]:
    """Edits in order, without those inside an earlier one, which have their turn in the next round."""
    at = 0
    for edit in sorted(edits, key=lambda edit: edit[:2]):
        if edit[0] >= at:
            at = edit[1]
            yield edit


def _one_by_one(tokens: list[str], step: _Step, same: Same) -> list[str]:
    failed = 0
    for _ in range(max(_MAX_FAILURES, _MAX_CONVERTED // len(tokens))):
        if failed == _MAX_FAILURES:
            break
        edits = sorted(step(tokens), key=lambda edit: edit[:2])[failed:]
        if not edits:
            break
        first, after, instead = edits[0]
        changed = [*tokens[:first], *instead, *tokens[after:]]
        if same(changed):
            tokens = changed
        else:
            failed += 1
    return tokens


#: The steps in order, each with the tokens that it needs at least one of.
_STEPS: tuple[tuple[_Step, frozenset[str]], ...] = (
    (fonts, frozenset(FONTS)),
    (fractions, frozenset(FRACTIONS)),
    (dots, frozenset({"\\dots"})),
    (daggers, frozenset(DAGGERS)),
    (named, frozenset({"\\operatorname", "\\operatorname*"})),
    (arrays, frozenset({"\\begin{array}"})),
    (delimited, frozenset({"\\begin{matrix}"})),
    (negated, frozenset({"\\not"})),
    (braces, frozenset({ATOM_OPEN})),
    (trailing, frozenset({ATOM_OPEN})),
)
_TRIGGERS = frozenset().union(*(triggers for _, triggers in _STEPS))


def _due(tokens: list[str]) -> list[_Step]:
    """The steps that have something to look at; what one makes for another is found in the next round."""
    words = frozenset(tokens)
    return [step for step, triggers in _STEPS if not triggers.isdisjoint(words)]
