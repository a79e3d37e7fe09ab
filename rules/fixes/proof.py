r"""Which of a label's edits may be made: those proven not to change the drawing, and those that keep it readable.

It only tests edits and knows no findings; `fixing` makes them. **The proof** of a safe fix is that the visual key is
the same before and after it. A label without a key gets only the fixes of rules that declare a `proof` of their own.

**No fix hides damage.** Nothing repairs what a rule with the tag `damage` finds in a label (junk text, a label that was
cut). An edit after which such a rule finds less is not made: the error would be as bad as before, but hidden.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from functools import cached_property, lru_cache
from typing import Literal

from rules.findings import FixLevel
from rules.fixes.edits import Edit, apply, disjoint, in_order, overlap
from rules.latex import lexer, reader
from rules.latex import visual_key as key
from rules.registry import Proof, all_rules, tagged
from rules.toolkit.label import Label

#: Why a fix was refused: the key after it differs; the label has no key, before or after it; LaTeX couldn't read the
#: result; fixing the label doesn't come to an end; the proof failed, which is a fault of ours; the label ended the
#: process that read it; a rule with the tag `damage` would find less than before.
Reason = Literal["changes-picture", "no-key", "not-readable", "never-done", "failed", "ended-process", "hides-damage"]


#: The most characters to read for the proofs of one label's edits, and the trials that even a long label gets.
_MOST_READ, _LEAST_TRIALS = 100_000, 12


class Text:
    """A label's text with its reading, its key and its damage, made when needed.

    damaged: whether rules with the tag `damage` found something in it; most labels don't need this question.
    """

    def __init__(self, text: str, damaged: bool = False) -> None:
        self.text = text
        self.damaged = damaged
        self._trials = max(_LEAST_TRIALS, _MOST_READ // (len(text) + 1))

    @classmethod
    def known(cls, text: str, toks: list[str], reading: reader.Reading, visual_key: str | None, damaged: bool) -> Text:
        """A text that was already read."""
        known = cls(text, damaged)
        known._read = None if len(text) > lexer.MAX_LENGTH else (toks, reading)
        known.key = visual_key
        return known

    @property
    def has_trials(self) -> bool:
        """Whether there is a trial left: another text made from this one may be read. A long label has few trials."""
        return self._trials > 0

    def holds(self, text: str, holds: Callable[[str], bool]) -> bool:
        """Whether `holds` is true of a text made from this one. That takes a trial; without one left, it is false."""
        self._trials -= 1
        return self._trials >= 0 and holds(text)

    @cached_property
    def _read(self) -> tuple[list[str], reader.Reading] | None:
        if len(self.text) > lexer.MAX_LENGTH:
            return None
        toks = lexer.tokens(self.text)
        return toks, reader.read(self.text, toks)

    @property
    def readable(self) -> bool:
        """Whether LaTeX reads it, and it isn't empty."""
        if "_read" in self.__dict__:
            return self._read is not None and bool(self._read[0]) and not self._read[1].fatal
        toks = [] if len(self.text) > lexer.MAX_LENGTH else lexer.tokens(self.text)
        return bool(toks) and reader.is_readable(self.text, toks)

    @cached_property
    def key(self) -> str | None:
        if self._read is None:
            return None
        toks, reading = self._read
        return key.of(self.text, toks, reading)

    @cached_property
    def damage(self) -> Counter[str]:
        """The findings of the rules with the tag `damage`, counted by code."""
        if self._read is None:
            return Counter()
        label = Label(self.text, *self._read)
        rules = [all_rules()[code] for code in tagged("damage")]
        return Counter({rule.code: sum(1 for _ in rule.judge(label, rule.options)) for rule in rules})

    def is_seen_in(self, after: Text) -> bool:
        """Whether all damage of this text is also found in the other one."""
        return not self.damaged or self.damage <= after.damage


def seen_to_keep_key(text: str, toks: list[str], reading: reader.Reading, visual_key: str, edits: list[Edit]) -> bool:
    """Whether it is clear, without reading the result of disjoint edits, that the key stays. False: it isn't clear.

    The text was already read. Its edits for math-core are made together with those to prove: they change nothing that
    is drawn, and distinguish what MathML doesn't, whether an edit next to them is made or not. An edit that writes
    something which the reader would have to fold is left to the reader.
    """
    drawn = key.drawn(text, toks, reading)
    if drawn is None:
        return False
    end = drawn.end
    made: list[Edit] = []
    for edit in edits:
        blank = not edit.replacement.strip()
        if edit.start >= end and blank:
            continue  # nothing is drawn there
        if edit.end > end or _may_fold(edit.replacement):
            return False
        if edit.end == end and blank and not key.is_drawn_to_the_end(toks[: bisect_left(drawn.spans, (edit.start, 0))]):
            return False
        made.append(edit)
    starts = [edit.start for edit in made]
    for start, after, replacement in drawn.edits:
        fold = Edit(start, after, replacement, "", "safe")
        place = bisect_left(starts, start)
        if not any(overlap(fold, edit) for edit in made[max(place - 1, 0) : bisect_left(starts, after) + 1]):
            made.append(fold)
    return key.direct(apply(text[:end], made)) == visual_key


@lru_cache(maxsize=1 << 12)
def _may_fold(replacement: str) -> bool:
    """Whether the reader might edit, for the key, what an edit writes."""
    return not key.FOLDED.isdisjoint(lexer.tokens(replacement))


def _most(before: Text, edits: Sequence[Edit], holds: Callable[[str], bool]) -> list[Edit]:
    """As many edits as possible such that `holds` is true of the text: all, else whole rules, else halves of a rule's.

    The edits of one rule are tried together first: the delimiters at both ends go only together. Halving finds the few
    bad edits among many with a few trials for each. If no trial is left for an edit, it isn't made.
    """
    text = before.text
    if before.holds(apply(text, edits), holds):
        return list(edits)
    by_rule: dict[str, list[Edit]] = {}
    for edit in edits:
        by_rule.setdefault(edit.rule, []).append(edit)
    good: list[Edit] = []

    def add(group: list[Edit], tried: bool) -> None:
        if not tried and before.has_trials and before.holds(apply(text, [*good, *group]), holds):
            good.extend(group)
        elif len(group) > 1 and before.has_trials:
            half = len(group) // 2
            add(group[:half], False)
            add(group[half:], False)

    for group in by_rule.values():
        add(group, len(by_rule) == 1)
    return good


def _own_proof(code: str) -> Proof | None:
    """How the rule of this code proves its safe fixes in a label without a key."""
    return all_rules()[code].proof


def proven(before: Text, edits: Sequence[Edit]) -> list[Edit]:
    """Which disjoint edits can be made together and are proven not to change the drawing."""
    if before.key is not None:

        def same(text: str) -> bool:
            after = Text(text)
            return after.key == before.key and before.is_seen_in(after)

        return _most(before, edits, same)
    by_rule: dict[str, list[Edit]] = {}
    for edit in edits:
        by_rule.setdefault(edit.rule, []).append(edit)
    candidates = [
        edit
        for code, group in by_rule.items()
        if (proof := _own_proof(code)) is not None and proof(before.text, group)
        for edit in group
    ]
    return readable(before, candidates) if candidates else []


def readable(before: Text, edits: Sequence[Edit]) -> list[Edit]:
    """Which disjoint edits can be made together so that LaTeX reads the result."""

    def is_good(text: str) -> bool:
        after = Text(text)
        return after.readable and before.is_seen_in(after)

    return _most(before, edits, is_good)


def choose(
    before: Text, edits: Iterable[Edit], pick: Callable[[Text, Sequence[Edit]], list[Edit]]
) -> tuple[list[Edit], list[Edit]]:
    """(edits to make now, edits refused). If a refused edit blocked another one, that one gets its turn."""
    waiting = in_order(edits, len(before.text))
    refused: list[Edit] = []
    while waiting:
        chosen = disjoint(waiting, len(before.text))
        good = pick(before, chosen)
        if good:
            return good, refused
        refused += chosen
        gone = set(chosen)
        waiting = [edit for edit in waiting if edit not in gone]
    return [], refused


def achievable_levels(before: Text, edits: Sequence[Edit]) -> list[FixLevel]:
    """The level at which each edit may be made in this label, which may differ from its own: display for none."""
    ordered = in_order(edits, len(before.text))
    safe = _sooner_or_later(before, [edit for edit in ordered if edit.level == "safe"], _proven_in_turn)
    made = _sooner_or_later(before, ordered, readable)
    return ["safe" if edit in safe else "unsafe" if edit in made else "display" for edit in edits]


def _sooner_or_later(
    before: Text, waiting: Sequence[Edit], pick: Callable[[Text, Sequence[Edit]], list[Edit]]
) -> set[Edit]:
    """The edits in order that `pick` takes, and those that overlap one: they are judged again when it is made.

    An edit may only be right together with others of its rule, such as the delimiters at both ends of a label. If
    another rule's edit is in the way of one of them, the rule's edits are tried by themselves.
    """
    size = len(before.text)
    taken: set[Edit] = set()
    while waiting:
        chosen = disjoint(waiting, size)
        good = sorted(pick(before, chosen), key=lambda edit: edit.start)
        taken.update(good)
        tried = set(chosen)
        parted = {edit.rule for edit in waiting if edit not in tried}.intersection(
            edit.rule for edit in chosen if edit not in taken
        )
        for code in sorted(parted):
            taken.update(pick(before, disjoint([edit for edit in waiting if edit.rule == code], size)))
        starts = [edit.start for edit in good]
        for edit in waiting:  # of edits that are in order and disjoint, only the nearest can overlap it
            place = bisect_left(starts, edit.start)
            near = good[max(place - 1, 0) : place + 1]
            if any(overlap(edit, one) for one in near):
                taken.add(edit)
        waiting = [edit for edit in waiting if edit not in taken and edit not in tried]
    return taken


def _proven_in_turn(before: Text, edits: Sequence[Edit]) -> list[Edit]:
    """`proven`, and what is proven after that: delimiters that prevent a key have a proof of their own."""
    good = proven(before, edits)
    if before.key is not None or not good:
        return good
    visual_key = Text(apply(before.text, good)).key
    made = set(good)
    rest = [edit for edit in edits if edit not in made]
    if visual_key is None or not rest:
        return good

    def same(text: str) -> bool:
        after = Text(text)
        return after.key == visual_key and before.is_seen_in(after)

    return _most(before, [*good, *rest], same)


def reasons(before: Text, refused: Sequence[Edit]) -> dict[str, Reason]:
    """Why the fixes of each rule were refused."""
    by_rule: dict[str, list[Edit]] = {}
    for edit in refused:
        by_rule.setdefault(edit.rule, []).append(edit)
    return {code: _reason(before, code, group) for code, group in sorted(by_rule.items())}


def _reason(before: Text, code: str, edits: Sequence[Edit]) -> Reason:
    after = Text(apply(before.text, disjoint(in_order(edits, len(before.text)), len(before.text))))
    if not before.is_seen_in(after):
        return "hides-damage"
    if all(edit.level == "safe" for edit in edits):
        if before.key is None:
            return "not-readable" if _own_proof(code) is not None and not after.readable else "no-key"
        if after.key is not None:
            return "changes-picture"
    return "not-readable" if not after.readable else "no-key"
