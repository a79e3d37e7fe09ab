r"""Makes the fixes that rules propose, and proves the safe ones. Proposes none itself, and reads and writes no files.

**Proof.** A safe fix is made only where the visual key before it equals the one after it. A label without a key gets
only the fixes of `PROVEN_OTHERWISE`, each checked in a way of its own. Where no proof is to be had, the fix is
refused at level `safe`, and is one more unsafe fix at level `unsafe`. A label that LaTeX can't read is changed only
by fixes that make it readable, and no fix is made that makes a label unreadable.

**Order.** Safe fixes come first, unsafe ones when no safe one is left. Among fixes that overlap, one of the whole
label goes before the others; then the one that starts first, then the longer one, then the one of the lower rule
code. Where the profile's layout rule writes the whole label, or says that it can't be written, single layout tokens
are left to it; and in the table it writes, remarks (severity info) on spacing and spelling are left alone, so that it
stays as written.

**One pass.** All edits of a label are made in one pass over its text, at the places that were judged. One fix can lay
another's place open, or be in its way, so a label that changed is judged again until nothing is left to do: fixing
what is fixed changes nothing. A label that would go round in circles keeps the first spelling of the circle.
"""

from __future__ import annotations

import html
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any, Literal

import polars as pl

from rules import engine, key, lexer, m2e, outer, reader
from rules.edits import Edit, apply, disjoint, in_order
from rules.families.escapes import EATEN
from rules.families.layout import LAYOUT_RULE
from rules.processes import spread
from rules.registry import Ruleset, all_rules

Level = Literal["safe", "unsafe"]
LEVELS: tuple[Level, ...] = ("safe", "unsafe")

#: Columns of the frame that `rules.fix` returns; applied and refused are rule codes.
SCHEMA: dict[str, Any] = {
    "label": pl.String,
    "fixed": pl.String,
    "applied": pl.List(pl.String),
    "visual_key_before": pl.String,
    "visual_key_after": pl.String,
    "refused": pl.List(pl.String),
}

#: A label that is not done after so many passes keeps its text.
MAX_PASSES = 1000
#: These are left to the rule that writes the whole label, where that has something to say.
_LEFT_TO_LAYOUT = frozenset({"ESC001", "ESC002", "ESC003"})


# Proofs for labels without a key --------------------------------------------------------------------------------------


def _wrapper_only(text: str, edits: Sequence[Edit]) -> bool:
    """Are the outer delimiters all that goes?"""
    toks = lexer.tokens(text)
    wrapper = outer.unwrap(toks)
    return wrapper is not None and lexer.tokens(apply(text, edits)) == toks[wrapper.start : wrapper.end]


def _residue_only(text: str, edits: Sequence[Edit]) -> bool:
    r"""Is every edit one `\label{…}`, `\nonumber` or `\notag` taken out? LaTeX draws nothing for them."""
    return all(
        not edit.replacement
        and (toks := lexer.tokens(text[edit.start : edit.end]))
        and (
            toks in (["\\nonumber"], ["\\notag"])
            or (toks[:2] == ["\\label", "{"] and toks.count("{") == 1 and toks.index("}") == len(toks) - 1)
        )
        for edit in edits
    )


def _entities_only(text: str, edits: Sequence[Edit]) -> bool:
    """Is every edit one HTML entity put back to what it stands for?"""
    return all(
        text[edit.start] == "&" and html.unescape(text[edit.start : edit.end]).replace("\xa0", " ") == edit.replacement
        for edit in edits
    )


def _eaten_only(text: str, edits: Sequence[Edit]) -> bool:
    """Does unescaping every replacement give what stands there? That no other command does is the rule's to say."""
    return all(
        edit.replacement[:1] == "\\"
        and EATEN.get(text[edit.start]) == edit.replacement[1:2]
        and text[edit.start + 1 : edit.end] == edit.replacement[2:]
        for edit in edits
    )


#: The safe fixes of labels without a key, by rule code: is what the edits of this rule do to the text nothing else?
PROVEN_OTHERWISE: dict[str, Callable[[str, Sequence[Edit]], bool]] = {
    "DLM001": _wrapper_only,
    "DLM005": _residue_only,
    "ESC005": _eaten_only,
    "ESC008": _entities_only,
}


# One label ------------------------------------------------------------------------------------------------------------


class _Text:
    """A label's text with its reading and its key, made when asked for."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def _read(self) -> tuple[list[str], reader.Reading] | None:
        if len(self.text) > engine.MAX_LENGTH:
            return None
        toks = lexer.tokens(self.text)
        return toks, reader.read(self.text, toks)

    @property
    def readable(self) -> bool:
        """Does LaTeX read it, and is there anything in it?"""
        return self._read is not None and bool(self._read[0]) and not self._read[1].fatal

    @cached_property
    def key(self) -> str | None:
        if self._read is None:
            return None
        toks, reading = self._read
        return key.of(self.text, toks, reading)


def _most(text: str, edits: Sequence[Edit], holds: Callable[[str], bool]) -> list[Edit]:
    """As many edits as can be made so that `holds` is true of the text: all, else whole rules, else single ones.

    The edits of one rule are tried together first: the delimiters at both ends go only together.
    """
    if holds(apply(text, edits)):
        return list(edits)
    by_rule: dict[str, list[Edit]] = {}
    for edit in edits:
        by_rule.setdefault(edit.rule, []).append(edit)
    if len(by_rule) == 1 and len(edits) == 1:
        return []
    good: list[Edit] = []
    for group in by_rule.values():
        if len(by_rule) > 1 and holds(apply(text, [*good, *group])):
            good += group
        elif len(group) > 1:
            for edit in group:
                if holds(apply(text, [*good, edit])):
                    good.append(edit)
    return good


def _proven(before: _Text, edits: Sequence[Edit]) -> list[Edit]:
    """Of disjoint edits those that can be made together and are proven to change nothing that is drawn."""
    if before.key is not None:
        return _most(before.text, edits, lambda text: _Text(text).key == before.key)
    by_rule: dict[str, list[Edit]] = {}
    for edit in edits:
        by_rule.setdefault(edit.rule, []).append(edit)
    candidates = [
        edit
        for code, group in by_rule.items()
        if code in PROVEN_OTHERWISE and PROVEN_OTHERWISE[code](before.text, group)
        for edit in group
    ]
    return _readable(before, candidates) if candidates else []


def _readable(before: _Text, edits: Sequence[Edit]) -> list[Edit]:
    """Of disjoint edits those that can be made together so that LaTeX reads what comes of it."""
    return _most(before.text, edits, lambda text: _Text(text).readable)


def _choose(
    before: _Text, edits: Iterable[Edit], pick: Callable[[_Text, Sequence[Edit]], list[Edit]]
) -> tuple[list[Edit], list[Edit]]:
    """(edits to make now, edits refused). An edit that one of the refused ones was in the way of gets its turn."""
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


@dataclass
class _Case:
    """A label on its way: the spellings it had, the codes that changed it, those refused on its last spelling."""

    spellings: list[str]
    applied: list[list[str]] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    key_before: str | None = None
    key_after: str | None = None

    def step(self, edits: Sequence[Edit], level: Level) -> bool:
        """Make the edits that may be made. Says whether the label changed to a spelling it did not have before."""
        before = _Text(self.spellings[-1])
        safe = [edit for edit in edits if edit.level == "safe"]
        good, refused = _choose(before, safe, _proven)
        if not good and level == "unsafe":
            good, refused = _choose(before, edits, _readable)
        self.refused = sorted({edit.rule for edit in refused})
        if not good:
            return False
        text = apply(before.text, good)
        if text in self.spellings:
            first = self.spellings.index(text)
            del self.spellings[first + 1 :], self.applied[first:]
            self.key_after = _Text(text).key
            return False
        self.spellings.append(text)
        self.applied.append(sorted({edit.rule for edit in good}))
        return True

    def give_up(self) -> None:
        self.refused = sorted({code for codes in self.applied for code in codes})
        del self.spellings[1:], self.applied[:]


# Many labels ----------------------------------------------------------------------------------------------------------


def fix(
    labels: Sequence[str],
    ruleset: Ruleset,
    level: Level = "safe",
    *,
    workers: int = 1,
    progress: Callable[[int], None] | None = None,
) -> pl.DataFrame:
    """Fix labels, which had better be distinct. The frame has the columns of SCHEMA, a row a label, in their order.

    `workers` and `progress` are as in `rules.engine.judge`. Raises ValueError for a level that isn't one.
    """
    if level not in LEVELS:
        raise ValueError(f"level {level!r} is none of {', '.join(LEVELS)}")
    ruleset = _fixable(ruleset)
    batches = [(labels[at : at + engine.BATCH], ruleset, level) for at in range(0, len(labels), engine.BATCH)]
    frames = []
    for frame in spread(_fix_batch, batches, workers if len(labels) >= engine.MIN_PARALLEL else 1):
        frames.append(frame)
        if progress is not None:
            progress(frame.height)
    return pl.concat(frames) if frames else pl.DataFrame(schema=SCHEMA)


def _fixable(ruleset: Ruleset) -> Ruleset:
    """The ruleset without the rules that never propose a fix to make."""
    catalogue = all_rules()
    codes = tuple(
        code for code in ruleset.codes if catalogue[code].scope == "label" and catalogue[code].fix is not None
    )
    return replace(ruleset, codes=codes)


_Batch = tuple[Sequence[str], Ruleset, Level]


def _fix_batch(batch: _Batch) -> pl.DataFrame:
    labels, ruleset, level = batch
    cases = [_Case([label]) for label in labels]
    open_cases = cases
    codes: tuple[str, ...] = ruleset.codes
    whole = True  # are all rules asked?
    waiting: list[_Case] = []  # changed since all rules were asked
    for number in range(MAX_PASSES):
        if not open_cases:
            if not waiting:
                break
            open_cases, waiting, codes, whole = waiting, [], ruleset.codes, True
        judged = engine.judge([case.spellings[-1] for case in open_cases], replace(ruleset, codes=codes))
        for case, visual_key in zip(open_cases, judged.labels["visual_key"], strict=True):
            case.key_after = visual_key
            if number == 0:
                case.key_before = visual_key
        edits = _edits([case.spellings[-1] for case in open_cases], judged.findings, ruleset, level)
        changed = [open_cases[row] for row in sorted(edits) if open_cases[row].step(edits[row], level)]
        if not whole:
            still = {id(case) for case in changed}
            waiting += [case for case in open_cases if id(case) not in still]
        # Rules that name one place at a time are asked for the next before all of them are asked again: that is cheap.
        codes = tuple(
            sorted({code for case in changed for code in case.applied[-1]} | {LAYOUT_RULE} & {*ruleset.codes})
        )
        open_cases, whole = changed, False
    for case in (*open_cases, *waiting):
        case.give_up()
    return pl.DataFrame(
        [
            (
                case.spellings[0],
                case.spellings[-1],
                sorted({code for codes in case.applied for code in codes}),
                case.key_before,
                case.key_after if len(case.spellings) > 1 else case.key_before,
                case.refused,
            )
            for case in cases
        ],
        schema=SCHEMA,
        orient="row",
    )


def _edits(labels: Sequence[str], findings: pl.DataFrame, ruleset: Ruleset, level: Level) -> dict[int, list[Edit]]:
    """The edits that findings propose at this level, by row; edits that put back what stands there are none."""
    layout = LAYOUT_RULE in ruleset.codes
    of_layout = set(findings.filter(pl.col("rule") == LAYOUT_RULE)["row"].to_list())
    found: dict[int, list[Edit]] = {}
    columns = findings.filter(pl.col("replacement").is_not_null() & pl.col("start").is_not_null())
    for row, rule, severity, actual, start, end, replacement in columns.select(
        "row", "rule", "severity", "fix", "start", "end", "replacement"
    ).iter_rows():
        if actual is None or actual == "display" or (actual == "unsafe" and level == "safe"):
            continue
        if labels[row][start:end] == replacement:
            continue
        if row in of_layout and rule in _LEFT_TO_LAYOUT:
            continue
        if layout and severity == "info" and rule != LAYOUT_RULE and m2e.is_table(labels[row]):
            continue
        found.setdefault(row, []).append(Edit(start, end, replacement, rule, actual))
    return found
